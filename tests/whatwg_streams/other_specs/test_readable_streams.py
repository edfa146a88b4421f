"""§9.1: setting up, filling, reading and looking at readable streams, as other specifications do."""

from __future__ import annotations

import array
import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of, rejected
from tests.support.sources import read_all, read_on
from whatwg_streams import (
    DataCloneError,
    Promise,
    RangeError,
    ReadableStream,
    ReadableStreamBYOBReader,
    ReadableStreamDefaultReader,
    WritableStream,
)
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    cancel_readable_stream,
    cancel_reader,
    close_readable_stream,
    create_a_readable_stream_from_an_async_sequence,
    current_byob_request_view,
    enqueue_into_readable_stream,
    error_readable_stream,
    error_writable_stream,
    get_a_reader,
    is_closed,
    is_disturbed,
    is_errored,
    is_locked,
    is_readable,
    new,
    pull_from_bytes_into_readable_stream,
    read_a_chunk,
    read_all_bytes,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark as desired_size,
    readable_stream_needs_more_data,
    release_reader,
    respond_to_current_byob_request,
    set_up_readable_stream,
    set_up_readable_stream_with_byte_reading_support,
    set_up_reader,
    set_up_writable_stream,
    stored_error_of,
    tee_readable_stream,
)


def _stream(**arguments: Any) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(stream, **arguments)
    return stream


def _byte_stream(**arguments: Any) -> ReadableStream[memoryview]:
    stream: ReadableStream[memoryview] = new(ReadableStream)
    set_up_readable_stream_with_byte_reading_support(stream, **arguments)
    return stream


def _either(kind: str, **arguments: Any) -> ReadableStream[Any]:
    return _byte_stream(**arguments) if kind == "bytes" else _stream(**arguments)


BOTH_KINDS = pytest.mark.parametrize("kind", ["default", "bytes"])


def _bytes(result: Any) -> bytes:
    return bytes(result.value)


# Setting up --------------------------------------------------------------------------------------------


@BOTH_KINDS
async def test_without_algorithms_nothing_happens(kind: str) -> None:
    stream = _either(kind)
    await settle()
    assert is_readable(stream)
    await stream.cancel("enough")
    assert is_closed(stream)


async def test_the_marks_by_default() -> None:
    assert desired_size(_stream()) == 1
    assert desired_size(_byte_stream()) == 0


@BOTH_KINDS
async def test_pull_is_called_while_more_is_wanted(kind: str) -> None:
    pulls: list[float] = []

    def pull() -> None:
        pulls.append(desired_size(stream))
        enqueue_into_readable_stream(stream, b"x")

    stream = _either(kind, pull_algorithm=pull, high_water_mark=3)
    assert pulls == []  # not before it has started
    await settle()
    assert pulls == [3, 2, 1]
    assert not readable_stream_needs_more_data(stream)


@BOTH_KINDS
async def test_the_promise_of_a_pull_is_waited_for(kind: str) -> None:
    promises: list[Promise[None]] = []

    def pull() -> Promise[None]:
        promises.append(Promise())
        return promises[-1]

    stream = _either(kind, pull_algorithm=pull, high_water_mark=9)
    await settle()
    enqueue_into_readable_stream(stream, b"x")
    await settle()
    assert len(promises) == 1
    promises[0]._fulfill(None)
    await settle()
    assert len(promises) == 2


@BOTH_KINDS
async def test_a_pull_may_be_a_coroutine(kind: str) -> None:
    async def pull() -> None:
        await asyncio.sleep(0)
        enqueue_into_readable_stream(stream, b"later")

    stream = _either(kind, pull_algorithm=pull, high_water_mark=1)
    with get_a_reader(stream) as reader:
        assert _bytes(await reader.read()) == b"later"


@BOTH_KINDS
@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_a_pull_that_fails_errors_the_stream(kind: str, how: str) -> None:
    error = ValueError("out of order")

    def pull() -> Any:
        if how == "raises":
            raise error
        return a_promise_rejected_with(error)

    stream = _either(kind, pull_algorithm=pull, high_water_mark=1)
    await settle()
    assert is_errored(stream)
    assert stored_error_of(stream) is error


@BOTH_KINDS
async def test_cancel_is_called_with_the_reason(kind: str) -> None:
    reasons: list[object] = []
    stream = _either(kind, cancel_algorithm=reasons.append)
    reason = object()
    await cancel_readable_stream(stream, reason)
    assert reasons == [reason]


@BOTH_KINDS
async def test_what_cancel_raises_rejects(kind: str) -> None:
    error = ValueError("not now")

    def cancel(_: object) -> None:
        raise error

    stream = _either(kind, cancel_algorithm=cancel)
    with pytest.raises(ValueError, match="not now"):
        await cancel_readable_stream(stream, None)
    assert is_closed(stream)


async def test_sizes_are_those_of_the_algorithm() -> None:
    stream = _stream(size_algorithm=len, high_water_mark=10)
    enqueue_into_readable_stream(stream, "four")
    assert desired_size(stream) == 6
    assert readable_stream_needs_more_data(stream)
    enqueue_into_readable_stream(stream, "all the rest")
    assert desired_size(stream) == -6
    assert not readable_stream_needs_more_data(stream)


@BOTH_KINDS
async def test_a_subclass_sets_itself_up_in_its_constructor(kind: str) -> None:
    class Greeting(ReadableStream[Any]):
        def __init__(self, name: str) -> None:
            self.name = name
            if kind == "bytes":
                set_up_readable_stream_with_byte_reading_support(self, pull_algorithm=self._pull)
            else:
                set_up_readable_stream(self, pull_algorithm=self._pull)

        def _pull(self) -> None:
            enqueue_into_readable_stream(self, f"hello {self.name}".encode())
            close_readable_stream(self)

    stream = Greeting("you")
    assert b"".join(map(bytes, await read_all(stream))) == b"hello you"
    assert stream.name == "you"


async def test_a_stream_of_an_async_sequence() -> None:
    async def count() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    assert await read_all(create_a_readable_stream_from_an_async_sequence(count())) == [0, 1, 2]
    assert await read_all(create_a_readable_stream_from_an_async_sequence(["a", "b"])) == ["a", "b"]
    for wrong in (7, "text"):
        with pytest.raises(TypeError):
            create_a_readable_stream_from_an_async_sequence(wrong)  # type: ignore[arg-type]


# Closing and erroring ------------------------------------------------------------------------------------


@BOTH_KINDS
async def test_a_stream_that_is_not_readable_wants_nothing(kind: str) -> None:
    closed, errored = _either(kind, high_water_mark=5), _either(kind, high_water_mark=5)
    close_readable_stream(closed)
    error_readable_stream(errored, "broken")
    for stream in (closed, errored):
        assert desired_size(stream) == 0
        assert not readable_stream_needs_more_data(stream)


@BOTH_KINDS
async def test_a_stream_closes_after_what_is_queued(kind: str) -> None:
    stream = _either(kind)
    enqueue_into_readable_stream(stream, b"last")
    close_readable_stream(stream)
    assert is_readable(stream)
    with get_a_reader(stream) as reader:
        assert _bytes(await reader.read()) == b"last"
        assert is_closed(stream)
        assert (await reader.read()).done


async def test_closing_gives_the_buffers_of_a_byob_reader_back() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        reads = [reader.read(bytearray(4)), reader.read(bytearray(2))]
        close_readable_stream(stream)
        for read in reads:
            value, done = await read
            assert value is not None
            assert (bytes(value), done) == (b"", True)


async def test_closing_gives_what_was_filled_of_a_read_with_min() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4), min=4)
        enqueue_into_readable_stream(stream, b"ab")
        close_readable_stream(stream)
        value, done = await read
        assert value is not None
        assert (bytes(value), done) == (b"ab", True)


async def test_closing_in_the_middle_of_an_item_raises_and_errors() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(array.array("H", [0]))
        enqueue_into_readable_stream(stream, b"a")
        with pytest.raises(TypeError, match="middle of an item"):
            close_readable_stream(stream)
        assert isinstance(reason_of(read), TypeError)
        assert isinstance(reason_of(reader.closed), TypeError)
    assert is_errored(stream)


async def test_closing_with_a_released_readers_buffer_pending() -> None:
    stream = _byte_stream()
    reader = stream.get_reader(mode="byob")
    read = reader.read(bytearray(4))
    reader.release_lock()
    assert isinstance(reason_of(read), TypeError)
    assert current_byob_request_view(stream) is not None
    close_readable_stream(stream)
    assert is_closed(stream)
    assert current_byob_request_view(stream) is None


@pytest.mark.parametrize("next_kind", ["default", "byob"])
async def test_closing_with_a_released_readers_buffer_pending_and_bytes_queued(next_kind: str) -> None:
    stream = _byte_stream()
    reader = stream.get_reader(mode="byob")
    # One byte is queued, for it is no whole item, and the buffer of the next read is pending.
    reads = [reader.read(array.array("H", [0])), reader.read(array.array("H", [0]))]
    enqueue_into_readable_stream(stream, b"abc")
    assert _bytes(await reads[0]) == b"ab"
    reader.release_lock()
    assert isinstance(reason_of(reads[1]), TypeError)
    enqueue_into_readable_stream(stream, b"d")
    close_readable_stream(stream)
    assert is_readable(stream)
    if next_kind == "default":
        assert b"".join(map(bytes, await read_all(stream))) == b"cd"
    else:
        with stream.get_reader(mode="byob") as next_reader:
            got = bytearray()
            while not (result := await next_reader.read(bytearray(1))).done:
                got += result.value or b""
            assert got == b"cd"
    assert is_closed(stream)


async def test_closing_waits_for_the_queue_while_a_released_readers_buffer_is_pending() -> None:
    stream = _byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    # Nobody is to fill that buffer: these are queued behind its back.
    stream._controller._queue = deque([_entry(b"queued")])
    stream._controller._queue_total_size += 6
    close_readable_stream(stream)
    assert is_readable(stream)
    assert b"".join(map(bytes, await read_all(stream))) == b"queued"
    assert is_closed(stream)


def _entry(data: bytes) -> Any:
    other = _byte_stream()
    enqueue_into_readable_stream(other, data)
    return other._controller._queue[0]


@BOTH_KINDS
async def test_an_error_is_kept_as_it_is(kind: str) -> None:
    stream = _either(kind)
    reader = get_a_reader(stream)
    read = reader.read()
    error = object()
    error_readable_stream(stream, error)
    assert outcome(read) == outcome(reader.closed) == rejected(error)
    assert stored_error_of(stream) is error
    error_readable_stream(stream, "again")  # too late
    assert stored_error_of(stream) is error


# Enqueuing -----------------------------------------------------------------------------------------------


async def test_any_object_can_be_enqueued_into_a_default_stream() -> None:
    stream = _stream()
    chunks = [None, object(), b""]
    for chunk in chunks:
        enqueue_into_readable_stream(stream, chunk)
    close_readable_stream(stream)
    assert await read_all(stream) == chunks


async def test_what_a_size_algorithm_raises_errors_the_stream_and_is_raised() -> None:
    error = ValueError("unmeasurable")

    def size(_: object) -> float:
        raise error

    stream = _stream(size_algorithm=size)
    with pytest.raises(ValueError, match="unmeasurable"):
        enqueue_into_readable_stream(stream, 1)
    assert stored_error_of(stream) is error


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
async def test_any_buffer_can_be_enqueued_into_a_byte_stream(kind: Any) -> None:
    stream = _byte_stream()
    enqueue_into_readable_stream(stream, kind(b"abcd"))
    with get_a_reader(stream) as reader:
        assert _bytes(await reader.read()) == b"abcd"


@pytest.mark.parametrize("chunk", ["text", None, 1, [b"x"]], ids=repr)
async def test_what_is_no_buffer_can_not(chunk: Any) -> None:
    stream = _byte_stream()
    with pytest.raises(TypeError, match="chunk"):
        enqueue_into_readable_stream(stream, chunk)
    assert is_readable(stream)


async def test_the_byob_view_itself_is_a_response() -> None:
    stream = _byte_stream()
    memory = bytearray(4)
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(memory)
        view = current_byob_request_view(stream)
        assert view is not None
        view[:] = b"full"
        enqueue_into_readable_stream(stream, view)
        value = (await read).value
        assert value is not None
        assert value.obj is memory
        assert bytes(value) == b"full"


async def test_the_beginning_of_the_byob_view_is_a_response() -> None:
    stream = _byte_stream()
    memory = bytearray(8)
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(memory)
        view = current_byob_request_view(stream)
        assert view is not None
        view[:3] = b"abc"
        enqueue_into_readable_stream(stream, view[:3])
        value = (await read).value
        assert value is not None
        assert (value.obj is memory, bytes(value)) == (True, b"abc")
    assert memory == b"abc\0\0\0\0\0"


async def test_a_slice_that_starts_elsewhere_is_no_response() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(8))
        view = current_byob_request_view(stream)
        assert view is not None
        with pytest.raises(AssertionError):
            enqueue_into_readable_stream(stream, view[1:3])
        close_readable_stream(stream)
        assert (await read).done


async def test_another_buffer_is_copied_to_the_reader() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(2))
        assert current_byob_request_view(stream) is not None
        enqueue_into_readable_stream(stream, b"abc")
        assert _bytes(await read) == b"ab"
        assert desired_size(stream) == -1
        assert _bytes(await reader.read(bytearray(2))) == b"c"


async def test_a_read_with_min_is_answered_bit_by_bit() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(6), min=4)
        for data in (b"ab", b"c", b"de"):
            assert outcome(read) == PENDING
            view = current_byob_request_view(stream)
            assert view is not None
            view[: len(data)] = data
            enqueue_into_readable_stream(stream, view[: len(data)])
        assert _bytes(await read) == b"abcde"


async def test_the_current_view_is_the_same_until_it_is_responded_to() -> None:
    stream = _byte_stream()
    assert current_byob_request_view(stream) is None
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4))
        view = current_byob_request_view(stream)
        assert view is not None
        assert current_byob_request_view(stream) is view
        respond_to_current_byob_request(stream, 1)
        assert current_byob_request_view(stream) is None
        with pytest.raises(ValueError, match="released"):
            view[0] = 1
        await read


async def test_a_response_has_to_fit() -> None:
    stream = _byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4))
        with pytest.raises(RangeError):
            respond_to_current_byob_request(stream, 5)
        with pytest.raises(TypeError):
            respond_to_current_byob_request(stream, 0)
        respond_to_current_byob_request(stream, 4)
        assert _bytes(await read) == bytes(4)


@pytest.mark.parametrize(
    "operation",
    [
        current_byob_request_view,
        lambda stream: pull_from_bytes_into_readable_stream(stream, bytearray(b"x")),
        lambda stream: respond_to_current_byob_request(stream, 1),
    ],
)
async def test_operations_of_byte_streams_are_for_byte_streams(operation: Any) -> None:
    with pytest.raises(AssertionError):
        operation(_stream())


# Pull from bytes -----------------------------------------------------------------------------------------


async def test_without_a_byob_reader_all_bytes_are_pulled() -> None:
    stream = _byte_stream()
    source = bytearray(b"abcdef")
    pull_from_bytes_into_readable_stream(stream, source)
    assert source == b""
    assert desired_size(stream) == -6
    with get_a_reader(stream) as reader:
        assert _bytes(await reader.read()) == b"abcdef"


@pytest.mark.parametrize(("size", "got", "left"), [(4, b"abcd", b"ef"), (6, b"abcdef", b""), (9, b"abcdef", b"")])
async def test_with_a_byob_reader_so_many_as_fit_are_pulled(size: int, got: bytes, left: bytes) -> None:
    stream = _byte_stream()
    memory = bytearray(size)
    source = bytearray(b"abcdef")
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(memory)
        pull_from_bytes_into_readable_stream(stream, source)
        value = (await read).value
        assert value is not None
        assert (value.obj is memory, bytes(value), bytes(source)) == (True, got, left)
    assert desired_size(stream) == 0


async def test_pulling_for_one_read_after_the_other() -> None:
    stream = _byte_stream()
    source = bytearray(b"abcdefg")
    with stream.get_reader(mode="byob") as reader:
        reads = [reader.read(bytearray(3)) for _ in range(3)]
        while source:
            pull_from_bytes_into_readable_stream(stream, source)
        assert [_bytes(await read) for read in reads] == [b"abc", b"def", b"g"]


async def test_pulling_into_the_buffer_of_a_reader_that_was_released() -> None:
    stream = _byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    source = bytearray(b"abcdef")
    pull_from_bytes_into_readable_stream(stream, source)
    assert source == b"ef"
    pull_from_bytes_into_readable_stream(stream, source)
    close_readable_stream(stream)
    assert b"".join(map(bytes, await read_all(stream))) == b"abcdef"


# Reading -------------------------------------------------------------------------------------------------


class _Request:
    """A read request that logs."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def chunk_steps(self, chunk: object) -> None:
        self.events.append(("chunk", chunk))

    def close_steps(self) -> None:
        self.events.append(("close",))

    def error_steps(self, e: object) -> None:
        self.events.append(("error", e))


async def test_a_chunk_is_read_at_once_where_there_is_one() -> None:
    stream = _stream()
    enqueue_into_readable_stream(stream, "a")
    reader = get_a_reader(stream)
    request = _Request()
    read_a_chunk(reader, request)
    assert request.events == [("chunk", "a")]
    read_a_chunk(reader, request)
    enqueue_into_readable_stream(stream, "b")
    read_a_chunk(reader, request)
    close_readable_stream(stream)
    assert request.events[1:] == [("chunk", "b"), ("close",)]


async def test_a_read_request_is_told_of_an_error() -> None:
    stream = _stream()
    reader = get_a_reader(stream)
    request = _Request()
    read_a_chunk(reader, request)
    error_readable_stream(stream, "broken")
    assert outcome(reader.closed) == rejected("broken")
    read_a_chunk(reader, request)
    assert request.events == [("error", "broken"), ("error", "broken")]


async def test_a_second_reader_is_refused() -> None:
    stream = _stream()
    get_a_reader(stream)
    with pytest.raises(TypeError):
        get_a_reader(stream)
    with pytest.raises(TypeError):
        set_up_reader(new(ReadableStreamDefaultReader), stream)


async def test_a_reader_can_be_set_up() -> None:
    stream = _stream()
    reader: ReadableStreamDefaultReader[Any] = new(ReadableStreamDefaultReader)
    set_up_reader(reader, stream)
    assert is_locked(stream)
    enqueue_into_readable_stream(stream, 1)
    assert (await reader.read()).value == 1
    release_reader(reader)
    assert not is_locked(stream)


async def test_a_reader_cancels_its_stream() -> None:
    reasons: list[object] = []
    stream = _stream(cancel_algorithm=reasons.append)
    reader = get_a_reader(stream)
    await cancel_reader(reader, "enough")
    assert reasons == ["enough"]
    assert is_closed(stream)


# Read all bytes ------------------------------------------------------------------------------------------


class _Result:
    def __init__(self, reader: ReadableStreamDefaultReader[Any]) -> None:
        self.events: list[tuple[str, Any]] = []
        read_all_bytes(
            reader, lambda data: self.events.append(("bytes", data)), lambda e: self.events.append(("failed", e))
        )


@BOTH_KINDS
async def test_all_bytes_of_chunks_that_are_queued(kind: str) -> None:
    stream = _either(kind)
    for chunk in (b"one ", bytearray(b"two "), memoryview(b"- three -")[2:7]):
        enqueue_into_readable_stream(stream, chunk)
    close_readable_stream(stream)
    result = _Result(get_a_reader(stream))
    assert result.events == [("bytes", b"one two three")]


@BOTH_KINDS
async def test_all_bytes_of_chunks_that_come_later(kind: str) -> None:
    stream = _either(kind)
    enqueue_into_readable_stream(stream, b"a")
    result = _Result(get_a_reader(stream))
    for chunk in (b"b", b"c"):
        enqueue_into_readable_stream(stream, chunk)
        await settle()
    assert result.events == []
    close_readable_stream(stream)
    assert result.events == [("bytes", b"abc")]


async def test_all_bytes_of_nothing() -> None:
    stream = _stream()
    close_readable_stream(stream)
    assert _Result(get_a_reader(stream)).events == [("bytes", b"")]


@BOTH_KINDS
async def test_thousands_of_queued_chunks_need_no_stack(kind: str) -> None:
    stream = _either(kind)
    count = 3 * sys.getrecursionlimit()
    for number in range(count):
        enqueue_into_readable_stream(stream, bytes([number % 251]))
    close_readable_stream(stream)
    [(how, data)] = _Result(get_a_reader(stream)).events
    assert how == "bytes"
    assert data == bytes(number % 251 for number in range(count))


async def test_thousands_of_chunks_that_a_pull_gives_at_once_need_no_stack() -> None:
    left = 3 * sys.getrecursionlimit()

    def pull() -> None:
        nonlocal left
        left -= 1
        enqueue_into_readable_stream(stream, b"x")
        if left == 0:
            close_readable_stream(stream)

    count = left
    stream = _stream(pull_algorithm=pull, high_water_mark=0)
    result = _Result(get_a_reader(stream))
    while not result.events:
        await settle()
    assert result.events == [("bytes", b"x" * count)]


@pytest.mark.parametrize("chunk", ["text", None, 3, [1, 2], array.array("H", [1]), memoryview(b"abcd")[::2]], ids=repr)
@pytest.mark.parametrize("queued", [True, False])
async def test_a_chunk_that_is_not_bytes_fails(chunk: object, queued: bool) -> None:
    stream = _stream()
    if queued:
        enqueue_into_readable_stream(stream, b"good")
        enqueue_into_readable_stream(stream, chunk)
    result = _Result(get_a_reader(stream))
    if not queued:
        enqueue_into_readable_stream(stream, b"good")
        enqueue_into_readable_stream(stream, chunk)
    [(how, error)] = result.events
    assert how == "failed"
    assert isinstance(error, TypeError)
    # It stops there, and leaves the stream as it is.
    enqueue_into_readable_stream(stream, b"more")
    assert len(result.events) == 1
    assert is_readable(stream)


async def test_an_error_of_the_stream_fails() -> None:
    stream = _stream()
    enqueue_into_readable_stream(stream, b"some")
    reader = get_a_reader(stream)
    result = _Result(reader)
    error = object()
    error_readable_stream(stream, error)
    assert result.events == [("failed", error)]
    assert outcome(reader.closed) == rejected(error)


# Teeing --------------------------------------------------------------------------------------------------


async def test_the_second_branch_gets_clones() -> None:
    stream = _stream(high_water_mark=0)
    first, second = tee_readable_stream(stream)
    assert is_locked(stream)
    chunk = {"list": [1, 2], "bytes": bytearray(b"abc")}
    enqueue_into_readable_stream(stream, chunk)
    close_readable_stream(stream)
    [of_the_first] = await read_all(first)
    [of_the_second] = await read_all(second)
    assert of_the_first is chunk
    assert of_the_second == chunk
    assert of_the_second is not chunk
    assert of_the_second["list"] is not chunk["list"]


async def test_a_chunk_that_can_not_be_cloned_errors_both_branches() -> None:
    reasons: list[object] = []
    stream = _stream(high_water_mark=0, cancel_algorithm=reasons.append)
    first, second = tee_readable_stream(stream)
    enqueue_into_readable_stream(stream, lambda: None)
    for branch in (first, second):
        with pytest.raises(DataCloneError):
            await read_all(branch)
    await settle()
    [reason] = reasons
    assert isinstance(reason, DataCloneError)


async def test_byte_streams_are_teed_too() -> None:
    stream = _byte_stream()
    first, second = tee_readable_stream(stream)
    assert isinstance(second.get_reader(mode="byob"), ReadableStreamBYOBReader)
    with get_a_reader(first) as reader:
        read = reader.read()
        await settle()
        enqueue_into_readable_stream(stream, b"abc")
        assert _bytes(await read) == b"abc"


async def test_a_locked_stream_can_not_be_teed() -> None:
    stream = _stream()
    get_a_reader(stream)
    with pytest.raises(TypeError):
        tee_readable_stream(stream)


# Introspection -------------------------------------------------------------------------------------------


@BOTH_KINDS
async def test_the_predicates(kind: str) -> None:
    def predicates(stream: ReadableStream[Any]) -> tuple[bool, ...]:
        return (is_readable(stream), is_closed(stream), is_errored(stream), is_locked(stream), is_disturbed(stream))

    stream = _either(kind)
    assert predicates(stream) == (True, False, False, False, False)
    reader = get_a_reader(stream)
    assert predicates(stream) == (True, False, False, True, False)
    outcome(reader.read())
    assert predicates(stream) == (True, False, False, True, True)
    release_reader(reader)
    close_readable_stream(stream)
    assert predicates(stream) == (False, True, False, False, True)
    errored = _either(kind)
    error_readable_stream(errored, "broken")
    assert predicates(errored) == (False, False, True, False, False)
    cancelled = _either(kind)
    assert outcome(cancelled.cancel())[0] in {"pending", "fulfilled"}
    assert predicates(cancelled) == (False, True, False, False, True)


async def test_of_writable_streams_too() -> None:
    stream: WritableStream[Any] = new(WritableStream)
    set_up_writable_stream(stream, write_algorithm=lambda _: Promise.resolve())
    await settle()
    assert not is_errored(stream)
    assert not is_locked(stream)
    error_writable_stream(stream, "broken")
    stream.get_writer().closed.catch(lambda _: None)
    assert is_errored(stream)
    assert is_locked(stream)
    assert stored_error_of(stream) == "broken"


class _Numbers(ReadableStream[int]):
    """A subclass that also reads by itself."""

    def __init__(self) -> None:
        self.left = 3
        set_up_readable_stream(self, pull_algorithm=self._pull)

    def _pull(self) -> None:
        self.left -= 1
        enqueue_into_readable_stream(self, self.left)
        if not self.left:
            close_readable_stream(self)

    @override
    def __repr__(self) -> str:
        return f"<{self.left} numbers left>"


async def test_a_subclass_is_a_stream_like_any_other() -> None:
    stream = _Numbers()
    reader = get_a_reader(stream)
    assert await read_on(reader) == [2, 1, 0]
    assert outcome(reader.closed) == FULFILLED
    assert repr(stream) == "<0 numbers left>"
