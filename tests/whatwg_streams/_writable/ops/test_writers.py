"""§5.5.3 Writers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSink, outcome, reason_of, rejected
from whatwg_streams import Promise, RangeError, WritableStream, WritableStreamDefaultWriter
from whatwg_streams._writable.ops import writers


class Chosen(Exception):
    """An error that only a test raises."""


# WritableStreamDefaultWriterCloseWithErrorPropagation ------------------------------------------------


async def test_closing_with_propagation_closes_a_writable_stream() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writers.writable_stream_default_writer_close_with_error_propagation(writer)
    # While it is closing, nothing is left to do, and nothing to wait for.
    assert outcome(writers.writable_stream_default_writer_close_with_error_propagation(writer)) == FULFILLED
    await settle()
    assert outcome(writers.writable_stream_default_writer_close_with_error_propagation(writer)) == FULFILLED
    assert outcome(close) == PENDING
    sink.resolve("close")
    await close
    assert outcome(writers.writable_stream_default_writer_close_with_error_propagation(writer)) == FULFILLED
    assert sink.events == [("start",), ("close",)]


async def test_closing_an_errored_stream_with_propagation_fails_with_its_error() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await settle()
    error = Chosen()
    sink.controller.error(error)
    assert outcome(writers.writable_stream_default_writer_close_with_error_propagation(writer)) == rejected(error)


async def test_closing_an_erroring_stream_with_propagation_fails_with_its_error_in_the_end() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    error = Chosen()
    sink.controller.error(error)
    close = writers.writable_stream_default_writer_close_with_error_propagation(writer)
    assert outcome(close) == PENDING
    sink.resolve("start")
    await settle()
    assert outcome(close) == rejected(error)


async def test_a_failed_close_that_was_asked_for_before_is_not_propagated() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    await settle()
    assert outcome(writers.writable_stream_default_writer_close_with_error_propagation(writer)) == FULFILLED
    sink.reject("close", "boom")
    await settle()
    assert outcome(close) == rejected("boom")


# A size function that re-enters ----------------------------------------------------------------------


class Reentrant:
    """A writer whose size function does something to the stream, once."""

    def __init__(self, size: object = 1, sink: RecordingSink | None = None) -> None:
        self.act: Callable[[], object] | None = None
        self.acted: Any = None
        self.size = size
        self.sink = sink or RecordingSink()
        self.stream: WritableStream[str] = WritableStream(self.sink, {"size": self._size, "high_water_mark": 10})
        self.writer: WritableStreamDefaultWriter[str] = self.stream.get_writer()

    def _size(self, _: object) -> Any:
        act, self.act = self.act, None
        if act is not None:
            self.acted = act()
        return self.size

    def write(self, act: Callable[[], object]) -> Promise[None]:
        self.act = act
        return self.writer.write("a")


async def test_a_size_function_that_releases_the_writer_makes_the_write_a_type_error() -> None:
    one = Reentrant()
    await settle()
    write = one.write(one.writer.release_lock)
    assert isinstance(reason_of(write), TypeError)
    assert not one.stream.locked
    assert one.stream.get_writer().desired_size == 10
    assert one.sink.events == [("start",)]


async def test_a_size_function_that_hands_the_stream_to_another_writer_makes_the_write_a_type_error() -> None:
    one = Reentrant()

    def act() -> WritableStreamDefaultWriter[str]:
        one.writer.release_lock()
        return one.stream.get_writer()

    write = one.write(act)
    await settle()
    assert isinstance(reason_of(write), TypeError)
    assert outcome(one.acted.closed) == PENDING
    assert one.sink.events == [("start",)]


async def test_a_size_function_that_closes_the_stream_makes_the_write_a_type_error() -> None:
    one = Reentrant()
    write = one.write(one.writer.close)
    assert isinstance(reason_of(write), TypeError)
    await settle()
    assert outcome(one.acted) == FULFILLED
    assert one.sink.events == [("start",), ("close",)]


async def test_a_size_function_that_closes_a_started_stream_makes_the_write_a_type_error() -> None:
    one = Reentrant()
    await settle()
    write = one.write(one.writer.close)
    assert one.sink.events == [("start",), ("close",)]
    assert isinstance(reason_of(write), TypeError)
    await settle()
    assert outcome(one.acted) == FULFILLED


async def test_a_size_function_that_aborts_the_stream_makes_the_write_fail_with_the_reason() -> None:
    for started in (False, True):
        one = Reentrant()
        if started:
            await settle()
        error = Chosen()
        write = one.write(lambda one=one, error=error: one.writer.abort(error))  # type: ignore[misc]
        assert outcome(write) == rejected(error)
        await settle()
        assert outcome(one.acted) == FULFILLED
        assert one.sink.events == [("start",), ("abort", error)]


async def test_a_size_function_that_errors_the_stream_makes_the_write_fail_with_the_error() -> None:
    for started in (False, True):
        one = Reentrant()
        if started:
            await settle()
        write = one.write(lambda one=one: one.sink.controller.error("boom"))  # type: ignore[misc]
        assert outcome(write) == rejected("boom")
        await settle()
        assert outcome(one.writer.closed) == rejected("boom")
        assert one.sink.events == [("start",)]


async def test_a_size_function_that_errors_the_stream_and_raises_keeps_the_first_error() -> None:
    one = Reentrant()
    await settle()

    def act() -> None:
        one.sink.controller.error("boom")
        raise Chosen

    assert outcome(one.write(act)) == rejected("boom")


async def test_a_size_function_that_writes_puts_its_chunk_first() -> None:
    one = Reentrant(size=2)
    write = one.write(lambda: one.writer.write("within"))
    assert one.writer.desired_size == 6
    await write
    assert outcome(one.acted) == FULFILLED
    assert one.sink.events == [("start",), ("write", "within"), ("write", "a")]


async def test_a_size_function_that_errors_and_returns_an_impossible_size_fails_with_the_error() -> None:
    one = Reentrant(size=-1)
    await settle()
    assert outcome(one.write(lambda: one.sink.controller.error("boom"))) == rejected("boom")
    assert outcome(one.writer.closed) == rejected("boom")


# Sizes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size",
    [-1, -0.5, float("nan"), float("inf"), float("-inf"), None, "many", "-1", "Infinity", -(10**400), 10**400],
    ids=str,
)
async def test_an_impossible_size_errors_the_stream_with_a_range_error(size: object) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink, {"size": lambda: size}).get_writer()
    write = writer.write("a")
    error = reason_of(writer.ready)
    assert isinstance(error, RangeError)
    assert outcome(write) == PENDING  # the write was requested before, and waits for the start
    await settle()
    assert (outcome(write), outcome(writer.closed)) == (rejected(error), rejected(error))
    assert sink.events == [("start",)]


@pytest.mark.parametrize("size", [-1, None])
async def test_an_impossible_size_fails_the_write_at_once_when_nothing_is_in_flight(size: object) -> None:
    writer = WritableStream[str](None, {"size": lambda: size}).get_writer()
    await settle()
    write = writer.write("a")
    assert isinstance(reason_of(write), RangeError)
    assert outcome(writer.closed) == outcome(write)


@pytest.mark.parametrize(
    ("size", "counted"), [(0, 0), (True, 1), (False, 0), (2.5, 2.5), ("3", 3), ("", 0), (" 1.5 ", 1.5), ("0x10", 16)]
)
async def test_a_size_may_be_whatever_makes_a_number(size: object, counted: float) -> None:
    writer = WritableStream[str](None, {"size": lambda: size, "high_water_mark": 20}).get_writer()
    write = writer.write("a")
    assert writer.desired_size == 20 - counted
    await write


@pytest.mark.parametrize("size", [object(), [], 1j], ids=["object", "list", "complex"])
async def test_a_size_that_makes_no_number_errors_the_stream_with_a_type_error(size: object) -> None:
    writer = WritableStream[str](None, {"size": lambda: size}).get_writer()
    write = writer.write("a")
    error = reason_of(write)
    assert isinstance(error, TypeError)
    assert outcome(writer.ready) == rejected(error)
    await settle()
    assert outcome(writer.closed) == rejected(error)


async def test_a_size_function_that_raises_errors_the_stream_with_what_it_raises() -> None:
    error = Chosen()

    def size() -> int:
        raise error

    sink = RecordingSink()
    writer = WritableStream[str](sink, {"size": size}).get_writer()
    assert outcome(writer.write("a")) == rejected(error)
    assert outcome(writer.ready) == rejected(error)
    assert outcome(writer.closed) == PENDING
    await settle()
    assert outcome(writer.closed) == rejected(error)
    assert sink.events == [("start",)]


async def test_the_size_function_is_given_the_chunk_and_nothing_else() -> None:
    given: list[tuple[object, ...]] = []

    def size(*arguments: object) -> int:
        given.append(arguments)
        return 1

    chunk = object()
    await WritableStream[object](None, {"size": size}).get_writer().write(chunk)
    assert given == [(chunk,)]


async def test_the_size_function_is_not_called_for_a_stream_that_takes_no_more_chunks() -> None:
    given: list[object] = []

    def size(chunk: object) -> int:
        given.append(chunk)
        return 1

    sink = RecordingSink()
    writer = WritableStream[str](sink, {"size": size}).get_writer()
    await settle()
    sink.controller.error("boom")
    assert outcome(writer.write("a")) == rejected("boom")
    closed = WritableStream[str](None, {"size": size}).get_writer()
    await closed.close()
    assert isinstance(reason_of(closed.write("a")), TypeError)
    assert given == []


# The rest ----------------------------------------------------------------------------------------


async def test_what_is_not_writable_any_more_wants_nothing() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    assert writers.writable_stream_default_writer_get_desired_size(writer) == 1
    await writer.close()
    assert writers.writable_stream_default_writer_get_desired_size(writer) == 0


def test_the_operations_of_a_writer_want_one_that_was_not_released() -> None:
    writer = WritableStream[str]().get_writer()
    writer.release_lock()
    operations: list[Callable[[], object]] = [
        lambda: writers.writable_stream_default_writer_abort(writer, "why"),
        lambda: writers.writable_stream_default_writer_close(writer),
        lambda: writers.writable_stream_default_writer_close_with_error_propagation(writer),
        lambda: writers.writable_stream_default_writer_release(writer),
        lambda: writers.writable_stream_default_writer_write(writer, "a"),
    ]
    for operation in operations:
        with pytest.raises(AssertionError):
            operation()


def test_ensuring_a_rejection_rejects_a_pending_promise_and_replaces_any_other() -> None:
    writer = WritableStream[str](None, {"high_water_mark": 0}).get_writer()
    ready, closed = writer.ready, writer.closed
    writers.writable_stream_default_writer_ensure_ready_promise_rejected(writer, "first")
    writers.writable_stream_default_writer_ensure_closed_promise_rejected(writer, "first")
    assert (writer.ready, writer.closed) == (ready, closed)
    assert ready._promise_is_handled
    assert closed._promise_is_handled
    writers.writable_stream_default_writer_ensure_ready_promise_rejected(writer, "second")
    writers.writable_stream_default_writer_ensure_closed_promise_rejected(writer, "second")
    assert (outcome(ready), outcome(closed)) == (rejected("first"), rejected("first"))
    assert writer.ready._promise_is_handled
    assert writer.closed._promise_is_handled
    assert (outcome(writer.ready), outcome(writer.closed)) == (rejected("second"), rejected("second"))
