"""§4.9.1 Working with readable streams, ReadableStreamFromIterable.

https://streams.spec.whatwg.org/#readable-stream-from-iterable
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of, rejected
from tests.support.sources import read_all
from whatwg_streams import Promise, ReadableStream

ERROR = ValueError("the reason")


@pytest.mark.parametrize("value", [None, 3, object(), True, "text"], ids=["none", "int", "object", "bool", "str"])
def test_what_can_not_be_iterated_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        ReadableStream.from_(value)


@pytest.mark.parametrize("iterable", [[1, 2], (1, 2), range(1, 3), {1: "a", 2: "b"}], ids=repr)
async def test_an_iterable_gives_its_items(iterable: Any) -> None:
    assert await read_all(ReadableStream.from_(iterable)) == [1, 2]


async def test_an_asynchronous_generator_gives_its_items() -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    assert await read_all(ReadableStream.from_(numbers())) == [0, 1, 2]


async def test_a_stream_is_an_asynchronous_iterable_too() -> None:
    first = ReadableStream.from_(iter("ab"))
    assert await read_all(ReadableStream.from_(first)) == ["a", "b"]


async def test_items_of_an_iterable_that_are_promises_are_waited_for() -> None:
    assert await read_all(ReadableStream.from_([Promise.resolve(1), 2])) == [1, 2]
    reader = ReadableStream.from_([Promise.reject(ERROR)]).get_reader()
    read = reader.read()
    await settle()
    assert outcome(read) == rejected(ERROR)


async def test_nothing_is_asked_of_the_iterator_before_a_read_and_one_item_for_each() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            asked.append(number)
            yield number

    reader = ReadableStream.from_(numbers()).get_reader()
    await settle()
    assert asked == []
    assert (await reader.read()).value == 0
    await settle()
    assert asked == [0]


async def test_what_the_iterator_raises_errors_the_stream() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ERROR

    reader = ReadableStream.from_(failing()).get_reader()
    assert (await reader.read()).value == 1
    read = reader.read()
    await settle()
    assert outcome(read) == rejected(ERROR)
    assert outcome(reader.closed) == rejected(ERROR)


async def test_the_end_of_the_iterator_closes_the_stream() -> None:
    reader = ReadableStream.from_([]).get_reader()
    await settle()
    assert outcome(reader.closed) == PENDING
    assert (await reader.read()).done
    assert outcome(reader.closed) == FULFILLED


async def test_cancelling_closes_a_generator() -> None:
    events: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            events.append("closed")

    reader = ReadableStream.from_(numbers()).get_reader()
    await reader.read()
    await reader.cancel("why")
    assert events == ["closed"]
    assert (await reader.read()).done


async def test_what_closing_the_iterator_fails_with_rejects_the_cancellation() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise ERROR

    reader = ReadableStream.from_(numbers()).get_reader()
    await reader.read()
    promise = reader.cancel()
    await settle()
    assert reason_of(promise) is ERROR


async def test_an_iterator_that_can_not_be_closed_is_just_left() -> None:
    class Numbers:
        def __aiter__(self) -> Numbers:
            return self

        async def __anext__(self) -> int:
            return 1

    reader = ReadableStream.from_(Numbers()).get_reader()
    assert (await reader.read()).value == 1
    await reader.cancel()
    assert (await reader.read()).done


def test_what_asking_for_the_iterator_raises_is_raised() -> None:
    class Failing:
        def __iter__(self) -> Iterator[int]:
            raise ERROR

    with pytest.raises(ValueError, match="the reason"):
        ReadableStream.from_(Failing())
