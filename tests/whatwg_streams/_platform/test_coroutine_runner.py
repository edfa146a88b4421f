"""Callbacks that are coroutine functions share a task, and can not tell."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from tests.support import settle
from whatwg_streams import AbortError, Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams._platform import fast_paths
from whatwg_streams._platform.coroutine_runner import CoroutineRunner

COUNT = 30

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def source_of(before: Callable[[int], Awaitable[None]], count: int = COUNT) -> ReadableStream[int]:
    """Numbers; before each of them it does something."""
    made = 0

    async def pull(controller: Any) -> None:
        nonlocal made
        await before(made)
        if made == count:
            controller.close()
        else:
            controller.enqueue(made)
        made += 1

    return ReadableStream({"pull": pull})


@contextlib.contextmanager
def fast_paths_on() -> Generator[None]:
    before = fast_paths.set_enabled(True)
    try:
        yield
    finally:
        fast_paths.set_enabled(before)


async def nothing(_: int) -> None: ...


def current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def read_all(stream: ReadableStream[Any]) -> list[Any]:
    return [chunk async for chunk in stream]


async def test_a_task_runs_many_coroutines() -> None:
    tasks: list[object] = []

    async def look(_: int) -> None:
        tasks.append(asyncio.current_task())

    with fast_paths_on():
        assert await read_all(source_of(look)) == list(range(COUNT))
    assert asyncio.current_task() not in tasks
    assert len(set(tasks)) < COUNT / 2


async def test_the_task_ends_when_there_is_nothing_to_run() -> None:
    before = asyncio.all_tasks()
    await read_all(source_of(nothing))
    await settle(5)
    assert asyncio.all_tasks() == before


async def test_the_task_that_reads_stays_the_current_one() -> None:
    reader = source_of(nothing).get_reader()
    me = asyncio.current_task()
    for _ in range(COUNT):
        await reader.read()
        assert asyncio.current_task() is me


async def test_a_timeout_in_a_callback_ends_what_that_waits_for() -> None:
    async def wait_in_vain(number: int) -> None:
        if number % 7 == 5:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()

    assert await read_all(source_of(wait_in_vain)) == list(range(COUNT))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_variables_stay_with_the_callback() -> None:
    seen: list[str] = []

    async def set_it(number: int) -> None:
        seen.append(variable.get())
        variable.set(str(number))
        if number % 4 == 3:
            await asyncio.sleep(0)

    await read_all(source_of(set_it))
    assert seen == ["unset", *map(str, range(COUNT))]
    assert variable.get() == "unset"


async def test_a_read_that_is_cancelled_loses_nothing_of_a_callback_that_waits() -> None:
    go_on = asyncio.Event()
    waiting = asyncio.Event()

    async def wait(number: int) -> None:
        if number == COUNT // 2:
            waiting.set()
            await go_on.wait()

    chunks = source_of(wait).values()
    got: list[int] = []

    async def read() -> None:
        async for chunk in chunks:
            got.append(chunk)  # noqa: PERF401  # those before it is cancelled count

    task = asyncio.create_task(read())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await read()
    assert got == list(range(COUNT))


@pytest.mark.parametrize("waits", [True, False])
async def test_what_a_callback_raises_errors_the_stream(waits: bool) -> None:
    async def fail(number: int) -> None:
        if number == COUNT // 2:
            if waits:
                await asyncio.sleep(0)
            raise KeyError("failed")

    with pytest.raises(KeyError, match="failed"):
        await read_all(source_of(fail))


@pytest.mark.parametrize("number_of_the_cancelled", [0, COUNT // 2])
async def test_a_callback_whose_task_is_cancelled_errors_the_stream(number_of_the_cancelled: int) -> None:
    """Whether it cancels its own, or another does."""
    tasks: list[asyncio.Task[Any]] = []
    waiting = asyncio.Event()

    async def wait(number: int) -> None:
        if number == number_of_the_cancelled:
            task = asyncio.current_task()
            assert task is not None
            tasks.append(task)
            waiting.set()
            await asyncio.Event().wait()

    reading = asyncio.create_task(read_all(source_of(wait)))
    await waiting.wait()
    tasks[0].cancel()
    with pytest.raises(AbortError, match="was cancelled"):
        await reading


async def test_a_callback_whose_task_is_cancelled_before_its_first_step_errors_the_stream() -> None:
    before = asyncio.all_tasks()
    with fast_paths_on():
        stream = source_of(nothing)
        async with asyncio.timeout(5):
            reader = stream.get_reader()
            read = reader.read()
            await asyncio.sleep(0)
            (task,) = asyncio.all_tasks() - before
            task.cancel()
            with pytest.raises(AbortError, match="was cancelled"):
                await read


@pytest.mark.parametrize("when", ["before it waits", "and does not wait", "after it has waited"])
async def test_a_callback_that_cancels_itself_errors_the_stream(when: str) -> None:
    async def cancel(number: int) -> None:
        if number == COUNT // 2:
            if when == "after it has waited":
                await asyncio.sleep(0)
            current_task().cancel()
            if when == "before it waits":
                await asyncio.sleep(0)

    with pytest.raises(AbortError, match="was cancelled"):
        await read_all(source_of(cancel))


async def test_a_callback_that_cancels_itself_cancels_what_it_waits_for() -> None:
    inner = asyncio.get_running_loop().create_future()
    messages: list[object] = []

    async def cancel(number: int) -> None:
        if number == COUNT // 2:
            current_task().cancel("enough")
            try:
                await inner
            except asyncio.CancelledError as error:
                messages.extend(error.args)

    assert await read_all(source_of(cancel)) == list(range(COUNT))
    assert inner.cancelled()
    assert messages == ["enough"]


async def test_a_callback_is_not_told_that_one_before_it_was_cancelled() -> None:
    requests: list[int] = []

    async def ignore_it(number: int) -> None:
        task = current_task()
        requests.append(task.cancelling())
        if number % 10 == 5:
            asyncio.get_running_loop().call_soon(task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    assert await read_all(source_of(ignore_it)) == list(range(COUNT))
    assert requests == [0] * (COUNT + 1)


async def test_a_callback_may_wait_for_promises_and_for_other_streams() -> None:
    inner = source_of(nothing, COUNT + 1).get_reader()
    resolvers = Promise.with_resolvers()

    async def read_another(number: int) -> None:
        await Promise.resolve()
        assert (await inner.read()).value == number
        if number == 3:
            resolvers.resolve()
        if number == 9:
            await resolvers.promise

    async def transform(chunk: int, controller: Any) -> None:
        await Promise.resolve()
        controller.enqueue(chunk)

    transformed = source_of(read_another).pipe_through(TransformStream[int, int]({"transform": transform}))
    assert await read_all(transformed) == list(range(COUNT))


async def test_a_sink_that_waits_now_and_then_is_given_chunks_in_order() -> None:
    written: list[int] = []

    async def write(chunk: int) -> None:
        if chunk % 5 == 4:
            await asyncio.sleep(0)
        written.append(chunk)

    writer = WritableStream[int]({"write": write}).get_writer()
    for number in range(COUNT):
        await writer.ready
        writer.write(number)
    await writer.close()
    assert written == list(range(COUNT))


async def test_many_callbacks_that_never_wait_leave_the_event_loop_its_turns() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await read_all(source_of(nothing, 2000))
    counting.cancel()
    assert turns > 5


async def test_a_coroutine_begins_in_its_context_though_that_is_entered_already() -> None:
    context = contextvars.Context()
    runner = CoroutineRunner()

    async def answer() -> int:
        return 42

    assert await runner.promise_for(answer(), context) == 42
    answers: list[int] = []

    class Receiver:
        def ended(self, value: int) -> None:
            answers.append(value)

        def failed(self, reason: object) -> None:
            raise AssertionError(reason)

    context.run(runner._begin, (answer(), context, Receiver()))
    await settle(3)
    assert answers == [42]


@pytest.mark.parametrize("waits", [True, False])
async def test_what_asyncio_would_keep_in_the_task_errors_the_stream_only(waits: bool) -> None:
    class Stop(BaseException):
        pass

    async def stop(number: int) -> None:
        if number == COUNT // 2:
            if waits:
                await asyncio.sleep(0)
            raise Stop

    stream = source_of(stop)
    with pytest.raises(Stop):
        await read_all(stream)
    with pytest.raises(Stop):
        await stream.get_reader().closed


async def test_an_interruption_is_raised_where_the_callback_was_to_be_run() -> None:
    async def stop(number: int) -> None:
        if number == COUNT // 2:
            raise KeyboardInterrupt

    reader = source_of(stop).get_reader()
    with fast_paths_on(), pytest.raises(KeyboardInterrupt):
        while True:
            await reader.read()
