"""§6.3 The TransformStreamDefaultController class: https://streams.spec.whatwg.org/#ts-default-controller-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, final

from typing_extensions import override

from .._platform.compiled import mypyc_attr
from .._platform.reasons import Throw, raise_reason
from .._readable.ops.default_controllers import readable_stream_default_controller_get_desired_size
from .ops import default_controllers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._platform.promises import Promise
    from .._readable.default_controller import ReadableStreamDefaultController
    from .stream import TransformStream


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class TransformStreamDefaultController:
    """What a transformer controls its stream with.

    https://streams.spec.whatwg.org/#ts-default-controller-class
    """

    __slots__ = (
        "__weakref__",
        "_cancel_algorithm",
        "_finish_promise",
        "_flush_algorithm",
        "_stream",
        "_transform_algorithm",
    )

    _cancel_algorithm: Callable[[Any], Promise[Any]] | None
    _finish_promise: Promise[None] | None
    _flush_algorithm: Callable[[], Promise[Any]] | None
    _stream: TransformStream[Any, Any]
    _transform_algorithm: Callable[[Any], Promise[Any]] | None

    def __init__(self) -> None:
        raise TypeError("a controller is made by its stream")

    @property
    def desired_size(self) -> int | float | None:
        """How much more the readable side wants, in the unit of its strategy.

        Zero or less when its queue is full; zero once it is closed; None when it is errored.
        https://streams.spec.whatwg.org/#ts-default-controller-desired-size
        """
        # 1. The controller of the readable side.
        readable_controller = cast("ReadableStreamDefaultController", self._stream._readable._controller)
        # 2. Ask it.
        return readable_stream_default_controller_get_desired_size(readable_controller)

    def enqueue(self, chunk: object = None) -> None:
        """Put a chunk into the readable side: https://streams.spec.whatwg.org/#ts-default-controller-enqueue

        Args:
            chunk: any object.

        Raises:
            TypeError: the readable side is closing, closed or errored.
            RangeError: the size function gave something else than a finite non-negative number.
            Exception: what the size function raised.
        """
        # 1. Put it in; this may throw.
        try:
            default_controllers.transform_stream_default_controller_enqueue(self, chunk)
        except Throw as completion:
            raise_reason(completion.reason)

    def error(self, reason: object = None) -> None:
        """Error both sides: https://streams.spec.whatwg.org/#ts-default-controller-error

        Chunks that are queued are discarded.

        Args:
            reason: why; all who use either side from now on fail with it.
        """
        # 1. Error them.
        default_controllers.transform_stream_default_controller_error(self, reason)

    def terminate(self) -> None:
        """Close the readable side and error the writable side.

        https://streams.spec.whatwg.org/#ts-default-controller-terminate
        """
        # 1. Terminate the stream.
        default_controllers.transform_stream_default_controller_terminate(self)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"
