"""The tour: six steps through the pages, each a deep link. `?tour=3` in the address of any page.

To change the tour, change `STEPS`.
"""

from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

from ui.address import SIDES, own_parameters, share, shared_parameters, whole_number
from ui.loaders import DEFAULT_NETWORKS, HOME

NETWORKS = dict(zip(SIDES, DEFAULT_NETWORKS, strict=True))
PROBLEM = "tour_problem"  # in the session: a sentence to show once


@dataclass(frozen=True)
class Step:
    """page: its file. address: the state it is shown in. do, see: what to do, what one then sees.

    To `address` the two networks are added that the pages start with.
    """

    page: str
    address: dict[str, str]
    title: str
    do: str
    see: str


STEPS = (
    Step(
        HOME,
        {"example": "clear-3"},
        "A clear digit",
        "Look at the two cards. Each stands for one way of building a network that can doubt.",
        "Both say 3. Each dot in the chart is one sampled network; they agree, so they are sure.",
    ),
    Step(
        HOME,
        {"example": "4-or-9"},
        "A digit that could be two",
        "Look at the bars below the dots: how much doubt, and of which kind.",
        "The plain part is large: the ink itself is ambiguous. People would hesitate too.",
    ),
    Step(
        HOME,
        {"example": "letter-a"},
        "What is no digit",
        "Compare the bars: now the hatched part has grown.",
        "The sampled networks contradict each other: they have never seen such ink.",
    ),
    Step(
        HOME,
        {"example": "blank"},
        "Your turn",
        "Draw on the black sheet: a digit, then something that is none.",
        "The answer follows your pen. Find a drawing that makes them disagree.",
    ),
    Step(
        "pages/1_Uncertain_digits.py",
        {"measure": "mutual_information"},
        "The hardest test images",
        "Scroll through the images that the networks doubt most. Click one to look closer.",
        "Many would puzzle a person too. Orange frames mark the mistakes: they are common here.",
    ),
    Step(
        "pages/3_Evaluate.py",
        {"refused": "2.5"},
        "Can the doubt be trusted?",
        "Go to “What if it may refuse to answer?” and move the slider.",
        "The more of the doubtful images it refuses, the fewer of its answers are wrong.",
    ),
)


def touring() -> int | None:
    """The number of the step that is shown, from 1; None if nobody is on tour."""
    number = shared_parameters().get("tour")
    return None if number is None else int(number)


def read_tour(text: str | None, page: str) -> None:
    """Take over the step that the address names, and go to its state unless the address has one.

    page: the file of this page. An unknown step gives one sentence and the first step.
    """
    if text is None:
        share(tour=None)
        return
    number = whole_number(text, 1, len(STEPS))
    if number is None:
        st.session_state[PROBLEM] = (
            f"The tour has steps 1 to {len(STEPS)} and no step {text[:40]!r}: here is the first."
        )
        go_to_step(1)
    share(tour=str(number))
    if STEPS[number - 1].page != page or not set(own_parameters()) - set(SIDES):
        go_to_step(number)


def go_to_step(number: int) -> NoReturn:
    """Show this step: its page, in the state that it speaks of."""
    step = STEPS[number - 1]
    share(tour=str(number))
    st.session_state["networks"] = DEFAULT_NETWORKS
    st.session_state["page"] = None  # so that it is entered anew, whichever page this is
    st.switch_page(step.page, query_params={**NETWORKS, **step.address, **shared_parameters()})


def tour(page: str) -> None:
    """The card of the step: what to do, what to see, and the way on. page: the file of this one."""
    if problem := st.session_state.pop(PROBLEM, None):
        st.warning(problem, icon=":material/link_off:")
    number = touring()
    if number is None:
        return
    step, last = STEPS[number - 1], number == len(STEPS)
    with st.container(key="tour", border=True):
        st.markdown(f"Step {number} of {len(STEPS)}: **{step.title}**")
        st.markdown(f":material/touch_app: {step.do}  \n:material/visibility: {step.see}")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(
                "Back",
                icon=":material/arrow_back:",
                key="tour-back",
                disabled=number == 1,
                help="The step before",
            ):
                go_to_step(number - 1)
            if page != step.page and st.button(
                "Show this step",
                key="tour-again",
                help="This step is about another page: go there",
            ):
                go_to_step(number)
            if last:
                st.button(
                    "Finish",
                    icon=":material/check:",
                    key="tour-next",
                    type="primary",
                    on_click=leave,
                    help="End the tour and stay here",
                )
            elif st.button(
                "Next",
                icon=":material/arrow_forward:",
                key="tour-next",
                type="primary",
                help=f"Step {number + 1}: {STEPS[number].title}",
            ):
                go_to_step(number + 1)
            if not last:
                st.button("Leave", key="tour-leave", on_click=leave, help="End the tour here")


def leave() -> None:
    share(tour=None)
