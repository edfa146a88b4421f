"""§4.9.4 Default controllers: https://streams.spec.whatwg.org/#rs-default-controller-abstract-ops"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..._platform import starts
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import Promise, upon
from ..._platform.reasons import reason_of
from ..._platform.webidl import DO_NOTHING, CallbackAlgorithm, a_promise_for_what_was_returned, new, return_undefined
from ..._supporting.algorithms import perform_pull
from ..._supporting.queue_with_sizes import enqueue_value_with_size, reset_queue, values_with_sizes
from .. import default_controller, fast_default, unread
from . import controller_interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..default_controller import ReadableStreamDefaultController
    from ..stream import ReadableStream
    from ..underlying_source import UnderlyingSourceDict


def readable_stream_default_controller_call_pull_if_needed(controller: ReadableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-call-pull-if-needed"""
    if fast_paths.enabled:
        fast_default.call_pull_if_needed(controller)
        return
    # 1. Is more needed?
    should_pull = readable_stream_default_controller_should_call_pull(controller)
    # 2. If not, that is all.
    if not should_pull:
        return
    # 3. While a pull is under way,
    if controller._pulling:
        # 3.1. the next has to wait,
        controller._pull_again = True
        # 3.2. and that is all.
        return
    # 4. Assert: none is waiting.
    assert not controller._pull_again
    # 5. One is under way now.
    controller._pulling = True
    # 6. Pull.
    assert controller._pull_algorithm is not None
    pull_promise = perform_pull(controller._pull_algorithm)

    # 7. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 7.1. none is under way,
        controller._pulling = False
        # 7.2. and if one is waiting,
        if controller._pull_again:
            # 7.2.1. it waits no longer:
            controller._pull_again = False
            # 7.2.2. it may be needed.
            readable_stream_default_controller_call_pull_if_needed(controller)

    # 8. Upon rejection,
    def rejected(e: object) -> None:
        # 8.1. error the stream.
        readable_stream_default_controller_error(controller, e)

    upon(pull_promise, fulfilled, rejected)


def readable_stream_default_controller_should_call_pull(controller: ReadableStreamDefaultController) -> bool:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-should-call-pull"""
    # 1. The stream.
    stream = controller._stream
    # 2. Nothing can be put into a stream that is closing,
    if not readable_stream_default_controller_can_close_or_enqueue(controller):
        return False
    # 3. nor before the source has started.
    if not controller._started:
        return False
    # 4. Somebody may be waiting for a chunk.
    if stream._reader is not None and controller_interface.readable_stream_get_num_read_requests(stream) > 0:
        return True
    # 5. How much more it wants.
    desired_size = readable_stream_default_controller_get_desired_size(controller)
    # 6. Assert: it is not errored.
    assert desired_size is not None
    # 7. More than nothing is needed;
    # 8. otherwise it is not.
    return desired_size > 0


def readable_stream_default_controller_clear_algorithms(controller: ReadableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-clear-algorithms"""
    # 1. No pull algorithm,
    controller._pull_algorithm = None
    # 2. no cancel algorithm,
    controller._cancel_algorithm = None
    # 3. and no size algorithm any more.
    controller._strategy_size_algorithm = None
    controller._only_appends = False


def readable_stream_default_controller_close(controller: ReadableStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-close"""
    # 1. It can not be closed twice.
    if not readable_stream_default_controller_can_close_or_enqueue(controller):
        return
    # 2. The stream.
    stream = controller._stream
    # 3. It is closing.
    controller._close_requested = True
    controller._only_appends = False
    # 4. If nothing is left to be read,
    if not controller._queue:
        # 4.1. no algorithm is needed any more,
        readable_stream_default_controller_clear_algorithms(controller)
        # 4.2. and it is closed.
        controller_interface.readable_stream_close(stream)


def readable_stream_default_controller_enqueue(controller: ReadableStreamDefaultController, chunk: object) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-enqueue"""
    if fast_paths.enabled and fast_default.enqueue(controller, chunk):
        return
    # 1. Nothing can be put into a stream that is closing.
    if not readable_stream_default_controller_can_close_or_enqueue(controller):
        return
    # 2. The stream.
    stream = controller._stream
    # 3. If somebody is waiting for a chunk, it gets this.
    if stream._reader is not None and controller_interface.readable_stream_get_num_read_requests(stream) > 0:
        controller_interface.readable_stream_fulfill_read_request(stream, chunk, done=False)
    # 4. Otherwise,
    else:
        # 4.1. its size is asked for.
        assert controller._strategy_size_algorithm is not None
        try:
            result = controller._strategy_size_algorithm(chunk)
        # 4.2. If that throws,
        except BaseException as exception:
            # 4.2.1. the stream is errored,
            readable_stream_default_controller_error(controller, reason_of(exception))
            # 4.2.2. and so is this.
            raise
        # 4.3. The size.
        chunk_size = result
        # 4.4. Queue the chunk.
        try:
            enqueue_value_with_size(controller, chunk, chunk_size)
        # 4.5. If its size is impossible,
        except Exception as exception:
            # 4.5.1. the stream is errored,
            readable_stream_default_controller_error(controller, exception)
            # 4.5.2. and so is this.
            raise
    # 5. There may be room for more.
    readable_stream_default_controller_call_pull_if_needed(controller)


def readable_stream_default_controller_error(controller: ReadableStreamDefaultController, e: object) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-error"""
    # 1. The stream.
    stream = controller._stream
    # 2. Only a readable one can be errored.
    if stream._state != "readable":
        return
    # 3. Empty the queue.
    queue = controller._queue
    reset_queue(controller)
    # 4. No algorithm is needed any more.
    readable_stream_default_controller_clear_algorithms(controller)
    # 5. It is errored.
    controller_interface.readable_stream_error(stream, e)
    # (Beyond the standard, whoever set up the stream is told what was in the queue.)
    unread.discard(stream, (value for value, _ in values_with_sizes(queue)))


def readable_stream_default_controller_get_desired_size(
    controller: ReadableStreamDefaultController,
) -> int | float | None:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-get-desired-size"""
    # 1. The state of the stream.
    state = controller._stream._state
    # 2. If it is errored, it wants nothing ever again.
    if state == "errored":
        return None
    # 3. If it is closed, it wants nothing.
    if state == "closed":
        return 0
    # 4. What is free below the high water mark.
    return controller._strategy_hwm - controller._queue_total_size


def readable_stream_default_controller_has_backpressure(controller: ReadableStreamDefaultController) -> bool:
    """https://streams.spec.whatwg.org/#rs-default-controller-has-backpressure"""
    # 1. If more is needed, there is none;
    # 2. otherwise there is.
    return not readable_stream_default_controller_should_call_pull(controller)


def readable_stream_default_controller_can_close_or_enqueue(controller: ReadableStreamDefaultController) -> bool:
    """https://streams.spec.whatwg.org/#readable-stream-default-controller-can-close-or-enqueue"""
    # 1. The state of the stream.
    state = controller._stream._state
    # 2. While it is readable and not closing, it can;
    # 3. otherwise it can not.
    return not controller._close_requested and state == "readable"


def set_up_readable_stream_default_controller(
    stream: ReadableStream[Any],
    controller: ReadableStreamDefaultController,
    start_algorithm: Callable[[], Any],
    pull_algorithm: Callable[[], Promise[Any]],
    cancel_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> None:
    """https://streams.spec.whatwg.org/#set-up-readable-stream-default-controller"""
    # 1. Assert: the stream has no controller yet.
    assert getattr(stream, "_controller", None) is None
    # 2. The controller's stream.
    controller._stream = stream
    # 3. An empty queue.
    reset_queue(controller)
    # 4. Nothing of this has happened.
    controller._started = False
    controller._close_requested = False
    controller._pull_again = False
    controller._pulling = False
    controller._only_appends = False
    controller._serves = None
    # 5. The size algorithm and the high water mark,
    controller._strategy_size_algorithm = size_algorithm
    controller._strategy_hwm = controller._pull_below = high_water_mark
    # 6. the pull algorithm,
    controller._pull_algorithm = pull_algorithm
    # 7. and the cancel algorithm.
    controller._cancel_algorithm = cancel_algorithm
    # 8. The stream's controller.
    stream._controller = controller
    # 9. Start; this may throw.
    start_result = start_algorithm()
    if start_result is None and fast_paths.enabled:
        starts.enqueue_a_start(fast_default.started, controller)
    else:
        _react_to_the_start(controller, start_result)


def _react_to_the_start(controller: ReadableStreamDefaultController, start_result: object) -> None:
    """Steps 10 to 12 of it."""
    # 10. A promise for it.
    start_promise: Promise[Any] = a_promise_for_what_was_returned(start_result)

    # 11. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 11.1. the source has started.
        controller._started = True
        # 11.2. Assert: no pull is under way,
        assert not controller._pulling
        # 11.3. Assert: and none is waiting.
        assert not controller._pull_again
        # 11.4. One may be needed.
        readable_stream_default_controller_call_pull_if_needed(controller)

    # 12. Upon rejection,
    def rejected(r: object) -> None:
        # 12.1. error the stream.
        readable_stream_default_controller_error(controller, r)

    upon(start_promise, fulfilled, rejected)


def set_up_readable_stream_default_controller_from_underlying_source(
    stream: ReadableStream[Any],
    underlying_source: object,
    underlying_source_dict: UnderlyingSourceDict,
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> None:
    """https://streams.spec.whatwg.org/#set-up-readable-stream-default-controller-from-underlying-source"""
    del underlying_source  # the callback this value: Python's functions are bound to it already
    # 1. A new controller.
    controller = new(default_controller.ReadableStreamDefaultController)

    # 2. By default, start does nothing,
    start_algorithm: Callable[[], Any] = return_undefined
    # 3. and so do pull
    pull_algorithm = DO_NOTHING
    # 4. and cancel.
    cancel_algorithm = DO_NOTHING
    # 5. If the source has a start, it is called with the controller.
    if underlying_source_dict.start is not None:
        start_algorithm = partial(underlying_source_dict.start, controller)
    # 6. If the source has a pull, it is called with the controller.
    if underlying_source_dict.pull is not None:
        pull_algorithm = CallbackAlgorithm(underlying_source_dict.pull, controller)
    # 7. If the source has a cancel, it is called with the reason.
    if underlying_source_dict.cancel is not None:
        cancel_algorithm = CallbackAlgorithm(underlying_source_dict.cancel)
    # 8. Set up the controller with these; this may throw.
    set_up_readable_stream_default_controller(
        stream, controller, start_algorithm, pull_algorithm, cancel_algorithm, high_water_mark, size_algorithm
    )
