"""§6.4.4 Default sources: https://streams.spec.whatwg.org/#ts-default-source-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform.promises import Promise, a_promise_resolved_with_undefined, reject, resolve, upon
from ..._writable.ops.default_controllers import writable_stream_default_controller_error_if_needed
from .. import fast_default
from . import default_controllers, streams

if TYPE_CHECKING:
    from ..stream import TransformStream


def transform_stream_default_source_cancel_algorithm(stream: TransformStream[Any, Any], reason: object) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#transform-stream-default-source-cancel"""
    # 1. The controller.
    controller = stream._the_controller()
    # 2. The end may be under way already.
    if controller._finish_promise is not None:
        return controller._finish_promise
    # 3. The writable side.
    writable = stream._writable
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
        # 7.1.1. and the writable side is errored, this fails with that error;
        if writable._state == "errored":
            reject(finish_promise, writable._stored_error)
        # 7.1.2. otherwise,
        else:
            # 7.1.2.1. the writable side is errored with the reason,
            writable_stream_default_controller_error_if_needed(writable._controller, reason)
            # 7.1.2.2. a write may be waiting,
            streams.transform_stream_unblock_write(stream)
            # 7.1.2.3. and this is done.
            resolve(finish_promise)

    # 7.2. If it was rejected,
    def rejected(r: object) -> None:
        # 7.2.1. the writable side is errored,
        writable_stream_default_controller_error_if_needed(writable._controller, r)
        # 7.2.2. a write may be waiting,
        streams.transform_stream_unblock_write(stream)
        # 7.2.3. and this fails.
        reject(finish_promise, r)

    upon(cancel_promise, fulfilled, rejected)
    # 8. Return the promise.
    return finish_promise


def transform_stream_default_source_pull_algorithm(stream: TransformStream[Any, Any]) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#transform-stream-default-source-pull"""
    # 1. Assert: there is backpressure.
    assert stream._backpressure
    # 2. Assert: a change of it can be waited for. (Its promise may not have been made yet.)
    # 3. There is none any more.
    streams.transform_stream_set_backpressure(stream, backpressure=False)
    # 4. This is done when there is, once more.
    return fast_default.backpressure_change_promise(stream)
