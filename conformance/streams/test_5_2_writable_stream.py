"""§5.2 The WritableStream class: https://streams.spec.whatwg.org/#ws-class

And §5.5.1, WritableStreamAbort and WritableStreamClose.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    EventTrace,
    RecordingSink,
    members,
    outcome,
    reason_of,
    rejected,
)
from whatwg_streams import RangeError, WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter

ERROR = ValueError("the reason")
ANOTHER = KeyError("another reason")


def sink_and_stream(mark: float = 1, **answers: Any) -> tuple[RecordingSink, WritableStream[Any]]:
    sink = RecordingSink(**answers)
    return sink, WritableStream(sink, {"high_water_mark": mark})


# The constructor ----------------------------------------------------------------------------------


async def test_without_arguments_a_stream_takes_everything_and_closes() -> None:
    stream: WritableStream[Any] = WritableStream()
    writer = stream.get_writer()
    assert writer.desired_size == 1
    await writer.write("a")
    await writer.close()


@pytest.mark.parametrize("sink", ["text", 3, True])
def test_a_sink_that_is_no_object_is_a_type_error(sink: Any) -> None:
    with pytest.raises(TypeError):
        WritableStream(sink)


@pytest.mark.parametrize("member", ["start", "write", "close", "abort"])
def test_a_callback_has_to_be_callable(member: str) -> None:
    with pytest.raises(TypeError):
        WritableStream({member: 1})


@pytest.mark.parametrize("type_", ["bytes", "", 0])
def test_there_are_no_types_of_sinks(type_: object) -> None:
    with pytest.raises(RangeError):
        WritableStream({"type": type_})


@pytest.mark.parametrize("mark", [-1, math.nan, -math.inf])
def test_a_high_water_mark_below_zero_or_nan_is_a_range_error_before_start(mark: float) -> None:
    sink = RecordingSink()
    with pytest.raises(RangeError):
        WritableStream(sink, {"high_water_mark": mark})
    assert sink.events == []


def test_start_gets_the_controller_during_construction() -> None:
    sink, _ = sink_and_stream()
    assert type(sink.controller) is WritableStreamDefaultController
    assert sink.events == [("start",)]


def test_what_start_raises_the_constructor_raises() -> None:
    with pytest.raises(ValueError, match="the reason") as caught:
        WritableStream(RecordingSink(start=ERROR))
    assert caught.value is ERROR


async def test_the_sink_may_be_a_mapping() -> None:
    sink = RecordingSink()
    stream: WritableStream[Any] = WritableStream(members(sink, "start", "write"))
    await stream.get_writer().write("a")
    assert sink.events == [("start",), ("write", "a")]


# locked, getWriter --------------------------------------------------------------------------------


def test_a_stream_is_locked_while_it_has_a_writer() -> None:
    _, stream = sink_and_stream()
    assert not stream.locked
    writer = stream.get_writer()
    assert type(writer) is WritableStreamDefaultWriter
    assert stream.locked
    with pytest.raises(TypeError):
        stream.get_writer()
    writer.release_lock()
    assert not stream.locked


async def test_a_locked_stream_is_neither_aborted_nor_closed() -> None:
    sink, stream = sink_and_stream()
    writer = stream.get_writer()
    assert isinstance(reason_of(stream.abort("why")), TypeError)
    assert isinstance(reason_of(stream.close()), TypeError)
    await writer.write("a")
    assert sink.events == [("start",), ("write", "a")]


# abort --------------------------------------------------------------------------------------------


async def test_aborting_calls_the_sink_with_the_reason_and_errors_the_stream() -> None:
    sink, stream = sink_and_stream()
    await settle()
    reason = object()
    promise = stream.abort(reason)
    assert sink.events == [("start",), ("abort", reason)]
    await promise
    assert outcome(stream.get_writer().closed) == rejected(reason)


async def test_aborting_before_start_is_done_waits_for_it() -> None:
    sink, stream = sink_and_stream(start=HOLD)
    promise = stream.abort("why")
    await settle()
    assert sink.events == [("start",)]
    assert outcome(promise) == PENDING
    sink.resolve("start")
    await settle()
    assert sink.events == [("start",), ("abort", "why")]
    assert outcome(promise) == FULFILLED


async def test_aborting_before_start_fails() -> None:
    sink, stream = sink_and_stream(start=HOLD)
    promise = stream.abort("why")
    sink.reject("start", ERROR)
    await settle()
    assert sink.events == [("start",), ("abort", "why")]
    assert outcome(promise) == FULFILLED
    assert outcome(stream.get_writer().closed) == rejected("why")


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_abort_of_the_sink_fails_with_rejects_the_abort_alone(how: str) -> None:
    sink, stream = sink_and_stream(abort=ERROR if how == "raises" else HOLD)
    await settle()
    promise = stream.abort("why")
    if how == "rejects":
        sink.reject("abort", ERROR)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert outcome(stream.get_writer().closed) == rejected("why")


async def test_aborting_rejects_queued_writes_and_waits_for_the_one_under_way() -> None:
    sink, stream = sink_and_stream(write=HOLD)
    await settle()
    writer = stream.get_writer()
    first, second = writer.write("a"), writer.write("b")
    promise = writer.abort(ERROR)
    await settle()
    assert sink.events == [("start",), ("write", "a")]
    assert [outcome(one) for one in (first, second, promise, writer.closed)] == [PENDING] * 4
    sink.resolve("write")
    await settle()
    assert sink.events == [("start",), ("write", "a"), ("abort", ERROR)]
    assert outcome(first) == FULFILLED
    assert outcome(second) == rejected(ERROR)
    assert outcome(promise) == FULFILLED
    assert outcome(writer.closed) == rejected(ERROR)


async def test_aborting_with_a_write_under_way_that_fails() -> None:
    sink, stream = sink_and_stream(write=HOLD)
    await settle()
    writer = stream.get_writer()
    write, promise = writer.write("a"), writer.abort("why")
    sink.reject("write", ERROR)
    await settle()
    assert outcome(write) == rejected(ERROR)
    assert outcome(promise) == FULFILLED
    assert sink.events[-1] == ("abort", "why")
    assert outcome(writer.closed) == rejected("why")


@pytest.mark.parametrize("state", ["closed", "errored"])
async def test_aborting_a_stream_that_has_ended_fulfills_and_does_nothing(state: str) -> None:
    sink, stream = sink_and_stream()
    await settle()
    if state == "closed":
        await stream.close()
    else:
        sink.controller.error(ERROR)
    before = list(sink.events)
    assert outcome(stream.abort("why")) == FULFILLED
    assert sink.events == before
    assert not sink.controller.signal.aborted


async def test_aborting_again_before_the_first_is_done_gives_the_same_promise() -> None:
    sink, stream = sink_and_stream(start=HOLD)
    assert stream.abort(1) is stream.abort(2)
    sink.resolve("start")
    await settle()
    assert sink.events == [("start",), ("abort", 1)]


async def test_aborting_a_stream_that_is_erroring_rejects_with_its_error_and_does_not_call_the_sink() -> None:
    sink, stream = sink_and_stream(write=HOLD)
    await settle()
    writer = stream.get_writer()
    write = writer.write("a")
    sink.controller.error(ERROR)
    promise = writer.abort("why")
    assert outcome(promise) == PENDING
    sink.resolve("write")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(promise) == rejected(ERROR)
    assert outcome(writer.closed) == rejected(ERROR)
    assert not any(event[0] == "abort" for event in sink.events)


async def test_aborting_while_the_close_is_under_way_that_then_succeeds() -> None:
    sink, stream = sink_and_stream(close=HOLD)
    await settle()
    writer = stream.get_writer()
    closing, aborting = writer.close(), writer.abort("why")
    await settle()
    assert outcome(writer.ready) == rejected("why")
    sink.resolve("close")
    await settle()
    assert [outcome(one) for one in (closing, aborting, writer.closed)] == [FULFILLED] * 3
    assert not any(event[0] == "abort" for event in sink.events)
    assert writer.desired_size == 0


async def test_aborting_while_the_close_is_under_way_that_then_fails() -> None:
    sink, stream = sink_and_stream(close=HOLD)
    await settle()
    writer = stream.get_writer()
    closing, aborting = writer.close(), writer.abort("why")
    sink.reject("close", ERROR)
    await settle()
    assert outcome(closing) == rejected(ERROR)
    assert outcome(aborting) == rejected(ERROR)
    assert outcome(writer.closed) == rejected("why")


async def test_aborting_while_the_close_is_queued_rejects_it() -> None:
    sink, stream = sink_and_stream(write=HOLD)
    await settle()
    writer = stream.get_writer()
    write, closing, aborting = writer.write("a"), writer.close(), writer.abort(ERROR)
    sink.resolve("write")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(closing) == rejected(ERROR)
    assert outcome(aborting) == FULFILLED
    assert [event[0] for event in sink.events] == ["start", "write", "abort"]


# close --------------------------------------------------------------------------------------------


async def test_closing_an_unlocked_stream() -> None:
    sink, stream = sink_and_stream(close=HOLD)
    promise = stream.close()
    await settle()
    assert sink.events == [("start",), ("close",)]
    assert outcome(promise) == PENDING
    assert isinstance(reason_of(stream.close()), TypeError)
    sink.resolve("close", "something")
    await settle()
    assert outcome(promise) == FULFILLED
    assert isinstance(reason_of(stream.close()), TypeError)


async def test_closing_a_stream_with_an_error_is_a_type_error() -> None:
    sink, stream = sink_and_stream()
    await settle()
    sink.controller.error(ERROR)
    assert isinstance(reason_of(stream.close()), TypeError)


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_close_of_the_sink_fails_with_errors_the_stream(how: str) -> None:
    sink, stream = sink_and_stream(close=ERROR if how == "raises" else HOLD)
    promise = stream.close()
    await settle()
    if how == "rejects":
        sink.reject("close", ERROR)
        await settle()
    assert outcome(promise) == rejected(ERROR)
    assert outcome(stream.get_writer().closed) == rejected(ERROR)


async def test_closing_while_erroring_rejects_with_the_error() -> None:
    sink, stream = sink_and_stream(start=HOLD)
    sink.controller.error(ERROR)
    promise = stream.close()
    assert outcome(promise) == PENDING
    sink.resolve("start")
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert sink.events == [("start",)]


# The signal, and re-entrancy ----------------------------------------------------------------------


async def test_the_signal_is_aborted_before_anything_else_with_the_reason() -> None:
    sink, stream = sink_and_stream()
    await settle()
    signal = sink.controller.signal
    assert signal is sink.controller.signal
    states: list[object] = []
    signal.add_event_listener("abort", lambda _event: states.append((signal.reason, list(sink.events))))
    await stream.abort(ERROR)
    assert states == [(ERROR, [("start",)])]


@pytest.mark.parametrize("mode", ["error", "abort"])
async def test_what_the_signal_leads_to_may_change_the_state(mode: str) -> None:
    sink, stream = sink_and_stream()
    await settle()

    def listener(_event: object) -> None:
        if mode == "error":
            sink.controller.error(ANOTHER)
        else:
            stream.abort(ANOTHER)

    sink.controller.signal.add_event_listener("abort", listener)
    promise = stream.abort(ERROR)
    await settle()
    assert outcome(promise) == FULFILLED
    assert outcome(stream.get_writer().closed) == rejected(ANOTHER)


async def test_closing_and_errors_of_the_controller_do_not_abort_the_signal() -> None:
    sink, stream = sink_and_stream()
    await stream.close()
    assert not sink.controller.signal.aborted
    sink, _ = sink_and_stream()
    sink.controller.error(ERROR)
    assert not sink.controller.signal.aborted


async def test_the_order_of_an_abort() -> None:
    trace = EventTrace()
    sink = RecordingSink(trace, write=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    await settle()
    trace.watch("first", writer.write("a"))
    trace.watch("second", writer.write("b"))
    trace.watch("closed", writer.closed)
    trace.take()
    trace.watch("ready", writer.ready)
    trace.watch("abort", writer.abort(ERROR))
    sink.resolve("write")
    await settle()
    assert trace.events == [
        ("ready", "rejected", ERROR),
        ("abort", ERROR),
        ("first", "fulfilled"),
        ("second", "rejected", ERROR),
        ("abort", "fulfilled"),
        ("closed", "rejected", ERROR),
    ]
