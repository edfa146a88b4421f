"""Fast paths of tasks that read from a stream with a default controller: `await reader.read()` and `async for`.

See `_platform.fast_paths` for the rules. What such a task waits for is, most of the time, one microtask: the pull
before is done, so that the source is pulled again. It runs inside of the task, which need not be suspended then, as
`MicrotaskQueue.run_inside_a_task` would run it; and where all that a chunk leads to is known before it is read, an
iteration needs no promise for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from .._platform import event_loop
from .._platform.event_loop import eager_tasks, scheduling
from .._platform.promises import is_thenable, take_result_of
from .._platform.reasons import MYPY
from .._supporting.queue_with_sizes import ValueWithSize, owned
from . import async_iterator, default_controller, fast_bytes, fast_default

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._platform.event_loop import MicrotaskQueue, Waiter
    from .async_iterator import ReadableStreamAsyncIterator, _IterationPromise
    from .byte_controller import ReadableByteStreamController
    from .default_controller import ReadableStreamDefaultController
    from .read_promise import ReadPromise
    from .records import ReadResult

#: What `next_chunk` returns if the plain algorithm is needed.
PLAINLY: Final[Any] = object()

_NOTHING: Final[Any] = object()

#: Types of chunks that are no thenables: to ask a set is quicker.
PLAIN_TYPES: Final = frozenset({int, str, bytes, bytearray, memoryview, dict, list, tuple, float, bool, type(None)})


def _run_the_pull(queue: MicrotaskQueue, *, is_needed: bool) -> None:
    """Run the only microtask, which is PULLED of a controller, inside of the task that is running.

    Args:
        queue: that of this thread.
        is_needed: it is known that the source, of a default controller, is to be pulled again.
    """
    steps, controller = queue._jobs.popleft()
    queue._spent += 1
    draining = queue._draining
    queue._draining = True
    try:
        if is_needed:
            readable: ReadableStreamDefaultController = controller
            readable._pull_again = False
            fast_default.pull(readable, queue)
        elif steps is fast_default.PULLED:
            fast_default.pulled(controller)
        else:
            of_bytes: ReadableByteStreamController = controller
            of_bytes._pulling = False
            if of_bytes._pull_again:
                of_bytes._pull_again = False
                fast_bytes.call_pull_if_needed(of_bytes, queue)
    finally:
        queue._draining = draining
        if not draining:
            queue._drains_on = None
            if queue._scheduled_on is None or not queue._scheduled_on.is_running():
                queue.schedule()


def wait(promise: ReadPromise) -> ReadResult[Any] | ReadPromise | Waiter | None:
    """Wait for a read that is pending, where the only microtask that is queued is that of a pull.

    Returns:
        The result, if the task may go on at once; the promise, if it may, but the promise is rejected; or the
        waiter that the task has to yield. None if the plain algorithm is needed.
    """
    queue = event_loop._this_thread.queue
    jobs = queue._jobs
    if (
        len(jobs) != 1
        or promise._promise_reactions is not None
        or queue._spent >= scheduling.microtasks_per_turn
        or scheduling.enqueue_elsewhere is not None
        or eager_tasks
    ):
        return None
    steps, controller = jobs[0]
    if steps is fast_default.PULLED:
        readable: ReadableStreamDefaultController = controller
        is_needed = readable._pull_again and not readable._close_requested and readable is promise.stream._controller
    elif steps is fast_bytes.PULLED:
        is_needed = False
    else:
        return None
    place = queue.take_the_place()
    promise._promise_reactions = place
    promise._promise_is_handled = True
    promise._observers += 1
    _run_the_pull(queue, is_needed=is_needed)
    queue.place = place
    if place.is_next:
        return promise._promise_result if promise._promise_state == "fulfilled" else promise
    waiter = event_loop.Waiter(promise)
    promise._replace_reaction(place, waiter)
    place.becomes(waiter)
    return waiter


@final
class _Catch:
    """The read request of an iteration that may be served at once."""

    __slots__ = ("chunk", "iterator", "place", "promise")

    def __init__(self, iterator: ReadableStreamAsyncIterator[Any]) -> None:
        self.iterator = iterator
        self.chunk: Any = _NOTHING
        self.place = 0  # in the queue of microtasks, when it was served
        self.promise: _IterationPromise | None = None  # what it became, if it was served with anything else

    def chunk_steps(self, chunk: object) -> None:
        if type(chunk) in PLAIN_TYPES or not is_thenable(chunk):
            self.chunk = chunk
            self.place = event_loop.number_of_microtasks()
        else:
            self._become_a_promise().chunk_steps(chunk)

    def close_steps(self) -> None:
        self._become_a_promise().close_steps()

    def error_steps(self, e: object) -> None:
        self._become_a_promise().error_steps(e)

    def _become_a_promise(self) -> _IterationPromise:
        self.place = event_loop.number_of_microtasks()
        self.promise = async_iterator.new_iteration_promise(self.iterator)
        return self.promise


@final
class Later:
    """To be awaited for a chunk that is not there at once.

    Args:
        promise: for the chunk.
        waiter: that of the task, if it is queued already, since the promise has settled.
    """

    __slots__ = ("promise", "waiter")

    def __init__(self, promise: _IterationPromise, waiter: Waiter | None = None) -> None:
        self.promise = promise
        self.waiter = waiter

    def __await__(self) -> Generator[Any, None, Any]:
        if self.waiter is None:
            return (yield from self.promise.__await__())
        yield self.waiter
        settled = [self.promise]
        if not MYPY:
            del self  # see Promise.__await__
        return take_result_of(settled)


def next_chunk(iterator: ReadableStreamAsyncIterator[Any]) -> Any:
    """get_the_next_iteration_result, and what awaiting its promise would do.

    Returns:
        The chunk, if it is there at once, or else a `Later`. PLAINLY if the plain algorithm is needed.
    """
    reader = iterator._reader
    stream = reader._stream
    if stream is None or stream._state != "readable" or stream._unread:
        return PLAINLY
    queue = event_loop._this_thread.queue
    controller = stream._controller
    if (
        not isinstance(controller, default_controller.ReadableStreamDefaultController)
        or queue._spent >= scheduling.microtasks_per_turn
        or scheduling.enqueue_elsewhere is not None
        or eager_tasks
    ):
        return PLAINLY
    jobs = queue._jobs
    if controller._queue:
        chunk = controller._queue[0]
        if (
            type(chunk) is ValueWithSize
            or controller._queue_total_size < 1  # by rounding
            or (chunk.__class__ not in PLAIN_TYPES and is_thenable(chunk))
            or (controller._close_requested and len(controller._queue) == 1)
        ):
            return PLAINLY
        stream._disturbed = True
        controller._queue.popleft()
        controller._queue_total_size -= 1
        if not controller._pulling or not controller._pull_again:
            fast_default.call_pull_if_needed(controller)
        if not jobs:
            queue._spent += 1
            return chunk
        if len(jobs) == 1 and jobs[0][0] is fast_default.PULLED and not jobs[0][1]._pull_again:
            queue._spent += 2
            jobs.popleft()[1]._pulling = False
            return chunk
        promise = async_iterator.new_iteration_promise(iterator)
        promise.chunk_steps(chunk)
        return Later(promise)
    if (
        len(jobs) != 1
        or jobs[0][0] is not fast_default.PULLED
        or jobs[0][1] is not controller
        or controller._close_requested
        or reader._read_requests
    ):
        return PLAINLY
    stream._disturbed = True
    catch = _Catch(iterator)
    reader._read_requests = requests = owned(reader._read_requests)
    requests.append(catch)
    controller._pull_again = True
    _run_the_pull(queue, is_needed=True)
    chunk = catch.chunk
    if chunk is not _NOTHING and catch.place == 0:
        return chunk
    return _later(catch, reader._read_requests)


def _later(catch: _Catch, requests: Any) -> Later:
    """The source has not put in a chunk, or not as its first microtask."""
    promise = catch.promise
    if promise is None:
        promise = async_iterator.new_iteration_promise(catch.iterator)
        if catch.chunk is _NOTHING:
            requests[requests.index(catch)] = promise
        else:
            promise.chunk_steps(catch.chunk)
    if promise._promise_state == "pending":
        return Later(promise)
    promise._promise_is_handled = True
    promise._observers += 1
    waiter = event_loop.Waiter(promise)
    queue = event_loop._this_thread.queue
    queue._steps = 0
    queue._jobs.insert(catch.place, (event_loop.WAKE, waiter))
    queue.schedule_unless_draining()
    return Later(promise, waiter)
