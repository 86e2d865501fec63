"""The form that starts a training run: a preset, and every setting with its help and its limits."""

import dataclasses
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, TrainableConfig
from bnnlib.runs import queue
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, free_name, runs_folder
from bnnlib.storage.names import check_name
from bnnlib.training.config import NETWORK, TRAINING, TrainingConfig, with_width
from bnnlib.training.presets import PRESET_NAMES, preset
from ui import access
from ui.last_drawing import last_drawing
from ui.page import show_error
from ui.train.state import KIND, KINDS, PRESET, RUN, write_address
from ui.train.widgets import widget

# Those that need no files of one's own.
NAMES = {name: what for name, what in PRESET_NAMES.items() if name != "pen"}
FURTHER = (
    "lr",
    "batch_size",
    "augment",
    "adversarial",
    "calibrate",
    "precision",
    "compile",
    "seed",
)


def train_form(digits: Digits) -> None:
    """Choose what to train; the button starts it and shows it in this session."""
    kind = st.segmented_control(
        "Network",
        KINDS,
        format_func=KINDS.__getitem__,
        key=KIND,
        required=True,
        help="Bayesian: a distribution over every weight. Dropout: units are dropped at random, "
        "also when the network answers.",
    )
    base = st.segmented_control(
        "Preset",
        NAMES,
        key=PRESET,
        required=True,
        help="Where the settings below start: "
        + "; ".join(f"**{name}**: {what}" for name, what in NAMES.items())
        + ".",
    )
    kind, base = str(kind), str(base)  # one of each is required
    write_address()  # a fragment runs without the rest of the page
    st.caption(f"{base}: {PRESET_NAMES[base]}.")
    network, training = preset(kind, base)
    tag = f"form_{kind}_{base}"  # a preset's own widgets: choosing another one brings its values
    classes = st.pills(
        TRAINING["classes"].label,
        range(10),
        selection_mode="multi",
        default=range(10),
        key=f"{tag}_classes",
        help=TRAINING["classes"].help,
    )
    most = len(digits.train)
    images = widget(TRAINING["images"], min(training.images or most, most), tag, most)
    changes = {
        "classes": tuple(sorted(classes)),
        "images": None if images == most else images,
        "epochs": widget(TRAINING["epochs"], training.epochs, tag),
    }
    with st.expander("All settings", icon=":material/tune:"):
        network, further = all_settings(network, training, tag)
    begun = st.session_state.get("begun", 0)
    name = st.text_input(
        "Name",
        placeholder=free_name(f"{kind}-{base}"),
        max_chars=60,
        key=f"form_name_{begun}",
        help="Letters, digits, '-', '_' and '.'; empty: a name is found.",
    )
    config = None
    try:
        config = RunConfig(network, dataclasses.replace(training, **changes, **further), base)
    except BnnlibError as error:
        show_error(error)
    start = st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=config is None,
        help="In a process of its own: it goes on when this page is left or the server ends. "
        "One trains at a time, others wait.",
    )
    if start and config is not None:
        begin(config, name.strip() or free_name(f"{kind}-{base}"), digits)


def all_settings(
    network: TrainableConfig, training: TrainingConfig, tag: str
) -> tuple[TrainableConfig, dict[str, Any]]:
    """The widgets behind the expander.

    Returns the network with its width and prior, and the changes to the training's settings.
    """
    network = with_width(network, widget(NETWORK["hidden_width"], network.hidden[0], tag))
    changes = {"objective": widget(TRAINING["objective"], training.objective, tag)}
    if isinstance(network, BayesianConfig):
        if changes["objective"] == "elbo":
            changes["temperature"] = widget(TRAINING["temperature"], training.temperature, tag)
        scale = widget(NETWORK["prior_scale"], network.prior_scale, tag)
        network = dataclasses.replace(network, prior_scale=scale)
    for name in FURTHER:
        changes[name] = widget(TRAINING[name], getattr(training, name), tag)
    return network, changes


def begin(config: RunConfig, name: str, digits: Digits) -> None:
    """Create the run, start it and show it; what goes wrong is said in a sentence."""
    images, captions = images_to_pin(digits)
    try:
        run = create_run(
            runs_folder() / check_name(name), dataclasses.replace(config, captions=captions), images
        )
        access.claim(run.folder)
        st.session_state[RUN] = run.name
        # The next run's box for the name is a new and empty one.
        st.session_state["begun"] = st.session_state.get("begun", 0) + 1
        queue.start(run)
    except BnnlibError as error:
        show_error(error)
        return
    st.rerun()


def images_to_pin(digits: Digits) -> tuple[Tensor, tuple[str, ...]]:
    """The first held-out image of each digit and, last, the drawing on the Draw page.

    Returns uint8 `[P, 28, 28]` and the captions.
    """
    labels = digits.test.labels
    firsts = [int((labels == digit).nonzero()[0]) for digit in range(10) if (labels == digit).any()]
    images, captions = digits.test.images[firsts], tuple(f"a {labels[k]}" for k in firsts)
    if (image := last_drawing()) is not None:
        yours = torch.from_numpy(np.round(image.numpy() * 255).astype("uint8"))[None]
        images, captions = torch.cat([images, yours]), (*captions, "your drawing")
    return images, captions
