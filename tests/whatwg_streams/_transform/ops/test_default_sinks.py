"""§6.4.3 Default sinks: writing, aborting and closing the writable side."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingTransformer, outcome, reason_of, rejected
from whatwg_streams import Promise, TransformStream
from whatwg_streams._transform.ops import default_sinks


class Chosen(Exception):
    """An error that only a test raises."""


def build(transformer: RecordingTransformer, high_water_mark: float = 0) -> TransformStream[Any, Any]:
    return TransformStream(transformer, None, {"high_water_mark": high_water_mark})


# Write -------------------------------------------------------------------------------------------


async def test_a_write_waits_for_backpressure_to_end_before_its_chunk_is_transformed() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    write = stream.writable.get_writer().write("a")
    await settle()
    assert transformer.events == [("start",)]
    read = stream.readable.get_reader().read()
    await settle()
    assert (outcome(write), outcome(read)[0]) == (FULFILLED, "fulfilled")


async def test_a_write_without_backpressure_transforms_within_the_call() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer, 1)
    await settle()
    write = stream.writable.get_writer().write("a")
    assert transformer.events == [("start",), ("transform", "a")]
    await write


async def test_an_abort_waits_for_a_write_that_waits_for_backpressure() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    write = writer.write("a")
    await settle()
    abort = writer.abort("why")
    await settle()
    assert (outcome(write), outcome(abort)) == (PENDING, PENDING)
    read = reader.read()
    await settle()
    assert (outcome(write), outcome(abort), outcome(read)) == (rejected("why"), FULFILLED, rejected("why"))
    assert transformer.events == [("start",), ("cancel", "why")]


async def test_a_write_that_waits_for_backpressure_fails_when_the_readable_side_is_cancelled() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    writer = stream.writable.get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    cancel = stream.readable.cancel("why")
    await settle()
    assert outcome(cancel) == FULFILLED
    assert (outcome(first), outcome(second), outcome(writer.closed)) == (rejected("why"),) * 3
    assert transformer.events == [("start",), ("cancel", "why")]


async def test_a_write_while_a_cancel_is_under_way_does_not_raise_and_fails_in_the_end() -> None:
    # The text has cleared the transform algorithm by then, and performs it: something is missing there. Whatever
    # is done about that, the call must not raise, and the write must end.
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer, 1)
    await settle()
    cancel = stream.readable.cancel("why")
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    transformer.resolve("cancel")
    await settle()
    assert outcome(cancel)[0] != "pending"
    assert outcome(write) != PENDING
    assert outcome(writer.closed)[0] == "rejected"
    assert transformer.events == [("start",), ("cancel", "why")]


async def test_a_write_under_backpressure_while_a_cancel_is_under_way_fails_with_the_reason() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    await settle()
    cancel = stream.readable.cancel("why")
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    assert outcome(write) == PENDING
    transformer.resolve("cancel")
    await settle()
    assert outcome(cancel) == FULFILLED
    assert (outcome(write), outcome(writer.closed)) == (rejected("why"), rejected("why"))


async def test_the_sink_is_written_to_only_while_the_writable_side_is_writable() -> None:
    stream = build(RecordingTransformer())
    await stream.writable.close()
    with pytest.raises(AssertionError):
        default_sinks.transform_stream_default_sink_write_algorithm(stream, "a")


# Abort -------------------------------------------------------------------------------------------


async def test_an_abort_cancels_the_transformer_and_errors_the_readable_side_with_the_reason() -> None:
    for reason in (None, "why", Chosen(), 0):
        transformer = RecordingTransformer(cancel=HOLD)
        stream = build(transformer, 5)
        reader = stream.readable.get_reader()
        await settle()
        transformer.controller.enqueue("a")
        abort = stream.writable.abort(reason)
        assert transformer.events == [("start",), ("cancel", reason)]
        await settle()
        assert (outcome(abort), outcome(reader.closed)) == (PENDING, PENDING)
        transformer.resolve("cancel")
        await settle()
        assert (outcome(abort), outcome(reader.closed)) == (FULFILLED, rejected(reason))
        assert outcome(reader.read()) == rejected(reason)


async def test_an_abort_whose_cancel_rejects_errors_the_readable_side_with_that() -> None:
    error = Chosen()
    for cancel in (error, Promise.reject(error)):
        transformer = RecordingTransformer(cancel=cancel)
        stream = build(transformer)
        writer = stream.writable.get_writer()
        await settle()
        abort = writer.abort("why")
        await settle()
        assert outcome(abort) == rejected(error)
        assert outcome(writer.closed) == rejected("why")
        assert outcome(stream.readable.get_reader().closed) == rejected(error)


async def test_an_abort_whose_cancel_errors_the_stream_fails_with_that_error() -> None:
    transformer: RecordingTransformer = RecordingTransformer(cancel=lambda _: transformer.controller.error("boom"))
    stream = build(transformer)
    writer = stream.writable.get_writer()
    await settle()
    abort = writer.abort("why")
    await settle()
    assert outcome(abort) == rejected("boom")
    assert outcome(writer.closed) == rejected("why")
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")


async def test_an_abort_after_an_error_leaves_the_transformer_alone() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    await settle()
    transformer.controller.error("boom")
    assert outcome(stream.writable.abort("why")) == FULFILLED
    assert transformer.events == [("start",)]


# Close -------------------------------------------------------------------------------------------


async def test_a_close_flushes_and_then_closes_the_readable_side() -> None:
    transformer = RecordingTransformer(flush=HOLD)
    stream = build(transformer)
    reader = stream.readable.get_reader()
    close = stream.writable.close()
    await settle()
    assert transformer.events == [("start",), ("flush",)]
    assert (outcome(close), outcome(reader.closed)) == (PENDING, PENDING)
    transformer.controller.enqueue("last")
    transformer.resolve("flush")
    await settle()
    assert (outcome(close), outcome(reader.closed)) == (FULFILLED, PENDING)
    assert (await reader.read()).value == "last"
    assert outcome(reader.closed) == FULFILLED


async def test_a_flush_that_rejects_errors_both_sides() -> None:
    error = Chosen()
    for flush in (error, Promise.reject(error)):
        transformer = RecordingTransformer(flush=flush)
        stream = build(transformer)
        writer = stream.writable.get_writer()
        close = writer.close()
        await settle()
        assert (outcome(close), outcome(writer.closed)) == (rejected(error), rejected(error))
        assert outcome(stream.readable.get_reader().closed) == rejected(error)


async def test_a_flush_that_errors_the_stream_fails_the_close_with_that_error() -> None:
    transformer = RecordingTransformer(flush=lambda controller: controller.error("boom"))
    stream = build(transformer)
    writer = stream.writable.get_writer()
    close = writer.close()
    await settle()
    assert (outcome(close), outcome(writer.closed)) == (rejected("boom"), rejected("boom"))
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")


async def test_a_flush_that_terminates_the_stream_still_closes_it() -> None:
    transformer = RecordingTransformer(flush=lambda controller: controller.terminate())
    stream = build(transformer)
    writer = stream.writable.get_writer()
    close = writer.close()
    await settle()
    assert (outcome(close), outcome(writer.closed)) == (FULFILLED, FULFILLED)
    assert isinstance(reason_of(writer.ready), TypeError)
    assert outcome(stream.readable.get_reader().closed) == FULFILLED


async def test_a_flush_that_enqueues_what_can_not_be_sized_fails_the_close() -> None:
    transformer = RecordingTransformer(flush=lambda controller: controller.enqueue("a"))
    stream: TransformStream[str, str] = TransformStream(transformer, None, {"size": lambda: -1})
    writer = stream.writable.get_writer()
    close = writer.close()
    await settle()
    error = reason_of(close)
    assert isinstance(error, ValueError)
    assert outcome(stream.readable.get_reader().closed) == rejected(error)


async def test_a_close_waits_for_neither_a_reader_nor_backpressure() -> None:
    transformer = RecordingTransformer()
    stream = build(transformer)
    await stream.writable.close()
    assert [chunk async for chunk in stream.readable] == []


# Races through [[finishPromise]] -------------------------------------------------------------------


async def test_a_cancel_while_a_close_is_under_way_ends_with_it() -> None:
    transformer = RecordingTransformer(flush=HOLD)
    stream = build(transformer)
    writer = stream.writable.get_writer()
    close = writer.close()
    await settle()
    cancel = stream.readable.cancel("why")
    await settle()
    assert (outcome(close), outcome(cancel)) == (PENDING, PENDING)
    transformer.resolve("flush")
    await settle()
    assert (outcome(close), outcome(cancel), outcome(writer.closed)) == (FULFILLED,) * 3
    assert transformer.events == [("start",), ("flush",)]


async def test_a_cancel_while_a_close_is_under_way_fails_with_the_flush() -> None:
    transformer = RecordingTransformer(flush=HOLD)
    stream = build(transformer)
    writer = stream.writable.get_writer()
    close = writer.close()
    await settle()
    cancel = stream.readable.cancel("why")
    transformer.reject("flush", "boom")
    await settle()
    assert (outcome(close), outcome(cancel), outcome(writer.closed)) == (rejected("boom"),) * 3
    assert outcome(stream.readable.get_reader().closed) == FULFILLED


async def test_an_abort_while_a_close_is_under_way_ends_with_it_and_cancels_nothing() -> None:
    transformer = RecordingTransformer(flush=HOLD)
    stream = build(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    close = writer.close()
    await settle()
    abort = writer.abort("why")
    await settle()
    assert (outcome(close), outcome(abort)) == (PENDING, PENDING)
    transformer.resolve("flush")
    await settle()
    assert (outcome(close), outcome(abort), outcome(writer.closed), outcome(reader.closed)) == (FULFILLED,) * 4
    assert transformer.events == [("start",), ("flush",)]


async def test_an_abort_while_a_close_is_under_way_fails_with_the_flush() -> None:
    transformer = RecordingTransformer(flush=HOLD)
    stream = build(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    close = writer.close()
    await settle()
    abort = writer.abort("why")
    transformer.reject("flush", "boom")
    await settle()
    assert (outcome(close), outcome(abort), outcome(reader.closed)) == (rejected("boom"),) * 3
    assert outcome(writer.closed) == rejected("why")


async def test_a_close_while_a_cancel_is_under_way_ends_with_it() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    writer = stream.writable.get_writer()
    await settle()
    cancel = stream.readable.cancel("why")
    close = writer.close()
    await settle()
    assert (outcome(cancel), outcome(close)) == (PENDING, PENDING)
    transformer.resolve("cancel")
    await settle()
    assert (outcome(cancel), outcome(close), outcome(writer.closed)) == (FULFILLED,) * 3
    assert outcome(writer.ready) == rejected("why")
    assert transformer.events == [("start",), ("cancel", "why")]


async def test_a_close_while_a_cancel_is_under_way_fails_with_it() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    writer = stream.writable.get_writer()
    await settle()
    cancel = stream.readable.cancel("why")
    close = writer.close()
    transformer.reject("cancel", "boom")
    await settle()
    assert (outcome(cancel), outcome(close), outcome(writer.closed)) == (rejected("boom"),) * 3


async def test_an_abort_while_a_cancel_is_under_way_fails_both_with_the_reason_of_the_abort() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    writer = stream.writable.get_writer()
    await settle()
    cancel = stream.readable.cancel("cancel")
    abort = writer.abort("abort")
    await settle()
    assert (outcome(cancel), outcome(abort)) == (PENDING, PENDING)
    transformer.resolve("cancel")
    await settle()
    assert (outcome(cancel), outcome(abort), outcome(writer.closed)) == (rejected("abort"),) * 3
    assert transformer.events == [("start",), ("cancel", "cancel")]


async def test_a_cancel_while_an_abort_is_under_way_ends_with_it() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    abort = writer.abort("abort")
    cancel = reader.cancel("cancel")
    await settle()
    assert (outcome(cancel), outcome(abort), outcome(reader.closed)) == (PENDING, PENDING, FULFILLED)
    transformer.resolve("cancel")
    await settle()
    assert (outcome(cancel), outcome(abort)) == (FULFILLED, FULFILLED)
    assert outcome(writer.closed) == rejected("abort")
    assert transformer.events == [("start",), ("cancel", "abort")]


async def test_a_cancel_while_an_abort_is_under_way_fails_with_it() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream = build(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    abort = writer.abort("abort")
    cancel = reader.cancel("cancel")
    transformer.reject("cancel", "boom")
    await settle()
    assert (outcome(cancel), outcome(abort)) == (rejected("boom"), rejected("boom"))


async def test_an_abort_within_a_cancel_callback_fails_both() -> None:
    within: list[Promise[None]] = []

    def cancel(_: object) -> None:
        within.append(stream.writable.abort("within"))

    transformer = RecordingTransformer(cancel=cancel)
    stream = build(transformer)
    await settle()
    promise = stream.readable.cancel("why")
    await settle()
    assert outcome(promise) == rejected("within")
    assert [outcome(abort) for abort in within] == [rejected("within")]
    assert transformer.events == [("start",), ("cancel", "why")]


async def test_a_cancel_within_a_flush_callback_ends_with_the_close() -> None:
    within: list[Promise[None]] = []
    transformer = RecordingTransformer(flush=lambda _: within.append(stream.readable.cancel("within")))
    stream: TransformStream[Any, Any] = build(transformer)
    close = stream.writable.close()
    await settle()
    assert (outcome(close), outcome(within[0])) == (FULFILLED, FULFILLED)
    assert transformer.events == [("start",), ("flush",)]
