"""What a measurement hands back: a titled table."""

from dataclasses import dataclass, field

Row = dict[str, str | float | None]


@dataclass
class Section:
    """A titled table.

    rows: they share their keys, which name the unit too.
    headlines: name -> number, or [median, low, high] for a number with its range.
    """

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    headlines: dict[str, float | list[float]] = field(default_factory=dict)
