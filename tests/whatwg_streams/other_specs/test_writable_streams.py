"""§9.2: setting up and writing to writable streams, as other specifications do."""

from __future__ import annotations

import array
import asyncio
from typing import Any

import numpy as np
import pytest

from tests.support import settle
from tests.support.recording import PENDING, outcome, reason_of, rejected
from whatwg_streams import (
    AbortError,
    AbortSignal,
    Promise,
    RejectionError,
    WritableStream,
    WritableStreamDefaultWriter,
)
from whatwg_streams._platform import fast_paths
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    a_promise_resolved_with_undefined,
    abort_idle_writable_stream,
    abort_writable_stream,
    add_abort_algorithm,
    close_writable_stream,
    error_writable_stream,
    get_a_copy_of_the_buffer_source,
    get_a_writer,
    is_errored,
    is_locked,
    new,
    release_writer,
    remove_abort_algorithm,
    set_up_writable_stream,
    set_up_writer,
    signal_of_writable_stream,
    stored_error_of,
    write_a_chunk,
)


def _stream(**arguments: Any) -> tuple[WritableStream[Any], list[object]]:
    """A stream and the chunks that are written to it."""
    chunks: list[object] = []

    def write(chunk: object) -> Promise[None]:
        chunks.append(chunk)
        return a_promise_resolved_with_undefined()

    stream: WritableStream[Any] = new(WritableStream)
    set_up_writable_stream(stream, **{"write_algorithm": write, **arguments})
    return stream, chunks


async def test_chunks_are_written_and_the_stream_is_closed() -> None:
    closed: list[bool] = []
    stream, chunks = _stream(close_algorithm=lambda: closed.append(True))
    writer = get_a_writer(stream)
    await write_a_chunk(writer, "a")
    await write_a_chunk(writer, "b")
    assert chunks == ["a", "b"]
    await close_writable_stream(stream)
    assert closed == [True]
    await writer.closed


async def test_a_stream_that_has_started_asks_for_the_size_of_its_first_chunk() -> None:
    stream, chunks = _stream(has_started=True, high_water_mark=10, size_algorithm=len)
    with stream.get_writer() as writer:
        writer.write("four")
        assert writer.desired_size == 6
        writer.write("the next")
        assert writer.desired_size == -2
        await writer.ready
        assert writer.desired_size == 2
    assert chunks == ["four", "the next"]


async def test_without_algorithms_closing_and_aborting_do_nothing() -> None:
    stream, _ = _stream()
    await close_writable_stream(stream)
    stream, _ = _stream()
    await abort_writable_stream(stream, "enough")
    assert is_errored(stream)
    assert stored_error_of(stream) == "enough"


@pytest.mark.parametrize("how", ["raises", "rejects", "coroutine"])
async def test_a_close_that_fails_errors_the_stream(how: str) -> None:
    error = ValueError("not now")

    async def fail() -> None:
        raise error

    def close() -> Any:
        if how == "raises":
            raise error
        return a_promise_rejected_with(error) if how == "rejects" else fail()

    stream, _ = _stream(close_algorithm=close)
    with pytest.raises(ValueError, match="not now"):
        await close_writable_stream(stream)
    assert stored_error_of(stream) is error


async def test_closing_waits_for_the_promise() -> None:
    promise = Promise[None]()
    stream, _ = _stream(close_algorithm=lambda: promise)
    closed = close_writable_stream(stream)
    await settle()
    assert outcome(closed) == PENDING
    promise._fulfill(None)
    await closed


async def test_an_abort_algorithm_gets_the_reason() -> None:
    reasons: list[object] = []
    stream, _ = _stream(abort_algorithm=reasons.append)
    reason = object()
    await abort_writable_stream(stream, reason)
    assert reasons == [reason]


async def test_an_abort_algorithm_that_raises_rejects() -> None:
    def abort(_: object) -> None:
        raise ValueError("not now")

    stream, _ = _stream(abort_algorithm=abort)
    with pytest.raises(ValueError, match="not now"):
        await abort_writable_stream(stream, "enough")
    assert stored_error_of(stream) == "enough"


async def test_the_mark_and_the_sizes() -> None:
    stream, _ = _stream(high_water_mark=10, size_algorithm=len)
    writer = get_a_writer(stream)
    assert writer.desired_size == 10
    write = write_a_chunk(writer, "four")
    assert writer.desired_size == 6
    await write
    assert writer.desired_size == 10


async def test_by_default_one_chunk_is_enough() -> None:
    stream, _ = _stream()
    writer = get_a_writer(stream)
    assert writer.desired_size == 1
    write = write_a_chunk(writer, "a chunk of any size")
    assert writer.desired_size == 0
    await write


async def test_an_error_stops_the_writing() -> None:
    stream, chunks = _stream()
    await settle()
    writer = get_a_writer(stream)
    error_writable_stream(stream, "broken")
    assert outcome(write_a_chunk(writer, "a")) == rejected("broken")
    assert outcome(writer.closed) == outcome(writer.ready) == rejected("broken")
    assert chunks == []
    error_writable_stream(stream, "again")  # only if needed
    assert stored_error_of(stream) == "broken"


async def test_an_error_after_closing_is_not_needed() -> None:
    stream, _ = _stream()
    await close_writable_stream(stream)
    error_writable_stream(stream, "broken")
    assert not is_errored(stream)


async def test_the_signal_tells_a_write_to_stop() -> None:
    """The usual usage, as the text describes it."""
    promise = Promise[None]()
    stream: WritableStream[Any] = new(WritableStream)
    set_up_writable_stream(stream, write_algorithm=lambda _: promise)
    signal = signal_of_writable_stream(stream)
    assert isinstance(signal, AbortSignal)
    assert signal_of_writable_stream(stream) is signal
    add_abort_algorithm(signal, lambda: promise._reject(signal.reason))
    writer = get_a_writer(stream)
    write = write_a_chunk(writer, "a")
    await settle()
    assert not signal.aborted
    reason = ValueError("enough")
    aborted = abort_writable_stream(stream, reason)
    assert signal.aborted
    assert signal.reason is reason
    await aborted
    assert reason_of(write) is reason
    assert reason_of(writer.closed) is reason


async def test_an_algorithm_that_was_removed_is_not_run() -> None:
    stream, _ = _stream()
    signal = signal_of_writable_stream(stream)
    events: list[str] = []

    def algorithm() -> None:
        events.append("aborted")

    add_abort_algorithm(signal, algorithm)
    remove_abort_algorithm(signal, algorithm)
    await abort_writable_stream(stream, None)
    assert events == []
    assert isinstance(signal.reason, AbortError)


async def test_writers() -> None:
    stream, chunks = _stream()
    writer: WritableStreamDefaultWriter[Any] = new(WritableStreamDefaultWriter)
    set_up_writer(writer, stream)
    assert is_locked(stream)
    with pytest.raises(TypeError):
        get_a_writer(stream)
    with pytest.raises(TypeError):
        set_up_writer(new(WritableStreamDefaultWriter), stream)
    await write_a_chunk(writer, 1)
    release_writer(writer)
    assert not is_locked(stream)
    assert isinstance(reason_of(writer.closed), TypeError)
    assert chunks == [1]


async def test_a_subclass_sets_itself_up_in_its_constructor() -> None:
    class Collector(WritableStream[Any]):
        def __init__(self) -> None:
            self.chunks: list[object] = []
            set_up_writable_stream(self, write_algorithm=self._write)

        def _write(self, chunk: object) -> Promise[None]:
            self.chunks.append(chunk)
            return Promise.resolve(asyncio.sleep(0))

    stream = Collector()
    with stream.get_writer() as writer:
        writer.write(1)
        await writer.write(2)
    assert stream.chunks == [1, 2]


# Copies of buffers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        b"abcd",
        bytearray(b"abcd"),
        memoryview(b"-abcd-")[1:5],
        array.array("H", [1, 2]),
        np.arange(6, dtype="<i2").reshape(2, 3),
        array.array("I"),
        b"",
    ],
    ids=lambda source: type(source).__name__,
)
def test_a_copy_has_the_bytes_of_the_source(source: Any) -> None:
    copy = get_a_copy_of_the_buffer_source(source)
    assert type(copy) is bytes
    assert copy == memoryview(source).tobytes()


def test_a_copy_does_not_change_with_its_source_and_does_not_hold_it() -> None:
    source = bytearray(b"abcd")
    copy = get_a_copy_of_the_buffer_source(source)
    source[:] = b"now it is longer"
    assert copy == b"abcd"


def test_a_memoryview_is_still_the_callers() -> None:
    source = memoryview(bytearray(b"abcd"))
    get_a_copy_of_the_buffer_source(source)
    assert source[0] == ord("a")


@pytest.mark.parametrize("source", ["text", None, 7, memoryview(b"abcd")[::2]], ids=repr)
def test_what_is_no_contiguous_buffer_has_no_copy(source: Any) -> None:
    with pytest.raises(TypeError):
        get_a_copy_of_the_buffer_source(source)


def test_a_released_memoryview_has_no_copy() -> None:
    source = memoryview(b"abcd")
    source.release()
    with pytest.raises(TypeError, match="released"):
        get_a_copy_of_the_buffer_source(source)


@pytest.mark.parametrize("enabled", [True, False], ids=["fast", "plain"])
async def test_an_idle_stream_is_aborted_in_one_step_or_as_any(enabled: bool) -> None:
    reasons: list[object] = []

    def abort(reason: object) -> None:
        reasons.append((is_errored(stream), reason))

    stream, _ = _stream(abort_algorithm=abort)
    await settle()
    before = fast_paths.set_enabled(enabled)
    try:
        assert abort_idle_writable_stream(stream, "enough") is enabled
    finally:
        fast_paths.set_enabled(before)
    if not enabled:
        abort_writable_stream(stream, "enough")
    assert reasons == [(True, "enough")]
    with pytest.raises(RejectionError, match="enough"):
        await stream.get_writer().closed


@pytest.mark.parametrize("state", ["new", "locked", "writing", "queued", "closing", "closed", "errored", "watched"])
async def test_a_stream_that_is_not_idle_is_aborted_as_any(state: str) -> None:
    reasons: list[object] = []
    writing: Promise[None] = Promise()
    stream, _ = _stream(
        write_algorithm=lambda _: writing, close_algorithm=lambda: writing, abort_algorithm=reasons.append
    )
    if state != "new":
        await settle()
    writer = stream.get_writer()
    if state in {"writing", "queued"}:
        writer.write(1)
        if state == "queued":
            writer.write(2)
    elif state == "closing":
        writer.close()
    elif state == "closed":
        writing._fulfill(None)
        await writer.close()
    elif state == "errored":
        error_writable_stream(stream, "error")
    elif state == "watched":
        signal_of_writable_stream(stream)
    if state != "locked":
        writer.release_lock()
    assert not abort_idle_writable_stream(stream, "enough")
    assert reasons == []
    writing._fulfill(None)
    await settle()
