"""What the sections of the Evaluate page share: charts, columns of networks, digits as pictures."""

from collections.abc import Callable

import streamlit as st
from torch import Tensor

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.sentences import evaluation as sentences
from bnnlib.sentences.evaluation import percent
from bnnlib.storage.evaluations import Results
from ui.evaluate.results import Pictured
from ui.page import show_error
from ui.pictures import pictures

Found = dict[str, Results]


def shown(results: Found) -> int:
    """How many pictures to show of each network: whole rows, fewer if there are many networks."""
    return 18 if len(results) <= 2 else 12


def gallery(at_hand: Pictured, order: Tensor, values: Tensor, words: str) -> None:
    """The images at `order` `[K]`, each with its truth, the answer and a value."""
    captions, alts, framed = [], [], []
    for i in order.tolist():
        true, said, value = int(at_hand.labels[i]), int(at_hand.predicted[i]), float(values[i])
        number = percent(value, 1) if words == "confidence" else f"{value:.2f}"
        captions.append(f"{'✗' if true != said else '✓'} is {true}, says {said}\n{number}")
        alts.append(
            f"{sentences.a_digit(true).capitalize()}, answered {said}, "
            f"{'wrong' if true != said else 'right'}; {words} {number}"
        )
        framed.append(true != said)
    if captions:
        pictures(at_hand.images[order].numpy(), captions, alts, framed)


def stand_in(found: Results, digits: Digits) -> None:
    """Say so where the pictures are not of the images that the figures are about."""
    if digits.source != found.summary["source"]:
        st.caption(
            ":material/info: The test images behind the figures are not here: these pictures are "
            "of the embedded held-out digits, asked about just now."
        )


def side_by_side(results: Found, show: Callable[[str], None]) -> None:
    """`show` for each network, two or three beside each other (one where the page is narrow).

    A fault in one leaves the others.
    """
    names = list(results)
    abreast = 2 if len(names) in (2, 4) else min(3, len(names))
    for start in range(0, len(names), abreast):
        for column, name in zip(
            st.columns(abreast, gap="medium"), names[start : start + abreast], strict=False
        ):
            with column:
                try:
                    show(name)
                except BnnlibError as error:
                    show_error(error)


def summaries(results: Found) -> dict[str, dict]:
    """The figures of each network."""
    return {name: found.summary for name, found in results.items()}
