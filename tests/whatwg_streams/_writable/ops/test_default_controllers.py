"""§5.5.4 Default controllers."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    RecordingSink,
    members,
    outcome,
    reason_of,
    rejected,
)
from whatwg_streams import Promise, WritableStream, WritableStreamDefaultWriter
from whatwg_streams._writable.ops import default_controllers


class Chosen(Exception):
    """An error that only a test raises."""


# Start -------------------------------------------------------------------------------------------


async def test_start_runs_within_the_construction_and_finds_a_stream_with_backpressure_known() -> None:
    seen: list[object] = []

    def start(controller: Any) -> None:
        seen.append(controller._stream._backpressure)
        seen.append(controller._started)

    WritableStream(RecordingSink(start=start), {"high_water_mark": 0})
    assert seen == [True, False]


async def test_nothing_is_written_before_start_is_done() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write, close = writer.write("a"), writer.close()
    await settle()
    assert sink.events == [("start",)]
    sink.resolve("start", "ignored")
    await settle()
    assert (outcome(write), outcome(close)) == (FULFILLED, FULFILLED)
    assert sink.events == [("start",), ("write", "a"), ("close",)]


async def test_a_start_that_rejects_errors_the_stream() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write, close = writer.write("a"), writer.close()
    error = Chosen()
    sink.reject("start", error)
    await settle()
    for promise in (write, close, writer.ready, writer.closed):
        assert outcome(promise) == rejected(error)
    assert sink.events == [("start",)]


async def test_a_start_that_rejects_while_an_abort_is_pending_lets_the_abort_go_on() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    abort = writer.abort("why")
    sink.reject("start", "boom")
    await settle()
    assert outcome(abort) == FULFILLED
    assert outcome(writer.closed) == rejected("why")
    assert sink.events == [("start",), ("abort", "why")]


async def test_a_start_that_rejects_after_an_error_keeps_the_error() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    sink.controller.error("first")
    sink.reject("start", "second")
    await settle()
    assert outcome(writer.closed) == rejected("first")


async def test_a_start_that_raises_after_it_errored_the_stream_raises() -> None:
    error = Chosen()

    def start(controller: Any) -> None:
        controller.error("boom")
        raise error

    with pytest.raises(Chosen):
        WritableStream(RecordingSink(start=start))


# Writes ------------------------------------------------------------------------------------------


async def test_chunks_are_written_one_after_the_other() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    writes = [writer.write(chunk) for chunk in "abc"]
    await settle()
    for count in (1, 2, 3):
        assert sink.events[1:] == [("write", chunk) for chunk in "abc"[:count]]
        sink.resolve("write")
        await settle()
        assert [outcome(write) for write in writes] == [FULFILLED] * count + [PENDING] * (3 - count)


async def test_a_chunk_written_to_an_idle_stream_reaches_the_sink_within_the_call() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await settle()
    write = writer.write("a")
    assert sink.events == [("start",), ("write", "a")]
    assert outcome(write) == PENDING
    await write


async def test_a_sink_whose_write_raises_rejects_the_write_and_does_not_raise() -> None:
    error = Chosen()
    writer = WritableStream[str](RecordingSink(write=error)).get_writer()
    await settle()
    write = writer.write("a")
    await settle()
    assert outcome(write) == rejected(error)


async def test_a_sink_whose_write_writes_has_that_chunk_queued() -> None:
    def write(chunk: str, _: object) -> None:
        if chunk == "a":
            within.append(writer.write("within"))

    within: list[Promise[None]] = []
    sink = RecordingSink(write=write)
    writer = WritableStream[str](sink).get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    assert [outcome(promise) for promise in (first, second, *within)] == [FULFILLED] * 3
    assert sink.events == [("start",), ("write", "a"), ("write", "b"), ("write", "within")]


async def test_a_sink_whose_write_closes_the_stream_is_closed_after_the_write() -> None:
    within: list[Promise[None]] = []
    sink = RecordingSink(write=lambda *_: within.append(writer.close()))
    writer: WritableStreamDefaultWriter[str] = WritableStream(sink).get_writer()
    write = writer.write("a")
    await settle()
    assert (outcome(write), outcome(within[0])) == (FULFILLED, FULFILLED)
    assert sink.events == [("start",), ("write", "a"), ("close",)]


async def test_a_sink_whose_write_releases_the_writer_still_fulfills_the_write() -> None:
    sink = RecordingSink(write=lambda *_: writer.release_lock())
    writer: WritableStreamDefaultWriter[str] = WritableStream(sink).get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    assert (outcome(first), outcome(second)) == (FULFILLED, FULFILLED)


async def test_a_write_that_ends_while_the_stream_is_closing_leaves_backpressure_alone() -> None:
    sink = RecordingSink(write=HOLD, close=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    writer.write("a")
    close = writer.close()
    await settle()
    sink.resolve("write")
    await settle()
    assert stream._backpressure
    assert outcome(writer.ready) == FULFILLED
    sink.resolve("close")
    await close


@pytest.mark.parametrize(
    ("sizes", "left"), [((0.1, 0.1, 1.1), 1), ((0.1, 0.1, 0.1), 1 - 2.7755575615628914e-17)], ids=["below", "above"]
)
async def test_a_total_that_rounding_leaves_below_zero_is_zero_and_one_above_stays(
    sizes: tuple[float, ...], left: float
) -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[float](sink, {"size": lambda chunk: chunk, "high_water_mark": 1}).get_writer()
    for size in sizes:
        writer.write(size)
    sink.resolve("start")
    await settle()
    assert writer.desired_size == left


# The algorithms are let go --------------------------------------------------------------------------


async def test_a_closing_or_errored_stream_lets_go_of_its_sink() -> None:
    async def close(_: RecordingSink, stream: WritableStream[Any]) -> None:
        await stream.close()

    async def abort(_: RecordingSink, stream: WritableStream[Any]) -> None:
        await stream.abort("why")

    async def error(sink: RecordingSink, _: WritableStream[Any]) -> None:
        await settle()
        sink.controller.error("why")

    async def fail(sink: RecordingSink, stream: WritableStream[Any]) -> None:
        sink.answers["write"] = Promise.reject("boom")
        with stream.get_writer() as writer:
            write = writer.write("a")
            await settle()
            assert outcome(write) == rejected("boom")

    for end in (close, abort, error, fail):
        sink = RecordingSink()
        stream: WritableStream[Any] = WritableStream(members(sink, "start", "write", "close", "abort"))
        await end(sink, stream)
        await settle()
        reference = weakref.ref(sink)
        del sink
        gc.collect()
        assert reference() is None, end
        assert stream._state in {"closed", "errored"}


async def test_a_write_that_fails_while_erroring_does_not_take_the_abort_away() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    write = writer.write("a")
    await settle()
    abort = writer.abort("why")
    sink.reject("write", "boom")
    await settle()
    assert outcome(write) == rejected("boom")
    assert outcome(abort) == FULFILLED
    assert sink.events[-1] == ("abort", "why")
    assert stream._controller._abort_algorithm is None


# Small operations --------------------------------------------------------------------------------


async def test_error_if_needed_leaves_alone_what_is_not_writable() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    await stream.close()
    default_controllers.writable_stream_default_controller_error_if_needed(sink.controller, "late")
    assert repr(stream) == "<WritableStream closed>"
    sink = RecordingSink()
    stream = WritableStream(sink)
    default_controllers.writable_stream_default_controller_error_if_needed(sink.controller, "first")
    default_controllers.writable_stream_default_controller_error_if_needed(sink.controller, "second")
    await settle()
    assert outcome(stream.get_writer().closed) == rejected("first")


async def test_nothing_or_less_to_desire_is_backpressure() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink, {"high_water_mark": 2}).get_writer()
    seen: list[bool] = []
    for _ in range(3):
        seen.append(default_controllers.writable_stream_default_controller_get_backpressure(sink.controller))
        writer.write("a")
    assert seen == [False, False, True]


def test_a_stream_is_set_up_once() -> None:
    stream: WritableStream[str] = WritableStream()
    with pytest.raises(AssertionError):
        default_controllers.set_up_writable_stream_default_controller(
            stream, stream._controller, lambda: None, lambda _: Promise(), Promise, lambda _: Promise(), 1, lambda _: 1
        )


async def test_a_size_asked_for_while_the_close_is_in_flight_does_not_matter() -> None:
    sink = RecordingSink(close=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    close = stream.close()
    await settle()
    writer = stream.get_writer()
    write = writer.write("a")
    assert isinstance(reason_of(write), TypeError)
    sink.resolve("close")
    await close


async def test_backpressure_is_left_alone_by_a_chunk_for_a_stream_that_is_no_longer_writable() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    sink.controller.error("boom")
    default_controllers.writable_stream_default_controller_write(sink.controller, "a", 5)
    assert not stream._backpressure
    sink.resolve("start")
    await settle()
    assert outcome(stream.get_writer().closed) == rejected("boom")
    assert sink.events == [("start",)]
