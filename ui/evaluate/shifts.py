"""Does doubt grow as digits turn? Accuracy and doubt as digits are made harder."""

import numpy as np
import pandas as pd
import streamlit as st

from bnnlib.datasets.mnist import Digits, to_float
from bnnlib.datasets.shifts import SHIFTS, shift_images
from bnnlib.figures.evaluation import Curve, shift_figure
from bnnlib.metrics import WORDS
from bnnlib.sentences import evaluation as sentences
from bnnlib.sentences.evaluation import percent
from ui.evaluate.parts import Found
from ui.evaluate.state import DIGIT, SHIFT, offer, write_address
from ui.page import explained, is_dark, show_finding


@st.fragment
@explained
def shifts(results: Found, digits: Digits) -> None:
    """Accuracy and doubt as digits are turned (or otherwise shifted)."""
    kinds = [
        kind
        for kind in SHIFTS
        if all(kind in found.summary.get("shifts", {}) for found in results.values())
    ]
    if not kinds:
        return
    st.header("Does doubt grow as digits turn?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = kinds[0]
        offer(SHIFT, kinds)
        if len(kinds) > 1:
            kind = st.selectbox(
                "Shift",
                kinds,
                key=SHIFT,
                persist_state="session",
                format_func=str.capitalize,
                width=200,
                help="How the digits are made harder.",
            )
        digit = st.selectbox(
            "Pictured digit",
            range(10),
            key=DIGIT,
            persist_state="session",
            width=140,
            help="Which digit the pictures under the curves show; the curves are about all digits.",
        )
    write_address()  # a fragment runs without the rest of the page
    curves = {name: found.summary["shifts"][kind] for name, found in results.items()}
    sentence = sentences.on_shift(curves, SHIFTS[kind].words)
    st.markdown(sentence)
    strengths = next(iter(curves.values()))["strengths"]
    panels = {
        title: [
            Curve(name, place, np.array(strengths), np.array(curve[key]))
            for place, (name, curve) in enumerate(curves.items())
        ]
        for title, key in (
            ("Right", "accuracy"),
            ("Predictive entropy, nats", "predictive_entropy"),
            ("Mutual information, nats", "mutual_information"),
        )
    }
    example = digits.test.images[digits.test.labels == digit][:1]
    turned = np.concatenate(
        [
            (shift_images(to_float(example), kind, strength) * 255).round().byte().numpy()
            for strength in strengths
        ]
    )
    show_finding(
        shift_figure(strengths, panels, f"{kind}, {SHIFTS[kind].unit}", turned, is_dark()),
        "shift",
        f"{kind.capitalize()}: right answers and doubt by strength",
        sentence,
    )
    with st.expander("The same as a table"):
        rows = {
            (name, WORDS.get(key, key)): [
                percent(value, 1) if key == "accuracy" else f"{value:.3f}" for value in curve[key]
            ]
            for name, curve in curves.items()
            for key in ("accuracy", "predictive_entropy", "mutual_information")
        }
        table = pd.DataFrame(
            {f"{name}: {key}": values for (name, key), values in rows.items()},
            index=pd.Index(strengths, name=SHIFTS[kind].unit),
        )
        st.dataframe(table, width="stretch")
