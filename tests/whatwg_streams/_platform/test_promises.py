"""Promises: how they settle, in which order they react, and what awaiting them does."""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from tests.support.promises import resolved, resolved_with, state_of
from whatwg_streams import AbortError, Promise, RejectionError
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


def _raise(error: BaseException) -> NoReturn:
    raise error


def _append(log: list[Any], what: object, _: object) -> None:
    log.append(what)


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
    other = resolved_with(promise)
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
    assert state_of(waiting) == "pending"
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
    assert state_of(promise) == "rejected"
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
    assert (state_of(fulfilled), state_of(rejected)) == ("pending", "pending")
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
        pytest.param(lambda: resolved(Promise.resolve(1)), 1, id="Promise.resolve of a promise is that"),
        pytest.param(lambda: a_promise_resolved_with(1), 1, id="resolved with a value"),
        pytest.param(lambda: resolved_with(Promise.resolve(1)), 3, id="resolved with a promise"),
        pytest.param(lambda: resolved_with(Promise.reject(1)), 3, id="resolved with a rejected promise"),
        pytest.param(lambda: resolved_with(resolved_with(Promise.resolve(1))), 4, id="resolved twice over"),
        pytest.param(lambda: Promise(lambda resolve, _: resolve(Promise.resolve(1))), 3, id="executor and a promise"),
        pytest.param(lambda: Promise.resolve(1).then(), 2, id="then without handlers"),
        pytest.param(lambda: Promise.reject(1).then(), 2, id="then without handlers, rejected"),
        pytest.param(lambda: Promise.resolve(1).then(lambda value: value), 2, id="handler returns a value"),
        pytest.param(lambda: resolved(1).then(lambda _: Promise.resolve(2)), 4, id="handler returns a promise"),
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


# Promise.resolve, reject, all -----------------------------------------------------------------------------


async def test_resolve_returns_a_promise_as_it_is() -> None:
    promise = Promise.resolve(1)
    assert resolved(promise) is promise


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


# Observers --------------------------------------------------------------------------------------------------


async def test_reactions_of_every_kind_are_triggered_in_the_order_they_were_added() -> None:
    log: list[str] = []
    gate = Promise.with_resolvers()

    async def wait() -> None:
        await gate.promise
        log.append("task")

    gate.promise.then(lambda _: log.append("then"))
    host.observe(gate.promise, lambda promise: log.append(f"observer, {state_of(promise)}"))
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

    promise = resolved(work())

    async def main() -> object:
        return await promise

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == "worked"
