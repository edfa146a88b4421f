"""§9.1: setting up, filling, reading and looking at readable streams, as other specifications do."""

from __future__ import annotations

import array
import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from tests.support import settle
from tests.support.reads import bytes_of
from tests.support.recording import FULFILLED, outcome, reason_of, rejected
from tests.support.set_up_streams import BOTH_KINDS, set_up_byte_stream, set_up_either, set_up_stream
from tests.support.sources import read_all, read_on
from whatwg_streams import (
    DataCloneError,
    Promise,
    ReadableStream,
    ReadableStreamBYOBReader,
    WritableStream,
)
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    cancel_readable_stream,
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
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark as desired_size,
    readable_stream_needs_more_data,
    release_reader,
    set_up_readable_stream,
    set_up_readable_stream_with_byte_reading_support,
    set_up_writable_stream,
    stored_error_of,
    tee_readable_stream,
)

# Setting up --------------------------------------------------------------------------------------------


@BOTH_KINDS
async def test_without_algorithms_nothing_happens(kind: str) -> None:
    stream = set_up_either(kind)
    await settle()
    assert is_readable(stream)
    await stream.cancel("enough")
    assert is_closed(stream)


async def test_the_marks_by_default() -> None:
    assert desired_size(set_up_stream()) == 1
    assert desired_size(set_up_byte_stream()) == 0


@BOTH_KINDS
async def test_pull_is_called_while_more_is_wanted(kind: str) -> None:
    pulls: list[float] = []

    def pull() -> None:
        pulls.append(desired_size(stream))
        enqueue_into_readable_stream(stream, b"x")

    stream = set_up_either(kind, pull_algorithm=pull, high_water_mark=3)
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

    stream = set_up_either(kind, pull_algorithm=pull, high_water_mark=9)
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

    stream = set_up_either(kind, pull_algorithm=pull, high_water_mark=1)
    with get_a_reader(stream) as reader:
        assert bytes_of(await reader.read()) == b"later"


@BOTH_KINDS
@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_a_pull_that_fails_errors_the_stream(kind: str, how: str) -> None:
    error = ValueError("out of order")

    def pull() -> Any:
        if how == "raises":
            raise error
        return a_promise_rejected_with(error)

    stream = set_up_either(kind, pull_algorithm=pull, high_water_mark=1)
    await settle()
    assert is_errored(stream)
    assert stored_error_of(stream) is error


@BOTH_KINDS
async def test_cancel_is_called_with_the_reason(kind: str) -> None:
    reasons: list[object] = []
    stream = set_up_either(kind, cancel_algorithm=reasons.append)
    reason = object()
    await cancel_readable_stream(stream, reason)
    assert reasons == [reason]


@BOTH_KINDS
async def test_what_cancel_raises_rejects(kind: str) -> None:
    error = ValueError("not now")

    def cancel(_: object) -> None:
        raise error

    stream = set_up_either(kind, cancel_algorithm=cancel)
    with pytest.raises(ValueError, match="not now"):
        await cancel_readable_stream(stream, None)
    assert is_closed(stream)


async def test_sizes_are_those_of_the_algorithm() -> None:
    stream = set_up_stream(size_algorithm=len, high_water_mark=10)
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
    closed, errored = set_up_either(kind, high_water_mark=5), set_up_either(kind, high_water_mark=5)
    close_readable_stream(closed)
    error_readable_stream(errored, "broken")
    for stream in (closed, errored):
        assert desired_size(stream) == 0
        assert not readable_stream_needs_more_data(stream)


@BOTH_KINDS
async def test_a_stream_closes_after_what_is_queued(kind: str) -> None:
    stream = set_up_either(kind)
    enqueue_into_readable_stream(stream, b"last")
    close_readable_stream(stream)
    assert is_readable(stream)
    with get_a_reader(stream) as reader:
        assert bytes_of(await reader.read()) == b"last"
        assert is_closed(stream)
        assert (await reader.read()).done


async def test_closing_gives_the_buffers_of_a_byob_reader_back() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        reads = [reader.read(bytearray(4)), reader.read(bytearray(2))]
        close_readable_stream(stream)
        for read in reads:
            value, done = await read
            assert value is not None
            assert (bytes(value), done) == (b"", True)


async def test_closing_gives_what_was_filled_of_a_read_with_min() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4), min=4)
        enqueue_into_readable_stream(stream, b"ab")
        close_readable_stream(stream)
        value, done = await read
        assert value is not None
        assert (bytes(value), done) == (b"ab", True)


async def test_closing_in_the_middle_of_an_item_raises_and_errors() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(array.array("H", [0]))
        enqueue_into_readable_stream(stream, b"a")
        with pytest.raises(TypeError, match="middle of an item"):
            close_readable_stream(stream)
        assert isinstance(reason_of(read), TypeError)
        assert isinstance(reason_of(reader.closed), TypeError)
    assert is_errored(stream)


async def test_closing_with_a_released_readers_buffer_pending() -> None:
    stream = set_up_byte_stream()
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
    stream = set_up_byte_stream()
    reader = stream.get_reader(mode="byob")
    # One byte is queued, for it is no whole item, and the buffer of the next read is pending.
    reads = [reader.read(array.array("H", [0])), reader.read(array.array("H", [0]))]
    enqueue_into_readable_stream(stream, b"abc")
    assert bytes_of(await reads[0]) == b"ab"
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
    stream = set_up_byte_stream()
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
    other = set_up_byte_stream()
    enqueue_into_readable_stream(other, data)
    return other._controller._queue[0]


@BOTH_KINDS
async def test_an_error_is_kept_as_it_is(kind: str) -> None:
    stream = set_up_either(kind)
    reader = get_a_reader(stream)
    read = reader.read()
    error = object()
    error_readable_stream(stream, error)
    assert outcome(read) == outcome(reader.closed) == rejected(error)
    assert stored_error_of(stream) is error
    error_readable_stream(stream, "again")  # too late
    assert stored_error_of(stream) is error


# Teeing --------------------------------------------------------------------------------------------------


async def test_the_second_branch_gets_clones() -> None:
    stream = set_up_stream(high_water_mark=0)
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
    stream = set_up_stream(high_water_mark=0, cancel_algorithm=reasons.append)
    first, second = tee_readable_stream(stream)
    enqueue_into_readable_stream(stream, lambda: None)
    for branch in (first, second):
        with pytest.raises(DataCloneError):
            await read_all(branch)
    await settle()
    [reason] = reasons
    assert isinstance(reason, DataCloneError)


async def test_byte_streams_are_teed_too() -> None:
    stream = set_up_byte_stream()
    first, second = tee_readable_stream(stream)
    assert isinstance(second.get_reader(mode="byob"), ReadableStreamBYOBReader)
    with get_a_reader(first) as reader:
        read = reader.read()
        await settle()
        enqueue_into_readable_stream(stream, b"abc")
        assert bytes_of(await read) == b"abc"


async def test_a_locked_stream_can_not_be_teed() -> None:
    stream = set_up_stream()
    get_a_reader(stream)
    with pytest.raises(TypeError):
        tee_readable_stream(stream)


# Introspection -------------------------------------------------------------------------------------------


@BOTH_KINDS
async def test_the_predicates(kind: str) -> None:
    def predicates(stream: ReadableStream[Any]) -> tuple[bool, ...]:
        return (is_readable(stream), is_closed(stream), is_errored(stream), is_locked(stream), is_disturbed(stream))

    stream = set_up_either(kind)
    assert predicates(stream) == (True, False, False, False, False)
    reader = get_a_reader(stream)
    assert predicates(stream) == (True, False, False, True, False)
    outcome(reader.read())
    assert predicates(stream) == (True, False, False, True, True)
    release_reader(reader)
    close_readable_stream(stream)
    assert predicates(stream) == (False, True, False, False, True)
    errored = set_up_either(kind)
    error_readable_stream(errored, "broken")
    assert predicates(errored) == (False, False, True, False, False)
    cancelled = set_up_either(kind)
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
