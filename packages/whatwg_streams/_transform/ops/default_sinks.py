"""§6.4.3 Default sinks: https://streams.spec.whatwg.org/#ts-default-sink-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..._platform.promises import Promise, a_promise_resolved_with_undefined, react, reject, resolve, upon
from ..._platform.reasons import Throw
from ..._readable.ops.default_controllers import (
    readable_stream_default_controller_close,
    readable_stream_default_controller_error,
)
from .. import fast_default
from . import default_controllers

if TYPE_CHECKING:
    from ..._readable.default_controller import ReadableStreamDefaultController
    from ..stream import TransformStream


def transform_stream_default_sink_write_algorithm(stream: TransformStream[Any, Any], chunk: object) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#transform-stream-default-sink-write-algorithm"""
    # 1. Assert: the writable side is writable.
    assert stream._writable._state == "writable"
    # 2. The controller.
    controller = stream._the_controller()
    # 3. If there is backpressure,
    if stream._backpressure:
        # 3.1. wait for it to change.
        backpressure_change_promise = fast_default.backpressure_change_promise(stream)
        # 3.2. Assert: that can be waited for. (Its type says so.)

        # 3.3. Once it has changed,
        def fulfilled(_: object) -> Promise[Any]:
            # 3.3.1. the writable side
            writable = stream._writable
            # 3.3.2. may be in another state:
            state = writable._state
            # 3.3.3. if it is erroring, this fails too.
            if state == "erroring":
                raise Throw(writable._stored_error)
            # 3.3.4. Assert: it is writable.
            assert state == "writable"
            # 3.3.5. Transform the chunk.
            return default_controllers.transform_stream_default_controller_perform_transform(controller, chunk)

        return react(backpressure_change_promise, fulfilled)
    # 4. Otherwise transform it now.
    return default_controllers.transform_stream_default_controller_perform_transform(controller, chunk)


def transform_stream_default_sink_abort_algorithm(stream: TransformStream[Any, Any], reason: object) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#transform-stream-default-sink-abort-algorithm"""
    # 1. The controller.
    controller = stream._the_controller()
    # 2. The end may be under way already.
    if controller._finish_promise is not None:
        return controller._finish_promise
    # 3. The readable side.
    readable = stream._readable
    readable_controller = cast("ReadableStreamDefaultController", readable._controller)
    # 4. Now it is.
    finish_promise = controller._finish_promise = Promise()
    # 5. Perform the cancel algorithm.
    # NOTE(spec): S2 the stream may have been errored or terminated before, and the algorithm cleared; then
    # there is nothing to perform.
    cancel_promise: Promise[Any] = (
        a_promise_resolved_with_undefined()
        if controller._cancel_algorithm is None
        else controller._cancel_algorithm(reason)
    )
    # 6. No algorithm is needed any more.
    default_controllers.transform_stream_default_controller_clear_algorithms(controller)

    # 7. React to it:
    # 7.1. if it was fulfilled,
    def fulfilled(_: object) -> None:
        # 7.1.1. and the readable side is errored, this fails with that error;
        if readable._state == "errored":
            reject(finish_promise, readable._stored_error)
        # 7.1.2. otherwise,
        else:
            # 7.1.2.1. the readable side is errored with the reason,
            readable_stream_default_controller_error(readable_controller, reason)
            # 7.1.2.2. and this is done.
            resolve(finish_promise)

    # 7.2. If it was rejected,
    def rejected(r: object) -> None:
        # 7.2.1. the readable side is errored,
        readable_stream_default_controller_error(readable_controller, r)
        # 7.2.2. and so is this.
        reject(finish_promise, r)

    upon(cancel_promise, fulfilled, rejected)
    # 8. Return the promise.
    return finish_promise


def transform_stream_default_sink_close_algorithm(stream: TransformStream[Any, Any]) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#transform-stream-default-sink-close-algorithm"""
    # 1. The controller.
    controller = stream._the_controller()
    # 2. The end may be under way already.
    if controller._finish_promise is not None:
        return controller._finish_promise
    # 3. The readable side.
    readable = stream._readable
    readable_controller = cast("ReadableStreamDefaultController", readable._controller)
    # 4. Now it is.
    finish_promise = controller._finish_promise = Promise()
    # 5. Perform the flush algorithm.
    assert controller._flush_algorithm is not None
    flush_promise = controller._flush_algorithm()
    # 6. No algorithm is needed any more.
    default_controllers.transform_stream_default_controller_clear_algorithms(controller)

    # 7. React to it:
    # 7.1. if it was fulfilled,
    def fulfilled(_: object) -> None:
        # 7.1.1. and the readable side is errored, this fails with that error;
        if readable._state == "errored":
            reject(finish_promise, readable._stored_error)
        # 7.1.2. otherwise,
        else:
            # 7.1.2.1. the readable side is closed,
            readable_stream_default_controller_close(readable_controller)
            # 7.1.2.2. and this is done.
            resolve(finish_promise)

    # 7.2. If it was rejected,
    def rejected(r: object) -> None:
        # 7.2.1. the readable side is errored,
        readable_stream_default_controller_error(readable_controller, r)
        # 7.2.2. and so is this.
        reject(finish_promise, r)

    upon(flush_promise, fulfilled, rejected)
    # 8. Return the promise.
    return finish_promise
