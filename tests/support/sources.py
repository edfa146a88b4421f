"""Readable streams to test with, ways to read them, and a scheduler with a clock of its own."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from whatwg_streams import Promise, ReadableStream, ReadableStreamDefaultReader
from whatwg_streams._platform import host

from .recording import EventTrace, RecordingSource

T = TypeVar("T")

#: More microtasks than any scenario needs: one that runs into it goes round in circles.
_TOO_MANY_MICROTASKS = 100_000


def source_and_stream(
    trace: EventTrace | None = None, *, strategy: object = None, **answers: object
) -> tuple[RecordingSource, ReadableStream[Any]]:
    """Return a source that records and the stream of it; the `answers` are those of its callbacks."""
    source = RecordingSource(trace, **answers)  # type: ignore[arg-type]
    return source, ReadableStream(source, strategy)


def stream_of(*chunks: object) -> ReadableStream[Any]:
    """Return a stream that has these chunks in its queue, and then is closed."""

    def start(controller: Any) -> None:
        for chunk in chunks:
            controller.enqueue(chunk)
        controller.close()

    return ReadableStream({"start": start})


def errored_stream(reason: object) -> ReadableStream[Any]:
    """Return a stream that is errored with the reason."""
    return ReadableStream({"start": lambda controller: controller.error(reason)})


async def read_all(stream: ReadableStream[T]) -> list[T]:
    """Read the stream to its end, with a reader that is released then."""
    with stream.get_reader() as reader:
        return await read_on(reader)


async def read_on(reader: ReadableStreamDefaultReader[T]) -> list[T]:
    """Read what is left of the reader's stream."""
    chunks: list[T] = []
    while not (result := await reader.read()).done:
        chunks.append(result.value)
    return chunks


class VirtualLoop:
    """Runs microtasks and timers where no event loop runs; time passes only from one timer to the next."""

    def __init__(self) -> None:
        self.time = 0.0
        self._microtasks: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._serials = itertools.count()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Have every microtask come here."""
        before = host.set_microtask_enqueuer(self._enqueue)
        try:
            yield
        finally:
            host.set_microtask_enqueuer(before)

    def _enqueue(self, callback: Callable[[Any], object], argument: object) -> None:
        self._microtasks.append((callback, argument))

    def call_later(self, delay: float, steps: Callable[[], object]) -> None:
        heapq.heappush(self._timers, (self.time + delay, next(self._serials), steps))

    def after(self, delay: float, value: object = None) -> Promise[Any]:
        """Return a promise that fulfills later."""
        promise, resolve, _ = Promise.with_resolvers()
        self.call_later(delay, lambda: resolve(value))
        return promise

    def failing_after(self, delay: float, reason: object) -> Promise[Any]:
        """Return a promise that rejects later."""
        promise, _, reject = Promise.with_resolvers()
        self.call_later(delay, lambda: reject(reason))
        return promise

    def drain(self) -> None:
        """Run microtasks until none is left; what one of them raises is raised here."""
        for _ in range(_TOO_MANY_MICROTASKS):
            if not self._microtasks:
                return
            callback, argument = self._microtasks.popleft()
            callback(argument)
        raise AssertionError("the microtasks go round in circles")

    def run(self, check: Callable[[], object]) -> None:
        """Run everything until nothing is left to do, and check after every drain."""
        self.drain()
        check()
        while self._timers:
            self.time, _, steps = heapq.heappop(self._timers)
            steps()
            self.drain()
            check()
