"""Fast paths of §4.4 and §4.9.4: reading from, and enqueueing into, a stream with a default controller.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.default_controllers`,
`ops.readers` and `default_controller`.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .._platform import event_loop
from .._platform.promises import IT_WILL_TELL, Promise, a_promise_rejected_with, upon
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm, WrapperAlgorithm
from .._strategies import count
from .._supporting.algorithms import PairAlgorithms
from .._supporting.queue_with_sizes import NO_ITEMS, ValueWithSize
from . import byte_controller, default_controller, default_reader, fast_bytes
from .ops import default_controllers
from .records import READ_RESULT, ReadResult, tuple_new

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._platform.event_loop import MicrotaskQueue
    from .default_controller import ReadableStreamDefaultController
    from .default_reader import ReadableStreamDefaultReader
    from .records import ReadRequest
    from .stream import ReadableStream

#: The size function of streams that count their chunks; a compiled module finds it quickest here.
COUNT: Final[Any] = count


def dequeue(controller: ReadableStreamDefaultController) -> Any:
    """DequeueValue."""
    value = controller._queue.popleft()
    if type(value) is ValueWithSize:
        controller._queue_total_size -= value.size
        value = value.value
    else:
        controller._queue_total_size -= 1
    if controller._queue_total_size < 0:
        controller._queue_total_size = 0
    return value


def take_from_the_queue(controller: ReadableStreamDefaultController) -> Any:
    """[[PullSteps]] step 2, without 2.4, while chunks are queued and the stream is not closing."""
    value = dequeue(controller)
    if controller._queue_total_size < controller._pull_below and not controller._close_requested:
        pull_ahead(controller)
    return value


def pull_ahead(controller: ReadableStreamDefaultController) -> None:
    """ReadableStreamDefaultControllerCallPullIfNeeded, where more is wanted, and nobody waits for it."""
    if controller._pulling:
        controller._pull_again = True
        return
    if not controller._started:
        return
    controller._pulling = True
    pull_algorithm: Any = controller._pull_algorithm
    if type(pull_algorithm) is not CallbackAlgorithm:
        pull(controller)
        return
    callback: CallbackAlgorithm = pull_algorithm
    controller._only_appends = (
        controller._strategy_size_algorithm is COUNT
        and controller._queue_total_size + 1 >= controller._strategy_hwm
        and controller._queue is not NO_ITEMS
    )
    try:
        result = callback.function(controller)
    except BaseException as exception:
        upon_pulled(controller, a_promise_rejected_with(reason_of(exception)))
    else:
        if result is None:
            event_loop.enqueue_a_step(PULLED, controller)
        else:
            upon_pulled(controller, callback.promise_for(result))
    finally:
        controller._only_appends = False


def call_pull_if_needed(controller: ReadableStreamDefaultController) -> None:
    """ReadableStreamDefaultControllerCallPullIfNeeded, with ShouldCallPull inside."""
    stream = controller._stream
    if controller._close_requested or not controller._started or stream._state != "readable":
        return
    if controller._queue_total_size >= controller._pull_below and not _is_waited_for(stream):
        return
    if controller._pulling:
        controller._pull_again = True
        return
    assert not controller._pull_again
    controller._pulling = True
    pull(controller)


def pull(controller: ReadableStreamDefaultController, queue: MicrotaskQueue | None = None) -> None:
    """Steps 6 to 8 of it.

    Args:
        controller: that of the stream.
        queue: that of this thread, if it is known, and known to be drained.
    """
    pull_algorithm: Any = controller._pull_algorithm
    pull_promise: Promise[Any]
    if type(pull_algorithm) is CallbackAlgorithm or type(pull_algorithm) is WrapperAlgorithm:
        try:
            result = pull_algorithm.function(controller)
        except BaseException as exception:
            pull_promise = a_promise_rejected_with(reason_of(exception))
        else:
            if result is None:
                if type(pull_algorithm) is WrapperAlgorithm and not controller._pull_again:
                    controller._pulling = False  # no code of users has run that could tell it from a microtask
                elif queue is None:
                    event_loop.enqueue_a_step(PULLED, controller)
                else:
                    queue._jobs.append((PULLED, controller))
                    queue._steps += 1
                return
            pull_promise = pull_algorithm.promise_for(result)
    else:
        is_of_a_pair = isinstance(pull_algorithm, PairAlgorithms)
        pull_promise = pull_algorithm._pull_algorithm() if is_of_a_pair else pull_algorithm()
        if pull_promise is IT_WILL_TELL:
            return
    upon_pulled(controller, pull_promise)


def upon_pulled(controller: ReadableStreamDefaultController, pull_promise: Promise[Any]) -> None:
    """Steps 7 and 8."""
    upon(
        pull_promise,
        lambda _: pulled(controller),
        partial(default_controllers.readable_stream_default_controller_error, controller),
    )


def _is_waited_for(stream: ReadableStream[Any]) -> bool:
    reader = stream._reader
    return isinstance(reader, default_reader.ReadableStreamDefaultReader) and bool(reader._read_requests)


def pulled(controller: ReadableStreamDefaultController) -> None:
    """The steps upon fulfillment of the pull promise."""
    controller._pulling = False
    if controller._pull_again:
        controller._pull_again = False
        call_pull_if_needed(controller)


#: The same as a microtask, which is known by its identity.
PULLED: Final[Callable[[ReadableStreamDefaultController], None]] = pulled


def started(controller: ReadableStreamDefaultController) -> None:
    """The steps upon fulfillment of the start promise."""
    controller._started = True
    assert not controller._pulling
    assert not controller._pull_again
    call_pull_if_needed(controller)


def enqueue(controller: ReadableStreamDefaultController, chunk: object) -> bool:
    """ReadableStreamDefaultControllerEnqueue, into a stream that is readable and not closing.

    Returns:
        Whether it was done: chunks that have a size function are left to the plain algorithm.
    """
    stream = controller._stream
    if controller._close_requested or stream._state != "readable":
        return False
    reader = stream._reader
    if isinstance(reader, default_reader.ReadableStreamDefaultReader) and reader._read_requests:
        reader._read_requests.popleft().chunk_steps(chunk)
    elif controller._strategy_size_algorithm is COUNT:
        if controller._queue is NO_ITEMS:
            controller._queue = deque()
        controller._queue.append(chunk)
        controller._queue_total_size += 1
        if controller._queue_total_size >= controller._strategy_hwm:
            return True  # and nobody waits for a chunk
    else:
        return False
    now = controller  # as the chunk steps have left it
    if not now._pulling:
        call_pull_if_needed(controller)
    elif (
        not now._pull_again
        and not now._close_requested
        and now._stream._state == "readable"
        and (now._queue_total_size < now._strategy_hwm or _is_waited_for(now._stream))
    ):
        now._pull_again = True
    return True


def enqueue_all(controller: ReadableStreamDefaultController, chunks: Sequence[object]) -> bool:
    """The same for each of some chunks, while nobody waits for them, and a pull is under way.

    Returns:
        Whether it was done; otherwise they are to be enqueued one by one.
    """
    stream = controller._stream
    reader: Any = stream._reader
    if (
        controller._close_requested
        or not controller._pulling
        or stream._state != "readable"
        or (reader is not None and reader._read_requests)
        or controller._strategy_size_algorithm is not COUNT
    ):
        return False
    if controller._queue is NO_ITEMS:
        controller._queue = deque()
    controller._queue.extend(chunks)
    controller._queue_total_size += len(chunks)
    if controller._queue_total_size < controller._strategy_hwm:
        controller._pull_again = True
    return True


def read(reader: ReadableStreamDefaultReader[Any], stream: ReadableStream[Any]) -> Promise[ReadResult[Any]] | None:
    """ReadableStreamDefaultReader.read, steps 2 to 5, of a stream that is readable.

    Returns:
        The promise; None if the plain algorithm is needed.
    """
    controller = stream._controller
    if (
        not isinstance(controller, default_controller.ReadableStreamDefaultController)
        or stream._state != "readable"
        or stream._unread
    ):
        if isinstance(controller, byte_controller.ReadableByteStreamController):
            return fast_bytes.read(reader, stream)
        return None
    queue = controller._queue
    if not queue:
        stream._disturbed = True
        promise = default_reader._ReadPromise(stream)
        if reader._read_requests is NO_ITEMS:
            reader._read_requests = deque()
        reader._read_requests.append(promise)
        if controller._pulling:
            controller._pull_again = True
            controller._only_appends = False
        else:
            call_pull_if_needed(controller)
        return promise
    if controller._close_requested and len(queue) == 1:
        return None
    stream._disturbed = True
    promise = default_reader._ReadPromise(stream)
    chunk = queue.popleft()
    if type(chunk) is ValueWithSize:
        size = controller._queue_total_size - chunk.size
        chunk = chunk.value
    else:
        size = controller._queue_total_size - 1
    if size < 0:
        size = 0
    controller._queue_total_size = size
    if size < controller._pull_below and not controller._close_requested:
        pull_ahead(controller)
    promise._promise_result = tuple_new(READ_RESULT, (chunk, False))
    promise._promise_state = "fulfilled"
    return promise


def read_for(reader: ReadableStreamDefaultReader[Any], stream: ReadableStream[Any], read_request: ReadRequest) -> bool:
    """ReadableStreamDefaultReaderRead, of a stream that is readable.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    controller = stream._controller
    if (
        not isinstance(controller, default_controller.ReadableStreamDefaultController)
        or stream._state != "readable"
        or stream._unread
    ):
        if isinstance(controller, byte_controller.ReadableByteStreamController):
            return fast_bytes.read_for(stream, read_request)
        return False
    queue = controller._queue
    if not queue:
        stream._disturbed = True
        if reader._read_requests is NO_ITEMS:
            reader._read_requests = deque()
        reader._read_requests.append(read_request)
        controller._only_appends = False
        if not controller._pulling or not controller._pull_again:
            call_pull_if_needed(controller)
        return True
    if controller._close_requested and len(queue) == 1:
        return False
    stream._disturbed = True
    read_request.chunk_steps(take_from_the_queue(controller))
    return True
