"""§5.2 The WritableStream class."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSink, outcome, reason_of, rejected
from whatwg_streams import RangeError, WritableStream, WritableStreamDefaultWriter


class Chosen(Exception):
    """An error that only a test raises."""


class Logger:
    """An argument that writes down in which order its members are asked for."""

    def __init__(self, log: list[str], name: str, **values: Any) -> None:
        self._log = log
        self._name = name
        self._values = values

    def __getattr__(self, member: str) -> Any:
        self._log.append(f"{self._name}.{member}")
        return self._values.get(member)


# The constructor ---------------------------------------------------------------------------------


async def test_without_arguments_everything_is_taken_and_dropped() -> None:
    stream: WritableStream[str] = WritableStream()
    writer = stream.get_writer()
    assert writer.desired_size == 1
    write = writer.write("a")
    assert writer.desired_size == 0
    close = writer.close()
    await settle()
    assert (outcome(write), outcome(close), outcome(writer.closed)) == (FULFILLED, FULFILLED, FULFILLED)


async def test_arguments_may_be_named_and_none_is_a_missing_one() -> None:
    stream: WritableStream[str] = WritableStream(underlying_sink=None, strategy=None)
    assert stream.get_writer().desired_size == 1


@pytest.mark.parametrize("value", [0, 1.5, True, "sink", b"sink", 1j], ids=repr)
def test_a_sink_or_a_strategy_that_is_no_object_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="underlying_sink"):
        WritableStream(value)
    with pytest.raises(TypeError, match="strategy"):
        WritableStream(None, value)


@pytest.mark.parametrize("value", ["bytes", "", 0, object()], ids=["bytes", "empty", "zero", "object"])
def test_a_sink_with_a_type_is_a_range_error(value: object) -> None:
    with pytest.raises(RangeError, match="type"):
        WritableStream({"type": value})


def test_a_type_that_is_none_is_a_missing_one() -> None:
    WritableStream({"type": None})


@pytest.mark.parametrize("value", [-1, -0.001, -math.inf, math.nan, "-1", "many"], ids=repr)
def test_a_high_water_mark_that_is_negative_or_nan_is_a_range_error(value: object) -> None:
    with pytest.raises(RangeError, match="high water mark"):
        WritableStream(None, {"high_water_mark": value})


def test_a_high_water_mark_that_is_no_number_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"strategy\.high_water_mark"):
        WritableStream(None, {"high_water_mark": object()})


@pytest.mark.parametrize(("given", "desired"), [(0, 0), (3, 3), (2.5, 2.5), ("4", 4), (True, 1), (math.inf, math.inf)])
async def test_the_high_water_mark_is_what_an_empty_stream_desires(given: object, desired: float) -> None:
    stream: WritableStream[str] = WritableStream(None, {"high_water_mark": given})
    assert stream.get_writer().desired_size == desired


def test_a_size_that_is_no_function_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"strategy\.size"):
        WritableStream(None, {"size": 1})


def test_the_strategy_is_read_before_the_sink_and_the_type_is_refused_before_the_high_water_mark() -> None:
    log: list[str] = []
    with pytest.raises(RangeError, match="type"):
        WritableStream(Logger(log, "sink", type="x"), Logger(log, "strategy", high_water_mark=-1))
    assert log == [
        "strategy.high_water_mark",
        "strategy.size",
        "sink.abort",
        "sink.close",
        "sink.start",
        "sink.type",
        "sink.write",
    ]


def test_start_is_not_called_when_the_high_water_mark_is_refused() -> None:
    sink = RecordingSink()
    with pytest.raises(RangeError):
        WritableStream(sink, {"high_water_mark": -1})
    assert sink.events == []


def test_the_constructor_raises_what_start_raises() -> None:
    error = Chosen()
    with pytest.raises(Chosen) as raised:
        WritableStream(RecordingSink(start=error))
    assert raised.value is error


# locked, abort, close, get_writer ------------------------------------------------------------------


async def test_a_stream_is_locked_while_it_has_a_writer() -> None:
    stream: WritableStream[str] = WritableStream()
    assert not stream.locked
    writer = stream.get_writer()
    assert stream.locked
    with pytest.raises(TypeError):
        stream.get_writer()
    writer.release_lock()
    assert not stream.locked
    assert isinstance(stream.get_writer(), WritableStreamDefaultWriter)


async def test_a_locked_stream_can_be_neither_aborted_nor_closed() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    assert isinstance(reason_of(stream.abort("why")), TypeError)
    assert isinstance(reason_of(stream.close()), TypeError)
    await settle()
    assert sink.events == [("start",)]
    assert not sink.controller.signal.aborted
    assert writer.desired_size == 1


async def test_a_stream_without_a_writer_can_be_aborted() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    abort = stream.abort("why")
    await settle()
    assert outcome(abort) == FULFILLED
    assert sink.events == [("start",), ("abort", "why")]


async def test_a_stream_without_a_writer_can_be_closed() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    close = stream.close()
    await settle()
    assert outcome(close) == FULFILLED
    assert sink.events == [("start",), ("close",)]


async def test_the_reason_of_an_abort_may_be_missing() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    stream.abort()
    await settle()
    assert sink.events == [("start",), ("abort", None)]
    assert outcome(stream.get_writer().closed) == rejected(None)


async def test_a_stream_can_be_closed_only_once() -> None:
    sink = RecordingSink(close=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    first = stream.close()
    assert isinstance(reason_of(stream.close()), TypeError)  # requested
    await settle()
    assert isinstance(reason_of(stream.close()), TypeError)  # in flight
    sink.resolve("close")
    await settle()
    assert isinstance(reason_of(stream.close()), TypeError)  # closed
    assert outcome(first) == FULFILLED
    assert sink.events == [("start",), ("close",)]


async def test_closing_an_errored_stream_is_a_type_error() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    await settle()
    sink.controller.error(Chosen())
    assert isinstance(reason_of(stream.close()), TypeError)


async def test_a_lock_released_while_a_write_is_in_flight_does_not_disturb_the_write() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    write = writer.write("a")
    await settle()
    writer.release_lock()
    close = stream.close()
    await settle()
    assert (outcome(write), outcome(close)) == (PENDING, PENDING)
    sink.resolve("write")
    await settle()
    assert (outcome(write), outcome(close)) == (FULFILLED, FULFILLED)
    assert sink.events == [("start",), ("write", "a"), ("close",)]


async def test_cancelling_the_task_that_awaits_a_write_leaves_the_chunk_queued() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")

    async def wait() -> None:
        await write

    task = asyncio.create_task(wait())
    await settle()
    task.cancel()
    await settle()
    assert task.cancelled()
    assert outcome(write) == PENDING
    sink.resolve("start")
    await write
    assert sink.events == [("start",), ("write", "a")]


# repr --------------------------------------------------------------------------------------------


async def test_repr_shows_the_state_and_the_lock() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    assert repr(stream) == "<WritableStream writable>"
    writer = stream.get_writer()
    assert repr(stream) == "<WritableStream writable, locked>"
    write = writer.write("a")
    await settle()
    abort = writer.abort()
    assert repr(stream) == "<WritableStream erroring, locked>"
    sink.resolve("write")
    await settle()
    assert repr(stream) == "<WritableStream errored, locked>"
    assert (outcome(write), outcome(abort)) == (FULFILLED, FULFILLED)
    closed: WritableStream[str] = WritableStream()
    await closed.close()
    assert repr(closed) == "<WritableStream closed>"


# No loop -----------------------------------------------------------------------------------------


def test_a_stream_built_and_written_to_where_no_loop_runs_starts_when_one_does(loop_factory: LoopFactory) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink, {"high_water_mark": 2}).get_writer()
    writes = [writer.write("a"), writer.write("b")]
    close = writer.close()
    assert sink.events == [("start",)]

    async def main() -> None:
        await close

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert sink.events == [("start",), ("write", "a"), ("write", "b"), ("close",)]
    assert [outcome(write) for write in writes] == [FULFILLED, FULFILLED]


def test_a_stream_aborted_where_no_loop_runs_is_aborted_when_one_does(loop_factory: LoopFactory) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    abort = writer.abort("why")
    assert outcome(writer.ready) == rejected("why")

    async def main() -> None:
        await abort

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert sink.events == [("start",), ("abort", "why")]
    assert outcome(write) == rejected("why")


def test_a_coroutine_function_of_a_sink_built_where_no_loop_runs_is_awaited_when_one_does(
    loop_factory: LoopFactory,
) -> None:
    log: list[str] = []

    async def start() -> None:
        await asyncio.sleep(0)
        log.append("started")

    async def write(chunk: str) -> None:
        await asyncio.sleep(0)
        log.append(chunk)

    writer = WritableStream[str]({"start": start, "write": write}).get_writer()
    written = writer.write("a")

    async def main() -> None:
        await written

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert log == ["started", "a"]


def test_a_rejection_where_no_loop_runs_is_reported_when_one_does(
    loop_factory: LoopFactory, loop_errors: LoopErrors
) -> None:
    error = Chosen()
    writer = WritableStream[str](RecordingSink(write=error)).get_writer()
    writer.write("a")
    asyncio_runner = asyncio.Runner(loop_factory=loop_factory)
    with asyncio_runner as runner:
        runner.run(_adopt())
    assert [context["exception"] for context in loop_errors.take()] == [error]


async def _adopt() -> None:
    await WritableStream[str]().close()
    await settle()
