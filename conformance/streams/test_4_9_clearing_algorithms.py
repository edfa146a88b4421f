"""ClearAlgorithms of §4.9.4, §4.9.5, §5.5.4 and §6.4.2: a stream that has ended lets go of its callbacks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import outcome
from whatwg_streams import ReadableStream, TransformStream, WritableStream


class Callbacks:
    """A source, sink or transformer that keeps its controller nowhere."""

    def __init__(self, ends: str = "") -> None:
        self._ends = ends

    def start(self, controller: Any) -> None:
        if self._ends:
            getattr(controller, self._ends)()

    def pull(self, _controller: object) -> None:
        """Nothing comes."""

    def write(self, _chunk: object, controller: Any) -> None:
        controller.error()

    def transform(self, _chunk: object, controller: Any) -> None:
        controller.terminate()

    def flush(self, _controller: object) -> None:
        """Nothing more comes."""

    def close(self) -> None:
        """Nothing more is needed."""

    def abort(self, _reason: object) -> None:
        """Nothing more is needed."""

    def cancel(self, _reason: object) -> None:
        """Nothing more is needed."""


class ByteCallbacks(Callbacks):
    type = "bytes"


def nothing(_stream: object) -> None:
    """It has ended by itself."""


@pytest.mark.parametrize("kind", [Callbacks, ByteCallbacks])
@pytest.mark.parametrize("ends", ["close", "error", "", "still open"])
async def test_a_readable_stream(kind: type[Callbacks], ends: str) -> None:
    source = kind("" if ends == "still open" else ends)
    reference = weakref.ref(source)
    stream: ReadableStream[Any] = ReadableStream(source)
    del source
    await settle()
    if not ends:
        await stream.cancel()
    await settle()
    gc.collect()
    assert (reference() is None) is (ends != "still open")
    assert not stream.locked


def close(stream: WritableStream[Any]) -> None:
    outcome(stream.close())


def abort(stream: WritableStream[Any]) -> None:
    outcome(stream.abort("why"))


def write(stream: WritableStream[Any]) -> None:
    with stream.get_writer() as writer:
        outcome(writer.write("a"))


@pytest.mark.parametrize(("end", "let_go_of"), [(close, True), (abort, True), (write, True), (nothing, False)])
async def test_a_writable_stream(end: Callable[[WritableStream[Any]], None], let_go_of: bool) -> None:
    sink = Callbacks()
    reference = weakref.ref(sink)
    stream: WritableStream[Any] = WritableStream(sink)
    del sink
    await settle()
    end(stream)
    await settle()
    gc.collect()
    assert (reference() is None) is let_go_of


@pytest.mark.parametrize("ends", ["error", "terminate", "close", "abort", "cancel", "still open"])
async def test_a_transform_stream(ends: str) -> None:
    transformer = Callbacks(ends if ends in {"error", "terminate"} else "")
    reference = weakref.ref(transformer)
    stream: TransformStream[Any, Any] = TransformStream(transformer)
    del transformer
    await settle()
    if ends == "close":
        outcome(stream.writable.close())
    elif ends == "abort":
        outcome(stream.writable.abort())
    elif ends == "cancel":
        outcome(stream.readable.cancel())
    await settle()
    gc.collect()
    assert (reference() is None) is (ends != "still open")
