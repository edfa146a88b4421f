"""§4.9.3 Readers: https://streams.spec.whatwg.org/#rs-reader-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform import event_loop
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import (
    Promise,
    a_promise_rejected_with,
    a_promise_resolved_with_undefined,
    mark_as_handled,
    reject,
)
from ..._supporting.queue_with_sizes import NO_ITEMS
from .. import byte_controller, fast_default, unread
from . import controller_interface, pull_into, streams

if TYPE_CHECKING:
    from ..._platform.buffers import ArrayBufferView
    from ..byob_reader import ReadableStreamBYOBReader
    from ..default_reader import ReadableStreamDefaultReader
    from ..generic_reader import ReadableStreamGenericReader
    from ..records import ReadIntoRequest, ReadRequest
    from ..stream import ReadableStream, ReadableStreamReader


def readable_stream_reader_generic_cancel(reader: ReadableStreamGenericReader, reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#readable-stream-reader-generic-cancel"""
    # 1. The stream.
    stream = reader._stream
    # 2. Assert: there is one.
    assert stream is not None
    # 3. Cancel it.
    return controller_interface.readable_stream_cancel(stream, reason)


def readable_stream_reader_generic_initialize(reader: ReadableStreamReader, stream: ReadableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-reader-generic-initialize"""
    # (Jobs of a stream that was made where no loop ran may be waiting for one.)
    event_loop.adopt_waiting_microtasks()
    # 1. The reader's stream,
    reader._stream = stream
    # 2. and the stream's reader.
    stream._reader = reader
    # (A fast path makes closed when somebody asks for it.)
    reader._made_closed_promise = None if fast_paths.enabled else _new_closed_promise(stream)


def _new_closed_promise(stream: ReadableStream[Any]) -> Promise[None]:
    """Steps 3 to 5 of it."""
    # 3. If it is readable,
    if stream._state == "readable":
        # 3.1. closed has to wait.
        return Promise()
    # 4. If it is closed,
    if stream._state == "closed":
        # 4.1. so is closed.
        return a_promise_resolved_with_undefined()
    # 5. Otherwise,
    # 5.1. Assert: it is errored.
    assert stream._state == "errored"
    # 5.2. closed is rejected with the error,
    promise = a_promise_rejected_with(stream._stored_error)
    # 5.3. and handled.
    mark_as_handled(promise)
    return promise


def closed_promise_of(reader: ReadableStreamGenericReader) -> Promise[None]:
    """[[closedPromise]]: made now, where nobody has asked for it before, as what it has become."""
    promise = reader._made_closed_promise
    if promise is None:
        if reader._stream is not None:
            promise = _new_closed_promise(reader._stream)
        else:
            promise = a_promise_rejected_with(TypeError("the reader was released"))
            mark_as_handled(promise)
        reader._made_closed_promise = promise
    return promise


def readable_stream_reader_generic_release(reader: ReadableStreamReader) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-reader-generic-release"""
    # 1. The stream.
    stream = reader._stream
    # 2. Assert: there is one,
    assert stream is not None
    # 3. Assert: and this is its reader.
    assert stream._reader is reader
    # (One that was not made needs not be rejected.)
    if reader._made_closed_promise is not None:
        released_error = TypeError("the reader was released")
        # 4. Reject closed, while it is pending;
        if stream._state == "readable":
            reject(reader._made_closed_promise, released_error)
        # 5. otherwise replace it by a rejected one.
        else:
            reader._made_closed_promise = a_promise_rejected_with(released_error)
        # 6. It counts as handled.
        mark_as_handled(reader._made_closed_promise)
    # 7. Tell the controller.
    stream._controller._release_steps()
    # 8. The stream has no reader,
    stream._reader = None
    # 9. and the reader no stream.
    reader._stream = None


def readable_stream_byob_reader_error_read_into_requests(reader: ReadableStreamBYOBReader, e: object) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablestreambyobreadererrorreadintorequests"""
    # 1. Its requests
    read_into_requests = reader._read_into_requests
    # 2. are its no longer;
    reader._read_into_requests = NO_ITEMS
    # 3. for each of them,
    for read_into_request in read_into_requests:
        # 3.1. it fails.
        read_into_request.error_steps(e)


def readable_stream_byob_reader_read(
    reader: ReadableStreamBYOBReader, view: ArrayBufferView, min_: int, read_into_request: ReadIntoRequest
) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-byob-reader-read"""
    # 1. The stream.
    stream = reader._stream
    # 2. Assert: there is one.
    assert stream is not None
    # 3. It is disturbed.
    stream._disturbed = True
    # (What a cancelled task has left unread comes first.)
    if stream._unread and unread.read_into(stream, view, min_, read_into_request):
        return
    # 4. If it is errored, the request fails,
    if stream._state == "errored":
        read_into_request.error_steps(stream._stored_error)
    # 5. and otherwise the controller sees to it.
    else:
        controller: Any = stream._controller
        pull_into.readable_byte_stream_controller_pull_into(controller, view, min_, read_into_request)


def readable_stream_byob_reader_release(reader: ReadableStreamBYOBReader) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablestreambyobreaderrelease"""
    # 1. Release it.
    readable_stream_reader_generic_release(reader)
    # 2. The error of being released
    e = TypeError("the reader was released")
    # 3. goes to its requests.
    readable_stream_byob_reader_error_read_into_requests(reader, e)


def readable_stream_default_reader_error_read_requests(reader: ReadableStreamDefaultReader[Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaultreadererrorreadrequests"""
    # 1. Its requests
    read_requests = reader._read_requests
    # 2. are its no longer;
    reader._read_requests = NO_ITEMS
    # 3. for each of them,
    for read_request in read_requests:
        # 3.1. it fails.
        read_request.error_steps(e)


def readable_stream_default_reader_read(reader: ReadableStreamDefaultReader[Any], read_request: ReadRequest) -> None:
    """https://streams.spec.whatwg.org/#readable-stream-default-reader-read"""
    # 1. The stream.
    stream = reader._stream
    # 2. Assert: there is one.
    assert stream is not None
    if fast_paths.enabled and fast_default.read_for(reader, stream, read_request):
        return
    # 3. It is disturbed.
    stream._disturbed = True
    # (What a cancelled task has left unread comes first.)
    if stream._unread:
        unread.read(stream, read_request)
    # 4. If it is closed, there is no chunk.
    elif stream._state == "closed":
        read_request.close_steps()
    # 5. If it is errored, the request fails.
    elif stream._state == "errored":
        read_request.error_steps(stream._stored_error)
    # 6. Otherwise,
    else:
        # 6.1. Assert: it is readable.
        assert stream._state == "readable"
        # 6.2. The controller sees to it.
        stream._controller._pull_steps(read_request)


def readable_stream_default_reader_release(reader: ReadableStreamDefaultReader[Any]) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaultreaderrelease"""
    # 1. Release it.
    readable_stream_reader_generic_release(reader)
    # 2. The error of being released
    e = TypeError("the reader was released")
    # 3. goes to its requests.
    readable_stream_default_reader_error_read_requests(reader, e)


def set_up_readable_stream_byob_reader(reader: ReadableStreamBYOBReader, stream: ReadableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#set-up-readable-stream-byob-reader"""
    # 1. A locked stream can not have another reader,
    if streams.is_readable_stream_locked(stream):
        raise TypeError("the stream has a reader already; release that one first")
    # 2. and only a byte stream can have this one.
    if not isinstance(stream._controller, byte_controller.ReadableByteStreamController):
        raise TypeError('only a byte stream has BYOB readers; make it with the type "bytes"')
    # 3. Initialize it.
    readable_stream_reader_generic_initialize(reader, stream)
    # 4. It has no requests.
    reader._read_into_requests = NO_ITEMS


def set_up_readable_stream_default_reader(
    reader: ReadableStreamDefaultReader[Any], stream: ReadableStream[Any]
) -> None:
    """https://streams.spec.whatwg.org/#set-up-readable-stream-default-reader"""
    # 1. A locked stream can not have another reader.
    if streams.is_readable_stream_locked(stream):
        raise TypeError("the stream has a reader already; release that one first")
    # 2. Initialize it.
    readable_stream_reader_generic_initialize(reader, stream)
    # 3. It has no requests. (And it belongs to no pipe.)
    reader._pipe = None
    reader._read_requests = NO_ITEMS
