"""Microtasks and timers: with `tasks`, the only module that speaks to asyncio's scheduler.

A microtask is a pair of a callable and its one argument. Microtasks run first in, first out, and the
queue is drained until it is empty before the event loop does anything else, like HTML's microtask
checkpoint; but after MICROTASKS_PER_TURN of them the loop gets a turn, so that streams which feed each
other without end do not starve a timer or a socket.

There is one queue per thread, for a thread runs at most one event loop at a time. A microtask that is
queued where no loop runs waits there; the first use of a promise or a stream under a running loop
takes it along.

https://html.spec.whatwg.org/multipage/webappapis.html#perform-a-microtask-checkpoint
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, cast, final

from .fast_paths import fast_paths
from .per_thread import PerThread
from .reasons import MYPY, RAISED_BY_TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .promises import Promise

T = TypeVar("T")

#: A microtask: a callable and its one argument. Of any length to the types, as a compiled pair has no identity.
Job: TypeAlias = "tuple[Any, ...]"

#: How many microtasks run, and how many an `await` may find its promise settled, before the loop gets a turn.
MICROTASKS_PER_TURN: Final = 512


@final
class Scheduling:
    """How microtasks are run, in the whole process: in one object, as a compiled module reads that quickest."""

    __slots__ = ("enqueue_elsewhere", "microtasks_per_turn")

    enqueue_elsewhere: Callable[[Callable[[Any], object], Any], None] | None  # the queue of a host, if it has one
    microtasks_per_turn: int

    def __init__(self) -> None:
        self.enqueue_elsewhere = None
        self.microtasks_per_turn = MICROTASKS_PER_TURN


scheduling: Final = Scheduling()

get_running_loop_or_none: Final = asyncio._get_running_loop
get_ident: Final = threading.get_ident

#: Tasks whose first step runs inside of a call that makes them, of a callback perhaps: `asyncio.eager_task_factory`.
#: No microtask may run before that has returned, so they are suspended instead. Python 3.11 has none.
eager_tasks: Final[Any] = getattr(asyncio.tasks, "_eager_tasks", ())


@final
class MicrotaskQueue:
    """The microtasks of one thread.

    Which loop is running is asked for as seldom as can be: Python 3.11 asks the system for the process then.
    """

    __slots__ = (
        "_append",
        "_draining",
        "_drains_on",
        "_jobs",
        "_popleft",
        "_scheduled_on",
        "_spent",
        "_steps",
        "_thread_id",
    )

    _jobs: deque[Job]
    _append: Callable[[Job], None]  # its methods: a compiled module would look for them at each call
    _popleft: Callable[[], Job]
    _draining: bool
    _drains_on: asyncio.AbstractEventLoop | None  # the loop that is running, if that is known
    _spent: int  # microtasks and awaits since the loop had its turn
    _steps: int  # steps of pipes that were queued since the last microtask that is none
    _scheduled_on: asyncio.AbstractEventLoop | None
    _thread_id: int

    def __init__(self) -> None:
        self._keep_jobs_in(deque())
        self._draining = False
        self._drains_on = None
        self._spent = 0
        self._steps = 0
        self._scheduled_on = None
        self._thread_id = get_ident()

    def _keep_jobs_in(self, jobs: deque[Job]) -> None:
        self._jobs = jobs
        self._append = jobs.append
        self._popleft = jobs.popleft

    def schedule(self) -> None:
        """Have the running loop, if there is one, drain this queue."""
        if self._scheduled_on is not None and self._scheduled_on.is_running():
            return
        loop = get_running_loop_or_none()
        if loop is not None:
            self._scheduled_on = loop
            loop.call_soon(self._drain, loop)

    def schedule_unless_draining(self) -> None:
        """Have what was put into the queue by hand drained."""
        if not self._draining:
            self.schedule()

    def _drain(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._scheduled_on = None
        self._drains_on = loop
        self._spent = 0
        self._draining = True
        jobs, popleft = self._jobs, self._popleft
        try:
            while jobs and self._spent < scheduling.microtasks_per_turn:
                self._spent += 1
                callback, argument = popleft()
                try:
                    if callback is WAKE:
                        waiter: Waiter = argument
                        if waiter._loop is loop and (callback := waiter._callback) is not None:
                            waiter._state = "done"  # `wake`, made short
                            waiter._callback = None
                            waiter._context.run(callback, DONE)
                        else:
                            waiter.wake()
                        del waiter
                    else:
                        callback(argument)
                except RAISED_BY_TASKS:
                    raise
                except BaseException as exception:
                    report_exception(exception, "A microtask raised")
                del callback, argument  # an exception that somebody keeps leads to this frame
        finally:
            self._draining = False
            self._drains_on = None
            if jobs:
                self.schedule()

    def is_drained_by(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a microtask of this queue is what runs, and on this loop."""
        if not self._draining:
            return False
        if self._drains_on is None:
            self._drains_on = get_running_loop_or_none()
        return self._drains_on is loop

    def on_settled(self, promise: Promise[Any]) -> None:
        """A promise has settled that a task waits for without having been suspended: this is where it may go on.

        The queue itself is the reaction of such a task. Who fulfills the promise while nothing is queued may leave it
        there, instead of calling this: so the task is known to be next.
        """
        self._jobs.append((GO_ON, promise))
        self._steps = 0

    def go_on(self, promise: Promise[Any]) -> Waiter | None:
        """What that task has to yield, in its place in the queue, before it goes on; None if it is next."""
        if promise._promise_reactions is self and promise._promise_state == "fulfilled":
            return None
        jobs = self._jobs
        if jobs and jobs[0][1] is promise and jobs[0][0] is GO_ON:
            jobs.popleft()
            return None
        waiter = Waiter(promise)
        promise._replace_reaction(self, waiter)
        if promise._promise_state != "pending":
            for index, (callback, argument) in enumerate(jobs):
                if argument is promise and callback is GO_ON:
                    jobs[index] = (WAKE, waiter)
                    break
        return waiter

    def run_inside_a_task(self, last: Job | None, promise: Promise[Any] | None = None) -> bool:
        """Run the microtasks up to a last one inside of the task that would have to be suspended for them.

        Args:
            last: that one; None where it is that at which the task may go on:
            promise: what it waits for.

        Returns:
            Whether they have all run, in order, so that nothing could tell that the task was not suspended. It
            has to be if another task is to be resumed first, if nothing is left to run, or if it is the
            loop's turn.
        """
        jobs = self._jobs
        draining = self._draining
        self._draining = True
        try:
            while jobs and self._spent < scheduling.microtasks_per_turn:
                job = jobs.popleft()
                callback, argument = job
                if callback is GO_ON or (callback is WAKE and argument._state == "waiting"):
                    if argument is promise:
                        return True
                    jobs.appendleft(job)
                    return False
                self._spent += 1
                try:
                    callback(argument)
                except RAISED_BY_TASKS:
                    raise
                except BaseException as exception:
                    report_exception(exception, "A microtask raised")
                if promise is not None:
                    if promise._promise_reactions is self and promise._promise_state == "fulfilled":
                        return True
                elif job is last and not (jobs and jobs[0] is job):  # one that stands for several comes again
                    return True
                del job, callback, argument
        finally:
            self.microtasks_have_run(draining)
        return False

    def microtasks_have_run(self, draining: bool) -> None:
        """Some of them, inside of a task: the queue is as it was before, whether it was being drained or not."""
        self._draining = draining
        if not draining:
            self._drains_on = None
            if self._jobs and (self._scheduled_on is None or not self._scheduled_on.is_running()):
                self.schedule()

    def insert_after(self, last: Job, job: Job) -> None:
        """Queue what would have been queued next after the last one, before any of them had run."""
        jobs = self._jobs
        self._steps = 0
        for index, queued in enumerate(jobs):
            if queued is last:
                jobs.insert(index + 1, job)
                break
        else:
            jobs.append(job)
        if not self._draining:
            self.schedule()


def _go_on(_: object) -> None:
    """The microtask that stands for a task in the queue; it is only ever found there."""


#: The same, which is asked for by its identity.
GO_ON: Final[Callable[[Any], None]] = _go_on


@final
class _QuickPerThread:
    """`PerThread` for a compiled module, which asks for the number of its thread in less than half the time.

    The queue that was found last is the one, mostly.
    """

    __slots__ = ("_found", "_of_no_thread", "_of_threads")

    def __init__(self) -> None:
        self._of_no_thread = MicrotaskQueue()
        self._of_no_thread._thread_id = 0
        self._found = self._of_no_thread
        self._of_threads = PerThread(MicrotaskQueue, self._forget)

    @property
    def queue(self) -> MicrotaskQueue:
        """That of the thread that asks for it."""
        found = self._found
        if found._thread_id != get_ident():
            self._found = found = self._of_threads.queue
        return found

    def _forget(self) -> None:
        """A thread has ended: the next one may get its number."""
        self._found = self._of_no_thread


_this_thread: Final = _QuickPerThread() if MYPY else PerThread(MicrotaskQueue)


def enqueue_microtask(callback: Callable[[Any], object], argument: object) -> None:
    """Every job of both packages goes through here."""
    if scheduling.enqueue_elsewhere is not None:
        scheduling.enqueue_elsewhere(callback, argument)
        return
    queue = _this_thread.queue
    append = queue._append
    append((callback, argument))
    queue._steps = 0
    if not queue._draining and (queue._scheduled_on is None or not queue._scheduled_on.is_running()):
        queue.schedule()


def wait_for_a_loop(steps: Callable[[Any], object]) -> None:
    """Queue steps that need a loop on this thread, wherever microtasks are queued."""
    queue = _this_thread.queue
    queue._jobs.append((steps, None))
    queue._steps = 0
    queue.schedule_unless_draining()


def queue_a_microtask(steps: Callable[[Any], object], argument: object = None) -> None:
    """https://html.spec.whatwg.org/multipage/webappapis.html#queue-a-microtask"""
    enqueue_microtask(steps, argument)


def microtasks_are_pending() -> bool:
    """Whether a hop through the queue could be told from no hop at all."""
    return scheduling.enqueue_elsewhere is not None or bool(_this_thread.queue._jobs)


def enqueue_a_step(callback: Callable[[Any], object], argument: object) -> None:
    """Enqueue a microtask that a pipe takes, or what follows when a pull or a write has ended.

    The standard leaves open when a pipe takes its steps; so other pipes need not wait for those that are queued.
    """
    if scheduling.enqueue_elsewhere is not None:
        scheduling.enqueue_elsewhere(callback, argument)
        return
    queue = _this_thread.queue
    append = queue._append
    append((callback, argument))
    queue._steps += 1
    if not queue._draining:
        queue.schedule()


def only_steps_are_pending() -> bool:
    """Whether all microtasks that are queued are such steps."""
    queue = _this_thread.queue
    return scheduling.enqueue_elsewhere is None and queue._steps >= len(queue._jobs)


def count_microtasks(number: int) -> None:
    """A fast path has left out so many: they count for the fairness to the loop as if they had run."""
    _this_thread.queue._spent += number


def loop_deserves_a_turn() -> bool:
    """Whether awaits that had nothing to wait for have kept the loop waiting for long enough.

    It is so for all of them until the loop has had its turn, and the queue is drained again: nobody overtakes the
    one that waits for it.
    """
    queue = _this_thread.queue
    queue._spent += 1
    if queue._spent <= scheduling.microtasks_per_turn:
        return False
    if scheduling.enqueue_elsewhere is not None:  # nor is it ours to drain
        queue._spent = 0
    return True


def catch_up(promise: Awaited) -> Waiter | None:
    """Run the microtasks that are queued so far, inside of the task that awaits what is settled already.

    Returns:
        None, if they have all run: that task need not be suspended then. It has to be if one of them resumes
        another task, if they are queued elsewhere, or in the first step of an eager task: then a reaction of the
        promise, that the task has to yield.
    """
    queue = _this_thread.queue
    last: Job | None = None
    if scheduling.enqueue_elsewhere is None:
        last = queue._jobs[-1] if queue._jobs else None
        if not eager_tasks and (last is None or queue.run_inside_a_task(last)):
            return None
    waiter = Waiter(promise)
    promise._add_reaction(waiter)
    if last is not None:
        queue.insert_after(last, queue._jobs.pop())
    return waiter


#: What `hop` returns, if the plain way is needed.
PLAINLY: Final[Any] = object()


def hop(promise: Awaited, queue: MicrotaskQueue) -> Any:
    """The hop of a task that awaits a promise which is fulfilled already: a fast path of `catch_up`.

    Args:
        promise: that one.
        queue: that of this thread.

    Returns:
        None, if the task may go on at once; or the `Waiter` that it has to yield, which is in the queue already.
    """
    if queue._spent >= scheduling.microtasks_per_turn or scheduling.enqueue_elsewhere is not None or eager_tasks:
        return PLAINLY
    queue._spent += 1
    jobs = queue._jobs
    if not jobs:
        return None
    callback, first = jobs[0]
    if callback is not WAKE or first._state != "waiting":
        last_job = jobs[-1]
        callback, last = last_job
        # Where another task waits to be resumed this one is suspended in any case, so the sooner the better.
        if callback is not WAKE or last._state != "waiting":
            if queue.run_inside_a_task(last_job):
                return None
            waiter = Waiter(promise, queue._drains_on)
            queue.insert_after(last_job, (WAKE, waiter))
            return waiter
    waiter = Waiter(promise, queue._drains_on)
    append = queue._append
    append((WAKE, waiter))
    queue._steps = 0
    if not queue._draining:
        queue.schedule()
    return waiter


def queue_to_wait_in() -> MicrotaskQueue | None:
    """The queue in which a task may wait without being suspended.

    None if no microtask is there that could settle what it is about to wait for, and may run now.
    """
    queue = _this_thread.queue
    if not queue._jobs or not fast_paths.enabled or scheduling.enqueue_elsewhere is not None or eager_tasks:
        return None
    return queue


def adopt_waiting_microtasks() -> None:
    """Hand jobs that were queued before any loop ran to the loop that runs now."""
    queue = _this_thread.queue
    if queue._jobs and not queue._draining:
        queue.schedule()


def report_exception(exception: BaseException, message: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Report the exception, as HTML says it: to the loop's exception handler.

    That of the running loop, unless another one is given; where there is none the report waits for one.
    """
    loop = loop or get_running_loop_or_none()
    if loop is None:
        wait_for_a_loop(lambda _: report_exception(exception, message))
    else:
        loop.call_exception_handler({"message": message, "exception": exception})


def perform_a_microtask_checkpoint() -> None:
    """Drain now what a callback of the loop has queued, instead of on the loop's next turn.

    Only for callbacks that the loop itself calls: no asyncio task may be running.
    """
    queue = _this_thread.queue
    if queue._jobs and not queue._draining:
        queue._drain(None)


class _NoLoop:
    """The loop of a future that has no callbacks to call."""

    def get_debug(self) -> bool:
        return False


#: What a task that is resumed then and there is told is done: of asyncio's own futures it takes the result uncalled.
DONE: Final[asyncio.Future[None]] = asyncio.Future(loop=cast("Any", _NoLoop()))
DONE.set_result(None)


class Awaited(Protocol):
    """What a `Waiter` waits for."""

    def _add_reaction(self, reaction: Any, /) -> None: ...

    def _waiter_was_cancelled(self, waiter: Waiter) -> None: ...


@final
class Waiter:
    """One asyncio task's wait for one promise.

    It is future-like: `yield`ed from `__await__`, it is what asyncio's task then calls
    `add_done_callback` and `cancel` on. `wake` is a microtask; called by the drain, it resumes the
    task then and there, so that code after an `await` runs at its place among the other reactions.
    """

    __slots__ = (
        "_after_a_turn",
        "_asyncio_future_blocking",
        "_callback",
        "_cancelled_with",
        "_context",
        "_loop",
        "_state",
        "_waits_for",
    )

    _cancelled_with: object
    _context: contextvars.Context  # of the callback

    def __init__(
        self, waits_for: Awaited, loop: asyncio.AbstractEventLoop | None = None, *, after_a_turn: bool = False
    ) -> None:
        self._asyncio_future_blocking = True
        self._after_a_turn = after_a_turn
        self._waits_for = waits_for
        self._loop = loop or _this_thread.queue._drains_on or asyncio.get_running_loop()
        self._state = "waiting"
        self._callback: Callable[[Any], object] | None = None

    def on_settled(self, promise: object) -> None:
        """The promise has settled: resume the task in a microtask; or after a turn, where a host runs those."""
        del promise
        if self._after_a_turn and scheduling.enqueue_elsewhere is not None:
            self._loop.call_soon(self.wake)
        else:
            enqueue_microtask(WAKE, self)

    def wake(self) -> None:
        """Resume the task, unless it was cancelled in the meantime."""
        if self._state != "waiting":
            return
        self._state = "woken"
        callback = self._callback
        if callback is None:  # the task has not come around to add_done_callback
            return
        context = self._context
        self._callback = None
        queue = _this_thread.queue
        if queue._draining and (queue._drains_on is self._loop or queue.is_drained_by(self._loop)):
            self._state = "done"
            context.run(callback, DONE)
        elif get_running_loop_or_none() is not self._loop:
            self._loop.call_soon_threadsafe(callback, self, context=context)
        else:
            self._loop.call_soon(callback, self, context=context)

    # What asyncio's task needs of a future, beside its _loop:

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None:
        if context is None:
            context = contextvars.copy_context()
        if self._state == "waiting":
            self._callback = callback
            self._context = context
        else:
            self._loop.call_soon(callback, self, context=context)

    def cancel(self, msg: object = None) -> bool:
        # Not too late if it was woken: a task that has not gone on since has seen nothing of what it waited for.
        if self._state in {"cancelled", "done"}:
            return False
        self._state = "cancelled"
        self._cancelled_with = msg
        if self._callback is not None:
            self._loop.call_soon(self._callback, self, context=self._context)
            self._callback = None
        self._waits_for._waiter_was_cancelled(self)
        return True

    def result(self) -> None:
        if self._state == "cancelled":
            if self._cancelled_with is None:
                raise asyncio.CancelledError
            raise asyncio.CancelledError(self._cancelled_with)
        self._state = "done"

    def __repr__(self) -> str:
        return f"<Waiter {self._state} for {self._waits_for!r}>"


#: The microtask that resumes a task. (A compiled module finds it quickest here, and it is asked for by its identity.)
WAKE: Final[Callable[[Waiter], None]] = Waiter.wake


# Timers ------------------------------------------------------------------------------------------


class Timer(Protocol):
    """A timer that can be stopped: an `asyncio.TimerHandle`, or what a host puts in its place."""

    def cancel(self) -> object: ...


def _run_after_on_loop(milliseconds: int | float, steps: Callable[[], object]) -> Timer:
    return asyncio.get_running_loop().call_later(milliseconds / 1000, steps)


#: Run steps after a timeout, on the running loop. Replaced by `host.set_timer`.
run_steps_after_a_timeout: Callable[[int | float, Callable[[], object]], Timer] = _run_after_on_loop
