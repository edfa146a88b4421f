"""Async sequences: iterating over whatever is iterable."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn

import pytest

from tests.support import settle
from whatwg_streams import AbortError, Promise, RejectionError
from whatwg_streams._platform.async_sequence import (
    END_OF_ITERATION,
    IteratorRecord,
    close_an_async_iterator,
    get_the_next_value,
    open_an_async_sequence,
)


async def _all_values(record: IteratorRecord) -> list[Any]:
    values: list[Any] = []
    while (value := await get_the_next_value(record)) is not END_OF_ITERATION:
        values.append(value)
    return values


def _open(value: object) -> IteratorRecord:
    return open_an_async_sequence(value, "iterable")


async def _count(last: int) -> AsyncIterator[int]:
    for number in range(last):
        await asyncio.sleep(0)
        yield number


class _Recorded:
    """An iterator, or an asynchronous one, with a close method that may fail."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self.error is not None:
            raise self.error
        return 1

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


class _RecordedAsync:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        if self.error is not None:
            raise self.error
        return 1

    async def aclose(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


async def test_an_asynchronous_iterable_gives_its_values() -> None:
    assert await _all_values(_open(_count(3))) == [0, 1, 2]


async def test_an_iterable_gives_its_values() -> None:
    assert await _all_values(_open([1, 2, 3])) == [1, 2, 3]
    assert await _all_values(_open(iter("ab"))) == ["a", "b"]
    assert await _all_values(_open({"key": 1})) == ["key"]


async def test_promises_and_coroutines_in_an_iterable_are_awaited() -> None:
    async def work() -> str:
        return "coroutine"

    assert await _all_values(_open([Promise.resolve("promise"), work(), "value"])) == ["promise", "coroutine", "value"]


async def test_a_rejected_promise_in_an_iterable_is_a_rejection() -> None:
    with pytest.raises(RejectionError, match="no"):
        await get_the_next_value(_open([Promise.reject("no")]))


async def test_what_is_both_is_iterated_asynchronously() -> None:
    class Both:
        def __iter__(self) -> NoReturn:
            raise AssertionError  # pragma: no cover

        def __aiter__(self) -> AsyncIterator[int]:
            return _count(1)

    assert await _all_values(_open(Both())) == [0]


@pytest.mark.parametrize("value", [1, None, object(), len], ids=repr)
def test_what_is_not_iterable_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"^iterable: "):
        _open(value)


def test_what_opening_raises_is_raised() -> None:
    class Strange:
        def __init__(self) -> None:
            self.error = ValueError("strange")

        def __iter__(self) -> NoReturn:
            raise self.error

    class StrangeAsync(Strange):
        def __aiter__(self) -> NoReturn:
            raise self.error

    for kind in (Strange, StrangeAsync):
        with pytest.raises(ValueError, match="strange"):
            _open(kind())


@pytest.mark.parametrize("kind", [_Recorded, _RecordedAsync])
async def test_what_the_iterator_raises_is_a_rejection(kind: type[_Recorded | _RecordedAsync]) -> None:
    with pytest.raises(ValueError, match="next"):
        await get_the_next_value(_open(kind(ValueError("next"))))


async def test_an_asynchronous_iterator_that_was_cancelled_is_an_abort_error() -> None:
    with pytest.raises(AbortError):
        await get_the_next_value(_open(_RecordedAsync(asyncio.CancelledError())))


async def test_an_iterator_that_raises_at_the_call_is_a_rejection() -> None:
    class Strange:
        def __aiter__(self) -> Strange:
            return self

        def __anext__(self) -> NoReturn:
            raise ValueError("at the call")

    with pytest.raises(ValueError, match="at the call"):
        await get_the_next_value(_open(Strange()))


async def test_the_steps_of_an_asynchronous_generator_share_a_context() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    async def generator() -> AsyncIterator[int]:
        for _ in range(3):
            variable.set(variable.get() + 1)
            yield variable.get()

    assert await _all_values(_open(generator())) == [1, 2, 3]
    assert variable.get() == 0


@pytest.mark.parametrize("kind", [_Recorded, _RecordedAsync])
async def test_closing_calls_the_iterators_close(kind: type[_Recorded | _RecordedAsync]) -> None:
    iterator = kind()
    assert await close_an_async_iterator(_open(iterator), "reason") is None
    assert iterator.closed == 1


@pytest.mark.parametrize("kind", [_Recorded, _RecordedAsync])
async def test_what_closing_raises_is_a_rejection(kind: type[_Recorded | _RecordedAsync]) -> None:
    with pytest.raises(ValueError, match="closing"):
        await close_an_async_iterator(_open(kind(ValueError("closing"))), "reason")


async def test_closing_an_iterator_without_a_close_does_nothing() -> None:
    class Bare:
        def __aiter__(self) -> Bare:
            return self

        async def __anext__(self) -> NoReturn:
            raise StopAsyncIteration

    assert await close_an_async_iterator(_open([1]), None) is None
    assert await close_an_async_iterator(_open(Bare()), None) is None
    assert await get_the_next_value(_open(Bare())) is END_OF_ITERATION


async def test_closing_a_generator_runs_its_finally() -> None:
    log: list[str] = []

    def generator() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            log.append("generator")

    async def async_generator() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            log.append("asynchronous generator")

    for iterable in (generator(), async_generator()):
        record = _open(iterable)
        assert await get_the_next_value(record) == 1
        await close_an_async_iterator(record, "enough")
        assert await get_the_next_value(record) is END_OF_ITERATION
    assert log == ["generator", "asynchronous generator"]


async def test_nothing_is_asked_before_the_first_value_is_wanted() -> None:
    log: list[str] = []

    def generator() -> Iterator[int]:
        log.append("asked")
        yield 1

    record = _open(generator())
    await settle()
    assert log == []
    promise = get_the_next_value(record)
    assert log == ["asked"]
    assert await promise == 1


def test_the_end_of_iteration_says_what_it_is() -> None:
    assert repr(END_OF_ITERATION) == "end of iteration"
