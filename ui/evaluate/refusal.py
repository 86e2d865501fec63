"""What if it may refuse to answer? The error that remains, and what is refused."""

import numpy as np
import pandas as pd
import streamlit as st

from bnnlib.datasets.mnist import Digits
from bnnlib.figures.evaluation import Curve, refusal_figure
from bnnlib.metrics import WORDS, risk_coverage
from bnnlib.sentences import evaluation as sentences
from bnnlib.sentences.evaluation import percent
from bnnlib.storage.evaluations import Results
from ui.evaluate.parts import Found, gallery, shown, side_by_side, stand_in
from ui.evaluate.results import pictured
from ui.evaluate.state import LIMIT, RANKING, REFUSED, STEP, write_address
from ui.page import explained, is_dark, show_finding


@st.fragment
@explained
def refusal(results: Found, digits: Digits) -> None:
    """Refuse the most uncertain: what error remains, and what is refused."""
    st.header("What if it may refuse to answer?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        percentage = st.slider(
            "Refuse the most uncertain",
            0.0,
            LIMIT,
            step=STEP,
            format="%.1f %%",
            key=REFUSED,
            persist_state="session",
            width=420,
            help="The digits are ranked by doubt; this share of them, the most doubtful, is not "
            "answered.",
        )
        ranking = st.selectbox(
            "Ranked by",
            list(WORDS),
            format_func=lambda key: WORDS[key].capitalize(),
            key=RANKING,
            persist_state="session",
            width=240,
            help="The measure of doubt by which digits are refused.",
        )
    refused = percentage / 100
    write_address()  # a fragment runs without the rest of the page
    sentence = sentences.on_refusal(results, ranking, refused)
    st.markdown(sentence)
    curves = []
    for place, (name, found) in enumerate(results.items()):
        coverage, risk = risk_coverage(found.doubt(ranking), found.wrong)
        keep = np.unique(np.linspace(0, len(coverage) - 1, 1001).astype(int))
        curves.append(
            Curve(name, place, 1 - coverage.numpy()[keep][::-1], risk.numpy()[keep][::-1])
        )
    show_finding(
        refusal_figure(curves, refused, is_dark(), LIMIT / 100),
        "risk_coverage",
        "Risk-coverage curves: errors among the answered digits",
        sentence,
    )
    st.caption(
        "  \n".join(
            sentences.on_rule(name, found.summary)
            for name, found in results.items()
            if found.summary.get("refusal")
        )
    )
    side_by_side(
        results,
        lambda name: show_refused(name, results[name], digits, ranking, refused, shown(results)),
    )
    with st.expander("The same as a table"):
        shares = (0, 0.01, 0.02, 0.05, 0.1, 0.2)
        columns = {
            curve.name: [percent(np.interp(share, curve.x, curve.y), 3) for share in shares]
            for curve in curves
        }
        index = pd.Index([percent(share, 0) for share in shares], name="refused")
        st.dataframe(pd.DataFrame(columns, index=index), width="stretch")


def show_refused(
    name: str, found: Results, digits: Digits, ranking: str, refused: float, most: int
) -> None:
    """The most doubtful of the refused digits, up to `most`."""
    at_hand = pictured(name, found, digits, (ranking,))
    order = at_hand.doubts[ranking].argsort(descending=True, stable=True)[
        : round(len(at_hand.labels) * refused)
    ]
    st.markdown(
        f"**{name}** refuses {len(order):,} of the {len(at_hand.labels):,} digits here"
        + (f"; the most doubtful, with their {WORDS[ranking]}:" if len(order) else ".")
    )
    gallery(at_hand, order[:most], at_hand.doubts[ranking], WORDS[ranking])
    stand_in(found, digits)
