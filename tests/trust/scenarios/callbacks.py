"""Coroutine functions of sources, sinks and transformers, whose tasks are cancelled: that is an error of the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from typing_extensions import override

from whatwg_streams import AbortError, ReadableStream, TransformStream

from .reads import Reads
from .sources import COUNT, Pulled, PulledInATask, PushedByMicrotasks, PushedByTheLoop, stream_of
from .writes import Aborts, SinkInATask, Writes


class ReadsUntilTheError(Reads):
    """Reads to the end, or to the AbortError that the stream was errored with."""

    def __init__(self, make_stream: Callable[[], ReadableStream[int]]) -> None:
        super().__init__(make_stream)
        self.errors: list[AbortError] = []

    @override
    async def act(self) -> None:
        try:
            await super().act()
        except AbortError as error:
            self.errors.append(error)

    @override
    async def carry_on(self) -> None:
        await self.act()
        self.reader.release_lock()
        assert self.received == self.expected[: len(self.received)]
        assert self.stream._state == ("errored" if self.errors else "closed")
        assert self.errors or self.received == self.expected


class ReadsFromAnotherStream(ReadsUntilTheError):
    """The source reads another stream, which loses nothing when the source's task is cancelled."""

    def __init__(self, make_inner: Callable[[], ReadableStream[int]]) -> None:
        self.inner = make_inner()
        self.inner_reader = self.inner.get_reader()
        super().__init__(lambda: ReadableStream({"pull": self.pull}, {"high_water_mark": 0}))

    async def pull(self, controller: Any) -> None:
        result = await self.inner_reader.read()
        if result.done:
            controller.close()
        else:
            controller.enqueue(result.value)

    @override
    async def carry_on(self) -> None:
        await super().carry_on()
        while not (result := await self.inner_reader.read()).done:
            self.received.append(result.value)
        self.inner_reader.release_lock()
        assert self.received == self.expected


class TransformsUntilTheError(ReadsUntilTheError):
    """Reads what comes out of a transform whose callbacks run in tasks."""

    def __init__(self) -> None:
        self.writer_end = stream_of(Pulled)
        super().__init__(lambda: self.writer_end.pipe_through(TransformStream(_TransformerInTasks())))

    @override
    async def carry_on(self) -> None:
        await super().carry_on()
        await asyncio.sleep(0)
        assert self.writer_end._state == "closed"  # to its end, or by the error going backward
        assert not self.writer_end.locked


class _TransformerInTasks:
    async def start(self, _: object) -> None:
        await asyncio.sleep(0)

    async def transform(self, chunk: int, controller: Any) -> None:
        await asyncio.sleep(0)
        controller.enqueue(chunk)
        await asyncio.sleep(0)

    async def flush(self, _: object) -> None:
        await asyncio.sleep(0)


class WritesUntilTheError(Writes):
    """Writes and closes, until the stream is errored."""

    def __init__(self) -> None:
        super().__init__(SinkInATask)
        self.errors: list[AbortError] = []

    @override
    async def act(self) -> None:
        try:
            await super().act()
            await self.writer.close()
        except AbortError as error:
            self.errors.append(error)

    @override
    async def carry_on(self) -> None:
        closed = self.writer.closed.then(lambda _: "closed", lambda _: "errored")
        assert await closed == ("errored" if self.errors else "closed")
        self.writer.release_lock()
        assert self.stream._state == ("errored" if self.errors else "closed")
        # The chunk that was in the hands of the task may have been taken already.
        assert self.sink.received == list(range(len(self.sink.received)))
        assert self.errors or len(self.sink.received) == COUNT


class AbortsUntilTheError(Aborts):
    """Aborts; that the sink could not end it well is told to whoever aborted."""

    def __init__(self) -> None:
        super().__init__(SinkInATask)

    @override
    async def act(self) -> None:
        try:
            await super().act()
        except AbortError:
            self.sink.events.append("enough")

    @override
    async def carry_on(self) -> None:
        await self.writer.closed.catch(lambda _: None)
        self.writer.release_lock()
        assert self.stream._state == "errored"
        assert "enough" in self.sink.events


async def _generator() -> AsyncIterator[int]:
    for number in range(COUNT):
        await asyncio.sleep(0)
        yield number
        await asyncio.sleep(0)


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    name = "the task of a coroutine function"
    yield name, partial(ReadsUntilTheError, partial(stream_of, PulledInATask))
    yield name, partial(ReadsUntilTheError, lambda: ReadableStream.from_(_generator()))
    for source in (Pulled, PushedByTheLoop, PushedByMicrotasks):
        yield name, partial(ReadsFromAnotherStream, partial(stream_of, source))
    yield name, TransformsUntilTheError
    yield name, WritesUntilTheError
    yield name, AbortsUntilTheError
