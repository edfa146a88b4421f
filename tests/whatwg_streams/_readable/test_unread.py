"""Reads whose only observer, an asyncio task, was cancelled: nothing is lost, and the order is kept."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import HOLD, PENDING, EventTrace, RecordingSink, outcome, reason_of, rejected
from tests.support.sources import read_all, read_on, source_and_stream
from whatwg_streams import AbortError, Promise, ReadableStream, ReadableStreamDefaultReader, WritableStream
from whatwg_streams._platform.event_loop import MICROTASKS_PER_TURN
from whatwg_streams.other_specs import (
    close_readable_stream,
    enqueue_into_readable_stream,
    error_readable_stream,
    new,
    set_up_readable_stream,
)


async def _await(promise: Promise[Any]) -> Any:
    return await promise


async def _waiting(*promises: Promise[Any]) -> list[asyncio.Task[Any]]:
    """Return tasks that have come as far as to wait for the promises."""
    tasks = [asyncio.create_task(_await(promise)) for promise in promises]
    await settle()
    return tasks


async def _reading(reader: ReadableStreamDefaultReader[Any], count: int) -> list[asyncio.Task[Any]]:
    return await _waiting(*(reader.read() for _ in range(count)))


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task


# Reads that are pending


async def test_a_pending_read_is_withdrawn_and_the_next_read_gets_the_chunk() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await reader.read()
    source.controller.enqueue("a")
    assert await reader.read() == ("a", False)


async def test_a_withdrawn_read_can_be_served_by_another_reader() -> None:
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        await _cancelled(*await _reading(reader, 1))
    source.controller.enqueue("a")
    source.controller.close()
    assert await read_all(stream) == ["a"]


async def test_a_withdrawn_read_asks_for_nothing_any_more() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, pull=HOLD, strategy={"high_water_mark": 0})
    await settle()
    reader = stream.get_reader()
    await _cancelled(*await _reading(reader, 2))
    source.resolve("pull")
    await settle()
    assert trace.events == [("start",), ("pull",)]


async def test_the_promise_of_a_withdrawn_read_is_rejected_and_handled() -> None:
    _, stream = source_and_stream()
    reader = stream.get_reader()
    read, left_alone = reader.read(), reader.read()
    await _cancelled(*await _waiting(read, left_alone))
    assert isinstance(reason_of(read), AbortError)
    with pytest.raises(AbortError):
        await read


@pytest.mark.parametrize("cancelled", [c for n in range(4) for c in itertools.combinations(range(3), n)])
async def test_the_reads_that_are_left_get_the_chunks_in_order(cancelled: tuple[int, ...]) -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    tasks = await _reading(reader, 3)
    await _cancelled(*(tasks[index] for index in cancelled))
    for chunk in "abc":
        source.controller.enqueue(chunk)
    source.controller.close()
    left = [task for index, task in enumerate(tasks) if index not in cancelled]
    got = [(await task).value for task in left] + await read_on(reader)
    assert got == ["a", "b", "c"]


async def test_a_read_stays_while_another_task_awaits_it() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    first, second = await _waiting(read, read)
    await _cancelled(first)
    assert outcome(read) == PENDING
    source.controller.enqueue("a")
    assert await second == ("a", False)


async def test_a_read_is_withdrawn_with_the_last_of_its_tasks() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    first, second = await _waiting(read, read)
    await _cancelled(first)
    await _cancelled(second)
    assert isinstance(reason_of(read), AbortError)
    source.controller.enqueue("a")
    assert await reader.read() == ("a", False)


async def test_a_read_stays_while_a_function_reacts_to_it() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, pull=HOLD)
    reader = stream.get_reader()
    read = reader.read()
    trace.watch("read", read)
    await _cancelled(*await _waiting(read))
    source.controller.enqueue("a")
    assert outcome(read) == ("fulfilled", ("a", False))
    await settle()
    assert trace.events[-1] == ("read", "fulfilled", ("a", False))


async def test_a_read_that_nobody_awaits_stays() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    source.controller.enqueue("a")
    assert await read == ("a", False)


async def test_a_task_that_is_cancelled_on_the_turn_that_resumes_it_has_read_nothing() -> None:
    chunks = 2 * MICROTASKS_PER_TURN
    source, stream = source_and_stream()
    for chunk in range(chunks):
        source.controller.enqueue(chunk)
    source.controller.close()
    reader = stream.get_reader()
    received: list[int] = []

    async def read() -> None:
        while not (result := await reader.read()).done:
            received.append(result.value)

    task = asyncio.create_task(read())
    # It gives way after so many; the next callback from then on resumes it.
    await asyncio.sleep(0)
    await _cancelled(task)
    assert 0 < len(received) <= MICROTASKS_PER_TURN
    await read()
    assert received == list(range(chunks))


async def test_a_task_that_is_cancelled_before_it_runs_has_read_nothing() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()

    async def read() -> Any:
        return await reader.read()

    task = asyncio.create_task(read())
    task.cancel()
    source.controller.enqueue("a")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await reader.read() == ("a", False)


async def test_a_read_that_is_rejected_before_its_task_is_cancelled_is_just_that() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    tasks = await _waiting(read)
    source.controller.error("broken")
    await _cancelled(*tasks)
    assert outcome(read) == outcome(reader.read()) == rejected("broken")


async def test_a_read_that_was_released_before_its_task_is_cancelled_is_just_that() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    tasks = await _waiting(read)
    reader.release_lock()
    with stream.get_reader() as other:
        first = other.read()
        await _cancelled(*tasks)
        assert isinstance(reason_of(read), TypeError)
        source.controller.enqueue("a")
        assert await first == ("a", False)


async def test_reads_withdrawn_while_the_stream_ends_are_no_trouble() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    tasks = await _reading(reader, 2)
    await _cancelled(tasks[0])
    source.controller.close()
    assert await tasks[1] == (None, True)
    assert await read_on(reader) == []


# Reads that are fulfilled, but whose task was cancelled before it was resumed


async def test_a_chunk_that_came_in_the_same_step_is_not_lost() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.enqueue("a")
    await _cancelled(task)
    assert await reader.read() == ("a", False)


async def test_a_chunk_that_came_in_the_same_step_comes_before_those_after_it() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    source.controller.close()
    await _cancelled(task)
    assert await read_on(reader) == ["a", "b"]


async def test_a_chunk_that_was_queued_when_it_was_read_is_not_lost() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    source.controller.close()
    reader = stream.get_reader()
    blocker = Promise.resolve().then(lambda _: None)  # so that the read has a microtask to wait for
    task = asyncio.create_task(_await(reader.read()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await blocker
    got = [task.result().value] if not task.cancelled() else []
    assert got + await read_on(reader) == ["a", "b"]


@pytest.mark.parametrize("end", ["close", "error"])
async def test_an_unread_chunk_is_read_before_the_end_that_came_in_the_same_step(end: str) -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.enqueue("a")
    getattr(source.controller, end)()
    await _cancelled(task)
    assert await reader.read() == ("a", False)
    assert outcome(reader.read()) == (rejected(None) if end == "error" else ("fulfilled", (None, True)))


async def test_an_end_is_not_given_back() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.close()
    await _cancelled(task)
    assert await reader.read() == (None, True)
    assert await read_on(reader) == []


async def test_a_chunk_that_is_none_is_given_back_too() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.enqueue(None)
    source.controller.close()
    await _cancelled(task)
    assert await read_on(reader) == [None]


async def test_an_unread_chunk_goes_to_a_read_that_waits() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    first, second = await _reading(reader, 2)
    source.controller.enqueue("a")
    await _cancelled(first)
    assert await second == ("a", False)
    source.controller.enqueue("b")
    assert await reader.read() == ("b", False)


@pytest.mark.parametrize(
    "cancelled", [order for n in range(1, 4) for chosen in itertools.combinations(range(3), n)
                  for order in itertools.permutations(chosen)],
)  # fmt: skip
async def test_tasks_cancelled_in_any_order_after_their_chunks_came_lose_nothing(cancelled: tuple[int, ...]) -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    tasks = await _reading(reader, 3)
    for chunk in "abc":
        source.controller.enqueue(chunk)
    source.controller.enqueue("d")
    source.controller.close()
    await _cancelled(*(tasks[index] for index in cancelled))
    for index, task in enumerate(tasks):
        if index not in cancelled:
            assert await task == ("abc"[index], False)
    assert await read_on(reader) == [*("abc"[index] for index in sorted(cancelled)), "d"]


@pytest.mark.parametrize("cancelled", list(itertools.permutations(range(2))))
async def test_unread_chunks_go_to_the_reads_that_wait_in_order(cancelled: tuple[int, ...]) -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    tasks = await _reading(reader, 4)
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    await _cancelled(*(tasks[index] for index in cancelled))
    assert [(await task).value for task in tasks[2:]] == ["a", "b"]


@pytest.mark.parametrize("cancelled", list(itertools.permutations(range(2))))
async def test_a_read_that_waits_gets_the_first_of_the_unread_chunks(cancelled: tuple[int, ...]) -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    tasks = await _reading(reader, 3)
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    await _cancelled(*(tasks[index] for index in cancelled))
    source.controller.close()
    assert [(await tasks[2]).value, *await read_on(reader)] == ["a", "b"]


async def test_a_chunk_stays_with_the_other_task_that_awaits_its_read() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    first, second = await _waiting(read, read)
    source.controller.enqueue("a")
    source.controller.close()
    await _cancelled(first)
    assert await second == ("a", False)
    assert await read_on(reader) == []


async def test_a_chunk_is_not_lost_when_all_tasks_that_await_its_read_are_cancelled() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    tasks = await _waiting(read, read)
    source.controller.enqueue("a")
    source.controller.close()
    await _cancelled(*tasks)
    assert await read_on(reader) == ["a"]


async def test_a_chunk_that_was_given_back_is_not_given_twice() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    read = reader.read()
    (task,) = await _waiting(read)
    source.controller.enqueue("a")
    source.controller.close()
    await _cancelled(task)
    got = await read_on(reader)
    if outcome(read)[0] == "fulfilled":
        got.append((await read).value)
    assert got == ["a"]


async def test_unread_chunks_are_there_for_another_reader() -> None:
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        (task,) = await _reading(reader, 1)
        source.controller.enqueue("a")
        source.controller.close()
        await _cancelled(task)
    assert await read_all(stream) == ["a"]


async def test_a_task_cancelled_after_its_reader_was_released_gives_its_chunk_back() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.enqueue("a")
    source.controller.close()
    reader.release_lock()
    await _cancelled(task)
    assert await read_all(stream) == ["a"]


async def test_cancelling_the_stream_discards_unread_chunks() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    source.controller.enqueue("a")
    await _cancelled(task)
    await reader.cancel("enough")
    assert trace.events[-1] == ("cancel", "enough")
    assert await read_on(reader) == []


# Everything that reads gets them


@pytest.mark.parametrize("closed", [False, True])
async def test_a_pipe_gets_unread_chunks(closed: bool) -> None:
    trace = EventTrace()
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        (task,) = await _reading(reader, 1)
        source.controller.enqueue("a")
        if closed:
            source.controller.close()
        await _cancelled(task)
    pipe = stream.pipe_to(WritableStream(RecordingSink(trace)))
    await settle()
    if not closed:
        source.controller.enqueue("b")
        source.controller.close()
    await pipe
    assert [event[1] for event in trace.events if event[0] == "write"] == (["a"] if closed else ["a", "b"])


async def test_a_pipe_does_not_close_a_destination_that_still_has_to_get_unread_chunks() -> None:
    trace = EventTrace()
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        (task,) = await _reading(reader, 1)
        source.controller.enqueue("a")
        await _cancelled(task)
    stream.pipe_to(WritableStream(RecordingSink(trace), {"high_water_mark": 0}))
    await settle()
    source.controller.close()
    await settle()
    assert "close" not in [event[0] for event in trace.events]


@pytest.mark.parametrize("closed", [False, True])
async def test_both_branches_get_unread_chunks(closed: bool) -> None:
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        (task,) = await _reading(reader, 1)
        source.controller.enqueue("a")
        if closed:
            source.controller.close()
        await _cancelled(task)
    branches = stream.tee()
    await settle()
    if not closed:
        source.controller.enqueue("b")
        source.controller.close()
    expected = ["a"] if closed else ["a", "b"]
    assert [await read_all(branch) for branch in branches] == [expected, expected]


@pytest.mark.parametrize("closed", [False, True])
async def test_iteration_gets_unread_chunks(closed: bool) -> None:
    source, stream = source_and_stream()
    with stream.get_reader() as reader:
        (task,) = await _reading(reader, 1)
        source.controller.enqueue("a")
        if closed:
            source.controller.close()
        await _cancelled(task)
    if not closed:
        source.controller.enqueue("b")
        source.controller.close()
    assert [chunk async for chunk in stream] == (["a"] if closed else ["a", "b"])


# Timeouts at every point of a read loop


@pytest.mark.parametrize("iterate", [False, True])
@pytest.mark.parametrize("seed", range(10))
async def test_a_read_loop_that_is_cancelled_again_and_again_reads_everything_once(seed: int, iterate: bool) -> None:
    # The source gives a chunk, and the loop is cancelled, after numbers of turns that share no rhythm.
    source, stream = source_and_stream()
    got: list[int] = []

    async def read() -> None:
        if iterate:
            async for chunk in iterator:
                got.append(chunk)  # noqa: PERF401 - what came before a cancellation counts
        else:
            while not (result := await reader.read()).done:
                got.append(result.value)

    async def produce() -> None:
        for chunk in range(60):
            await settle((chunk * (seed + 2)) % 3)
            source.controller.enqueue(chunk)
        source.controller.close()

    iterator: Any = stream.values() if iterate else None
    reader: Any = None if iterate else stream.get_reader()
    producer = asyncio.create_task(produce())
    for turns in itertools.count(seed):
        task = asyncio.create_task(read())
        await settle(turns % 5)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await task
            break
    await producer
    assert got == list(range(60))


# Chunks that nobody will get


def _telling_stream(discarded: list[Any], *chunks: object) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(stream, high_water_mark=4, discard_algorithm=discarded.append)
    for chunk in chunks:
        enqueue_into_readable_stream(stream, chunk)
    return stream


async def test_a_cancel_tells_of_what_was_queued_before_the_source_is_cancelled() -> None:
    trace = EventTrace()
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(
        stream,
        high_water_mark=4,
        cancel_algorithm=lambda reason: trace.log("cancel", reason),
        discard_algorithm=lambda chunk: trace.log("discard", chunk, stream._state),
    )
    for chunk in "abc":
        enqueue_into_readable_stream(stream, chunk)
    with stream.get_reader() as reader:
        assert await reader.read() == ("a", False)
    await stream.cancel("why")
    assert trace.events == [("discard", "b", "closed"), ("discard", "c", "closed"), ("cancel", "why")]


async def test_an_error_tells_of_what_was_queued() -> None:
    discarded: list[Any] = []
    stream = _telling_stream(discarded, "a", "b")
    error_readable_stream(stream, "broken")
    assert discarded == ["a", "b"]
    error_readable_stream(stream, "again")
    assert discarded == ["a", "b"]


async def test_what_is_read_is_not_told_of() -> None:
    discarded: list[Any] = []
    stream = _telling_stream(discarded, "a", "b")
    close_readable_stream(stream)
    assert await read_all(stream) == ["a", "b"]
    await stream.cancel()
    assert discarded == []


async def test_a_cancel_while_closing_tells_of_the_rest() -> None:
    discarded: list[Any] = []
    stream = _telling_stream(discarded, "a", "b")
    close_readable_stream(stream)
    await stream.cancel()
    assert discarded == ["a", "b"]


@pytest.mark.parametrize("cancel_first", [False, True])
async def test_a_chunk_that_a_cancelled_task_left_is_told_of_when_the_stream_is_cancelled(cancel_first: bool) -> None:
    discarded: list[Any] = []
    stream = _telling_stream(discarded)
    reader = stream.get_reader()
    (task,) = await _reading(reader, 1)
    enqueue_into_readable_stream(stream, "a")
    if cancel_first:
        reader.cancel()
    await _cancelled(task)
    if not cancel_first:
        assert discarded == []
        reader.cancel()
    assert discarded == ["a"]


async def test_a_stream_without_such_an_algorithm_just_forgets() -> None:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(stream, high_water_mark=4)
    enqueue_into_readable_stream(stream, "a")
    await stream.cancel()
    assert await read_all(stream) == []
