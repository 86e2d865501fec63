"""Which digits are in use, and a button to download the full MNIST if it is missing."""

import streamlit as st

from bnnlib.datasets.mnist import Digits, data_folders, load_mnist


def data_notice(digits: Digits) -> None:
    """Name the source of `digits`; for the embedded digits, offer to download MNIST.

    Nothing is downloaded unless the user asks for it.
    """
    st.caption(f":material/database: Digits in use: {digits.description}.")
    if digits.source == "mnist":
        return
    help_text = (
        "Downloads the four MNIST files once. "
        "The download stops if no data arrives for 20 seconds. "
        "Until it is complete the embedded digits are used."
    )
    if not st.button(
        "Download MNIST (11 MB)", icon=":material/download:", help=help_text, key="download_mnist"
    ):
        return
    with st.spinner("Downloading MNIST; this stops if no data arrives for 20 seconds …"):
        arrived = load_mnist(download=True).source == "mnist"
    if arrived:
        st.rerun()
    st.error(
        f"MNIST could not be downloaded to {data_folders()[-1]}: the embedded digits stay in use; "
        "check the network, or copy the four MNIST files to data/MNIST/raw.",
        icon=":material/cloud_off:",
    )
