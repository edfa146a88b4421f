"""Writes, and the two ways to end them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from typing_extensions import override

from whatwg_streams import WritableStream

from .sources import COUNT


class Sink:
    """A sink that takes note of what it is given."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.events: list[object] = []

    def write(self, chunk: int) -> None:
        self.received.append(chunk)

    def close(self) -> None:
        self.events.append("close")

    def abort(self, reason: object) -> None:
        self.events.append(reason)


class SinkInATask(Sink):
    """Takes a few turns of the loop for everything that it does."""

    async def start(self) -> None:
        await asyncio.sleep(0)

    @override
    async def write(self, chunk: int) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.received.append(chunk)
        await asyncio.sleep(0)

    @override
    async def close(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.events.append("close")
        await asyncio.sleep(0)

    @override
    async def abort(self, reason: object) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.events.append(reason)
        await asyncio.sleep(0)


class Writes:
    """Waits until the stream is ready, writes, and waits for that, too."""

    def __init__(self, make_sink: Callable[[], Sink], high_water_mark: float = 1) -> None:
        self.sink = make_sink()
        self.stream: WritableStream[int] = WritableStream(self.sink, {"high_water_mark": high_water_mark})
        self.writer = self.stream.get_writer()
        self.written = 0

    async def act(self) -> None:
        while self.written < COUNT:
            await self.writer.ready
            self.written += 1
            await self.writer.write(self.written - 1)

    async def carry_on(self) -> None:
        await self.act()
        await self.writer.close()
        await self.writer.closed
        self.writer.release_lock()
        self.check()

    def check(self) -> None:
        assert self.sink.received == list(range(COUNT))
        assert self.sink.events == ["close"]
        assert not self.stream.locked
        assert self.stream._state == "closed"


class WritesWithoutWaiting(Writes):
    """Waits only for the stream to be ready."""

    @override
    async def act(self) -> None:
        while self.written < COUNT:
            await self.writer.ready
            self.written += 1
            self.writer.write(self.written - 1)


class BlocksOfWrites(Writes):
    """A writer for each who writes, released as its block is left, whatever is under way."""

    def __init__(self, make_sink: Callable[[], Sink], high_water_mark: float = 1) -> None:
        super().__init__(make_sink, high_water_mark)
        self.writer.release_lock()

    @override
    async def act(self) -> None:
        with self.stream.get_writer() as self.writer:
            await super().act()

    @override
    async def carry_on(self) -> None:
        await self.act()
        await self.stream.close()
        self.check()


class Closes(Writes):
    """Writes everything at once, and closes."""

    closing = False

    @override
    async def act(self) -> None:
        while self.written < COUNT:
            self.written += 1
            self.writer.write(self.written - 1)
        if not self.closing:
            self.closing = True
            await self.writer.close()

    @override
    async def carry_on(self) -> None:
        await self.act()
        await self.writer.closed
        self.writer.release_lock()
        self.check()


class Aborts(Writes):
    """Writes everything at once, and aborts."""

    aborting = False

    @override
    async def act(self) -> None:
        while self.written < COUNT:
            self.written += 1
            self.writer.write(self.written - 1).catch(lambda _: None)
        if not self.aborting:
            self.aborting = True
            await self.writer.abort("enough")

    @override
    async def carry_on(self) -> None:
        await self.act()
        closed = self.writer.closed.then(None, lambda reason: self.sink.events.append(f"closed: {reason}"))
        await closed
        self.writer.release_lock()
        assert self.sink.received == list(range(len(self.sink.received)))
        assert self.sink.events == ["enough", "closed: enough"]
        assert self.stream._state == "errored"


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    for sink in (Sink, SinkInATask):
        for high_water_mark in (1, 3):
            for scenario in (Writes, WritesWithoutWaiting, BlocksOfWrites):
                yield "ready, write", partial(scenario, sink, high_water_mark)
        yield "close of a writer", partial(Closes, sink)
        yield "abort of a writer", partial(Aborts, sink)
