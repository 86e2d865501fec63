"""A visitor without a browser: a session over Streamlit's own websocket, as its client speaks it.

    async with Visitor("127.0.0.1:8501") as visitor:
        seconds = await visitor.open()
        seconds = await visitor.draw([[20, 140, 40, 140, 240]])

A message with a drawing asks for the fragment that holds the canvas, with the state that the canvas
would send. Its answer is there when a chart comes that knows the last move of the pen.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PATIENCE = 60.0  # seconds
MOVES = re.compile(r'"moves":\s*(\d+)')
PAUSE = re.compile(r'pause[\\"]*:\s*(\d+)')
LABELS = re.compile(r'aria-label="([^"]+)"')
TAGS = re.compile(r"<[^>]+>")


class Visitor:
    """One session.

    errors: what the page said of exceptions. sentence: its last verdict. live: how many answers
    came while the pen was down. cards: the networks that answered.
    """

    def __init__(self, host: str, page: str = "", query: str = "") -> None:
        self.host, self.page, self.query = host, page, query
        self.errors: list[str] = []
        self.sentence = ""
        self.live = 0
        self.title = ""
        self.cards: list[str] = []
        self._pad = self._fragment = self._hash = ""
        self._cached: list[str] = []
        self._moves = self._number = 0

    async def __aenter__(self) -> Self:
        self._socket = await websockets.connect(
            f"ws://{self.host}/_stcore/stream",
            origin=f"http://{self.host}",  # type: ignore[arg-type]
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            ping_interval=None,
            close_timeout=0.2,
            open_timeout=PATIENCE,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()

    async def open(self) -> float:
        """Load the page; seconds until its script has finished."""
        began = time.monotonic()
        message = BackMsg()
        message.rerun_script.page_name = self.page
        message.rerun_script.query_string = self.query
        self._in_context(message)
        await self._socket.send(message.SerializeToString())
        await self._until(lambda: False, finish=True)
        return time.monotonic() - began

    async def go(self, page: str) -> float:
        """Go to another page in the same session; seconds until its script has finished."""
        self.page, self._pad = page, ""
        return await self.open()

    async def draw(self, strokes: list[list[int]], seconds: float = 0.0) -> float:
        """Draw strokes, each its width and then x and y in turn; seconds from pen up to the chart.

        seconds: how long the last stroke takes. Meanwhile the canvas tells of it as often as it is
        answered, as the browser's does.
        """
        *before, whole = strokes
        began = time.monotonic()
        told = began
        while (part := (time.monotonic() - began) / seconds if seconds else 1.0) < 1:
            if (wait := told + self._pause - time.monotonic()) > 0:
                await asyncio.sleep(min(wait, began + seconds - time.monotonic()))
                continue
            told = time.monotonic()
            points = 1 + 2 * max(1, round(len(whole) // 2 * part))
            self._moves += 1
            await self._tell([*before, whole[:points]], down=True)
            await self._until(self._knows_last_move)
            self.live += 1
            await asyncio.sleep(1 / 60)  # the next frame
        self._moves += 1
        began = time.monotonic()
        await self._tell(strokes, down=False)
        await self._until(self._knows_last_move)
        return time.monotonic() - began

    def _knows_last_move(self) -> bool:
        return self._seen_moves >= self._moves

    async def _tell(self, strokes: list[list[int]], down: bool) -> None:
        """What the canvas sends of its drawing."""
        self._number += 1
        drawing = {"strokes": strokes, "down": down, "moves": self._moves, "number": self._number}
        message = BackMsg()
        rerun = message.rerun_script
        rerun.page_script_hash, rerun.fragment_id = self._hash, self._fragment
        rerun.query_string = self.query
        rerun.cached_message_hashes.extend(self._cached)
        state = rerun.widget_states.widgets.add()
        state.id, state.json_value = self._pad, json.dumps({"drawing": drawing})
        self._in_context(message)
        self._seen_moves = -1
        await self._socket.send(message.SerializeToString())

    async def _until(self, done: Callable[[], bool], finish: bool = False) -> None:
        """Take messages until `done()`; finish: or until the script has finished."""
        while not done():
            raw = await asyncio.wait_for(self._socket.recv(), PATIENCE)
            message = ForwardMsg()
            message.ParseFromString(raw if isinstance(raw, bytes) else raw.encode())
            self._hear(message)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._hash = message.new_session.page_script_hash
            elif kind == "delta":
                self._take(message)
            elif kind == "script_finished" and finish:
                # A run that a newer one has overtaken ends too; the newer one is to come.
                early = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN
                if message.script_finished != early:
                    return

    def _hear(self, message: ForwardMsg) -> None:
        """Every message, for those who listen to more than this class does."""

    def _take(self, message: ForwardMsg) -> None:
        if message.metadata.cacheable and message.hash:
            self._cached = [*self._cached[-30:], message.hash]
        delta = message.delta
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "bidi_component" and re.search(r"-pad\d+$", element.bidi_component.id):
            self._pad, self._fragment = element.bidi_component.id, delta.fragment_id
            if found := PAUSE.search(str(element.bidi_component)):
                self._pause = int(found[1]) / 1_000
        elif kind == "plotly_chart" and (found := MOVES.search(element.plotly_chart.spec)):
            self._seen_moves = int(found[1])
        elif kind == "exception":
            self.errors.append(element.exception.message[:300])
        elif kind == "html" and 'class="sentence"' in element.html.body:
            self.sentence = TAGS.sub("", element.html.body).strip()
        elif kind == "html" and 'class="verdicts"' in element.html.body:
            self.cards = LABELS.findall(element.html.body)
        elif kind == "heading" and element.heading.tag == "h1":
            self.title = element.heading.body

    def _in_context(self, message: BackMsg) -> None:
        context = message.rerun_script.context_info
        context.timezone, context.locale, context.color_scheme = "UTC", "en-US", "light"
        context.url = f"http://{self.host}/{self.page}"

    _seen_moves = -1
    _pause = 0.0  # seconds between two messages while the pen is down
