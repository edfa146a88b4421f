"""Every scenario, interrupted at every step; and the sweep itself, which has to find what it is there to find."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from typing_extensions import override

from whatwg_streams import Promise

from . import sweep as sweep_module
from .scenarios import SCENARIOS, sample_of
from .scenarios.reads import IteratorThatIsKept, Reads
from .scenarios.sources import PulledInATask, Queued, stream_of
from .steps import Steps
from .sweep import ALL_SETTINGS, cancelled, sweep, timed_out

#: Of the steps, one in so many is tried here; `make trust` tries them all.
STRIDE = 47


@pytest.mark.parametrize("name", SCENARIOS)
async def test_nothing_is_lost_and_nothing_is_left(name: str) -> None:
    row = await sample_of(name, STRIDE)
    assert row.is_clean, row.describe()


# The sweep itself

_STREAM = partial(stream_of, PulledInATask)


class LosesAChunk(Reads):
    """Has read a chunk already when it is interrupted."""

    @override
    async def act(self) -> None:
        while not (result := await self.reader.read()).done:
            await asyncio.sleep(0)
            self.received.append(result.value)


class LeavesATask(Reads):
    @override
    async def act(self) -> None:
        self.task = asyncio.create_task(asyncio.Event().wait())
        await super().act()
        self.task.cancel()


class LeavesALock(Reads):
    @override
    async def carry_on(self) -> None:
        await self.act()
        self.check()


class LeavesAnIterator(IteratorThatIsKept):
    kept: list[object]

    @override
    async def carry_on(self) -> None:
        self.kept.append(self.iterator)
        await super().carry_on()


class LeavesARejection(Reads):
    @override
    async def carry_on(self) -> None:
        await super().carry_on()
        Promise.reject(ValueError("nobody looks at this"))


class GoesOn(Reads):
    """Takes no notice of being cancelled."""

    @override
    async def act(self) -> None:
        while len(self.received) < len(self.expected):
            try:
                await super().act()
            except asyncio.CancelledError:
                continue


class Hangs(Reads):
    @override
    async def carry_on(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("scenario", "notes"),
    [
        (LosesAChunk, "AssertionError"),
        (LeavesALock, "AssertionError"),
        (GoesOn, "the task was cancelled, but went on"),
    ],
)
async def test_it_finds_what_is_lost(scenario: Any, notes: str) -> None:
    row = await sweep("a scenario", partial(scenario, _STREAM), (cancelled,), settings=ALL_SETTINGS[:1])
    assert 0 < row.lost <= row.tried
    assert notes in row.notes[-1] or notes in row.notes[-2]
    assert not row.is_clean


async def test_it_finds_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "PATIENCE", 0.01)
    row = await sweep("a scenario", partial(Hangs, _STREAM), (cancelled,), settings=ALL_SETTINGS[:1], stride=20)
    assert 0 < row.lost == row.tried


@pytest.mark.parametrize(
    ("scenario", "notes"),
    [(LeavesATask, "Event.wait"), (LeavesAnIterator, "AsyncIterator"), (LeavesARejection, "nobody looks at this")],
)
async def test_it_finds_what_is_left(scenario: Any, notes: str) -> None:
    LeavesAnIterator.kept = []
    row = await sweep("a scenario", partial(scenario, _STREAM), (timed_out,), settings=ALL_SETTINGS[:1])
    assert 0 < row.leaked <= row.tried
    assert not row.lost
    assert all(notes in note for note in row.notes)


async def test_a_callback_of_the_loop_is_a_step_and_so_is_a_microtask() -> None:
    async def act() -> None:
        await asyncio.sleep(0)
        promise, resolve, _ = Promise.with_resolvers()
        asyncio.get_running_loop().call_soon(resolve)
        await promise

    await asyncio.sleep(0)
    steps = Steps()
    with steps.counted():
        await asyncio.create_task(act())
    # The beginning; the turn; the resolving; the draining; the waking; and our own.
    assert steps.taken == 6
    assert not steps.acted


async def test_the_steps_end_with_the_first_run_that_is_not_interrupted() -> None:
    scenario = Reads(partial(stream_of, Queued))
    assert await cancelled(scenario, 1)
    assert not await cancelled(scenario, 100)
    assert scenario.received == scenario.expected
