"""Rejections that nobody handles are reported."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from whatwg_streams import Promise, RejectionError
from whatwg_streams._platform.promises import (
    a_promise_resolved_with,
    mark_as_handled,
    reject,
)

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
