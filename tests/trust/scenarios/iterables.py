"""Streams of what an iterable gives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from typing_extensions import override

from whatwg_streams import Promise, ReadableStream

from .reads import IterationThatKeepsTheStream, Reads, ReadsInABlock
from .sources import COUNT


def _list() -> list[int]:
    return list(range(COUNT))


def _promises() -> Iterator[Promise[int]]:
    for number in range(COUNT):
        yield Promise.resolve(number)


async def asynchronous_generator() -> AsyncIterator[int]:
    for number in range(COUNT):
        await asyncio.sleep(0)
        yield number
        await asyncio.sleep(0)


async def quick_generator() -> AsyncIterator[int]:
    for number in range(COUNT):
        yield number


class _AsynchronousIterator:
    """One that is no generator, and can not be closed."""

    def __init__(self) -> None:
        self.given = 0

    def __aiter__(self) -> _AsynchronousIterator:
        return self

    async def __anext__(self) -> int:
        await asyncio.sleep(0)
        if self.given == COUNT:
            raise StopAsyncIteration
        self.given += 1
        return self.given - 1


class CancelsTheIterable(Reads):
    """Iterates inside of `aclosing`: as it is left the stream is cancelled, and the generator closed."""

    def __init__(self, make_generator: Callable[[list[str]], Any]) -> None:
        self.events: list[str] = []
        super().__init__(lambda: ReadableStream.from_(make_generator(self.events)))
        self.reader.release_lock()

    @override
    async def act(self) -> None:
        if self.stream._state != "readable":
            return  # somebody was here before
        async with contextlib.aclosing(self.stream.values()) as chunks:
            async for number in chunks:
                self.received.append(number)

    @override
    async def carry_on(self) -> None:
        await self.act()
        assert self.stream._state == "closed"
        assert not self.stream.locked
        assert self.received == self.expected[: len(self.received)]
        # A generator that was never asked for anything has no block to leave.
        assert self.events == ["begun", "closed"] or (self.events == [] and not self.received)


def _generator_with_an_end(events: list[str]) -> Iterator[int]:
    events.append("begun")
    try:
        yield from range(COUNT)
    finally:
        events.append("closed")


async def asynchronous_generator_with_an_end(events: list[str]) -> AsyncIterator[int]:
    events.append("begun")
    try:
        async for number in asynchronous_generator():
            yield number
    finally:
        await asyncio.sleep(0)
        events.append("closed")


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    for make_iterable in (_list, _promises, asynchronous_generator, _AsynchronousIterator):

        def make_stream(make_iterable: Callable[[], Any] = make_iterable) -> ReadableStream[int]:
            return ReadableStream.from_(make_iterable())

        yield "from_", partial(Reads, make_stream)
        yield "from_", partial(ReadsInABlock, make_stream)
        yield "from_", partial(IterationThatKeepsTheStream, make_stream)
    yield "from_, cancelled", partial(CancelsTheIterable, _generator_with_an_end)
    yield "from_, cancelled", partial(CancelsTheIterable, asynchronous_generator_with_an_end)
