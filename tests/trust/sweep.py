"""The sweep: a scenario runs again and again, interrupted at its first step, at its second, at its third, ….

Each run is a case. After it somebody who is not interrupted carries on; nothing may be lost, and nothing left
behind. The sweep ends with the first run that is over before it could be interrupted.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias

from tests.support import settle
from whatwg_streams._platform import event_loop

from .leaks import Before
from .steps import Steps, fast_paths_enabled, microtasks_per_turn
from .table import Row

#: Seconds after which a run that does not end is given up. None takes that long, unless it hangs.
PATIENCE = 5.0

#: How often a scenario that is interrupted again and again is begun anew, at most.
RESTARTS = 10


#: How much is noted before a sweep is given up.
ENOUGH = 100


class Scenario(Protocol):
    """What is interrupted, and what comes after it."""

    async def act(self) -> None:
        """What is interrupted at one of its steps. Begun anew, it goes on where it was."""
        ...

    async def carry_on(self) -> None:
        """Do what is left to do, and check all that was done."""
        ...


#: Lets a scenario act, and interrupts it at the step of this number; tells whether it came so far.
Interruption: TypeAlias = "Callable[[Scenario, int], Awaitable[bool]]"

MakeScenario: TypeAlias = "Callable[[], Scenario]"
Ways: TypeAlias = "tuple[Interruption, ...]"

#: Whether there are fast paths, and how many microtasks a turn of the loop takes.
Settings: TypeAlias = "Sequence[tuple[bool, int]]"


# The ways to interrupt -----------------------------------------------------------------------------


async def cancelled(scenario: Scenario, step: int) -> bool:
    """Cancel the task that acts."""

    def cancel(task: asyncio.Task[None]) -> bool:
        return task.cancel()

    steps, task = await _act(scenario.act(), step, cancel)
    assert task.cancelled() or not steps.acted, "the task was cancelled, but went on"
    return steps.acted


async def timed_out(scenario: Scenario, step: int) -> bool:
    """Let the time of an `asyncio.timeout` be over: it cancels the task in a step of its own."""
    timeout = asyncio.timeout(None)

    async def act() -> None:
        try:
            async with timeout:
                await scenario.act()
        except TimeoutError:
            assert timeout.expired()

    def expire(_: object) -> bool:
        try:
            timeout.reschedule(asyncio.get_running_loop().time())
        except RuntimeError:  # it has not been entered yet, or has been left
            return False
        return True

    steps, _ = await _act(act(), step, expire)
    return steps.acted or steps.taken >= step


async def cancelled_again_and_again(scenario: Scenario, step: int) -> bool:
    """Cancel the task that acts, begin anew, cancel that one after as many steps, and so on."""
    for _ in range(RESTARTS):
        if not await cancelled(scenario, step):
            return False
    return True


async def callback_cancelled(scenario: Scenario, step: int) -> bool:
    """Cancel the tasks that run coroutine functions of sources, sinks and transformers; not the one that acts."""
    before = asyncio.all_tasks()

    def cancel_others(task: asyncio.Task[None]) -> None:
        for other in asyncio.all_tasks() - before - {task}:
            other.cancel()

    steps, _ = await _act(scenario.act(), step, cancel_others)
    return steps.taken >= step


async def _act(
    act: Coroutine[Any, Any, None], step: int, interrupt: Callable[[asyncio.Task[None]], object]
) -> tuple[Steps, asyncio.Task[None]]:
    steps = Steps()
    with steps.counted():
        task = asyncio.create_task(act, name="acting")
        steps.before(step, lambda: interrupt(task))
        await asyncio.wait([task], timeout=PATIENCE)
    if not task.done():
        task.cancel("it hangs")
        await asyncio.wait([task])
        raise AssertionError("it hangs")
    if not task.cancelled():
        task.result()
    return steps, task


ALL_SETTINGS: Settings = [*itertools.product((True, False), (event_loop.MICROTASKS_PER_TURN, 2))]
EVERY_WAY: Ways = (cancelled, timed_out, cancelled_again_and_again)


# The sweep -------------------------------------------------------------------------------------------


async def sweep(
    name: str,
    make: MakeScenario,
    ways: Ways = EVERY_WAY,
    *,
    settings: Settings = ALL_SETTINGS,
    first: int = 1,
    stride: int = 1,
) -> Row:
    """Interrupt the scenario in each of the ways, under each of the settings, at every step or at so many of them."""
    await _case(Row("a rehearsal, for what is made once for the loop"), make, ways[0], 10**9)
    row = Row(name)
    for (fast, microtasks), interrupt in itertools.product(settings, ways):
        step, more = first, True
        while more and len(row.notes) < ENOUGH:
            with fast_paths_enabled(fast), microtasks_per_turn(microtasks):
                more = await _case(row, make, interrupt, step)
            step += stride
    return row


async def _case(row: Row, make: MakeScenario, interrupt: Interruption, step: int) -> bool:
    """Run one case, and count it; tell whether it was interrupted."""
    await asyncio.sleep(0)
    before = Before()
    lost, interrupted = await _lost(make(), interrupt, step)
    row.tried += 1
    if lost:
        row.lost += 1
        row.notes.append(f"{_title(interrupt)} at step {step}: {lost}")
    if left := await before.left_at_rest():
        row.leaked += 1
        row.notes.append(f"{_title(interrupt)} at step {step}: left {left}")
    return interrupted


async def _lost(scenario: Scenario, interrupt: Interruption, step: int) -> tuple[str, bool]:
    interrupted = True
    try:
        interrupted = await interrupt(scenario, step)
        await settle(5)
        async with asyncio.timeout(PATIENCE):
            await scenario.carry_on()
    except Exception as error:
        return repr(error), interrupted
    return "", interrupted


def _title(interrupt: Any) -> str:
    return str(interrupt.__name__).replace("_", " ")
