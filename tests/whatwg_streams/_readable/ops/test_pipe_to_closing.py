"""§4.9.1 ReadableStreamPipeTo: closing is propagated forward and backward."""

from __future__ import annotations

import pytest

from tests.support import settle
from tests.support.pipes import PREVENT, started
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    outcome,
    reason_of,
)
from tests.support.sources import stream_of

# Closing is propagated forward


@pytest.mark.parametrize("before", [False, True])
async def test_the_end_of_the_source_closes_the_destination(before: bool) -> None:
    made = await started()
    if before:
        made.source.controller.close()
    pipe = made.pipe()
    if not before:
        await settle()
        made.source.controller.close()
    await pipe
    assert made.without_pulls() == [("close",), ("pipe", "fulfilled")]
    assert made.unlocked()


@pytest.mark.parametrize("before", [False, True])
async def test_the_end_of_the_source_leaves_the_destination_open_with_prevent_close(before: bool) -> None:
    made = await started()
    if before:
        made.source.controller.close()
    pipe = made.pipe(prevent_close=True)
    if not before:
        await settle()
        made.source.controller.close()
    await pipe
    assert ("close",) not in made.trace.events
    assert made.unlocked()
    await stream_of("more").pipe_to(made.destination)
    assert made.trace.events[-2:] == [("write", "more"), ("close",)]


@PREVENT
async def test_writes_are_finished_before_the_pipe_is(prevent: bool) -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5})
    made.source.controller.enqueue("a")
    made.source.controller.enqueue("b")
    made.source.controller.close()
    pipe = made.pipe(prevent_close=prevent)
    await settle()
    assert made.writes() == ["a"]
    made.sink.resolve("write")
    await settle()
    assert made.writes() == ["a", "b"]
    assert outcome(pipe) == PENDING
    assert ("close",) not in made.trace.events
    made.sink.resolve("write")
    await settle()
    assert outcome(pipe) == FULFILLED
    assert (("close",) in made.trace.events) is not prevent


async def test_the_pipe_waits_for_the_close() -> None:
    made = await started(close=HOLD)
    made.source.controller.close()
    pipe = made.pipe()
    await settle()
    assert outcome(pipe) == PENDING
    assert made.destination.locked
    made.sink.resolve("close")
    await settle()
    assert outcome(pipe) == FULFILLED


async def test_the_pipe_rejects_with_what_closing_raises() -> None:
    error = OSError("can not be closed")
    made = await started(close=error)
    made.source.controller.close()
    made.pipe()
    await settle()
    assert made.trace.events == [("close",), ("pipe", "rejected", error)]


async def test_the_pipe_rejects_when_the_last_write_fails() -> None:
    made = await started(write=HOLD)
    made.source.controller.enqueue("a")
    made.source.controller.close()
    made.pipe()
    await settle()
    made.sink.reject("write", "full")
    await settle()
    assert made.trace.events == [("write", "a"), ("pipe", "rejected", "full")]


async def test_the_last_write_fails_with_prevent_close_and_the_source_was_closed() -> None:
    # The shutdown has no error, and was under way: the text has the pipe fulfilled.
    made = await started(write=HOLD)
    made.source.controller.enqueue("a")
    made.source.controller.close()
    pipe = made.pipe(prevent_close=True)
    await settle()
    made.sink.reject("write", "full")
    await settle()
    assert outcome(pipe) == FULFILLED
    assert "errored" in repr(made.destination)


async def test_a_source_that_is_cancelled_by_its_own_source_closes_the_destination() -> None:
    made = await started(pull=lambda controller: controller.close())
    made.pipe()
    await settle()
    assert made.trace.events == [("pull",), ("close",), ("pipe", "fulfilled")]


# Closing is propagated backward


@PREVENT
@pytest.mark.parametrize("closed", [False, True])
async def test_piping_to_what_is_closing_or_closed_cancels_the_source(closed: bool, prevent: bool) -> None:
    made = await started(close=None if closed else HOLD)
    made.source.controller.enqueue("a")
    close = made.destination.close()
    await settle()
    pipe = made.pipe(prevent_cancel=prevent)
    await settle()
    error = reason_of(pipe)
    assert isinstance(error, TypeError)
    assert made.unlocked()
    assert made.writes() == []
    if prevent:
        assert made.trace.events == [("close",), ("pipe", "rejected", error)]
        assert repr(made.stream) == "<ReadableStream readable>"
    else:
        assert made.trace.events == [("close",), ("cancel", error), ("pipe", "rejected", error)]
    if not closed:
        made.sink.resolve("close")
    await close


async def test_piping_to_a_close_that_waits_for_a_write_cancels_the_source_at_once() -> None:
    made = await started(write=HOLD)
    with made.destination.get_writer() as writer:
        write = writer.write("before")
        close = writer.close()
        close.catch(lambda _: None)
        writer.closed.catch(lambda _: None)
    pipe = made.pipe()
    await settle()
    assert isinstance(reason_of(pipe), TypeError)
    made.sink.resolve("write")
    await write
    await settle()
    assert made.last() == ("close",)


async def test_piping_to_what_is_closed_rejects_with_what_cancelling_raises() -> None:
    error = OSError("can not be cancelled")
    made = await started(cancel=error)
    await made.destination.close()
    made.pipe()
    await settle()
    assert made.last() == ("pipe", "rejected", error)


async def test_a_closed_source_and_a_closed_destination_are_fine() -> None:
    made = await started()
    made.source.controller.close()
    await made.destination.close()
    await made.pipe()
    assert made.trace.events == [("close",), ("pipe", "fulfilled")]
