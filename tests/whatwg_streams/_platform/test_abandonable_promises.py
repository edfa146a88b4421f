"""Promises that are abandoned when nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import LoopErrors
from tests.support.promises import state_of
from whatwg_streams import AbortError, Promise
from whatwg_streams._platform.promises import (
    AbandonablePromise,
    reject,
    resolve,
)


class _Telling(AbandonablePromise[Any]):
    """Tells a function when it is abandoned."""

    __slots__ = ("tell",)

    def __init__(self, tell: Callable[[AbandonablePromise[Any]], object]) -> None:
        super().__init__()
        self.tell = tell

    def _abandoned(self) -> None:
        self.tell(self)


# Promises that can be abandoned ---------------------------------------------------------------------------


class _Abandoned:
    def __init__(self) -> None:
        self.promises: list[Promise[Any]] = []
        self.promise: AbandonablePromise[Any] = _Telling(self.promises.append)

    async def wait(self) -> object:
        return await self.promise

    async def start(self) -> asyncio.Task[object]:
        task = asyncio.create_task(self.wait())
        await asyncio.sleep(0)
        return task


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_pending_promise_is_abandoned_when_its_only_waiter_is_cancelled() -> None:
    abandoned = _Abandoned()
    await _cancelled(await abandoned.start())
    assert abandoned.promises == [abandoned.promise]


async def test_a_pending_promise_is_abandoned_when_the_last_of_its_waiters_is_cancelled() -> None:
    abandoned = _Abandoned()
    first, second = await abandoned.start(), await abandoned.start()
    await _cancelled(first)
    assert abandoned.promises == []
    await _cancelled(second)
    assert abandoned.promises == [abandoned.promise]


async def test_a_promise_that_something_else_observes_is_not_abandoned() -> None:
    abandoned = _Abandoned()
    abandoned.promise.then(lambda _: None)
    await _cancelled(await abandoned.start())
    assert abandoned.promises == []


async def test_a_fulfilled_promise_is_abandoned_when_its_waiter_is_cancelled_before_it_resumes() -> None:
    abandoned = _Abandoned()
    task = await abandoned.start()
    resolve(abandoned.promise, "unseen")
    await _cancelled(task)
    assert abandoned.promises == [abandoned.promise]


async def test_a_fulfilled_promise_that_another_observes_is_not_abandoned() -> None:
    abandoned = _Abandoned()
    first, second = await abandoned.start(), await abandoned.start()
    resolve(abandoned.promise, "seen")
    await _cancelled(first)
    assert await second == "seen"
    assert abandoned.promises == []


async def test_a_rejected_promise_is_not_abandoned() -> None:
    abandoned = _Abandoned()
    task = await abandoned.start()
    reject(abandoned.promise, "unseen")
    await _cancelled(task)
    assert abandoned.promises == []


async def test_a_fulfilled_promise_is_abandoned_when_its_waiter_is_cancelled_while_the_loop_has_its_turn() -> None:
    """An await that would not have had to wait gives the loop a turn now and then; a timeout may hit just there."""
    abandoned: list[Promise[Any]] = []
    seen: list[int] = []
    made: list[int] = []

    async def busy() -> None:
        while True:
            promise: AbandonablePromise[int] = _Telling(abandoned.append)
            made.append(len(made))
            resolve(promise, made[-1])
            seen.append(await promise)

    task = asyncio.create_task(busy())
    await asyncio.sleep(0)
    await _cancelled(task)
    assert len(made) == len(seen) + 1
    assert len(abandoned) == 1


async def test_a_fulfilled_promise_is_abandoned_when_its_waiter_is_cancelled_in_its_place_behind_another() -> None:
    gate: Promise[None] = Promise()
    abandoned = _Abandoned()
    resolve(abandoned.promise, "unseen")
    log: list[str] = []

    async def wait_for_the_fulfilled_one() -> None:
        await gate
        log.append("awaits")
        await abandoned.promise
        log.append("has awaited")

    async def cancel_it() -> None:
        await gate
        log.append("cancels")
        waiting.cancel()

    waiting = asyncio.create_task(wait_for_the_fulfilled_one())
    other = asyncio.create_task(cancel_it())
    await asyncio.sleep(0)
    resolve(gate)
    await other
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert log == ["awaits", "cancels"]
    assert abandoned.promises == [abandoned.promise]


async def test_a_withdrawn_promise_rejects_with_an_abort_error_and_is_handled(loop_errors: LoopErrors) -> None:
    promise: AbandonablePromise[Any] = _Telling(lambda promise: promise._withdraw())

    async def wait() -> None:
        await promise

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await _cancelled(task)
    assert state_of(promise) == "rejected"
    with pytest.raises(AbortError):
        await promise
    promise._withdraw()
    assert loop_errors.take() == []
