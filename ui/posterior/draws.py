"""Ten networks from one posterior: the same images, ten answers each."""

from html import escape

import numpy as np
import streamlit as st
from torch import Tensor

from bnnlib.evaluation.survey import Opinions, rank
from bnnlib.figures.mosaic import data_uri
from bnnlib.metrics.uncertainty import votes
from bnnlib.sentences.posterior import on_draws
from ui.loaders import answers_of, load_digits, load_network
from ui.surveys import finish, survey, unseen

NETWORKS, IMAGES, SHOWN = 10, 2_000, 12
STYLE = """<style>
.ten { border-collapse: collapse; width: 100%; max-width: 46rem; font-size: .95rem; }
.ten th, .ten td { text-align: center; padding: .12rem; font-variant-numeric: tabular-nums; }
.ten th:first-child { width: 48px; }
.ten thead th { font-weight: 600; font-size: .8rem; }
.ten img { width: 40px; height: 40px; image-rendering: pixelated; display: block; }
.ten .odd { font-weight: 700; box-shadow: inset 0 0 0 2px #D55E00; border-radius: 4px; }
.ten .doubt { white-space: nowrap; font-size: .85rem; }
</style>"""


def draws(name: str) -> None:
    """The images about which ten sampled networks differ the most, and what each says."""
    network = load_network(name)
    index = unseen((name,))
    index = index[:: max(1, len(index) // IMAGES)]
    asked = survey(name, index, answers_of(network, NETWORKS))
    finish(asked, name, len(index))
    split = load_digits().test
    opinions = asked.opinions(split.labels[index])
    order = rank(opinions, "mutual_information")[:SHOWN]
    said = opinions.probs.float().argmax(-1)
    first = int(order[0])
    st.markdown(
        on_draws(
            len(index),
            int(opinions.split.sum()),
            int(opinions.labels[first]),
            said[:, first].tolist(),
            len(said),
        )
    )
    st.html(STYLE + table(opinions, order, split.images[index].numpy()))
    st.caption(
        "Orange frame: an answer that is not the label. Every column is one network whose weights "
        "were drawn once; the images are those of the largest mutual information."
    )


def table(opinions: Opinions, order: Tensor, images: np.ndarray) -> str:
    """The images at `order` `[K]`, a row each: the answers of every network, and the doubt."""
    said = opinions.probs.float().argmax(-1)
    heads = "".join(f'<th scope="col">{k}</th>' for k in range(1, len(said) + 1))
    rows = []
    for i in order.tolist():
        label = int(opinions.labels[i])
        cells = "".join(
            f"<td{' class=odd' if digit != label else ''}>{digit}</td>"
            for digit in said[:, i].tolist()
        )
        alt = escape(f"a {label}; votes {votes(opinions.probs[:, i : i + 1].float())[0].tolist()}")
        rows.append(
            f'<tr><th scope="row"><img src="{data_uri(images[i])}" alt="{alt}"></th>'
            f"<td>{label}</td>{cells}"
            f'<td class="doubt">{float(opinions.measures["mutual_information"][i]):.2f}</td></tr>'
        )
    return (
        '<table class="ten"><thead><tr><th scope="col">image</th><th scope="col">label</th>'
        f'{heads}<th scope="col">nats</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
