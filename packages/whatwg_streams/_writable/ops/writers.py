"""§5.5.3 Writers: https://streams.spec.whatwg.org/#ws-writer-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform.fast_paths import fast_paths
from ..._platform.promises import (
    Promise,
    a_promise_rejected_with,
    a_promise_resolved_with_undefined,
    mark_as_handled,
    reject,
)
from .. import fast_write
from . import controller_interface, default_controllers, streams

if TYPE_CHECKING:
    from ..default_writer import WritableStreamDefaultWriter


def writable_stream_default_writer_abort(writer: WritableStreamDefaultWriter[Any], reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-abort"""
    # 1. The stream.
    stream = writer._stream
    # 2. Assert: there is one.
    assert stream is not None
    # 3. Abort it.
    return streams.writable_stream_abort(stream, reason)


def writable_stream_default_writer_close(writer: WritableStreamDefaultWriter[Any]) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-close"""
    # 1. The stream.
    stream = writer._stream
    # 2. Assert: there is one.
    assert stream is not None
    # 3. Close it.
    return streams.writable_stream_close(stream)


def writable_stream_default_writer_close_with_error_propagation(
    writer: WritableStreamDefaultWriter[Any],
) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-close-with-error-propagation"""
    # 1. The stream.
    stream = writer._stream
    # 2. Assert: there is one.
    assert stream is not None
    # 3. Its state.
    state = stream._state
    # 4. If it is closing or closed, nothing is left to do.
    if controller_interface.writable_stream_close_queued_or_in_flight(stream) or state == "closed":
        return a_promise_resolved_with_undefined()
    # 5. If it is errored, that is the result.
    if state == "errored":
        return a_promise_rejected_with(stream._stored_error)
    # 6. Assert: it is writable or erroring.
    assert state in {"writable", "erroring"}
    # 7. Close it.
    return writable_stream_default_writer_close(writer)


def writable_stream_default_writer_ensure_closed_promise_rejected(
    writer: WritableStreamDefaultWriter[Any], error: object
) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-ensure-closed-promise-rejected"""
    # 1. Reject the promise, while it is pending;
    if writer._closed_promise._promise_state == "pending":
        reject(writer._closed_promise, error)
    # 2. otherwise replace it by a rejected one.
    else:
        writer._closed_promise = a_promise_rejected_with(error)
    # 3. It counts as handled.
    mark_as_handled(writer._closed_promise)


def writable_stream_default_writer_ensure_ready_promise_rejected(
    writer: WritableStreamDefaultWriter[Any], error: object
) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-ensure-ready-promise-rejected"""
    # 1. Reject the promise, while it is pending;
    if writer._ready_promise._promise_state == "pending":
        reject(writer._ready_promise, error)
    # 2. otherwise replace it by a rejected one.
    else:
        writer._ready_promise = a_promise_rejected_with(error)
    # 3. It counts as handled.
    mark_as_handled(writer._ready_promise)


def writable_stream_default_writer_get_desired_size(writer: WritableStreamDefaultWriter[Any]) -> int | float | None:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-get-desired-size"""
    # 1. The stream.
    stream = writer._stream
    assert stream is not None
    # 2. Its state.
    state = stream._state
    # 3. If it is errored or erroring, it wants nothing ever again.
    if state in {"errored", "erroring"}:
        return None
    # 4. If it is closed, it wants nothing.
    if state == "closed":
        return 0
    # 5. Otherwise ask the controller.
    return default_controllers.writable_stream_default_controller_get_desired_size(stream._controller)


def writable_stream_default_writer_release(writer: WritableStreamDefaultWriter[Any]) -> None:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-release"""
    # 1. The stream.
    stream = writer._stream
    # 2. Assert: there is one,
    assert stream is not None
    # 3. Assert: and this is its writer.
    assert stream._writer is writer
    # 4. The error of being released
    released_error = TypeError("the writer was released")
    # (A promise that nobody has asked for yet is made as what it has become.)
    if writer._made_ready_promise is not None:
        # 5. goes to ready,
        writable_stream_default_writer_ensure_ready_promise_rejected(writer, released_error)
    if writer._made_closed_promise is not None:
        # 6. and to closed.
        writable_stream_default_writer_ensure_closed_promise_rejected(writer, released_error)
    # 7. The stream has no writer,
    stream._writer = None
    # 8. and the writer no stream.
    writer._stream = None


def error_of_the_release(writer: WritableStreamDefaultWriter[Any]) -> object:
    """That of both promises, for the one that is made first after the release, or for the other."""
    made = writer._made_ready_promise or writer._made_closed_promise
    return TypeError("the writer was released") if made is None else made._promise_result


def make_the_closed_promise(writer: WritableStreamDefaultWriter[Any]) -> Promise[None]:
    """Put a promise into the slot that was left empty: it is pending, unless the writer was released."""
    promise: Promise[None] = Promise()
    if writer._stream is None:
        reject(promise, error_of_the_release(writer))
        mark_as_handled(promise)
    writer._made_closed_promise = promise
    return promise


def writable_stream_default_writer_write(writer: WritableStreamDefaultWriter[Any], chunk: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writable-stream-default-writer-write"""
    # 1. The stream.
    stream = writer._stream
    # 2. Assert: there is one.
    assert stream is not None
    if fast_paths.enabled and (fast_promise := fast_write.write_of_a_pipe(writer, stream, chunk)) is not None:
        return fast_promise
    # 3. The controller.
    controller = stream._controller
    # 4. The size of the chunk; this may run a user's code,
    chunk_size = default_controllers.writable_stream_default_controller_get_chunk_size(controller, chunk)
    # 5. which may have released the writer.
    if stream is not writer._stream:
        return a_promise_rejected_with(TypeError("the writer was released while the size of the chunk was asked for"))
    # 6. The state.
    state = stream._state
    # 7. An errored stream fails with its error,
    if state == "errored":
        return a_promise_rejected_with(stream._stored_error)
    # 8. one that is closing or closed takes no more,
    if controller_interface.writable_stream_close_queued_or_in_flight(stream) or state == "closed":
        return a_promise_rejected_with(TypeError("the stream is closing or closed, it takes no more chunks"))
    # 9. and an erroring one fails with its error.
    if state == "erroring":
        return a_promise_rejected_with(stream._stored_error)
    # 10. Assert: it is writable.
    assert state == "writable"
    # 11. The promise of the write.
    promise = controller_interface.writable_stream_add_write_request(stream)
    # 12. Queue the chunk.
    default_controllers.writable_stream_default_controller_write(controller, chunk, chunk_size)
    # 13. Return the promise.
    return promise
