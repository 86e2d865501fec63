"""The form that starts a training run: a preset, and every setting with its help and its limits."""

import dataclasses

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from bnnlib.datasets.augment import AUGMENTATIONS
from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, TrainableConfig
from bnnlib.runs import queue
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, free_name, runs_folder
from bnnlib.storage.names import check_name
from bnnlib.training.config import TrainingConfig, with_width
from bnnlib.training.limits import LIMITS
from bnnlib.training.presets import preset
from ui.page import show_error

KINDS = {"bayesian": "Bayesian", "dropout": "Dropout"}
PRESETS = {
    "quick": "a narrow network, done in under a minute",
    "default": "ours: wide and careful, for when there is time",
    "robust": "the same on digits bent a little, for what people draw",
    "article": "the article's own settings, for comparison",
}
OBJECTIVES = {
    "elbo": "elbo: the right one",
    "published": "published: the article's, wrong sign and all",
}
PRECISIONS = {
    "fp32": "fp32: 32-bit products",
    "bf16": "bf16: 16-bit, faster where the processor has it",
}


def train_form(digits: Digits) -> None:
    """Choose what to train; the button starts it and shows it in this session."""
    kind = st.segmented_control(
        "Network", KINDS, format_func=KINDS.__getitem__, default="bayesian", key="form_kind", required=True,
        help="Bayesian: a distribution over every weight. Dropout: units are dropped at random, also when it is asked.",
    )  # fmt: skip
    base = st.segmented_control(
        "Preset", PRESETS, default="quick", key="form_preset", required=True,
        help="Where the settings below start: " + "; ".join(f"**{name}**: {what}" for name, what in PRESETS.items()) + ".",
    )  # fmt: skip
    st.caption(f"{base}: {PRESETS[base]}.")
    network, training = preset(str(kind), str(base))
    tag = f"form_{kind}_{base}"  # a preset's own widgets: choosing another one brings its values
    classes = st.pills(
        "Digits to train on", range(10), selection_mode="multi", default=range(10), key=f"{tag}_classes",
        help="Leave some out, or keep only sevens, and see what the network thinks of digits it has never met. "
        "Validation figures are of these digits only.",
    )  # fmt: skip
    most = len(digits.train)
    images = st.number_input(
        "Training images at most", int(LIMITS["images"][0]), most, min(training.images or most, most), 1_000, key=f"{tag}_images",
        help="Fewer images leave more epistemic doubt. The KL in the loss is divided by the number really used.",
    )  # fmt: skip
    epochs = number("Epochs", "epochs", training.epochs, tag, "Passes over the training images.")
    with st.expander("All settings", icon=":material/tune:"):
        network, changes = all_settings(network, training, tag)
    name = st.text_input(
        "Name", placeholder=free_name(f"{kind}-{base}"), max_chars=60, key=f"form_name_{st.session_state.get('begun', 0)}",
        help="Letters, digits, '-', '_' and '.'; empty: a name is found.",
    )  # fmt: skip
    try:
        changed: dict = {
            "classes": tuple(sorted(classes)),
            "images": None if images == most else images,
            "epochs": epochs,
        }
        config = RunConfig(network, dataclasses.replace(training, **changed, **changes), base)
        problem = None
    except BnnlibError as error:
        config, problem = None, error
        show_error(error)
    start = st.button(
        "Start training", type="primary", icon=":material/play_arrow:", width="stretch", disabled=problem is not None,
        help="In a process of its own: it goes on when this page is left or the server ends. One trains at a time, others wait.",
    )  # fmt: skip
    if start and config is not None:
        begin(config, name.strip() or free_name(f"{kind}-{base}"), digits)


def all_settings(
    network: TrainableConfig, training: TrainingConfig, tag: str
) -> tuple[TrainableConfig, dict]:
    """The widgets behind the expander: the network with its width and prior, and the changes to the training's settings."""
    changes: dict = {}
    width = number(
        "Hidden width",
        "hidden_width",
        network.hidden[0],
        tag,
        "Units in each hidden layer; the cost grows with its square.",
    )
    network = with_width(network, int(width or network.hidden[0]))
    changes["objective"] = st.radio(
        "Objective", OBJECTIVES, list(OBJECTIVES).index(training.objective), OBJECTIVES.get, key=f"{tag}_objective",
        help="What is minimised. `elbo` is -ELBO (dropout: cross-entropy). `published` is the article's own loss, kept as it was: "
        "for the Bayesian network it rewards a posterior for leaving the prior.",
    )  # fmt: skip
    if isinstance(network, BayesianConfig):
        if changes["objective"] == "elbo":
            meaning = "Weight of the KL: 1 is Bayes, below 1 tempered (more trust in the data)."
            changes["temperature"] = number(
                "Temperature", "temperature", training.temperature, tag, meaning
            )
        meaning = (
            "Standard deviation of every weight before data are seen; empty: learnt for each layer."
        )
        scale = number("Prior scale", "prior_scale", network.prior_scale, tag, meaning)
        network = dataclasses.replace(network, prior_scale=scale)
    changes["lr"] = number(
        "Learning rate", "lr", training.lr, tag, "Length of a step; too long and training diverges."
    )
    changes["batch_size"] = number(
        "Batch size", "batch_size", training.batch_size, tag, "Images a step."
    )
    changes["augment"] = st.radio(
        "Augmentation", AUGMENTATIONS, list(AUGMENTATIONS).index(training.augment), lambda how: f"{how}: {AUGMENTATIONS[how]}",
        key=f"{tag}_augment", help="Bend the training images a little, anew each epoch: hands write more ways than the data hold.",
    )  # fmt: skip
    meaning = "Learn beside each image the hardest one this near to it (L2 distance of the pixels; 0: none): surer doubt, twice the time."
    changes["adversarial"] = number(
        "Adversarial radius", "adversarial", training.adversarial, tag, meaning
    )
    changes["calibrate"] = st.checkbox(
        "Calibrate at the end", training.calibrate, key=f"{tag}_calibrate",
        help="Divide the logits by the temperature that suits the validation images best: surer where it was too timid, and the reverse.",
    )  # fmt: skip
    changes["precision"] = st.radio(
        "Precision", PRECISIONS, list(PRECISIONS).index(training.precision), PRECISIONS.get, key=f"{tag}_precision",
        help="Of the matrix products; sums and weights stay 32-bit.",
    )  # fmt: skip
    changes["compile"] = st.checkbox(
        "Compile the step", training.compile, key=f"{tag}_compile",
        help="Make one program of a whole training step: a tenth (dropout) to a third (Bayesian, bf16) less time after some 15 seconds, "
        "in which a stop has to wait; for long trainings. Needs a C++ compiler, and more images than a batch; without, training "
        "goes on as ever.",
    )  # fmt: skip
    changes["seed"] = number(
        "Seed",
        "seed",
        training.seed,
        tag,
        "The same seed gives the same network on the same machine.",
    )
    return network, changes


def number(label: str, field: str, value: float | None, tag: str, meaning: str) -> float | None:
    """A number within the field's limits; whole where its limits are."""
    low, high = LIMITS[field]
    if isinstance(value, int) and isinstance(low, int):
        return st.number_input(
            label, low, high, value, key=f"{tag}_{field}", help=f"{meaning} {low:,} to {high:,}."
        )
    form = "%.5f" if field == "lr" else "%.3f"
    step = (value or 0.1) / 4
    return st.number_input(
        label,
        float(low),
        float(high),
        value,
        step,
        form,
        key=f"{tag}_{field}",
        help=f"{meaning} {low:g} to {high:g}.",
        placeholder="learnt",
    )


def begin(config: RunConfig, name: str, digits: Digits) -> None:
    """Create the run, start it and show it; what goes wrong is said in a sentence."""
    images, captions = images_to_pin(digits)
    try:
        run = create_run(
            runs_folder() / check_name(name), dataclasses.replace(config, captions=captions), images
        )
        st.query_params["run"] = st.session_state["run"] = run.name
        st.session_state["begun"] = (
            st.session_state.get("begun", 0) + 1
        )  # an empty name for the next one
        queue.start(run)
    except BnnlibError as error:
        show_error(error)
        return
    st.rerun()


def images_to_pin(digits: Digits) -> tuple[Tensor, tuple[str, ...]]:
    """The first held-out image of each digit and, last, the drawing on the Draw screen; uint8 `[P, 28, 28]` and captions."""
    labels = digits.test.labels
    firsts = [int((labels == digit).nonzero()[0]) for digit in range(10) if (labels == digit).any()]
    images, captions = digits.test.images[firsts], tuple(f"a {labels[k]}" for k in firsts)
    drawing = st.session_state.get("draw")
    if drawing is not None and (image := drawing.image).any():
        yours = torch.from_numpy(np.round(image.numpy() * 255).astype("uint8"))[None]
        images, captions = torch.cat([images, yours]), (*captions, "your drawing")
    return images, captions
