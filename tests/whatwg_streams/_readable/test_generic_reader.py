"""§4.3 The ReadableStreamGenericReader mixin: closed and cancel, and what Python adds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import LoopErrors, settle
from tests.support.recording import HOLD, PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_on, source_and_stream, stream_of
from whatwg_streams import Promise, ReadableStream
from whatwg_streams._readable.generic_reader import ReadableStreamGenericReader

MODES = pytest.mark.parametrize("mode", [None, "byob"])


def _reader(mode: Any, **answers: Any) -> tuple[Any, ReadableStream[Any], Any]:
    source, stream = source_and_stream(type="bytes", **answers)
    return source, stream, stream.get_reader(mode=mode)


@MODES
async def test_closed_is_always_the_same_promise(mode: Any) -> None:
    source, _, reader = _reader(mode)
    closed = reader.closed
    assert isinstance(closed, Promise)
    assert outcome(closed) == PENDING
    source.controller.close()
    assert reader.closed is closed
    assert await closed is None


@MODES
async def test_cancelling_by_the_reader_tells_the_source_and_keeps_the_lock(mode: Any) -> None:
    source, stream, reader = _reader(mode)
    await reader.cancel("enough")
    assert source.events[-1] == ("cancel", "enough")
    assert stream.locked
    await reader.closed


@MODES
async def test_cancelling_without_a_reason_gives_none(mode: Any) -> None:
    source, _, reader = _reader(mode)
    await reader.cancel()
    assert source.events[-1] == ("cancel", None)


@MODES
async def test_a_released_reader_can_not_cancel(mode: Any) -> None:
    source, stream, reader = _reader(mode)
    reader.release_lock()
    assert isinstance(reason_of(reader.cancel("enough")), TypeError)
    assert ("cancel", "enough") not in source.events
    assert repr(stream) == "<ReadableStream readable>"


@MODES
async def test_the_stream_is_closed_even_where_cancelling_fails(mode: Any) -> None:
    error = OSError("can not be stopped")
    _, stream, reader = _reader(mode, cancel=error)
    cancel = reader.cancel()
    await settle()
    assert outcome(cancel) == rejected(error)
    assert "closed" in repr(stream)
    await reader.closed


async def test_reads_that_wait_end_when_the_reader_cancels() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, cancel=HOLD)
    reader = stream.get_reader()
    read = reader.read()
    cancel = reader.cancel()
    assert await read == (None, True)
    assert outcome(cancel) == PENDING
    source.resolve("cancel")
    await cancel


async def test_a_cancel_that_rejects_is_not_marked_handled(loop_errors: LoopErrors) -> None:
    _, stream = source_and_stream(cancel=OSError("can not be stopped"))
    stream.get_reader().cancel()
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], OSError)


async def test_cancelling_a_task_that_awaits_closed_harms_nobody() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await reader.closed
    source.controller.close()
    await reader.closed


# What Python adds


@MODES
async def test_a_context_manager_releases_the_lock(mode: Any) -> None:
    _, stream, reader = _reader(mode)
    with reader as entered:
        assert entered is reader
        assert stream.locked
    assert not stream.locked
    assert isinstance(reason_of(reader.closed), TypeError)


@MODES
async def test_a_context_manager_releases_the_lock_when_its_block_raises_and_passes_that_on(mode: Any) -> None:
    _, stream, reader = _reader(mode)
    with pytest.raises(LookupError, match="mine"), reader:
        raise LookupError("mine")
    assert not stream.locked


async def test_a_context_manager_may_find_its_reader_released() -> None:
    stream = stream_of("a")
    with stream.get_reader() as reader:
        reader.release_lock()
        other = stream.get_reader()
    assert await read_on(other) == ["a"]


@MODES
async def test_repr_tells_the_stream_or_that_there_is_none(mode: Any) -> None:
    _, _, reader = _reader(mode)
    name = type(reader).__name__
    assert repr(reader) == f"<{name} of <ReadableStream readable, locked>>"
    reader.release_lock()
    assert repr(reader) == f"<{name} released>"


async def test_repr_tells_that_the_stream_is_errored() -> None:
    reader = errored_stream("broken").get_reader()
    assert repr(reader) == "<ReadableStreamDefaultReader of <ReadableStream errored, locked>>"


def test_the_mixin_leaves_the_release_to_the_readers() -> None:
    with pytest.raises(NotImplementedError):
        ReadableStreamGenericReader().release_lock()
