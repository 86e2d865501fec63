"""One training run, live: how far it is, its curves, its answers for the pinned images, actions."""

import time
from pathlib import Path

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.runs.config import RunConfig, command
from bnnlib.runs.folder import find_run, list_runs
from bnnlib.runs.heartbeat import Beat
from bnnlib.runs.run import STATE, Run, Status
from bnnlib.storage.tensors import read_state
from ui.memory import spare_the_collector
from ui.page import explained, is_dark, show_error
from ui.train.actions import run_actions
from ui.train.curves import colour_of, curves, modified
from ui.train.pinned_grid import SHOWN, pinned_grid
from ui.train.state import EPOCH, RUN, write_address

POLL_SECONDS = 1.0
STATES = {
    "new": "not started",
    "queued": "waiting for its turn",
    "running": "training",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
    "finished": "finished",
}
ICONS = {
    "queued": "hourglass_empty",
    "running": "model_training",
    "stopped": "stop_circle",
    "failed": "error",
    "finished": "check_circle",
}


def chosen_run() -> Run | None:
    """The run to show: chosen in this session, named in the address, or the newest."""
    runs = list_runs()
    if not runs:
        return None
    wanted = st.session_state.get(RUN)
    names = [run.name for run in runs]
    if wanted is not None and wanted not in names:
        st.warning(
            f"There is no run {wanted!r} here: it may have been renamed or deleted. "
            "Showing the newest.",
            icon=":material/link_off:",
        )
    if st.session_state.get("run_box") not in names or wanted not in (
        None,
        st.session_state.get("run_box"),
    ):
        st.session_state["run_box"] = wanted if wanted in names else names[0]
    name = st.selectbox(
        "Run",
        names,
        key="run_box",
        on_change=use_box,
        help="Every training run in the folder `runs`, the newest first; those of the command line "
        "(`train --run`) too.",
    )
    st.session_state[RUN] = name
    return next(run for run in runs if run.name == name)


def use_box() -> None:
    st.session_state[RUN] = st.session_state["run_box"]
    st.session_state.pop(EPOCH, None)


def live(run: Run) -> None:
    """The run's view, looked at anew every second while any run is at work."""
    active = any(other.status.active for other in list_runs())
    st.fragment(explained(watch), run_every=POLL_SECONDS if active else None)(run.name, active)


def watch(name: str, was_active: bool) -> None:
    """What is known of the run now.

    When no run is at work any more, the whole page runs once and polling ends.
    """
    spare_the_collector()
    try:
        run = find_run(name)
        status, config, history = run.status, run.config, run.history()
    except BnnlibError as error:
        show_error(error)
        return
    if was_active != any(other.status.active for other in list_runs()):
        st.rerun()
    standing(run, status, config, len(history))
    run_actions(run, status, config, bool(history))
    try:
        pinned(run, status, config)
    except BnnlibError as error:
        show_error(error)
    if history:
        curves(run, config, len(history))
    with st.expander("Settings and log", icon=":material/terminal:"):
        st.caption("The same on the command line:")
        st.code(command(config), language=None, wrap_lines=True)
        st.code(run.log() or "The log is empty.", language=None, height=220)


def standing(run: Run, status: Status, config: RunConfig, done: int) -> None:
    """Where the run stands, in a bar and in words."""
    epochs, beat = config.training.epochs, status.beat or Beat()
    share = min(
        1.0,
        (done + (beat.step / beat.steps if beat.steps and status.state == "running" else 0))
        / epochs,
    )
    icon, how_far = (
        ICONS.get(status.state, "pause_circle"),
        words(run, status, done, epochs, training_elsewhere(run)),
    )
    st.progress(share, text=f":material/{icon}: **{STATES[status.state]}** · {how_far}")
    others = [
        f"**{other.name}** ({STATES[other.status.state]})"
        for other in list_runs()
        if other != run and other.status.active
    ]
    if others:
        st.caption(f"Also at work: {', '.join(others)}.")
    if status.silent:
        since = time.strftime("%H:%M:%S", time.localtime(beat.at))
        st.warning(
            f"The process is there but has given no sign of life since {since}. "
            "Stop ends it at once; only the unfinished epoch is lost."
        )
    if status.state == "failed":
        st.error(
            beat.message or "Training failed: the log has the details.", icon=":material/error:"
        )
    if status.state == "interrupted":
        st.warning(
            "The process ended without saying why (killed, or the machine went down). "
            f"All of its {done} finished epochs are kept: Resume goes on after them.",
            icon=":material/heart_broken:",
        )


def training_elsewhere(run: Run) -> bool:
    return any(other.status.state == "running" for other in list_runs() if other != run)


def words(run: Run, status: Status, done: int, epochs: int, occupied: bool) -> str:
    """How far, how fast, how long."""
    beat = status.beat or Beat()
    if status.state == "queued" and not occupied:
        return "starting"
    if status.state == "queued":
        return "another run trains; this one begins by itself when its turn comes"
    if status.state != "running":
        return f"{done} of {epochs} epochs{outcome(run)}"
    if beat.phase != "training":
        return f"{beat.phase or 'starting'} · {done} of {epochs} epochs"
    parts = [f"epoch {min(done + 1, epochs)} of {epochs}"]
    if beat.images_per_second:
        parts.append(f"{beat.images_per_second:,.0f} images a second")
    if beat.seconds_left is not None:
        parts.append(f"{duration(beat.seconds_left)} left")
    return " · ".join(parts)


def outcome(run: Run) -> str:
    """The validation figures of a finished run; the test figures are in its network's card."""
    try:
        figures = read_state(run.folder / STATE, "figures")["figures"]["validation"]
        return (
            " · on validation images of all ten digits: "
            f"error {figures['error']:.2%}, NLL {figures['nll']:.3f}"
        )
    except (BnnlibError, KeyError, TypeError, ValueError):
        return ""


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 1 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60} s"
        if whole < 3_600
        else f"{whole // 3_600} h {whole % 3_600 // 60} min"
    )


def pinned(run: Run, status: Status, config: RunConfig) -> None:
    """What the sampled networks say of the pinned images, now or after any epoch before."""
    answers, images = run.answers(), run.pinned()
    if not len(answers) or not len(images):
        return
    last = len(answers) - 1
    st.header("What it says, epoch by epoch", anchor=False)
    epoch = last
    if not status.active and last > 0:
        key = f"scrub_{run.name}_{last}"
        st.session_state.setdefault(key, min(st.session_state.get(EPOCH, last), last))
        epoch = st.slider(
            "Epoch",
            0,
            last,
            key=key,
            help="0 is the untrained network. Drag to watch it learn.",
        )
        if epoch != st.session_state.get(EPOCH, last):
            st.session_state[EPOCH] = epoch
            write_address()
    when = "before training" if epoch == 0 else f"after epoch {epoch}"
    left_out = sorted(set(range(10)) - set(config.training.classes))
    never = (
        f" It has never seen {'a ' if len(left_out) == 1 else ''}{', '.join(map(str, left_out))}."
        if left_out
        else ""
    )
    samples = answers.shape[1]
    dots = f"each of {samples}" if samples <= SHOWN else f"{SHOWN} of {samples}"
    st.caption(
        f"{when.capitalize()}: a dot for {dots} sampled networks, a bar to the mean of all. "
        f"Doubt is the mutual information of all {samples}, the epistemic part, in nats.{never}"
    )
    st.html(grid(str(run.folder), modified(run, STATE), epoch, is_dark()))


@st.cache_resource(max_entries=64, show_spinner=False)
def grid(folder: str, changed: int, epoch: int, dark: bool) -> str:
    """What the run said of the pinned images after an epoch; `changed`: when its state did."""
    run = Run(Path(folder))
    config, answers = run.config, run.answers()
    return pinned_grid(
        run.pinned(),
        config.captions,
        answers[min(epoch, len(answers) - 1)],
        colour_of(config, dark),
        dark,
    )
