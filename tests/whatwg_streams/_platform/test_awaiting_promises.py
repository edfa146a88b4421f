"""Awaiting promises, and what else is awaited through one."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import traceback
import weakref
from collections.abc import Generator
from typing import Any

import pytest

from tests.support import settle
from tests.support.promises import resolved, resolved_with, state_of
from whatwg_streams import AbortError, DOMException, Promise, RejectionError

# Resolving with other awaitables ----------------------------------------------------------------------


async def test_resolving_with_a_coroutine_waits_for_it() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "worked"

    assert await resolved(work()) == "worked"


async def test_resolving_with_a_coroutine_that_returns_a_promise_follows_that() -> None:
    async def work() -> Promise[str]:
        return Promise.resolve("inner")

    assert await resolved_with(work()) == "inner"


async def test_resolving_with_a_coroutine_that_raises_rejects() -> None:
    async def work() -> None:
        raise ValueError("in the coroutine")

    with pytest.raises(ValueError, match="in the coroutine"):
        await resolved(work())


async def test_resolving_with_a_future_or_a_task_waits_for_it() -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, "future")
    assert await Promise.resolve(future) == "future"

    async def work() -> str:
        return "task"

    assert await resolved(asyncio.create_task(work())) == "task"


async def test_resolving_with_a_cancelled_future_rejects_with_an_abort_error() -> None:
    future = asyncio.get_running_loop().create_future()
    promise = Promise.resolve(future)
    await settle()
    future.cancel()
    with pytest.raises(AbortError):
        await promise


async def test_resolving_with_an_awaitable_object_waits_for_it() -> None:
    class Awaitable:
        def __await__(self) -> Generator[Any, None, str]:
            yield
            return "awaited"

    assert await resolved(Awaitable()) == "awaited"


async def test_a_class_of_awaitables_is_a_value_like_any_other() -> None:
    class Awaitable:
        def __await__(self) -> Generator[Any, None, str]:  # pragma: no cover
            yield
            return "awaited"

    assert await Promise.resolve(Awaitable) is Awaitable


async def test_a_coroutine_runs_in_the_context_where_the_promise_was_resolved_with_it() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")

    async def work() -> str:
        return variable.get()

    variable.set("then")
    promise = resolved(work())
    variable.set("later")
    assert await promise == "then"


async def test_a_coroutine_runs_in_the_context_that_is_given() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    context = contextvars.copy_context()
    context.run(variable.set, "given")

    async def work() -> str:
        return variable.get()

    assert await resolved_with(work(), context) == "given"


# Reasons of any type ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, "text", 0, object(), ValueError, ["list"]], ids=repr)
async def test_a_reason_that_is_no_exception_is_carried(reason: object) -> None:
    with pytest.raises(RejectionError) as caught:
        await Promise.reject(reason)
    assert caught.value.reason is reason
    assert repr(reason) in str(caught.value)


@pytest.mark.parametrize(
    "reason", [StopIteration(3), StopAsyncIteration(), GeneratorExit(), asyncio.CancelledError()], ids=repr
)
async def test_a_reason_that_python_gives_a_meaning_of_its_own_is_carried(reason: BaseException) -> None:
    with pytest.raises(RejectionError) as caught:
        await Promise.reject(reason)
    assert caught.value.reason is reason
    assert caught.value.__cause__ is reason


async def test_handlers_see_the_reason_itself() -> None:
    for reason in (None, StopIteration(), asyncio.CancelledError(), object()):
        seen: list[object] = []
        Promise.reject(reason).catch(seen.append)
        await settle()
        assert len(seen) == 1
        assert seen[0] is reason


async def test_an_exception_as_reason_is_raised_itself() -> None:
    error = DOMException("gone", "AbortError")
    with pytest.raises(AbortError) as caught:
        await Promise.reject(error)
    assert caught.value is error


# Awaiting -------------------------------------------------------------------------------------------------


async def test_several_tasks_may_await_one_promise() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> object:
        return await gate.promise

    tasks = [asyncio.create_task(wait()) for _ in range(5)]
    await asyncio.sleep(0)
    gate.resolve("for all")
    assert await asyncio.gather(*tasks) == ["for all"] * 5
    assert await gate.promise == "for all"


async def test_cancelling_one_of_several_waiters_harms_nobody() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> object:
        return await gate.promise

    tasks = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    gate.resolve("still")
    assert await tasks[0] == "still"
    assert await tasks[2] == "still"


async def test_cancelling_the_only_waiter_leaves_the_promise_as_it_is() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> object:
        return await gate.promise

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert state_of(gate.promise) == "pending"
    gate.resolve("later")
    assert await gate.promise == "later"


async def test_cancelling_between_settling_and_resuming_leaves_the_promise_fulfilled() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> object:
        return await gate.promise

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    gate.resolve("value")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gate.promise == "value"


async def test_a_task_may_catch_its_cancellation_and_await_again() -> None:
    gate = Promise.with_resolvers()

    async def stubborn() -> object:
        try:
            return await gate.promise
        except asyncio.CancelledError:
            return await gate.promise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.resolve("second time")
    assert await task == "second time"


async def test_a_task_cancelled_before_it_awaits_does_not_wait() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> object:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return await gate.promise

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(wait())
    assert state_of(gate.promise) == "pending"


async def test_a_timeout_around_an_await_leaves_the_promise_usable() -> None:
    gate = Promise.with_resolvers()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await gate.promise
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gate.promise, 0.001)
    gate.resolve("after the timeouts")
    assert await gate.promise == "after the timeouts"


async def test_wait_for_gather_and_shield_take_promises() -> None:
    assert await asyncio.wait_for(Promise.resolve(1), 5) == 1
    results: list[object] = list(await asyncio.gather(Promise.resolve(1), Promise.resolve(2)))
    assert results == [1, 2]
    gate = Promise.with_resolvers()

    async def wait() -> object:
        return await asyncio.shield(gate.promise)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.resolve("shielded")
    assert await gate.promise == "shielded"
    await settle()


async def test_gather_collects_rejections() -> None:
    error = ValueError("gathered")
    results: list[object] = list(
        await asyncio.gather(Promise.resolve(1), Promise.reject(error), return_exceptions=True)
    )
    assert results == [1, error]


async def test_a_task_group_is_cancelled_by_a_rejection() -> None:
    never = Promise.with_resolvers()
    gate = Promise.with_resolvers()

    async def wait(promise: Promise[Any]) -> object:
        return await promise

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait(never.promise))
            tasks.create_task(wait(gate.promise))
            await asyncio.sleep(0)
            gate.reject(ValueError("in the group"))

    with pytest.raises(ExceptionGroup) as caught:
        await group()
    assert [str(error) for error in caught.value.exceptions] == ["in the group"]
    assert state_of(never.promise) == "pending"


async def test_the_traceback_does_not_grow_with_every_await() -> None:
    def make_the_error() -> ValueError:
        try:
            raise ValueError("raised once")
        except ValueError as error:
            return error

    promise = Promise.reject(make_the_error())
    depths: list[int] = []
    for _ in range(5):
        try:
            await promise
        except ValueError as error:
            depths.append(len(traceback.extract_tb(error.__traceback__)))
    assert len(set(depths)) == 1
    names = [frame.name for frame in traceback.extract_tb(make_the_error().__traceback__)]
    assert names == ["make_the_error"]


async def test_the_traceback_shows_where_the_reason_was_raised() -> None:
    async def somewhere_else() -> None:
        raise ValueError("there")

    promise = resolved(somewhere_else())
    for _ in range(2):
        with pytest.raises(ValueError, match="there") as caught:
            await promise
        assert "somewhere_else" in [entry.name for entry in caught.traceback]


async def test_awaiting_leaves_no_reference_cycle_behind() -> None:
    references: list[weakref.ref[BaseException]] = []

    class Error(Exception):
        def __init__(self) -> None:
            references.append(weakref.ref(self))

    async def fail() -> None:
        with contextlib.suppress(Error):
            await Promise.reject(Error())

    gc.disable()
    try:
        await fail()
        assert [reference() for reference in references] == [None]
    finally:
        gc.enable()
