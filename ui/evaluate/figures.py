"""The Evaluate page's figures: the table with the better one marked, and the calibration."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.compare import COMPARED, Difference, check_same_images, lacking
from bnnlib.figures.evaluation import paper, reliability_figure
from bnnlib.metrics import WORDS
from bnnlib.sentences import evaluation as sentences
from bnnlib.sentences.evaluation import percent
from ui.evaluate.parts import Found, summaries
from ui.evaluate.results import paired
from ui.page import is_dark, show_finding

# of a difference: its name, what it is multiplied by, and the unit that makes
WRITTEN = {
    "error": ("Error", 100, ", points"),
    "nll": ("NLL", 1, ", nats"),
    "brier": ("Brier", 1, ""),
    "aurc": ("AURC", 1000, ", ‰"),
}


def figures(results: Found, digits: Digits) -> None:
    """The table of figures, the better one marked."""
    names, problem = list(results), None
    try:
        check_same_images(results)
    except BnnlibError as error:
        problem = str(error)

    def tested(key: str) -> Callable[[int, int], Difference | None]:
        """The paired difference of a figure between two networks, by their places."""
        if problem is not None or key not in COMPARED:
            return lambda first, second: None
        return lambda first, second: paired(names[first], names[second], key, results)

    st.markdown(sentences.on_errors(summaries(results), tested("error")))
    lines = ["| Figure | " + " | ".join(f"**{name}**" for name in names) + " |"]
    lines.append("|:--|" + ":--|" * len(names))
    for key, (label, written, _) in sentences.FIGURES.items():
        values = [found.summary.get(key) for found in results.values()]
        best = None
        if problem is None and key in COMPARED:
            best = sentences.better([value for value in values if value is not None], tested(key))
        cells = [
            cell(value, found.summary["intervals"].get(key), written, len(names))
            for value, found in zip(values, results.values(), strict=True)
        ]
        if best is not None:
            cells[best[0]] += (" " if len(names) <= 2 else "<br>") + mark(best[1], len(names))
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    with st.container(key="figures"):
        background = f"{{ background: {paper(is_dark())} }}"
        st.html(f"<style>.st-key-figures :is(th, td):first-child {background}</style>")
        st.markdown("\n".join(lines), unsafe_allow_html=True)
    said = ", ".join(f"{name} {sentences.asked(f.summary)}" for name, f in results.items())
    st.caption(
        "In brackets: 95\u202f% intervals of each network. Less is better in every row. A mark is "
        "decided by the paired difference on the same images, not by these intervals. "
        f"Measured on {source_words(results)}; the mean of: {said}."
    )
    if problem is not None:
        st.caption(f":material/info: {problem}")
    if old := lacking(results):
        st.caption(f":material/info: {sentences.on_old(old)}")
    if uncorrected := sentences.on_uncorrected(summaries(results)):
        st.caption(f":material/info: {uncorrected}")
    with st.expander("What these figures mean, and more of them"):
        st.markdown(
            "\n".join(
                f"- **{label}**: {meaning}." for label, _, meaning in sentences.FIGURES.values()
            )
        )
        st.dataframe(more_figures(results), width="stretch")
        if problem is None and len(names) > 1:
            st.markdown("Differences from the first network, with paired 95\u202f% intervals:")
            st.dataframe(differences(results), width="stretch")
        for name, found in results.items():
            for note in found.summary.get("notes", []):
                st.caption(f"{name}: {note}.")


def cell(
    value: float | None,
    ends: Sequence[float] | None,
    written: Callable[[float], str],
    networks: int,
) -> str:
    """A figure with its interval, if it has one."""
    if value is None:
        return "-"
    if ends is None:
        return written(value)
    gap = " " if networks <= 2 else "<br>"  # narrow columns
    return f"{written(value)}{gap}<small>({written(ends[0])} to {written(ends[1])})</small>"


def mark(beyond_chance: bool | None, networks: int) -> str:
    """What stands at the least figure of a row."""
    if beyond_chance is None:
        return ":material/check: ahead, not tested"
    if not beyond_chance:
        return ":material/check: ahead, within chance"
    return f":material/check_circle: **{'better' if networks == 2 else 'best'}**"


def differences(results: Found) -> pd.DataFrame:
    """What every other network's figures are, less the first's."""
    first, *others = results
    rows: dict[str, dict[str, str]] = {}
    for other in others:
        column = rows.setdefault(f"{other} less {first}", {})
        for key in COMPARED:
            if (one := paired(other, first, key, results)) is not None:
                label, factor, unit = WRITTEN[key]
                value, low, high = (factor * number for number in (one.value, one.low, one.high))
                column[f"{label}{unit}"] = f"{value:+.3g} ({low:+.3g} to {high:+.3g})"
    return pd.DataFrame(rows).fillna("-")


def source_words(results: Found) -> str:
    """Which test images the figures are about."""
    sources = {(found.summary["source"], found.summary["images"]) for found in results.values()}
    return " and ".join(
        f"the official {images:,} MNIST test images"
        if source == "mnist"
        else f"{images:,} held-out digits of the embedded sample"
        for source, images in sorted(sources)
    )


def more_figures(results: Found) -> pd.DataFrame:
    """Figures of the deterministic answer, of the temperature-scaled one, and at each coverage."""
    rows: dict[str, dict[str, str]] = {}
    for name, found in results.items():
        summary = found.summary
        column = {"ECE in bins of equal counts": percent(summary["equal_mass_ece"], 2)}
        column |= {
            f"Right, surest {share} answered": percent(value, 2)
            for share, value in sentences.coverage_row(summary, "least_confidence").items()
        }
        column |= {
            f"Finds its mistakes by {WORDS[key]} (AUROC)": f"{value['auroc']:.4f}"
            for key, value in summary["mistakes"].items()
            if value
        }
        if plain := summary.get("deterministic"):
            column["Without sampling: error, NLL, ECE"] = (
                f"{percent(plain['error'], 2)}, {plain['nll']:.4f}, {percent(plain['ece'], 2)}"
            )
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
    sentence = sentences.on_calibration(tables)
    st.markdown(sentence)
    figure = reliability_figure(
        [(name, place, table.numpy()) for place, (name, table) in enumerate(tables.items())],
        is_dark(),
    )
    show_finding(
        figure, "reliability", "Reliability diagram: right answers by stated confidence", sentence
    )
    st.caption(
        "On the dotted line it is right as often as it says; below the line it is too sure. "
        "Larger marks: more digits; whiskers: 95\u202f% intervals."
    )
    with st.expander("The same as a table"):
        bins = {}
        for name, (count, said, right) in tables.items():
            shown = [
                f"says {percent(s, 1)}, right {percent(r, 1)} ({int(n):,})" if n else "-"
                for n, s, r in zip(count, said, right, strict=True)
            ]
            bins[name] = shown
        edges = [
            f"{percent(k / len(shown), 1)} to {percent((k + 1) / len(shown), 1)}"
            for k in range(len(shown))
        ]
        st.dataframe(pd.DataFrame(bins, index=pd.Index(edges, name="confidence")), width="stretch")
