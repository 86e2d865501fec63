"""Dropout as multiplication by a mask, on a digit that the visitor chooses or drew."""

import numpy as np
import streamlit as st
import torch

from bnnlib.figures.method import answer_bars
from bnnlib.figures.posterior import weight_picture
from bnnlib.networks import DropoutNetwork
from bnnlib.networks.masks import Masked, masked_pass
from bnnlib.networks.sampling import deterministic_probs
from bnnlib.sentences.method import on_mask
from ui.loaders import load_network
from ui.method.parts import ANSWER, claim, digit_table, mathematics, seen, the_digit
from ui.method.state import LARGEST, key, value, write_address
from ui.page import explained, is_dark, show_finding

NETWORK, MASKS = "dropout-pen", 100  # in use on the Draw page too
TITLE = "The answer without a mask, with this mask, and on average over many masks"
STYLE = """<style>
.layer { display: flex; flex-wrap: wrap; gap: .8rem; align-items: flex-start; }
.layer figure { margin: 0; }
.layer img { width: 160px; image-rendering: pixelated; border-radius: 4px; display: block; }
.layer figcaption { font-size: .82rem; line-height: 1.3; max-width: 160px; margin-top: .2rem; }
</style>"""


@st.fragment
@explained
def section() -> None:
    """The first section."""
    claim(
        "Dropout multiplies the activations of a layer by a random mask of zeros. Every mask is "
        "another network; asked with many masks, one network becomes a crowd."
    )
    network = load_network(NETWORK)
    if not isinstance(network, DropoutNetwork):
        st.info(f"The checkpoint {NETWORK} is no dropout network here.", icon=":material/info:")
        return
    image = the_digit()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rate = float(
            st.select_slider(
                "Rate: the probability of dropping a unit",
                [k / 10 for k in range(10)],
                key=key("rate"),
                format_func=lambda one: f"{one:.0%}",
                persist_state="session",
                help=f"The network was trained with {network.config.hidden_dropout:.0%}.",
            )
        )
        st.button("Another mask", icon=":material/casino:", key="method-mask", on_click=_again)
    generator = torch.Generator().manual_seed(int(value("mask")))
    one = masked_pass(network, image, rate, generator)
    many = torch.stack(
        [masked_pass(network, image, rate, generator).probs for _ in range(MASKS)]
    ).mean(0)
    whole = deterministic_probs(network, image[None])[0].numpy()
    st.html(STYLE + _layers(image.numpy(), one))
    sentence = on_mask(int((one.mask == 0).sum()), len(one.mask), whole, one.probs.numpy())
    show_finding(
        answer_bars(
            {
                "no mask": whole,
                "this mask": one.probs.numpy(),
                f"mean of {MASKS} masks": many.numpy(),
            },
            is_dark(),
        ),
        "method-dropout",
        TITLE,
        sentence,
    )
    with st.expander("The same as numbers"):
        st.markdown(
            digit_table(
                {
                    "no mask": whole,
                    "this mask": one.probs.numpy(),
                    f"mean of {MASKS} masks": many.numpy(),
                }
            )
        )
    seen(
        f"{sentence} Draw other masks: a clear digit survives nearly all of them, an odd one does "
        "not. The mean over masks is the answer of Monte Carlo dropout."
    )
    mathematics(
        (
            r"h' = h \odot \frac{m}{1 - p}, \qquad m_j \sim \mathrm{Bernoulli}(1 - p)",
            r"p(y \mid x) \approx \frac{1}{S} \sum_{s=1}^{S} p(y \mid x, m_s)",
        ),
        (
            ("h", "the activations of a layer; $h'$: what the next layer sees"),
            ("m", "the mask, drawn for each image; dividing by $1 - p$ keeps the mean"),
            ("p", "the rate: the probability that a unit is dropped"),
            *ANSWER,
            ("S", "the number of masks, each of them a sampled network"),
            (r"\odot", "multiplication of the numbers in the same places"),
            (r"\mathrm{Bernoulli}(1 - p)", "1 with probability $1 - p$, else 0; $j$ is a unit"),
        ),
        "Srivastava et al. 2014, “Dropout”; Gal & Ghahramani 2016, “Dropout as a Bayesian "
        "Approximation”.",
    )
    write_address()


def _again() -> None:
    st.session_state[key("mask")] = (int(value("mask")) + 1) % (LARGEST + 1)


def _layers(image: np.ndarray, one: Masked) -> str:
    """The image, the first layer's activations, the mask and their product, as pictures."""
    limit = float(torch.maximum(one.before.abs(), one.after.abs()).max())
    parts = (
        ("the digit", image, 1.0, False),
        (f"{len(one.before):,} activations of the first hidden layer", one.before, limit, True),
        ("the mask: black is 0", one.mask > 0, 1.0, False),
        ("what the next layer sees: kept units, divided by 1 - p", one.after, limit, True),
    )
    figures = []
    for caption, values, most, signed in parts:
        grid = _square(np.asarray(values, dtype=float))
        side = max(1, 160 // grid.shape[1])
        figures.append(
            f'<figure><img src="{weight_picture(grid, most, signed, side)}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return f'<div class="layer">{"".join(figures)}</div>'


def _square(values: np.ndarray) -> np.ndarray:
    """`[H]` in rows of about the same length, filled up with zeros; a picture stays as it is."""
    if values.ndim == 2:
        return values
    columns = int(np.ceil(len(values) ** 0.5))
    rows = -(-len(values) // columns)
    return np.pad(values, (0, rows * columns - len(values))).reshape(rows, columns)
