"""§5.4 The WritableStreamDefaultController class: https://streams.spec.whatwg.org/#ws-default-controller-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from typing_extensions import override

from .._platform.abort import AbortController
from .._platform.compiled import mypyc_attr
from .._supporting.algorithms import perform_abort
from .._supporting.queue_with_sizes import reset_queue
from .ops import default_controllers

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from .._platform.abort import AbortSignal
    from .._platform.promises import Promise
    from .fast_write import AtOnce
    from .stream import WritableStream


class _CloseSentinel:
    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "close sentinel"


#: https://streams.spec.whatwg.org/#close-sentinel
CLOSE_SENTINEL: Final = _CloseSentinel()


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class WritableStreamDefaultController:
    """What an underlying sink controls its stream with.

    https://streams.spec.whatwg.org/#ws-default-controller-class
    """

    __slots__ = (
        "_abort_algorithm",
        "_abort_controller",
        "_close_algorithm",
        "_queue",
        "_queue_total_size",
        "_started",
        "_strategy_hwm",
        "_strategy_size_algorithm",
        "_stream",
        "_write_algorithm",
        "_write_at_once",
    )

    _abort_algorithm: Callable[[Any], Promise[Any]] | None
    _abort_controller: AbortController | None  # None until it is asked for: see `_the_abort_controller`
    _close_algorithm: Callable[[], Promise[Any]] | None
    _queue: deque[Any]  # see queue_with_sizes
    _queue_total_size: int | float
    _started: bool
    _strategy_hwm: int | float
    _strategy_size_algorithm: Callable[[Any], int | float] | None
    _stream: WritableStream[Any]
    _write_algorithm: Callable[[Any], Promise[Any]] | None
    _write_at_once: AtOnce | None  # see there

    def __init__(self) -> None:
        raise TypeError("a controller is made by its stream")

    @property
    def signal(self) -> AbortSignal:
        """A signal that is aborted when the stream is: https://streams.spec.whatwg.org/#ws-default-controller-signal

        It tells the sink to stop a write or a close that is under way.
        """
        # 1. Return the signal of this.[[abortController]].
        return self._the_abort_controller().signal

    def error(self, e: object = None) -> None:
        """Error the stream: https://streams.spec.whatwg.org/#ws-default-controller-error

        Does nothing unless the stream is writable.

        Args:
            e: why; all who use the stream from now on fail with it.
        """
        # 1. The state of the stream.
        state = self._stream._state
        # 2. Only a writable one can be errored.
        if state != "writable":
            return
        # 3. Error it.
        default_controllers.writable_stream_default_controller_error(self, e)

    def _the_abort_controller(self) -> AbortController:
        if self._abort_controller is None:
            self._abort_controller = AbortController()
        return self._abort_controller

    # §5.4.4 Internal methods -------------------------------------------------------------------------

    def _abort_steps(self, reason: object) -> Promise[Any]:
        """https://streams.spec.whatwg.org/#ws-default-controller-private-abort"""
        # 1. Perform the abort algorithm.
        assert self._abort_algorithm is not None
        result = perform_abort(self._abort_algorithm, reason)
        # 2. No algorithm is needed any more.
        default_controllers.writable_stream_default_controller_clear_algorithms(self)
        # 3. Return the result.
        return result

    def _error_steps(self) -> None:
        """https://streams.spec.whatwg.org/#ws-default-controller-private-error"""
        # 1. Empty the queue.
        reset_queue(self)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"
