"""Waiting for a promise to settle, however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import settle
from whatwg_streams import Promise
from whatwg_streams._platform.event_loop import queue_a_microtask
from whatwg_streams._platform.promises import reject, resolve
from whatwg_streams._platform.until_settled import UntilSettled


async def _await(promise: Promise[Any]) -> str:
    await UntilSettled(promise)
    return "settled"


@pytest.mark.parametrize("how", [resolve, reject])
async def test_it_waits_however_the_promise_ends(how: Any) -> None:
    promise: Promise[Any] = Promise()
    task = asyncio.create_task(_await(promise))
    await settle()
    assert not task.done()
    how(promise, ValueError("as it happens"))
    assert await task == "settled"
    # (That a rejection counts as handled is checked after each test.)


@pytest.mark.parametrize("make", [Promise.resolve, Promise.reject])
async def test_of_a_promise_that_has_settled_nothing_is_waited_for(make: Any) -> None:
    promise = make(ValueError("before"))
    order: list[str] = []
    queue_a_microtask(order.append, "microtask")
    order.append(await _await(promise))
    await settle()
    assert order == ["settled", "microtask"]


async def test_a_cancelled_task_waits_no_longer_and_leaves_the_promise_to_others() -> None:
    promise: Promise[Any] = Promise()
    one, other = asyncio.create_task(_await(promise)), asyncio.create_task(_await(promise))
    await settle()
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    resolve(promise)
    assert await other == "settled"


async def test_a_promise_may_reject_with_a_cancellation() -> None:
    promise: Promise[Any] = Promise()
    task = asyncio.create_task(_await(promise))
    await settle()
    reject(promise, asyncio.CancelledError())
    assert await task == "settled"


def test_microtasks_from_before_any_loop_are_not_forgotten() -> None:
    promise: Promise[Any] = Promise()
    queue_a_microtask(lambda _: resolve(promise))
    assert asyncio.run(_await(promise)) == "settled"
