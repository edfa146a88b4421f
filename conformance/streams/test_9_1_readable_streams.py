"""§9.1 Readable streams, for other specifications: https://streams.spec.whatwg.org/#other-specs-rs"""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import byte_stream
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_all, source_and_stream, stream_of
from whatwg_streams import (
    Promise,
    ReadableStream,
    ReadableStreamDefaultReader,
    WritableStream,
)
from whatwg_streams.other_specs import (
    cancel_readable_stream,
    cancel_reader,
    close_readable_stream,
    create_a_readable_stream_from_an_async_sequence,
    current_byob_request_view,
    enqueue_into_readable_stream,
    error_readable_stream,
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
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark,
    readable_stream_needs_more_data,
    release_reader,
    set_up_readable_stream,
    set_up_readable_stream_with_byte_reading_support,
    set_up_reader,
)

ERROR = ValueError("the reason")

desired = readable_stream_desired_size_to_fill_up_to_the_high_water_mark


def set_up(**arguments: Any) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(stream, **arguments)
    return stream


def set_up_bytes(**arguments: Any) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream_with_byte_reading_support(stream, **arguments)
    return stream


SET_UP = pytest.mark.parametrize("make", [set_up, set_up_bytes])


# §9.1.1 Creation and manipulation -----------------------------------------------------------------


@SET_UP
async def test_every_algorithm_may_be_missing(make: Any) -> None:
    stream = make()
    reader = stream.get_reader()
    read = reader.read()
    await settle()
    assert outcome(read) == PENDING
    await reader.cancel("why")


@SET_UP
async def test_the_pull_algorithm_may_return_a_promise_or_anything_else_or_raise(make: Any) -> None:
    def raising() -> None:
        raise ERROR

    for algorithm, expected in (
        (lambda: "something", PENDING),
        (Promise.resolve, PENDING),
        (raising, rejected(ERROR)),
        (lambda: Promise.reject(ERROR), rejected(ERROR)),
    ):
        read = make(pull_algorithm=algorithm).get_reader().read()
        await settle()
        assert outcome(read) == expected


@SET_UP
async def test_the_cancel_algorithm_gets_the_reason_and_may_return_a_promise_or_raise(make: Any) -> None:
    reasons: list[object] = []
    await make(cancel_algorithm=reasons.append).cancel("why")
    assert reasons == ["why"]

    def raising(_reason: object) -> None:
        raise ERROR

    for algorithm in (raising, lambda _reason: Promise.reject(ERROR)):
        promise = make(cancel_algorithm=algorithm).cancel()
        await settle()
        assert outcome(promise) == rejected(ERROR)


def test_the_marks_by_default_are_one_and_nothing() -> None:
    assert desired(set_up()) == 1
    assert desired(set_up_bytes()) == 0


def test_the_mark_and_the_size_algorithm() -> None:
    stream = set_up(high_water_mark=5, size_algorithm=len)
    enqueue_into_readable_stream(stream, "abc")
    assert desired(stream) == 2
    assert readable_stream_needs_more_data(stream)
    enqueue_into_readable_stream(stream, "de")
    assert desired(stream) == 0
    assert not readable_stream_needs_more_data(stream)
    stream = set_up_bytes(high_water_mark=5)
    enqueue_into_readable_stream(stream, b"abcdefg")
    assert desired(stream) == -2


@SET_UP
def test_a_stream_that_has_ended_wants_nothing(make: Any) -> None:
    stream = make(high_water_mark=5)
    close_readable_stream(stream)
    assert desired(stream) == 0
    stream = make(high_water_mark=5)
    error_readable_stream(stream, ERROR)
    assert desired(stream) == 0
    assert not readable_stream_needs_more_data(stream)


@SET_UP
async def test_enqueueing_and_closing(make: Any) -> None:
    stream = make()
    enqueue_into_readable_stream(stream, b"abc")
    close_readable_stream(stream)
    assert is_readable(stream)
    assert [bytes(chunk) for chunk in await read_all(stream)] == [b"abc"]
    assert is_closed(stream)


@SET_UP
async def test_errors(make: Any) -> None:
    stream = make()
    error_readable_stream(stream, ERROR)
    assert is_errored(stream)
    assert outcome(stream.get_reader().read()) == rejected(ERROR)
    error_readable_stream(stream, "another")
    assert outcome(cancel_readable_stream(stream, "why")) == rejected(ERROR)


async def test_closing_a_byte_stream_answers_the_reads_that_wait() -> None:
    stream = set_up_bytes()
    reads = [stream.get_reader(mode="byob").read(bytearray(4))]
    close_readable_stream(stream)
    assert (await reads[0]).done
    assert current_byob_request_view(stream) is None


async def test_a_stream_from_an_asynchronous_sequence() -> None:
    assert await read_all(create_a_readable_stream_from_an_async_sequence([1, 2])) == [1, 2]
    with pytest.raises(TypeError):
        create_a_readable_stream_from_an_async_sequence(3)  # type: ignore[arg-type]


# The current BYOB request view, and pull from bytes -----------------------------------------------


async def test_the_view_is_written_to_and_then_enqueued() -> None:
    stream = set_up_bytes()
    assert current_byob_request_view(stream) is None
    memory = bytearray(4)
    read = stream.get_reader(mode="byob").read(memory)
    view = current_byob_request_view(stream)
    assert view is not None
    assert len(view) == 4
    view[:2] = b"ab"
    enqueue_into_readable_stream(stream, view[:2])
    result = await read
    assert result.value is not None
    assert bytes(result.value) == b"ab"
    assert result.value.obj is memory


async def test_another_buffer_is_enqueued_though_a_view_is_there() -> None:
    stream = set_up_bytes()
    reader = stream.get_reader(mode="byob")
    read = reader.read(bytearray(2))
    enqueue_into_readable_stream(stream, b"abcd")
    assert bytes((await read).value or b"") == b"ab"
    assert bytes((await reader.read(bytearray(9))).value or b"") == b"cd"


@pytest.mark.parametrize(("size", "left"), [(2, b"cd"), (4, b""), (9, b"")])
async def test_as_many_bytes_are_pulled_as_the_reader_has_room_for(size: int, left: bytes) -> None:
    stream = set_up_bytes()
    read = stream.get_reader(mode="byob").read(bytearray(size))
    available = bytearray(b"abcd")
    pull_from_bytes_into_readable_stream(stream, available)
    assert available == left
    assert bytes((await read).value or b"") == b"abcd"[:size]


async def test_without_a_buffer_all_bytes_are_pulled() -> None:
    stream = set_up_bytes()
    available = bytearray(b"abcd")
    pull_from_bytes_into_readable_stream(stream, available)
    assert available == b""
    assert bytes((await stream.get_reader().read()).value) == b"abcd"


# §9.1.2 Reading -----------------------------------------------------------------------------------


def test_a_reader_is_got_or_set_up_for_an_unlocked_stream() -> None:
    stream = stream_of()
    reader = get_a_reader(stream)
    assert type(reader) is ReadableStreamDefaultReader
    with pytest.raises(TypeError):
        get_a_reader(stream)
    release_reader(reader)
    another: ReadableStreamDefaultReader[Any] = new(ReadableStreamDefaultReader)
    set_up_reader(another, stream)
    assert stream.locked
    with pytest.raises(TypeError):
        set_up_reader(new(ReadableStreamDefaultReader), stream)
    release_reader(another)


class Request:
    """A read request that writes down its steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[object, ...]] = []

    def chunk_steps(self, chunk: object) -> None:
        self.steps.append(("chunk", chunk))

    def close_steps(self) -> None:
        self.steps.append(("close",))

    def error_steps(self, e: object) -> None:
        self.steps.append(("error", e))


async def test_the_steps_of_a_read_request_run_at_once() -> None:
    source, stream = source_and_stream()
    reader, request = get_a_reader(stream), Request()
    source.controller.enqueue("a")
    read_a_chunk(reader, request)
    read_a_chunk(reader, request)
    assert request.steps == [("chunk", "a")]
    source.controller.enqueue("b")
    read_a_chunk(reader, request)
    source.controller.close()
    assert request.steps[1:] == [("chunk", "b"), ("close",)]
    read_a_chunk(get_a_reader(errored_stream(ERROR)), request)
    assert request.steps[3:] == [("error", ERROR)]


async def test_all_bytes_of_a_stream() -> None:
    ends: list[object] = []
    stream, source = byte_stream()
    read_all_bytes(get_a_reader(stream), ends.append, ends.append)
    source.controller.enqueue(b"abc")
    source.controller.enqueue(b"d")
    assert ends == []
    source.controller.close()
    assert ends == [b"abcd"]
    read_all_bytes(get_a_reader(stream_of(b"x", bytearray(b"y"))), ends.append, ends.append)
    assert ends[1:] == [b"xy"]


@pytest.mark.parametrize("chunk", ["text", 3, None, array("H", [1])])
async def test_a_chunk_that_is_not_of_bytes_fails_and_ends_the_reading(chunk: object) -> None:
    succeeded: list[object] = []
    failed: list[object] = []
    read_all_bytes(get_a_reader(stream_of(b"a", chunk, b"b")), succeeded.append, failed.append)
    await settle()
    assert succeeded == []
    [error] = failed
    assert isinstance(error, TypeError)


async def test_an_error_while_all_bytes_are_read() -> None:
    source, stream = source_and_stream()
    failed: list[object] = []
    read_all_bytes(get_a_reader(stream), failed.append, failed.append)
    source.controller.enqueue(b"a")
    source.controller.error(ERROR)
    assert failed == [ERROR]


async def test_many_chunks_do_not_exhaust_the_stack() -> None:
    ends: list[bytes] = []
    read_all_bytes(get_a_reader(stream_of(*[b"x"] * 5000)), ends.append, ends.append)
    await settle()
    assert ends == [b"x" * 5000]


async def test_releasing_and_cancelling() -> None:
    source, stream = source_and_stream()
    reader = get_a_reader(stream)
    read = reader.read()
    release_reader(reader)
    assert isinstance(reason_of(read), TypeError)
    reader = get_a_reader(stream)
    await cancel_reader(reader, "why")
    assert ("cancel", "why") in source.events
    # Locked or not:
    source, stream = source_and_stream()
    get_a_reader(stream)
    promise = cancel_readable_stream(stream, "why")
    await settle()
    assert outcome(promise) == FULFILLED
    assert ("cancel", "why") in source.events


# §9.1.3 Introspection -----------------------------------------------------------------------------


async def test_what_can_be_asked_of_a_stream() -> None:
    source, stream = source_and_stream()
    assert (is_readable(stream), is_closed(stream), is_errored(stream)) == (True, False, False)
    assert not is_locked(stream)
    reader = stream.get_reader()
    assert is_locked(stream)
    assert not is_disturbed(stream)
    source.controller.close()
    assert (is_readable(stream), is_closed(stream), is_errored(stream)) == (False, True, False)
    assert not is_disturbed(stream)
    await reader.read()
    assert is_disturbed(stream)
    errored = errored_stream(ERROR)
    assert (is_readable(errored), is_closed(errored), is_errored(errored)) == (False, False, True)


@pytest.mark.parametrize("how", ["read", "read of an error", "cancel", "byob", "tee", "pipe"])
async def test_what_disturbs_a_stream(how: str) -> None:
    stream: ReadableStream[Any] = errored_stream(ERROR) if how == "read of an error" else byte_stream()[0]
    assert not is_disturbed(stream)
    if how in {"read", "read of an error"}:
        outcome(stream.get_reader().read())
    elif how == "cancel":
        await stream.cancel()
    elif how == "byob":
        outcome(stream.get_reader(mode="byob").read(bytearray(1)))
    elif how == "pipe":
        outcome(stream.pipe_to(WritableStream()))
    else:
        one, _ = stream.tee()
        assert not is_disturbed(stream)
        outcome(one.get_reader().read())
        await settle()
    assert is_disturbed(stream)
