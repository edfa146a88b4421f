"""§6.4.2 Default controllers."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    RecordingTransformer,
    members,
    outcome,
    reason_of,
    rejected,
)
from whatwg_streams import Promise, TransformStream
from whatwg_streams._transform.ops import default_controllers


class Chosen(Exception):
    """An error that only a test raises."""


READY = {"high_water_mark": 1}
"""The strategy of a readable side that lets one chunk through before anybody reads."""


# A transform fails -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [Chosen(), None, "boom", 0, StopIteration()], ids=repr)
async def test_a_transform_that_rejects_errors_both_sides_with_the_very_reason(reason: object) -> None:
    transformer = RecordingTransformer(transform=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer, None, READY)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    read = reader.read()
    first, second, close = writer.write("a"), writer.write("b"), writer.close()
    await settle()
    transformer.reject("transform", reason)
    await settle()
    for promise in (first, second, close, read, writer.ready, writer.closed, reader.closed):
        assert outcome(promise)[0] == "rejected"
        assert outcome(promise)[1] is reason
    assert transformer.events == [("start",), ("transform", "a")]


async def test_a_transform_that_raises_errors_both_sides() -> None:
    error = Chosen()
    stream: TransformStream[str, str] = TransformStream(RecordingTransformer(transform=error), None, READY)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    assert (outcome(write), outcome(writer.closed)) == (rejected(error), rejected(error))
    assert outcome(stream.readable.get_reader().closed) == rejected(error)


async def test_a_transform_that_enqueues_and_then_raises_discards_what_it_enqueued() -> None:
    def transform(chunk: str, controller: Any) -> None:
        controller.enqueue(chunk)
        raise Chosen

    stream: TransformStream[str, str] = TransformStream(RecordingTransformer(transform=transform), None, READY)
    write = stream.writable.get_writer().write("a")
    await settle()
    error = reason_of(write)
    assert isinstance(error, Chosen)
    assert outcome(stream.readable.get_reader().read()) == rejected(error)


async def test_a_transform_that_errors_and_raises_keeps_the_first_error_but_fails_the_write_with_its_own() -> None:
    error = Chosen()

    def transform(_: str, controller: Any) -> None:
        controller.error("boom")
        raise error

    stream: TransformStream[str, str] = TransformStream(RecordingTransformer(transform=transform), None, READY)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    assert outcome(write) == rejected(error)
    assert outcome(writer.closed) == rejected("boom")
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")


async def test_a_transform_that_errors_and_returns_fulfills_its_write() -> None:
    transformer = RecordingTransformer(transform=lambda _, controller: controller.error("boom"))
    stream: TransformStream[str, str] = TransformStream(transformer, None, READY)
    writer = stream.writable.get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    assert (outcome(first), outcome(second)) == (FULFILLED, rejected("boom"))


# A transform is under way ----------------------------------------------------------------------------


async def test_chunks_are_transformed_one_after_the_other() -> None:
    transformer = RecordingTransformer(transform=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer, None, {"high_water_mark": 5})
    writer = stream.writable.get_writer()
    writes, close = [writer.write(chunk) for chunk in "ab"], writer.close()
    await settle()
    assert transformer.events == [("start",), ("transform", "a")]
    transformer.resolve("transform")
    await settle()
    assert [outcome(write) for write in writes] == [FULFILLED, PENDING]
    assert transformer.events[2:] == [("transform", "b")]
    transformer.resolve("transform")
    await close
    assert transformer.events[3:] == [("flush",)]


async def test_an_abort_waits_for_the_transform() -> None:
    transformer = RecordingTransformer(transform=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer, None, READY)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    abort = writer.abort("why")
    await settle()
    assert outcome(abort) == PENDING
    transformer.resolve("transform")
    await settle()
    assert (outcome(write), outcome(abort)) == (FULFILLED, FULFILLED)
    assert transformer.events == [("start",), ("transform", "a"), ("cancel", "why")]
    assert outcome(stream.readable.get_reader().closed) == rejected("why")


async def test_an_abort_ends_when_the_transform_it_waits_for_rejects() -> None:
    # The text clears the cancel algorithm as the transform fails, and performs it for the abort: something is
    # missing there. Whatever is done about that, the abort must end, and nothing be reported.
    transformer = RecordingTransformer(transform=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer, None, READY)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    abort = writer.abort("why")
    transformer.reject("transform", "boom")
    await settle()
    assert outcome(write) == rejected("boom")
    assert outcome(abort) != PENDING
    assert outcome(writer.closed) == rejected("why")
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")


async def test_an_abort_ends_when_the_transform_it_waits_for_errors_the_stream() -> None:
    # As above: the error clears the cancel algorithm.
    transformer = RecordingTransformer(transform=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer, None, READY)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    abort = writer.abort("why")
    transformer.controller.error("boom")
    transformer.resolve("transform")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(abort) != PENDING
    assert outcome(writer.closed) == rejected("why")
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")


async def test_an_abort_ends_when_the_transform_it_waits_for_terminates_the_stream() -> None:
    # As above: terminating clears the cancel algorithm.
    transformer = RecordingTransformer(transform=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer, None, READY)
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    abort = writer.abort("why")
    transformer.controller.terminate()
    transformer.resolve("transform")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(abort) != PENDING
    assert outcome(stream.readable.get_reader().closed) == FULFILLED


# Enqueueing and backpressure ---------------------------------------------------------------------


async def test_enqueueing_sets_backpressure_once_the_readable_side_is_full() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(transformer, None, {"high_water_mark": 2})
    await settle()
    seen = [stream._backpressure]
    for _ in range(3):
        transformer.controller.enqueue("a")
        seen.append(stream._backpressure)
    assert seen == [False, False, True, True]


async def test_enqueueing_while_a_pull_waits_for_its_turn_is_no_error() -> None:
    # Two reads follow before the reaction to the pull ran: there is a request left, hence no backpressure, while
    # the stream still has it noted. The text asserts that this can not be.
    transformer = RecordingTransformer()
    stream: TransformStream[int, int] = TransformStream(transformer)
    reader = stream.readable.get_reader()
    await settle()
    reads = [reader.read(), reader.read()]
    transformer.controller.enqueue(0)
    transformer.controller.enqueue(1)
    reads += [reader.read(), reader.read()]
    transformer.controller.enqueue(2)
    transformer.controller.enqueue(3)
    assert [(await read).value for read in reads] == [0, 1, 2, 3]
    write = stream.writable.get_writer().write(4)
    assert (await reader.read()).value == 4
    await write


# The algorithms are let go --------------------------------------------------------------------------


async def test_a_stream_that_has_ended_lets_go_of_its_transformer() -> None:
    async def close(_: RecordingTransformer, stream: TransformStream[Any, Any]) -> None:
        await stream.writable.close()

    async def abort(_: RecordingTransformer, stream: TransformStream[Any, Any]) -> None:
        await stream.writable.abort("why")

    async def cancel(_: RecordingTransformer, stream: TransformStream[Any, Any]) -> None:
        await stream.readable.cancel("why")

    async def error(transformer: RecordingTransformer, _: TransformStream[Any, Any]) -> None:
        transformer.controller.error("why")

    async def terminate(transformer: RecordingTransformer, _: TransformStream[Any, Any]) -> None:
        transformer.controller.terminate()

    async def fail(transformer: RecordingTransformer, stream: TransformStream[Any, Any]) -> None:
        transformer.answers["transform"] = Promise.reject("boom")
        with stream.writable.get_writer() as writer:
            write = writer.write("a")
            await settle()
            assert outcome(write) == rejected("boom")

    for end in (close, abort, cancel, error, terminate, fail):
        transformer = RecordingTransformer()
        stream: TransformStream[Any, Any] = TransformStream(
            members(transformer, "start", "transform", "flush", "cancel"), None, READY
        )
        await settle()
        await end(transformer, stream)
        await settle()
        reference = weakref.ref(transformer)
        del transformer
        gc.collect()
        assert reference() is None, end


def test_a_stream_is_set_up_once() -> None:
    stream: TransformStream[str, str] = TransformStream()
    with pytest.raises(AssertionError):
        default_controllers.set_up_transform_stream_default_controller(
            stream, stream._the_controller(), lambda _: Promise(), Promise, lambda _: Promise()
        )
