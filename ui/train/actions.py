"""What can be done with a run: stop, resume, keep as a checkpoint, rename, delete, export."""

import io
from collections.abc import Callable
from typing import Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from bnnlib.errors import BnnlibError
from bnnlib.runs import queue
from bnnlib.runs.archive import export_run, import_run
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import delete_run, free_name, rename_run, runs_folder
from bnnlib.runs.keep import keep_as_checkpoint
from bnnlib.runs.limits import MAX_ARCHIVE
from bnnlib.runs.run import Run, Status
from bnnlib.storage import checkpoints
from bnnlib.storage.own_checkpoints import new_checkpoint
from ui import access
from ui.page import show_error
from ui.train.state import RUN


def run_actions(run: Run, status: Status, config: RunConfig, has_network: bool) -> None:
    """A row of buttons: those that make sense now and that this visitor may use."""
    allowed, own = access.may_train(), access.owns(run.folder)
    with st.container(horizontal=True, key="run_actions"):
        if status.active:
            if own and st.button(
                "Stop",
                icon=":material/stop:",
                help="What is finished is kept; resuming goes on after the last finished epoch.",
            ):
                attempt(lambda: queue.stop(run), "Stopping …")
            return
        if own and status.state != "finished":
            label = "Start" if status.state == "new" else "Resume"
            if st.button(
                label,
                icon=":material/play_arrow:",
                type="primary",
                help="Goes on after the last finished epoch.",
            ):
                attempt(lambda: queue.start(run), rerun=True)
        if allowed and has_network:
            kind: Literal["primary", "secondary"]
            kind = "primary" if status.state == "finished" else "secondary"
            with st.popover(
                "Keep as checkpoint",
                icon=":material/bookmark_add:",
                type=kind,
                help="Use its best network on every page.",
            ):
                keep_form(run)
        if own:
            with st.popover("Rename", icon=":material/edit:", help="Give the run another name."):
                rename_form(run)
            with st.popover("Delete", icon=":material/delete:", help="Remove the run for good."):
                st.write(
                    f"Delete **{run.name}** with its history and its network? "
                    "Checkpoints made of it stay."
                )
                if st.button("Delete for good", type="primary", help="There is no way back."):
                    attempt(lambda: forget(run), rerun=True)
        if has_network:
            st.download_button(
                "Export",
                lambda: exported(run),
                f"{run.name}.zip",
                "application/zip",
                icon=":material/download:",
                on_click="ignore",
                help="The run as a zip: settings, history, pinned images and its best network.",
            )


def rename_form(run: Run) -> None:
    """Give the run another name."""
    name = st.text_input(
        "New name",
        run.name,
        max_chars=60,
        key=f"rename_{run.name}",
        help="Letters, digits, '-', '_' and '.'.",
    )
    if st.button(
        "Rename the run", disabled=name == run.name, help="Checkpoints made of it keep their names."
    ):
        attempt(lambda: show(rename_run(run, name.strip())), rerun=True)


def keep_form(run: Run) -> None:
    """Make the run's best network a checkpoint."""
    name = st.text_input(
        "Name of the checkpoint",
        free_name(run.name, checkpoints.FOLDER),
        max_chars=60,
        key=f"keep_{run.name}",
        help="Letters, digits, '-', '_' and '.'.",
    )
    st.caption("It can then be chosen on every page.")
    if st.button(
        "Keep it",
        type="primary",
        icon=":material/bookmark_add:",
        help="Write the best network so far to the folder `checkpoints`.",
    ):
        attempt(lambda: keep(run, name.strip()), rerun=True)


def keep(run: Run, name: str) -> None:
    folder = new_checkpoint(name)
    keep_as_checkpoint(run, folder)
    access.claim(folder)
    st.toast(f"Kept as the checkpoint {name}.", icon=":material/bookmark_added:")


def exported(run: Run) -> bytes:
    file = io.BytesIO()
    export_run(run, file)
    return file.getvalue()


def import_form() -> None:
    """Take a run from a zip that was exported before."""
    with st.popover(
        "Import a run",
        icon=":material/upload:",
        help="Take a run from a zip that was exported before.",
    ):
        file = st.file_uploader(
            "Exported run",
            "zip",
            key=f"upload_{st.session_state.get('uploads', 0)}",
            max_upload_size=MAX_ARCHIVE >> 20,
            help="A zip made by Export. It is checked before anything of it is used; "
            "nothing in it is executed.",
        )
        if file is not None and st.button(
            "Import",
            type="primary",
            icon=":material/upload:",
            help="Check it and add it to the runs.",
        ):
            attempt(lambda: take(file), rerun=True)


def take(file: UploadedFile) -> None:
    """Add the uploaded run and show it; the box for files is then empty again."""
    run = import_run(file, runs_folder() / imported_name(file.name))
    access.claim(run.folder)
    show(run)
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1


def imported_name(name: str) -> str:
    """A free name close to the file's own."""
    stem = "".join(
        c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name.removesuffix(".zip")
    )
    return free_name(stem.strip("-_.")[:50] or "imported")


def show(run: Run) -> None:
    """Make `run` the one on the page."""
    st.session_state[RUN] = run.name


def forget(run: Run) -> None:
    delete_run(run)
    st.session_state.pop(RUN, None)


def attempt(act: Callable[[], None], done: str = "", rerun: bool = False) -> None:
    """Do it; say in a sentence why it could not be done."""
    try:
        act()
    except BnnlibError as error:
        show_error(error)
        return
    if done:
        st.toast(done)
    if rerun:
        st.rerun()
