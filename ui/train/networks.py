"""One's own networks on the Train page: rename them, delete them."""

import streamlit as st

from bnnlib.storage.checkpoints import find_checkpoint
from bnnlib.storage.own_checkpoints import delete_checkpoint, own_checkpoints, rename_checkpoint
from ui import access
from ui.loaders import DEFAULT_NETWORKS, choose_networks, chosen_networks
from ui.train.actions import attempt


def own_networks() -> None:
    """Rename or delete a checkpoint of one's own; nothing is shown where there is none."""
    names = [name for name in own_checkpoints() if access.owns(find_checkpoint(name))]
    if not names:
        return
    st.header("Your own networks")
    with st.container(horizontal=True, vertical_alignment="bottom", key="own_networks"):
        name = st.selectbox(
            "Checkpoint",
            names,
            key="own_network",
            width=260,
            help="One that did not come with the project.",
        )
        with st.popover(
            "Rename network", icon=":material/edit:", help="Give the checkpoint another name."
        ):
            new = st.text_input(
                "New name of the network",
                name,
                max_chars=60,
                key=f"rename_own_{name}",
                help="Letters, digits, '-', '_' and '.'.",
            )
            if st.button("Rename it", disabled=new == name, help="Pages that use it follow."):
                attempt(lambda: rename(name, new.strip()), rerun=True)
        with st.popover(
            "Delete network", icon=":material/delete:", help="Remove the checkpoint for good."
        ):
            st.write(
                f"Delete **{name}** with its card and its figures? The run it was kept from stays."
            )
            if st.button("Delete it for good", type="primary", help="There is no way back."):
                attempt(lambda: delete(name), rerun=True)


def rename(name: str, new: str) -> None:
    rename_checkpoint(name, new)
    _put_in_use(name, new)


def delete(name: str) -> None:
    delete_checkpoint(name)
    _put_in_use(name, None)


def _put_in_use(name: str, instead: str | None) -> None:
    """Where `name` was in use, use `instead`, or the network that side starts with."""
    pair = [
        (instead or default) if used == name else used
        for used, default in zip(chosen_networks(), DEFAULT_NETWORKS, strict=True)
    ]
    choose_networks(pair[0], pair[1])
    for key in ("train_left", "train_right", "own_network"):
        st.session_state.pop(key, None)
