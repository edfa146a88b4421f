"""§4.2 The ReadableStream class."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from tests.support.recording import FULFILLED, HOLD, PENDING, EventTrace, RecordingSink, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_all, source_and_stream, stream_of
from whatwg_streams import (
    AbortController,
    AbortSignal,
    CountQueuingStrategy,
    RangeError,
    ReadableStream,
    ReadableStreamAsyncIterator,
    ReadableStreamBYOBReader,
    ReadableStreamDefaultReader,
    TransformStream,
    WritableStream,
)

NOT_OBJECTS = [0, 1.5, True, "source", b"source", 1j]


# The constructor


async def test_a_stream_of_nothing_is_readable_and_gives_nothing() -> None:
    stream = ReadableStream[Any]()
    read = stream.get_reader().read()
    await settle()
    assert outcome(read) == PENDING


@pytest.mark.parametrize("value", NOT_OBJECTS)
def test_a_source_has_to_be_an_object(value: object) -> None:
    with pytest.raises(TypeError, match="underlying_source"):
        ReadableStream(value)


@pytest.mark.parametrize("value", NOT_OBJECTS)
def test_a_strategy_has_to_be_an_object(value: object) -> None:
    with pytest.raises(TypeError, match="strategy"):
        ReadableStream(None, value)


def test_the_strategy_is_converted_before_the_source() -> None:
    with pytest.raises(TypeError, match="strategy"):
        ReadableStream({"pull": 1}, {"size": 1})


def test_the_high_water_mark_is_checked_after_the_source_was_converted() -> None:
    with pytest.raises(TypeError, match="pull"):
        ReadableStream({"pull": 1}, {"high_water_mark": -1})


@pytest.mark.parametrize("high_water_mark", [math.nan, -1, -0.5, -math.inf, "many"])
def test_a_high_water_mark_that_is_negative_or_no_number_is_refused_before_the_source_starts(
    high_water_mark: object,
) -> None:
    trace = EventTrace()
    with pytest.raises(RangeError):
        source_and_stream(trace, strategy={"high_water_mark": high_water_mark})
    assert trace.events == []


@pytest.mark.parametrize(
    ("high_water_mark", "desired_size"),
    [(None, 1), (0, 0), (-0.0, 0), (1, 1), (2.5, 2.5), (True, 1), ("16", 16), (math.inf, math.inf)],
)
def test_the_high_water_mark_is_what_is_desired_at_first(high_water_mark: object, desired_size: float) -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": high_water_mark})
    assert source.controller.desired_size == desired_size


def test_a_strategy_may_be_an_object() -> None:
    source, _ = source_and_stream(strategy=SimpleNamespace(high_water_mark=3))
    assert source.controller.desired_size == 3


def test_a_strategy_may_be_one_of_the_standard() -> None:
    source, _ = source_and_stream(strategy=CountQueuingStrategy(high_water_mark=5))
    source.controller.enqueue("a")
    assert source.controller.desired_size == 4


@pytest.mark.parametrize("size", [1, "size", object()])
def test_a_size_has_to_be_a_function(size: object) -> None:
    with pytest.raises(TypeError, match="size"):
        ReadableStream(None, {"size": size})


def test_a_byte_stream_can_have_no_size_function() -> None:
    with pytest.raises(RangeError, match="size"):
        ReadableStream({"type": "bytes"}, {"size": lambda _: 1})


def test_a_byte_stream_has_the_high_water_mark_0() -> None:
    source, _ = source_and_stream(type="bytes")
    assert source.controller.desired_size == 0


def test_the_constructor_raises_what_start_raises() -> None:
    error = LookupError("no such source")
    with pytest.raises(LookupError) as caught:
        source_and_stream(start=error)
    assert caught.value is error


async def test_start_is_called_before_the_constructor_returns_and_pull_is_not() -> None:
    trace = EventTrace()
    source_and_stream(trace)
    assert trace.take() == [("start",)]
    await settle()
    assert trace.take() == [("pull",)]


def test_the_stream_exists_with_its_controller_when_start_is_called() -> None:
    class Stream(ReadableStream[str]):
        __slots__ = ()

        def __init__(self) -> None:
            super().__init__({"start": self.start})

        def start(self, controller: Any) -> None:
            assert self._controller is cast("object", controller)
            assert not self.locked
            controller.enqueue("a")
            self.get_reader()

    assert Stream().locked


# locked and get_reader


def test_a_stream_is_locked_while_it_has_a_reader() -> None:
    stream = stream_of("a")
    assert not stream.locked
    reader = stream.get_reader()
    assert stream.locked
    reader.release_lock()
    assert not stream.locked


@pytest.mark.parametrize(
    "make",
    [lambda: stream_of("a"), stream_of, lambda: errored_stream("broken")],
    ids=["readable", "closed", "errored"],
)
def test_a_locked_stream_gives_no_other_reader_in_any_state(make: Callable[[], ReadableStream[Any]]) -> None:
    stream = make()
    with stream.get_reader():
        with pytest.raises(TypeError):
            stream.get_reader()
        with pytest.raises(TypeError):
            stream.tee()
        with pytest.raises(TypeError):
            stream.values()
        with pytest.raises(TypeError):
            ReadableStreamDefaultReader(stream)
        with pytest.raises(TypeError):
            aiter(stream)
    with stream.get_reader():
        pass


def test_without_a_mode_the_reader_is_a_default_reader() -> None:
    assert isinstance(stream_of().get_reader(), ReadableStreamDefaultReader)
    assert isinstance(stream_of().get_reader(mode=None), ReadableStreamDefaultReader)


def test_a_byte_stream_gives_byob_readers() -> None:
    assert isinstance(ReadableStream({"type": "bytes"}).get_reader(mode="byob"), ReadableStreamBYOBReader)


def test_a_stream_of_anything_else_gives_no_byob_reader_and_is_not_locked() -> None:
    stream = stream_of()
    with pytest.raises(TypeError, match="byte stream"):
        stream.get_reader(mode="byob")
    assert not stream.locked


@pytest.mark.parametrize("mode", ["", "default", "BYOB", 0, False])
def test_there_is_no_other_mode(mode: Any) -> None:
    stream = ReadableStream[Any]({"type": "bytes"})
    with pytest.raises(TypeError, match="mode"):
        stream.get_reader(mode=mode)
    assert not stream.locked


# cancel


async def test_cancel_closes_the_stream_and_tells_the_source_why() -> None:
    trace = EventTrace()
    reason = object()
    _, stream = source_and_stream(trace, strategy={"high_water_mark": 0})
    trace.watch("cancel()", stream.cancel(reason))
    assert repr(stream) == "<ReadableStream closed>"
    await settle()
    assert trace.events == [("start",), ("cancel", reason), ("cancel()", "fulfilled")]


async def test_cancel_without_a_reason_gives_none() -> None:
    source, stream = source_and_stream()
    assert await stream.cancel() is None  # type: ignore[func-returns-value]
    assert source.events[-1] == ("cancel", None)


async def test_cancel_discards_what_is_queued() -> None:
    stream = stream_of("a", "b")
    await stream.cancel()
    assert await read_all(stream) == []


async def test_cancelling_a_closed_stream_is_nothing() -> None:
    source, stream = source_and_stream()
    source.controller.close()
    await stream.cancel("why")
    assert ("cancel", "why") not in source.events


async def test_a_stream_that_is_closing_can_still_be_cancelled() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    await stream.cancel("why")
    assert source.events[-1] == ("cancel", "why")
    await stream.cancel("again")
    assert source.events[-1] == ("cancel", "why")


@pytest.mark.parametrize("reason", [ValueError("broken"), "broken", None, 0])
async def test_cancelling_an_errored_stream_rejects_with_its_error(reason: object) -> None:
    stream = errored_stream(reason)
    assert outcome(stream.cancel("why")) == rejected(reason)


async def test_a_locked_stream_can_not_be_cancelled() -> None:
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        assert isinstance(reason_of(stream.cancel("why")), TypeError)
        read = reader.read()
        source.controller.enqueue("a")
        assert await read == ("a", False)


async def test_the_rejection_of_cancel_is_not_marked_handled(loop_errors: LoopErrors) -> None:
    stream = errored_stream(ValueError("broken"))
    stream.cancel()
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], ValueError)


async def test_cancel_rejects_with_what_the_source_raises_and_the_stream_is_closed_all_the_same() -> None:
    error = OSError("can not be stopped")
    _, stream = source_and_stream(cancel=error)
    promise = stream.cancel()
    await settle()
    assert outcome(promise) == rejected(error)
    assert await read_all(stream) == []


async def test_cancel_waits_for_the_source_and_forgets_what_it_returns() -> None:
    source, stream = source_and_stream(cancel=HOLD)
    promise = stream.cancel()
    await settle()
    assert outcome(promise) == PENDING
    source.resolve("cancel", "something")
    await settle()
    assert outcome(promise) == FULFILLED


async def test_cancelling_the_task_that_awaits_cancel_leaves_the_stream_cancelled() -> None:
    source, stream = source_and_stream(cancel=HOLD)
    promise = stream.cancel()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await promise
    source.resolve("cancel")
    await promise
    assert await read_all(stream) == []


# pipe_to and pipe_through: the arguments. What a pipe does is in ops/test_pipe_to.py.


@pytest.mark.parametrize("destination", [None, 1, {}, "sink", WritableStream])
async def test_pipe_to_rejects_where_the_destination_is_no_writable_stream(destination: Any) -> None:
    stream = stream_of()
    assert isinstance(reason_of(stream.pipe_to(destination)), TypeError)
    assert not stream.locked


async def test_pipe_to_rejects_where_the_signal_is_none() -> None:
    stream, destination = stream_of(), WritableStream()
    signal: Any = AbortController()
    assert isinstance(reason_of(stream.pipe_to(destination, signal=signal)), TypeError)
    assert not stream.locked
    assert not destination.locked


async def test_pipe_to_rejects_where_either_stream_is_locked() -> None:
    stream, destination = stream_of("a"), WritableStream[Any]()
    with stream.get_reader():
        assert isinstance(reason_of(stream.pipe_to(destination)), TypeError)
    with destination.get_writer():
        assert isinstance(reason_of(stream.pipe_to(destination)), TypeError)
    await stream.pipe_to(destination)


async def test_a_rejection_of_pipe_to_is_not_marked_handled(loop_errors: LoopErrors) -> None:
    errored_stream(ValueError("broken")).pipe_to(WritableStream())
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], ValueError)


async def test_options_of_a_pipe_are_converted_to_booleans() -> None:
    trace = EventTrace()
    options: Any = {"prevent_close": "yes", "prevent_abort": 0, "prevent_cancel": math.nan}
    await stream_of().pipe_to(WritableStream(RecordingSink(trace)), **options)
    assert ("close",) not in trace.events
    errored = errored_stream("broken").pipe_to(WritableStream(RecordingSink(trace)), **options)
    await settle()
    assert outcome(errored) == rejected("broken")
    assert trace.events[-1] == ("abort", "broken")


@pytest.mark.parametrize("as_mapping", [False, True])
async def test_pipe_through_takes_any_pair_and_returns_its_readable(as_mapping: bool) -> None:
    trace = EventTrace()
    readable, writable = stream_of("other"), WritableStream[Any](RecordingSink(trace))
    pair: Any = {"readable": readable, "writable": writable}
    source = stream_of("a")
    assert source.pipe_through(pair if as_mapping else SimpleNamespace(**pair)) is readable
    assert source.locked
    assert writable.locked
    assert not readable.locked
    await settle()
    assert trace.events == [("start",), ("write", "a"), ("close",)]


async def test_pipe_through_a_transform_stream() -> None:
    transform = TransformStream[str, str]({"transform": lambda chunk, controller: controller.enqueue(chunk.upper())})
    assert await read_all(stream_of("a", "b").pipe_through(transform)) == ["A", "B"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: 1,
        lambda: "pair",
        dict,
        lambda: {"readable": stream_of()},
        lambda: {"writable": WritableStream()},
        lambda: {"readable": WritableStream(), "writable": WritableStream()},
        lambda: {"readable": stream_of(), "writable": stream_of()},
    ],
)
def test_pipe_through_raises_where_the_pair_is_none(make: Callable[[], Any]) -> None:
    stream = stream_of()
    pair = make()
    with pytest.raises(TypeError):
        stream.pipe_through(pair)
    assert not stream.locked


def test_pipe_through_raises_where_the_signal_is_none() -> None:
    signal: Any = "signal"
    stream, transform = stream_of(), TransformStream[Any, Any]()
    with pytest.raises(TypeError, match="signal"):
        stream.pipe_through(transform, signal=signal)
    assert not transform.writable.locked


def test_pipe_through_looks_for_the_readable_before_the_writable() -> None:
    with pytest.raises(TypeError, match="readable"):
        stream_of().pipe_through({"readable": 1, "writable": 1})


def test_pipe_through_raises_where_a_stream_is_locked() -> None:
    stream, transform = stream_of(), TransformStream[Any, Any]()
    with stream.get_reader(), pytest.raises(TypeError):
        stream.pipe_through(transform)
    with transform.writable.get_writer(), pytest.raises(TypeError):
        stream.pipe_through(transform)
    assert not stream.locked


async def test_pipe_through_does_not_mind_a_locked_readable() -> None:
    transform = TransformStream[Any, Any]()
    reader = transform.readable.get_reader()
    stream_of("a").pipe_through(transform)
    assert await reader.read() == ("a", False)


async def test_the_pipe_of_pipe_through_is_marked_handled() -> None:
    readable = errored_stream(ValueError("broken")).pipe_through(TransformStream())
    with pytest.raises(ValueError, match="broken"):
        await read_all(readable)


async def test_pipe_through_passes_its_options_on() -> None:
    trace = EventTrace()
    controller = AbortController()
    source, stream = source_and_stream()
    pair = {"readable": stream_of(), "writable": WritableStream(RecordingSink(trace))}
    stream.pipe_through(pair, prevent_abort=True, prevent_cancel=True, signal=controller.signal)
    controller.abort("enough")
    await settle()
    assert not stream.locked
    assert ("abort", "enough") not in trace.events
    assert ("cancel", "enough") not in source.events
    stream.pipe_through(pair, prevent_close=True)
    source.controller.close()
    await settle()
    assert trace.events == [("start",)]
    stream_of().pipe_through(pair, signal=AbortSignal.abort("now"))
    await settle()
    assert trace.events == [("start",), ("abort", "now")]


# Iteration, tee and from_: what they do is in modules of their own


async def test_a_stream_can_be_iterated_over() -> None:
    assert [chunk async for chunk in stream_of("a", "b")] == ["a", "b"]


def test_values_gives_an_iterator_that_locks_the_stream() -> None:
    stream = stream_of("a")
    iterator = stream.values(prevent_cancel=True)
    assert isinstance(iterator, ReadableStreamAsyncIterator)
    assert stream.locked


async def test_tee_gives_two_streams_and_locks_this_one() -> None:
    stream = stream_of("a")
    branches = stream.tee()
    assert isinstance(branches, tuple)
    assert stream.locked
    assert [await read_all(branch) for branch in branches] == [["a"], ["a"]]


async def test_from_makes_a_stream() -> None:
    assert await read_all(ReadableStream.from_(["a", "b"])) == ["a", "b"]


# repr


def test_repr_tells_the_state_and_the_lock() -> None:
    stream = stream_of("a")
    assert repr(stream) == "<ReadableStream readable>"
    stream.get_reader()
    assert repr(stream) == "<ReadableStream readable, locked>"
    assert repr(stream_of()) == "<ReadableStream closed>"
    assert repr(errored_stream("broken")) == "<ReadableStream errored>"


# Where no loop runs


def test_a_stream_built_where_no_loop_runs_works_on_the_first_loop(loop_factory: LoopFactory) -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"high_water_mark": 2})
    source.controller.enqueue("a")
    reader = stream.get_reader()
    first = reader.read()
    second = reader.read()
    trace.watch("second", second)
    assert outcome(first) == ("fulfilled", ("a", False))
    assert trace.take() == [("start",)]

    async def use() -> None:
        assert await first == ("a", False)
        await settle()
        assert trace.take() == [("pull",)]
        source.controller.enqueue("b")
        assert await second == ("b", False)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(use())
    # The read was fulfilled first, but the source is asked for more before the reaction to that runs.
    assert trace.take() == [("pull",), ("second", "fulfilled", ("b", False))]


def test_a_pipe_built_where_no_loop_runs_runs_on_the_first_loop(loop_factory: LoopFactory) -> None:
    trace = EventTrace()
    promise = stream_of("a", "b").pipe_through(TransformStream()).pipe_to(WritableStream(RecordingSink(trace)))

    async def use() -> None:
        await promise

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(use())
    assert trace.events == [("start",), ("write", "a"), ("write", "b"), ("close",)]


@pytest.mark.parametrize("option", ["prevent_close", "prevent_abort", "prevent_cancel"])
async def test_what_converting_an_option_of_a_pipe_raises_rejects_the_promise(option: str) -> None:
    class Odd:
        def __bool__(self) -> bool:
            raise ZeroDivisionError

    stream: ReadableStream[Any] = ReadableStream()
    options: dict[str, Any] = {option: Odd()}
    promise = stream.pipe_to(WritableStream(), **options)
    with pytest.raises(ZeroDivisionError):
        await promise
    assert not stream.locked
