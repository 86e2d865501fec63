"""What the Train page shows, and how the address holds it. The settings of a form are not shared.

Widgets are not bound to the address by Streamlit, because `st.switch_page` fails on a page that has
such widgets.
"""

import streamlit as st

from ui.address import (
    SIDES,
    means_nothing,
    names_a_state,
    not_understood,
    own_parameters,
    whole_number,
    write_parameters,
)
from ui.loaders import chosen_networks, named_networks

# name in the address -> the label of the tab; the first one is shown first
TABS = {
    "train": "Train",
    "compare": "Compare runs",
    "networks": "Networks in use",
    "images": "Training images",
}
KINDS = {"bayesian": "Bayesian", "dropout": "Dropout"}
# keys of the widgets and, in the session: the run shown, the epoch of it, the images' page
TAB, KIND, PRESET, COMPARED = "train_tab", "form_kind", "form_preset", "compared"
RUN, EPOCH, IMAGES = "run", "train_epoch", "train_images"
USUAL_KIND, USUAL_PRESET, USUAL_COMPARED = "bayesian", "quick", 2
USUAL = "compared_usual"  # in the session: the runs that are compared at first
KNOWN = ("run", "tab", "runs", "images", "network", "preset", "epoch", *SIDES)


def read_address(presets: list[str]) -> str | None:
    """At the start of a visit to the page, and after a link to a state, use what the address says.

    presets: of the form. Returns a sentence if part of the address was not understood. Which runs
    there are is looked up later.
    """
    state = st.session_state
    if not names_a_state(TAB in state):
        return None
    given, wrong = own_parameters(), []
    if set(given) - set(SIDES):  # a link to a state, not one of the sidebar
        for key in (RUN, EPOCH, IMAGES, COMPARED):
            state.pop(key, None)
    state.update({TAB: TABS["train"], KIND: USUAL_KIND, PRESET: USUAL_PRESET})
    for name, key, known in (
        ("tab", TAB, TABS),
        ("network", KIND, {kind: kind for kind in KINDS}),
        ("preset", PRESET, {preset: preset for preset in presets}),
    ):
        if name in given:
            if given[name] in known:
                state[key] = known[given[name]]
            else:
                wrong.append(f"there is no {name} {given[name][:40]!r}")
    for name, key, first in (("images", IMAGES, 1), ("epoch", EPOCH, 0)):
        if name in given:
            if (number := whole_number(given[name], first, 999_999)) is not None:
                state[key] = number - first
            else:
                wrong.append(f"{name} is {given[name][:40]!r}, not a whole number from {first} up")
    if "run" in given:
        state[RUN] = given["run"]
    if "runs" in given:
        state[COMPARED] = given["runs"].split(",")
    wrong += means_nothing(given, KNOWN)
    return not_understood(wrong)


def compared(names: list[str]) -> str | None:
    """Prepare the choice of runs to compare, of those in `names`.

    Returns a sentence if the address asked for one that is not there.
    """
    state, usual = st.session_state, names[:USUAL_COMPARED]
    wanted = state.get(COMPARED, usual)
    state[USUAL] = usual
    state[COMPARED] = [name for name in wanted if name in names]
    missing = [name for name in wanted if name not in names]
    if not missing:
        return None
    return f"There is no run {', '.join(repr(name[:40]) for name in missing[:4])} to compare here."


def write_address() -> None:
    """Bring the address up to date; what is at its default is left out."""
    state = st.session_state
    address: dict[str, str] = {}
    if run := state.get(RUN):
        address["run"] = run
    if (tab := state.get(TAB, TABS["train"])) != TABS["train"]:
        address["tab"] = next(name for name, label in TABS.items() if label == tab)
    if (runs := state.get(COMPARED, [])) != state.get(USUAL, []) and runs:
        address["runs"] = ",".join(runs)
    if page := state.get(IMAGES, 0):
        address["images"] = str(page + 1)
    if (kind := state.get(KIND)) not in (None, USUAL_KIND):
        address["network"] = kind
    if (preset := state.get(PRESET)) not in (None, USUAL_PRESET):
        address["preset"] = preset
    if (epoch := state.get(EPOCH)) is not None:
        address["epoch"] = str(epoch)
    write_parameters(named_networks(chosen_networks(), bool(address)) | address)
