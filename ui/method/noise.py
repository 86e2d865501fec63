"""Reparameterisation against local reparameterisation: measured, side by side."""

from dataclasses import dataclass

import streamlit as st
import torch
import torch.nn.functional as F

from bnnlib.datasets.mnist import to_float
from bnnlib.figures.method import noise_figure
from bnnlib.layers.reparameterisation import DRAWS, gradient_noise
from bnnlib.sentences.method import on_noise
from ui.loaders import load_digits
from ui.method.parts import NORMAL, claim, mathematics, seen
from ui.method.state import PARAMETERS, key, write_address
from ui.page import explained, is_dark, show_finding

HIDDEN, SCALE, REPEATS, SEED = 50, 0.1, 40, 0
BATCHES = (1, 4, 16, 64, 256)
NAMES = {"weights": "by weights", "activations": "by activations (local)"}
TITLE = "Noise of the gradient and time of a draw, by the size of the batch"


@dataclass(frozen=True)
class Measured:
    """The gradient's variance and the seconds of a draw, for each way and batch size."""

    variance: dict[str, list[float]]
    seconds: dict[str, list[float]]


@st.fragment
@explained
def section() -> None:
    """The third section."""
    claim(
        "The noise can be drawn for the weights, once for a batch, or for the activations, for "
        "each image on its own. Each image sees the same distribution; the gradient of the second "
        "is less noisy, the more so the larger the batch."
    )
    batch = int(
        st.select_slider(
            "Images in a batch",
            PARAMETERS["batch"].values,
            key=key("batch"),
            persist_state="session",
            help="By weights, all images of a batch share their noise. By activations, each image "
            "has its own, and the average evens it out.",
        )
    )
    if st.button(
        "Measure again on this server",
        icon=":material/speed:",
        key="method-measure",
        help=f"A layer of 784 x {HIDDEN} weights on real digits, {REPEATS} draws each.",
    ):
        measure.clear()
    found = measure(load_digits().source)
    place = BATCHES.index(batch)
    sentence = on_noise(
        batch, found.variance["weights"][place], found.variance["activations"][place]
    )
    show_finding(
        noise_figure(
            BATCHES,
            {NAMES[way]: values for way, values in found.variance.items()},
            {NAMES[way]: values for way, values in found.seconds.items()},
            batch,
            is_dark(),
        ),
        "method-noise",
        TITLE,
        sentence,
    )
    with st.expander("The same as numbers"):
        st.markdown(table(found))
    seen(
        f"{sentence} Less noise means larger steps and fewer epochs. By activations a draw costs a "
        "second product, of the squares, but far fewer random numbers."
    )
    mathematics(
        (
            r"z = xW, \quad W = \mu + \sigma \odot \varepsilon, \quad "
            r"\varepsilon_{ij} \sim \mathcal{N}(0, 1)",
            r"z_j \sim \mathcal{N}\Big(\sum_i x_i \mu_{ij},\ \sum_i x_i^2 \sigma_{ij}^2\Big)",
        ),
        (
            ("x", "the inputs of the layer, for one image"),
            ("W", "its weights, with means $\\mu$ and standard deviations $\\sigma$"),
            (r"\varepsilon", "the noise of the weights: one for the whole batch"),
            *NORMAL,
            (r"i, j", "an input and a unit of the layer"),
            ("z", "the pre-activations: what a unit sees before its non-linearity"),
        ),
        "Kingma & Welling 2014, “Auto-Encoding Variational Bayes”; Kingma, Salimans & Welling "
        "2015, “Variational Dropout and the Local Reparameterization Trick”.",
    )
    write_address()


@st.cache_resource(max_entries=2, show_spinner="Measuring both ways …")
def measure(source: str) -> Measured:
    """Both ways at every batch size, on real digits; a hidden layer below a fixed output layer."""
    train = load_digits().train
    generator = torch.Generator().manual_seed(SEED)
    mean = torch.randn(784, HIDDEN, generator=generator) * (2 / 784) ** 0.5
    scale = torch.full_like(mean, SCALE)
    output = torch.randn(HIDDEN, 10, generator=generator) * (2 / HIDDEN) ** 0.5
    variance: dict[str, list[float]] = {way: [] for way in DRAWS}
    seconds: dict[str, list[float]] = {way: [] for way in DRAWS}
    for batch in BATCHES:
        x, y = to_float(train.images[:batch]).flatten(1), train.labels[:batch]

        def loss(z: torch.Tensor, y: torch.Tensor = y) -> torch.Tensor:
            return F.cross_entropy(F.leaky_relu(z) @ output, y)

        for way, draw in DRAWS.items():
            found = gradient_noise(draw, loss, x, mean, scale, REPEATS, generator)
            variance[way].append(found.variance)
            seconds[way].append(found.seconds)
    return Measured(variance, seconds)


def table(found: Measured) -> str:
    """All that was measured as a Markdown table."""
    rows = [
        "| batch | variance by weights | by activations | ratio | ms by weights | by activations |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    columns = [
        *(found.variance[way] for way in DRAWS),
        *(found.seconds[way] for way in DRAWS),
    ]
    for batch, one, other, slow, quick in zip(BATCHES, *columns, strict=True):
        rows.append(
            f"| {batch} | {one:.3g} | {other:.3g} | {one / other:.1f} "
            f"| {1e3 * slow:.2f} | {1e3 * quick:.2f} |"
        )
    return "\n".join(rows)
