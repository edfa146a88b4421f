"""Tasks: what has a turn of the event loop of its own, as HTML's tasks do, and what runs in a task of asyncio.

https://html.spec.whatwg.org/multipage/webappapis.html#queue-a-global-task
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from . import event_loop
from .reasons import RAISED_BY_TASKS, cancellation, reason_of_a_task

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


def run_a_task(steps: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
    """Run steps that the loop has called, and then the microtasks, before the loop does anything else.

    Only for callbacks that the loop itself calls: no asyncio task may be running.
    """
    queue = event_loop._this_thread.queue
    queue._draining = True  # no turn has to be scheduled for what they queue
    queue._drains_on = loop
    try:
        steps()
    finally:
        queue._draining = False
        queue._drains_on = None
        if queue._jobs:
            queue._drain(loop)


def queue_a_task(steps: Callable[[], object]) -> None:
    """Queue a global task: run the steps on a turn of the loop of their own, after the microtasks.

    Those that are queued before the task's turn run before it, and those that it queues before the next
    task, as HTML's event loop has it. Where no loop runs, they wait for one.
    """
    loop = event_loop.get_running_loop_or_none()
    if loop is None:
        event_loop.wait_for_a_loop(lambda _: queue_a_task(steps))
    else:
        loop.call_soon(_run_task, steps, loop)


def _run_task(steps: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
    event_loop.perform_a_microtask_checkpoint()
    if event_loop._this_thread.queue._jobs:  # more than one turn is for: it comes after those there are
        event_loop.wait_for_a_loop(lambda _: steps())
        return
    run_a_task(steps, loop)


#: asyncio itself holds a task only weakly.
_tasks: set[asyncio.Future[Any]] = set()


def run_awaitable(
    awaitable: Awaitable[T],
    on_result: Callable[[T], object],
    on_exception: Callable[[object], object],
    context: contextvars.Context | None,
) -> None:
    """Run a coroutine in an asyncio task, or watch a future, and tell how it ended.

    A task that was cancelled ends with an AbortError.
    """
    future: asyncio.Future[T] = awaitable if asyncio.isfuture(awaitable) else _create_task(awaitable, context)
    _tasks.add(future)

    def done(future: asyncio.Future[T]) -> None:
        _tasks.discard(future)
        if future.cancelled():
            on_exception(cancellation())
        elif (exception := future.exception()) is not None:
            on_exception(reason_of_a_task(exception))
        else:
            on_result(future.result())
        event_loop.perform_a_microtask_checkpoint()

    future.add_done_callback(done)


def run_in_a_task(steps: Awaitable[None], context: contextvars.Context) -> asyncio.Task[None]:
    """Run steps of our own in a task, in the context."""
    task = _create_task(steps, context)
    _tasks.add(task)

    def done(task: asyncio.Task[None]) -> None:
        _tasks.discard(task)
        exception = None if task.cancelled() else task.exception()
        if exception is not None and not isinstance(exception, RAISED_BY_TASKS):
            event_loop.report_exception(exception, "A task of a stream raised")

    task.add_done_callback(done)
    return task


def _create_task(awaitable: Awaitable[T], context: contextvars.Context | None) -> asyncio.Task[T]:
    coroutine: Any = awaitable
    if not isinstance(awaitable, Coroutine):
        coroutine = wait_for(awaitable)
    return asyncio.get_running_loop().create_task(coroutine, context=context)


async def wait_for(awaitable: Awaitable[T]) -> T:
    return await awaitable
