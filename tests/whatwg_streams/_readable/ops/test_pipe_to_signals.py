"""§4.9.1 ReadableStreamPipeTo: signals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.pipes import REASONS, counting, ends, started
from tests.support.recording import (
    HOLD,
    PENDING,
    outcome,
    reason_of,
    rejected,
)
from whatwg_streams import (
    AbortController,
    AbortError,
    AbortSignal,
)

# Signals


@REASONS
async def test_a_signal_aborts_the_destination_and_cancels_the_source(reason: Any) -> None:
    for before in (True, False):
        made = await started()
        controller = AbortController()
        if before:
            controller.abort(reason)
        made.pipe(signal=controller.signal)
        if not before:
            await settle()
            controller.abort(reason)
        reason = controller.signal.reason
        await settle()
        assert made.without_pulls() == [
            ("abort", reason),
            ("cancel", reason),
            ("pipe", "rejected", reason),
        ]
        assert made.unlocked()


async def test_a_signal_without_a_reason_rejects_with_an_abort_error() -> None:
    made = await started()
    pipe = made.pipe(signal=AbortSignal.abort())
    await settle()
    assert isinstance(reason_of(pipe), AbortError)


async def test_nothing_is_read_where_the_signal_is_aborted_already() -> None:
    made = await started(pull=counting(3))
    made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    assert made.pulls() == 0


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("prevent_abort", "prevent_cancel"), [(True, False), (False, True), (True, True)])
async def test_what_the_options_prevent_a_signal_does_not_do(
    prevent_abort: bool, prevent_cancel: bool, before: bool
) -> None:
    made = await started()
    controller = AbortController()
    if before:
        controller.abort("enough")
    made.pipe(signal=controller.signal, prevent_abort=prevent_abort, prevent_cancel=prevent_cancel)
    if not before:
        await settle()
        controller.abort("enough")
    await settle()
    assert made.without_pulls() == [
        *([] if prevent_abort else [("abort", "enough")]),
        *([] if prevent_cancel else [("cancel", "enough")]),
        ("pipe", "rejected", "enough"),
    ]
    assert made.unlocked()
    assert ("writable" in repr(made.destination)) is prevent_abort
    assert ("readable" in repr(made.stream)) is prevent_cancel


async def test_writes_are_finished_before_a_signal_takes_effect() -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5})
    controller = AbortController()
    pipe = made.pipe(signal=controller.signal)
    await settle()
    made.source.controller.enqueue("a")
    made.source.controller.enqueue("b")
    await settle()
    made.trace.take()
    controller.abort("enough")
    await settle()
    assert made.trace.take() == []
    made.sink.resolve("write")
    await settle()
    assert made.trace.take() == [("write", "b")]
    made.sink.resolve("write")
    await settle()
    assert made.trace.take() == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]
    assert outcome(pipe) == rejected("enough")


async def test_the_pipe_waits_for_both_and_rejects_with_the_reason() -> None:
    made = await started(abort=HOLD, cancel=HOLD)
    pipe = made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    made.source.resolve("cancel")
    await settle()
    assert outcome(pipe) == PENDING
    made.sink.resolve("abort")
    await settle()
    assert outcome(pipe) == rejected("enough")


@pytest.mark.parametrize("failing", ["abort", "cancel"])
async def test_the_pipe_rejects_with_the_first_failure_and_does_not_wait_for_the_other(failing: str) -> None:
    made = await started(abort=HOLD, cancel=HOLD)
    pipe = made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    if failing == "abort":
        made.sink.reject("abort", "failed")
    else:
        made.source.reject("cancel", "failed")
    await settle()
    assert outcome(pipe) == rejected("failed")
    if failing == "abort":
        made.source.resolve("cancel")
    else:
        made.sink.resolve("abort")
    await settle()


async def test_a_signal_does_not_abort_a_destination_that_is_not_writable() -> None:
    made = await started()
    await made.destination.close()
    made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    assert made.trace.events == [("close",), ("cancel", "enough"), ("pipe", "rejected", "enough")]


async def test_a_signal_does_not_cancel_a_source_that_is_not_readable() -> None:
    made = await started()
    made.source.controller.error("broken")
    made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    assert made.trace.events == [("abort", "enough"), ("pipe", "rejected", "enough")]


async def test_a_signal_has_no_effect_once_the_pipe_shuts_down_or_is_done() -> None:
    made = await started(close=HOLD)
    controller = AbortController()
    made.source.controller.close()
    pipe = made.pipe(signal=controller.signal)
    await settle()
    controller.abort("enough")
    await settle()
    made.sink.resolve("close")
    await pipe
    assert made.trace.events == [("close",), ("pipe", "fulfilled")]


@pytest.mark.parametrize("end", ["close", "error"])
async def test_a_pipe_that_is_done_listens_to_its_signal_no_longer(end: str) -> None:
    controller = AbortController()
    made = await started()
    made.pipe(signal=controller.signal)
    getattr(made.source.controller, end)()
    await settle()
    assert controller.signal._abort_algorithms == {}


async def test_one_signal_stops_many_pipes() -> None:
    controller = AbortController()
    pipes = [(await started()).pipe(signal=controller.signal) for _ in range(3)]
    controller.abort("enough")
    await settle()
    assert [outcome(pipe) for pipe in pipes] == [rejected("enough")] * 3


async def test_a_chunk_read_by_the_pull_that_aborts_the_signal_is_written_before_anything_else_happens() -> None:
    controller = AbortController()

    def pull(stream_controller: Any) -> None:
        controller.abort("enough")
        stream_controller.enqueue("a")

    made = await started(pull=pull, write=HOLD)
    made.pipe(signal=controller.signal)
    await settle()
    assert made.trace.events == [("pull",), ("write", "a")]
    made.sink.resolve("write")
    await settle()
    assert made.trace.events[-3:] == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]


async def test_a_signal_aborted_within_write_stops_the_pipe_after_that_write() -> None:
    controller = AbortController()
    made = await started(pull=counting(9), write=lambda *_: controller.abort("enough"))
    made.pipe(signal=controller.signal)
    await settle()
    assert made.trace.events == [
        ("pull",),
        ("write", 1),
        ("abort", "enough"),
        ("cancel", "enough"),
        ("pipe", "rejected", "enough"),
    ]


async def test_a_destination_can_be_switched() -> None:
    made = await started()
    other = ends()
    controller = AbortController()
    first = made.pipe(signal=controller.signal, prevent_cancel=True)
    await settle()
    made.source.controller.enqueue("a")
    await settle()
    controller.abort("switch")
    await settle()
    assert outcome(first) == rejected("switch")
    second = made.stream.pipe_to(other.destination)
    made.source.controller.enqueue("b")
    made.source.controller.close()
    await second
    assert made.writes() == ["a"]
    assert other.writes() == ["b"]
