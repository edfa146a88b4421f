"""Fast paths of §6.4: transforming chunks without a promise for each of them.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.default_sinks`,
`ops.default_sources`, `ops.default_controllers` and `ops.streams`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from .._platform import event_loop, starts
from .._platform.promises import IT_WILL_TELL, Promise, a_promise_rejected_with, resolve
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm
from .._readable import fast_default as fast_readable
from .._readable.default_reader import ReadableStreamDefaultReader
from .._readable.ops.default_controllers import readable_stream_default_controller_has_backpressure
from .._writable import fast_default as fast_writable
from .ops import default_controllers, default_sinks

if TYPE_CHECKING:
    from .._readable.default_controller import ReadableStreamDefaultController
    from .default_controller import TransformStreamDefaultController
    from .stream import TransformStream

#: Stands in [[backpressureChangePromise]] for a promise that nothing but the pull of the readable side waits for.
A_PULL_WAITS: Final[Promise[None]] = Promise()


def _started(stream: TransformStream[Any, Any]) -> None:
    """The steps upon fulfillment of the start promises: nothing comes between those of the two sides."""
    event_loop.count_microtasks(3)
    fast_writable.started(stream._writable._controller)
    fast_readable.started(cast("ReadableStreamDefaultController", stream._readable._controller))


#: What starts both sides: the start promise is followed, the promises of the sides are fulfilled, and then these steps.
START: Final = starts.Hop(starts.Hop(_started))


def write(stream: TransformStream[Any, Any], chunk: object) -> Promise[Any] | None:
    """TransformStreamDefaultSinkWriteAlgorithm.

    Returns:
        The promise; None if the steps upon its fulfillment will be queued.
    """
    controller = stream._the_controller()
    transform_algorithm: Any = controller._transform_algorithm
    if stream._backpressure or type(transform_algorithm) is not CallbackAlgorithm:
        return default_sinks.transform_stream_default_sink_write_algorithm(stream, chunk)
    try:
        result = transform_algorithm.function(chunk, controller)
    except BaseException as exception:
        transform_promise = a_promise_rejected_with(reason_of(exception))
    else:
        if result is None:
            event_loop.enqueue_microtask(transformed, stream)
            return None
        transform_promise = transform_algorithm.promise_for(result)
    return default_controllers._react_to_the_transform(controller, transform_promise)


def transformed(stream: TransformStream[Any, Any]) -> None:
    """The chunk was transformed: this settles the promise that the write waits for."""
    event_loop.enqueue_microtask(fast_writable.written, stream._writable._controller)


def enqueue(controller: TransformStreamDefaultController, chunk: object) -> bool:
    """TransformStreamDefaultControllerEnqueue, while somebody waits for the chunk.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    stream = controller._stream
    if stream._chain is not None and stream._chain.catches(stream, chunk):
        return True
    readable = stream._readable
    its_controller: Any = readable._controller
    readable_controller: ReadableStreamDefaultController = its_controller
    reader = readable._reader
    if type(reader) is ReadableStreamDefaultReader and not reader._read_requests:
        stream._irregular += 1
    if (
        type(reader) is not ReadableStreamDefaultReader
        or not reader._read_requests
        or readable_controller._close_requested
        or readable._state != "readable"
    ):
        return False
    reader._read_requests.popleft().chunk_steps(chunk)
    if not readable_controller._pulling or not readable_controller._pull_again:
        fast_readable.call_pull_if_needed(readable_controller)
    if not stream._backpressure and readable_stream_default_controller_has_backpressure(readable_controller):
        set_backpressure(stream, backpressure=True)
    return True


def pull(stream: TransformStream[Any, Any]) -> Promise[None]:
    """TransformStreamDefaultSourcePullAlgorithm."""
    set_backpressure(stream, backpressure=False)
    stream._backpressure_change_promise = A_PULL_WAITS
    return IT_WILL_TELL


def set_backpressure(stream: TransformStream[Any, Any], *, backpressure: bool) -> None:
    """TransformStreamSetBackpressure; whoever waits for the next change makes its promise."""
    change_promise = stream._backpressure_change_promise
    stream._backpressure_change_promise = None
    stream._backpressure = backpressure
    if change_promise is A_PULL_WAITS:
        event_loop.enqueue_microtask(fast_readable.PULLED, stream._readable._controller)
    elif change_promise is not None:
        resolve(change_promise)


def backpressure_change_promise(stream: TransformStream[Any, Any]) -> Promise[None]:
    """[[backpressureChangePromise]], made when it is needed."""
    promise = stream._backpressure_change_promise
    if promise is None:
        promise = stream._backpressure_change_promise = Promise()
    return promise
