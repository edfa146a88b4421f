"""Fast paths of §5.3 and §5.5.4: writing to a stream whose chunks have no size function.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.writers`,
`ops.controller_interface` and `ops.default_controllers`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .._platform import event_loop
from .._platform.promises import Promise, a_promise_rejected_with, mark_as_handled, upon
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm
from .._supporting.algorithms import PairAlgorithms
from .._supporting.queue_with_sizes import ValueWithSize
from .ops import controller_interface, default_controllers

if TYPE_CHECKING:
    from .default_controller import WritableStreamDefaultController
    from .stream import WritableStream


def process_write(controller: WritableStreamDefaultController, chunk: object) -> None:
    """WritableStreamDefaultControllerProcessWrite, step 3 on; the first write request is marked in flight."""
    write_algorithm: Any = controller._write_algorithm
    sink_write_promise: Promise[Any] | None
    if isinstance(write_algorithm, CallbackAlgorithm):
        try:
            result = write_algorithm.function(chunk, controller)
        except BaseException as exception:
            sink_write_promise = a_promise_rejected_with(reason_of(exception))
        else:
            if result is None:
                event_loop.enqueue_a_step(written, controller)
                return
            sink_write_promise = write_algorithm.promise_for(result)
    else:
        is_of_a_pair = isinstance(write_algorithm, PairAlgorithms)
        sink_write_promise = write_algorithm._write_algorithm(chunk) if is_of_a_pair else write_algorithm(chunk)
        if sink_write_promise is None:  # it will queue `written` itself
            return
    upon_written(controller, sink_write_promise)


def upon_written(controller: WritableStreamDefaultController, sink_write_promise: Promise[Any] | None) -> None:
    """Steps 4 and 5 of it; without a promise it is fulfilled."""
    if sink_write_promise is None:
        event_loop.enqueue_a_step(written, controller)
    else:
        upon(sink_write_promise, lambda _: written(controller), partial(_write_failed, controller))


def written(controller: WritableStreamDefaultController) -> None:
    """The steps upon fulfillment of the sink's write promise."""
    stream = controller._stream
    write_request = stream._in_flight_write_request
    assert write_request is not None
    write_request._fulfill(None)
    stream._in_flight_write_request = None
    entry = controller._queue.popleft()
    controller._queue_total_size -= entry.size if type(entry) is ValueWithSize else 1
    if controller._queue_total_size < 0:
        controller._queue_total_size = 0
    if (
        stream._backpressure
        and controller._queue_total_size < controller._strategy_hwm
        and stream._state == "writable"
        and stream._close_request is None
        and stream._in_flight_close_request is None
    ):
        stream._backpressure = False
        if stream._writer is not None and stream._writer._made_ready_promise is not None:
            stream._writer._made_ready_promise._fulfill(None)
    if controller._queue or stream._state == "erroring":
        default_controllers.writable_stream_default_controller_advance_queue_if_needed(controller)


def _write_failed(controller: WritableStreamDefaultController, reason: object) -> None:
    """The steps upon rejection of the sink's write promise."""
    stream = controller._stream
    if stream._state == "writable":
        default_controllers.writable_stream_default_controller_clear_algorithms(controller)
    controller_interface.writable_stream_finish_in_flight_write_with_error(stream, reason)


def started(controller: WritableStreamDefaultController) -> None:
    """The steps upon fulfillment of the start promise."""
    assert controller._stream._state in {"writable", "erroring"}
    controller._started = True
    default_controllers.writable_stream_default_controller_advance_queue_if_needed(controller)


def abort_idle(stream: WritableStream[Any], reason: object) -> bool:
    """WritableStreamAbort, of a stream on which nothing waits: see `other_specs.abort_idle_writable_stream`.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    if not _error_if_idle(stream, reason):
        return False
    mark_as_handled(stream._controller._abort_steps(reason))
    return True


def error_idle(stream: WritableStream[Any], reason: object) -> bool:
    """The same, without performing the abort algorithm: see `other_specs.error_idle_writable_stream`."""
    if not _error_if_idle(stream, reason):
        return False
    default_controllers.writable_stream_default_controller_clear_algorithms(stream._controller)
    return True


def _error_if_idle(stream: WritableStream[Any], reason: object) -> bool:
    controller = stream._controller
    if (
        stream._state != "writable"
        or stream._writer is not None
        or stream._in_flight_write_request is not None
        or stream._close_request is not None
        or stream._in_flight_close_request is not None
        or controller._queue
        or controller._abort_controller is not None
        or not controller._started
    ):
        return False
    stream._state = "errored"
    controller._write_at_once = None
    stream._stored_error = reason
    return True
