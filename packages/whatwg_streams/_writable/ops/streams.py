"""§5.5.1 Working with writable streams: https://streams.spec.whatwg.org/#ws-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform import event_loop
from ..._platform.abort import signal_abort
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import (
    Promise,
    a_promise_rejected_with,
    a_promise_resolved_with_undefined,
    mark_as_handled,
    resolve,
)
from ..._platform.reasons import because_of
from ..._platform.webidl import new
from ..._supporting.miscellaneous import is_non_negative_number
from ..._supporting.queue_with_sizes import NO_ITEMS
from .. import default_controller, default_writer, stream as stream_module
from . import controller_interface, default_controllers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..default_writer import WritableStreamDefaultWriter
    from ..stream import WritableStream


def acquire_writable_stream_default_writer(stream: WritableStream[Any]) -> WritableStreamDefaultWriter[Any]:
    """https://streams.spec.whatwg.org/#acquire-writable-stream-default-writer"""
    # 1. A new writer.
    writer: WritableStreamDefaultWriter[Any] = new(default_writer.WritableStreamDefaultWriter)
    # 2. Set it up; this may throw.
    set_up_writable_stream_default_writer(writer, stream)
    # 3. Return it.
    return writer


def create_writable_stream(
    start_algorithm: Callable[[], Any],
    write_algorithm: Callable[[Any], Promise[Any]],
    close_algorithm: Callable[[], Promise[Any]],
    abort_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> WritableStream[Any]:
    """https://streams.spec.whatwg.org/#create-writable-stream"""
    # 1. Assert: the high water mark is a non-negative number.
    assert is_non_negative_number(high_water_mark)
    # 2. A new stream,
    stream: WritableStream[Any] = new(stream_module.WritableStream)
    # 3. initialized.
    initialize_writable_stream(stream)
    # 4. A new controller,
    controller = new(default_controller.WritableStreamDefaultController)
    # 5. set up with all of these; this may throw.
    default_controllers.set_up_writable_stream_default_controller(
        stream,
        controller,
        start_algorithm,
        write_algorithm,
        close_algorithm,
        abort_algorithm,
        high_water_mark,
        size_algorithm,
    )
    # 6. Return the stream.
    return stream


def initialize_writable_stream(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#initialize-writable-stream"""
    # 1. It is writable.
    stream._state = "writable"
    # 2. These are undefined.
    stream._stored_error = None
    stream._writer = None
    stream._in_flight_write_request = None
    stream._close_request = None
    stream._in_flight_close_request = None
    stream._pending_abort_request = None
    # 3. No write was requested,
    stream._write_requests = NO_ITEMS
    # 4. and there is no backpressure.
    stream._backpressure = False


def is_writable_stream_locked(stream: WritableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#is-writable-stream-locked"""
    # 1. Without a writer it is not;
    # 2. otherwise it is.
    return stream._writer is not None


def set_up_writable_stream_default_writer(
    writer: WritableStreamDefaultWriter[Any], stream: WritableStream[Any]
) -> None:
    """https://streams.spec.whatwg.org/#set-up-writable-stream-default-writer"""
    # 1. A locked stream can not have another writer.
    if is_writable_stream_locked(stream):
        raise TypeError("the stream has a writer already; release that one first")
    # (Jobs of a stream that was made where no loop ran may be waiting for one.)
    event_loop.adopt_waiting_microtasks()
    # 2. The writer's stream,
    writer._stream = stream
    # 3. and the stream's writer.
    stream._writer = writer
    writer._errored_steps = None
    # 4. What comes next depends on the state.
    state = stream._state
    # 5. If it is writable,
    if state == "writable":
        # 5.1. the writer is not ready while there is backpressure, unless the stream is closing.
        is_closing = controller_interface.writable_stream_close_queued_or_in_flight(stream)
        if fast_paths.enabled and not is_closing:
            writer._made_ready_promise = None
        elif not is_closing and stream._backpressure:
            writer._ready_promise = Promise()
        # 5.2. Otherwise it is.
        else:
            writer._ready_promise = a_promise_resolved_with_undefined()
        # 5.3. It is not closed.
        writer._made_closed_promise = None if fast_paths.enabled else Promise()
    # 6. If it is erroring,
    elif state == "erroring":
        # 6.1. ready is rejected,
        writer._ready_promise = a_promise_rejected_with(stream._stored_error)
        # 6.2. and handled;
        mark_as_handled(writer._ready_promise)
        # 6.3. closed has to wait.
        writer._closed_promise = Promise()
    # 7. If it is closed,
    elif state == "closed":
        # 7.1. so it is ready,
        writer._ready_promise = a_promise_resolved_with_undefined()
        # 7.2. and closed.
        writer._closed_promise = a_promise_resolved_with_undefined()
    # 8. Otherwise,
    else:
        # 8.1. Assert: it is errored.
        assert state == "errored"
        # 8.2. The error it has stored:
        stored_error = stream._stored_error
        # 8.3. ready is rejected with it,
        writer._ready_promise = a_promise_rejected_with(stored_error)
        # 8.4. and handled;
        mark_as_handled(writer._ready_promise)
        # 8.5. so is closed,
        writer._closed_promise = a_promise_rejected_with(stored_error)
        # 8.6. and handled.
        mark_as_handled(writer._closed_promise)


def writable_stream_abort(stream: WritableStream[Any], reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-abort"""
    # 1. Nothing is left to abort of a stream that is closed or errored.
    if stream._state in {"closed", "errored"}:
        return a_promise_resolved_with_undefined()
    # 2. Signal abort to the sink.
    signal_abort(stream._controller._the_abort_controller().signal, reason)
    # 3. That may have run a user's code:
    state = stream._state
    # 4. nothing may be left by now.
    if state in {"closed", "errored"}:
        return a_promise_resolved_with_undefined()
    # 5. An abort may be pending already.
    if stream._pending_abort_request is not None:
        return stream._pending_abort_request.promise
    # 6. Assert: it is writable or erroring.
    assert state in {"writable", "erroring"}
    # 7. Was it erroring before?
    was_already_erroring = False
    # 8. If it is,
    if state == "erroring":
        # 8.1. it was,
        was_already_erroring = True
        # 8.2. and the reason is not needed.
        reason = None
    # 9. The promise of
    promise: Promise[None] = Promise()
    # 10. the pending abort request.
    stream._pending_abort_request = stream_module.PendingAbortRequest(
        promise, reason, was_already_erroring=was_already_erroring
    )
    # 11. Start erroring, if it was not.
    if not was_already_erroring:
        controller_interface.writable_stream_start_erroring(stream, reason)
    # 12. Return the promise.
    return promise


def writable_stream_close(stream: WritableStream[Any]) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-close"""
    # 1. The state.
    state = stream._state
    # 2. A stream that is closed or errored can not be closed.
    if state in {"closed", "errored"}:
        refusal = TypeError(f"the stream is {state}, it can not be closed")
        return a_promise_rejected_with(because_of(refusal, stream._stored_error))
    # 3. Assert: it is writable or erroring,
    assert state in {"writable", "erroring"}
    # 4. Assert: and not closing.
    assert not controller_interface.writable_stream_close_queued_or_in_flight(stream)
    # 5. The promise is
    promise: Promise[None] = Promise()
    # 6. the close request.
    stream._close_request = promise
    stream._controller._write_at_once = None  # (for `fast_write`)
    # 7. The writer
    writer = stream._writer
    # 8. need not wait for backpressure any more.
    if writer is not None and stream._backpressure and state == "writable":
        resolve(writer._ready_promise)
    # 9. Tell the controller.
    default_controllers.writable_stream_default_controller_close(stream._controller)
    # 10. Return the promise.
    return promise
