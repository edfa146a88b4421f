"""What TCPSocket and UDPSocket have in common word for word: how they are closed.

That is the ends of §1.2 and §2.2, of §1.3 and §2.3, and §1.6 and §2.6.

NOTE(spec): E4 E5 "active" is not defined. A side is active until the steps to handle its closing have run;
they run once for each side, and for a readable not before its queue has been read.
NOTE(spec): E12 the text's [[storedPromise]] is the stored error.
NOTE(spec): E36 the other side's error comes first, as written.
NOTE(spec): E53 the text's own example of closing, after `release_lock` in another task than the one that reads,
raises: releasing rejects the read that is pending. The reading has to end first.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from whatwg_streams import AbortError, InvalidStateError, Promise, ReadableStream, WritableStream
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    abort_idle_writable_stream,
    abort_writable_stream,
    add_abort_algorithm,
    cancel_readable_stream,
    is_errored,
    is_locked,
    is_readable,
    mark_as_handled,
    queue_a_task,
    reject,
    signal_of_writable_stream,
    stored_error_of,
)

from ._socket import OpenInfo, Socket
from ._steps import queue_a_global_task_upon

if TYPE_CHECKING:
    from collections.abc import Callable

    from whatwg_streams import AbortSignal

    from ._operating_system import Answer


class SocketOfTwoStreams(Socket[OpenInfo]):
    """A socket that is closed when both of its streams are."""

    __slots__ = (
        "_close_error",
        "_is_open",
        "_readable",
        "_readable_is_active",
        "_signal",
        "_writable",
        "_writable_is_active",
    )

    _readable: ReadableStream[Any]
    _writable: WritableStream[Any]
    _is_open: bool  # or was: whether `opened` is fulfilled
    _readable_is_active: bool
    _writable_is_active: bool
    _close_error: AbortError | None  # E1: what `close` aborts the writable stream with
    _signal: AbortSignal | None  # of the writable stream, from the first write on that had to wait

    @override
    def _initialize(self) -> None:
        super()._initialize()
        self._is_open = False
        self._readable_is_active = False
        self._writable_is_active = False
        self._close_error = None
        self._signal = None

    # §1.2, §2.2 [[readable]] -----------------------------------------------------------------------------

    def _handle_closing_the_readable_stream(self) -> None:
        """Handle the closing of the readable side.

        https://wicg.github.io/direct-sockets/#dfn-handle-closing-the-tcpsocket-readable-stream
        https://wicg.github.io/direct-sockets/#dfn-handle-closing-the-udpsocket-readable-stream
        """
        # NOTE(spec): E37 once.
        if not self._readable_is_active:
            return
        self._readable_is_active = False
        # 1. If the writable side is active, that is all.
        if self._writable_is_active:
            return
        # 2. In parallel:
        # 2.1. close the socket.
        # 2.2. Then queue a task for the steps of _readable_was_last.
        self._close_the_socket(self._readable_was_last)

    def _readable_was_last(self) -> None:
        """Step 2.2 of handling the closing of the readable side."""
        # 2.2.1. If the writable side is errored, so is closed;
        if self._writable_is_errored():
            reject(self._the_closed_promise(), _error_of(self._writable))
        # 2.2.2. or else if the readable side is;
        elif is_errored(self._readable):
            reject(self._the_closed_promise(), _error_of(self._readable))
        # 2.2.3. otherwise all is well.
        else:
            self._resolve_closed()

    # §1.3, §2.3 [[writable]] -----------------------------------------------------------------------------

    def _signal_that_stops(self, stop_writing: Callable[[], None]) -> AbortSignal:
        """The signal of the writable stream, which stops a write that is under way.

        It is made when the first write has to wait: nobody else sees it, and there is nothing else to stop.
        """
        if self._signal is None:
            self._signal = signal_of_writable_stream(self._writable)
            add_abort_algorithm(self._signal, stop_writing)
        return self._signal

    def _handle_closing_the_writable_stream(self) -> None:
        """Handle the closing of the writable side.

        https://wicg.github.io/direct-sockets/#dfn-handle-closing-the-tcpsocket-writable-stream
        https://wicg.github.io/direct-sockets/#dfn-handle-closing-the-udpsocket-writable-stream
        """
        # NOTE(spec): E37 once.
        if not self._writable_is_active:
            return
        self._writable_is_active = False
        # 1. If the readable side is active, that is all.
        if self._readable_is_active:
            return
        # 2. In parallel:
        # 2.1. close the socket.
        # 2.2. Then queue a task for the steps of _writable_was_last.
        self._close_the_socket(self._writable_was_last)

    def _writable_was_last(self) -> None:
        """Step 2.2 of handling the closing of the writable side."""
        # 2.2.1. If the readable side is errored, so is closed;
        if is_errored(self._readable):
            reject(self._the_closed_promise(), _error_of(self._readable))
        # 2.2.2. or else if the writable side is;
        elif self._writable_is_errored():
            reject(self._the_closed_promise(), _error_of(self._writable))
        # 2.2.3. otherwise all is well.
        else:
            self._resolve_closed()

    def _writable_is_errored(self) -> bool:
        """NOTE(spec): E1 the abort that `close` itself makes is no error."""
        return is_errored(self._writable) and (
            self._close_error is None or stored_error_of(self._writable) is not self._close_error
        )

    def _close_the_socket(self, closed: Callable[[], object]) -> None:
        """Have the operating system close it, then queue a task for these steps.

        (A write or a close that is just being rejected errors the stream in a microtask, before that.)
        """
        answer = self._told_to_close()
        # (Where nobody has looked at [[closedPromise]], and who has left the socket waits for it, nobody could tell.)
        if self._is_left and answer is None and self._closed_promise is None and self._streams_have_ended():
            closed()
            return

        def queue(_: object) -> None:
            queue_a_task(closed)

        queue_a_global_task_upon(answer, queue, queue)

    def _streams_have_ended(self) -> bool:
        """Whether their states are the last ones."""
        return is_errored(self._writable) and not is_readable(self._readable)

    @abstractmethod
    def _told_to_close(self) -> Answer[None]:
        """The answer of the operating system, when it is told to close the socket."""

    # §1.6, §2.6 close() --------------------------------------------------------------------------------

    def close(self) -> Promise[None]:
        """Close the socket: cancel its readable stream and abort its writable stream.

        What was written but not sent yet is discarded: close the writable stream before, to have it sent.
        Cancelling a task that awaits the result leaves the socket closing.

        https://wicg.github.io/direct-sockets/#dom-tcpsocket-close
        https://wicg.github.io/direct-sockets/#dom-udpsocket-close

        Returns:
            `closed`; or a promise rejected with an InvalidStateError, when the socket is not open (yet), or
            one of its streams is locked.
        """
        # 1. It has to be open. NOTE(spec): E42 E46
        if not self._is_open:
            return a_promise_rejected_with(InvalidStateError("the socket is not open; await `opened` first"))
        # 2. It may be closed already.
        if self._closed_is_settled():
            return self._the_closed_promise()
        # 3. Its streams must not be locked.
        if self._a_stream_is_locked():
            return a_promise_rejected_with(
                InvalidStateError("a stream of the socket is locked; release its reader or writer first")
            )
        # 4. to 7. Cancel the one, abort the other.
        self._cancel_and_abort()
        # 8. Return [[closedPromise]].
        return self._the_closed_promise()

    def _a_stream_is_locked(self) -> bool:
        return is_locked(self._readable) or is_locked(self._writable)

    def _closed_is_settled(self) -> bool:
        """Whether it is settled, or about to be."""
        return not self._readable_is_active and not self._writable_is_active

    def _cancel_and_abort(self) -> None:
        # 4. Cancel the readable side;
        cancel_promise = cancel_readable_stream(self._readable, None)
        # 5. how that ends does not matter.
        mark_as_handled(cancel_promise)
        # 6. Abort the writable side;
        if self._close_error is None:
            self._close_error = AbortError("the socket was closed")
        if not abort_idle_writable_stream(self._writable, self._close_error):
            abort_promise = abort_writable_stream(self._writable, self._close_error)
            # 7. how that ends does not matter.
            mark_as_handled(abort_promise)
        # (Of a stream that is errored, nothing is cancelled or aborted; its closing is handled all the same.)
        if is_errored(self._readable):
            self._handle_closing_the_readable_stream()
        if is_errored(self._writable):
            self._handle_closing_the_writable_stream()

    # Beyond the standard ---------------------------------------------------------------------------------

    @override
    def _close_even_if_locked(self) -> None:
        if self._is_open and not self._closed_is_settled():
            self._cancel_and_abort()


def _error_of(stream: ReadableStream[Any] | WritableStream[Any]) -> Any:
    """NOTE(spec): E44 an abort without a reason leaves None inside; closed carries an AbortError."""
    error = stored_error_of(stream)
    return AbortError("the stream was aborted without a reason") if error is None else error
