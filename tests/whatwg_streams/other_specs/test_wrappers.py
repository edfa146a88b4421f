"""What the set-up algorithms put around the algorithms they are given."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.recording import FULFILLED, outcome, reason_of
from whatwg_streams import AbortError, Promise
from whatwg_streams.other_specs._wrappers import start_algorithm, wrapper


async def test_a_missing_algorithm_succeeds() -> None:
    assert outcome(wrapper(None)()) == FULFILLED
    assert outcome(wrapper(None)("with", "arguments")) == FULFILLED


async def test_arguments_are_passed_on() -> None:
    given: list[tuple[object, ...]] = []
    wrapper(lambda *arguments: given.append(arguments))(1, "two")
    assert given == [(1, "two")]


async def test_a_promise_is_returned_as_it_is() -> None:
    promise = Promise[int]()
    assert wrapper(lambda: promise)() is promise


async def test_what_is_raised_becomes_a_rejection() -> None:
    error = KeyError("which")

    def algorithm() -> None:
        raise error

    assert reason_of(wrapper(algorithm)()) is error


async def test_a_coroutine_is_run() -> None:
    async def algorithm(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    assert await wrapper(algorithm)(1) == 2


async def test_a_future_is_waited_for() -> None:
    future = asyncio.get_running_loop().create_future()
    promise = wrapper(lambda: future)()
    future.set_result("done")
    assert await promise == "done"


async def test_a_coroutine_that_is_cancelled_is_an_abort_error() -> None:
    async def algorithm() -> None:
        raise asyncio.CancelledError

    with pytest.raises(AbortError):
        await wrapper(algorithm)()


async def test_an_exception_that_ends_the_program_is_not_held_back() -> None:
    def algorithm() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wrapper(algorithm)()


def test_the_start_algorithm_does_nothing() -> None:
    assert start_algorithm() is None  # type: ignore[func-returns-value]
