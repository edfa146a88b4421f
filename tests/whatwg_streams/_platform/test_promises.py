"""Promises: how they settle, in which order they react, and what awaiting them does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import traceback
import weakref
from collections.abc import Callable, Generator
from typing import Any, NoReturn

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from whatwg_streams import AbortError, DOMException, Promise, RejectionError
from whatwg_streams._platform import event_loop, host
from whatwg_streams._platform.promises import (
    AbandonablePromise,
    PromiseWithResolvers,
    a_promise_resolved_with,
    a_promise_resolved_with_undefined,
    get_a_promise_to_wait_for_all,
    mark_as_handled,
    react,
    reject,
    resolve,
    upon,
    wait_for_all,
)
from whatwg_streams._platform.reasons import Throw, reason_of

# The checker is not asked what comes of an awaitable.
_resolved: Any = Promise.resolve
_resolved_with: Any = a_promise_resolved_with


class _Telling(AbandonablePromise[Any]):
    """Tells a function when it is abandoned."""

    __slots__ = ("tell",)

    def __init__(self, tell: Callable[[AbandonablePromise[Any]], object]) -> None:
        super().__init__()
        self.tell = tell

    def _abandoned(self) -> None:
        self.tell(self)


def _raise(error: BaseException) -> NoReturn:
    raise error


def _append(log: list[Any], what: object, _: object) -> None:
    log.append(what)


def _state(promise: Promise[Any]) -> str:
    return repr(promise).split()[1].rstrip(">")


class _Ladder:
    """Counts rounds of the microtask queue: it is the first job of each round."""

    def __init__(self, rounds: int = 20) -> None:
        self.round = 0
        self._last = rounds
        event_loop.enqueue_microtask(self._climb, None)

    def _climb(self, _: object) -> None:
        self.round += 1
        if self.round < self._last:
            event_loop.enqueue_microtask(self._climb, None)


async def _rounds_until_settled(make: Callable[[], Promise[Any]]) -> int:
    """How many rounds of the queue pass before a reaction to the promise runs."""
    ladder = _Ladder()
    rounds: list[int] = []

    def note(_: object) -> None:
        rounds.append(ladder.round)

    make().then(note, note)
    await settle()
    (count,) = rounds
    return count


# Settling ------------------------------------------------------------------------------------------


async def test_the_executor_runs_at_once() -> None:
    log: list[str] = []

    def executor(resolve: Callable[[str], None], reject: Callable[[object], None]) -> None:
        log.append("executor")
        resolve("value")

    promise: Promise[str] = Promise(executor)
    log.append("after")
    assert log == ["executor", "after"]
    assert await promise == "value"


async def test_the_executor_may_reject() -> None:
    promise: Promise[str] = Promise(lambda resolve, reject: reject(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        await promise


async def test_what_the_executor_raises_rejects() -> None:
    promise: Promise[str] = Promise(lambda resolve, reject: _raise(ValueError("raised")))
    with pytest.raises(ValueError, match="raised"):
        await promise


async def test_what_the_executor_raises_after_resolving_is_ignored() -> None:
    def executor(resolve: Callable[[Any], None], reject: Callable[[object], None]) -> None:
        resolve("first")
        raise ValueError("ignored")

    assert await Promise[str](executor) == "first"


async def test_only_the_first_resolution_counts() -> None:
    promise, resolve_it, reject_it = Promise.with_resolvers()
    resolve_it(1)
    resolve_it(2)
    reject_it(ValueError("late"))
    assert await promise == 1


async def test_only_the_first_rejection_counts() -> None:
    promise, resolve_it, reject_it = Promise.with_resolvers()
    error = ValueError("first")
    reject_it(error)
    reject_it(ValueError("second"))
    resolve_it("late")
    with pytest.raises(ValueError, match="first"):
        await promise


async def test_a_promise_that_follows_another_can_not_be_settled_otherwise() -> None:
    leader = Promise.with_resolvers()
    follower = Promise.with_resolvers()
    follower.resolve(leader.promise)
    follower.resolve("other")
    follower.reject(ValueError("other"))
    leader.resolve("led")
    assert await follower.promise == "led"


async def test_resolving_without_a_value_fulfills_with_none() -> None:
    promise = Promise.with_resolvers()
    promise.resolve()
    assert await promise.promise is None


async def test_a_promise_resolved_with_itself_is_rejected() -> None:
    promise, resolve_it, _ = Promise.with_resolvers()
    resolve_it(promise)
    with pytest.raises(TypeError, match="itself"):
        await promise


async def test_a_derived_promise_whose_handler_returns_it_is_rejected() -> None:
    derived: Promise[Any] = Promise.resolve(None).then(lambda _: derived)
    with pytest.raises(TypeError, match="itself"):
        await derived


async def test_the_representation_tells_the_state() -> None:
    pending = Promise.with_resolvers()
    assert repr(pending.promise) == "<Promise pending>"
    assert repr(Promise.resolve(3)) == "<Promise fulfilled 3>"
    rejected = Promise.reject("why")
    assert repr(rejected) == "<Promise rejected 'why'>"
    mark_as_handled(rejected)
    assert "AbandonablePromise pending" in repr(AbandonablePromise())


# The verbs -------------------------------------------------------------------------------------------


async def test_resolve_and_reject_settle_a_pending_promise_once() -> None:
    promise: Promise[int] = Promise()
    resolve(promise, 1)
    resolve(promise, 2)
    reject(promise, ValueError("late"))
    assert await promise == 1
    other: Promise[int] = Promise()
    reject(other)
    reject(other, ValueError("late"))
    with pytest.raises(RejectionError) as caught:
        await other
    assert caught.value.reason is None


async def test_a_rejection_without_a_reason_is_an_abort_for_those_who_await_it(loop_errors: LoopErrors) -> None:
    with pytest.raises(AbortError) as caught:
        await Promise.reject(None)
    assert isinstance(caught.value, RejectionError)
    assert reason_of(caught.value) is None
    Promise.reject(None)
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], AbortError)


async def test_a_promise_resolved_with_a_promise_is_another_promise() -> None:
    promise = Promise.resolve("value")
    other = _resolved_with(promise)
    assert other is not promise
    assert await other == "value"


async def test_a_promise_resolved_with_undefined_is_fulfilled_with_none() -> None:
    promise: Promise[Any] = a_promise_resolved_with_undefined()
    assert await promise is None


async def test_upon_calls_the_steps_for_the_outcome() -> None:
    log: list[Any] = []
    upon(Promise.resolve(1), log.append, None)
    upon(Promise.resolve(2), None, log.append)
    upon(Promise.reject(3), log.append, None)
    upon(Promise.reject(4), None, log.append)
    await settle()
    assert log == [1, 4]


async def test_what_the_steps_of_upon_raise_is_reported(loop_errors: LoopErrors) -> None:
    error = ValueError("in the steps")
    upon(Promise.resolve(1), lambda _: _raise(error), None)
    await settle()
    (context,) = loop_errors.take()
    assert context["exception"] is error


async def test_reacting_gives_a_promise_for_what_the_steps_return() -> None:
    assert await react(Promise.resolve(1), lambda value: value + 1) == 2
    assert await react(Promise.reject("no"), None, lambda reason: reason + "!") == "no!"
    with pytest.raises(RejectionError, match="no"):
        await react(Promise.reject("no"), lambda value: value)


async def test_waiting_for_all_gives_the_results_in_order() -> None:
    one, two = Promise.with_resolvers(), Promise.with_resolvers()
    waiting = get_a_promise_to_wait_for_all([one.promise, two.promise])
    two.resolve(2)
    await settle()
    assert _state(waiting) == "pending"
    one.resolve(1)
    assert await waiting == [1, 2]


async def test_waiting_for_all_fails_with_the_first_rejection_only() -> None:
    log: list[Any] = []
    one, two, three = (Promise.with_resolvers() for _ in range(3))
    wait_for_all([one.promise, two.promise, three.promise], log.append, lambda reason: log.append(("failed", reason)))
    two.reject("second")
    one.reject("first")
    three.resolve()
    await settle()
    assert log == [("failed", "second")]


async def test_waiting_for_none_succeeds_in_a_microtask() -> None:
    log: list[Any] = []
    wait_for_all([], log.append, log.append)
    assert log == []
    await settle()
    assert log == [[]]


async def test_a_promise_to_wait_for_all_rejects() -> None:
    error = ValueError("one of them")
    with pytest.raises(ValueError, match="one of them"):
        await get_a_promise_to_wait_for_all([Promise.resolve(1), Promise.reject(error)])


# then, catch, finally_ ---------------------------------------------------------------------------------


async def test_reactions_run_in_the_order_they_were_added() -> None:
    log: list[int] = []
    gate = Promise.with_resolvers()
    for number in range(5):
        gate.promise.then(functools.partial(_append, log, number))
    gate.resolve()
    assert log == []
    await settle()
    assert log == list(range(5))


async def test_a_reaction_is_never_called_at_once() -> None:
    log: list[str] = []
    Promise.resolve(None).then(lambda _: log.append("reaction"))
    log.append("after then")
    await settle()
    assert log == ["after then", "reaction"]


async def test_then_passes_on_what_it_has_no_handler_for() -> None:
    assert await Promise.resolve("value").then() == "value"
    with pytest.raises(RejectionError, match="reason"):
        await Promise.reject("reason").then(lambda _: "not called")


async def test_a_handler_that_returns_makes_its_promise_fulfill() -> None:
    assert await Promise.resolve(1).then(lambda value: value + 1) == 2
    assert await Promise.reject(1).then(None, lambda reason: reason + 1) == 2
    assert await Promise.reject(1).catch(lambda reason: reason + 2) == 3
    assert await Promise.resolve(1).catch(lambda _: 5) == 1


async def test_a_handler_that_raises_makes_its_promise_reject() -> None:
    error = ValueError("in the handler")
    with pytest.raises(ValueError, match="in the handler"):
        await Promise.resolve(1).then(lambda _: _raise(error))
    with pytest.raises(ValueError, match="in the handler"):
        await Promise.reject(1).catch(lambda _: _raise(error))


async def test_a_handler_may_throw_any_object() -> None:
    reason = object()
    with pytest.raises(RejectionError) as caught:
        await Promise.resolve(1).then(lambda _: _raise(Throw(reason)))
    assert caught.value.reason is reason


async def test_a_handler_may_return_a_promise_or_a_coroutine() -> None:
    async def work(value: int) -> int:
        await asyncio.sleep(0)
        return value * 10

    promise: Any = Promise.resolve(1)
    assert await promise.then(lambda value: Promise.resolve(value + 1)) == 2
    assert await promise.then(work) == 10


async def test_a_handler_that_raises_cancelled_error_does_not_leave_its_promise_pending(
    loop_errors: LoopErrors,
) -> None:
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    promise = Promise.resolve(None).then(lambda _: cancelled.result())
    await settle()
    assert _state(promise) == "rejected"
    with pytest.raises((AbortError, RejectionError)):
        await promise
    assert loop_errors.take() == []


async def test_finally_is_called_without_arguments_and_passes_the_outcome_on() -> None:
    log: list[str] = []
    assert await Promise.resolve("value").finally_(lambda: log.append("fulfilled")) == "value"
    with pytest.raises(RejectionError, match="reason"):
        await Promise.reject("reason").finally_(lambda: log.append("rejected"))
    assert log == ["fulfilled", "rejected"]


async def test_finally_keeps_a_reason_that_is_no_exception() -> None:
    reason = object()
    with pytest.raises(RejectionError) as caught:
        await Promise.reject(reason).finally_(lambda: None)
    assert caught.value.reason is reason


async def test_finally_waits_for_what_its_function_returns() -> None:
    gate = Promise.with_resolvers()
    fulfilled = Promise.resolve("value").finally_(lambda: gate.promise)
    rejected = Promise.reject("reason").finally_(lambda: gate.promise)
    await settle()
    assert (_state(fulfilled), _state(rejected)) == ("pending", "pending")
    gate.resolve("of no interest")
    assert await fulfilled == "value"
    with pytest.raises(RejectionError, match="reason"):
        await rejected


async def test_what_the_function_of_finally_raises_replaces_the_outcome() -> None:
    error = ValueError("finally")
    with pytest.raises(ValueError, match="finally"):
        await Promise.resolve(1).finally_(lambda: _raise(error))
    with pytest.raises(ValueError, match="finally"):
        await Promise.reject(1).finally_(lambda: Promise.reject(error))


# The hops of ECMAScript -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "rounds"),
    [
        pytest.param(lambda: Promise.resolve(1), 1, id="a settled promise"),
        pytest.param(lambda: Promise.reject(1), 1, id="a rejected promise"),
        pytest.param(lambda: _resolved(Promise.resolve(1)), 1, id="Promise.resolve of a promise is that"),
        pytest.param(lambda: a_promise_resolved_with(1), 1, id="resolved with a value"),
        pytest.param(lambda: _resolved_with(Promise.resolve(1)), 3, id="resolved with a promise"),
        pytest.param(lambda: _resolved_with(Promise.reject(1)), 3, id="resolved with a rejected promise"),
        pytest.param(lambda: _resolved_with(_resolved_with(Promise.resolve(1))), 4, id="resolved twice over"),
        pytest.param(lambda: Promise(lambda resolve, _: resolve(Promise.resolve(1))), 3, id="executor and a promise"),
        pytest.param(lambda: Promise.resolve(1).then(), 2, id="then without handlers"),
        pytest.param(lambda: Promise.reject(1).then(), 2, id="then without handlers, rejected"),
        pytest.param(lambda: Promise.resolve(1).then(lambda value: value), 2, id="handler returns a value"),
        pytest.param(lambda: _resolved(1).then(lambda _: Promise.resolve(2)), 4, id="handler returns a promise"),
        pytest.param(lambda: Promise.reject(1).catch(lambda _: 2), 2, id="catch"),
        pytest.param(lambda: Promise.resolve(1).catch(lambda _: 2), 2, id="catch that has nothing to do"),
        pytest.param(lambda: Promise.resolve(1).finally_(lambda: None), 4, id="finally"),
        pytest.param(lambda: Promise.reject(1).finally_(lambda: None), 4, id="finally, rejected"),
        pytest.param(lambda: Promise.all([1, Promise.resolve(2)]), 2, id="all"),
        pytest.param(lambda: Promise.all([]), 1, id="all of none"),
        pytest.param(lambda: Promise.all([Promise.reject(1)]), 2, id="all, one rejected"),
        pytest.param(lambda: get_a_promise_to_wait_for_all([Promise.resolve(1)]), 2, id="wait for all"),
        pytest.param(lambda: get_a_promise_to_wait_for_all([]), 2, id="wait for none"),
    ],
)
async def test_hops_are_those_of_ecmascript(make: Callable[[], Promise[Any]], rounds: int) -> None:
    assert await _rounds_until_settled(make) == rounds


async def test_awaiting_a_settled_promise_takes_one_hop_when_others_are_about() -> None:
    ladder = _Ladder()
    await Promise.resolve(None)
    assert ladder.round == 1
    await Promise.resolve(None)
    assert ladder.round == 2


async def test_awaiting_a_settled_promise_returns_at_once_when_no_microtask_is_about() -> None:
    log: list[str] = []
    asyncio.get_running_loop().call_soon(log.append, "turn")
    assert await Promise.resolve("value") == "value"
    assert log == []


# Resolving with other awaitables ----------------------------------------------------------------------


async def test_resolving_with_a_coroutine_waits_for_it() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "worked"

    assert await _resolved(work()) == "worked"


async def test_resolving_with_a_coroutine_that_returns_a_promise_follows_that() -> None:
    async def work() -> Promise[str]:
        return Promise.resolve("inner")

    assert await _resolved_with(work()) == "inner"


async def test_resolving_with_a_coroutine_that_raises_rejects() -> None:
    async def work() -> None:
        raise ValueError("in the coroutine")

    with pytest.raises(ValueError, match="in the coroutine"):
        await _resolved(work())


async def test_resolving_with_a_future_or_a_task_waits_for_it() -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, "future")
    assert await Promise.resolve(future) == "future"

    async def work() -> str:
        return "task"

    assert await _resolved(asyncio.create_task(work())) == "task"


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

    assert await _resolved(Awaitable()) == "awaited"


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
    promise = _resolved(work())
    variable.set("later")
    assert await promise == "then"


async def test_a_coroutine_runs_in_the_context_that_is_given() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    context = contextvars.copy_context()
    context.run(variable.set, "given")

    async def work() -> str:
        return variable.get()

    assert await _resolved_with(work(), context) == "given"


# Promise.resolve, reject, all -----------------------------------------------------------------------------


async def test_resolve_returns_a_promise_as_it_is() -> None:
    promise = Promise.resolve(1)
    assert _resolved(promise) is promise


async def test_all_waits_for_values_promises_and_coroutines() -> None:
    async def work() -> str:
        return "coroutine"

    assert await Promise.all(["value", Promise.resolve("promise"), work()]) == ["value", "promise", "coroutine"]
    assert await Promise.all([]) == []


async def test_all_rejects_with_the_first_rejection() -> None:
    slow = Promise.with_resolvers()
    together = Promise.all([slow.promise, Promise.reject("reason")])
    with pytest.raises(RejectionError, match="reason"):
        await together
    slow.resolve()


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
    assert _state(gate.promise) == "pending"
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
    assert _state(gate.promise) == "pending"


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
    assert _state(never.promise) == "pending"


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

    promise = _resolved(somewhere_else())
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


# Unhandled rejections -------------------------------------------------------------------------------------


async def test_a_rejection_nobody_handled_is_reported_once(loop_errors: LoopErrors) -> None:
    error = ValueError("nobody cares")
    Promise.reject(error)
    await settle()
    (context,) = loop_errors.take()
    assert context["exception"] is error
    assert "nobody handled" in context["message"]
    assert loop_errors.take() == []


async def test_an_unhandled_reason_that_is_no_exception_is_reported_in_a_rejection_error(
    loop_errors: LoopErrors,
) -> None:
    reason = object()
    Promise.reject(reason)
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], RejectionError)
    assert context["exception"].reason is reason


async def test_a_rejection_is_not_reported_before_its_promise_is_collected(loop_errors: LoopErrors) -> None:
    promise = Promise.reject(ValueError("held"))
    await settle()
    assert loop_errors.take() == []
    del promise
    assert len(loop_errors.take()) == 1


async def test_a_rejection_handled_late_is_not_reported(loop_errors: LoopErrors) -> None:
    promise = Promise.reject(ValueError("late"))
    await settle()
    promise.catch(lambda _: None)
    awaited = Promise.reject(ValueError("awaited"))
    await settle()
    with pytest.raises(ValueError, match="awaited"):
        await awaited
    del promise, awaited
    await settle()
    assert loop_errors.take() == []


async def test_a_rejection_marked_as_handled_is_not_reported(loop_errors: LoopErrors) -> None:
    before: Promise[None] = Promise()
    mark_as_handled(before)
    reject(before, ValueError("marked before"))
    after = Promise.reject(ValueError("marked after"))
    mark_as_handled(after)
    del before, after
    assert loop_errors.take() == []


async def test_a_rejection_that_was_passed_on_is_reported_for_the_last_promise_only(loop_errors: LoopErrors) -> None:
    error = ValueError("passed on")
    Promise.reject(error).then(lambda _: None).then(lambda _: None)
    await settle()
    (context,) = loop_errors.take()
    assert context["exception"] is error


async def test_a_rejection_that_another_promise_follows_is_handled(loop_errors: LoopErrors) -> None:
    follower = a_promise_resolved_with(Promise.reject(ValueError("followed")))
    follower.catch(lambda _: None)
    await settle()
    assert loop_errors.take() == []


def test_a_rejection_made_without_a_loop_is_reported_to_the_next_one(
    loop_factory: LoopFactory, loop_errors: LoopErrors
) -> None:
    error = ValueError("before any loop")
    Promise.reject(error)
    gc.collect()
    assert loop_errors.contexts == []

    async def main() -> None:
        await Promise.resolve(None)
        await settle()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    (context,) = loop_errors.take()
    assert context["exception"] is error


def test_a_rejection_is_reported_to_its_own_loop_after_that_has_ended(
    loop_factory: LoopFactory, loop_errors: LoopErrors
) -> None:
    error = ValueError("outlives its loop")

    async def main() -> Promise[Any]:
        return Promise.reject(error)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        promise = runner.run(main())
    del promise
    (context,) = loop_errors.take()
    assert context["exception"] is error


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
    assert _state(promise) == "rejected"
    with pytest.raises(AbortError):
        await promise
    promise._withdraw()
    assert loop_errors.take() == []


# Observers --------------------------------------------------------------------------------------------------


async def test_reactions_of_every_kind_are_triggered_in_the_order_they_were_added() -> None:
    log: list[str] = []
    gate = Promise.with_resolvers()

    async def wait() -> None:
        await gate.promise
        log.append("task")

    gate.promise.then(lambda _: log.append("then"))
    host.observe(gate.promise, lambda promise: log.append(f"observer, {_state(promise)}"))
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    upon(gate.promise, lambda _: log.append("upon"), None)
    gate.resolve()
    assert log == ["observer, fulfilled"]
    await task
    await settle()
    assert log == ["observer, fulfilled", "then", "task", "upon"]


def test_a_promise_can_be_weakly_referenced_and_costs_no_dictionary() -> None:
    promise: Promise[None] = Promise()
    assert weakref.ref(promise)() is promise
    assert not hasattr(promise, "__dict__")
    assert PromiseWithResolvers._fields == ("promise", "resolve", "reject")


def test_promises_may_be_used_without_any_loop(loop_factory: LoopFactory) -> None:
    first = Promise.with_resolvers()
    chained = first.promise.then(lambda value: value + 1).finally_(lambda: None)
    first.resolve(1)

    async def main() -> Any:
        return await chained

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == 2


def test_a_coroutine_given_to_a_promise_without_a_loop_runs_when_there_is_one(loop_factory: LoopFactory) -> None:
    async def work() -> str:
        return "worked"

    promise = _resolved(work())

    async def main() -> object:
        return await promise

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == "worked"
