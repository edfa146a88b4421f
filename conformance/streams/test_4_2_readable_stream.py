"""§4.2 The ReadableStream class: https://streams.spec.whatwg.org/#rs-class"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    EventTrace,
    RecordingSink,
    RecordingSource,
    members,
    outcome,
    reason_of,
    rejected,
)
from tests.support.sources import errored_stream, read_all, source_and_stream, stream_of
from whatwg_streams import (
    RangeError,
    ReadableByteStreamController,
    ReadableStream,
    ReadableStreamBYOBReader,
    ReadableStreamDefaultController,
    ReadableStreamDefaultReader,
    TransformStream,
    WritableStream,
)

ERROR = ValueError("the reason")


# The constructor, and the underlying source -------------------------------------------------------


async def test_without_arguments_a_stream_is_readable_and_stays_so() -> None:
    stream: ReadableStream[Any] = ReadableStream()
    read = stream.get_reader().read()
    await settle()
    assert outcome(read) == PENDING


@pytest.mark.parametrize("source", ["text", 3, True])
def test_a_source_that_is_no_object_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError):
        ReadableStream(source)


@pytest.mark.parametrize("member", ["start", "pull", "cancel"])
@pytest.mark.parametrize("value", [1, "call me", {}])
def test_a_callback_has_to_be_callable(member: str, value: object) -> None:
    with pytest.raises(TypeError):
        ReadableStream({member: value})


@pytest.mark.parametrize("type_", ["", "byte", "BYTES", "owning"])
def test_the_only_type_is_bytes(type_: str) -> None:
    with pytest.raises(TypeError):
        ReadableStream({"type": type_})


@pytest.mark.parametrize(("type_", "kind"), [
    (None, ReadableStreamDefaultController),
    ("bytes", ReadableByteStreamController),
])  # fmt: skip
def test_start_gets_the_controller_of_the_kind_during_construction(type_: str | None, kind: type[Any]) -> None:
    source = RecordingSource(type=type_)
    ReadableStream(source)
    assert type(source.controller) is kind
    assert source.events == [("start",)]


def test_what_start_raises_the_constructor_raises() -> None:
    with pytest.raises(ValueError, match="the reason") as caught:
        ReadableStream(RecordingSource(start=ERROR))
    assert caught.value is ERROR


@pytest.mark.parametrize("mark", [-1, math.nan, -math.inf])
@pytest.mark.parametrize("type_", [None, "bytes"])
def test_a_high_water_mark_below_zero_or_nan_is_a_range_error_before_start(type_: str | None, mark: float) -> None:
    source = RecordingSource(type=type_)
    with pytest.raises(RangeError):
        ReadableStream(source, {"high_water_mark": mark})
    assert source.events == []


def test_a_byte_stream_takes_no_size_function() -> None:
    source = RecordingSource(type="bytes")
    with pytest.raises(RangeError):
        ReadableStream(source, {"size": lambda _chunk: 1})
    assert source.events == []


@pytest.mark.parametrize(("type_", "mark"), [(None, 1), ("bytes", 0)])
def test_the_high_water_mark_by_default(type_: str | None, mark: int) -> None:
    source = RecordingSource(type=type_)
    ReadableStream(source)
    assert source.controller.desired_size == mark


@pytest.mark.parametrize("size", [0, -1, 1.5j])
def test_auto_allocate_chunk_size_has_to_be_a_positive_integer(size: Any) -> None:
    with pytest.raises(TypeError):
        ReadableStream({"type": "bytes", "auto_allocate_chunk_size": size})


async def test_the_source_may_be_a_mapping_and_be_without_any_callback() -> None:
    recorder = RecordingSource()
    stream: ReadableStream[Any] = ReadableStream(members(recorder, "start", "cancel"))
    await settle()
    assert outcome(stream.cancel("why")) == PENDING
    await settle()
    assert recorder.events == [("start",), ("cancel", "why")]


# locked -------------------------------------------------------------------------------------------


def test_a_stream_is_locked_while_it_has_a_reader() -> None:
    stream = stream_of()
    assert not stream.locked
    reader = stream.get_reader()
    assert stream.locked
    reader.release_lock()
    assert not stream.locked


@pytest.mark.parametrize("stream", [stream_of(), errored_stream(ERROR)], ids=["closed", "errored"])
def test_a_stream_in_its_end_can_still_be_locked(stream: ReadableStream[Any]) -> None:
    with stream.get_reader():
        assert stream.locked
        with pytest.raises(TypeError):
            stream.get_reader()


# cancel -------------------------------------------------------------------------------------------


async def test_a_locked_stream_is_not_cancelled() -> None:
    source, stream = source_and_stream()
    reader = stream.get_reader()
    assert isinstance(reason_of(stream.cancel("why")), TypeError)
    source.controller.enqueue("a")
    assert (await reader.read()).value == "a"
    assert ("cancel", "why") not in source.events


async def test_cancelling_closes_discards_the_queue_and_calls_the_source_at_once() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    reason = object()
    promise = stream.cancel(reason)
    assert source.events == [("start",), ("cancel", reason)]
    assert source.controller.desired_size == 0
    await promise
    assert await read_all(stream) == []


async def test_the_value_that_cancel_of_the_source_gives_is_not_passed_on() -> None:
    _, stream = source_and_stream(cancel="something")
    promise = stream.cancel()
    await settle()
    assert outcome(promise) == FULFILLED


async def test_cancelling_waits_for_the_source() -> None:
    source, stream = source_and_stream(cancel=HOLD)
    promise = stream.cancel()
    await settle()
    assert outcome(promise) == PENDING
    assert await read_all(stream) == []  # though the stream is closed already
    source.resolve("cancel", "something")
    await settle()
    assert outcome(promise) == FULFILLED


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_cancel_of_the_source_fails_with_rejects_and_the_stream_is_closed_all_the_same(how: str) -> None:
    source, stream = source_and_stream(cancel=ERROR if how == "raises" else HOLD)
    promise = stream.cancel()
    if how == "rejects":
        source.reject("cancel", ERROR)
    await settle()
    assert reason_of(promise) is ERROR
    assert await read_all(stream) == []


async def test_cancelling_a_closed_stream_fulfills_and_one_with_an_error_rejects() -> None:
    assert outcome(stream_of().cancel("why")) == FULFILLED
    assert outcome(errored_stream(ERROR).cancel("why")) == rejected(ERROR)


async def test_a_stream_is_cancelled_once() -> None:
    source, stream = source_and_stream()
    await stream.cancel(1)
    await stream.cancel(2)
    assert source.events == [("start",), ("cancel", 1)]


async def test_the_order_of_a_cancellation() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(trace)
    reader = stream.get_reader()
    trace.take()
    trace.watch("read", reader.read())
    trace.watch("closed", reader.closed)
    trace.watch("cancelled", reader.cancel("why"))
    trace.log("returned")
    await settle()
    # `closed` is resolved before the reads are, and both before the source is told.
    assert trace.events == [
        ("cancel", "why"),
        ("returned",),
        ("closed", "fulfilled"),
        ("read", "fulfilled", (None, True)),
        ("cancelled", "fulfilled"),
    ]


# getReader ----------------------------------------------------------------------------------------


def test_the_mode_decides_the_kind_of_reader() -> None:
    stream: ReadableStream[Any] = ReadableStream({"type": "bytes"})
    with stream.get_reader() as default:
        assert type(default) is ReadableStreamDefaultReader
    with stream.get_reader(mode=None) as also_default:
        assert type(also_default) is ReadableStreamDefaultReader
    with stream.get_reader(mode="byob") as byob:
        assert type(byob) is ReadableStreamBYOBReader


@pytest.mark.parametrize("mode", ["", "default", "BYOB", 1])
def test_no_other_mode_is_known(mode: Any) -> None:
    stream: ReadableStream[Any] = ReadableStream({"type": "bytes"})
    with pytest.raises(TypeError):
        stream.get_reader(mode=mode)
    assert not stream.locked


def test_a_stream_that_is_not_of_bytes_has_no_byob_reader() -> None:
    stream = stream_of("a")
    with pytest.raises(TypeError):
        stream.get_reader(mode="byob")
    assert not stream.locked


# pipeThrough --------------------------------------------------------------------------------------


async def test_pipe_through_returns_the_readable_of_the_pair_whatever_the_pair_is() -> None:
    readable, sink = stream_of("b"), RecordingSink()
    pair = {"readable": readable, "writable": WritableStream(sink)}
    assert stream_of("a").pipe_through(pair) is readable
    await settle()
    assert sink.events == [("start",), ("write", "a"), ("close",)]


@pytest.mark.parametrize("missing", ["readable", "writable"])
def test_pipe_through_needs_both_members(missing: str) -> None:
    pair: dict[str, Any] = {"readable": stream_of(), "writable": WritableStream()}
    del pair[missing]
    stream = stream_of()
    with pytest.raises(TypeError):
        stream.pipe_through(pair)
    assert not stream.locked


def test_pipe_through_raises_when_either_stream_is_locked() -> None:
    locked = stream_of()
    reader = locked.get_reader()
    with pytest.raises(TypeError):
        locked.pipe_through(TransformStream())
    transform: TransformStream[Any, Any] = TransformStream()
    writer = transform.writable.get_writer()
    stream = stream_of()
    with pytest.raises(TypeError):
        stream.pipe_through(transform)
    assert not stream.locked
    reader.release_lock()
    writer.release_lock()


async def test_how_the_pipe_of_pipe_through_ends_needs_no_handler() -> None:
    readable = errored_stream(ERROR).pipe_through(TransformStream())
    await settle()
    assert reason_of(readable.get_reader().read()) is ERROR


# pipeTo -------------------------------------------------------------------------------------------


async def test_pipe_to_rejects_and_never_raises() -> None:
    stream = stream_of()
    assert isinstance(reason_of(stream.pipe_to("nothing")), TypeError)  # type: ignore[arg-type]
    assert isinstance(reason_of(stream.pipe_to(WritableStream(), signal="x")), TypeError)  # type: ignore[arg-type]
    assert not stream.locked
    locked: WritableStream[Any] = WritableStream()
    with locked.get_writer():
        assert isinstance(reason_of(stream.pipe_to(locked)), TypeError)
    assert not stream.locked
    destination: WritableStream[Any] = WritableStream()
    with stream.get_reader():
        assert isinstance(reason_of(stream.pipe_to(destination)), TypeError)
    assert not destination.locked


async def test_options_of_a_pipe_are_taken_for_booleans() -> None:
    sink = RecordingSink()
    await stream_of("a").pipe_to(WritableStream(sink), prevent_close="yes")  # type: ignore[arg-type]
    assert ("close",) not in sink.events


async def test_both_streams_are_locked_during_a_pipe() -> None:
    source, stream = source_and_stream()
    destination: WritableStream[Any] = WritableStream()
    promise = stream.pipe_to(destination)
    assert stream.locked
    assert destination.locked
    source.controller.close()
    await promise
    assert not stream.locked
    assert not destination.locked


# tee, values --------------------------------------------------------------------------------------


def test_tee_locks_for_good_and_needs_an_unlocked_stream() -> None:
    stream = stream_of()
    branches = stream.tee()
    assert len(branches) == 2
    assert stream.locked
    with pytest.raises(TypeError):
        stream.tee()
    assert not branches[0].locked
    assert not branches[1].locked


def test_values_locks_at_once_and_needs_an_unlocked_stream() -> None:
    stream = stream_of()
    iterator = stream.values()
    assert stream.locked
    with pytest.raises(TypeError):
        stream.values()
    assert iterator.__aiter__() is iterator


# Asynchronous iteration, §4.2.5 -------------------------------------------------------------------


async def test_iteration_gives_the_chunks_and_releases_the_stream_at_the_end() -> None:
    stream = stream_of(1, 2, 3)
    assert [chunk async for chunk in stream] == [1, 2, 3]
    assert not stream.locked


async def test_iteration_ends_with_the_error_and_releases_the_stream() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 0})
    iterator = stream.values()
    source.controller.enqueue(1)
    assert await iterator.__anext__() == 1
    source.controller.error(ERROR)
    with pytest.raises(ValueError, match="the reason"):
        await iterator.__anext__()
    assert not stream.locked
    with pytest.raises(StopAsyncIteration):
        await iterator.__anext__()


@pytest.mark.parametrize("prevent_cancel", [False, True])
async def test_leaving_an_iteration_cancels_unless_it_is_prevented(prevent_cancel: bool) -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    iterator = stream.values(prevent_cancel=prevent_cancel)
    async for chunk in iterator:
        assert chunk == "a"
        break
    await iterator.aclose()
    assert not stream.locked
    assert source.events.count(("cancel", None)) == (not prevent_cancel)
    if prevent_cancel:
        source.controller.enqueue("b")
        assert (await stream.get_reader().read()).value == "b"


async def test_an_iterator_that_has_returned_gives_nothing_more() -> None:
    stream = stream_of("a", "b")
    iterator = stream.values(prevent_cancel=True)
    await iterator.aclose()
    with pytest.raises(StopAsyncIteration):
        await iterator.__anext__()
    assert await read_all(stream) == ["a", "b"]


async def test_a_second_iterator_goes_on_where_the_first_was_left() -> None:
    stream = stream_of(1, 2, 3)
    first = stream.values(prevent_cancel=True)
    assert await first.__anext__() == 1
    await first.aclose()
    assert [chunk async for chunk in stream] == [2, 3]


async def test_what_cancel_fails_with_leaves_an_iteration_too() -> None:
    source, stream = source_and_stream(cancel=ERROR)
    source.controller.enqueue("a")
    iterator = stream.values()
    await iterator.__anext__()
    with pytest.raises(ValueError, match="the reason"):
        await iterator.aclose()
    assert not stream.locked


async def test_items_asked_for_at_once_come_in_order_and_the_end_comes_once() -> None:
    iterator = stream_of(1, 2).values()
    results = [iterator.next() for _ in range(4)]
    assert [(await result) for result in results] == [(1, False), (2, False), (None, True), (None, True)]


async def test_returning_waits_for_what_was_asked_for_before() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 0})
    iterator = stream.values()
    item, returned, late = iterator.next(), iterator.return_("why"), iterator.next()
    await settle()
    assert [outcome(one) for one in (item, returned, late)] == [PENDING] * 3
    source.controller.enqueue("a")
    await settle()
    assert outcome(item) == ("fulfilled", ("a", False))
    assert outcome(returned) == ("fulfilled", ("why", True))
    assert outcome(late) == ("fulfilled", (None, True))
    assert ("cancel", "why") in source.events
    assert not stream.locked


async def test_an_item_that_fails_ends_an_iteration() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    items = [iterator.next(), iterator.next()]
    source.controller.error(ERROR)
    await settle()
    assert outcome(items[0]) == rejected(ERROR)
    assert outcome(items[1]) == ("fulfilled", (None, True))
    assert outcome(iterator.return_("why")) == PENDING
    await settle()
