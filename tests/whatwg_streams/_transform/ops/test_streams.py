"""§6.4.1 Working with transform streams."""

from __future__ import annotations

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, RecordingTransformer, outcome, rejected
from whatwg_streams import TransformStream
from whatwg_streams._transform import fast_default
from whatwg_streams._transform.ops import streams


async def test_there_is_backpressure_until_the_readable_side_wants_a_chunk() -> None:
    stream: TransformStream[str, str] = TransformStream()
    change = fast_default.backpressure_change_promise(stream)
    assert stream._backpressure is True
    await settle()
    assert stream._backpressure is True
    stream.readable.get_reader().read()
    assert stream._backpressure is False
    assert outcome(change) == FULFILLED


async def test_room_in_the_readable_side_ends_backpressure_once_it_has_started() -> None:
    stream: TransformStream[str, str] = TransformStream(None, None, {"high_water_mark": 1})
    assert stream._backpressure is True
    await settle()
    assert stream._backpressure is False


async def test_backpressure_holds_the_writer_back_until_a_chunk_is_read() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    writes = [writer.write("a"), writer.write("b")]
    await settle()
    assert transformer.events == [("start",)]
    assert outcome(writer.ready) == PENDING
    assert (await reader.read()).value == "a"
    await settle()
    assert transformer.events == [("start",), ("transform", "a")]
    assert [outcome(write) for write in writes] == [FULFILLED, PENDING]
    assert (await reader.read()).value == "b"
    await writer.ready
    assert [outcome(write) for write in writes] == [FULFILLED, FULFILLED]


async def test_both_strategies_add_up_to_what_can_be_written_without_waiting() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[int, int] = TransformStream(transformer, {"high_water_mark": 3}, {"high_water_mark": 2})
    writer = stream.writable.get_writer()
    written = 0
    while outcome(writer.ready) == FULFILLED:
        writer.write(written)
        written += 1
        await settle()
    assert written == 5
    assert transformer.events[1:] == [("transform", 0), ("transform", 1)]
    reader = stream.readable.get_reader()
    assert [(await reader.read()).value for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_an_infinite_high_water_mark_on_the_readable_side_never_holds_the_writer_back() -> None:
    stream: TransformStream[int, int] = TransformStream(None, None, {"high_water_mark": float("inf")})
    writer = stream.writable.get_writer()
    for chunk in range(10):
        await writer.write(chunk)
    await writer.close()
    assert [chunk async for chunk in stream.readable] == list(range(10))


async def test_a_transform_that_gives_no_chunk_leaves_the_next_free_to_come() -> None:
    transformer = RecordingTransformer(transform=None)
    stream: TransformStream[str, str] = TransformStream(transformer)
    writer = stream.writable.get_writer()
    read = stream.readable.get_reader().read()
    await writer.write("a")
    await writer.write("b")
    assert transformer.events == [("start",), ("transform", "a"), ("transform", "b")]
    assert outcome(read) == PENDING


def test_setting_backpressure_is_always_a_change() -> None:
    stream: TransformStream[str, str] = TransformStream()
    with pytest.raises(AssertionError):
        streams.transform_stream_set_backpressure(stream, backpressure=True)
    first = fast_default.backpressure_change_promise(stream)
    streams.transform_stream_set_backpressure(stream, backpressure=False)
    assert first is not None
    assert outcome(first) == FULFILLED
    assert fast_default.backpressure_change_promise(stream) is not first


def test_unblocking_ends_backpressure_where_there_is_some() -> None:
    stream: TransformStream[str, str] = TransformStream()
    streams.transform_stream_unblock_write(stream)
    assert stream._backpressure is False
    change = fast_default.backpressure_change_promise(stream)
    streams.transform_stream_unblock_write(stream)
    assert fast_default.backpressure_change_promise(stream) is change


async def test_erroring_works_whatever_is_errored_already() -> None:
    stream: TransformStream[str, str] = TransformStream()
    await settle()
    streams.transform_stream_error_writable_and_unblock_write(stream, "first")
    assert repr(stream) == "<TransformStream from <WritableStream errored> to <ReadableStream readable>>"
    streams.transform_stream_error(stream, "second")
    streams.transform_stream_error(stream, "third")
    assert outcome(stream.writable.get_writer().closed) == rejected("first")
    assert outcome(stream.readable.get_reader().closed) == rejected("second")
    assert stream._the_controller()._transform_algorithm is None
    assert stream._the_controller()._flush_algorithm is None
    assert stream._the_controller()._cancel_algorithm is None
