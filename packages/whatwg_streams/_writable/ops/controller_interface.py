"""§5.5.2 Interfacing with controllers: https://streams.spec.whatwg.org/#ws-abstract-ops-used-by-controllers"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform.event_loop import queue_a_microtask
from ..._platform.promises import Promise, mark_as_handled, reject, resolve, upon
from ..._supporting.queue_with_sizes import NO_ITEMS, owned
from . import streams, writers

if TYPE_CHECKING:
    from ..stream import WritableStream


def writable_stream_add_write_request(stream: WritableStream[Any]) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-add-write-request"""
    # 1. Assert: the stream has a writer,
    assert streams.is_writable_stream_locked(stream)
    # 2. Assert: and is writable.
    assert stream._state == "writable"
    # 3. The promise of the write
    promise: Promise[None] = Promise()
    # 4. is a write request.
    stream._write_requests = owned(stream._write_requests)
    stream._write_requests.append(promise)
    # 5. Return it.
    return promise


def writable_stream_close_queued_or_in_flight(stream: WritableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#writable-stream-close-queued-or-in-flight"""
    # 1. With neither of both requests it is not closing;
    # 2. otherwise it is.
    return stream._close_request is not None or stream._in_flight_close_request is not None


def writable_stream_deal_with_rejection(stream: WritableStream[Any], error: object) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-deal-with-rejection"""
    # 1. The state.
    state = stream._state
    # 2. If it is writable,
    if state == "writable":
        # 2.1. start erroring,
        writable_stream_start_erroring(stream, error)
        # 2.2. and leave it at that.
        return
    # 3. Assert: it is erroring.
    assert state == "erroring"
    # 4. Finish that.
    writable_stream_finish_erroring(stream)


def writable_stream_finish_erroring(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-finish-erroring"""
    # 1. Assert: it is erroring,
    assert stream._state == "erroring"
    # 2. Assert: and nothing is in flight.
    assert not writable_stream_has_operation_marked_in_flight(stream)
    # 3. Now it is errored.
    stream._state = "errored"
    # (ReadableStreamPipeTo has to know when it becomes so.)
    if stream._writer is not None and stream._writer._errored_steps is not None:
        queue_a_microtask(stream._writer._errored_steps, stream._stored_error)
    # 4. The controller empties its queue.
    stream._controller._error_steps()
    # 5. The error
    stored_error = stream._stored_error
    # 6. goes to every write request:
    for write_request in stream._write_requests:
        # 6.1. reject it.
        reject(write_request, stored_error)
    # 7. None is left.
    stream._write_requests = NO_ITEMS
    # 8. If no abort is pending,
    if stream._pending_abort_request is None:
        # 8.1. what waits for the close fails,
        writable_stream_reject_close_and_closed_promise_if_needed(stream)
        # 8.2. and that is all.
        return
    # 9. The pending abort request
    abort_request = stream._pending_abort_request
    # 10. is pending no longer.
    stream._pending_abort_request = None
    # 11. If the stream was erroring before the abort,
    if abort_request.was_already_erroring:
        # 11.1. the abort fails with the error,
        reject(abort_request.promise, stored_error)
        # 11.2. as does what waits for the close,
        writable_stream_reject_close_and_closed_promise_if_needed(stream)
        # 11.3. and that is all.
        return
    # 12. Otherwise the sink is aborted.
    promise = stream._controller._abort_steps(abort_request.reason)

    # 13. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 13.1. the abort is done,
        resolve(abort_request.promise)
        # 13.2. and what waits for the close fails.
        writable_stream_reject_close_and_closed_promise_if_needed(stream)

    # 14. Upon rejection,
    def rejected(reason: object) -> None:
        # 14.1. the abort fails,
        reject(abort_request.promise, reason)
        # 14.2. as does what waits for the close.
        writable_stream_reject_close_and_closed_promise_if_needed(stream)

    upon(promise, fulfilled, rejected)


def writable_stream_finish_in_flight_close(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-close"""
    # 1. Assert: a close is in flight.
    assert stream._in_flight_close_request is not None
    # 2. It is done,
    resolve(stream._in_flight_close_request)
    # 3. and in flight no longer.
    stream._in_flight_close_request = None
    # 4. The state.
    state = stream._state
    # 5. Assert: it is writable or erroring.
    assert state in {"writable", "erroring"}
    # 6. If it is erroring,
    if state == "erroring":
        # 6.1. the error came too late,
        stream._stored_error = None
        # 6.2. and so did a pending abort:
        if stream._pending_abort_request is not None:
            # 6.2.1. it is done,
            resolve(stream._pending_abort_request.promise)
            # 6.2.2. and pending no longer.
            stream._pending_abort_request = None
    # 7. Now it is closed.
    stream._state = "closed"
    # 8. The writer
    writer = stream._writer
    # 9. is told.
    if writer is not None:
        resolve(writer._closed_promise)
    # 10. Assert: no abort is pending,
    assert stream._pending_abort_request is None
    # 11. Assert: and no error stored.
    assert stream._stored_error is None


def writable_stream_finish_in_flight_close_with_error(stream: WritableStream[Any], error: object) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-close-with-error"""
    # 1. Assert: a close is in flight.
    assert stream._in_flight_close_request is not None
    # 2. It failed,
    reject(stream._in_flight_close_request, error)
    # 3. and is in flight no longer.
    stream._in_flight_close_request = None
    # 4. Assert: the stream is writable or erroring.
    assert stream._state in {"writable", "erroring"}
    # 5. A pending abort
    if stream._pending_abort_request is not None:
        # 5.1. fails too,
        reject(stream._pending_abort_request.promise, error)
        # 5.2. and is pending no longer.
        stream._pending_abort_request = None
    # 6. Deal with the error.
    writable_stream_deal_with_rejection(stream, error)


def writable_stream_finish_in_flight_write(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-write"""
    # 1. Assert: a write is in flight.
    assert stream._in_flight_write_request is not None
    # 2. It is done,
    resolve(stream._in_flight_write_request)
    # 3. and in flight no longer.
    stream._in_flight_write_request = None


def writable_stream_finish_in_flight_write_with_error(stream: WritableStream[Any], error: object) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-write-with-error"""
    # 1. Assert: a write is in flight.
    assert stream._in_flight_write_request is not None
    # 2. It failed,
    reject(stream._in_flight_write_request, error)
    # 3. and is in flight no longer.
    stream._in_flight_write_request = None
    # 4. Assert: the stream is writable or erroring.
    assert stream._state in {"writable", "erroring"}
    # 5. Deal with the error.
    writable_stream_deal_with_rejection(stream, error)


def writable_stream_has_operation_marked_in_flight(stream: WritableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#writable-stream-has-operation-marked-in-flight"""
    # 1. With neither of both requests in flight it has none;
    # 2. otherwise it has one.
    return stream._in_flight_write_request is not None or stream._in_flight_close_request is not None


def writable_stream_mark_close_request_in_flight(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-mark-close-request-in-flight"""
    # 1. Assert: no close is in flight,
    assert stream._in_flight_close_request is None
    # 2. Assert: but one is requested.
    assert stream._close_request is not None
    # 3. Now it is in flight,
    stream._in_flight_close_request = stream._close_request
    # 4. and requested no longer.
    stream._close_request = None


def writable_stream_mark_first_write_request_in_flight(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-mark-first-write-request-in-flight"""
    # 1. Assert: no write is in flight,
    assert stream._in_flight_write_request is None
    # 2. Assert: but one is requested.
    assert stream._write_requests
    # 3. The first of them
    # 4. is requested no longer,
    write_request = stream._write_requests.popleft()
    # 5. but in flight.
    stream._in_flight_write_request = write_request


def writable_stream_reject_close_and_closed_promise_if_needed(stream: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-reject-close-and-closed-promise-if-needed"""
    # 1. Assert: the stream is errored.
    assert stream._state == "errored"
    # 2. If a close was requested,
    if stream._close_request is not None:
        # 2.1. Assert: none is in flight.
        assert stream._in_flight_close_request is None
        # 2.2. It fails,
        reject(stream._close_request, stream._stored_error)
        # 2.3. and is requested no longer.
        stream._close_request = None
    # 3. The writer
    writer = stream._writer
    # 4. is told:
    if writer is not None:
        # 4.1. closed is rejected,
        reject(writer._closed_promise, stream._stored_error)
        # 4.2. and handled.
        mark_as_handled(writer._closed_promise)


def writable_stream_start_erroring(stream: WritableStream[Any], reason: object) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-start-erroring"""
    # 1. Assert: no error is stored,
    assert stream._stored_error is None
    # 2. Assert: and it is writable.
    assert stream._state == "writable"
    # 3. The controller
    controller = stream._controller
    # 4. Assert: is there. (Its type says so.)
    # 5. Now it is erroring,
    stream._state = "erroring"
    controller._write_at_once = None  # (for `fast_write`)
    # 6. for this reason.
    stream._stored_error = reason
    # 7. The writer
    writer = stream._writer
    # 8. is told.
    if writer is not None:
        writers.writable_stream_default_writer_ensure_ready_promise_rejected(writer, reason)
    # 9. If nothing is in flight, and the sink has started, that was all there is to wait for.
    if not writable_stream_has_operation_marked_in_flight(stream) and controller._started:
        writable_stream_finish_erroring(stream)


def writable_stream_update_backpressure(stream: WritableStream[Any], backpressure: bool) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-update-backpressure"""
    # 1. Assert: it is writable,
    assert stream._state == "writable"
    # 2. Assert: and not closing.
    assert not writable_stream_close_queued_or_in_flight(stream)
    # 3. The writer
    writer = stream._writer
    # 4. is told of a change:
    if writer is not None and backpressure is not stream._backpressure:
        # 4.1. with backpressure, it is not ready from now on;
        if backpressure:
            writer._ready_promise = Promise()
        # 4.2. otherwise,
        else:
            # 4.2.1. Assert: there is none.
            # 4.2.2. It is ready now.
            resolve(writer._ready_promise)
    # 5. Remember it.
    stream._backpressure = backpressure
