"""One training run, live: how far it is, its curves, what it says of the pinned images, and what can be done with it."""

import time

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.heartbeat import Beat
from bnnlib.plots import network_colours
from bnnlib.plots_runs import Curve, epoch_curves
from bnnlib.run_config import RunConfig, command
from bnnlib.runs import STATE, Run, Status, find_run, list_runs
from bnnlib.state import read_state
from ui.page import is_dark, show_error
from ui.pinned_grid import pinned_grid
from ui.train_actions import run_actions

POLL_SECONDS = 1.0
STYLE = """<style>
.st-key-curves, .st-key-compared_curves { display: grid !important; gap: 1rem; }
.st-key-curves { grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); }
.st-key-compared_curves { grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
.st-key-curves > *, .st-key-compared_curves > * { width: 100% !important; min-width: 0; }
</style>"""
BASELINE = "#7f8c99"
STATES = {
    "new": "not started", "queued": "waiting for its turn", "running": "training", "stopped": "stopped",
    "failed": "failed", "interrupted": "interrupted", "finished": "finished",
}  # fmt: skip
ICONS = {"queued": "hourglass_empty", "running": "model_training", "stopped": "stop_circle", "failed": "error", "finished": "check_circle"}
PANELS = (
    ("Error", True, (("validation_error", "validation", "solid"), ("training_error", "training", "dot")),
     "Share of wrong answers: on validation images by all sampled networks together, on training images by one network at a time."),
    ("NLL (nats)", False, (("validation_nll", "validation", "solid"), ("nll", "training", "dot")),
     "Negative log-likelihood of the true class, an image."),
    ("Calibration error (ECE)", True, (("validation_ece", "validation", "solid"),),
     "How far stated confidence lies from the share of right answers."),
    ("Loss", False, (("loss", "loss", "solid"),), "What is minimised, as the objective counts it."),
    ("KL (nats an image)", False, (("kl", "KL", "solid"),), "How far the posterior is from the prior; a dropout network has none."),
)  # fmt: skip


def chosen_run() -> Run | None:
    """The run to show: chosen in this session, named in the address, or the newest; None if there is none."""
    runs = list_runs()
    if not runs:
        return None
    wanted = st.session_state.get("run") or st.query_params.get("run")
    names = [run.name for run in runs]
    if wanted is not None and wanted not in names:
        st.warning(f"There is no run {wanted!r} here: it may have been renamed or deleted. Showing the newest.", icon=":material/link_off:")
    if st.session_state.get("run_box") not in names or st.session_state.get("run") not in (None, st.session_state.get("run_box")):
        st.session_state["run_box"] = wanted if wanted in names else names[0]
    name = st.selectbox(
        "Run", names, key="run_box", on_change=use_box,
        help="Every training run in the folder `runs`, the newest first; those of the command line (`train --run`) too.",
    )  # fmt: skip
    st.session_state["run"] = st.query_params["run"] = name
    return next(run for run in runs if run.name == name)


def use_box() -> None:
    st.session_state["run"] = st.session_state["run_box"]


def live(run: Run) -> None:
    """The run's view, looked at anew every second while any run is at work."""
    active = any(other.status.active for other in list_runs())
    st.fragment(watch, run_every=POLL_SECONDS if active else None)(run.name, active)


def watch(name: str, was_active: bool) -> None:
    """What is known of the run now; when nothing is at work any more the page is run once in full, and polling ends."""
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
        curves(config, history)
    with st.expander("Settings and log", icon=":material/terminal:"):
        st.caption("The same on the command line:")
        st.code(command(config), language="bash", wrap_lines=True)
        st.code(run.log() or "The log is empty.", language=None, height=220)


def standing(run: Run, status: Status, config: RunConfig, done: int) -> None:
    """Where the run stands, in a bar and in words."""
    epochs, beat = config.training.epochs, status.beat or Beat()
    share = min(1.0, (done + (beat.step / beat.steps if beat.steps and status.state == "running" else 0)) / epochs)
    icon, how_far = ICONS.get(status.state, "pause_circle"), words(run, status, done, epochs, training_elsewhere(run))
    st.progress(share, text=f":material/{icon}: **{STATES[status.state]}** · {how_far}")
    others = [f"**{other.name}** ({STATES[other.status.state]})" for other in list_runs() if other != run and other.status.active]
    if others:
        st.caption(f"Also at work: {', '.join(others)}.")
    if status.silent:
        since = time.strftime("%H:%M:%S", time.localtime(beat.at))
        st.warning(f"The process lives but has said nothing since {since}. Stop ends it at once; nothing but the unfinished epoch is lost.")
    if status.state == "failed":
        st.error(beat.message or "Training failed: the log has the details.", icon=":material/error:")
    if status.state == "interrupted":
        st.warning(
            f"The process ended without a word (killed, or the machine went down). All of its {done} finished epochs are kept: "
            "Resume goes on after them.",
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
    """The figures of a finished run."""
    try:
        figures = read_state(run.folder / STATE, "figures")["figures"]["test"]
        return f" · on test images of all ten digits: error {figures['error']:.2%}, NLL {figures['nll']:.3f}"
    except (BnnlibError, KeyError, TypeError, ValueError):
        return ""


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 1 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3_600 else f"{whole // 3_600} h {whole % 3_600 // 60} min"


def colour_of(config: RunConfig) -> str:
    return network_colours(is_dark())[config.network.kind == "bayesian"]


def curves(config: RunConfig, history: list[dict]) -> None:
    """A figure for each quantity; each stands still while its curve grows."""
    rows = [{**row, "training_error": 1 - row["accuracy"]} if "accuracy" in row else row for row in history]
    panels = [panel for panel in PANELS if any(row.get(field) is not None for row in rows for field, *_ in panel[2])]
    st.html(STYLE)
    with st.container(key="curves"):
        for title, percent, fields, meaning in panels:
            lines = [
                Curve(name, colour_of(config) if dash == "solid" else BASELINE, points(rows, field), dash) for field, name, dash in fields
            ]
            form = ".2%" if percent else ".4g"
            drawn = [line for line in lines if line.points]
            ends = ", ".join(f"{line.name} {line.points[-1][1]:{form}}{' (dotted)' * (line.dash == 'dot')}" for line in drawn)
            with st.container():
                st.plotly_chart(
                    epoch_curves(lines, title, config.training.epochs, is_dark(), percent),
                    theme=None, config={"displayModeBar": False}, key=f"run_{fields[0][0]}",
                    alt=f"{title} after epoch {len(rows)} of {config.training.epochs}: {ends}.",
                )  # fmt: skip
                st.caption(f"{ends[:1].upper()}{ends[1:]}", help=meaning)


def points(rows: list[dict], field: str) -> list[tuple[int, float]]:
    return [(row["epoch"], row[field]) for row in rows if row.get(field) is not None]


def pinned(run: Run, status: Status, config: RunConfig) -> None:
    """What the sampled networks say of the pinned images: now, while training; after any epoch, afterwards."""
    answers, images = run.answers(), run.pinned()
    if not len(answers) or not len(images):
        return
    last = len(answers) - 1
    st.subheader("What it says, epoch by epoch", anchor=False)
    epoch = last
    if not status.active and last > 0:
        epoch = st.slider(
            "Epoch", 0, last, last, key=f"scrub_{run.name}_{last}", help="0 is the untrained network. Drag to watch it learn."
        )
    when = "before training" if epoch == 0 else f"after epoch {epoch}"
    left_out = sorted(set(range(10)) - set(config.training.classes))
    never = f" It has never seen {'a ' if len(left_out) == 1 else ''}{', '.join(map(str, left_out))}." if left_out else ""
    st.caption(
        f"{when.capitalize()}: a dot for each of {answers.shape[1]} sampled networks, a bar to their mean; doubt is the mutual "
        f"information, the epistemic part, in nats.{never}"
    )
    pinned_grid(images, config.captions, answers[epoch], colour_of(config), is_dark())
