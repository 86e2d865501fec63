"""Does it doubt what is no digit? The Evaluate page's doubt on other pictures and on digits."""

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from bnnlib.datasets.isolated import load_ood_apart
from bnnlib.datasets.mnist import Digits
from bnnlib.datasets.ood import available_sets
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.sections import EDGES
from bnnlib.figures.evaluation import doubt_figure
from bnnlib.metrics import WORDS
from bnnlib.sentences import evaluation as sentences
from ui.evaluate.parts import Found, side_by_side, summaries
from ui.evaluate.state import OTHERS, offer, write_address
from ui.page import explained, is_dark, show_error, show_finding
from ui.pictures import pictures

EXAMPLES = 12  # pictures of a set


@st.fragment
@explained
def others(results: Found, digits: Digits) -> None:
    """Doubt on digits against doubt on what is no digit."""
    known = {name: found for name, found in results.items() if found.summary.get("ood")}
    sets = (
        [
            name
            for name in next(iter(known.values())).summary["ood"]["sets"]
            if all(name in f.summary["ood"]["sets"] for f in known.values())
        ]
        if known
        else []
    )
    st.header("Does it doubt what is no digit?")
    if not sets:
        st.info(
            "No pictures that are no digits were at hand when these networks were evaluated.",
            icon=":material/image_not_supported:",
        )
        return
    described = {
        key: next(iter(known.values())).summary["ood"]["sets"][key]["description"] for key in sets
    }
    offer(OTHERS, sets)
    chosen = st.selectbox(
        "Compared with the test digits",
        sets,
        format_func=described.__getitem__,
        key=OTHERS,
        persist_state="session",
        width=520,
        help="Pictures that none of the ten answers fits. A network ought to be in doubt about "
        "every one of them.",
    )
    write_address()  # a fragment runs without the rest of the page
    examples(chosen)
    facts = summaries(known)
    for measure_name in ("predictive_entropy", "mutual_information"):
        title = WORDS[measure_name].capitalize()
        st.markdown(f"**{title}.** {sentences.on_others(facts, chosen, measure_name)}")

        def show(name: str, measure_name: str = measure_name) -> None:
            found = known[name]
            row = found.summary["ood"]["sets"][chosen]["measures"][measure_name]
            gap = " " if len(known) <= 2 else "<br>"  # narrow columns
            st.markdown(
                f"{name}: AUROC **{row['auroc']:.4f}**{gap}"
                f"<small>({row['interval'][0]:.4f} to {row['interval'][1]:.4f})</small>",
                unsafe_allow_html=True,
            )
            inside, outside = (
                found.arrays[f"histogram/{part}/{measure_name}"].numpy()
                for part in ("digits", chosen)
            )
            threshold = found.summary["refusal"]["rules"][measure_name]["threshold"]
            figure = doubt_figure(
                EDGES.numpy(),
                inside,
                outside,
                described[chosen].split(":")[0],
                list(results).index(name),
                threshold,
                is_dark(),
            )
            show_finding(
                figure,
                f"doubt_{measure_name}_{name}",
                f"{WORDS[measure_name].capitalize()} of {name}",
                f"On digits and on {described[chosen]}: AUROC {row['auroc']:.3f}.",
            )

        side_by_side(known, show)
    st.caption(
        "The further apart the two hills, the better. Right of the dotted line lie the 5\u202f% of "
        "the validation digits that are in most doubt."
    )
    with st.expander("All sets and all measures as a table"):
        rows = [
            {
                "network": name,
                "set": key,
                "measure": WORDS[m],
                "AUROC": row["auroc"],
                "AUPR": row["aupr"],
                "FPR95": row["fpr95"],
                "mean on digits": found.summary["means"][m],
                "mean on the set": row["mean"],
                "refused": row["refused"],
            }
            for name, found in known.items()
            for key in sets
            for m, row in found.summary["ood"]["sets"][key]["measures"].items()
        ]
        st.dataframe(pd.DataFrame(rows).round(4), hide_index=True, width="stretch")
        for name, found in known.items():
            st.caption(
                f"{name}: the measure that best tells Fashion-MNIST's training images from the "
                f"validation digits is the {WORDS[found.summary['ood']['measure']]}; the pictures "
                "reported on here were not used to choose it."
            )


def examples(set_name: str) -> None:
    """A few pictures of a set without digits, if its data are at hand."""
    if set_name not in available_sets():
        return
    try:
        images = _examples(set_name)
    except BnnlibError as error:
        show_error(error)
        return
    pictures(
        images.numpy(),
        [""] * len(images),
        [f"Example from the set {set_name}"] * len(images),
        [False] * len(images),
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _examples(set_name: str) -> Tensor:
    images = load_ood_apart(set_name)
    return images[torch.linspace(0, len(images) - 1, EXAMPLES).long()]
