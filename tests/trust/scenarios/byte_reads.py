"""Reads of byte streams, with readers of both kinds."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from typing_extensions import Buffer, override

from whatwg_streams import Promise, ReadableStream, ReadResult

from .sources import (
    DATA,
    Bytes,
    BytesPushedByMicrotasks,
    BytesPushedByTheLoop,
    PulledBytes,
    QueuedBytes,
    Responding,
    RespondingInATask,
    RespondingWithNewViews,
)


class ByteReads:
    """Reads into buffers of four bytes, until the end."""

    def __init__(
        self, make_source: Callable[[], Bytes], make_view: Callable[[], Buffer] = lambda: bytearray(4), min_: int = 1
    ) -> None:
        self.source = make_source()
        self.stream: ReadableStream[memoryview] = ReadableStream(self.source)
        self.make_view = make_view
        self.min = min_
        self.received = b""
        self.ended = False
        self.reader = self.stream.get_reader(mode="byob")

    def read(self) -> Promise[ReadResult[Any]]:
        return self.reader.read(self.make_view(), min=self.min)

    def got(self, result: ReadResult[Any]) -> None:
        self.received += bytes(result.value or b"")
        self.ended = result.done

    async def act(self) -> None:
        while not self.ended:
            self.got(await self.read())

    async def carry_on(self) -> None:
        await self.act()
        await self.reader.closed
        self.reader.release_lock()
        self.check()

    def check(self) -> None:
        assert self.received == DATA
        assert not self.stream.locked
        assert self.stream._state == "closed"


class DefaultReadsOfBytes(ByteReads):
    """Reads what the source gives as it is."""

    def __init__(self, make_source: Callable[[], Bytes]) -> None:
        super().__init__(make_source)
        self.reader.release_lock()
        self.default_reader = self.stream.get_reader()

    @override
    def read(self) -> Promise[ReadResult[Any]]:
        return self.default_reader.read()

    @override
    async def carry_on(self) -> None:
        await self.act()
        self.default_reader.release_lock()
        self.check()


class BlocksOfByteReads(ByteReads):
    """A reader of its own for each who reads, released as its block is left."""

    def __init__(self, make_source: Callable[[], Bytes]) -> None:
        super().__init__(make_source)
        self.reader.release_lock()

    @override
    async def act(self) -> None:
        with self.stream.get_reader(mode="byob") as self.reader:
            await super().act()

    @override
    async def carry_on(self) -> None:
        if not self.ended:
            await self.act()
        self.check()


class OtherReaderCarriesOn(BlocksOfByteReads):
    """A default reader reads what is left."""

    @override
    async def carry_on(self) -> None:
        with self.stream.get_reader() as reader:
            while not self.ended:
                self.got(await reader.read())
        self.check()


class PipelinedByteReads(ByteReads):
    """Two reads wait at a time.

    What the second has got, be it the end, may come before what the first, which was withdrawn, has given back.
    """

    def __init__(self, make_source: Callable[[], Bytes], make_view: Callable[[], Buffer]) -> None:
        super().__init__(make_source, make_view)
        self.pending: deque[Promise[ReadResult[Any]]] = deque()

    @override
    async def act(self) -> None:
        while self.pending or not self.ended:
            while len(self.pending) < 2 and not self.ended:
                self.pending.append(self.read())
            self.got(await self.pending.popleft())

    @override
    async def carry_on(self) -> None:
        self.ended = False
        await super().carry_on()

    @override
    def check(self) -> None:
        self.received = bytes(sorted(self.received))
        super().check()


_BYTE_SOURCES: tuple[type[Bytes], ...] = (
    QueuedBytes,
    PulledBytes,
    BytesPushedByTheLoop,
    BytesPushedByMicrotasks,
    Responding,
    RespondingInATask,
    RespondingWithNewViews,
)


def _items(number: int) -> array[int]:
    """Room for so many items of two bytes."""
    return array("H", bytes(2 * number))


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    responding: tuple[type[Bytes], ...] = (Responding, RespondingInATask, RespondingWithNewViews)
    for source in responding:
        yield "BYOB reads with min", partial(ByteReads, source, lambda: bytearray(8), 8)  # the last one gets fewer
    for source in _BYTE_SOURCES:
        auto = partial(source, 4)
        for make_source in (source, auto):
            yield "default reads of a byte stream", partial(DefaultReadsOfBytes, make_source)
            yield "BYOB reads", partial(OtherReaderCarriesOn, make_source)
        yield "BYOB reads", partial(ByteReads, source)
        yield "BYOB reads", partial(ByteReads, source, partial(_items, 4))
        yield "BYOB reads", partial(BlocksOfByteReads, source)
        yield "BYOB reads with min", partial(ByteReads, source, min_=4)
        yield "BYOB reads with min", partial(ByteReads, source, partial(_items, 2), 2)
        yield "BYOB reads, two at a time", partial(PipelinedByteReads, source, lambda: bytearray(4))
        yield "BYOB reads, two at a time", partial(PipelinedByteReads, source, lambda: memoryview(bytearray(2)))
