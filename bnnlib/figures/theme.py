"""The colours that all figures share, in the light and in the dark theme.

Colours are Okabe & Ito's, which can be told apart with any colour vision. Where a name has a
`_DARK` twin, it belongs to the dark theme.
"""

TEXT, TEXT_DARK = "#16202C", "#E8EDF3"
PAPER, PAPER_DARK = "#FFFFFF", "#0F151D"
GRID, GRID_DARK = "rgba(22, 32, 44, 0.13)", "rgba(232, 237, 243, 0.16)"
BAND, BAND_DARK = "rgba(22, 32, 44, 0.045)", "rgba(232, 237, 243, 0.05)"
CLEAR = "rgba(0,0,0,0)"
BASELINE = "#7f8c99"  # for what every network is compared with
MISTAKE = "#D55E00"  # vermilion; never the only sign of a mistake

LEFT, LEFT_TEXT = "#E69F00", "#8F5E00"  # orange is too pale for letters on white
RIGHT, RIGHT_DARK = "#0072B2", "#56B4E9"
PALETTE = {  # dark -> the colours of training runs side by side
    False: (RIGHT, LEFT, "#009E73", "#CC79A7", MISTAKE, BASELINE),
    True: (RIGHT_DARK, LEFT, "#009E73", "#CC79A7", MISTAKE, "#F0E442"),
}


def ink(dark: bool) -> str:
    """The colour of text and of neutral marks."""
    return TEXT_DARK if dark else TEXT


def paper(dark: bool) -> str:
    """The colour of the page."""
    return PAPER_DARK if dark else PAPER


def grid_lines(dark: bool) -> str:
    """The colour of grid lines."""
    return GRID_DARK if dark else GRID


def chosen(dark: bool) -> str:
    """The colour of a frame around what is selected."""
    return RIGHT_DARK if dark else RIGHT


def network_colours(dark: bool) -> tuple[str, str]:
    """The colours of the left and the right network."""
    return LEFT, RIGHT_DARK if dark else RIGHT


def text_colours(dark: bool) -> tuple[str, str]:
    """The same for letters, with a contrast to the page of at least 4.5 : 1."""
    return (LEFT, RIGHT_DARK) if dark else (LEFT_TEXT, RIGHT)
