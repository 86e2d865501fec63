"""Several visitors at once, over the websocket that browsers use: each has his own state."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from benchmarks.visitor import Visitor

Result = TypeVar("Result")
ONE = [[20, 140, 40, 140, 240]]
ZERO = [
    [20, *(c for x, y in ((140, 40), (80, 140), (140, 240), (200, 140), (140, 40)) for c in (x, y))]
]


def in_a_loop_of_its_own(work: Coroutine[Any, Any, Result]) -> Result:
    """Playwright's browser keeps a loop running in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_each_sees_his_own_drawing_seed_and_networks(server: str) -> None:
    host = server.removeprefix("http://")

    async def both() -> tuple[Visitor, Visitor]:
        async with (
            Visitor(host, query="example=blank") as her,
            Visitor(
                host, query="example=blank&left=dropout-robust&right=bayesian-t1&seed=7"
            ) as him,
        ):
            await asyncio.gather(her.open(), him.open())
            for _ in range(3):
                await asyncio.gather(her.draw(ONE), him.draw(ZERO))
        return her, him

    her, him = in_a_loop_of_its_own(both())
    assert not her.errors
    assert not him.errors
    assert "1" in her.sentence
    assert "0" not in her.sentence.replace("400", "")
    assert "0" in him.sentence.replace("400", "")
    assert her.cards == ["dropout", "bayesian"]
    assert him.cards == ["dropout-robust", "bayesian-t1"]


def test_a_lost_connection_in_the_middle_of_a_stroke_disturbs_nobody_else(server: str) -> None:
    host = server.removeprefix("http://")

    async def evening() -> Visitor:
        async with Visitor(host, query="example=blank") as staying:
            await staying.open()
            for _ in range(3):
                async with Visitor(host, query="example=blank") as leaving:
                    await leaving.open()
                    await asyncio.gather(staying.draw(ONE), leaving._tell(ZERO, down=True))
            await staying.draw(ONE)
        return staying

    staying = in_a_loop_of_its_own(evening())
    assert not staying.errors
    assert "1" in staying.sentence
