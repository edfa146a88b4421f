"""Pipes and tees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from typing_extensions import override

from whatwg_streams import AbortController, Promise, ReadableStream, TransformStream, WritableStream

from .byte_reads import ByteReads, DefaultReadsOfBytes
from .iterables import asynchronous_generator, quick_generator
from .reads import Reads
from .sources import (
    COUNT,
    DATA,
    Bytes,
    BytesPushedByTheLoop,
    Numbers,
    Pulled,
    PulledBytes,
    PulledInATask,
    PushedByMicrotasks,
    PushedByTheLoop,
    Queued,
    RespondingInATask,
    stream_of,
)
from .writes import Sink, SinkInATask


class Pipes:
    """Waits for a pipe, which goes on by itself."""

    pipe: Promise[None] | None = None

    def __init__(self, make_stream: Callable[[], ReadableStream[int]], make_sink: Callable[[], Sink]) -> None:
        self.stream = make_stream()
        self.sink = make_sink()
        self.destination: WritableStream[int] = WritableStream(self.sink)

    async def act(self) -> None:
        if self.pipe is None:
            self.pipe = self.stream.pipe_to(self.destination)
        await self.pipe

    async def carry_on(self) -> None:
        await self.act()
        assert self.sink.received == list(range(COUNT))
        assert self.sink.events == ["close"]
        assert not self.stream.locked
        assert not self.destination.locked


class PipesThatStop(Pipes):
    """Stops the pipe when it is cancelled, and leaves both streams to others."""

    @override
    async def act(self) -> None:
        stop = AbortController()
        try:
            self.pipe = self.stream.pipe_to(
                self.destination, prevent_close=True, prevent_abort=True, prevent_cancel=True, signal=stop.signal
            )
            await self.pipe
        except asyncio.CancelledError:
            stop.abort("enough")
            assert self.pipe is not None
            await self.pipe.then(None, lambda _: None)
            raise

    @override
    async def carry_on(self) -> None:
        await self.stream.pipe_to(self.destination)
        assert self.sink.received == list(range(COUNT))
        assert self.sink.events == ["close"]


class PipesThrough(Reads):
    """Reads what comes out of a transform."""

    def __init__(self, make_source: Callable[[], Numbers]) -> None:
        super().__init__(lambda: stream_of(make_source).pipe_through(TransformStream({"transform": _minus_in_a_task})))
        self.expected = [-number for number in range(COUNT)]


async def _minus_in_a_task(chunk: int, controller: Any) -> None:
    await asyncio.sleep(0)
    controller.enqueue(-chunk)
    await asyncio.sleep(0)


class ReadsOfABranch(Reads):
    """Reads one of two branches; the other one is read in the end."""

    def __init__(self, make_source: Callable[[], Numbers], branch: int) -> None:
        self.branches = stream_of(make_source).tee()
        super().__init__(lambda: self.branches[branch])
        self.other = self.branches[1 - branch]

    @override
    def check(self) -> None:
        super().check()
        assert self.other._state == "closed"

    @override
    async def carry_on(self) -> None:
        received = [number async for number in self.other]
        await super().carry_on()
        assert received == self.expected


class ReadsOfBothBranches(ReadsOfABranch):
    """Another task, which is not interrupted, reads the other branch meanwhile."""

    task: asyncio.Task[list[int]] | None = None

    @override
    async def act(self) -> None:
        if self.task is None:
            self.task = asyncio.create_task(_all_of(self.other))
        await super().act()

    @override
    async def carry_on(self) -> None:
        await self.act()
        await self.reader.closed
        self.reader.release_lock()
        assert self.task is not None
        assert await self.task == self.expected
        self.check()


async def _all_of(stream: ReadableStream[int]) -> list[int]:
    return [number async for number in stream]


class _OtherBranchOfBytes:
    """Checks that the other branch has everything, too."""

    branches: tuple[ReadableStream[memoryview], ReadableStream[memoryview]]

    async def check_the_other(self, branch: int) -> None:
        assert b"".join([bytes(chunk) async for chunk in self.branches[1 - branch]]) == DATA


class BYOBReadsOfABranch(ByteReads, _OtherBranchOfBytes):
    """Reads one of two branches of a byte stream into buffers."""

    def __init__(self, make_source: Callable[[], Bytes], branch: int) -> None:
        super().__init__(make_source)
        self.branch = branch
        self.reader.release_lock()
        self.branches = self.stream.tee()
        self.stream = self.branches[branch]
        self.reader = self.stream.get_reader(mode="byob")

    @override
    async def carry_on(self) -> None:
        await super().carry_on()
        await self.check_the_other(self.branch)


class DefaultReadsOfABranch(DefaultReadsOfBytes, _OtherBranchOfBytes):
    """Reads one of two branches of a byte stream as it comes."""

    def __init__(self, make_source: Callable[[], Bytes], branch: int) -> None:
        super().__init__(make_source)
        self.branch = branch
        self.default_reader.release_lock()
        self.branches = self.stream.tee()
        self.stream = self.branches[branch]
        self.default_reader = self.stream.get_reader()

    @override
    async def carry_on(self) -> None:
        await super().carry_on()
        await self.check_the_other(self.branch)


def _stream_from(generator: Callable[[], AsyncIterator[int]]) -> ReadableStream[int]:
    return ReadableStream.from_(generator())


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    for source in (Queued, Pulled, PulledInATask, PushedByTheLoop, PushedByMicrotasks):
        for sink in (Sink, SinkInATask):
            yield "pipe_to", partial(Pipes, partial(stream_of, source), sink)
            yield "pipe_to, stopped by a signal", partial(PipesThatStop, partial(stream_of, source), sink)
        yield "pipe_through", partial(PipesThrough, source)
        for branch in (0, 1):
            yield "tee", partial(ReadsOfABranch, source, branch)
            yield "tee", partial(ReadsOfBothBranches, source, branch)
    for generator in (quick_generator, asynchronous_generator):
        for sink in (Sink, SinkInATask):
            yield "from_, piped", partial(Pipes, partial(_stream_from, generator), sink)
            yield "from_, piped", partial(PipesThatStop, partial(_stream_from, generator), sink)
    for byte_source in (PulledBytes, BytesPushedByTheLoop, RespondingInATask):
        for branch in (0, 1):
            yield "tee of a byte stream", partial(BYOBReadsOfABranch, byte_source, branch)
            yield "tee of a byte stream", partial(DefaultReadsOfABranch, byte_source, branch)
