"""§4.6 The ReadableStreamDefaultController class."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import HOLD, EventTrace, outcome, rejected
from tests.support.sources import read_all, source_and_stream
from whatwg_streams import RangeError, ReadableStream, ReadableStreamDefaultController


def test_only_a_stream_makes_a_controller() -> None:
    with pytest.raises(TypeError):
        ReadableStreamDefaultController()


# desired_size


def test_the_desired_size_is_what_is_free_and_may_be_negative() -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": 5, "size": lambda chunk: chunk})
    sizes = []
    for chunk in (0, 2, 3, 4):
        source.controller.enqueue(chunk)
        sizes.append(source.controller.desired_size)
    assert sizes == [5, 3, 0, -4]


def test_the_desired_size_below_an_infinite_mark_is_infinite() -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": math.inf})
    source.controller.enqueue("a")
    assert source.controller.desired_size == math.inf


async def test_reading_makes_room() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 3, "size": len})
    source.controller.enqueue("aa")
    source.controller.enqueue("b")
    assert source.controller.desired_size == 0
    with stream.get_reader() as reader:
        await reader.read()
    assert source.controller.desired_size == 2


def test_the_desired_size_while_closing_is_what_is_free() -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": 3})
    source.controller.enqueue("a")
    source.controller.close()
    assert source.controller.desired_size == 2


def test_a_closed_stream_desires_nothing() -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": 3})
    source.controller.close()
    assert source.controller.desired_size == 0


def test_a_cancelled_stream_desires_nothing() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 3})
    source.controller.enqueue("a")
    stream.cancel()
    assert source.controller.desired_size == 0


def test_the_desired_size_of_an_errored_stream_is_none() -> None:
    source, _ = source_and_stream()
    source.controller.error("broken")
    assert source.controller.desired_size is None


# close


async def test_close_ends_a_stream_that_has_nothing_queued_at_once() -> None:
    source, stream = source_and_stream()
    source.controller.close()
    assert repr(stream) == "<ReadableStream closed>"


async def test_close_waits_until_all_is_read() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    source.controller.close()
    reader = stream.get_reader()
    assert await reader.read() == ("a", False)
    assert "readable" in repr(stream)
    assert await reader.read() == ("b", False)
    assert "closed" in repr(stream)
    assert await reader.read() == (None, True)


# What cannot be done when


def _closing(source: Any, stream: ReadableStream[Any]) -> None:
    source.controller.enqueue("a")
    source.controller.close()


def _closed(source: Any, stream: ReadableStream[Any]) -> None:
    source.controller.close()


def _cancelled(source: Any, stream: ReadableStream[Any]) -> None:
    stream.cancel()


def _errored(source: Any, stream: ReadableStream[Any]) -> None:
    source.controller.error("broken")


ENDS = pytest.mark.parametrize(
    ("end", "state"), [(_closing, "closing"), (_closed, "closed"), (_cancelled, "closed"), (_errored, "errored")]
)


@ENDS
async def test_close_raises_when_it_is_too_late(end: Any, state: str) -> None:
    source, stream = source_and_stream()
    end(source, stream)
    with pytest.raises(TypeError, match=state):
        source.controller.close()


@ENDS
async def test_enqueue_raises_when_it_is_too_late_and_asks_for_no_size(end: Any, state: str) -> None:
    asked = []

    def size(chunk: object) -> int:
        asked.append(chunk)
        return 1

    source, stream = source_and_stream(strategy={"size": size})
    end(source, stream)
    asked.clear()
    with pytest.raises(TypeError, match=state):
        source.controller.enqueue("late")
    assert asked == []


# enqueue


async def test_enqueue_takes_any_object_and_none() -> None:
    chunks: list[object] = [None, 0, "", ValueError("a chunk"), [], math.nan]
    source, stream = source_and_stream()
    source.controller.enqueue()
    for chunk in chunks[1:]:
        source.controller.enqueue(chunk)
    source.controller.close()
    read = await read_all(stream)
    assert len(read) == len(chunks)
    assert all(one is other for one, other in zip(read, chunks, strict=True))


async def test_a_chunk_that_is_awaitable_is_not_awaited_by_read() -> None:
    async def chunk() -> None:
        raise AssertionError

    coroutine = chunk()
    source, stream = source_and_stream()
    source.controller.enqueue(coroutine)
    assert (await stream.get_reader().read()).value is coroutine
    coroutine.close()


def test_enqueue_fulfills_the_first_request_and_asks_for_no_size() -> None:
    def size(chunk: object) -> int:
        raise AssertionError(chunk)

    source, stream = source_and_stream(strategy={"size": size})
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    source.controller.enqueue("a")
    assert [outcome(read)[0] for read in reads] == ["fulfilled", "pending"]
    source.controller.enqueue("b")
    assert outcome(reads[1]) == ("fulfilled", ("b", False))


# error


@pytest.mark.parametrize("reason", [ValueError("broken"), "broken", None, 0, KeyboardInterrupt()])
async def test_error_fails_everybody_with_the_reason(reason: object) -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    source.controller.error(reason)
    promises = [read, reader.read(), reader.closed, reader.cancel()]
    assert [outcome(promise) for promise in promises] == [rejected(reason)] * 4
    reader.release_lock()
    assert outcome(stream.cancel()) == rejected(reason)


async def test_error_without_a_reason_has_none() -> None:
    source, stream = source_and_stream()
    source.controller.error()
    assert outcome(stream.get_reader().closed) == rejected(None)


async def test_error_discards_what_is_queued_and_comes_before_a_close() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    source.controller.error("broken")
    assert outcome(stream.get_reader().read()) == rejected("broken")


@ENDS
async def test_error_does_nothing_once_the_stream_is_not_readable(end: Any, state: str) -> None:
    source, stream = source_and_stream()
    end(source, stream)
    before = repr(stream)
    source.controller.error("late")
    if state != "closing":
        assert repr(stream) == before
    if state == "errored":
        assert outcome(stream.get_reader().closed) == rejected("broken")


# What is forgotten in the end


class _Callbacks:
    """Functions that can be weakly referenced."""

    def pull(self) -> None:
        pass

    def cancel(self) -> None:
        pass

    def size(self, chunk: object) -> int:
        return 1


@pytest.mark.parametrize("end", [_closed, _cancelled, _errored])
async def test_a_stream_that_has_ended_forgets_the_callbacks_of_its_source(end: Any) -> None:
    callbacks = _Callbacks()
    stream = ReadableStream[Any]({"pull": callbacks.pull, "cancel": callbacks.cancel}, {"size": callbacks.size})
    reference = weakref.ref(callbacks)
    del callbacks
    await settle()
    gc.collect()
    assert reference() is not None
    source: Any = type("Source", (), {"controller": stream._controller})
    end(source, stream)
    await settle()
    gc.collect()
    assert reference() is None


async def test_a_closing_stream_forgets_its_source_when_the_last_chunk_is_read() -> None:
    callbacks = _Callbacks()
    stream = ReadableStream[Any]({"pull": callbacks.pull, "cancel": callbacks.cancel})
    controller: Any = stream._controller
    reference = weakref.ref(callbacks)
    del callbacks
    controller.enqueue("a")
    controller.close()
    await settle()
    gc.collect()
    assert reference() is not None
    assert await read_all(stream) == ["a"]
    gc.collect()
    assert reference() is None


# Re-entrance


async def test_the_source_can_do_nothing_more_while_it_is_cancelled() -> None:
    def cancel(_: object) -> None:
        source.controller.error("late")
        for late in (source.controller.close, source.controller.enqueue):
            with pytest.raises(TypeError):
                late()
        assert source.controller.desired_size == 0

    source, stream = source_and_stream(cancel=cancel)
    source.controller.enqueue("a")
    await stream.cancel()


async def test_cancelling_again_while_the_source_is_cancelled_is_nothing() -> None:
    trace = EventTrace()

    def cancel(reason: object) -> None:
        trace.watch("inner", stream.cancel("again"))

    _, stream = source_and_stream(trace, cancel=cancel, strategy={"high_water_mark": 0})
    trace.watch("outer", stream.cancel("once"))
    await settle()
    assert trace.events == [("start",), ("cancel", "once"), ("inner", "fulfilled"), ("outer", "fulfilled")]


async def test_reading_a_chunk_asks_the_source_for_more_before_the_read_is_fulfilled() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    source.controller.enqueue("a")
    await settle()
    assert trace.take() == [("start",)]
    trace.watch("read", stream.get_reader().read())
    assert trace.events == [("pull",)]
    await settle()
    assert trace.events == [("pull",), ("read", "fulfilled", ("a", False))]


async def test_a_source_that_fails_while_it_is_asked_for_more_does_not_take_the_chunk_back() -> None:
    def pull(controller: Any) -> None:
        controller.error("broken")

    source, stream = source_and_stream(pull=pull)
    source.controller.enqueue("a")
    await settle()
    reader = stream.get_reader()
    assert outcome(reader.read()) == ("fulfilled", ("a", False))
    assert outcome(reader.read()) == rejected("broken")


async def test_a_read_of_the_last_chunk_before_the_end_asks_for_no_more() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    source.controller.enqueue("a")
    source.controller.close()
    assert await read_all(stream) == ["a"]
    await settle()
    assert trace.events == [("start",)]


async def test_a_read_that_waits_is_released_with_its_reader_and_gets_no_chunk() -> None:
    source, stream = source_and_stream(pull=HOLD)
    with stream.get_reader() as reader:
        read = reader.read()
    assert outcome(read)[0] == "rejected"
    source.controller.enqueue("a")
    assert source.controller.desired_size == 0
    with stream.get_reader() as reader:
        assert await reader.read() == ("a", False)


def test_repr_tells_the_stream() -> None:
    source, _ = source_and_stream()
    assert repr(source.controller) == "<ReadableStreamDefaultController of <ReadableStream readable>>"


def test_a_size_that_is_wrong_is_a_range_error() -> None:
    source, _ = source_and_stream(strategy={"size": lambda _: -1})
    with pytest.raises(RangeError):
        source.controller.enqueue("a")
