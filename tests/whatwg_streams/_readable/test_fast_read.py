"""Reads that run the pull they wait for inside of the task: where more than one waits, and where the pull fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from whatwg_streams import Promise, ReadableStream
from whatwg_streams._platform import fast_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.support import LoopFactory


class _Numbers:
    """A source of numbers, that can do something else whenever it is pulled."""

    def __init__(self) -> None:
        self.pulled = 0
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None

    def pull(self, controller: Any) -> None:
        self.pulled += 1
        number = self.pulled
        self.before()
        controller.enqueue(number)
        self.after()


def _step(coroutine: Coroutine[Any, Any, object]) -> object:
    """Drive a coroutine by hand: what it has returned, if it was not suspended."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    return "suspended"


async def _both(log_of_it: Callable[[], Coroutine[Any, Any, list[object]]]) -> list[object]:
    """What is logged, which is the same with the fast paths and without."""
    logs: list[list[object]] = []
    before = fast_paths.are_enabled()
    try:
        for enabled in (True, False):
            fast_paths.set_enabled(enabled)
            logs.append(await log_of_it())
    finally:
        fast_paths.set_enabled(before)
    assert logs[0] == logs[1]
    return logs[0]


async def _three(stream: ReadableStream[int]) -> list[int]:
    with stream.get_reader() as reader:
        return [(await reader.read()).value for _ in range(3)]


@pytest.mark.parametrize("high_water_mark", [0, 1])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_reads_inside_of_a_pull_that_another_read_waits_for(when: str, high_water_mark: int) -> None:
    async def log_of_it() -> list[object]:
        log: list[object] = []
        inner_reader = ReadableStream(_Numbers(), {"high_water_mark": high_water_mark}).get_reader()
        outer = _Numbers()
        stream: ReadableStream[int] = ReadableStream(outer, {"high_water_mark": high_water_mark})

        async def read_the_inner_one() -> object:
            return (await inner_reader.read()).value

        setattr(outer, when, lambda: log.append(_step(read_the_inner_one())))
        await settle()
        log.append(await _three(stream))
        await settle()
        return log

    assert [1, 2, 3] in await _both(log_of_it)


@pytest.mark.parametrize("high_water_mark", [0, 1])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_microtasks_that_a_pull_queues_run_at_their_place(when: str, high_water_mark: int) -> None:
    async def log_of_it() -> list[object]:
        log: list[object] = []
        source = _Numbers()
        reader = ReadableStream(source, {"high_water_mark": high_water_mark}).get_reader()
        settled = Promise.resolve(None)
        setattr(source, when, lambda: settled.then(lambda _: log.append("microtask")))
        await settle()
        for _ in range(3):
            chunk, _ = await reader.read()
            log.append(chunk)
        return log

    assert "microtask" in await _both(log_of_it)


def test_an_interrupt_in_a_pull_leaves_the_queue_usable(loop_factory: LoopFactory) -> None:
    source = _Numbers()

    def interrupt() -> None:
        if source.pulled == 3:
            raise KeyboardInterrupt

    async def read_all() -> list[int]:
        stream: ReadableStream[int] = ReadableStream(source, {"high_water_mark": 0})
        return await _three(stream)

    source.before = interrupt
    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(read_all())
    source.before = lambda: None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(read_all()) == [4, 5, 6]
