"""§4.9.1 ReadableStreamPipeTo: https://streams.spec.whatwg.org/#readable-stream-pipe-to

The text leaves open how chunks are read and written. Here each chunk takes three microtasks: one for the
destination to be ready, in which it is read; one to write it, so that a source's `enqueue` never calls the
sink; and whatever the sink takes. Reading goes on before the write is done, as far as the destination's
strategy has room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

from ..._platform import event_loop
from ..._platform.abort import AbortSignal, add_algorithm, remove_algorithm
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import (
    Promise,
    a_promise_resolved_with_undefined,
    get_a_promise_to_wait_for_all,
    mark_as_handled,
    reject,
    resolve,
    upon,
    upon_fulfillment_take_a_step,
)
from ..._writable.ops.controller_interface import writable_stream_close_queued_or_in_flight
from ..._writable.ops.streams import (
    acquire_writable_stream_default_writer,
    is_writable_stream_locked,
    writable_stream_abort,
)
from ..._writable.ops.writers import (
    writable_stream_default_writer_close_with_error_propagation,
    writable_stream_default_writer_get_desired_size,
    writable_stream_default_writer_release,
    writable_stream_default_writer_write,
)
from .. import fast_pipe, fast_pipe_closing
from . import controller_interface, readers, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._writable.stream import WritableStream
    from ..stream import ReadableStream


def readable_stream_pipe_to(
    source: ReadableStream[Any],
    dest: WritableStream[Any],
    prevent_close: bool,
    prevent_abort: bool,
    prevent_cancel: bool,
    # 4. Without a signal, it is undefined.
    signal: AbortSignal | None = None,
) -> Promise[None]:
    """https://streams.spec.whatwg.org/#readable-stream-pipe-to"""
    # 1. Assert: the source is a ReadableStream. (Its type says so.)
    # 2. Assert: the destination is a WritableStream. (Its type says so.)
    # 3. Assert: three booleans. (Their types say so.)
    # 5. Assert: the signal is an AbortSignal, or undefined. (Its type says so.)
    # 6. Assert: the source is not locked,
    assert not streams.is_readable_stream_locked(source)
    # 7. Assert: nor is the destination.
    assert not is_writable_stream_locked(dest)
    # Steps 8 to 13: see _Pipe.
    pipe = _Pipe(
        source,
        dest,
        prevent_close=prevent_close,
        prevent_abort=prevent_abort,
        prevent_cancel=prevent_cancel,
        signal=signal,
    )
    # 14. If there is a signal,
    if signal is not None:
        # 14.1. (The abort algorithm is _Pipe.abort_algorithm.)
        # 14.2. and it is aborted, this is over before it began.
        if signal.aborted:
            pipe.abort_algorithm()
            return pipe.promise
        # 14.3. Otherwise listen to it.
        add_algorithm(signal, pipe.abort_algorithm)
    # 15. Read all chunks and write them.
    pipe.start()
    # 16. Return the promise.
    return pipe.promise


class _Chain(Protocol):
    def leave(self) -> None: ...


@final
class _Pipe:
    """A pipe under way; as a read request, its own."""

    __slots__ = (
        "callbacks_are_quick",
        "chain",
        "closes_after_reading",
        "current_write",
        "dest",
        "pending_chunks",
        "prevent_abort",
        "prevent_cancel",
        "prevent_close",
        "promise",
        "reader",
        "shutting_down",
        "signal",
        "source",
        "writer",
    )

    def __init__(
        self,
        source: ReadableStream[Any],
        dest: WritableStream[Any],
        *,
        prevent_close: bool,
        prevent_abort: bool,
        prevent_cancel: bool,
        signal: AbortSignal | None,
    ) -> None:
        self.source = source
        self.dest = dest
        self.prevent_close = prevent_close
        self.prevent_abort = prevent_abort
        self.prevent_cancel = prevent_cancel
        self.signal = signal
        # 8. Of a byte stream, the reader may be a BYOB reader or a default reader, as we like; we like
        # 9. a default reader, as of any other stream.
        self.reader = streams.acquire_readable_stream_default_reader(source)
        self.reader._pipe = self
        # 10. The writer.
        self.writer = acquire_writable_stream_default_writer(dest)
        # 11. The source is disturbed.
        source._disturbed = True
        # 12. Nothing is shutting down.
        self.shutting_down = False
        # 13. The promise.
        self.promise: Promise[None] = Promise()
        # What was read but not written yet, at most one chunk; and the last write.
        self.pending_chunks: list[Any] = []
        self.current_write: Promise[None] | None = None
        self.closes_after_reading = False
        self.chain: _Chain | None = None  # what is moving its chunks, through transform streams
        self.callbacks_are_quick = True  # until one of them turns out to be suspended

    def abort_algorithm(self) -> None:
        """The signal was aborted."""
        # 14.1.1. The reason.
        assert self.signal is not None
        error = self.signal.reason
        # 14.1.2. What is to be done:
        actions: list[Callable[[], Promise[None]]] = []
        # 14.1.3. unless it is prevented, abort the destination:
        if not self.prevent_abort:

            def abort_dest() -> Promise[None]:
                # 14.1.3.1. if it is writable;
                if self.dest._state == "writable":
                    return writable_stream_abort(self.dest, error)
                # 14.1.3.2. otherwise nothing is left to do.
                return a_promise_resolved_with_undefined()

            actions.append(abort_dest)
        # 14.1.4. Unless it is prevented, cancel the source:
        if not self.prevent_cancel:

            def cancel_source() -> Promise[None]:
                # 14.1.4.1. if it is readable;
                if self.source._state == "readable":
                    return controller_interface.readable_stream_cancel(self.source, error)
                # 14.1.4.2. otherwise nothing is left to do.
                return a_promise_resolved_with_undefined()

            actions.append(cancel_source)

        # 14.1.5. Shut down with all of these, and the reason.
        self.shutdown_with_an_action(lambda: get_a_promise_to_wait_for_all([action() for action in actions]), (error,))

    # 15. Error and close states must be propagated, in this order --------------------------------------

    def start(self) -> None:
        """Check the states as they are, watch them from now on, and begin to read."""
        # (The source and the destination tell this pipe when they close, or become errored.)
        if self.source._state == "errored":
            self.propagate_error_forward(self.source._stored_error)
        if self.dest._state == "errored":
            self.propagate_error_backward(self.dest._stored_error)
        else:
            # NOTE(spec): S9 the state is watched, and not the closed promise, which waits for the sink to be aborted.
            self.writer._errored_steps = self.propagate_error_backward
        if self.source._state == "closed":
            self.propagate_close_forward(None)
        if writable_stream_close_queued_or_in_flight(self.dest) or self.dest._state == "closed":
            self.propagate_close_backward()
        self.step(None)

    def propagate_error_forward(self, stored_error: object) -> None:
        """Errors must be propagated forward."""
        # 15.errors-forward.1. Unless it is prevented, abort the destination.
        if not self.prevent_abort:
            self.shutdown_with_an_action(lambda: writable_stream_abort(self.dest, stored_error), (stored_error,))
        # 15.errors-forward.2. Otherwise just shut down.
        else:
            self.shutdown(stored_error)

    def propagate_error_backward(self, stored_error: object) -> None:
        """Errors must be propagated backward."""
        # 15.errors-backward.1. Unless it is prevented, cancel the source.
        if not self.prevent_cancel:
            self.shutdown_with_an_action(
                lambda: controller_interface.readable_stream_cancel(self.source, stored_error), (stored_error,)
            )
        # 15.errors-backward.2. Otherwise just shut down.
        else:
            self.shutdown(stored_error)

    def source_has_closed(self, _: object) -> None:
        """The source was closed while this pipe was under way."""
        if not (fast_paths.enabled and fast_pipe_closing.close(self)):
            self.propagate_close_forward(None)

    def propagate_close_forward(self, _: object) -> None:
        """Closing must be propagated forward."""
        if self.source._unread:  # what a cancelled task has left comes first
            self.closes_after_reading = True
            return
        # 15.closing-forward.1. Unless it is prevented, close the destination.
        if not self.prevent_close:
            self.shutdown_with_an_action(self.close_dest)
        # 15.closing-forward.2. Otherwise just shut down.
        else:
            self.shutdown()

    def close_dest(self) -> Promise[None]:
        """Close the destination, unless it is closing, closed or errored."""
        return writable_stream_default_writer_close_with_error_propagation(self.writer)

    def propagate_close_backward(self) -> None:
        """Closing must be propagated backward."""
        # 15.closing-backward.1. Assert: nothing was read. (This is only called before.)
        # 15.closing-backward.2. The error
        dest_closed = TypeError("the destination is closing or closed, it can not be piped to")
        # 15.closing-backward.3. cancels the source, unless that is prevented.
        if not self.prevent_cancel:
            self.shutdown_with_an_action(
                lambda: controller_interface.readable_stream_cancel(self.source, dest_closed), (dest_closed,)
            )
        # 15.closing-backward.4. Otherwise just shut down.
        else:
            self.shutdown(dest_closed)

    # 15. Reading and writing ---------------------------------------------------------------------------

    def step(self, _: object) -> None:
        """Wait for the destination to be ready. An error that it ends with is propagated backward."""
        if self.shutting_down:
            return
        if fast_paths.enabled and fast_pipe.is_ready(self.writer):
            event_loop.enqueue_a_step(self.read, None)
        else:
            upon_fulfillment_take_a_step(self.writer._ready_promise, self.read)

    def read(self, _: object) -> None:
        """Read a chunk."""
        if self.shutting_down or (fast_paths.enabled and fast_pipe.move_chunks(self)):
            return
        self.read_a_chunk()

    def read_a_chunk(self) -> None:
        """Read a chunk, unless there is backpressure once more."""
        desired_size = writable_stream_default_writer_get_desired_size(self.writer)
        if desired_size is None or desired_size <= 0:
            self.step(None)
            return
        readers.readable_stream_default_reader_read(self.reader, self)

    def chunk_steps(self, chunk: object) -> None:
        """A chunk was read: write it in a microtask, for this may be the source's call of `enqueue`."""
        self.pending_chunks.append(chunk)
        event_loop.enqueue_a_step(self.write, None)

    def close_steps(self) -> None:
        """Closing is propagated forward, by the reader's closed promise; unless that came too early."""
        if self.closes_after_reading:
            self.propagate_close_forward(None)

    def error_steps(self, e: object) -> None:
        """The error is propagated forward, by the reader's closed promise."""

    def write(self, _: object) -> None:
        """Write what was read, unless the shutdown has done so, and go on."""
        self.write_pending_chunks()
        self.step(None)

    def write_pending_chunks(self) -> None:
        """Write what was read but not written yet."""
        while self.pending_chunks:
            self.current_write = writable_stream_default_writer_write(self.writer, self.pending_chunks.pop(0))
            mark_as_handled(self.current_write)

    def after_the_writes(self, steps: Callable[[object], None]) -> None:
        """Wait until every chunk that has been read has been written; writes end in order."""
        write = self.current_write

        def settled(_: object) -> None:
            event_loop.enqueue_microtask(written, None)

        def written(_: object) -> None:
            self.write_pending_chunks()  # of a read that was under way
            if self.current_write is write:
                steps(None)
            else:
                self.after_the_writes(steps)

        if write is None:
            event_loop.enqueue_microtask(settled, None)
        else:
            upon(write, settled, settled)

    # 15. The end ---------------------------------------------------------------------------------------

    def shutdown_with_an_action(
        self, action: Callable[[], Promise[Any]], original_error: tuple[object] | tuple[()] = ()
    ) -> None:
        """Shutdown with an action: https://streams.spec.whatwg.org/#rs-pipeTo-shutdown-with-action"""
        if self.chain is not None:
            self.chain.leave()
        # 15.shutdown-with-an-action.1. It may be shutting down already.
        if self.shutting_down:
            return
        # 15.shutdown-with-an-action.2. Now it is.
        self.shutting_down = True
        # 15.shutdown-with-an-action.3. If the destination is writable, and not closing,
        if self.dest._state == "writable" and not writable_stream_close_queued_or_in_flight(self.dest):
            # 15.shutdown-with-an-action.3.1. write what was read,
            self.write_pending_chunks()
            # 15.shutdown-with-an-action.3.2. and wait for it.
            self.after_the_writes(lambda _: self.act(action, original_error))
        else:
            self.act(action, original_error)

    def act(self, action: Callable[[], Promise[Any]], original_error: tuple[object] | tuple[()] = ()) -> None:
        """The rest of it, when all has been written."""
        # 15.shutdown-with-an-action.4. Do what is to be done.
        p = action()
        # 15.shutdown-with-an-action.5. Upon fulfillment, finalize with the original error;
        # 15.shutdown-with-an-action.6. upon rejection, with the new one.
        upon(p, lambda _: self.finalize(*original_error), self.finalize)

    def shutdown(self, *error: object) -> None:
        """Shutdown: https://streams.spec.whatwg.org/#rs-pipeTo-shutdown"""
        # 15.shutdown.1. It may be shutting down already.
        if self.shutting_down:
            return
        # 15.shutdown.2. Now it is.
        self.shutting_down = True
        # 15.shutdown.3. If the destination is writable, and not closing,
        if self.dest._state == "writable" and not writable_stream_close_queued_or_in_flight(self.dest):
            # 15.shutdown.3.1. write what was read,
            self.write_pending_chunks()
            # 15.shutdown.3.2. and wait for it.
            self.after_the_writes(lambda _: self.finalize(*error))
        # 15.shutdown.4. Finalize.
        else:
            self.finalize(*error)

    def finalize(self, *error: object) -> None:
        """Finalize: https://streams.spec.whatwg.org/#rs-pipeTo-finalize"""
        self.write_pending_chunks()  # one may have come since
        self.writer._errored_steps = None
        self.reader._pipe = None
        if fast_paths.enabled:
            fast_pipe.release(self)
        else:
            # 15.finalize.1. Release the writer.
            writable_stream_default_writer_release(self.writer)
            # 15.finalize.2. (The reader is no BYOB reader.)
            # 15.finalize.3. Release the reader.
            readers.readable_stream_default_reader_release(self.reader)
        # 15.finalize.4. Listen to the signal no longer.
        if self.signal is not None:
            remove_algorithm(self.signal, self.abort_algorithm)
        # 15.finalize.5. With an error, reject the promise;
        if error:
            reject(self.promise, error[0])
        # 15.finalize.6. otherwise resolve it.
        else:
            resolve(self.promise)
