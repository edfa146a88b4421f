"""Where the numbers 0, 1, 2, … of a scenario come from: underlying sources of every manner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from whatwg_streams import Promise, ReadableStream

#: How many numbers there are.
COUNT = 4


class Numbers:
    """A source that gives the next number when it is told to, and closes after the last one."""

    controller: Any

    def __init__(self, count: int = COUNT) -> None:
        self.given = 0
        self.count = count
        self.cancels: list[object] = []

    def start(self, controller: Any) -> None:
        self.controller = controller

    def give(self) -> bool:
        """Give the next number, or close; tell whether there is more to come."""
        if self.cancels:
            return False
        if self.given == self.count:
            self.controller.close()
            return False
        self.given += 1
        self.controller.enqueue(self.given - 1)
        return True

    def cancel(self, reason: object) -> None:
        self.cancels.append(reason)


class Queued(Numbers):
    """All are in the queue before anybody reads."""

    def start(self, controller: Any) -> None:
        super().start(controller)
        while self.give():
            pass


class Pulled(Numbers):
    """Gives one when it is pulled."""

    def pull(self, _: object) -> None:
        self.give()


class PulledInATask(Numbers):
    """Gives one when it is pulled, after the loop has had a turn."""

    async def pull(self, _: object) -> None:
        await asyncio.sleep(0)
        self.give()
        await asyncio.sleep(0)


class PushedByTheLoop(Numbers):
    """Gives one on each turn of the loop, whether it is wanted or not."""

    def start(self, controller: Any) -> None:
        super().start(controller)
        asyncio.get_running_loop().call_soon(self.push)

    def push(self) -> None:
        if self.give():
            asyncio.get_running_loop().call_soon(self.push)


class PushedByMicrotasks(Numbers):
    """Gives one every few microtasks, whether it is wanted or not."""

    def start(self, controller: Any) -> None:
        super().start(controller)
        self.push(None)

    def push(self, _: object) -> None:
        if self.give():
            Promise.resolve().then(lambda _: None).then(self.push)


def stream_of(make: Callable[[], Numbers], high_water_mark: float = 0) -> ReadableStream[int]:
    return ReadableStream(make(), {"high_water_mark": high_water_mark})


async def generated() -> AsyncIterator[int]:
    """Gives them as an asynchronous generator does."""
    for number in range(COUNT):
        await asyncio.sleep(0)
        yield number
