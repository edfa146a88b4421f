"""§4.9.1 ReadableStreamPipeTo: errors are propagated forward and backward."""

from __future__ import annotations

import pytest

from tests.support import settle
from tests.support.pipes import PREVENT, REASONS, counting, started
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    outcome,
    rejected,
)
from tests.support.sources import read_all


@REASONS
async def test_an_error_of_the_source_aborts_the_destination(reason: object) -> None:
    for before in (True, False):
        made = await started()
        if before:
            made.source.controller.error(reason)
        made.pipe()
        made.source.controller.error(reason)
        await settle()
        assert made.without_pulls() == [("abort", reason), ("pipe", "rejected", reason)]
        assert made.unlocked()
        assert "errored" in repr(made.destination)


@pytest.mark.parametrize("before", [False, True])
async def test_an_error_of_the_source_leaves_the_destination_alone_with_prevent_abort(before: bool) -> None:
    made = await started()
    if before:
        made.source.controller.error("broken")
    made.pipe(prevent_abort=True)
    made.source.controller.error("broken")
    await settle()
    assert made.last() == ("pipe", "rejected", "broken")
    assert made.unlocked()
    assert "writable" in repr(made.destination)
    await made.destination.close()


async def test_the_pipe_rejects_with_what_aborting_raises() -> None:
    error = OSError("can not be aborted")
    made = await started(abort=error)
    made.pipe()
    made.source.controller.error("broken")
    await settle()
    assert made.without_pulls() == [("abort", "broken"), ("pipe", "rejected", error)]


async def test_the_pipe_waits_for_the_abort() -> None:
    made = await started(abort=HOLD)
    pipe = made.pipe()
    made.source.controller.error("broken")
    await settle()
    assert outcome(pipe) == PENDING
    assert made.stream.locked
    made.sink.resolve("abort")
    await settle()
    assert outcome(pipe) == rejected("broken")


@PREVENT
async def test_writes_are_finished_before_an_error_of_the_source_is_passed_on(prevent: bool) -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5})
    pipe = made.pipe(prevent_abort=prevent)
    await settle()
    made.trace.take()
    for chunk in "abc":
        made.source.controller.enqueue(chunk)
        await settle()
    made.trace.take()
    made.source.controller.error("broken")
    for chunk in "bc":
        await settle()
        assert made.trace.take() == []
        made.sink.resolve("write")
        await settle()
        assert made.trace.take() == [("write", chunk)]
    assert outcome(pipe) == PENDING
    made.sink.resolve("write")
    await settle()
    assert made.trace.take() == ([] if prevent else [("abort", "broken")]) + [("pipe", "rejected", "broken")]


async def test_a_chunk_that_was_read_just_before_the_error_is_written() -> None:
    made = await started()
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    made.source.controller.error("broken")
    await settle()
    assert made.trace.events[-3:] == [("write", "a"), ("abort", "broken"), ("pipe", "rejected", "broken")]


async def test_a_write_that_fails_while_the_shutdown_waits_fails_the_abort_no_more() -> None:
    made = await started(write=HOLD)
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    await settle()
    made.source.controller.error("broken")
    made.sink.reject("write", "full")
    await settle()
    # The destination is errored by then: there is nothing to abort, and the first error counts.
    assert made.last() == ("pipe", "rejected", "broken")
    assert ("abort", "broken") not in made.trace.events


async def test_an_errored_source_and_an_errored_destination_reject_with_the_source_s_error() -> None:
    made = await started()
    made.source.controller.error("broken")
    made.sink.controller.error("full")
    await settle()
    made.pipe()
    await settle()
    assert made.trace.events == [("pipe", "rejected", "broken")]


async def test_an_errored_source_and_a_closed_destination_reject_with_the_source_s_error() -> None:
    made = await started()
    made.source.controller.error("broken")
    await made.destination.close()
    made.pipe()
    await settle()
    assert made.trace.events == [("close",), ("pipe", "rejected", "broken")]


# Errors are propagated backward


@REASONS
async def test_an_error_of_the_destination_cancels_the_source(reason: object) -> None:
    for before in (True, False):
        made = await started()
        if before:
            made.sink.controller.error(reason)
            await settle()
        made.pipe()
        made.sink.controller.error(reason)
        await settle()
        assert made.without_pulls() == [
            ("cancel", reason),
            ("pipe", "rejected", reason),
        ]
        assert made.unlocked()
        assert "closed" in repr(made.stream)


@pytest.mark.parametrize("before", [False, True])
async def test_an_error_of_the_destination_leaves_the_source_alone_with_prevent_cancel(before: bool) -> None:
    made = await started()
    made.source.controller.enqueue("a")
    if before:
        made.sink.controller.error("full")
        await settle()
    made.pipe(prevent_cancel=True)
    made.sink.controller.error("full")
    await settle()
    assert made.last() == ("pipe", "rejected", "full")
    assert made.unlocked()
    made.source.controller.enqueue("b")
    made.source.controller.close()
    assert await read_all(made.stream) == ["a", "b"]


async def test_a_write_that_fails_cancels_the_source_and_what_was_read_is_lost() -> None:
    made = await started(pull=counting(9), write=HOLD, sink_strategy={"high_water_mark": 3})
    made.pipe()
    await settle()
    made.trace.take()
    made.sink.reject("write", "full")
    await settle()
    assert made.trace.events == [("cancel", "full"), ("pipe", "rejected", "full")]
    assert made.unlocked()


async def test_a_write_that_raises_cancels_the_source() -> None:
    error = OSError("full")
    made = await started(pull=counting(9), write=error)
    made.pipe()
    await settle()
    assert made.trace.events == [
        ("pull",),
        ("write", 1),
        ("cancel", error),
        ("pipe", "rejected", error),
    ]


async def test_the_pipe_rejects_with_what_cancelling_raises() -> None:
    error = OSError("can not be cancelled")
    made = await started(cancel=error)
    made.pipe()
    made.sink.controller.error("full")
    await settle()
    assert made.last() == ("pipe", "rejected", error)
    assert made.unlocked()


async def test_the_pipe_waits_for_cancelling() -> None:
    made = await started(cancel=HOLD)
    pipe = made.pipe()
    made.sink.controller.error("full")
    await settle()
    assert outcome(pipe) == PENDING
    made.source.resolve("cancel")
    await settle()
    assert outcome(pipe) == rejected("full")


async def test_an_errored_destination_and_a_closed_source_reject_with_the_error() -> None:
    made = await started()
    made.source.controller.close()
    made.sink.controller.error("full")
    await settle()
    made.pipe()
    await settle()
    assert made.trace.events == [("pipe", "rejected", "full")]


async def test_a_sink_that_does_not_start_cancels_the_source() -> None:
    made = await started(start_sink=HOLD)
    made.pipe()
    await settle()
    made.sink.reject("start", "no sink")
    await settle()
    assert made.trace.events[-2:] == [("cancel", "no sink"), ("pipe", "rejected", "no sink")]


async def test_a_destination_that_is_erroring_is_waited_for() -> None:
    made = await started(start_sink=HOLD)
    made.sink.controller.error("full")
    made.pipe()
    await settle()
    assert made.trace.events == []
    assert made.stream.locked
    made.sink.resolve("start")
    await settle()
    assert made.trace.events == [("cancel", "full"), ("pipe", "rejected", "full")]


async def test_nothing_is_read_while_the_destination_is_erroring() -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5}, pull=HOLD)
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    await settle()
    made.trace.take()
    made.sink.controller.error("full")
    made.source.resolve("pull")
    await settle()
    made.source.controller.enqueue("b")
    made.source.controller.enqueue("c")
    await settle()
    # The read that was pending got "b"; "c" is still there.
    assert made.source.controller.desired_size == -1
    made.sink.resolve("write")
    await settle()
    assert made.trace.events[-2:] == [("cancel", "full"), ("pipe", "rejected", "full")]
    assert made.writes() == []


async def test_a_destination_that_was_aborted_before_cancels_the_source() -> None:
    made = await started()
    abort = made.destination.abort("enough")
    made.pipe()
    await settle()
    assert outcome(abort) == FULFILLED
    assert made.trace.events == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]


async def test_a_destination_that_becomes_errored_while_it_is_being_aborted_cancels_the_source_at_once() -> None:
    made = await started(start_sink=HOLD, abort=HOLD)
    abort = made.destination.abort("enough")
    made.pipe()
    await settle()
    assert made.trace.take() == []
    made.sink.resolve("start")
    await settle()
    # The stream is errored from here on, though aborting the sink is not done.
    assert outcome(abort) == PENDING
    assert "errored" in repr(made.destination)
    assert made.trace.take() == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]
