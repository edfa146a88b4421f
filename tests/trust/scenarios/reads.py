"""Reads with a default reader, and asynchronous iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

from whatwg_streams import ReadableStream, ReadableStreamAsyncIterator, ReadableStreamDefaultReader

from .sources import COUNT, Numbers, Pulled, PulledInATask, PushedByMicrotasks, PushedByTheLoop, Queued, stream_of

MakeStream: TypeAlias = "Callable[[], ReadableStream[int]]"


class Reads:
    """One reader, which stays the same: it reads on after the interruption."""

    def __init__(self, make_stream: MakeStream, count: int = COUNT) -> None:
        self.stream = make_stream()
        self.expected = list(range(count))
        self.received: list[int] = []
        self.reader: ReadableStreamDefaultReader[int] = self.stream.get_reader()

    async def act(self) -> None:
        while not (result := await self.reader.read()).done:
            self.received.append(result.value)

    async def carry_on(self) -> None:
        await self.act()
        await self.reader.closed
        self.reader.release_lock()
        self.check()

    def check(self) -> None:
        assert self.received == self.expected
        assert not self.stream.locked
        assert self.stream._state == "closed"


class ReadsInABlock(Reads):
    """A reader for each who reads, released as its block is left."""

    def __init__(self, make_stream: MakeStream, count: int = COUNT) -> None:
        super().__init__(make_stream, count)
        self.reader.release_lock()

    async def act(self) -> None:
        with self.stream.get_reader() as self.reader:
            await super().act()

    async def carry_on(self) -> None:
        await self.act()
        self.check()


class IterationThatKeepsTheStream(Reads):
    """`async for` over `values(prevent_cancel=True)`."""

    def __init__(self, make_stream: MakeStream) -> None:
        super().__init__(make_stream)
        self.reader.release_lock()

    async def act(self) -> None:
        async for number in self.stream.values(prevent_cancel=True):
            self.received.append(number)

    async def carry_on(self) -> None:
        await self.act()
        self.check()


class IterationThatCancelsTheStream(Reads):
    """`async for` over the stream: whoever leaves the loop has cancelled it."""

    def __init__(self, make_source: Callable[[], Numbers]) -> None:
        self.source = make_source()
        super().__init__(lambda: stream_of(lambda: self.source))
        self.reader.release_lock()
        self.ended = False

    async def act(self) -> None:
        async for number in self.stream:
            self.received.append(number)
        self.ended = True

    async def carry_on(self) -> None:
        assert self.received == self.expected[: len(self.received)]
        assert not self.stream.locked
        if not self.ended and self.stream._state != "closed":
            # It was not even begun.
            await self.stream.cancel()
        assert self.stream._state == "closed"
        assert self.source.cancels in ([], [None])


class IteratorThatIsKept(Reads):
    """`anext` of an iterator that goes on to be used."""

    def __init__(self, make_stream: MakeStream) -> None:
        super().__init__(make_stream)
        self.reader.release_lock()
        self.iterator: ReadableStreamAsyncIterator[int] = self.stream.values()

    async def act(self) -> None:
        async for number in self.iterator:
            self.received.append(number)

    async def carry_on(self) -> None:
        await self.act()
        self.check()


_SOURCES: tuple[type[Numbers], ...] = (Queued, Pulled, PulledInATask, PushedByTheLoop, PushedByMicrotasks)


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    for source in _SOURCES:
        make_stream = partial(stream_of, source)
        yield "default reads", partial(Reads, make_stream)
        yield "default reads", partial(ReadsInABlock, make_stream)
        yield "async for, values(prevent_cancel=True)", partial(IterationThatKeepsTheStream, make_stream)
        yield "async for, values(prevent_cancel=True)", partial(IteratorThatIsKept, make_stream)
        yield "async for", partial(IterationThatCancelsTheStream, source)
