"""A visitor who presses buttons, fills boxes and uploads files, without a browser."""

import asyncio
import contextlib
import urllib.request
import uuid

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.visitor import Visitor

KINDS = ("button", "text_input", "number_input", "file_uploader")
BOUNDARY = "a-boundary-that-no-file-holds"


class Hand(Visitor):
    """One session that can use the page's widgets by their labels.

    address: the part of the address after "?", as the page last wrote it.
    """

    address = ""

    def __init__(self, host: str, page: str = "", query: str = "") -> None:
        super().__init__(host, page, query)
        self.ids: dict[str, str] = {}
        self.alerts: list[str] = []
        self._states: dict[str, WidgetState] = {}
        self._links: list[tuple[str, str]] = []

    async def use(self, button: str = "", **values: str | float) -> None:
        """Fill boxes and press a button, in one message; the labels have `_` for a space.

        What was filled stays. Raises KeyError for a label that the page does not have.
        """
        for label, value in values.items():
            state = self._state(label.replace("_", " "))
            if isinstance(value, str):
                state.string_value = value
            else:
                state.double_value = value
        message = BackMsg()
        rerun = message.rerun_script
        rerun.page_name, rerun.query_string = self.page, self.address or self.query
        rerun.widget_states.widgets.extend(self._states.values())
        if button:
            pressed = rerun.widget_states.widgets.add()
            pressed.id, pressed.trigger_value = self.ids[button], True
        self._in_context(message)
        await self._socket.send(message.SerializeToString())
        await self._until(lambda: False, finish=True)

    async def upload(self, label: str, name: str, content: bytes) -> None:
        """Put a file into the box for files."""
        ask = BackMsg()
        ask.file_urls_request.request_id = uuid.uuid4().hex
        ask.file_urls_request.file_names.append(name)
        self._links = []
        await self._socket.send(ask.SerializeToString())
        await self._until(lambda: bool(self._links))
        file_id, where = self._links[0]
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n'
        body = head.encode() + b"Content-Type: application/zip\r\n\r\n" + content
        request = urllib.request.Request(
            f"http://{self.host}{where}",
            body + f"\r\n--{BOUNDARY}--\r\n".encode(),
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=60).close()
        state = self._state(label)
        file = state.file_uploader_state_value.uploaded_file_info.add()
        file.file_id, file.name, file.size = file_id, name, len(content)
        file.file_urls.file_id, file.file_urls.upload_url = file_id, where
        file.file_urls.delete_url = where
        await self.use()

    def _state(self, label: str) -> WidgetState:
        self._states[label] = WidgetState(id=self.ids[label])
        return self._states[label]

    async def settle(self) -> None:
        """Take messages until none has come for a third of a second."""
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(self._until(lambda: False, finish=True), 0.33)

    def _hear(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "page_info_changed":
            self.address = message.page_info_changed.query_string
        elif kind == "file_urls_response":
            self._links = [
                (one.file_id, one.upload_url) for one in message.file_urls_response.file_urls
            ]
        elif kind == "delta":
            element = message.delta.new_element
            if (name := element.WhichOneof("type")) in KINDS:
                widget = getattr(element, name)
                self.ids[widget.label] = widget.id
            elif name == "alert":
                self.alerts.append(element.alert.body[:200])
