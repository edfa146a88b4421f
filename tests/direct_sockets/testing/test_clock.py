"""Virtual time: how it goes on by itself, how it is told to, and what it waits for."""

from __future__ import annotations

import asyncio
import time

import pytest

from direct_sockets.testing import VirtualNetwork
from direct_sockets.testing._clock import MILLISECOND, Alarm, Clock
from tests.support import LoopErrors, LoopFactory, settle
from whatwg_streams import Promise


async def test_an_hour_takes_no_time() -> None:
    network = VirtualNetwork()
    before = time.monotonic()
    await network.sleep(3_600_000)
    assert network.now == 3_600_000
    assert time.monotonic() - before < 1


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    network = VirtualNetwork()
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, milliseconds: float) -> None:
        await network.sleep(milliseconds)
        woken.append((name, network.now))

    async with asyncio.TaskGroup() as group:
        for name, milliseconds in (("c", 30.0), ("a", 10.0), ("b", 20.5), ("a too", 10.0), ("now", 0.0)):
            group.create_task(sleep(name, milliseconds))
    assert woken == [("now", 0), ("a", 10), ("a too", 10), ("b", 20.5), ("c", 30)]


async def test_time_adds_up_exactly() -> None:
    network = VirtualNetwork()
    for _ in range(10):
        await network.sleep(0.1)
    assert network.now == 1


async def test_time_stands_still_while_code_is_at_work() -> None:
    network = VirtualNetwork()
    sleeping = asyncio.ensure_future(network.sleep(10))
    for _ in range(100):
        await settle(15)
        network.name("somebody.example", "10.0.0.1")  # is no touch,
        network.flows = True  # but this is
    assert network.now == 0
    assert not sleeping.done()
    await sleeping
    assert network.now == 10


async def test_how_long_code_may_be_at_work_can_be_set() -> None:
    for turns, expected in ((5, 10), (100, 0)):
        network = VirtualNetwork(turns_until_rest=turns)
        sleeping = asyncio.ensure_future(network.sleep(10))
        await settle(50)
        assert network.now == expected
        await sleeping


@pytest.mark.parametrize("milliseconds", [-1, -0.001])
async def test_no_time_is_negative(milliseconds: float) -> None:
    network = VirtualNetwork()
    for passing in (network.sleep, network.run_for):
        with pytest.raises(ValueError, match="negative"):
            await passing(milliseconds)
    with pytest.raises(ValueError, match="negative"):
        network.advance(milliseconds)


async def test_a_sleep_that_is_cancelled_does_not_drive_time() -> None:
    network = VirtualNetwork()
    sleeping = asyncio.ensure_future(network.sleep(10))
    await settle(5)
    sleeping.cancel()
    await asyncio.wait([sleeping])
    await settle(100)
    assert network.now == 0


# Told to go on -----------------------------------------------------------------------------------------


async def test_time_that_does_not_flow_waits_to_be_told() -> None:
    network = VirtualNetwork(flows=False)
    assert not network.flows
    sleeping = asyncio.ensure_future(network.sleep(10))
    await settle(100)
    assert network.now == 0
    await network.run_for(9)
    assert network.now == 9
    assert not sleeping.done()
    await network.run_for(1)
    assert sleeping.done()
    await settle(100)
    assert network.now == 10
    network.flows = True
    await network.sleep(5)
    assert network.now == 15


async def test_running_for_a_while_ends_at_its_end_when_code_has_come_to_rest() -> None:
    network = VirtualNetwork(flows=False)
    steps: list[float] = []

    async def work() -> None:
        await network.sleep(10)
        for _ in range(10):
            await asyncio.sleep(0)
        steps.append(network.now)
        await network.sleep(5)
        steps.append(network.now)

    working = asyncio.create_task(work())
    await network.run_for(10)
    assert steps == [10]
    await network.run_for(100)
    assert steps == [10, 15]
    assert network.now == 110
    await working


async def test_running_for_no_time_waits_for_rest() -> None:
    network = VirtualNetwork(flows=False)
    steps: list[int] = []

    async def work() -> None:
        for step in range(15):
            await asyncio.sleep(0)
            steps.append(step)

    working = asyncio.create_task(work())
    await network.run_for(0)
    assert len(steps) == 15
    assert network.now == 0
    await working


async def test_several_may_run_it() -> None:
    network = VirtualNetwork(flows=False)
    await asyncio.gather(network.run_for(10), network.run_for(20), network.run_for(10))
    assert network.now == 20


async def test_a_run_that_is_cancelled_goes_no_further() -> None:
    network = VirtualNetwork(flows=False)
    sleeping = asyncio.ensure_future(network.sleep(50))
    running = asyncio.ensure_future(network.run_for(100))
    await settle(3)
    running.cancel()
    await asyncio.wait([running])
    await settle(100)
    assert network.now == 0
    resting = asyncio.ensure_future(network.run_for(0))
    await settle(22)
    resting.cancel()  # while it waits for rest
    await asyncio.wait([resting])
    await network.run_for(50)
    assert sleeping.done()


async def test_advancing_lets_code_run_only_afterwards() -> None:
    network = VirtualNetwork(flows=False)
    times: list[float] = []

    async def sleep(milliseconds: float) -> None:
        await network.sleep(milliseconds)
        times.append(network.now)

    sleepers = [asyncio.create_task(sleep(milliseconds)) for milliseconds in (10, 20, 40)]
    await settle(3)
    network.advance(30)
    assert times == []
    await settle(5)
    assert times == [30, 30]
    network.advance(10)
    await asyncio.wait(sleepers)
    assert times == [30, 30, 40]


def test_advancing_needs_no_loop(loop_factory: LoopFactory) -> None:
    network = VirtualNetwork()
    network.advance(1500)
    assert network.now == 1500
    assert repr(network) == "<VirtualNetwork at 1500.0 ms: no hosts>"

    async def sleep() -> None:
        await network.sleep(500)

    for expected in (2000, 2500):  # one loop after the other
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(sleep())
        assert network.now == expected


# Timeouts ----------------------------------------------------------------------------------------------


async def test_a_timeout_in_virtual_time() -> None:
    network = VirtualNetwork()
    with pytest.raises(TimeoutError):
        async with network.timeout(60_000) as timeout:
            await asyncio.Event().wait()
    assert network.now == 60_000
    assert timeout.expired()


async def test_a_timeout_that_is_not_needed() -> None:
    network = VirtualNetwork()
    async with network.timeout(60_000) as timeout:
        await network.sleep(10)
    await settle(100)
    assert network.now == 10
    assert not timeout.expired()


# The machinery -----------------------------------------------------------------------------------------


def test_an_alarm_can_be_moved() -> None:
    clock = Clock(20, flows=False)
    rang: list[int] = []
    alarm = Alarm(clock, lambda: rang.append(clock.now))
    assert not alarm.is_set
    alarm.set(10)
    alarm.set(30)  # later
    clock.advance(20)
    assert rang == []
    assert alarm.is_set
    alarm.set(5)  # earlier
    clock.advance(20)
    assert rang == [25]
    assert not alarm.is_set
    alarm.set(10)
    alarm.stop()
    clock.advance(100)
    assert rang == [25]


async def test_events_without_end_leave_the_loop_its_turn() -> None:
    clock = Clock(3, flows=True)
    alarm = Alarm(clock, lambda: alarm.set(MILLISECOND))
    alarm.set(MILLISECOND)
    await settle(50)
    assert clock.now > 1000 * MILLISECOND
    alarm.stop()


async def test_what_goes_wrong_in_an_event_is_told_and_time_goes_on(loop_errors: LoopErrors) -> None:
    clock = Clock(3, flows=True)

    def fail() -> None:
        raise LookupError("?")

    clock.after(10, fail)
    await clock.sleep(20)
    assert clock.now == 20
    [context] = loop_errors.take()
    assert isinstance(context["exception"], LookupError)


async def test_answers_are_touches() -> None:
    clock = Clock(3, flows=True)
    promise: Promise[None] = Promise()
    clock.after(10, lambda: clock.answer(promise))
    clock.after(10, lambda: None)
    await promise
    assert clock.now == 10
