"""§4.9.2 Interfacing with controllers: https://streams.spec.whatwg.org/#rs-abstract-ops-used-by-controllers"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform.event_loop import queue_a_microtask
from ..._platform.promises import (
    Promise,
    a_promise_rejected_with,
    a_promise_resolved_with_undefined,
    mark_as_handled,
    react,
    reject,
    resolve,
)
from ..._supporting.queue_with_sizes import NO_ITEMS, owned
from .. import byob_reader, default_reader, unread
from . import readers

if TYPE_CHECKING:
    from ..._platform.buffers import ArrayBufferView
    from ..records import ReadIntoRequest, ReadRequest
    from ..stream import ReadableStream


def readable_stream_add_read_into_request(stream: ReadableStream[Any], read_request: ReadIntoRequest) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-add-read-into-request"""
    # 1. Assert: its reader is a BYOB reader,
    reader = stream._reader
    assert isinstance(reader, byob_reader.ReadableStreamBYOBReader)
    # 2. Assert: and it is readable or closed.
    assert stream._state in {"readable", "closed"}
    # 3. Append the request.
    reader._read_into_requests = owned(reader._read_into_requests)
    reader._read_into_requests.append(read_request)


def readable_stream_add_read_request(stream: ReadableStream[Any], read_request: ReadRequest) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-add-read-request"""
    # 1. Assert: its reader is a default reader,
    reader = stream._reader
    assert isinstance(reader, default_reader.ReadableStreamDefaultReader)
    # 2. Assert: and it is readable.
    assert stream._state == "readable"
    # 3. Append the request.
    reader._read_requests = owned(reader._read_requests)
    reader._read_requests.append(read_request)


def _return_undefined(_: object) -> None:
    return None


def readable_stream_cancel(stream: ReadableStream[Any], reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#readable-stream-cancel"""
    # 1. It is disturbed.
    stream._disturbed = True
    # (And nobody wants what a cancelled task has left unread.)
    unread.drop(stream)
    # 2. If it is closed, nothing is left to cancel.
    if stream._state == "closed":
        return a_promise_resolved_with_undefined()
    # 3. If it is errored, that is the result.
    if stream._state == "errored":
        return a_promise_rejected_with(stream._stored_error)
    # 4. Close it.
    readable_stream_close(stream)
    # 5. The reader:
    reader = stream._reader
    # 6. if it is a BYOB reader,
    if isinstance(reader, byob_reader.ReadableStreamBYOBReader):
        # 6.1. its requests
        read_into_requests = reader._read_into_requests
        # 6.2. are its no longer;
        reader._read_into_requests = NO_ITEMS
        # 6.3. for each of them,
        for read_into_request in read_into_requests:
            # 6.3.1. there is no chunk, and the buffer is gone.
            read_into_request.close_steps(None)
    # 7. Tell the controller.
    source_cancel_promise = stream._controller._cancel_steps(reason)
    # 8. What the source returns does not matter.
    return react(source_cancel_promise, _return_undefined)


def readable_stream_close(stream: ReadableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-close"""
    # 1. Assert: it is readable.
    assert stream._state == "readable"
    # 2. Now it is closed.
    stream._state = "closed"
    # 3. The reader,
    reader = stream._reader
    # 4. if there is one,
    if reader is None:
        return
    # 5. is told. (A promise that nobody has asked for yet is made as what it has become.)
    if reader._made_closed_promise is not None:
        resolve(reader._made_closed_promise)
    # 6. If it is a default reader,
    if isinstance(reader, default_reader.ReadableStreamDefaultReader):
        # (ReadableStreamPipeTo has to know.)
        if reader._pipe is not None:
            queue_a_microtask(reader._pipe.source_has_closed)
        # 6.1. its requests
        read_requests = reader._read_requests
        # 6.2. are its no longer;
        reader._read_requests = NO_ITEMS
        # 6.3. for each of them,
        for read_request in read_requests:
            # 6.3.1. there is no chunk.
            read_request.close_steps()


def readable_stream_error(stream: ReadableStream[Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-error"""
    # 1. Assert: it is readable.
    assert stream._state == "readable"
    # 2. Now it is errored,
    stream._state = "errored"
    # 3. for this reason.
    stream._stored_error = e
    # 4. The reader,
    reader = stream._reader
    # 5. if there is one,
    if reader is None:
        return
    if reader._made_closed_promise is not None:
        # 6. is told,
        reject(reader._made_closed_promise, e)
        # 7. and that is handled.
        mark_as_handled(reader._made_closed_promise)
    # 8. If it is a default reader,
    if isinstance(reader, default_reader.ReadableStreamDefaultReader):
        # (ReadableStreamPipeTo has to know.)
        if reader._pipe is not None:
            queue_a_microtask(reader._pipe.propagate_error_forward, e)
        # 8.1. its requests fail.
        readers.readable_stream_default_reader_error_read_requests(reader, e)
    # 9. Otherwise,
    else:
        # 9.1. Assert: it is a BYOB reader. (Its type says so.)
        # 9.2. Its requests fail.
        readers.readable_stream_byob_reader_error_read_into_requests(reader, e)


def readable_stream_fulfill_read_into_request(
    stream: ReadableStream[Any], chunk: ArrayBufferView, *, done: bool
) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-fulfill-read-into-request"""
    # 1. Assert: it has a BYOB reader.
    # 2. The reader.
    reader = stream._reader
    assert isinstance(reader, byob_reader.ReadableStreamBYOBReader)
    # 3. Assert: it has a request.
    assert reader._read_into_requests
    # 4. The first of them
    # 5. is its no longer.
    read_into_request = reader._read_into_requests.popleft()
    # (What a cancelled task has left unread comes first.)
    if stream._unread:
        chunk, done = unread.before(stream, chunk, done=done)
    # 6. If this is the end, tell so,
    if done:
        read_into_request.close_steps(chunk)
    # 7. and otherwise give it the chunk.
    else:
        read_into_request.chunk_steps(chunk)


def readable_stream_fulfill_read_request(stream: ReadableStream[Any], chunk: object, *, done: bool) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-fulfill-read-request"""
    # 1. Assert: it has a default reader.
    # 2. The reader.
    reader = stream._reader
    assert isinstance(reader, default_reader.ReadableStreamDefaultReader)
    # 3. Assert: it has a request.
    assert reader._read_requests
    # 4. The first of them
    # 5. is its no longer.
    read_request = reader._read_requests.popleft()
    # 6. If this is the end, tell so,
    if done:
        read_request.close_steps()
    # 7. and otherwise give it the chunk.
    else:
        read_request.chunk_steps(chunk)


def readable_stream_get_num_read_into_requests(stream: ReadableStream[Any]) -> int:
    """https://streams.spec.whatwg.org/#readable-stream-get-num-read-into-requests"""
    # 1. Assert: it has a BYOB reader.
    reader = stream._reader
    assert isinstance(reader, byob_reader.ReadableStreamBYOBReader)
    # 2. How many requests that has.
    return len(reader._read_into_requests)


def readable_stream_get_num_read_requests(stream: ReadableStream[Any]) -> int:
    """https://streams.spec.whatwg.org/#readable-stream-get-num-read-requests"""
    # 1. Assert: it has a default reader.
    reader = stream._reader
    assert isinstance(reader, default_reader.ReadableStreamDefaultReader)
    # 2. How many requests that has.
    return len(reader._read_requests)


def readable_stream_has_byob_reader(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readable-stream-has-byob-reader"""
    # 1. The reader,
    # 2. if there is one,
    # 3. is a BYOB reader,
    # 4. or not.
    return isinstance(stream._reader, byob_reader.ReadableStreamBYOBReader)


def readable_stream_has_default_reader(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readable-stream-has-default-reader"""
    # 1. The reader,
    # 2. if there is one,
    # 3. is a default reader,
    # 4. or not.
    return isinstance(stream._reader, default_reader.ReadableStreamDefaultReader)
