"""§9.1: reading, and reading all bytes."""

from __future__ import annotations

import array
import sys
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import outcome, rejected
from tests.support.set_up_streams import BOTH_KINDS, set_up_either, set_up_stream
from whatwg_streams import (
    ReadableStreamDefaultReader,
)
from whatwg_streams.other_specs import (
    cancel_reader,
    close_readable_stream,
    enqueue_into_readable_stream,
    error_readable_stream,
    get_a_reader,
    is_closed,
    is_locked,
    is_readable,
    new,
    read_a_chunk,
    read_all_bytes,
    release_reader,
    set_up_reader,
)

# Reading -------------------------------------------------------------------------------------------------


class _Request:
    """A read request that logs."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def chunk_steps(self, chunk: object) -> None:
        self.events.append(("chunk", chunk))

    def close_steps(self) -> None:
        self.events.append(("close",))

    def error_steps(self, e: object) -> None:
        self.events.append(("error", e))


async def test_a_chunk_is_read_at_once_where_there_is_one() -> None:
    stream = set_up_stream()
    enqueue_into_readable_stream(stream, "a")
    reader = get_a_reader(stream)
    request = _Request()
    read_a_chunk(reader, request)
    assert request.events == [("chunk", "a")]
    read_a_chunk(reader, request)
    enqueue_into_readable_stream(stream, "b")
    read_a_chunk(reader, request)
    close_readable_stream(stream)
    assert request.events[1:] == [("chunk", "b"), ("close",)]


async def test_a_read_request_is_told_of_an_error() -> None:
    stream = set_up_stream()
    reader = get_a_reader(stream)
    request = _Request()
    read_a_chunk(reader, request)
    error_readable_stream(stream, "broken")
    assert outcome(reader.closed) == rejected("broken")
    read_a_chunk(reader, request)
    assert request.events == [("error", "broken"), ("error", "broken")]


async def test_a_second_reader_is_refused() -> None:
    stream = set_up_stream()
    get_a_reader(stream)
    with pytest.raises(TypeError):
        get_a_reader(stream)
    with pytest.raises(TypeError):
        set_up_reader(new(ReadableStreamDefaultReader), stream)


async def test_a_reader_can_be_set_up() -> None:
    stream = set_up_stream()
    reader: ReadableStreamDefaultReader[Any] = new(ReadableStreamDefaultReader)
    set_up_reader(reader, stream)
    assert is_locked(stream)
    enqueue_into_readable_stream(stream, 1)
    assert (await reader.read()).value == 1
    release_reader(reader)
    assert not is_locked(stream)


async def test_a_reader_cancels_its_stream() -> None:
    reasons: list[object] = []
    stream = set_up_stream(cancel_algorithm=reasons.append)
    reader = get_a_reader(stream)
    await cancel_reader(reader, "enough")
    assert reasons == ["enough"]
    assert is_closed(stream)


# Read all bytes ------------------------------------------------------------------------------------------


class _Result:
    def __init__(self, reader: ReadableStreamDefaultReader[Any]) -> None:
        self.events: list[tuple[str, Any]] = []
        read_all_bytes(
            reader, lambda data: self.events.append(("bytes", data)), lambda e: self.events.append(("failed", e))
        )


@BOTH_KINDS
async def test_all_bytes_of_chunks_that_are_queued(kind: str) -> None:
    stream = set_up_either(kind)
    for chunk in (b"one ", bytearray(b"two "), memoryview(b"- three -")[2:7]):
        enqueue_into_readable_stream(stream, chunk)
    close_readable_stream(stream)
    result = _Result(get_a_reader(stream))
    assert result.events == [("bytes", b"one two three")]


@BOTH_KINDS
async def test_all_bytes_of_chunks_that_come_later(kind: str) -> None:
    stream = set_up_either(kind)
    enqueue_into_readable_stream(stream, b"a")
    result = _Result(get_a_reader(stream))
    for chunk in (b"b", b"c"):
        enqueue_into_readable_stream(stream, chunk)
        await settle()
    assert result.events == []
    close_readable_stream(stream)
    assert result.events == [("bytes", b"abc")]


async def test_all_bytes_of_nothing() -> None:
    stream = set_up_stream()
    close_readable_stream(stream)
    assert _Result(get_a_reader(stream)).events == [("bytes", b"")]


@BOTH_KINDS
async def test_thousands_of_queued_chunks_need_no_stack(kind: str) -> None:
    stream = set_up_either(kind)
    count = 3 * sys.getrecursionlimit()
    for number in range(count):
        enqueue_into_readable_stream(stream, bytes([number % 251]))
    close_readable_stream(stream)
    [(how, data)] = _Result(get_a_reader(stream)).events
    assert how == "bytes"
    assert data == bytes(number % 251 for number in range(count))


async def test_thousands_of_chunks_that_a_pull_gives_at_once_need_no_stack() -> None:
    left = 3 * sys.getrecursionlimit()

    def pull() -> None:
        nonlocal left
        left -= 1
        enqueue_into_readable_stream(stream, b"x")
        if left == 0:
            close_readable_stream(stream)

    count = left
    stream = set_up_stream(pull_algorithm=pull, high_water_mark=0)
    result = _Result(get_a_reader(stream))
    while not result.events:
        await settle()
    assert result.events == [("bytes", b"x" * count)]


@pytest.mark.parametrize("chunk", ["text", None, 3, [1, 2], array.array("H", [1]), memoryview(b"abcd")[::2]], ids=repr)
@pytest.mark.parametrize("queued", [True, False])
async def test_a_chunk_that_is_not_bytes_fails(chunk: object, queued: bool) -> None:
    stream = set_up_stream()
    if queued:
        enqueue_into_readable_stream(stream, b"good")
        enqueue_into_readable_stream(stream, chunk)
    result = _Result(get_a_reader(stream))
    if not queued:
        enqueue_into_readable_stream(stream, b"good")
        enqueue_into_readable_stream(stream, chunk)
    [(how, error)] = result.events
    assert how == "failed"
    assert isinstance(error, TypeError)
    # It stops there, and leaves the stream as it is.
    enqueue_into_readable_stream(stream, b"more")
    assert len(result.events) == 1
    assert is_readable(stream)


async def test_an_error_of_the_stream_fails() -> None:
    stream = set_up_stream()
    enqueue_into_readable_stream(stream, b"some")
    reader = get_a_reader(stream)
    result = _Result(reader)
    error = object()
    error_readable_stream(stream, error)
    assert result.events == [("failed", error)]
    assert outcome(reader.closed) == rejected(error)
