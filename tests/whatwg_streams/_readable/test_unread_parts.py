"""A read is cancelled after a part of its minimum was there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, byte_stream
from tests.support.reads import bytes_of, cancel, task_of
from whatwg_streams import ReadableStream, ReadableStreamBYOBReader

# A part of the minimum was there ----------------------------------------------------------------------------


async def _partly_filled() -> tuple[ReadableStream[memoryview], ByteSource, ReadableStreamBYOBReader]:
    """A stream that has given two bytes to a read of at least four, which was cancelled."""
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=4))
    source.respond(b"ab")
    await cancel(task)
    return stream, source, reader


async def test_a_part_of_the_minimum_goes_to_the_next_read() -> None:
    _, source, reader = await _partly_filled()
    assert bytes_of(await reader.read(bytearray(8))) == b"ab"
    promise = reader.read(bytearray(8))
    source.controller.enqueue(b"cd")
    assert bytes_of(await promise) == b"cd"


async def test_a_part_of_the_minimum_goes_to_a_default_reader() -> None:
    stream, _, reader = await _partly_filled()
    reader.release_lock()
    value, done = await stream.get_reader().read()
    assert (type(value), bytes(value), done) == (memoryview, b"ab", False)


@pytest.mark.parametrize("how", ["enqueue", "respond"])
async def test_a_part_of_the_minimum_counts_towards_that_of_the_next_read(how: str) -> None:
    _, source, reader = await _partly_filled()
    promise = reader.read(bytearray(8), min=4)
    if how == "enqueue":
        source.controller.enqueue(b"cde")
    else:
        source.respond(b"cde")
    assert bytes_of(await promise) == b"abcde"


async def test_a_part_of_the_minimum_is_not_lost_at_the_end() -> None:
    _, source, reader = await _partly_filled()
    source.controller.close()
    assert bytes_of(await reader.read(bytearray(8))) == b"ab"


async def test_a_read_that_waits_for_more_than_the_part_ends_with_the_stream() -> None:
    _, source, reader = await _partly_filled()
    promise = reader.read(bytearray(8), min=4)
    source.controller.close()
    request = source.controller.byob_request
    if request is not None:
        request.respond(0)
    await settle()
    assert "pending" not in repr(promise)
    value, _ = await promise
    assert value is not None
    assert bytes(value) == b"ab"


async def test_a_part_of_an_item_that_was_kept_waits_for_its_rest() -> None:
    _, source, reader = await _partly_filled()
    promise = reader.read(memoryview(bytearray(8)).cast("i"))
    source.controller.enqueue(b"cdef")
    value, _ = await promise
    assert value is not None
    assert (value.format, value.tobytes()) == ("i", b"abcd")
    assert bytes_of(await reader.read(bytearray(8))) == b"ef"


async def test_a_read_that_waits_behind_gets_the_part_at_once() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=4))
    waiting = reader.read(bytearray(8))
    source.respond(b"ab")
    await cancel(task)
    await settle()
    assert "fulfilled" in repr(waiting)
    assert bytes_of(await waiting) == b"ab"


async def test_a_read_that_waits_behind_gets_the_part_first() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=4))
    waiting = reader.read(bytearray(3))
    source.respond(b"ab")
    await cancel(task)
    source.controller.enqueue(b"cde")
    got = bytes_of(await waiting)
    while len(got) < 5:
        got += bytes_of(await reader.read(bytearray(3)))
    assert got == b"abcde"


async def test_the_source_may_go_on_writing_to_the_rest_of_the_buffer() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=4))
    source.respond(b"ab")
    request, view = source.request, source.view
    await cancel(task)
    assert request.view is view
    view[:2] = b"cd"
    request.respond_with_new_view(view[:2])
    got = bytes_of(await reader.read(bytearray(8)))
    while len(got) < 4:
        got += bytes_of(await reader.read(bytearray(8)))
    assert got == b"abcd"


async def test_a_read_that_waits_behind_a_buffer_of_nobody_begins_with_the_part() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=4))
    source.respond(b"ab")
    request, view = source.request, source.view
    await cancel(task)
    promise = reader.read(bytearray(8), min=4)
    await settle()
    assert "pending" in repr(promise)
    view[:2] = b"cd"
    request.respond(2)
    assert bytes_of(await promise) == b"abcd"


async def _unread_and_a_read_that_wants_more() -> tuple[Any, Any, Any]:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(2)))
    waiting = reader.read(bytearray(8), min=4)
    source.respond(b"ab")
    await cancel(task)
    await settle()
    assert "pending" in repr(waiting)
    return reader, source, waiting


async def test_bytes_nobody_saw_come_before_those_that_a_read_waited_for() -> None:
    reader, source, waiting = await _unread_and_a_read_that_wants_more()
    source.controller.enqueue(b"cdef")
    assert bytes_of(await waiting) == b"abcd"
    assert bytes_of(await reader.read(bytearray(8))) == b"ef"


async def test_bytes_nobody_saw_are_all_that_a_read_gets_that_wants_more_when_the_stream_ends() -> None:
    reader, source, waiting = await _unread_and_a_read_that_wants_more()
    source.controller.close()
    source.controller.byob_request.respond(0)
    assert bytes_of(await waiting) == b"ab"
    assert (await reader.read(bytearray(8))).done
