"""§4.9.1 Working with readable streams: above all ReadableStream.from."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sources import read_all, read_on, stream_of
from whatwg_streams import Promise, ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader
from whatwg_streams._platform.async_sequence import END_OF_ITERATION, NO_RETURN_METHOD
from whatwg_streams._platform.promises import a_promise_resolved_with_undefined
from whatwg_streams._readable.ops import streams


async def async_range(*limits: int) -> AsyncIterator[int]:
    for number in range(*limits):
        await asyncio.sleep(0)
        yield number


# What from_ takes


@pytest.mark.parametrize(
    ("iterable", "chunks"),
    [
        ([], []),
        (["a", None, "b"], ["a", None, "b"]),
        (("a",), ["a"]),
        ({"a": 1}, ["a"]),
        (range(3), [0, 1, 2]),
        (iter("ab"), ["a", "b"]),
        (map(str, range(2)), ["0", "1"]),
    ],
)
async def test_any_iterable_makes_a_stream(iterable: Any, chunks: list[object]) -> None:
    if isinstance(iterable, Iterator):
        iterable = list(iterable)  # the parameter is used on two loops
        iterable = iter(iterable) if iterable else iter(chunks)
    assert await read_all(ReadableStream.from_(iterable)) == chunks


async def test_a_generator_makes_a_stream() -> None:
    assert await read_all(ReadableStream.from_(number * 2 for number in range(3))) == [0, 2, 4]


async def test_an_asynchronous_generator_makes_a_stream() -> None:
    assert await read_all(ReadableStream.from_(async_range(4))) == [0, 1, 2, 3]


async def test_a_readable_stream_makes_another_one() -> None:
    stream = stream_of("a", "b")
    assert await read_all(ReadableStream.from_(stream)) == ["a", "b"]
    assert not stream.locked


async def test_an_object_that_can_be_iterated_over_both_ways_is_iterated_over_asynchronously() -> None:
    class Both:
        def __aiter__(self) -> AsyncIterator[int]:
            return async_range(2)

        def __iter__(self) -> Iterator[int]:
            raise AssertionError

    assert await read_all(ReadableStream[int].from_(Both())) == [0, 1]


@pytest.mark.parametrize("value", [None, 1, 1.5, True, object(), len, asyncio.sleep])
def test_what_is_no_iterable_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="async_iterable"):
        ReadableStream.from_(value)


def test_a_string_is_refused_for_an_async_sequence_is_an_object() -> None:
    with pytest.raises(TypeError, match="async_iterable"):
        ReadableStream.from_("abc")


def test_what_opening_raises_comes_through() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise LookupError("not today")

    class AsyncBroken:
        def __aiter__(self) -> AsyncIterator[int]:
            raise LookupError("not today")

    for broken in (Broken(), AsyncBroken()):
        with pytest.raises(LookupError, match="today"):
            ReadableStream.from_(broken)


async def test_chunks_are_passed_on_as_they_are() -> None:
    chunk = object()
    assert (await read_all(ReadableStream.from_([chunk])))[0] is chunk


async def test_awaitables_of_an_iterable_are_awaited() -> None:
    async def coroutine() -> str:
        return "b"

    chunks: list[Any] = [Promise.resolve("a"), coroutine(), "c"]
    assert await read_all(ReadableStream.from_(chunks)) == ["a", "b", "c"]


async def test_promises_of_an_asynchronous_iterable_are_awaited_too() -> None:
    # Getting the next value makes a promise resolved with the result.
    async def chunks() -> AsyncIterator[Any]:
        yield Promise.resolve("a")

    assert await read_all(ReadableStream.from_(chunks())) == ["a"]


# Nothing is asked for before somebody reads


class Counting:
    """An iterator that tells how far it got."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = 0

    def __iter__(self) -> Counting:
        return self

    def __next__(self) -> int:
        self.asked += 1
        return self.asked

    def close(self) -> None:
        self.closed += 1


async def test_nothing_is_asked_for_before_somebody_reads() -> None:
    iterator = Counting()
    stream = ReadableStream.from_(iterator)
    await settle()
    assert iterator.asked == 0
    reader = stream.get_reader()
    assert await reader.read() == (1, False)
    await settle()
    assert iterator.asked == 1
    reads = [reader.read(), reader.read()]
    assert [await read for read in reads] == [(2, False), (3, False)]
    assert iterator.asked == 3


async def test_the_next_value_is_asked_for_when_the_one_before_is_there() -> None:
    running = 0

    async def chunks() -> AsyncIterator[int]:
        nonlocal running
        for number in range(3):
            running += 1
            assert running == 1
            await asyncio.sleep(0)
            running -= 1
            yield number

    reader = ReadableStream.from_(chunks()).get_reader()
    reads = [reader.read() for _ in range(4)]
    assert [(await read).value for read in reads] == [0, 1, 2, None]


# Errors


async def test_an_error_of_the_iterator_errors_the_stream_after_its_chunks() -> None:
    def chunks() -> Iterator[str]:
        yield "a"
        raise OSError("broken")

    reader = ReadableStream.from_(chunks()).get_reader()
    assert await reader.read() == ("a", False)
    with pytest.raises(OSError, match="broken"):
        await reader.read()
    with pytest.raises(OSError, match="broken"):
        await reader.closed


async def test_an_error_of_the_asynchronous_iterator_errors_the_stream() -> None:
    async def chunks() -> AsyncIterator[str]:
        yield "a"
        raise OSError("broken")

    reader = ReadableStream.from_(chunks()).get_reader()
    assert await reader.read() == ("a", False)
    with pytest.raises(OSError, match="broken"):
        await reader.read()


async def test_an_asynchronous_iterator_may_raise_when_it_is_called() -> None:
    class Broken:
        def __aiter__(self) -> Broken:
            return self

        def __anext__(self) -> Any:
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await read_all(ReadableStream[Any].from_(Broken()))


async def test_a_promise_that_rejects_errors_the_stream() -> None:
    reader = ReadableStream.from_([Promise.reject("broken")]).get_reader()
    read = reader.read()
    await settle()
    assert outcome(read) == outcome(reader.closed) == rejected("broken")


async def test_a_generator_is_closed_when_a_promise_that_it_gave_rejects() -> None:
    # ECMAScript's asynchronous iterators from synchronous ones close those then.
    closed = []

    def chunks() -> Iterator[Promise[Any]]:
        try:
            yield Promise.reject("broken")
        finally:
            closed.append(True)

    iterator = chunks()
    stream = ReadableStream.from_(iterator)
    read = stream.get_reader().read()
    await settle()
    assert outcome(read) == rejected("broken")
    assert closed == [True]


async def test_a_cancellation_within_the_iterator_is_an_error_like_others() -> None:
    async def chunks() -> AsyncIterator[str]:
        raise asyncio.CancelledError
        yield "a"

    read = ReadableStream.from_(chunks()).get_reader().read()
    await settle()
    assert isinstance(reason_of(read), Exception)


# Cancelling


async def test_cancelling_closes_a_generator() -> None:
    closed = []

    def chunks() -> Iterator[str]:
        try:
            yield "a"
        finally:
            closed.append(True)

    reader = ReadableStream.from_(chunks()).get_reader()
    await reader.read()
    await reader.cancel("enough")
    assert closed == [True]


async def test_cancelling_closes_an_asynchronous_generator_and_waits_for_it() -> None:
    cleaned_up = Promise.with_resolvers()
    events: list[str] = []

    async def chunks() -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            events.append("closing")
            await cleaned_up.promise
            events.append("closed")

    reader = ReadableStream.from_(chunks()).get_reader()
    await reader.read()
    cancel = reader.cancel("enough")
    await settle()
    assert events == ["closing"]
    assert outcome(cancel) == PENDING
    cleaned_up.resolve()
    await settle()
    assert outcome(cancel) == FULFILLED
    assert events == ["closing", "closed"]


async def test_cancelling_rejects_with_what_closing_raises() -> None:
    class Broken(Counting):
        def close(self) -> None:
            raise OSError("can not be closed")

    class AsyncBroken:
        def __aiter__(self) -> AsyncBroken:
            return self

        async def __anext__(self) -> str:
            return "a"

        async def aclose(self) -> None:
            raise OSError("can not be closed")

    iterables: list[Any] = [Broken(), AsyncBroken()]
    for iterable in iterables:
        reader = ReadableStream.from_(iterable).get_reader()
        await reader.read()
        with pytest.raises(OSError, match="closed"):
            await reader.cancel()


async def test_cancelling_an_iterator_that_can_not_be_closed_is_fine() -> None:
    class Chunks:
        def __aiter__(self) -> Chunks:
            return self

        async def __anext__(self) -> str:
            return "a"

    iterables: list[Any] = [iter(["a", "b"]), Chunks()]
    for iterable in iterables:
        reader = ReadableStream.from_(iterable).get_reader()
        assert await reader.read() == ("a", False)
        await reader.cancel()


async def test_cancelling_before_anything_was_read_closes_the_iterator_unused() -> None:
    iterator = Counting()
    await ReadableStream.from_(iterator).cancel()
    assert (iterator.asked, iterator.closed) == (0, 1)


async def test_an_iterator_that_came_to_its_end_is_not_closed() -> None:
    class Short(Counting):
        def __next__(self) -> int:
            raise StopIteration

    iterator = Short()
    stream = ReadableStream.from_(iterator)
    assert await read_all(stream) == []
    await stream.cancel()
    assert iterator.closed == 0


async def test_cancelling_while_an_asynchronous_generator_runs_closes_it_after_that() -> None:
    # As the standard's generators do: closing waits for the call of next before it.
    arrived = Promise.with_resolvers()
    events: list[str] = []

    async def chunks() -> AsyncIterator[str]:
        try:
            yield await arrived.promise
        finally:
            events.append("closed")

    reader = ReadableStream.from_(chunks()).get_reader()
    read = reader.read()
    await settle()
    cancel = reader.cancel()
    await settle()
    assert outcome(read) == ("fulfilled", (None, True))
    arrived.resolve("too late")
    await settle()
    assert outcome(cancel) == FULFILLED
    assert events == ["closed"]


async def test_a_value_that_arrives_after_cancelling_is_dropped() -> None:
    class Chunks:
        def __init__(self) -> None:
            self.arrived = Promise.with_resolvers()

        def __aiter__(self) -> Chunks:
            return self

        async def __anext__(self) -> Any:
            if await self.arrived.promise is None:
                raise StopAsyncIteration
            return "value"

    for late in ("value", None):
        chunks = Chunks()
        reader = ReadableStream[Any].from_(chunks).get_reader()
        read = reader.read()
        await settle()
        await reader.cancel()
        chunks.arrived.resolve(late)
        await settle()
        assert await read == (None, True)


async def test_the_steps_of_an_asynchronous_generator_share_one_context() -> None:
    variable = contextvars.ContextVar("variable", default=0)

    async def chunks() -> AsyncIterator[int]:
        for _ in range(3):
            variable.set(variable.get() + 1)
            yield variable.get()

    assert await read_all(ReadableStream.from_(chunks())) == [1, 2, 3]
    assert variable.get() == 0


async def test_iterating_over_the_stream_and_breaking_closes_the_generator() -> None:
    closed = []

    async def chunks() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    async for _ in ReadableStream.from_(chunks()):
        break
    await settle()
    assert closed == [True]


# The order of things


async def test_the_order_of_reading_from_an_iterable() -> None:
    trace = EventTrace()

    def chunks() -> Iterator[str]:
        for chunk in "ab":
            trace.log("next")
            yield chunk
        trace.log("end")

    reader = ReadableStream.from_(chunks()).get_reader()
    await settle()
    trace.watch("read", reader.read())
    trace.watch("closed", reader.closed)
    assert trace.events == [("next",)]
    trace.clock(4)
    await settle()
    # The result is a promise; taking it apart is a reaction (1); the chunk is enqueued in the next (2).
    assert trace.take() == [
        ("next",),
        ("hop", 1),
        ("hop", 2),
        ("read", "fulfilled", ("a", False)),
        ("hop", 3),
        ("hop", 4),
    ]
    assert await read_on(reader) == ["b"]
    await settle()
    assert trace.events == [("next",), ("end",), ("closed", "fulfilled")]


# An iterator of a foreign host


class ForeignIterator:
    """An iterator record whose results are pairs, and which hears why it is closed."""

    closing: Any = "forgotten"

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.reasons: list[object] = []

    def next(self) -> Any:
        return self.results.pop(0)

    def complete(self, result: Any) -> Any:
        value, done = result
        return END_OF_ITERATION if done else value

    def return_(self, reason: object) -> Any:
        self.reasons.append(reason)
        return self.closing

    def complete_return(self, result: Any) -> None:
        if not isinstance(result, str):
            raise TypeError("an iterator has to return a result")


async def test_a_record_of_another_kind_of_iterator_makes_a_stream() -> None:
    record = ForeignIterator(("a", False), Promise.resolve(("b", False)), (None, True))
    assert await read_all(streams.readable_stream_from_iterator_record(record)) == ["a", "b"]


async def test_a_result_that_can_not_be_taken_apart_errors_the_stream() -> None:
    read = streams.readable_stream_from_iterator_record(ForeignIterator(1)).get_reader().read()
    await settle()
    assert isinstance(reason_of(read), TypeError)


async def test_another_kind_of_iterator_hears_why_it_is_closed() -> None:
    record = ForeignIterator()
    reason = object()
    assert await streams.readable_stream_from_iterator_record(record).cancel(reason) is None  # type: ignore[func-returns-value]
    assert record.reasons == [reason]


@pytest.mark.parametrize("closing", [1, None])
async def test_cancelling_rejects_where_another_kind_of_iterator_closes_with_no_result(closing: object) -> None:
    record = ForeignIterator()
    record.closing = closing
    cancel = streams.readable_stream_from_iterator_record(record).cancel()
    await settle()
    assert isinstance(reason_of(cancel), TypeError)


async def test_another_kind_of_iterator_may_have_nothing_to_be_closed_with() -> None:
    record = ForeignIterator()
    record.closing = NO_RETURN_METHOD
    await streams.readable_stream_from_iterator_record(record).cancel()


# Creating streams for other standards


def _nothing() -> None:
    return None


def _no_cancel(_: object) -> Promise[None]:
    return a_promise_resolved_with_undefined()


async def test_a_created_stream_has_room_for_one_chunk_by_default() -> None:
    stream = streams.create_readable_stream(_nothing, a_promise_resolved_with_undefined, _no_cancel)
    controller: Any = stream._controller
    assert controller.desired_size == 1
    controller.enqueue("large")
    assert controller.desired_size == 0


async def test_a_created_stream_takes_a_high_water_mark_and_sizes() -> None:
    stream = streams.create_readable_stream(_nothing, a_promise_resolved_with_undefined, _no_cancel, 10, len)
    controller: Any = stream._controller
    controller.enqueue("abc")
    assert controller.desired_size == 7


@pytest.mark.parametrize("create", [streams.create_readable_stream, streams.create_readable_byte_stream])
def test_creating_a_stream_raises_what_its_start_raises(create: Callable[..., Any]) -> None:
    def start() -> None:
        raise LookupError("no start")

    with pytest.raises(LookupError, match="no start"):
        create(start, a_promise_resolved_with_undefined, _no_cancel)


def test_a_created_byte_stream_has_no_room_and_gives_byob_readers() -> None:
    stream = streams.create_readable_byte_stream(_nothing, a_promise_resolved_with_undefined, _no_cancel)
    assert isinstance(stream._controller, ReadableByteStreamController)
    assert stream._controller.desired_size == 0
    assert isinstance(streams.acquire_readable_stream_byob_reader(stream), ReadableStreamBYOBReader)
