"""Evaluate: can a network's doubt be trusted? Networks side by side, on digits, on what is no digit, and on digits made harder."""

import numpy as np
import pandas as pd
import streamlit as st

from bnnlib import findings
from bnnlib.data import Digits, to_float
from bnnlib.errors import BnnlibError
from bnnlib.evaluation import WORDS, risk_coverage
from bnnlib.findings import percent
from bnnlib.plots_evaluate import (
    Curve,
    class_error_figure,
    confusion_figure,
    doubt_figure,
    refusal_figure,
    reliability_figure,
    shift_figure,
)
from bnnlib.report_parts import EDGES
from bnnlib.results import Results
from bnnlib.shifts import SHIFTS, shift_images
from ui.data_notice import data_notice
from ui.evaluate_parts import chart, examples, gallery, side_by_side, stand_in
from ui.evaluate_state import LIMIT, MOST, NETWORKS, RANKING, REFUSED, STEP, read_address, write_address
from ui.loaders import checkpoint_names, choose_networks, load_digits
from ui.page import is_dark, page_setup, show_error
from ui.results import SAMPLES, find_results, measure, pictured

SHOWN = 18  # pictures a network
STYLE = """<style>
h2 { font-size: 1.35rem !important; padding: 1.4rem 0 .2rem !important; }
[data-testid="stMarkdownContainer"] table { width: 100%; }
[data-testid="stCaptionContainer"] p { opacity: .95; color: color-mix(in srgb, currentColor, CanvasText 15%); }
</style>"""
DARK_STYLE = "<style>[data-testid=stMultiSelect] [data-tag] :is(span, button) { color: #0F151D }</style>"
Found = dict[str, Results]


def main() -> None:
    page_setup("Evaluate")
    st.html(STYLE)
    if is_dark():
        st.html(DARK_STYLE)  # white letters on the dark theme's primary colour are too pale
    st.title("Can their doubt be trusted?")
    if problem := read_address():
        st.warning(problem, icon=":material/link_off:")
    try:
        digits = load_digits()
    except BnnlibError as error:
        show_error(error)
        return
    results = {name: found for name in choose() if (found := results_of(name)) is not None}
    if results:
        for section in (figures, calibration, refusal, others, shifts, mistakes, confusions):
            section(results, digits)
    data_notice(digits)
    write_address()


def choose() -> list[str]:
    """The networks to compare, in the order of their colours."""
    chosen = st.multiselect(
        "Networks to compare", checkpoint_names(), key=NETWORKS, max_selections=MOST, persist_state="session", on_change=take_over,
        help="Any trained networks, up to four. The first two are the ones in use on the other pages too.",
    )  # fmt: skip
    if not chosen:
        st.info("Choose a network to see what its doubt is worth.", icon=":material/arrow_upward:")
    return chosen


def take_over() -> None:
    """The first two networks chosen here are used on all pages."""
    if len(chosen := st.session_state[NETWORKS]) >= 2:
        choose_networks(chosen[0], chosen[1])


def results_of(name: str) -> Results | None:
    """The network's results; if there are none yet, a button that measures them."""
    try:
        if (found := find_results(name)) is not None:
            return found
        problem = f"**{name}** has not been evaluated yet."
    except BnnlibError as error:
        problem = str(error)
    st.warning(problem, icon=":material/hourglass_empty:")
    clicked = st.button(
        f"Evaluate {name} now", key=f"measure_{name}", icon=":material/play_arrow:",
        help=f"Asks {SAMPLES} sampled networks about all images at hand; a minute or a few. The command line does the same with 100: "
        f"python -m bnnlib evaluate {name} --save",
    )  # fmt: skip
    if clicked:
        try:
            measure(name)
            st.rerun()
        except BnnlibError as error:
            show_error(error)
    return None


def figures(results: Found, digits: Digits) -> None:
    """The table of figures, the better one marked."""
    st.markdown(findings.on_errors(summaries(results)))
    lines = ["| | " + " | ".join(f"**{name}**" for name in results) + " |", "|:--|" + ":--|" * len(results)]
    for key, (label, written, _) in findings.FIGURES.items():
        values = [found.summary[key] for found in results.values()]
        intervals = [found.summary["intervals"][key] for found in results.values()]
        best = findings.better(values, intervals)
        cells = []
        for place, (value, (low, high)) in enumerate(zip(values, intervals, strict=True)):
            mark = ""
            if best is not None and best[0] == place:
                mark = " :material/check_circle: **better**" if best[1] else " :material/check: ahead, within chance"
            cells.append(f"{written(value)} <small>({written(low)} to {written(high)})</small>{mark}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    st.markdown("\n".join(lines), unsafe_allow_html=True)
    said = ", ".join(f"{name} {found.summary['samples']}" for name, found in results.items())
    st.caption(
        f"In brackets: 95\u202f% bootstrap intervals. Less is better in every row. Measured on {source_words(results)}; samples: {said}."
    )
    with st.expander("What these figures mean, and more of them"):
        st.markdown("\n".join(f"- **{label}**: {meaning}." for label, _, meaning in findings.FIGURES.values()))
        st.dataframe(more_figures(results), width="stretch")
        for name, found in results.items():
            for note in found.summary.get("notes", []):
                st.caption(f"{name}: {note}.")


def source_words(results: Found) -> str:
    """Which test images the figures are about."""
    sources = {(found.summary["source"], found.summary["images"]) for found in results.values()}
    return " and ".join(
        f"the official {images:,} MNIST test images" if source == "mnist" else f"{images:,} held-out digits of the embedded sample"
        for source, images in sorted(sources)
    )


def more_figures(results: Found) -> pd.DataFrame:
    """Figures of the deterministic answer, of the temperature-scaled one, and at each coverage."""
    rows: dict[str, dict[str, str]] = {}
    for name, found in results.items():
        summary = found.summary
        column = {"Adaptive ECE": percent(summary["adaptive_ece"], 2)}
        column |= {
            f"Right, surest {share} answered": percent(value, 2)
            for share, value in findings.coverage_row(summary, "least_confidence").items()
        }
        column |= {
            f"Finds its mistakes by {WORDS[key]} (AUROC)": f"{value['auroc']:.4f}" for key, value in summary["mistakes"].items() if value
        }
        if plain := summary.get("deterministic"):
            column["Without sampling: error, NLL, ECE"] = f"{percent(plain['error'], 2)}, {plain['nll']:.4f}, {percent(plain['ece'], 2)}"
        if scaled := summary.get("temperature_scaled"):
            column["Temperature fitted on validation: T, NLL, ECE"] = (
                f"{scaled['temperature']:.3f}, {scaled['nll']:.4f}, {percent(scaled['ece'], 2)}"
            )
        rows[name] = column
    return pd.DataFrame(rows).fillna("-")


def calibration(results: Found, digits: Digits) -> None:
    """The reliability diagram."""
    st.header("Is it right as often as it says?")
    tables = {name: found.arrays["reliability"] for name, found in results.items()}
    sentence = findings.on_calibration(tables)
    st.markdown(sentence)
    figure = reliability_figure([(name, place, table.numpy()) for place, (name, table) in enumerate(tables.items())], is_dark())
    chart(figure, "reliability", f"Reliability diagram. {sentence}")
    st.caption("On the dotted line confidence is earned; below it, too sure. Larger marks: more digits; whiskers: 95\u202f% intervals.")
    with st.expander("The same as a table"):
        bins = {}
        for name, (count, said, right) in tables.items():
            shown = [
                f"says {percent(s, 1)}, right {percent(r, 1)} ({int(n):,})" if n else "-"
                for n, s, r in zip(count, said, right, strict=True)
            ]
            bins[name] = shown
        edges = [f"{percent(k / len(shown), 1)} to {percent((k + 1) / len(shown), 1)}" for k in range(len(shown))]
        st.dataframe(pd.DataFrame(bins, index=pd.Index(edges, name="confidence")), width="stretch")


@st.fragment
def refusal(results: Found, digits: Digits) -> None:
    """Refuse the most uncertain: what error remains, and what is refused."""
    st.header("What if it may refuse to answer?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        refused = st.slider(
            "Refuse the most uncertain", 0.0, LIMIT, step=STEP, format="%.1f %%", key=REFUSED, persist_state="session", width=420,
            help="The digits are ranked by doubt; this share of them, the most doubtful, is not answered.",
        ) / 100  # fmt: skip
        ranking = st.selectbox(
            "Ranked by", list(WORDS), format_func=lambda key: WORDS[key].capitalize(),
            key=RANKING, persist_state="session", width=240, help="The measure of doubt by which digits are refused.",
        )  # fmt: skip
    write_address()  # a fragment runs without the rest of the page
    sentence = findings.on_refusal(results, ranking, refused)
    st.markdown(sentence)
    curves = []
    for place, (name, found) in enumerate(results.items()):
        coverage, risk = risk_coverage(found.doubt(ranking), found.wrong)
        keep = np.unique(np.linspace(0, len(coverage) - 1, 1001).astype(int))
        curves.append(Curve(name, place, 1 - coverage.numpy()[keep][::-1], risk.numpy()[keep][::-1]))
    chart(refusal_figure(curves, refused, is_dark(), LIMIT / 100), "risk_coverage", f"Risk-coverage curves. {sentence}")
    for name, found in results.items():
        if found.summary.get("refusal"):
            st.caption(findings.on_rule(name, found.summary))
    side_by_side(results, lambda name: show_refused(name, results[name], digits, ranking, refused))
    with st.expander("The same as a table"):
        shares = (0, 0.01, 0.02, 0.05, 0.1, 0.2)
        columns = {curve.name: [percent(np.interp(share, curve.x, curve.y), 3) for share in shares] for curve in curves}
        index = pd.Index([percent(share, 0) for share in shares], name="refused")
        st.dataframe(pd.DataFrame(columns, index=index), width="stretch")


def show_refused(name: str, found: Results, digits: Digits, ranking: str, refused: float) -> None:
    """The most doubtful of the refused digits."""
    at_hand = pictured(name, found, digits, (ranking,))
    order = at_hand.doubts[ranking].argsort(descending=True, stable=True)[: round(len(at_hand.labels) * refused)]
    st.markdown(
        f"**{name}** refuses {len(order):,} of the {len(at_hand.labels):,} digits here"
        + (", the most doubtful first:" if len(order) else ".")
    )
    gallery(at_hand, order[:SHOWN], at_hand.doubts[ranking], WORDS[ranking])
    stand_in(found, digits)


@st.fragment
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
        st.info("No pictures that are no digits were at hand when these networks were evaluated.", icon=":material/image_not_supported:")
        return
    described = {key: next(iter(known.values())).summary["ood"]["sets"][key]["description"] for key in sets}
    chosen = st.selectbox(
        "Compared with the test digits", sets, format_func=described.__getitem__, key="ood_set", persist_state="session", width=520,
        help="Pictures that none of the ten answers fits. A network ought to be in doubt about every one of them.",
    )  # fmt: skip
    examples(chosen)
    facts = summaries(known)
    for measure_name in ("predictive_entropy", "mutual_information"):
        st.markdown(f"**{WORDS[measure_name].capitalize()}.** {findings.on_others(facts, chosen, measure_name)}")

        def show(name: str, measure_name: str = measure_name) -> None:
            found = known[name]
            row = found.summary["ood"]["sets"][chosen]["measures"][measure_name]
            st.markdown(
                f"{name}: AUROC **{row['auroc']:.4f}** <small>({row['interval'][0]:.4f} to {row['interval'][1]:.4f})</small>",
                unsafe_allow_html=True,
            )
            counts = (found.arrays[f"histogram/{part}/{measure_name}"].numpy() for part in ("digits", chosen))
            threshold = found.summary["refusal"]["rules"][measure_name]["threshold"]
            figure = doubt_figure(EDGES.numpy(), *counts, described[chosen].split(":")[0], list(results).index(name), threshold, is_dark())
            chart(
                figure,
                f"doubt_{measure_name}_{name}",
                f"{WORDS[measure_name]} of {name} on digits and on {described[chosen]}: AUROC {row['auroc']:.3f}.",
            )

        side_by_side(known, show)
    st.caption(
        "The further apart the two hills, the better. Right of the dotted line lie the 5\u202f% of the validation digits that are "
        "in most doubt."
    )
    with st.expander("All sets and all measures as a table"):
        rows = [
            {
                "network": name, "set": key, "measure": WORDS[m], "AUROC": row["auroc"], "AUPR": row["aupr"], "FPR95": row["fpr95"],
                "mean on digits": found.summary["means"][m], "mean on the set": row["mean"], "refused": row["refused"],
            }
            for name, found in known.items() for key in sets for m, row in found.summary["ood"]["sets"][key]["measures"].items()
        ]  # fmt: skip
        st.dataframe(pd.DataFrame(rows).round(4), hide_index=True, width="stretch")
        for name, found in known.items():
            st.caption(
                f"{name}: the measure that best tells Fashion-MNIST's training images from the validation digits is the "
                f"{WORDS[found.summary['ood']['measure']]}; what is reported here was not used to choose it."
            )


@st.fragment
def shifts(results: Found, digits: Digits) -> None:
    """Accuracy and doubt as digits are turned (or otherwise shifted)."""
    kinds = [kind for kind in SHIFTS if all(kind in found.summary.get("shifts", {}) for found in results.values())]
    if not kinds:
        return
    st.header("Does doubt grow as digits turn?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = kinds[0]
        if len(kinds) > 1:
            kind = st.selectbox(
                "Shift",
                kinds,
                key="shift_kind",
                persist_state="session",
                format_func=str.capitalize,
                width=200,
                help="How the digits are made harder.",
            )
        digit = st.selectbox(
            "Pictured digit",
            range(10),
            index=2,
            key="shift_digit",
            persist_state="session",
            width=140,
            help="Which digit the pictures under the curves show; the curves are about all digits.",
        )
    curves = {name: found.summary["shifts"][kind] for name, found in results.items()}
    sentence = findings.on_shift(curves, SHIFTS[kind].words)
    st.markdown(sentence)
    strengths = next(iter(curves.values()))["strengths"]
    panels = {
        title: [Curve(name, place, np.array(strengths), np.array(curve[key])) for place, (name, curve) in enumerate(curves.items())]
        for title, key in (
            ("Right", "accuracy"),
            ("Predictive entropy, nats", "predictive_entropy"),
            ("Mutual information, nats", "mutual_information"),
        )
    }
    example = digits.test.images[digits.test.labels == digit][:1]
    turned = np.concatenate([(shift_images(to_float(example), kind, strength) * 255).round().byte().numpy() for strength in strengths])
    chart(shift_figure(strengths, panels, f"{kind}, {SHIFTS[kind].unit}", turned, is_dark()), "shift", f"{kind}: {sentence}")
    with st.expander("The same as a table"):
        rows = {
            (name, WORDS.get(key, key)): [percent(value, 1) if key == "accuracy" else f"{value:.3f}" for value in curve[key]]
            for name, curve in curves.items() for key in ("accuracy", "predictive_entropy", "mutual_information")
        }  # fmt: skip
        table = pd.DataFrame(
            {f"{name}: {key}": values for (name, key), values in rows.items()}, index=pd.Index(strengths, name=SHIFTS[kind].unit)
        )
        st.dataframe(table, width="stretch")


def mistakes(results: Found, digits: Digits) -> None:
    """The mistakes made with the most confidence, as pictures."""
    st.header("Where is it sure and wrong?")

    def show(name: str) -> None:
        at_hand = pictured(name, results[name], digits, ("least_confidence",))
        doubt = at_hand.doubts["least_confidence"]
        st.markdown(findings.on_mistakes(name, doubt, at_hand.labels, at_hand.predicted))
        wrong = (at_hand.predicted != at_hand.labels).nonzero()[:, 0]
        order = wrong[doubt[wrong].argsort(stable=True)][:SHOWN]
        gallery(at_hand, order, 1 - doubt, "confidence")
        stand_in(results[name], digits)

    side_by_side(results, show)


def confusions(results: Found, digits: Digits) -> None:
    """Which digit is taken for which, and the error of each."""
    st.header("Which digits does it confuse?")

    def show(name: str) -> None:
        matrix = results[name].arrays["confusion"]
        sentence = findings.on_confusion(name, matrix, results[name].summary["per_class_error"])
        st.markdown(sentence)
        chart(confusion_figure(matrix.numpy(), list(results).index(name), is_dark()), f"confusion_{name}", f"Confusion matrix. {sentence}")

    side_by_side(results, show)
    errors = [(name, place, found.summary["per_class_error"]) for place, (name, found) in enumerate(results.items())]
    chart(
        class_error_figure(errors, is_dark()),
        "class_errors",
        "Share of each digit's images that are wrong, a bar a network; the table below says the same.",
    )
    with st.expander("The same as a table"):
        columns = {name: ["-" if share is None else percent(share, 2) for share in shares] for name, _, shares in errors}
        st.dataframe(pd.DataFrame(columns, index=pd.Index(range(10), name="digit")), width="stretch")


def summaries(results: Found) -> dict[str, dict]:
    """The figures of each network."""
    return {name: found.summary for name, found in results.items()}


main()
