"""§4.4 The ReadableStreamDefaultReader class: https://streams.spec.whatwg.org/#default-reader-class"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sources import errored_stream, source_and_stream, stream_of
from whatwg_streams import ReadableStream, ReadableStreamDefaultReader

ERROR = ValueError("the reason")


def test_the_constructor_locks_the_stream() -> None:
    stream = stream_of()
    reader: ReadableStreamDefaultReader[Any] = ReadableStreamDefaultReader(stream)
    assert stream.locked
    with pytest.raises(TypeError):
        ReadableStreamDefaultReader(stream)
    reader.release_lock()


@pytest.mark.parametrize("stream", [None, "stream", {}])
def test_the_constructor_wants_a_stream(stream: Any) -> None:
    with pytest.raises(TypeError):
        ReadableStreamDefaultReader(stream)


async def test_reads_of_a_queue_are_fulfilled_at_once_in_order() -> None:
    reader = stream_of("a", "b").get_reader()
    assert outcome(reader.read()) == ("fulfilled", ("a", False))
    assert outcome(reader.read()) == ("fulfilled", ("b", False))
    assert outcome(reader.read()) == ("fulfilled", (None, True))
    assert outcome(reader.read()) == ("fulfilled", (None, True))


async def test_pending_reads_get_the_chunks_first_come_first_served() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    first, second, third = reader.read(), reader.read(), reader.read()
    source.controller.enqueue("a")
    assert outcome(first) == ("fulfilled", ("a", False))
    assert outcome(second) == PENDING
    source.controller.enqueue("b")
    assert outcome(second) == ("fulfilled", ("b", False))
    source.controller.close()
    assert outcome(third) == ("fulfilled", (None, True))


async def test_an_error_rejects_all_pending_reads_and_those_to_come() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    pending = [reader.read(), reader.read()]
    source.controller.error(ERROR)
    assert [outcome(one) for one in [*pending, reader.read()]] == [rejected(ERROR)] * 3


async def test_an_error_discards_what_was_queued() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.error(ERROR)
    assert outcome(stream.get_reader().read()) == rejected(ERROR)


async def test_chunks_may_be_anything() -> None:
    chunks: list[Any] = [None, False, 0, "", ERROR, [], stream_of]
    reader = stream_of(*chunks).get_reader()
    for chunk in chunks:
        result = await reader.read()
        assert result.value is chunk
        assert not result.done


async def test_releasing_rejects_pending_reads_with_a_type_error_and_keeps_the_chunks() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    pending = [reader.read(), reader.read()]
    reader.release_lock()
    reasons = [reason_of(one) for one in pending]
    assert isinstance(reasons[0], TypeError)
    assert reasons[0] is reasons[1]
    source.controller.enqueue("a")
    assert (await stream.get_reader().read()).value == "a"


async def test_a_released_reader_can_not_read_and_is_released_once() -> None:
    stream = stream_of("a")
    reader = stream.get_reader()
    reader.release_lock()
    assert isinstance(reason_of(reader.read()), TypeError)
    other = stream.get_reader()
    reader.release_lock()  # it is no longer its lock
    assert stream.locked
    assert (await other.read()).value == "a"


async def test_reading_a_stream_with_an_error() -> None:
    assert outcome(errored_stream(None).get_reader().read()) == rejected(None)


async def test_the_order_of_settlements_when_a_stream_is_closed() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    trace.take()
    trace.watch("first", reader.read())
    trace.watch("closed", reader.closed)
    trace.watch("second", reader.read())
    source.controller.close()
    trace.log("synchronous")
    await settle()
    # `closed` is resolved first, then the reads from first to last.
    assert trace.events == [
        ("synchronous",),
        ("closed", "fulfilled"),
        ("first", "fulfilled", (None, True)),
        ("second", "fulfilled", (None, True)),
    ]


async def test_the_order_of_settlements_when_a_stream_is_errored() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    trace.take()
    trace.watch("first", reader.read())
    trace.watch("second", reader.read())
    trace.watch("closed", reader.closed)
    source.controller.error(ERROR)
    await settle()
    assert trace.events == [
        ("closed", "rejected", ERROR),
        ("first", "rejected", ERROR),
        ("second", "rejected", ERROR),
    ]


async def test_releasing_settles_closed_before_the_reads() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(trace)
    await settle()
    reader = stream.get_reader()
    trace.watch("read", reader.read())
    trace.watch("closed", reader.closed)
    trace.take()
    reader.release_lock()
    await settle()
    assert [event[:2] for event in trace.events] == [("closed", "rejected"), ("read", "rejected")]


async def test_a_chunk_is_passed_on_in_the_same_microtask_in_which_it_comes() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    await settle()
    trace.take()
    trace.watch("read", reader.read())
    trace.clock(2)
    source.controller.enqueue("a")
    await settle()
    assert ("read", "fulfilled", ("a", False)) in trace.events
    # `pull` was called by the read, and is called again by the enqueueing once it has answered.
    assert trace.events.index(("read", "fulfilled", ("a", False))) < trace.events.index(("hop", 2))


async def test_a_read_in_reaction_to_a_read() -> None:
    source, stream = source_and_stream(pull=lambda controller: controller.enqueue("more"))
    reader = stream.get_reader()
    values: list[Any] = []

    def again(result: Any) -> Any:
        values.append(result.value)
        return reader.read().then(again) if len(values) < 3 else None

    await reader.read().then(again)
    assert values == ["more"] * 3
    assert source.events.count(("pull",)) >= 3


def test_a_reader_of_a_stream_of_its_own_is_no_reader_of_another() -> None:
    one, other = stream_of(), ReadableStream[Any]()
    with one.get_reader():
        assert not other.locked
