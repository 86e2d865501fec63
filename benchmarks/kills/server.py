"""Kill -9 of the server while a visitor draws, keeps, imports, renames, deletes, starts a training.

An act has happened as a whole or not at all. After a restart the visitor does what is not done yet.
"""

import asyncio
import contextlib
import io
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kills.dashboard import Dashboard
from benchmarks.kills.hand import Hand
from benchmarks.kills.whole import Tally, end_trainings, moment, same, torn, wait_for
from bnnlib.networks import DropoutConfig
from bnnlib.runs import queue, worker
from bnnlib.runs.archive import export_run, import_run
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.runs.keep import best_network
from bnnlib.runs.run import Run
from bnnlib.storage.checkpoints import load_checkpoint
from bnnlib.training.config import TrainingConfig

SHORT = TrainingConfig(epochs=2, images=200, device="cpu")
FORM = {"Epochs": 6, "Training_images_at_most": 400, "Hidden_width": 32}
STROKES = [[20, 80, 60, 200, 60, 110, 230], [20, 90, 150, 190, 150]]
ACT_SECONDS, STROKE_SECONDS = 0.4, 1.5  # about so long an act takes


@dataclass(frozen=True)
class Act:
    """What a visitor does. do: it. done: whether it has happened, as a whole."""

    name: str
    page: str
    query: str
    do: Callable[[Hand], Awaitable[object]]
    done: Callable[[], bool]


class Scene:
    """The folders of a server, with a finished run in them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.checkpoints = folder, folder / "runs", folder / "checkpoints"
        for one in (self.runs, self.checkpoints):
            one.mkdir(parents=True)
        self.source = create_run(
            self.runs / "source", RunConfig(DropoutConfig(hidden=(64,) * 3), SHORT, "quick")
        )
        train(self.source)
        archive = io.BytesIO()
        export_run(self.source, archive)
        self.archive = archive.getvalue()
        self.imported = import_run(io.BytesIO(self.archive), folder / "reference" / "imported")
        self.straight: Run | None = None  # what the form starts, never killed

    def listed(self) -> set[Path]:
        """Everything in both folders, what is hidden too."""
        return {path for one in (self.runs, self.checkpoints) for path in one.iterdir()}

    def acts(self, k: int) -> list[Act]:
        """All that a visitor does; k: makes the names new."""
        kept, imported = self.checkpoints / f"kept{k}", self.runs / f"imported{k}"
        old, new, started = (self.runs / f"{what}{k}" for what in ("old", "new", "started"))
        if not (old.exists() or new.exists()):
            shutil.copytree(self.source.folder, old)

        async def draw(hand: Hand) -> None:
            await hand.draw(STROKES, STROKE_SECONDS)
            await hand.settle()

        async def bring(hand: Hand) -> None:
            await hand.upload("Exported run", f"{imported.name}.zip", self.archive)
            await hand.use("Import")

        return [
            Act("while drawing", "", "example=blank", draw, lambda: True),
            Act(
                "while keeping",
                "Train",
                "run=source",
                lambda hand: hand.use("Keep it", Name_of_the_checkpoint=kept.name),
                lambda: kept.exists() and self.is_kept(kept),
            ),
            Act(
                "while importing",
                "Train",
                "run=source",
                bring,
                lambda: imported.exists() and same(Run(imported).state(), self.imported.state()),
            ),
            Act(
                "while renaming",
                "Train",
                f"run={old.name}",
                lambda hand: hand.use("Rename the run", New_name=new.name),
                lambda: new.exists() and not old.exists() and self.is_copy(new),
            ),
            Act(
                "while deleting",
                "Train",
                f"run={old.name}",
                lambda hand: hand.use("Delete for good"),
                lambda: not old.exists(),
            ),
            Act(
                "while starting a training",
                "Train",
                "",
                lambda hand: hand.use("Start training", Name=started.name, **FORM),
                lambda: started.exists() and self.ends_like_others(Run(started)),
            ),
        ]

    def is_kept(self, folder: Path) -> bool:
        state = self.source.state()
        assert state is not None
        best = best_network(self.source.config, state).state_dict()
        return same(dict(load_checkpoint(folder).state_dict()), dict(best))

    def is_copy(self, folder: Path) -> bool:
        return same(Run(folder).state(), self.source.state())

    def ends_like_others(self, run: Run) -> bool:
        """Whether the run that the form started ends like one on a server never killed."""
        if run.status.state == "new":  # killed between its folder and its process
            queue.start(run)
        wait_for(lambda: not run.status.active)
        if self.straight is None:
            straight = self.folder / "reference" / "started"
            self.straight = create_run(straight, run.config, run.pinned())
            train(self.straight)
        return run.status.state == "finished" and same(run.state(), self.straight.state())


def train(run: Run) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        worker.work(run)


def kill_servers(moments: int, seed: int, folder: Path) -> Tally:
    """Kill the server at so many moments."""
    dice, tally, scene = random.Random(seed), Tally("server"), Scene(folder)
    dashboard = Dashboard(scene.runs, scene.checkpoints)
    order: list[int] = []
    happened = 0
    try:
        dashboard.start()
        for k in range(moments):
            order = order or dice.sample(range(6), 6)
            act = scene.acts(k)[order.pop()]
            faults, changed = asyncio.run(struck(act, scene, dashboard, dice))
            tally.count(act.name, faults)
            happened += changed
        hidden = [path for path in scene.listed() if path.name.startswith(".") and path.is_dir()]
        tally.notes.append(
            f"{happened} acts had happened before the kill; {len(hidden)} left something hidden"
        )
    finally:
        dashboard.kill()
        end_trainings(scene.runs)
    return tally


async def struck(
    act: Act, scene: Scene, dashboard: Dashboard, dice: random.Random
) -> tuple[list[str], bool]:
    """Kill the server in the act, and start it again.

    Returns what is wrong then, and whether the act had changed what is listed before the kill.
    """
    before = scene.listed()
    async with Hand(dashboard.host, act.page, act.query) as hand:
        await hand.open()
        await hand.settle()
        await asyncio.gather(
            act.do(hand), strike(act, scene, dashboard, dice), return_exceptions=True
        )
        address = hand.address
    shown = {path for path in before ^ scene.listed() if not path.name.startswith(".")}
    faults = torn(scene.runs, scene.checkpoints)
    dashboard.start()
    query = address if not act.page and address else act.query
    async with Hand(dashboard.host, act.page, query) as hand:
        await hand.open()
        await hand.settle()
        if not act.page and "drawing=" in address and not hand.sentence.startswith("Both"):
            faults.append(f"the drawing did not come back: {hand.sentence}")
        if not act.done():
            await act.do(hand)
        if not act.done():
            faults.append(f"could not be done after the restart: {hand.alerts[-2:]}")
        faults += [f"the page says: {error}" for error in hand.errors]
    return faults + torn(scene.runs, scene.checkpoints), bool(shown)


async def strike(act: Act, scene: Scene, dashboard: Dashboard, dice: random.Random) -> None:
    """Kill the server at a moment of the act; every other time, right after it has begun to write.

    Drawing writes nothing.
    """
    if not act.page or dice.random() < 0.5:
        await asyncio.sleep(moment(dice, ACT_SECONDS if act.page else 2 * STROKE_SECONDS))
    else:
        before, until = scene.listed(), time.monotonic() + 10 * ACT_SECONDS
        while scene.listed() == before and time.monotonic() < until:
            await asyncio.sleep(0)
        await asyncio.sleep(dice.uniform(0, 0.005))
    dashboard.kill()
