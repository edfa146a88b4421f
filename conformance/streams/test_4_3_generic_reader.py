"""§4.3 The ReadableStreamGenericReader mixin: https://streams.spec.whatwg.org/#generic-reader-mixin"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, RecordingSource, outcome, reason_of, rejected
from whatwg_streams import ReadableStream

ERROR = ValueError("the reason")

MODES = pytest.mark.parametrize("mode", [None, "byob"])
Mode = Literal["byob"] | None


def byte_source_and_stream() -> tuple[RecordingSource, ReadableStream[Any]]:
    """A byte stream has readers of both kinds."""
    source = RecordingSource(type="bytes")
    return source, ReadableStream(source)


def reader_of(stream: ReadableStream[Any], mode: Mode) -> Any:
    return stream.get_reader(mode=mode)


@MODES
async def test_closed_is_pending_then_fulfills_when_the_stream_is_closed(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    closed = reader.closed
    assert outcome(closed) == PENDING
    source.controller.close()
    assert reader.closed is closed
    assert outcome(closed) == FULFILLED


@MODES
async def test_closed_rejects_with_the_error_of_the_stream_and_needs_no_handler(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    closed = reader.closed
    source.controller.error(ERROR)
    await settle()  # nobody has handled it, and nothing is reported
    assert reader.closed is closed
    assert outcome(closed) == rejected(ERROR)


@MODES
def test_closed_of_a_reader_that_comes_late(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    source.controller.close()
    assert outcome(reader_of(stream, mode).closed) == FULFILLED
    source, stream = byte_source_and_stream()
    source.controller.error(ERROR)
    assert outcome(reader_of(stream, mode).closed) == rejected(ERROR)


@MODES
async def test_releasing_rejects_the_same_promise_while_the_stream_is_readable(mode: Mode) -> None:
    _, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    closed = reader.closed
    reader.release_lock()
    await settle()
    assert reader.closed is closed
    assert isinstance(reason_of(closed), TypeError)


@MODES
@pytest.mark.parametrize("end", ["closed", "errored"])
async def test_releasing_replaces_the_promise_once_it_was_settled(mode: Mode, end: str) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    before = reader.closed
    if end == "closed":
        source.controller.close()
    else:
        source.controller.error(ERROR)
    reader.release_lock()
    await settle()
    assert reader.closed is not before
    assert isinstance(reason_of(reader.closed), TypeError)
    assert outcome(before) == (FULFILLED if end == "closed" else rejected(ERROR))


@MODES
async def test_a_released_reader_does_not_hear_of_what_comes_later(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    reader.release_lock()
    closed = reader.closed
    source.controller.close()
    assert reader.closed is closed
    assert isinstance(reason_of(closed), TypeError)


@MODES
async def test_cancel_of_a_reader_cancels_its_stream(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    assert await reader.cancel("why") is None
    assert source.events == [("start",), ("cancel", "why")]
    assert outcome(reader.closed) == FULFILLED
    assert stream.locked


@MODES
async def test_cancel_of_a_released_reader_is_a_type_error(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    reader.release_lock()
    assert isinstance(reason_of(reader.cancel("why")), TypeError)
    assert source.events == [("start",)]


@MODES
async def test_cancel_with_the_error_of_the_stream(mode: Mode) -> None:
    source, stream = byte_source_and_stream()
    reader = reader_of(stream, mode)
    source.controller.error(ERROR)
    assert outcome(reader.cancel("why")) == rejected(ERROR)
    assert source.events == [("start",)]
