"""The Evaluate page's figures: the table with the better one marked, and whether confidence is earned."""

import pandas as pd
import streamlit as st

from bnnlib.datasets.mnist import Digits
from bnnlib.figures.evaluation import paper, reliability_figure
from bnnlib.metrics import WORDS
from bnnlib.sentences import evaluation as sentences
from bnnlib.sentences.evaluation import percent
from ui.evaluate.parts import Found, chart, summaries
from ui.page import is_dark


def figures(results: Found, digits: Digits) -> None:
    """The table of figures, the better one marked."""
    st.markdown(sentences.on_errors(summaries(results)))
    lines = [
        "| | " + " | ".join(f"**{name}**" for name in results) + " |",
        "|:--|" + ":--|" * len(results),
    ]
    gap = " " if len(results) <= 2 else "<br>"  # narrow columns
    for key, (label, written, _) in sentences.FIGURES.items():
        values = [found.summary[key] for found in results.values()]
        intervals = [found.summary["intervals"][key] for found in results.values()]
        best = sentences.better(values, intervals)
        cells = []
        for place, (value, (low, high)) in enumerate(zip(values, intervals, strict=True)):
            mark = ""
            if best is not None and best[0] == place:
                word = "better" if len(values) == 2 else "best"
                mark = (
                    f":material/check_circle: **{word}**"
                    if best[1]
                    else ":material/check: ahead, within chance"
                )
            cells.append(
                f"{written(value)}{gap}<small>({written(low)} to {written(high)})</small>{gap if mark else ''}{mark}"
            )
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    with st.container(key="figures"):
        st.html(
            f"<style>.st-key-figures :is(th, td):first-child {{ background: {paper(is_dark())} }}</style>"
        )
        st.markdown("\n".join(lines), unsafe_allow_html=True)
    said = ", ".join(f"{name} {found.summary['samples']}" for name, found in results.items())
    st.caption(
        f"In brackets: 95\u202f% bootstrap intervals. Less is better in every row. Measured on {source_words(results)}; samples: {said}."
    )
    with st.expander("What these figures mean, and more of them"):
        st.markdown(
            "\n".join(
                f"- **{label}**: {meaning}." for label, _, meaning in sentences.FIGURES.values()
            )
        )
        st.dataframe(more_figures(results), width="stretch")
        for name, found in results.items():
            for note in found.summary.get("notes", []):
                st.caption(f"{name}: {note}.")


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
        column = {"Adaptive ECE": percent(summary["adaptive_ece"], 2)}
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
    chart(figure, "reliability", f"Reliability diagram. {sentence}")
    st.caption(
        "On the dotted line confidence is earned; below it, too sure. Larger marks: more digits; whiskers: 95\u202f% intervals."
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
