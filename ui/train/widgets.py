"""A setting as a widget of the form, made from its description."""

from typing import Any

import streamlit as st

from bnnlib.training.settings import Setting

DECIMALS = {"lr": "%.5f"}
STEPS = {"images": 1_000}


def widget(one: Setting, value: Any, tag: str, most: int | None = None) -> Any:
    """Ask for the setting, beginning at `value`. most: a smaller maximum than the setting's own."""
    key = f"{tag}_{one.name}"
    if one.kind is bool:
        return st.checkbox(one.label, value, key=key, help=one.help)
    if one.choices:
        names = list(one.choices)
        return st.radio(
            one.label,
            names,
            names.index(value),
            lambda name: f"{name}: {one.choices[name]}",
            key=key,
            help=one.help,
        )
    if one.kind is int:
        high = int(one.high) if most is None else most
        help = f"{one.help} {int(one.low):,} to {high:,}."
        step = STEPS.get(one.name, 1)
        return st.number_input(one.label, int(one.low), high, value, step, key=key, help=help)
    return st.number_input(
        one.label,
        float(one.low),
        float(one.high),
        value,
        (value or 0.1) / 4,
        DECIMALS.get(one.name, "%.3f"),
        key=key,
        help=f"{one.help} {one.values[:1].upper()}{one.values[1:]}.",
        placeholder="learnt",
    )
