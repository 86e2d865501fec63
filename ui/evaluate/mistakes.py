"""The Evaluate page's mistakes: the most confident ones, and which digit is taken for which."""

import pandas as pd
import streamlit as st

from bnnlib.datasets.mnist import Digits
from bnnlib.figures.evaluation import class_error_figure, confusion_figure
from bnnlib.sentences import evaluation as sentences
from bnnlib.sentences.evaluation import percent
from ui.evaluate.parts import Found, gallery, shown, side_by_side, stand_in
from ui.evaluate.results import pictured
from ui.page import is_dark, show_finding


def mistakes(results: Found, digits: Digits) -> None:
    """The mistakes made with the most confidence, as pictures."""
    st.header("Where is it sure and wrong?")

    def show(name: str) -> None:
        at_hand = pictured(name, results[name], digits, ("least_confidence",))
        doubt = at_hand.doubts["least_confidence"]
        st.markdown(sentences.on_mistakes(name, doubt, at_hand.labels, at_hand.predicted))
        wrong = (at_hand.predicted != at_hand.labels).nonzero()[:, 0]
        order = wrong[doubt[wrong].argsort(stable=True)][: shown(results)]
        gallery(at_hand, order, 1 - doubt, "confidence")
        stand_in(results[name], digits)

    side_by_side(results, show)


def confusions(results: Found, digits: Digits) -> None:
    """Which digit is taken for which, and the error of each."""
    st.header("Which digits does it confuse?")

    def show(name: str) -> None:
        matrix = results[name].arrays["confusion"]
        sentence = sentences.on_confusion(name, matrix, results[name].summary["per_class_error"])
        st.markdown(sentence)
        show_finding(
            confusion_figure(matrix.numpy(), list(results).index(name), is_dark()),
            f"confusion_{name}",
            f"Confusion matrix of {name}, in images",
            sentence,
        )

    side_by_side(results, show)
    errors = [
        (name, place, found.summary["per_class_error"])
        for place, (name, found) in enumerate(results.items())
    ]
    sentence = sentences.on_classes({name: shares for name, _, shares in errors})
    st.markdown(sentence)
    show_finding(
        class_error_figure(errors, is_dark()),
        "class_errors",
        "Share of each digit's images that are wrong",
        sentence,
    )
    with st.expander("The same as tables"):
        columns = {
            name: ["-" if share is None else percent(share, 2) for share in shares]
            for name, _, shares in errors
        }
        st.dataframe(
            pd.DataFrame(columns, index=pd.Index(range(10), name="digit")), width="stretch"
        )
        for name, found in results.items():
            st.markdown(f"**{name}**: images of each digit (rows), by the answer (columns)")
            counts = pd.DataFrame(found.arrays["confusion"].numpy())
            st.dataframe(counts.rename_axis("is"), width="stretch")
