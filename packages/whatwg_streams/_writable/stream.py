"""§5.2 The WritableStream class: https://streams.spec.whatwg.org/#ws-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, final

from typing_extensions import TypeVar, override

from .._platform.compiled import mypyc_attr
from .._platform.dom_exception import RangeError
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.webidl import convert_object
from .._strategies import NO_STRATEGY, convert_queuing_strategy, extract_high_water_mark, extract_size_algorithm
from . import fast_creation
from .ops import controller_interface, default_controllers, streams
from .underlying_sink import NO_SINK, convert_underlying_sink

if TYPE_CHECKING:
    from collections import deque

    from .._strategies import QueuingStrategy
    from .default_controller import WritableStreamDefaultController
    from .default_writer import WritableStreamDefaultWriter
    from .underlying_sink import UnderlyingSink

W = TypeVar("W", default=Any)


@final
class PendingAbortRequest:
    """https://streams.spec.whatwg.org/#pending-abort-request"""

    __slots__ = ("promise", "reason", "was_already_erroring")

    def __init__(self, promise: Promise[None], reason: object, *, was_already_erroring: bool) -> None:
        self.promise = promise
        self.reason = reason
        self.was_already_erroring = was_already_erroring


@mypyc_attr(allow_interpreted_subclasses=True)
class WritableStream(Generic[W]):
    """A destination for chunks, one after the other, with backpressure.

    https://streams.spec.whatwg.org/#ws-class

    Args:
        underlying_sink: where the chunks go: an object or a mapping with any of the members
            `start(controller)`, `write(chunk, controller)`, `close()` and `abort(reason)`. Each may be a
            coroutine function, which then runs in a task with a copy of the context of this call. A
            function may take fewer arguments than these.
        strategy: how much may be queued: an object or a mapping with `high_water_mark` (1 by default)
            and `size` (a function of a chunk; every chunk counts 1 by default).

    Raises:
        TypeError: an argument is not of this form.
        RangeError: the high water mark is negative or NaN; or the sink has a `type`.
        Exception: what `start` raises.
    """

    __slots__ = (
        "__weakref__",
        "_backpressure",
        "_close_request",
        "_controller",
        "_detached",
        "_in_flight_close_request",
        "_in_flight_write_request",
        "_pending_abort_request",
        "_state",
        "_stored_error",
        "_write_requests",
        "_writer",
    )

    _backpressure: bool
    _close_request: Promise[None] | None
    _controller: WritableStreamDefaultController
    _detached: bool  # not set, nor is [[controller]] at first: which is slow to ask for, but seldom done
    _in_flight_write_request: Promise[None] | None
    _in_flight_close_request: Promise[None] | None
    _pending_abort_request: PendingAbortRequest | None
    _state: str  # "writable", "closed", "erroring" or "errored"
    _stored_error: Any
    _writer: WritableStreamDefaultWriter[W] | None
    _write_requests: deque[Promise[None]]

    def __init__(self, underlying_sink: UnderlyingSink | None = None, strategy: QueuingStrategy | None = None) -> None:
        if underlying_sink is not None:
            convert_object(underlying_sink, "underlying_sink")
        strategy_dict = NO_STRATEGY if strategy is None else convert_queuing_strategy(strategy, "strategy")
        # 1. A missing sink is null.
        # 2. Convert the sink to the dictionary.
        underlying_sink_dict = NO_SINK if underlying_sink is None else convert_underlying_sink(underlying_sink)
        # 3. It must not have a type; that is reserved.
        if underlying_sink_dict.type is not None:
            raise RangeError("underlying_sink.type: no type of a sink is defined yet; leave it out")
        if fast_paths.enabled and fast_creation.construct(self, underlying_sink_dict, strategy_dict):
            return
        # 4. Initialize this.
        streams.initialize_writable_stream(self)
        # 5. The size algorithm, and
        size_algorithm = extract_size_algorithm(strategy_dict)
        # 6. the high water mark of the strategy.
        high_water_mark = extract_high_water_mark(strategy_dict, 1)
        # 7. Set up the controller from the sink.
        default_controllers.set_up_writable_stream_default_controller_from_underlying_sink(
            self, underlying_sink, underlying_sink_dict, high_water_mark, size_algorithm
        )

    @property
    def locked(self) -> bool:
        """Whether the stream has a writer: https://streams.spec.whatwg.org/#ws-locked"""
        # 1. Return whether it is locked.
        return streams.is_writable_stream_locked(self)

    def abort(self, reason: object = None) -> Promise[None]:
        """Give up: chunks that are queued are discarded, and the sink's `abort` is called.

        https://streams.spec.whatwg.org/#ws-abort

        Cancelling a task that awaits the result leaves the abort on its way.

        Args:
            reason: why; given to the sink, and to all who use the stream from now on.

        Returns:
            A promise that fulfills when the sink is done with aborting. It rejects with what the sink
            raised, or with a TypeError when the stream is locked.
        """
        # 1. A locked stream can not be aborted.
        if streams.is_writable_stream_locked(self):
            return a_promise_rejected_with(TypeError("a stream that has a writer can not be aborted; abort the writer"))
        # 2. Abort it.
        return streams.writable_stream_abort(self, reason)

    def close(self) -> Promise[None]:
        """Close the stream, after all chunks that are queued were written.

        https://streams.spec.whatwg.org/#ws-close

        Cancelling a task that awaits the result leaves the close on its way.

        Returns:
            A promise that fulfills when the sink is closed. It rejects with the error that occurred
            before, or with a TypeError when the stream is locked, closing or closed.
        """
        # 1. A locked stream can not be closed,
        if streams.is_writable_stream_locked(self):
            return a_promise_rejected_with(TypeError("a stream that has a writer can not be closed; close the writer"))
        # 2. nor one that is closing.
        if controller_interface.writable_stream_close_queued_or_in_flight(self):
            return a_promise_rejected_with(TypeError("the stream is closing or closed already"))
        # 3. Close it.
        return streams.writable_stream_close(self)

    def get_writer(self) -> WritableStreamDefaultWriter[W]:
        """A writer for this stream, which is locked until the writer releases it.

        https://streams.spec.whatwg.org/#ws-get-writer

        Raises:
            TypeError: the stream has a writer already.
        """
        # 1. Acquire a writer.
        return streams.acquire_writable_stream_default_writer(self)

    @override
    def __repr__(self) -> str:
        locked = ", locked" if self._writer is not None else ""
        return f"<{type(self).__name__} {self._state}{locked}>"
