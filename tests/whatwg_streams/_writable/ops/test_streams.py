"""§5.5.1 Working with writable streams."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    RecordingSink,
    outcome,
    reason_of,
    rejected,
)
from whatwg_streams import Promise, WritableStream, WritableStreamDefaultController
from whatwg_streams._writable.ops import streams


class Chosen(Exception):
    """An error that only a test raises."""


async def errored(error: object) -> WritableStream[Any]:
    sink = RecordingSink()
    stream: WritableStream[Any] = WritableStream(sink)
    await settle()
    sink.controller.error(error)
    return stream


# CreateWritableStream ----------------------------------------------------------------------------


async def test_create_a_stream_of_algorithms() -> None:
    log: list[tuple[object, ...]] = []

    def algorithm(name: str) -> Any:
        def perform(*arguments: object) -> Promise[Any]:
            log.append((name, *arguments))
            return Promise.resolve()

        return perform

    def create() -> WritableStream[Any]:
        return streams.create_writable_stream(
            algorithm("start"), algorithm("write"), algorithm("close"), algorithm("abort"), 5, lambda chunk: chunk
        )

    stream = create()
    assert type(stream) is WritableStream
    assert isinstance(stream._controller, WritableStreamDefaultController)
    writer = stream.get_writer()
    writer.write(2)
    assert writer.desired_size == 3
    await writer.close()
    await create().abort("why")
    assert log == [("start",), ("write", 2), ("close",), ("start",), ("abort", "why")]


def test_creating_a_stream_raises_what_its_start_algorithm_raises() -> None:
    error = Chosen()

    def start() -> None:
        raise error

    def never(*_: object) -> Promise[Any]:
        raise AssertionError

    with pytest.raises(Chosen) as raised:
        streams.create_writable_stream(start, never, never, never, 1, lambda _: 1)
    assert raised.value is error


@pytest.mark.parametrize("high_water_mark", [-1, math.nan, "1"])
def test_a_stream_is_created_with_a_high_water_mark_that_is_a_non_negative_number(high_water_mark: Any) -> None:
    def never(*_: object) -> Promise[Any]:
        raise AssertionError

    with pytest.raises((AssertionError, TypeError)):  # the latter when it is compiled: then its type is checked first
        streams.create_writable_stream(never, never, never, never, high_water_mark, lambda _: 1)


# SetUpWritableStreamDefaultWriter ------------------------------------------------------------------


def test_the_writer_of_a_writable_stream_is_ready_and_not_closed() -> None:
    writer = WritableStream[str]().get_writer()
    assert (outcome(writer.ready), outcome(writer.closed)) == (FULFILLED, PENDING)


def test_the_writer_of_a_stream_with_backpressure_is_not_ready() -> None:
    writer = WritableStream[str](None, {"high_water_mark": 0}).get_writer()
    assert (outcome(writer.ready), outcome(writer.closed)) == (PENDING, PENDING)


async def test_the_writer_of_a_stream_that_is_closing_is_ready_despite_backpressure() -> None:
    sink = RecordingSink(close=HOLD)
    stream: WritableStream[str] = WritableStream(sink, {"high_water_mark": 0})
    close = stream.close()
    writer = stream.get_writer()  # requested
    assert (outcome(writer.ready), outcome(writer.closed)) == (FULFILLED, PENDING)
    writer.release_lock()
    await settle()
    writer = stream.get_writer()  # in flight
    assert (outcome(writer.ready), outcome(writer.closed)) == (FULFILLED, PENDING)
    sink.resolve("close")
    await close
    assert outcome(writer.closed) == FULFILLED


async def test_the_writer_of_an_erroring_stream_is_rejected_but_not_closed_yet() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    error = Chosen()
    sink.controller.error(error)
    writer = stream.get_writer()
    assert writer.ready._promise_is_handled
    assert (outcome(writer.ready), outcome(writer.closed)) == (rejected(error), PENDING)
    sink.resolve("start")
    await settle()
    assert writer.closed._promise_is_handled
    assert outcome(writer.closed) == rejected(error)


async def test_the_writer_of_a_closed_stream_is_ready_and_closed() -> None:
    stream: WritableStream[str] = WritableStream()
    await stream.close()
    writer = stream.get_writer()
    assert (outcome(writer.ready), outcome(writer.closed)) == (FULFILLED, FULFILLED)


async def test_the_writer_of_an_errored_stream_is_rejected_twice_and_that_counts_as_handled() -> None:
    error = Chosen()
    stream = await errored(error)
    writer = stream.get_writer()
    assert writer.ready is not writer.closed
    assert writer.ready._promise_is_handled
    assert writer.closed._promise_is_handled
    assert (outcome(writer.ready), outcome(writer.closed)) == (rejected(error), rejected(error))


# WritableStreamAbort -----------------------------------------------------------------------------


async def test_aborting_a_closed_stream_fulfills_and_does_nothing() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    await stream.close()
    await stream.abort("why")
    assert sink.events == [("start",), ("close",)]
    assert repr(stream) == "<WritableStream closed>"


async def test_aborting_an_errored_stream_fulfills_and_does_nothing() -> None:
    stream = await errored("boom")
    assert outcome(stream.abort("why")) == FULFILLED
    assert outcome(stream.get_writer().closed) == rejected("boom")


async def test_a_listener_that_errors_the_stream_leaves_nothing_to_abort() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await settle()
    sink.controller.signal.add_event_listener("abort", lambda _: sink.controller.error("listener"))
    abort = writer.abort("why")
    assert outcome(abort) == FULFILLED
    assert outcome(writer.closed) == rejected("listener")
    await settle()
    assert sink.events == [("start",)]


async def test_a_listener_that_makes_the_stream_erroring_turns_the_abort_into_one_of_an_erroring_stream() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    await settle()
    sink.controller.signal.add_event_listener("abort", lambda _: sink.controller.error("listener"))
    abort = writer.abort("why")
    sink.resolve("write")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(abort) == rejected("listener")
    assert sink.events == [("start",), ("write", "a")]


async def test_a_listener_that_aborts_makes_the_only_abort() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    within: list[Promise[None]] = []
    sink.controller.signal.add_event_listener("abort", lambda _: within.append(stream.abort("within")))
    abort = stream.abort("why")
    assert within == [abort]
    sink.resolve("start")
    await abort
    assert sink.controller.signal.reason == "why"
    assert sink.events == [("start",), ("abort", "within")]


async def test_a_listener_that_closes_the_stream_has_its_close_fail() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    closes: list[Promise[None]] = []
    sink.controller.signal.add_event_listener("abort", lambda _: closes.append(stream.close()))
    await stream.abort("why")
    assert [outcome(close) for close in closes] == [rejected("why")]
    assert sink.events == [("start",), ("abort", "why")]


async def test_a_second_abort_returns_the_promise_of_the_first_and_its_reason_is_not_used() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    await settle()
    first = writer.abort("first")
    assert writer.abort("second") is first
    sink.resolve("write")
    await settle()
    assert (outcome(write), outcome(first)) == (FULFILLED, FULFILLED)
    assert sink.events == [("start",), ("write", "a"), ("abort", "first")]
    assert outcome(writer.closed) == rejected("first")


async def test_an_abort_after_the_first_was_handed_to_the_sink_fulfills_at_once() -> None:
    sink = RecordingSink(abort=HOLD)
    writer = WritableStream[str](sink).get_writer()
    await settle()
    first = writer.abort("first")
    second = writer.abort("second")
    assert (outcome(first), outcome(second)) == (PENDING, FULFILLED)
    sink.resolve("abort")
    await first


async def test_aborting_an_erroring_stream_fails_with_its_error_and_leaves_the_sink_alone() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    error = Chosen()
    sink.controller.error(error)
    abort = writer.abort("why")
    assert outcome(abort) == PENDING
    sink.resolve("start")
    await settle()
    assert outcome(abort) == rejected(error)
    assert outcome(writer.closed) == rejected(error)
    assert sink.events == [("start",)]


async def test_aborting_before_the_sink_has_started_waits_until_it_has() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    abort = writer.abort("why")
    await settle()
    assert (outcome(write), outcome(abort), outcome(writer.closed)) == (PENDING, PENDING, PENDING)
    assert outcome(writer.ready) == rejected("why")
    sink.resolve("start")
    await settle()
    assert (outcome(write), outcome(abort)) == (rejected("why"), FULFILLED)
    assert sink.events == [("start",), ("abort", "why")]


async def test_a_start_that_never_settles_keeps_everything_waiting() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink, {"high_water_mark": 5}).get_writer()
    promises = [writer.write("a"), writer.write("b"), writer.close(), writer.abort("why"), writer.closed]
    await settle()
    assert [outcome(promise) for promise in promises] == [PENDING] * 5
    assert sink.events == [("start",)]


# WritableStreamClose -----------------------------------------------------------------------------


async def test_closing_waits_for_the_chunks_that_are_queued() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    writer.write("a")
    writer.write("b")
    close = writer.close()
    await settle()
    sink.resolve("write")
    await settle()
    assert outcome(close) == PENDING
    assert sink.events == [("start",), ("write", "a"), ("write", "b")]
    sink.resolve("write")
    await close
    assert sink.events[3:] == [("close",)]


async def test_closing_a_started_stream_with_nothing_queued_calls_the_sink_at_once() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    await settle()
    close = stream.close()
    assert sink.events == [("start",), ("close",)]
    await close


async def test_closing_an_erroring_stream_leaves_its_ready_rejected() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[str] = WritableStream(sink, {"high_water_mark": 0})
    writer = stream.get_writer()
    sink.controller.error("boom")
    close = writer.close()
    assert outcome(writer.ready) == rejected("boom")
    sink.resolve("start")
    await settle()
    assert outcome(close) == rejected("boom")


async def test_a_stream_without_a_writer_can_be_closed_despite_backpressure() -> None:
    await WritableStream[str](None, {"high_water_mark": 0}).close()


async def test_closing_a_closed_or_errored_stream_is_a_type_error() -> None:
    stream: WritableStream[str] = WritableStream()
    await stream.close()
    assert isinstance(reason_of(streams.writable_stream_close(stream)), TypeError)
    assert isinstance(reason_of(streams.writable_stream_close(await errored("boom"))), TypeError)
