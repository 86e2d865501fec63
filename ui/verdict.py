"""Answers as HTML: a card for each network, the image they saw, and all numbers as a table."""

import html
from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.theme import network_colours
from bnnlib.metrics.answer import Answer, stands
from bnnlib.sentences.answers import Limit, farther, kind_of_doubt

KINDS = {
    "dropout": "Monte Carlo dropout",
    "bayesian": "Bayesian",
    "ensemble": "deep ensemble",
    "laplace": "last-layer Laplace",
}


OTHERS = 3  # digits besides the winner whose votes the card names; the figure has all
DOUBTS = {
    "unlike": "unlike anything seen",
    "contradict": "the {voters} contradict each other",
    "ambiguous": "an ambiguous digit",
}


def card(name: str, kind: str, answer: Answer, limit: Limit, place: int, dark: bool) -> str:
    """The card of one network's answer.

    It gives the digit or "I don't know", its probability, the votes and the answer without
    sampling. limit: the network does not know if its mean probability is below this, or if this
    rule says so; then the card says which kind of doubt it is.
    """
    knows = stands(answer, limit)
    digit, votes = answer.digit, answer.votes
    others = [
        f"{d}: {votes[d]}" for d in np.argsort(-votes, kind="stable") if votes[d] and d != digit
    ]
    also = ", ".join(others[:OTHERS]) + (", …" if len(others) > OTHERS else "")
    baseline = ""
    if answer.deterministic is not None:
        sure = int(answer.deterministic.argmax())
        baseline = (
            f"<li>without sampling: <b>{sure}</b> ({percent(answer.deterministic[sure])})</li>"
        )
    voters = "members" if kind == "ensemble" else "samples"
    doubt = None if knows else kind_of_doubt([answer])
    why = f"<small>{DOUBTS[doubt].format(voters=voters)}</small>" if doubt else ""
    headline = f"{digit}" if knows else "?"
    words = (
        f"{percent(answer.probability)}"
        if knows
        else f"I don't know<small>leans to {digit}, {percent(answer.probability)}</small>{why}"
    )
    distance = ""
    if answer.as_far is not None:
        far = farther(answer.as_far)
        distance = f'<li title="{far}">{far.replace("from the training images ", "")}</li>'
    colour, label = network_colours(dark)[place], html.escape(name)
    return f"""<section class="verdict" style="--network: {colour}" aria-label="{label}">
  <h2>{label} <small>{KINDS[kind]}</small></h2>
  <div class="answer"><span class="digit">{headline}</span>
  <span class="probability{"" if knows else " unsure"}">{words}</span></div>
  <ul><li>5 to 95 % of {voters}: {answer.low[digit]:.2f} to {answer.high[digit]:.2f}</li>
  <li>votes: <b>{votes[digit]} of {votes.sum()}</b>{f" ({also})" if also else ""}</li>
  {baseline}{distance}</ul>
</section>"""


def legend(baseline: bool, distance: bool = False) -> str:
    """The title of the figure of answers, and what its marks mean."""
    marks = [
        ("dots", "a sample"),
        ("mean", "mean, 5 to 95 %"),
        *([("diamond", "without sampling")] if baseline else []),
        ("plain", "aleatoric: each unsure"),
        ("hatched", "epistemic: they differ"),
        *([("needle", "distance")] if distance else []),
    ]
    items = "".join(
        f'<li><i class="{mark}" aria-hidden="true"></i>{text}</li>' for mark, text in marks
    )
    title = "What every sampled network says of each digit, and how much doubt that makes"
    return f'<p class="figure-title">{title}</p><ul class="legend">{items}</ul>'


def seen(image: Tensor, caption: str) -> str:
    """The image the networks see, float `[28, 28]`, as sharp pixels beside its caption."""
    picture = Image.fromarray((image.numpy() * 255).round().astype(np.uint8))
    alt = f"The 28 by 28 pixel image the networks see: {caption}"
    return f"""<figure class="seen"><img src="{embed(to_png(picture))}" alt="{html.escape(alt)}">
<figcaption><b>What the networks see</b><br>{html.escape(caption)}</figcaption></figure>"""


def figures_table(names: Sequence[str], answers: Sequence[Answer]) -> str:
    """Every number of the chart as a Markdown table, with the uncertainties below it."""
    head = "| digit |" + "".join(
        f" {n}: mean | 5 to 95 % | votes |{' without sampling |' * (a.deterministic is not None)}"
        for n, a in zip(names, answers, strict=True)
    )
    rows = [head, "|" + "---:|" * (head.count("|") - 1)]
    for digit in range(10):
        cells = []
        for a in answers:
            cells += [
                f"{a.mean[digit]:.3f}",
                f"{a.low[digit]:.3f} to {a.high[digit]:.3f}",
                f"{a.votes[digit]}",
            ]
            if a.deterministic is not None:
                cells.append(f"{a.deterministic[digit]:.3f}")
        rows.append(f"| **{digit}** | " + " | ".join(cells) + " |")
    splits = [
        f"- {n}: total uncertainty **{a.total:.3f} nats** = "
        f"{a.aleatoric:.3f} aleatoric + {a.epistemic:.3f} epistemic"
        + ("" if a.as_far is None else f"; {farther(a.as_far)}")
        for n, a in zip(names, answers, strict=True)
    ]
    return "\n".join([*rows, "", *splits])


def percent(probability: float) -> str:
    """A probability in words that never claims 0 % or 100 %."""
    if probability > 0.995:
        return "over 99 %"
    return "under 1 %" if probability < 0.005 else f"{100 * probability:.0f} %"
