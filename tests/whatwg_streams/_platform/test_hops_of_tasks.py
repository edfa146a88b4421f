"""Tasks that await settled promises go on in the order in which they would if each `await` suspended them.

https://tc39.es/ecma262/#await
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import FunctionType
from typing import Any

import pytest

from tests.support import settle
from whatwg_streams import Promise, ReadableStream
from whatwg_streams._platform import event_loop
from whatwg_streams._platform.event_loop import enqueue_microtask
from whatwg_streams._platform.promises import resolve


class _Program:
    """Some tasks that await promises, and microtasks that come between. All of it is one turn of the loop."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.log: list[str] = []
        self.gate: Promise[None] = Promise()
        self.promise: Promise[object] = Promise()
        self.kept: list[object] = []

    def microtasks(self, name: str, count: int) -> None:
        for number in range(count):
            enqueue_microtask(self.log.append, f"microtask {number} of {name}")

    async def task(self, name: str) -> None:
        chance = random.Random(f"{self.seed} {name}")
        await self.gate
        for step in range(chance.randrange(3, 8)):
            what = chance.randrange(8)
            self.microtasks(f"{name} {step}", chance.randrange(3))
            if what < 4:
                await Promise.resolve(step)
            elif what == 7:
                with contextlib.suppress(ValueError):
                    await Promise.reject(ValueError(step))
            elif what == 4:
                await Promise.resolve(step).then(lambda value: value)
            elif what == 5:
                promise, self.promise = self.promise, Promise()
                resolve(promise, step)
                self.log.append(f"{name} resolves at {step}")
                if chance.random() < 0.5:
                    await promise
            elif chance.random() < 0.5:
                await self.promise
            else:
                self.kept += [ReadableStream({"pull": lambda _: self.log.append("pull")}) for _ in range(3)]
                await Promise.resolve()
            self.log.append(f"{name} {step}")

    async def run(self) -> list[str]:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self.task(name)) for name in "ABCD"]
        await settle()
        resolve(self.gate)
        await settle()
        resolve(self.promise)
        await settle()
        for task in tasks:
            task.cancel()  # some wait for what nobody resolves any more
        await asyncio.gather(*tasks, return_exceptions=True)
        return self.log


def _suspend(promise: Promise[Any]) -> event_loop.Waiter:
    waiter = event_loop.Waiter(promise)
    promise._add_reaction(waiter)
    return waiter


@pytest.mark.skipif(not isinstance(event_loop.hop, FunctionType), reason="compiled functions can not be replaced")
async def test_the_order_is_that_of_tasks_which_are_suspended_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(150):
        log = await _Program(seed).run()
        with monkeypatch.context() as plain:
            plain.setattr(event_loop, "hop", lambda *_: event_loop.PLAINLY)
            plain.setattr(event_loop, "catch_up", _suspend)
            plain.setattr(event_loop, "queue_to_wait_in", lambda: None)
            assert log == await _Program(seed).run(), seed
