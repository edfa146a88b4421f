"""Streams that are made one after the other start in their order, at their place among the other microtasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import LoopErrors, settle
from whatwg_streams import Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams._platform import event_loop, starts
from whatwg_streams._platform.event_loop import MICROTASKS_PER_TURN, enqueue_microtask
from whatwg_streams._platform.fast_paths import fast_paths, set_enabled

Maker = Callable[[list[Any], str], object]


def _readable(log: list[Any], name: str) -> object:
    return ReadableStream({"pull": lambda _: log.append(name)})


def _readable_of_bytes(log: list[Any], name: str) -> object:
    return ReadableStream({"type": "bytes", "pull": lambda _: log.append(name)}, {"high_water_mark": 1})


def _writable(log: list[Any], name: str) -> object:
    stream = WritableStream({"write": lambda _, __: log.append(name)})
    stream.get_writer().write(name)
    return stream


def _transform(log: list[Any], name: str) -> object:
    stream = TransformStream({"transform": lambda _, __: log.append(name)}, None, {"high_water_mark": 1})
    stream.writable.get_writer().write(name)
    return stream


def _microtask(log: list[Any], name: str) -> object:
    enqueue_microtask(log.append, name)
    return None


_MAKERS: dict[str, Maker] = {
    "r": _readable,
    "b": _readable_of_bytes,
    "w": _writable,
    "t": _transform,
    "m": _microtask,
}


async def _run(kinds: str) -> list[Any]:
    log: list[Any] = []
    kept = [_MAKERS[kind](log, f"{kind}{number}") for number, kind in enumerate(kinds)]
    await Promise.resolve()
    log.append("the task goes on")
    kept += [_MAKERS[kind](log, f"{kind}{number} after") for number, kind in enumerate(kinds)]
    await settle()
    return log


@pytest.mark.parametrize(
    "kinds",
    ["rrr", "rrmrr", "wwwrrrbbb", "ttt", "ttmtt", "rtrtrt", "tttrrrtttmttt", "bbbb", "mrrrm", "twtwtt", "rr", "r"],
)
async def test_the_order_is_that_of_the_plain_algorithms(kinds: str) -> None:
    fast = await _run(kinds)
    before = set_enabled(False)
    try:
        assert fast == await _run(kinds)
    finally:
        set_enabled(before)


async def test_they_are_one_job() -> None:
    event_loop.perform_a_microtask_checkpoint()
    kept = [ReadableStream({"pull": lambda _: None}) for _ in range(10)]
    assert len(event_loop._this_thread.queue._jobs) == (1 if fast_paths.enabled else len(kept))
    await settle()
    assert not event_loop.microtasks_are_pending()


async def test_a_stream_that_a_pull_makes_starts_after_those_that_are_queued() -> None:
    log: list[Any] = []

    def pull(_: object) -> None:
        log.append("first")
        enqueue_microtask(log.append, "microtask")
        kept.append(_readable(log, "made in a pull"))

    kept: list[object] = [ReadableStream({"pull": pull}), _readable(log, "second"), _readable(log, "third")]
    await settle()
    assert log == ["first", "second", "third", "microtask", "made in a pull"]


async def test_an_await_runs_all_that_were_queued_before_it_and_none_after() -> None:
    log: list[Any] = []

    def pull(_: object) -> None:
        log.append("pull")
        enqueue_microtask(log.append, "microtask of a pull")

    kept = [ReadableStream({"pull": pull}) for _ in range(3)]
    await Promise.resolve()
    log.append("the task goes on")
    await settle()
    assert log == ["pull"] * 3 + ["the task goes on"] + ["microtask of a pull"] * 3
    del kept


async def test_the_loop_gets_its_turn_while_many_start() -> None:
    started: list[int] = []
    kept = [ReadableStream({"pull": lambda _: started.append(1)}) for _ in range(2 * MICROTASKS_PER_TURN)]
    at_its_turn: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: at_its_turn.append(len(started)))
    await settle()
    assert at_its_turn
    assert at_its_turn[0] <= MICROTASKS_PER_TURN
    assert len(started) == len(kept)


async def test_one_that_raises_leaves_the_others_as_they_are(loop_errors: LoopErrors) -> None:
    log: list[Any] = []

    def start(name: str) -> None:
        log.append(name)
        if name == "b":
            raise ValueError(name)

    for name in "abc":
        starts.enqueue_a_start(start, name)
    await settle()
    assert log == ["a", "b", "c"]
    assert [str(context["exception"]) for context in loop_errors.take()] == ["b"]


def test_streams_that_were_made_in_a_loop_that_is_gone_start_in_the_next() -> None:
    log: list[Any] = []
    kept: list[object] = []

    async def make(*names: str) -> None:
        kept.extend(_readable(log, name) for name in names)

    async def make_and_settle(*names: str) -> None:
        await make(*names)
        await settle()

    coroutine = make("a", "b")
    with pytest.raises(StopIteration):
        coroutine.send(None)  # where no loop runs
    asyncio.run(make_and_settle("c", "d"))
    assert log == ["a", "b", "c", "d"]


async def test_starts_that_have_been_postponed_are_seen_behind_the_step_of_a_pipe() -> None:
    seen: list[bool] = []
    started: list[int] = []
    postponed = starts.Hop(started.append)
    starts.enqueue_a_start(postponed, 1)
    starts.enqueue_a_start(postponed, 2)
    event_loop.enqueue_a_step(lambda _: seen.append(event_loop.only_steps_are_pending()), None)
    await settle()
    assert seen == [False]
    assert started == [1, 2]
