"""Fast paths of tasks that read from a stream with a default controller: `await reader.read()` and `async for`.

See `_platform.fast_paths` for the rules. What such a task waits for is, most of the time, one microtask: the pull
before is done, so that the source is pulled again. It runs inside of the task, which need not be suspended then, as
`MicrotaskQueue.run_inside_a_task` would run it: see `pull_for`; and what the source then enqueues goes to the read that
waits, without all the questions that `enqueue` asks: see `serve`. An iteration needs no promise for a chunk that is
queued, and its promise for one that was served is used again: nobody has seen it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._platform import event_loop
from .._platform.event_loop import MicrotaskQueue, _this_thread, eager_tasks, scheduling
from .._platform.promises import a_promise_rejected_with, is_thenable
from .._platform.reasons import RAISED_BY_TASKS, reason_of
from .._platform.webidl import CallbackAlgorithm
from .._supporting.queue_with_sizes import ValueWithSize, owned
from . import async_iterator, default_controller, fast_bytes, fast_default
from .later import Later
from .records import READ_RESULT, tuple_new

if TYPE_CHECKING:
    from collections import deque

    from .._platform.event_loop import Waiter
    from .._platform.promises import AbandonablePromise
    from .async_iterator import ReadableStreamAsyncIterator
    from .byte_controller import ReadableByteStreamController
    from .default_controller import ReadableStreamDefaultController
    from .default_reader import ReadableStreamDefaultReader
    from .read_promise import ReadPromise
    from .stream import ReadableStream

#: What `next_chunk` returns if the plain algorithm is needed.
PLAINLY: Final[Any] = object()

#: Types of chunks that are no thenables: to ask a set is quicker.
PLAIN_TYPES: Final = frozenset({int, str, bytes, bytearray, memoryview, dict, list, tuple, float, bool, type(None)})


def pull_for(promise: AbandonablePromise[Any], stream: ReadableStream[Any]) -> bool | None:
    """Run the only microtask, if it leads to a pull of the source for which the read of this task waits.

    Returns:
        Whether the read has been served, and comes before all microtasks that are queued now; otherwise the task has
        to do what `MicrotaskQueue.go_on` says. None if nothing was done.
    """
    queue = _this_thread.queue
    jobs = queue._jobs
    if len(jobs) != 1:
        return None
    job = jobs[0]
    if job[0] is not fast_default.PULLED:
        return None
    readable: ReadableStreamDefaultController = job[1]
    pull_algorithm: Any = readable._pull_algorithm
    if (
        stream._controller is not readable
        or not readable._pull_again
        or type(pull_algorithm) is not CallbackAlgorithm
        or promise._promise_reactions is not None
        or queue._spent >= scheduling.microtasks_per_turn
        or scheduling.enqueue_elsewhere is not None
        or eager_tasks
    ):
        return None
    promise._promise_reactions = queue
    promise._promise_is_handled = True
    promise._observers = 1
    draining = queue._draining
    queue._draining = True
    queue._spent += 1
    jobs.popleft()
    readable._pull_again = False
    readable._serves = promise
    callback: CallbackAlgorithm = pull_algorithm
    try:
        result = callback.function(readable)
        if result is None:
            append = queue._append
            append(job)
        else:
            fast_default.upon_pulled(readable, callback.promise_for(result))
    except RAISED_BY_TASKS:
        readable._serves = None
        queue.microtasks_have_run(draining)
        raise
    except BaseException as exception:
        fast_default.upon_pulled(readable, a_promise_rejected_with(reason_of(exception)))
    if not draining:
        queue.microtasks_have_run(draining)
    if readable._serves is None:
        return True
    readable._serves = None
    return False


def serve(controller: ReadableStreamDefaultController, promise: AbandonablePromise[Any], chunk: object) -> bool:
    """ReadableStreamDefaultControllerEnqueue, by a source that is pulled for a read.

    Args:
        controller: the controller.
        promise: that of the read.
        chunk: the chunk.

    Returns:
        Whether it was done. It is not if the read has been settled since, is not the first one, comes after
        microtasks, or has been reacted to by others.
    """
    its_reader: Any = controller._stream._reader
    reader: ReadableStreamDefaultReader[Any] | None = its_reader
    queue: Any = promise._promise_reactions
    if reader is None or type(queue) is not MicrotaskQueue or queue._jobs:
        return False
    requests: deque[Any] = reader._read_requests
    if not requests or requests[0] is not promise:
        return False
    if promise._already_resolved:  # by a read, which has no other way to resolve it
        promise._promise_result = tuple_new(READ_RESULT, (chunk, False))
    elif type(chunk) in PLAIN_TYPES or not is_thenable(chunk):
        promise._promise_result = chunk
    else:
        return False
    promise._promise_reactions = None
    promise._promise_state = "fulfilled"
    requests.popleft()
    controller._serves = None
    if controller._strategy_hwm or requests:
        controller._pull_again = True
    return True


def wait(promise: ReadPromise) -> ReadPromise | Waiter | None:
    """Wait for a read of a byte stream that is pending, where the only microtask that is queued is that of its pull.

    Returns:
        The promise, if the task may go on at once; or the waiter that the task has to yield. None if the plain
        algorithm is needed.
    """
    queue = _this_thread.queue
    jobs = queue._jobs
    if (
        len(jobs) != 1
        or jobs[0][0] is not fast_bytes.PULLED
        or promise._promise_reactions is not None
        or queue._spent >= scheduling.microtasks_per_turn
        or scheduling.enqueue_elsewhere is not None
        or eager_tasks
    ):
        return None
    controller: ReadableByteStreamController = jobs.popleft()[1]
    promise._promise_reactions = queue
    promise._promise_is_handled = True
    promise._observers = 1
    queue._spent += 1
    draining = queue._draining
    queue._draining = True
    try:
        controller._pulling = False
        if controller._pull_again:
            controller._pull_again = False
            fast_bytes.call_pull_if_needed(controller, queue)
    finally:
        queue.microtasks_have_run(draining)
    return queue.go_on(promise) or promise


def hop(promise: ReadPromise, queue: MicrotaskQueue) -> Any:
    """`event_loop.hop`, where one microtask is queued: most of the time it tells a controller that its pull is done."""
    jobs = queue._jobs
    steps, argument = jobs[0]
    if steps is fast_default.PULLED:
        controller: ReadableStreamDefaultController = argument
        if (
            not controller._pull_again
            and queue._spent < scheduling.microtasks_per_turn
            and scheduling.enqueue_elsewhere is None
            and not eager_tasks
        ):
            jobs.popleft()
            controller._pulling = False
            queue._spent += 2
            return None
    return event_loop.hop(promise, queue)


def next_chunk(iterator: ReadableStreamAsyncIterator[Any]) -> Any:
    """get_the_next_iteration_result, and what awaiting its promise would do.

    Returns:
        The chunk, if it is there at once, or else a `Later`. PLAINLY if the plain algorithm is needed.
    """
    reader = iterator._reader
    stream = reader._stream
    if stream is None or stream._state != "readable" or stream._unread:
        return PLAINLY
    controller = stream._controller
    if not isinstance(controller, default_controller.ReadableStreamDefaultController):
        return PLAINLY
    if controller._queue:
        queue = _this_thread.queue
        chunk = controller._queue[0]
        if (
            queue._spent >= scheduling.microtasks_per_turn
            or scheduling.enqueue_elsewhere is not None
            or eager_tasks
            or type(chunk) is ValueWithSize
            or controller._queue_total_size < 1  # by rounding
            or (type(chunk) not in PLAIN_TYPES and is_thenable(chunk))
            or (controller._close_requested and len(controller._queue) == 1)
        ):
            return PLAINLY
        stream._disturbed = True
        fast_default.take_from_the_queue(controller)
        jobs = queue._jobs
        if not jobs:
            queue._spent += 1
            return chunk
        if len(jobs) == 1:
            steps, readable = jobs[0]
            if steps is fast_default.PULLED and not readable._pull_again:
                jobs.popleft()
                readable._pulling = False
                queue._spent += 2
                return chunk
        fulfilled = async_iterator.new_iteration_promise(iterator)
        fulfilled.chunk_steps(chunk)
        return Later(fulfilled, fulfilled)
    if not controller._pulling:
        return PLAINLY
    stream._disturbed = True
    promise = iterator._promise or async_iterator.new_iteration_promise(iterator)
    iterator._promise = None
    reader._read_requests = requests = owned(reader._read_requests)
    requests.append(promise)
    controller._pull_again = True
    controller._only_appends = False
    served = pull_for(promise, stream)
    if served:
        chunk = promise._promise_result
        promise._promise_state = "pending"
        promise._promise_result = None
        promise._observers = 0
        iterator._promise = promise
        return chunk
    promise.serial = stream._reads = stream._reads + 1  # of this read, if it was used for others before
    return Later(promise, promise if served is None else _this_thread.queue.go_on(promise))
