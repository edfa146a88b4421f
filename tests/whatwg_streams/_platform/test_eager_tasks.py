"""The first step of an eager task runs where it is made: microtasks wait until that has returned."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support import settle
from whatwg_streams import Promise, ReadableStream

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")


def begin_eagerly(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    make: Any = asyncio.Task
    task: asyncio.Task[Any] = make(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
    return task


def numbers() -> ReadableStream[int]:
    """Return a source that has as many as one asks for."""
    return ReadableStream({"pull": lambda controller: controller.enqueue(7)})


async def wait_for_what_is_settled() -> None:
    await Promise.resolve()


async def wait_for_a_microtask() -> None:
    await Promise.resolve().then(lambda _: None)


async def read() -> None:
    await numbers().get_reader().read()


async def iterate() -> None:
    async for _ in numbers():
        return


async def catch_what_is_rejected() -> None:
    with pytest.raises(KeyError):
        await Promise.reject(KeyError())


@pytest.mark.parametrize(
    "wait", [wait_for_what_is_settled, wait_for_a_microtask, read, iterate, catch_what_is_rejected]
)
async def test_no_microtask_runs_inside_of_a_callback_that_makes_a_task(
    wait: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    events: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    def pull(controller: Any) -> None:
        Promise.resolve().then(lambda _: events.append("microtask"))
        tasks.append(begin_eagerly(wait()))
        events.append("pull returns")
        controller.enqueue(len(tasks))

    reader = ReadableStream[int]({"pull": pull}, {"high_water_mark": 0}).get_reader()
    for number in range(1, 4):
        assert (await reader.read()).value == number
        await settle(3)
    await asyncio.gather(*tasks)
    assert events == ["pull returns", "microtask"] * 3


async def test_a_task_that_waits_at_its_place_goes_on_though_another_begins_eagerly() -> None:
    events: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    promise, resolve, _ = Promise.with_resolvers()

    async def other() -> None:
        await Promise.resolve()
        events.append("other")
        await promise
        events.append("other goes on")

    def make_it(_: object) -> None:
        tasks.append(begin_eagerly(other()))
        events.append("made")

    Promise.resolve().then(make_it).then(lambda _: resolve())
    await promise
    events.append("this one goes on")
    await tasks[0]
    assert events == ["made", "other", "this one goes on", "other goes on"]
