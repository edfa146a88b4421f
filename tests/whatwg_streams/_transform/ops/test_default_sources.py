"""§6.4.4 Default sources: cancelling and pulling from the readable side."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingTransformer, outcome, rejected
from whatwg_streams import Promise, TransformStream
from whatwg_streams._transform.ops import default_sources


class Chosen(Exception):
    """An error that only a test raises."""


def build(transformer: RecordingTransformer, high_water_mark: float = 0) -> TransformStream[Any, Any]:
    return TransformStream(transformer, None, {"high_water_mark": high_water_mark})


@pytest.mark.parametrize("reason", [None, "why", Chosen(), 0], ids=repr)
async def test_a_cancel_cancels_the_transformer_and_errors_the_writable_side_with_the_reason(reason: object) -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    cancel = reader.cancel(reason)
    assert transformer.events == [("start",), ("cancel", reason)]
    await settle()
    assert (outcome(cancel), outcome(reader.closed), outcome(writer.closed)) == (PENDING, FULFILLED, PENDING)
    transformer.resolve("cancel")
    await settle()
    assert (outcome(cancel), outcome(writer.closed)) == (FULFILLED, rejected(reason))


async def test_a_cancel_that_rejects_errors_the_writable_side_with_that() -> None:
    error = Chosen()
    for cancel in (error, Promise.reject(error)):
        transformer = RecordingTransformer(cancel=cancel)
        stream = build(transformer)
        writer = stream.writable.get_writer()
        await settle()
        promise = stream.readable.cancel("why")
        await settle()
        assert (outcome(promise), outcome(writer.closed)) == (rejected(error), rejected(error))


async def test_a_cancel_that_rejects_lets_a_write_fail_that_waits_for_backpressure() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    write = stream.writable.get_writer().write("a")
    await settle()
    cancel = stream.readable.cancel("why")
    await settle()
    assert outcome(write) == PENDING
    transformer.reject("cancel", "boom")
    await settle()
    assert (outcome(write), outcome(cancel)) == (rejected("boom"), rejected("boom"))


async def test_a_cancel_whose_callback_errors_the_stream_fails_with_that_error() -> None:
    transformer: RecordingTransformer = RecordingTransformer(cancel=lambda _: transformer.controller.error("boom"))
    stream = build(transformer)
    writer = stream.writable.get_writer()
    await settle()
    cancel = stream.readable.cancel("why")
    await settle()
    assert (outcome(cancel), outcome(writer.closed)) == (rejected("boom"), rejected("boom"))


async def test_a_cancel_before_the_start_cancels_at_once_and_errors_after_the_start() -> None:
    transformer = RecordingTransformer(start=HOLD)
    stream = build(transformer)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    cancel = stream.readable.cancel("why")
    assert transformer.events == [("start",), ("cancel", "why")]
    await settle()
    assert (outcome(cancel), outcome(writer.ready)) == (FULFILLED, rejected("why"))
    assert (outcome(write), outcome(writer.closed)) == (PENDING, PENDING)
    transformer.resolve("start")
    await settle()
    assert (outcome(write), outcome(writer.closed)) == (rejected("why"), rejected("why"))


async def test_a_cancel_after_an_error_fails_with_it_and_leaves_the_transformer_alone() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    transformer.controller.error("boom")
    assert outcome(stream.readable.cancel("why")) == rejected("boom")
    assert transformer.events == [("start",)]


async def test_a_cancel_after_the_end_does_nothing() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    await stream.writable.close()
    await stream.readable.cancel("why")
    assert transformer.events == [("start",), ("flush",)]


async def test_a_cancel_with_chunks_left_after_the_close_ends_without_cancelling_the_transformer() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer, 5)
    await settle()
    transformer.controller.enqueue("a")
    await stream.writable.close()
    assert outcome(stream.readable.cancel("why")) == PENDING
    await settle()
    assert transformer.events == [("start",), ("flush",)]


async def test_a_cancel_with_chunks_left_after_terminating_ends() -> None:
    # The text has cleared the cancel algorithm by then, and performs it: something is missing there. Whatever
    # is done about that, the call must not raise, and the promise must settle.
    transformer = RecordingTransformer()
    stream = build(transformer, 5)
    writer = stream.writable.get_writer()
    await settle()
    transformer.controller.enqueue("a")
    transformer.controller.terminate()
    cancel = stream.readable.cancel("why")
    await settle()
    assert outcome(cancel) != PENDING
    assert isinstance(outcome(writer.closed)[1], TypeError)


async def test_a_second_cancel_does_nothing_more() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    await settle()
    first = stream.readable.cancel("first")
    assert outcome(stream.readable.cancel("second")) == FULFILLED
    transformer.resolve("cancel")
    await first
    assert transformer.events == [("start",), ("cancel", "first")]


async def test_a_pull_ends_backpressure_and_lasts_until_there_is_some_again() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    pull = default_sources.transform_stream_default_source_pull_algorithm(stream)
    assert stream._backpressure is False
    assert outcome(pull) == PENDING
    with pytest.raises(AssertionError):
        default_sources.transform_stream_default_source_pull_algorithm(stream)
    transformer.controller.enqueue("a")
    assert stream._backpressure is True
    assert outcome(pull) == FULFILLED
