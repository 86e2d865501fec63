"""Which digits are in use and what that means, with an explicit button to download the full MNIST where it is not here."""

import streamlit as st

from bnnlib.datasets.mnist import Digits, data_folders, load_mnist


def data_notice(digits: Digits) -> None:
    """Name the source of `digits`; where it is the embedded sample, offer the download. Nothing is ever fetched unasked."""
    st.caption(f":material/database: Digits in use: {digits.description}.")
    if digits.source == "mnist":
        return
    help_text = (
        "Fetches the four MNIST files once, in a process of its own that gives up after 20 seconds without progress. "
        "Until then everything works with the embedded digits."
    )
    if not st.button(
        "Download MNIST (11 MB)", icon=":material/download:", help=help_text, key="download_mnist"
    ):
        return
    with st.spinner("Downloading MNIST; given up after 20 seconds without progress …"):
        arrived = load_mnist(download=True).source == "mnist"
    if arrived:
        st.rerun()
    st.error(
        f"MNIST could not be downloaded to {data_folders()[-1]}: the embedded digits stay in use; "
        "check the network, or copy the four MNIST files to data/MNIST/raw.",
        icon=":material/cloud_off:",
    )
