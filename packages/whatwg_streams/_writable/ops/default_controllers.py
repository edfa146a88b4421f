"""§5.5.4 Default controllers: https://streams.spec.whatwg.org/#ws-default-controller-abstract-ops"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..._platform import starts
from ..._platform.dom_exception import RangeError
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import Promise, upon
from ..._platform.reasons import reason_of
from ..._platform.webidl import DO_NOTHING, CallbackAlgorithm, a_promise_for_what_was_returned, new, return_undefined
from ..._supporting.algorithms import perform_close, perform_write
from ..._supporting.queue_with_sizes import dequeue_value, enqueue_value_with_size, peek_queue_value, reset_queue
from .. import default_controller, fast_default
from . import controller_interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..default_controller import WritableStreamDefaultController
    from ..stream import WritableStream
    from ..underlying_sink import UnderlyingSinkDict


def set_up_writable_stream_default_controller(
    stream: WritableStream[Any],
    controller: WritableStreamDefaultController,
    start_algorithm: Callable[[], Any],
    write_algorithm: Callable[[Any], Promise[Any]],
    close_algorithm: Callable[[], Promise[Any]],
    abort_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> None:
    """https://streams.spec.whatwg.org/#set-up-writable-stream-default-controller"""
    # 1. Assert: it is a WritableStream. (Its type says so.)
    # 2. Assert: it has no controller yet.
    assert getattr(stream, "_controller", None) is None
    # 3. The controller's stream,
    controller._stream = stream
    # 4. and the stream's controller.
    stream._controller = controller
    # 5. An empty queue.
    reset_queue(controller)
    # 6. A new AbortController, made when it is first asked for.
    controller._abort_controller = None
    # 7. The sink has not started.
    controller._started = False
    # 8. The size algorithm,
    controller._strategy_size_algorithm = size_algorithm
    # 9. the high water mark,
    controller._strategy_hwm = high_water_mark
    # 10. the write algorithm,
    controller._write_algorithm = write_algorithm
    controller._write_at_once = None  # (for `fast_write`)
    # 11. the close algorithm,
    controller._close_algorithm = close_algorithm
    # 12. and the abort algorithm.
    controller._abort_algorithm = abort_algorithm
    # 13. A high water mark of 0 is backpressure from the start:
    backpressure = writable_stream_default_controller_get_backpressure(controller)
    # 14. tell the stream.
    controller_interface.writable_stream_update_backpressure(stream, backpressure)
    # 15. Start; this may throw.
    start_result = start_algorithm()
    if start_result is None and fast_paths.enabled:
        starts.enqueue_a_start(fast_default.started, controller)
    else:
        _react_to_the_start(controller, start_result)


def _react_to_the_start(controller: WritableStreamDefaultController, start_result: object) -> None:
    """Steps 16 to 18 of it."""
    stream = controller._stream
    # 16. A promise for it.
    start_promise: Promise[Any] = a_promise_for_what_was_returned(start_result)

    # 17. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 17.1. Assert: the stream is writable or erroring.
        assert stream._state in {"writable", "erroring"}
        # 17.2. The sink has started.
        controller._started = True
        # 17.3. Chunks may wait.
        writable_stream_default_controller_advance_queue_if_needed(controller)

    # 18. Upon rejection,
    def rejected(r: object) -> None:
        # 18.1. Assert: the stream is writable or erroring.
        assert stream._state in {"writable", "erroring"}
        # 18.2. The sink has started, in a way.
        controller._started = True
        # 18.3. Deal with the error.
        controller_interface.writable_stream_deal_with_rejection(stream, r)

    upon(start_promise, fulfilled, rejected)


def set_up_writable_stream_default_controller_from_underlying_sink(
    stream: WritableStream[Any],
    underlying_sink: object,
    underlying_sink_dict: UnderlyingSinkDict,
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> None:
    """https://streams.spec.whatwg.org/#set-up-writable-stream-default-controller-from-underlying-sink"""
    del underlying_sink  # the callback this value: Python's functions are bound to it already
    # 1. A new controller.
    controller = new(default_controller.WritableStreamDefaultController)

    # 2. By default, start does nothing,
    start_algorithm: Callable[[], Any] = return_undefined
    # 3. and so do write,
    write_algorithm = DO_NOTHING
    # 4. close
    close_algorithm = DO_NOTHING
    # 5. and abort.
    abort_algorithm = DO_NOTHING
    # 6. If the sink has a start, it is called with the controller; what it throws is thrown on.
    if underlying_sink_dict.start is not None:
        start_algorithm = partial(underlying_sink_dict.start, controller)
    # 7. If the sink has a write, it is called with the chunk and the controller.
    if underlying_sink_dict.write is not None:
        write_algorithm = CallbackAlgorithm(underlying_sink_dict.write, controller)
    # 8. If the sink has a close, it is called.
    if underlying_sink_dict.close is not None:
        close_algorithm = CallbackAlgorithm(underlying_sink_dict.close)
    # 9. If the sink has an abort, it is called with the reason.
    if underlying_sink_dict.abort is not None:
        abort_algorithm = CallbackAlgorithm(underlying_sink_dict.abort)
    # 10. Set up the controller with these; this may throw.
    set_up_writable_stream_default_controller(
        stream,
        controller,
        start_algorithm,
        write_algorithm,
        close_algorithm,
        abort_algorithm,
        high_water_mark,
        size_algorithm,
    )


def writable_stream_default_controller_advance_queue_if_needed(controller: WritableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-advance-queue-if-needed"""
    # 1. The stream.
    stream = controller._stream
    # 2. Nothing goes on before the sink has started,
    if not controller._started:
        return
    # 3. nor while a write is in flight.
    if stream._in_flight_write_request is not None:
        return
    # 4. The state.
    state = stream._state
    # 5. Assert: it is neither closed nor errored.
    assert state not in {"closed", "errored"}
    # 6. If it is erroring,
    if state == "erroring":
        # 6.1. this is what it waited for,
        controller_interface.writable_stream_finish_erroring(stream)
        # 6.2. and that is all.
        return
    # 7. There may be nothing to do.
    if not controller._queue:
        return
    # 8. The first in the queue.
    value = peek_queue_value(controller)
    # 9. The close sentinel closes the sink,
    if value is default_controller.CLOSE_SENTINEL:
        writable_stream_default_controller_process_close(controller)
    # 10. and any chunk is written.
    else:
        writable_stream_default_controller_process_write(controller, value)


def writable_stream_default_controller_clear_algorithms(controller: WritableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-clear-algorithms"""
    # 1. No write algorithm,
    controller._write_algorithm = None
    # 2. no close algorithm,
    controller._close_algorithm = None
    # 3. no abort algorithm,
    controller._abort_algorithm = None
    # 4. and no size algorithm any more.
    controller._strategy_size_algorithm = None


def writable_stream_default_controller_close(controller: WritableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-close"""
    # 1. Queue the close sentinel.
    enqueue_value_with_size(controller, default_controller.CLOSE_SENTINEL, 0)
    # 2. It may be its turn.
    writable_stream_default_controller_advance_queue_if_needed(controller)


def writable_stream_default_controller_error(controller: WritableStreamDefaultController, error: object) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-error"""
    # 1. The stream.
    stream = controller._stream
    # 2. Assert: it is writable.
    assert stream._state == "writable"
    # 3. No algorithm is needed any more.
    writable_stream_default_controller_clear_algorithms(controller)
    # 4. Start erroring.
    controller_interface.writable_stream_start_erroring(stream, error)


def writable_stream_default_controller_error_if_needed(
    controller: WritableStreamDefaultController, error: object
) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-error-if-needed"""
    # 1. Error the stream, if it is writable.
    if controller._stream._state == "writable":
        writable_stream_default_controller_error(controller, error)


def writable_stream_default_controller_get_backpressure(controller: WritableStreamDefaultController) -> bool:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-get-backpressure"""
    # 1. How much more it wants.
    desired_size = writable_stream_default_controller_get_desired_size(controller)
    # 2. Nothing or less is backpressure.
    return desired_size <= 0


def writable_stream_default_controller_get_chunk_size(
    controller: WritableStreamDefaultController, chunk: object
) -> int | float:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-get-chunk-size"""
    # 1. Without a size algorithm any more,
    if controller._strategy_size_algorithm is None:
        # 1.1. NOTE(spec): S1 the text asserts that the stream is not writable; while its close is in flight
        # it still is.
        # 1.2. The size does not matter.
        return 1
    # 2. Ask the algorithm.
    try:
        return_value = controller._strategy_size_algorithm(chunk)
    # 3. If it throws,
    except BaseException as exception:
        # 3.1. the stream is errored,
        writable_stream_default_controller_error_if_needed(controller, reason_of(exception))
        # 3.2. and the size does not matter.
        return 1
    # 4. Return what it returned.
    return return_value


def writable_stream_default_controller_get_desired_size(controller: WritableStreamDefaultController) -> int | float:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-get-desired-size"""
    # 1. What is free below the high water mark.
    return controller._strategy_hwm - controller._queue_total_size


def writable_stream_default_controller_process_close(controller: WritableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-process-close"""
    # 1. The stream.
    stream = controller._stream
    # 2. Its close is in flight,
    controller_interface.writable_stream_mark_close_request_in_flight(stream)
    # 3. and the sentinel out of the queue.
    dequeue_value(controller)
    # 4. Assert: nothing comes after it.
    assert not controller._queue
    # 5. Close the sink.
    assert controller._close_algorithm is not None
    sink_close_promise = perform_close(controller._close_algorithm)
    # 6. No algorithm is needed any more.
    writable_stream_default_controller_clear_algorithms(controller)
    _react_to_the_close(stream, sink_close_promise)


def _react_to_the_close(stream: WritableStream[Any], sink_close_promise: Promise[Any]) -> None:
    """Steps 7 and 8 of it."""

    # 7. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 7.1. the close is done.
        controller_interface.writable_stream_finish_in_flight_close(stream)

    # 8. Upon rejection,
    def rejected(reason: object) -> None:
        # 8.1. the close failed.
        controller_interface.writable_stream_finish_in_flight_close_with_error(stream, reason)

    upon(sink_close_promise, fulfilled, rejected)


def writable_stream_default_controller_process_write(
    controller: WritableStreamDefaultController, chunk: object
) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-process-write"""
    # 1. The stream.
    stream = controller._stream
    # 2. Its first write is in flight.
    controller_interface.writable_stream_mark_first_write_request_in_flight(stream)
    if fast_paths.enabled:
        fast_default.process_write(controller, chunk)
        return
    # 3. Give the chunk to the sink.
    assert controller._write_algorithm is not None
    sink_write_promise = perform_write(controller._write_algorithm, chunk)

    # 4. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 4.1. the write is done.
        controller_interface.writable_stream_finish_in_flight_write(stream)
        # 4.2. The state.
        state = stream._state
        # 4.3. Assert: it is writable or erroring.
        assert state in {"writable", "erroring"}
        # 4.4. The chunk leaves the queue,
        dequeue_value(controller)
        # 4.5. and unless the stream is closing or erroring,
        if not controller_interface.writable_stream_close_queued_or_in_flight(stream) and state == "writable":
            # 4.5.1. there may be less backpressure now:
            backpressure = writable_stream_default_controller_get_backpressure(controller)
            # 4.5.2. tell the stream.
            controller_interface.writable_stream_update_backpressure(stream, backpressure)
        # 4.6. It is the turn of the next.
        writable_stream_default_controller_advance_queue_if_needed(controller)

    # 5. Upon rejection,
    def rejected(reason: object) -> None:
        # 5.1. no algorithm is needed any more, if the stream is writable.
        if stream._state == "writable":
            writable_stream_default_controller_clear_algorithms(controller)
        # 5.2. The write failed.
        controller_interface.writable_stream_finish_in_flight_write_with_error(stream, reason)

    upon(sink_write_promise, fulfilled, rejected)


def writable_stream_default_controller_write(
    controller: WritableStreamDefaultController, chunk: object, chunk_size: int | float
) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-controller-write"""
    # 1. Queue the chunk.
    try:
        enqueue_value_with_size(controller, chunk, chunk_size)
    # 2. If its size is impossible,
    except RangeError as exception:
        # 2.1. the stream is errored,
        writable_stream_default_controller_error_if_needed(controller, exception)
        # 2.2. and that is all.
        return
    # 3. The stream.
    stream = controller._stream
    # 4. Unless it is closing or erroring,
    if not controller_interface.writable_stream_close_queued_or_in_flight(stream) and stream._state == "writable":
        # 4.1. there may be backpressure now:
        backpressure = writable_stream_default_controller_get_backpressure(controller)
        # 4.2. tell the stream.
        controller_interface.writable_stream_update_backpressure(stream, backpressure)
    # 5. It may be its turn.
    writable_stream_default_controller_advance_queue_if_needed(controller)
