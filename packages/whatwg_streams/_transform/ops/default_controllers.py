"""§6.4.2 Default controllers: https://streams.spec.whatwg.org/#ts-default-controller-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from ..._platform.fast_paths import fast_paths
from ..._platform.promises import Promise, react
from ..._platform.reasons import Throw, because_of, reason_of
from ..._platform.webidl import DO_NOTHING, CallbackAlgorithm, new
from ..._readable.ops.default_controllers import (
    readable_stream_default_controller_can_close_or_enqueue,
    readable_stream_default_controller_close,
    readable_stream_default_controller_enqueue,
    readable_stream_default_controller_has_backpressure,
)
from .. import default_controller, fast_default
from . import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._readable.default_controller import ReadableStreamDefaultController
    from ..default_controller import TransformStreamDefaultController
    from ..stream import TransformStream
    from ..transformer import TransformerDict


def set_up_transform_stream_default_controller(
    stream: TransformStream[Any, Any],
    controller: TransformStreamDefaultController,
    transform_algorithm: Callable[[Any], Promise[Any]],
    flush_algorithm: Callable[[], Promise[Any]],
    cancel_algorithm: Callable[[Any], Promise[Any]],
) -> None:
    """https://streams.spec.whatwg.org/#set-up-transform-stream-default-controller"""
    # 1. Assert: it is a TransformStream. (Its type says so.)
    # 2. Assert: it has no controller yet.
    assert stream._controller is None
    # 3. The controller's stream,
    controller._stream = stream
    # 4. and the stream's controller.
    stream._controller = controller
    # 5. The transform algorithm,
    controller._transform_algorithm = transform_algorithm
    # 6. the flush algorithm,
    controller._flush_algorithm = flush_algorithm
    # 7. and the cancel algorithm.
    controller._cancel_algorithm = cancel_algorithm
    # (Neither of these two was performed yet.)
    controller._finish_promise = None


def set_up_transform_stream_default_controller_from_transformer(
    stream: TransformStream[Any, Any], transformer: object, transformer_dict: TransformerDict
) -> None:
    """https://streams.spec.whatwg.org/#set-up-transform-stream-default-controller-from-transformer"""
    del transformer  # the callback this value: Python's functions are bound to it already
    # 1. A new controller.
    controller = new(default_controller.TransformStreamDefaultController)

    # 2. By default, a chunk is transformed by these steps:
    # 2.1. it is enqueued as it is.
    # 2.2. If that throws, it is a rejection;
    # 2.3. otherwise it is done.
    transform_algorithm = ENQUEUE_AS_IT_IS
    # 3. By default, flush does nothing,
    flush_algorithm = DO_NOTHING
    # 4. and so does cancel.
    cancel_algorithm = DO_NOTHING
    # 5. If the transformer has a transform, it is called with the chunk and the controller.
    if transformer_dict.transform is not None:
        transform_algorithm = CallbackAlgorithm(transformer_dict.transform, controller)
    # 6. If the transformer has a flush, it is called with the controller.
    if transformer_dict.flush is not None:
        flush_algorithm = CallbackAlgorithm(transformer_dict.flush, controller)
    # 7. If the transformer has a cancel, it is called with the reason.
    if transformer_dict.cancel is not None:
        cancel_algorithm = CallbackAlgorithm(transformer_dict.cancel)
    # 8. Set up the controller with these.
    set_up_transform_stream_default_controller(
        stream, controller, transform_algorithm, flush_algorithm, cancel_algorithm
    )


def _enqueue_as_it_is(chunk: object, controller: TransformStreamDefaultController) -> None:
    transform_stream_default_controller_enqueue(controller, chunk)


#: The transform algorithm of all transformers without one: it has to be told the controller, too.
ENQUEUE_AS_IT_IS: Final[Any] = CallbackAlgorithm(_enqueue_as_it_is)


def transform_stream_default_controller_clear_algorithms(controller: TransformStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-default-controller-clear-algorithms"""
    # 1. No transform algorithm,
    controller._transform_algorithm = None
    # 2. no flush algorithm,
    controller._flush_algorithm = None
    # 3. and no cancel algorithm any more.
    controller._cancel_algorithm = None


def transform_stream_default_controller_enqueue(controller: TransformStreamDefaultController, chunk: object) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-default-controller-enqueue"""
    if fast_paths.enabled and fast_default.enqueue(controller, chunk):
        return
    # 1. The stream.
    stream = controller._stream
    # 2. The controller of its readable side.
    readable_controller = cast("ReadableStreamDefaultController", stream._readable._controller)
    # 3. Nothing can be put into a stream that is closing.
    if not readable_stream_default_controller_can_close_or_enqueue(readable_controller):
        refusal = TypeError("the readable side takes no more chunks, it is closing, closed or errored")
        raise because_of(refusal, stream._readable._stored_error)
    # 4. Put it in.
    try:
        readable_stream_default_controller_enqueue(readable_controller, chunk)
    # 5. If that throws,
    except BaseException as exception:
        # 5.1. the writable side is errored too,
        streams.transform_stream_error_writable_and_unblock_write(stream, reason_of(exception))
        # 5.2. and so is this.
        raise Throw(stream._readable._stored_error) from exception
    # 6. Is there backpressure now?
    backpressure = readable_stream_default_controller_has_backpressure(readable_controller)
    # 7. If that is a change,
    # NOTE(spec): S4 and there is: the text asserts that it can not have gone away, but it has when more reads
    # wait than the pull that is under way knows of; that pull will tell.
    if backpressure and not stream._backpressure:
        # 7.1. (There is.)
        # 7.2. Tell the writable side.
        streams.transform_stream_set_backpressure(stream, backpressure=True)


def transform_stream_default_controller_error(controller: TransformStreamDefaultController, e: object) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-default-controller-error"""
    if controller._stream._chain is not None:
        controller._stream._chain.leave()
    # 1. Error the stream.
    streams.transform_stream_error(controller._stream, e)


def transform_stream_default_controller_perform_transform(
    controller: TransformStreamDefaultController, chunk: object
) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#transform-stream-default-controller-perform-transform"""
    # 1. Perform the transform algorithm.
    # NOTE(spec): S3 while the readable side is being cancelled it is cleared, though the writable side still
    # takes chunks; they fail when that is over, as the writable side does.
    if controller._transform_algorithm is None:
        assert controller._finish_promise is not None
        return react(controller._finish_promise, lambda _: _throw_the_stored_error(controller))
    transform_algorithm: Any = controller._transform_algorithm
    if transform_algorithm is ENQUEUE_AS_IT_IS:
        return _react_to_the_transform(controller, transform_algorithm(chunk, controller))
    return _react_to_the_transform(controller, transform_algorithm(chunk))


def _react_to_the_transform(
    controller: TransformStreamDefaultController, transform_promise: Promise[Any]
) -> Promise[Any]:
    """Step 2 of it."""

    # 2. If that is rejected,
    def rejected(r: object) -> NoReturn:
        # 2.1. the stream is errored,
        streams.transform_stream_error(controller._stream, r)
        # 2.2. and so is this.
        raise Throw(r)

    return react(transform_promise, None, rejected)


def _throw_the_stored_error(controller: TransformStreamDefaultController) -> NoReturn:
    raise Throw(controller._stream._writable._stored_error)


def transform_stream_default_controller_terminate(controller: TransformStreamDefaultController) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-default-controller-terminate"""
    if controller._stream._chain is not None:
        controller._stream._chain.leave()
    # 1. The stream.
    stream = controller._stream
    # 2. The controller of its readable side.
    readable_controller = cast("ReadableStreamDefaultController", stream._readable._controller)
    # 3. Close the readable side.
    readable_stream_default_controller_close(readable_controller)
    # 4. The error
    error = TypeError("the stream was terminated")
    # 5. goes to the writable side.
    streams.transform_stream_error_writable_and_unblock_write(stream, error)
