"""Underlying byte sources that record what happens to them, and buffers of a kind that is not Python's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from whatwg_streams import ReadableByteStreamController, ReadableStream, ReadableStreamBYOBRequest
from whatwg_streams._platform import buffers, host
from whatwg_streams._platform.buffers import ArrayBuffer, ArrayBufferView

Callback: TypeAlias = "Callable[[Any], object]"


class ByteSource:
    """An underlying byte source that does nothing by itself, unless it is given functions.

    ``events`` has the calls in their order: "start", "pull", and "cancel" with its reason.
    """

    type = "bytes"
    controller: ReadableByteStreamController

    def __init__(
        self,
        *,
        on_start: Callback | None = None,
        on_pull: Callback | None = None,
        on_cancel: Callback | None = None,
        auto_allocate_chunk_size: int | None = None,
    ) -> None:
        self.events: list[object] = []
        self.auto_allocate_chunk_size = auto_allocate_chunk_size
        self.on_start = on_start
        self.on_pull = on_pull
        self.on_cancel = on_cancel

    def start(self, controller: ReadableByteStreamController) -> object:
        self.events.append("start")
        self.controller = controller
        return self.on_start(controller) if self.on_start else None

    def pull(self, controller: ReadableByteStreamController) -> object:
        self.events.append("pull")
        return self.on_pull(controller) if self.on_pull else None

    def cancel(self, reason: object) -> object:
        self.events.append(("cancel", reason))
        return self.on_cancel(reason) if self.on_cancel else None

    @property
    def pulls(self) -> int:
        return self.events.count("pull")

    @property
    def request(self) -> ReadableStreamBYOBRequest:
        """The BYOB request, which there has to be."""
        request = self.controller.byob_request
        assert request is not None
        return request

    @property
    def view(self) -> memoryview:
        """The view of the BYOB request."""
        view = self.request.view
        assert view is not None
        return view

    def respond(self, data: bytes) -> None:
        """Write to the view of the BYOB request, and respond with it."""
        request = self.request
        self.view[: len(data)] = data
        request.respond(len(data))


def byte_stream(
    source: ByteSource | None = None, *, high_water_mark: float = 0
) -> tuple[ReadableStream[memoryview], ByteSource]:
    """Return a byte stream with its source."""
    source = source or ByteSource()
    return ReadableStream(source, {"high_water_mark": high_water_mark}), source


# Foreign buffers ------------------------------------------------------------------------------------


class ForeignBuffer:
    """A buffer that is really detached, and that may be barred from it: an ArrayBuffer of some engine."""

    def __init__(self, data: bytes | bytearray | int, *, transferable: bool = True) -> None:
        self._memory: bytearray | None = data if isinstance(data, bytearray) else bytearray(data)
        self.transferable = transferable

    @property
    def byte_length(self) -> int:
        return 0 if self._memory is None else len(self._memory)

    @property
    def detached(self) -> bool:
        return self._memory is None

    @property
    def data(self) -> memoryview:
        assert self._memory is not None
        return memoryview(self._memory)

    def can_transfer(self) -> bool:
        return self._memory is not None and self.transferable

    def transfer(self) -> ForeignBuffer:
        if not self.transferable or self._memory is None:
            raise TypeError("the foreign buffer can not be transferred")
        memory, self._memory = self._memory, None
        return ForeignBuffer(memory)


class ForeignView:
    """A view onto a foreign buffer, as its users know it."""

    def __init__(self, buffer: ForeignBuffer, byte_offset: int = 0, length: int | None = None, size: int = 1) -> None:
        self.buffer = buffer
        self.byte_offset = byte_offset
        self.size = size
        self.length = (buffer.byte_length - byte_offset) // size if length is None else length

    @property
    def content(self) -> bytes:
        return bytes(self.buffer.data[self.byte_offset : self.byte_offset + self.length * self.size])

    def write(self, data: bytes) -> None:
        self.buffer.data[self.byte_offset : self.byte_offset + len(data)] = data


class ForeignConstructor:
    """Makes foreign views of one element size."""

    def __init__(self, element_size: int) -> None:
        self.element_size = element_size

    def construct(self, buffer: ForeignBuffer, byte_offset: int, length: int) -> ForeignView:
        return ForeignView(buffer, byte_offset, length, self.element_size)


def _view_of_foreign_view(view: ForeignView) -> ArrayBufferView:
    return ArrayBufferView(view.buffer, view.byte_offset, view.length * view.size, ForeignConstructor(view.size), view)


@contextmanager
def foreign_buffers(construct: Callable[[int], ArrayBuffer] = ForeignBuffer) -> Iterator[None]:
    """Let streams take foreign views, and allocate foreign buffers."""
    before = host.set_array_buffer_constructor(construct, ForeignConstructor(1))
    host.register_view(ForeignView, _view_of_foreign_view)
    try:
        yield
    finally:
        host.set_array_buffer_constructor(*before)
        del buffers._foreign_views[ForeignView]
