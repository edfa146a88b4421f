"""Tasks, and awaitables that run in one."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Generator
from typing import Any

from tests.support import settle
from tests.support.logs import appending
from whatwg_streams import AbortError, Promise
from whatwg_streams._platform import event_loop, tasks
from whatwg_streams._platform.event_loop import enqueue_microtask

# Tasks and awaitables ---------------------------------------------------------------------------------


async def test_a_task_has_its_turn_after_the_microtasks_that_are_queued_until_then() -> None:
    log: list[object] = []
    enqueue_microtask(log.append, "before")
    tasks.queue_a_task(lambda: log.append("task"))
    enqueue_microtask(lambda _: enqueue_microtask(log.append, "after, in a microtask"), None)
    enqueue_microtask(log.append, "after")
    await settle()
    assert log == ["before", "after", "after, in a microtask", "task"]


async def test_microtasks_of_a_task_run_before_the_next_task() -> None:
    log: list[object] = []

    def first() -> None:
        log.append("first")
        enqueue_microtask(log.append, "of the first")

    tasks.queue_a_task(first)
    tasks.queue_a_task(lambda: log.append("second"))
    await settle()
    assert log == ["first", "of the first", "second"]


async def test_more_microtasks_than_a_turn_is_for_still_run_before_the_task() -> None:
    log: list[object] = []
    count = 2 * event_loop.MICROTASKS_PER_TURN
    for number in range(count):
        enqueue_microtask(log.append, number)
    tasks.queue_a_task(lambda: log.append("task"))
    await settle()
    assert log == [*range(count), "task"]


async def test_microtasks_without_end_do_not_keep_a_task_waiting_for_ever() -> None:
    log: list[object] = []

    def go_on(_: object) -> None:
        if not log:
            enqueue_microtask(go_on, None)

    go_on(None)
    tasks.queue_a_task(lambda: log.append("task"))
    await settle()
    assert log == ["task"]


class _Ends:
    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []

    def run(self, awaitable: Any, context: contextvars.Context | None = None) -> None:
        tasks.run_awaitable(
            awaitable,
            lambda result: self.log.append(("result", result)),
            lambda exception: self.log.append(("exception", exception)),
            context,
        )


async def test_a_coroutine_runs_in_a_task_and_tells_its_result() -> None:
    ends = _Ends()

    async def work() -> object:
        return asyncio.current_task()

    ends.run(work())
    await settle()
    ((kind, task),) = ends.log
    assert kind == "result"
    assert task is not asyncio.current_task()


async def test_a_coroutine_tells_what_it_raised() -> None:
    ends = _Ends()
    error = ValueError("in the coroutine")

    async def work() -> None:
        raise error

    ends.run(work())
    await settle()
    assert ends.log == [("exception", error)]


async def test_a_coroutine_runs_in_the_context_it_is_given() -> None:
    ends = _Ends()
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    context = contextvars.copy_context()
    context.run(variable.set, "given")

    async def work() -> str:
        return variable.get()

    ends.run(work(), context)
    await settle()
    assert ends.log == [("result", "given")]


async def test_a_cancelled_task_ends_with_an_abort_error() -> None:
    ends = _Ends()

    async def work() -> None:
        raise asyncio.CancelledError

    ends.run(work())
    await settle()
    ((kind, exception),) = ends.log
    assert kind == "exception"
    assert type(exception) is AbortError


async def test_a_future_is_watched_as_it_is() -> None:
    ends = _Ends()
    future = asyncio.get_running_loop().create_future()
    ends.run(future)
    await settle()
    assert ends.log == []
    future.set_result("done")
    await settle()
    assert ends.log == [("result", "done")]


async def test_any_other_awaitable_is_awaited_in_a_task() -> None:
    class Awaitable:
        def __await__(self) -> Generator[Any, None, str]:
            yield
            return "awaited"

    ends = _Ends()
    ends.run(Awaitable())
    await settle()
    assert ends.log == [("result", "awaited")]


async def test_microtasks_queued_at_the_end_of_a_task_run_at_once() -> None:
    log: list[str] = []
    loop = asyncio.get_running_loop()

    async def work() -> None:
        return None

    def on_result(_: object) -> None:
        enqueue_microtask(appending(log, "microtask"), None)
        loop.call_soon(log.append, "the loop's next turn")

    tasks.run_awaitable(work(), on_result, lambda _: None, None)
    await settle()
    assert log == ["microtask", "the loop's next turn"]


async def test_the_task_of_a_coroutine_is_not_collected_while_it_runs() -> None:
    ends = _Ends()

    async def work() -> str:
        # Nothing but the task knows this future.
        promise: Promise[str] = Promise(lambda resolve, _: asyncio.get_running_loop().call_later(0, resolve, "kept"))
        return await promise

    ends.run(work())
    await asyncio.sleep(0)
    gc.collect()
    await settle(50)
    assert ends.log == [("result", "kept")]
