"""Sections as Markdown for people and JSON for programs."""

import dataclasses
import json

from benchmarks.section import Section

RANGE = (
    "In brackets: the range that holds the middle four fifths of the rounds (of the processes, "
    "where processes are compared)."
)


def markdown(machine: dict, sections: list[Section], skipped: list[str]) -> str:
    """The whole report."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    lines = ["# Benchmarks", "", "Written by `python -m benchmarks`.", "", f"Machine: {about}.", ""]
    headlines = {name: value for section in sections for name, value in section.headlines.items()}
    if headlines:
        lines += _table([{"": name, "this run": value} for name, value in headlines.items()])
        lines += ["", f"- {RANGE}"]
    for section in sections:
        lines += [
            "",
            f"## {section.title}",
            "",
            *_table(section.rows),
            "",
            *(f"- {note}" for note in section.notes),
        ]
    if skipped:
        lines += ["", "## Not measured", "", *(f"- {reason}" for reason in skipped)]
    return "\n".join(lines).strip() + "\n"


def as_json(machine: dict, sections: list[Section], skipped: list[str]) -> str:
    """The same, with every digit."""
    return (
        json.dumps(
            {
                "machine": machine,
                "sections": [dataclasses.asdict(s) for s in sections],
                "skipped": skipped,
            },
            indent=1,
        )
        + "\n"
    )


def _table(rows: list[dict]) -> list[str]:
    columns = list(rows[0])
    lines = [columns, ["---" if k == 0 else "---:" for k in range(len(columns))]]
    lines += [[_cell(row[column]) for column in columns] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _cell(value: str | float | list[float] | None) -> str:
    if isinstance(value, list):  # a median and its range
        median, low, high = map(_cell, value)
        return f"{median} ({low} to {high})"
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 10 else f"{value:.3g}"
