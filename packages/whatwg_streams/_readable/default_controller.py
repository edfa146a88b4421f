"""§4.6 The ReadableStreamDefaultController class: https://streams.spec.whatwg.org/#rs-default-controller-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from typing_extensions import override

from .._platform.compiled import mypyc_attr
from .._platform.fast_paths import fast_paths
from .._platform.reasons import because_of
from .._platform.webidl import maker_of
from .._supporting.algorithms import perform_cancel
from .._supporting.queue_with_sizes import dequeue_value, reset_queue, values_with_sizes
from . import fast_default, fast_read, unread
from .ops import controller_interface, default_controllers

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from .._platform.promises import Promise
    from .records import ReadRequest
    from .stream import ReadableStream


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class ReadableStreamDefaultController:
    """What an underlying source controls its stream with.

    https://streams.spec.whatwg.org/#rs-default-controller-class
    """

    __slots__ = (
        "_cancel_algorithm",
        "_close_requested",
        "_only_appends",
        "_pull_again",
        "_pull_algorithm",
        "_pull_below",
        "_pulling",
        "_queue",
        "_queue_total_size",
        "_serves",
        "_started",
        "_strategy_hwm",
        "_strategy_size_algorithm",
        "_stream",
    )

    _cancel_algorithm: Callable[[Any], Promise[Any]] | None
    _close_requested: bool
    _only_appends: bool  # whether to enqueue a chunk takes no more than that, see `fast_pipe`
    _pull_again: bool
    _pull_algorithm: Callable[[], Promise[Any]] | None
    _pulling: bool
    _queue: deque[Any]  # see queue_with_sizes
    _queue_total_size: int | float
    _serves: Any  # the promise of the read that the source is pulled for, while it may be served at once; or None
    _started: bool
    _pull_below: int | float  # with so much queued nothing is pulled; [[strategyHWM]], or less
    _strategy_hwm: int | float
    _strategy_size_algorithm: Callable[[Any], int | float] | None
    _stream: ReadableStream[Any]

    def __init__(self) -> None:
        raise TypeError("a controller is made by its stream")

    @property
    def desired_size(self) -> int | float | None:
        """How much more the stream wants, in the unit of its strategy.

        Zero or less when its queue is full; zero once it is closed; None when it is errored.
        https://streams.spec.whatwg.org/#rs-default-controller-desired-size
        """
        # 1. Ask the stream.
        return default_controllers.readable_stream_default_controller_get_desired_size(self)

    def close(self) -> None:
        """Close the stream, after all chunks that are queued were read.

        https://streams.spec.whatwg.org/#rs-default-controller-close

        Raises:
            TypeError: the stream is closing, closed or errored.
        """
        # 1. It can not be closed twice.
        if not default_controllers.readable_stream_default_controller_can_close_or_enqueue(self):
            raise _refusal(self, "the stream can not be closed")
        # 2. Close it.
        default_controllers.readable_stream_default_controller_close(self)

    def enqueue(self, chunk: object = None) -> None:
        """Put a chunk into the stream: https://streams.spec.whatwg.org/#rs-default-controller-enqueue

        Args:
            chunk: any object.

        Raises:
            TypeError: the stream is closing, closed or errored.
            RangeError: the size function gave something else than a finite non-negative number.
            Exception: what the size function raised.
        """
        if self._only_appends:
            self._queue.append(chunk)
            self._queue_total_size += 1
            return
        if self._serves is not None and fast_read.serve(self, self._serves, chunk):
            return
        if fast_paths.enabled and fast_default.enqueue(self, chunk):
            return
        # 1. Nothing can be put into a stream that is closing.
        if not default_controllers.readable_stream_default_controller_can_close_or_enqueue(self):
            raise _refusal(self, "the stream takes no more chunks")
        # 2. Put it in.
        default_controllers.readable_stream_default_controller_enqueue(self, chunk)

    def error(self, e: object = None) -> None:
        """Error the stream: https://streams.spec.whatwg.org/#rs-default-controller-error

        Chunks that are queued are discarded. Does nothing unless the stream is readable.

        Args:
            e: why; all who use the stream from now on fail with it.
        """
        # 1. Error it.
        default_controllers.readable_stream_default_controller_error(self, e)

    # §4.6.4 Internal methods -------------------------------------------------------------------------

    def _cancel_steps(self, reason: object) -> Promise[Any]:
        """https://streams.spec.whatwg.org/#rs-default-controller-private-cancel"""
        # 1. Empty the queue.
        queue = self._queue
        reset_queue(self)
        self._only_appends = False
        # (Beyond the standard, whoever set up the stream is told.)
        unread.discard(self._stream, (value for value, _ in values_with_sizes(queue)))
        # 2. Perform the cancel algorithm.
        assert self._cancel_algorithm is not None
        result = perform_cancel(self._cancel_algorithm, reason)
        # 3. No algorithm is needed any more.
        default_controllers.readable_stream_default_controller_clear_algorithms(self)
        # 4. Return the result.
        return result

    def _pull_steps(self, read_request: ReadRequest) -> None:
        """https://streams.spec.whatwg.org/#rs-default-controller-private-pull"""
        # 1. The stream.
        stream = self._stream
        # 2. If there is a chunk in the queue,
        if self._queue:
            # 2.1. take it out.
            chunk = dequeue_value(self)
            # 2.2. If it was the last one before the end,
            if self._close_requested and not self._queue:
                # 2.2.1. no algorithm is needed any more,
                default_controllers.readable_stream_default_controller_clear_algorithms(self)
                # 2.2.2. and the stream is closed.
                controller_interface.readable_stream_close(stream)
            # 2.3. Otherwise there is room for more.
            else:
                default_controllers.readable_stream_default_controller_call_pull_if_needed(self)
            # 2.4. Give the chunk to the reader.
            read_request.chunk_steps(chunk)
        # 3. Otherwise,
        else:
            # 3.1. the request has to wait,
            controller_interface.readable_stream_add_read_request(stream, read_request)
            # 3.2. and more is needed.
            default_controllers.readable_stream_default_controller_call_pull_if_needed(self)

    def _release_steps(self) -> None:
        """https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaultcontroller-releasesteps"""
        # 1. Return.

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"


#: Makes a new controller, as its constructor raises.
new_controller: Final = maker_of(ReadableStreamDefaultController)


def _refusal(controller: ReadableStreamDefaultController, what: str) -> Exception:
    stream = controller._stream
    why = "closing" if stream._state == "readable" else stream._state
    return because_of(TypeError(f"{what}, it is {why}"), stream._stored_error)
