"""§4.4 The ReadableStreamDefaultReader class."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import LoopErrors, settle
from tests.support.recording import FULFILLED, HOLD, PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_all, read_on, source_and_stream, stream_of
from whatwg_streams import ReadableStream, ReadableStreamDefaultReader, ReadResult, WritableStream

# The constructor


@pytest.mark.parametrize("stream", [None, 1, {}, "stream", ReadableStream])
def test_a_reader_is_for_a_readable_stream(stream: Any) -> None:
    with pytest.raises(TypeError, match="stream"):
        ReadableStreamDefaultReader(stream)


def test_a_writable_stream_has_no_reader() -> None:
    stream: Any = WritableStream()
    with pytest.raises(TypeError, match="stream"):
        ReadableStreamDefaultReader(stream)


async def test_the_constructor_locks_the_stream() -> None:
    stream = stream_of("a")
    reader = ReadableStreamDefaultReader(stream)
    assert stream.locked
    assert await read_on(reader) == ["a"]


def test_the_constructor_raises_where_the_stream_is_locked_and_the_other_reader_stays() -> None:
    stream = stream_of("a")
    reader = stream.get_reader()
    with pytest.raises(TypeError):
        ReadableStreamDefaultReader(stream)
    assert outcome(reader.read()) == ("fulfilled", ("a", False))


async def test_a_byte_stream_can_have_a_default_reader() -> None:
    def start(controller: Any) -> None:
        controller.enqueue(b"abc")
        controller.close()

    stream = ReadableStream[Any]({"type": "bytes", "start": start})
    assert b"".join([bytes(chunk) for chunk in await read_on(ReadableStreamDefaultReader(stream))]) == b"abc"


# read


async def test_a_result_is_a_pair_with_names() -> None:
    reader = stream_of("a").get_reader()
    result = await reader.read()
    value, done = result
    assert (value, done) == (result.value, result.done) == ("a", False)
    assert await reader.read() == ReadResult(None, True)


async def test_a_read_of_what_is_queued_is_fulfilled_at_once() -> None:
    reader = stream_of("a", "b").get_reader()
    reads = [reader.read(), reader.read(), reader.read()]
    assert [outcome(read)[1] for read in reads] == [("a", False), ("b", False), (None, True)]


async def test_reads_are_served_in_the_order_in_which_they_were_made() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    reads = [reader.read() for _ in range(4)]
    for chunk in "abc":
        source.controller.enqueue(chunk)
    source.controller.close()
    assert [await read for read in reversed(reads)] == [(None, True), ("c", False), ("b", False), ("a", False)]


async def test_each_read_has_a_promise_of_its_own() -> None:
    reader = stream_of().get_reader()
    assert reader.read() is not reader.read()


@pytest.mark.parametrize("reason", [ValueError("broken"), None, "broken"])
async def test_reads_of_an_errored_stream_reject_with_its_error(reason: object) -> None:
    reader = errored_stream(reason).get_reader()
    assert outcome(reader.read()) == outcome(reader.read()) == rejected(reason)


async def test_a_read_after_the_release_rejects() -> None:
    for stream in (stream_of("a"), stream_of(), errored_stream("broken")):
        reader = stream.get_reader()
        reader.release_lock()
        assert isinstance(reason_of(reader.read()), TypeError)


async def test_a_read_counts_as_disturbing_the_stream() -> None:
    for stream in (stream_of("a"), stream_of(), errored_stream("broken")):
        reader = stream.get_reader()
        assert not stream._disturbed
        outcome(reader.read())
        assert stream._disturbed


async def test_a_rejected_read_is_not_marked_handled(loop_errors: LoopErrors) -> None:
    reader = errored_stream(ValueError("broken")).get_reader()
    reader.read()
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], ValueError)


async def test_a_read_rejected_by_the_release_is_not_marked_handled(loop_errors: LoopErrors) -> None:
    _, stream = source_and_stream()
    reader = stream.get_reader()
    reader.read()
    reader.release_lock()
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], TypeError)


# closed: how the class sees the states


async def test_closed_is_pending_while_the_stream_is_readable() -> None:
    assert outcome(stream_of("a").get_reader().closed) == PENDING


async def test_closed_is_fulfilled_where_the_stream_is_closed_already() -> None:
    assert outcome(stream_of().get_reader().closed) == FULFILLED


@pytest.mark.parametrize("reason", [ValueError("broken"), None])
async def test_closed_is_rejected_and_handled_where_the_stream_is_errored_already(reason: object) -> None:
    assert outcome(errored_stream(reason).get_reader().closed) == rejected(reason)
    errored_stream(reason).get_reader()


async def test_closed_is_rejected_and_handled_when_the_stream_is_errored() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    closed = reader.closed
    source.controller.error(ValueError("broken"))
    assert isinstance(closed._promise_result, ValueError)
    assert reader.closed is closed


async def test_closed_is_not_fulfilled_before_all_is_read() -> None:
    stream = stream_of("a", "b")
    reader = stream.get_reader()
    assert outcome(reader.closed) == PENDING
    await reader.read()
    assert outcome(reader.closed) == PENDING
    await reader.read()
    assert outcome(reader.closed) == FULFILLED


# release_lock


async def test_reads_that_wait_are_rejected_by_the_release_with_one_error() -> None:
    _, stream = source_and_stream()
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    reader.release_lock()
    errors = [reason_of(read) for read in reads]
    assert isinstance(errors[0], TypeError)
    assert errors[0] is errors[1]


async def test_the_release_of_a_readable_stream_rejects_its_closed_promise_as_handled() -> None:
    _, stream = source_and_stream()
    reader = stream.get_reader()
    closed = reader.closed
    reader.release_lock()
    assert reader.closed is closed
    assert isinstance(closed._promise_result, TypeError)


@pytest.mark.parametrize("errored", [False, True])
async def test_the_release_of_an_ended_stream_replaces_its_closed_promise(errored: bool) -> None:
    stream = errored_stream("broken") if errored else stream_of()
    reader = stream.get_reader()
    closed = reader.closed
    before = outcome(closed)
    reader.release_lock()
    assert reader.closed is not closed
    assert outcome(closed) == before
    assert isinstance(reader.closed._promise_result, TypeError)


async def test_the_second_release_does_nothing() -> None:
    stream = stream_of("a")
    reader = stream.get_reader()
    reader.release_lock()
    closed = reader.closed
    other = stream.get_reader()
    reader.release_lock()
    assert reader.closed is closed
    assert stream.locked
    assert await read_on(other) == ["a"]


async def test_what_is_queued_stays_for_the_next_reader() -> None:
    stream = stream_of("a", "b")
    with stream.get_reader() as reader:
        await reader.read()
    assert await read_all(stream) == ["b"]


async def test_a_released_reader_sees_nothing_of_what_comes_later() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    reader.release_lock()
    released = outcome(reader.closed)
    source.controller.error("broken")
    assert outcome(reader.closed) == released


async def test_the_order_of_a_release_with_reads_that_wait() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(trace, pull=HOLD)
    reader = stream.get_reader()
    trace.watch("read 1", reader.read())
    trace.watch("read 2", reader.read())
    trace.watch("closed", reader.closed)
    reader.release_lock()
    await settle()
    assert [event[:2] for event in trace.events] == [
        ("start",),
        ("pull",),
        ("closed", "rejected"),
        ("read 1", "rejected"),
        ("read 2", "rejected"),
    ]


async def test_a_reader_that_is_released_within_a_reaction_leaves_the_other_reads_rejected() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    first = reader.read()
    second = reader.read()
    first.then(lambda _: reader.release_lock())
    source.controller.enqueue("a")
    await settle()
    assert isinstance(reason_of(second), TypeError)
    source.controller.enqueue("b")
    source.controller.close()
    assert await read_all(stream) == ["b"]
