"""§9.3 Transform streams: https://streams.spec.whatwg.org/#other-specs-ts"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._platform.promises import a_promise_resolved_with_undefined
from .._platform.webidl import new
from .._strategies import count
from .._transform import default_controller
from .._transform.ops import default_controllers, streams
from .._transform.stream import TransformStream
from ._wrappers import wrapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._readable.stream import ReadableStream
    from .._writable.stream import WritableStream


# §9.3.1 Creation and manipulation


def set_up_transform_stream(
    stream: TransformStream[Any, Any],
    *,
    transform_algorithm: Callable[[Any], object],
    flush_algorithm: Callable[[], object] | None = None,
    cancel_algorithm: Callable[[Any], object] | None = None,
) -> None:
    """Set up a new TransformStream: https://streams.spec.whatwg.org/#transformstream-set-up

    Args:
        stream: made with `new(TransformStream)`, or a subclass's `self` in its constructor.
        transform_algorithm: called with a chunk; may return a promise.
        flush_algorithm: called after the last chunk; may return a promise.
        cancel_algorithm: called with the reason; may return a promise.
    """
    # 1. Before the transformation, one chunk may be queued;
    writable_high_water_mark = 1
    # 2. every chunk counts 1.
    writable_size_algorithm = count
    # 3. After it, none may;
    readable_high_water_mark = 0
    # 4. every chunk counts 1.
    readable_size_algorithm = count
    # 5. Transform: 5.1. to 5.3. are those of `_wrapped`.
    transform_algorithm_wrapper = wrapper(transform_algorithm)
    # 6. Flush: 6.1. to 6.3. are those of `_wrapped`.
    flush_algorithm_wrapper = wrapper(flush_algorithm)
    # 7. Cancel: 7.1. to 7.3. are those of `_wrapped`.
    cancel_algorithm_wrapper = wrapper(cancel_algorithm)
    # 8. There is nothing to wait for.
    start_promise = a_promise_resolved_with_undefined()
    # 9. Initialize the stream.
    streams.initialize_transform_stream(
        stream,
        start_promise,
        writable_high_water_mark,
        writable_size_algorithm,
        readable_high_water_mark,
        readable_size_algorithm,
    )
    # 10. A new controller,
    controller = new(default_controller.TransformStreamDefaultController)
    # 11. set up with these.
    default_controllers.set_up_transform_stream_default_controller(
        stream, controller, transform_algorithm_wrapper, flush_algorithm_wrapper, cancel_algorithm_wrapper
    )


def create_an_identity_transform_stream() -> TransformStream[Any, Any]:
    """https://streams.spec.whatwg.org/#create-an-identity-transformstream"""
    # 1. A new stream,
    transform_stream: TransformStream[Any, Any] = new(TransformStream)
    # 2. set up to enqueue chunks as they are.
    set_up_transform_stream(
        transform_stream, transform_algorithm=lambda chunk: enqueue_into_transform_stream(transform_stream, chunk)
    )
    # 3. Return it.
    return transform_stream


def enqueue_into_transform_stream(stream: TransformStream[Any, Any], chunk: object) -> None:
    """https://streams.spec.whatwg.org/#transformstream-enqueue"""
    stream._the_controller().enqueue(chunk)


def terminate_transform_stream(stream: TransformStream[Any, Any]) -> None:
    """https://streams.spec.whatwg.org/#transformstream-terminate"""
    default_controllers.transform_stream_default_controller_terminate(stream._the_controller())


def error_transform_stream(stream: TransformStream[Any, Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#transformstream-error"""
    default_controllers.transform_stream_default_controller_error(stream._the_controller(), e)


# §9.3.2 Wrapping into a custom class


class GenericTransformStream:
    """A mixin for classes that are transform streams of a kind of their own.

    https://streams.spec.whatwg.org/#generictransformstream

    Set `_transform` in the constructor: to `new(TransformStream)`, which is then set up.
    """

    __slots__ = ("_transform",)

    _transform: TransformStream[Any, Any]

    @property
    def readable(self) -> ReadableStream[Any]:
        """Where the transformed chunks come out."""
        return self._transform._readable

    @property
    def writable(self) -> WritableStream[Any]:
        """Where the chunks go in."""
        return self._transform._writable
