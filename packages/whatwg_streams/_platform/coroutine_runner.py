"""Running the coroutines of a callback, one after the other, in one task: a fast path of `tasks.run_awaitable`.

To make a task for each of them takes longer than all else that is done for a chunk. Here the task, when a coroutine has
ended, waits for the next one until the event loop has had a turn without any. The next one begins in the microtask in
which a task would have been made for it: its first step is run there as one of the waiting task, and if it is
suspended, the task goes on with it.

asyncio leaves open in which order tasks take their turns. A coroutine that is due while the one before it is under way
has a task of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from . import event_loop, promises, tasks
from .promises import Promise
from .reasons import RAISED_BY_TASKS, reason_of_a_task

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine, Generator

_NOTHING: Final[Any] = object()


class Receiver(Protocol):
    """Who is told how a coroutine has ended."""

    def ended(self, value: Any) -> None: ...

    def failed(self, reason: object) -> None: ...


@final
class _PromiseForACoroutine(Promise[Any]):
    __slots__ = ("context",)

    def __init__(self, context: contextvars.Context) -> None:
        super().__init__()
        self._already_resolved = True
        self.context = context

    def ended(self, value: object) -> None:
        if value is None:
            self._fulfill(None)
        else:
            promises._resolve_function(self, value, self.context)

    def failed(self, reason: object) -> None:
        self._reject(reason)


@final
class CoroutineRunner:
    """Of one callback."""

    __slots__ = ("worker",)

    def __init__(self) -> None:
        self.worker: _Worker | None = None

    def promise_for(self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context) -> Promise[Any]:
        """Begin in a microtask.

        Returns:
            The promise for the result.
        """
        promise = _PromiseForACoroutine(context)
        self.run(coroutine, context, promise)
        return promise

    def run(self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context, receiver: Receiver) -> None:
        """The same, and the receiver is told."""
        event_loop.enqueue_microtask(self._begin, (coroutine, context, receiver))

    def _begin(self, job: tuple[Coroutine[Any, Any, Any], contextvars.Context, Receiver]) -> None:
        coroutine, context, receiver = job
        worker = self.worker
        if worker is not None and worker.runs_at_once(coroutine, context, receiver):
            return
        if worker is not None and worker.coroutine is not None:
            tasks.run_awaitable(coroutine, receiver.ended, receiver.failed, context)
            return
        self.worker = _Worker(self, coroutine, context, receiver)


@final
class _Pause:
    """What the task waits for between two coroutines: future-like, as asyncio's task needs it.

    It can not be cancelled, but ends then: so a task that a coroutine cancels in its first step knows that it was, when
    it goes on, as it would if it had run that step itself.
    """

    __slots__ = ("_asyncio_future_blocking", "callback", "context", "is_cancelled", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self.loop = loop
        self.callback: Callable[[Any], object] | None = None
        self.context: contextvars.Context | None = None
        self.is_cancelled = False

    def end(self) -> None:
        """Resume the task, now. No other may be running."""
        callback, context = self.callback, self.context
        self.callback = None
        if callback is not None and context is not None:
            context.run(callback, event_loop.DONE)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self.loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: contextvars.Context) -> None:
        self.callback = callback
        self.context = context

    def cancel(self, msg: object = None) -> bool:
        del msg
        self.is_cancelled = True
        self.loop.call_soon(self.end)
        return False


@final
class _Worker:
    """A task, and the coroutine that it is running."""

    __slots__ = (
        "context",
        "coroutine",
        "has_worked",
        "is_watched",
        "loop",
        "pause",
        "queue",
        "receiver",
        "runner",
        "task",
        "waits_for",
    )

    coroutine: Coroutine[Any, Any, Any] | None
    task: Any

    def __init__(
        self,
        runner: CoroutineRunner,
        coroutine: Coroutine[Any, Any, Any],
        context: contextvars.Context,
        receiver: Receiver,
    ) -> None:
        self.runner = runner
        self.coroutine = coroutine
        self.context = context
        self.receiver = receiver
        self.waits_for: Any = _NOTHING  # what the coroutine waits for, if it has begun
        self.has_worked = False  # in this turn of the event loop
        self.is_watched = False
        self.queue = event_loop._this_thread.queue
        self.loop = asyncio.get_running_loop()
        self.pause = _Pause(self.loop)
        tasks.run_in_a_task(self._work(), context).add_done_callback(self._ended)

    # The task --------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        self.task = asyncio.current_task(self.loop)
        await self._run_coroutines()

    @types.coroutine
    def _run_coroutines(self) -> Generator[Any, Any, None]:
        while (coroutine := self.coroutine) is not None:
            waits_for = self.waits_for
            try:
                if waits_for is _NOTHING:
                    waits_for = coroutine.send(None)
                while True:
                    try:
                        sent = yield waits_for
                    except GeneratorExit:
                        coroutine.close()
                        return
                    except BaseException as exception:
                        waits_for = coroutine.throw(exception)
                    else:
                        waits_for = coroutine.send(sent)
            except StopIteration as end:
                if self.task._must_cancel:
                    self._rest().failed(reason_of_a_task(asyncio.CancelledError()))
                    return
                self._rest().ended(end.value)
            except asyncio.CancelledError as exception:
                self._rest().failed(reason_of_a_task(exception))
                return
            except BaseException as exception:
                self._rest().failed(reason_of_a_task(exception))
                if isinstance(exception, RAISED_BY_TASKS):
                    raise
            if self.task.cancelling():  # which is no concern of the next coroutine
                return
            self._watch()
            self.pause._asyncio_future_blocking = True
            try:
                yield self.pause
            except asyncio.CancelledError as exception:
                if not self._is_working():
                    raise
                # By the coroutine itself, in its first step: what that waits for is to be cancelled.
                self.task.cancel(*exception.args)
                self.task.uncancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step has run nothing of the coroutine."""
        if self.runner.worker is self:
            self.runner.worker = None
        coroutine = self.coroutine
        if coroutine is not None and task.cancelled():
            coroutine.close()
            self._rest().failed(reason_of_a_task(asyncio.CancelledError()))
            event_loop.perform_a_microtask_checkpoint()

    def _is_working(self) -> bool:
        return self.coroutine is not None

    def _rest(self) -> Receiver:
        """The coroutine has ended.

        Returns:
            Whom to tell.
        """
        self.coroutine = None
        self.waits_for = _NOTHING
        return self.receiver

    def _watch(self) -> None:
        """End the task, unless it gets work in this turn of the event loop."""
        if not self.is_watched:
            self.is_watched = True
            self.loop.call_soon(self._end_unless_it_works)

    def _end_unless_it_works(self) -> None:
        self.is_watched = False
        if self.coroutine is not None:
            return
        if self.has_worked:
            self.has_worked = False
            self._watch()
            return
        if self.runner.worker is self:
            self.runner.worker = None
        self.pause.end()

    # The first step of a coroutine -----------------------------------------------------------------------

    def runs_at_once(
        self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context, receiver: Receiver
    ) -> bool:
        """Run the first step of the coroutine, as one of the task, if that waits for work.

        The microtasks that come next are not run inside of it, as they would be inside of a task (`event_loop.hop`):
        another task may be running them.

        Returns:
            Whether that was possible; not inside of another one that has the same context.
        """
        loop, task, queue = self.loop, self.task, self.queue
        if (
            self.coroutine is not None
            or self.context is not context
            or self.pause.callback is None
            or self.pause.is_cancelled
            or loop is not event_loop.get_running_loop_or_none()
        ):
            return False
        self.coroutine, self.receiver = coroutine, receiver
        self.has_worked = True
        interrupted = asyncio.current_task(loop)
        spent = queue._spent
        queue._spent = event_loop.scheduling.microtasks_per_turn
        if interrupted is not None:
            asyncio._leave_task(loop, interrupted)
        failed: BaseException | None = None
        result: object = None
        try:
            asyncio._enter_task(loop, task)
            try:
                self.waits_for = context.run(coroutine.send, None)
            except StopIteration as end:
                result = end.value
                if self.pause.is_cancelled and task._must_cancel:
                    failed = asyncio.CancelledError()
            except BaseException as exception:
                failed = exception
            finally:
                asyncio._leave_task(loop, task)
            if self.waits_for is not _NOTHING:
                self.pause.end()
        finally:
            queue._spent = spent
            if interrupted is not None:
                asyncio._enter_task(loop, interrupted)
        if failed is not None:
            try:
                return self._failed_at_once(failed)
            finally:
                del failed  # its traceback holds this frame
        if self.waits_for is _NOTHING:
            self._rest().ended(result)
        return True

    def _failed_at_once(self, exception: BaseException) -> bool:
        coroutine, receiver = self.coroutine, self._rest()
        if coroutine is not None and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            return False
        receiver.failed(reason_of_a_task(exception))
        if isinstance(exception, RAISED_BY_TASKS):
            raise exception
        return True
