"""The grid of ranked images: look, click, turn pages, download."""

import streamlit as st

from bnnlib.evaluation.survey import to_csv
from bnnlib.figures.digit_grid import cells, describe, grid, votes_caption
from bnnlib.figures.embed import to_png
from bnnlib.figures.mosaic import mosaic
from ui.page import is_dark, show_chart
from ui.uncertain.ranking import MEASURES, SHOWN, Ranking
from ui.uncertain.state import go_to

# The grid has eight columns, or four where eight do not fit: both are drawn, one is shown.
LAYOUT = """<style>
.st-key-grids { container-type: inline-size; }
@container (max-width: 700px) { .st-key-grid_wide { display: none; } }
@container (min-width: 700.02px) { .st-key-grid_narrow { display: none; } }
</style>"""


def show_grid(ranking: Ranking) -> None:
    """The 64 images around the one looked at, with their vote shares."""
    label, meaning = MEASURES[ranking.measure]
    first, last = ranking.start + 1, ranking.start + len(ranking.shown)
    st.caption(
        f"Nos. {first:,} to {last:,} of {len(ranking.order):,} by {label.lower()}, {meaning}. "
        "Below each image are the shares of the votes; an orange frame and ✗ mark mistakes. "
        "Click a digit to look closer."
    )
    shown = cells(ranking.opinions, ranking.shown, first, ranking.index)
    leader = describe(ranking.opinions, int(ranking.shown[0]))
    with st.container(key="grids"):
        for chart, columns in (("grid_wide", 8), ("grid_narrow", 4)):
            show_chart(
                grid(ranking.images, shown, columns, is_dark(), ranking.place - first),
                key=chart,
                selection_mode="points",
                on_select=lambda chart=chart: clicked(chart, first),
                alt=f"{len(shown)} digits, {columns} a row, ranked by the {label.lower()} of "
                f"{ranking.name}, with their vote shares. The first is {leader}.",
            )


def clicked(chart: str, first: int) -> None:
    """Look closer at the digit of the grid that was clicked; the grid's first has place `first`."""
    if points := st.session_state[chart].selection.points:
        go_to(first + points[0]["point_index"], glide=True)


def turn_pages(ranking: Ranking) -> None:
    """To the 64 images before or after."""
    start, count = ranking.start, len(ranking.order)
    before, after = start - SHOWN + 1, start + SHOWN + 1
    with st.container(horizontal=True, horizontal_alignment="center"):
        for label, icon, to, allowed, meaning in (
            ("Previous", ":material/arrow_back:", before, start > 0, "before"),
            ("Next", ":material/arrow_forward:", after, after <= count, "after"),
        ):
            st.button(
                f"{label} {SHOWN}",
                icon=icon,
                on_click=go_to,
                args=(to,),
                disabled=not allowed,
                help=f"The images ranked {meaning} these.",
            )


def downloads(ranking: Ranking) -> None:
    """The whole ranking as CSV, the grid as a picture, and the grid as a table to read."""
    opinions, shown, file = ranking.opinions, ranking.shown, f"{ranking.name}-{ranking.measure}"
    wrong, truth = opinions.wrong[shown].tolist(), opinions.labels[shown].tolist()
    votes = [votes_caption(opinions.votes[i], "\n") for i in shown.tolist()]
    first, last = ranking.start + 1, ranking.start + len(shown)

    def picture() -> bytes:
        captions = [
            f"{text}\nis {label}" if bad else text
            for text, label, bad in zip(votes, truth, wrong, strict=True)
        ]
        measure = MEASURES[ranking.measure][0].lower()
        samples = f"{len(opinions.probs)} samples"
        title = f"{ranking.name}, {samples}: {measure}, nos. {first} to {last}"
        return to_png(mosaic(ranking.images, captions, wrong, title))

    with st.container(horizontal=True, horizontal_alignment="center"):
        st.download_button(
            "Ranking as CSV",
            lambda: to_csv(opinions, ranking.order, ranking.index),
            f"{file}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/table:",
            help=f"All {len(ranking.order):,} images ranked: "
            "labels, votes, mean probabilities, measures.",
        )
        st.download_button(
            "Grid as PNG",
            picture,
            f"{file}-{first}.png",
            "image/png",
            on_click="ignore",
            icon=":material/image:",
            help="The images above with their vote shares, in one picture.",
        )
    with st.expander("The same as a table", icon=":material/table_rows:"):
        table = {
            "no.": list(range(first, last + 1)),
            "test image": ranking.index[shown].tolist(),
            "label": truth,
            "predicted": opinions.predicted[shown].tolist(),
            "votes": [text.replace("\n", ", ") for text in votes],
        }
        for measure, (label, _) in MEASURES.items():
            table[label] = opinions.measures[measure][shown].tolist()
        st.dataframe(table, hide_index=True)
