"""In parallel, and queue a global task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from direct_sockets._steps import InParallel, _go_on, _tasks, queue_a_global_task_upon
from tests.support import LoopFactory, settle
from whatwg_streams import Promise
from whatwg_streams._platform import fast_paths


async def test_steps_in_parallel_begin_on_a_turn_of_their_own() -> None:
    events: list[str] = []

    async def steps() -> None:
        events.append("begun")
        await settle(3)
        events.append("ended")

    InParallel(steps)
    assert events == []
    await settle()
    assert events == ["begun", "ended"]


async def test_the_task_is_kept_while_it_runs_and_forgotten_afterwards() -> None:
    before = len(_tasks)
    promise, resolve, _ = Promise.with_resolvers()

    async def steps() -> None:
        await promise

    InParallel(steps)
    assert len(_tasks) == before + 1
    resolve()
    await settle()
    assert len(_tasks) == before


async def test_steps_that_run_can_be_cancelled() -> None:
    events: list[str] = []

    async def steps() -> None:
        try:
            await Promise[None]()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    parallel = InParallel(steps)
    await settle()
    parallel.cancel()
    await settle()
    assert events == ["cancelled"]


def test_where_no_loop_runs_the_first_one_runs_the_steps(loop_factory: LoopFactory) -> None:
    events: list[object] = []

    async def steps() -> None:
        events.append(asyncio.get_running_loop())

    async def main() -> asyncio.AbstractEventLoop:
        await Promise.resolve()
        await settle()
        return asyncio.get_running_loop()

    InParallel(steps)
    assert events == []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        loop = runner.run(main())
    assert events == [loop]


def test_steps_that_wait_for_a_loop_can_be_cancelled(loop_factory: LoopFactory) -> None:
    async def steps() -> None:
        raise AssertionError("it was cancelled before")

    async def main() -> None:
        await Promise.resolve()
        await settle()

    InParallel(steps).cancel()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@pytest.fixture
def _fast_paths() -> Iterator[None]:
    before = fast_paths.set_enabled(True)
    yield
    fast_paths.set_enabled(before)


@pytest.mark.usefixtures("_fast_paths")
class TestStepsThatAwaitNoPromises:
    async def test_they_begin_in_a_microtask_and_need_no_task(self) -> None:
        events: list[str] = []

        async def steps() -> None:
            events.append("run")

        before = len(_tasks)
        InParallel(steps, await_promises=False)
        assert events == []
        await Promise.resolve()  # nothing but microtasks run before that goes on
        assert events == ["run"]
        assert len(_tasks) == before

    async def test_a_task_goes_on_with_what_has_to_wait(self) -> None:
        events: list[object] = []
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        failing: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def steps() -> None:
            events.append(await future)
            try:
                await failing
            except OSError as error:
                events.append(error)
            await asyncio.sleep(0)
            events.append(asyncio.current_task() in _tasks)

        InParallel(steps, await_promises=False)
        await settle()
        future.set_result("waited")
        await settle()
        assert events == ["waited"]
        error = OSError(5, "?")
        failing.set_exception(error)
        await settle()
        assert events == ["waited", error, True]

    async def test_they_run_in_the_context_of_the_one_who_began_them(self) -> None:
        variable: ContextVar[int] = ContextVar("variable", default=0)
        events: list[int] = []

        async def steps() -> None:
            events.append(variable.get())
            await asyncio.sleep(0)
            events.append(variable.get())

        token = variable.set(1)
        InParallel(steps, await_promises=False)
        variable.reset(token)
        await settle()
        assert events == [1, 1]

    @pytest.mark.parametrize("turns", [0, 3])
    async def test_they_can_be_cancelled(self, turns: int) -> None:
        events: list[str] = []

        async def steps() -> None:
            events.append("begun")
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                events.append("cancelled")
                raise

        parallel = InParallel(steps, lambda: events.append("told"), await_promises=False)
        await settle(turns)
        parallel.cancel()
        await settle()
        assert events == (["begun", "cancelled", "told"] if turns else [])

    async def test_a_task_of_theirs_that_is_never_resumed_closes_them(self) -> None:
        events: list[str] = []

        async def steps() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                events.append("closed")

        coroutine = steps()
        waits_for = coroutine.send(None)
        rest = _go_on(coroutine, waits_for)
        rest.send(None)
        rest.close()
        assert events == ["closed"]


async def test_an_answer_that_is_there_already_is_taken_at_once() -> None:
    events: list[Any] = []
    queue_a_global_task_upon("answer", events.append, events.append)
    assert events == ["answer"]


async def test_a_promise_is_waited_for() -> None:
    events: list[Any] = []
    promise, resolve, _ = Promise.with_resolvers()
    queue_a_global_task_upon(promise, lambda value: events.append(("success", value)), events.append)
    resolve(1)
    assert events == []
    await settle()
    assert events == [("success", 1)]


async def test_a_rejection_goes_to_the_failure_steps() -> None:
    events: list[Any] = []
    error = OSError(5, "?")
    queue_a_global_task_upon(Promise.reject(error), events.append, lambda reason: events.append(("failure", reason)))
    await settle()
    assert events == [("failure", error)]
