"""The rows in memory, on the streams of this project: `python -m benchmarks.programs.streams ROW COUNT`.

`streams.mjs` beside it does the same in JavaScript, step by step.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

from whatwg_streams import CountQueuingStrategy, ReadableStream, TransformStream, WritableStream
from whatwg_streams._platform.event_loop import microtasks_are_pending
from whatwg_streams.other_specs import perform_a_microtask_checkpoint

from .stopwatch import stopwatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from whatwg_streams import ReadableByteStreamController, ReadableStreamDefaultController

VIEW = 2**16
DATA = bytes(VIEW)


class Counter:
    """A source of so many small chunks."""

    def __init__(self, count: int) -> None:
        self.left = count

    def pull(self, controller: ReadableStreamDefaultController) -> None:
        self.left -= 1
        controller.enqueue(self.left)
        if not self.left:
            controller.close()


class CoroutineCounter:
    """The same, with a coroutine function."""

    def __init__(self, count: int) -> None:
        self.left = count

    async def pull(self, controller: ReadableStreamDefaultController) -> None:
        self.left -= 1
        controller.enqueue(self.left)
        if not self.left:
            controller.close()


class Sink:
    def write(self, chunk: object) -> None: ...


class CoroutineSink:
    async def write(self, chunk: object) -> None: ...


class Filler:
    """A source of so many views, filled with data or left as they are."""

    type = "bytes"

    def __init__(self, count: int, filled: bool) -> None:
        self.left = count
        self.filled = filled

    def pull(self, controller: ReadableByteStreamController) -> None:
        request = controller.byob_request
        assert request is not None
        if not self.left:
            controller.close()
            request.respond(0)
            return
        self.left -= 1
        view = request.view
        assert view is not None
        if self.filled:
            view[:] = DATA
        request.respond(VIEW)


async def drain(stream: ReadableStream[Any]) -> None:
    with stream.get_reader() as reader:
        while not (await reader.read()).done:
            pass


async def read(count: int) -> None:
    with stopwatch(count):
        await drain(ReadableStream(Counter(count)))


async def async_for(count: int) -> None:
    with stopwatch(count):
        async for _ in ReadableStream(Counter(count)):
            pass


async def read_queued(count: int) -> None:
    def start(controller: ReadableStreamDefaultController) -> None:
        for number in range(count):
            controller.enqueue(number)
        controller.close()

    stream = ReadableStream({"start": start}, {"high_water_mark": count})
    with stopwatch(count):
        await drain(stream)


async def write(count: int) -> None:
    with stopwatch(count), WritableStream(Sink()).get_writer() as writer:
        for number in range(count):
            await writer.ready
            writer.write(number)
        await writer.close()


def strategy_of(high_water_mark: int) -> CountQueuingStrategy:
    return CountQueuingStrategy(high_water_mark=high_water_mark)


async def pipe_to(count: int, high_water_mark: int) -> None:
    with stopwatch(count):
        source = ReadableStream(Counter(count), strategy_of(high_water_mark))
        await source.pipe_to(WritableStream(Sink(), strategy_of(high_water_mark)))


async def pipe_to_coroutines(count: int) -> None:
    with stopwatch(count):
        await ReadableStream(CoroutineCounter(count)).pipe_to(WritableStream(CoroutineSink()))


async def pipe_through(count: int, transforms: int) -> None:
    with stopwatch(count):
        stream: ReadableStream[Any] = ReadableStream(Counter(count))
        for _ in range(transforms):
            stream = stream.pipe_through(TransformStream())
        await stream.pipe_to(WritableStream(Sink()))


async def tee(count: int) -> None:
    with stopwatch(count):
        first, second = ReadableStream(Counter(count)).tee()
        await asyncio.gather(drain(first), drain(second))


async def byob(count: int, filled: bool) -> None:
    buffer = bytearray(VIEW)
    with stopwatch(count), ReadableStream(Filler(count, filled)).get_reader(mode="byob") as reader:
        while not (await reader.read(buffer)).done:
            pass


async def from_generator(count: int) -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(count):
            yield number

    with stopwatch(count):
        await ReadableStream.from_(numbers()).pipe_to(WritableStream(Sink()))


async def create(count: int, make: Callable[[], object]) -> None:
    with stopwatch(count):
        kept = [make() for _ in range(count)]
        while microtasks_are_pending():  # as they start, in turns
            perform_a_microtask_checkpoint()
    del kept


def print_bytes_each(count: int, make: Callable[[], object]) -> None:
    gc.collect()
    tracemalloc.start()
    kept = [make() for _ in range(count)]
    perform_a_microtask_checkpoint()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] - sys.getsizeof(kept)
    tracemalloc.stop()
    print(json.dumps({"bytes": size / count}))


async def bytes_of_stream(count: int) -> None:
    print_bytes_each(count, ReadableStream)


async def bytes_of_chunk(count: int) -> None:
    chunk = object()
    controllers: list[ReadableStreamDefaultController] = []
    kept = ReadableStream({"start": controllers.append}, {"high_water_mark": count})
    print_bytes_each(count, lambda: controllers[0].enqueue(chunk))
    assert not kept.locked


def new_byte_stream() -> object:
    return ReadableStream({"type": "bytes"})


ROWS = {
    "read": read,
    "async_for": async_for,
    "read_queued": read_queued,
    "write": write,
    "pipe_to_1": lambda count: pipe_to(count, 1),
    "pipe_to_16": lambda count: pipe_to(count, 16),
    "pipe_to_coroutines": pipe_to_coroutines,
    "pipe_through_1": lambda count: pipe_through(count, 1),
    "pipe_through_3": lambda count: pipe_through(count, 3),
    "tee": tee,
    "byob_filled": lambda count: byob(count, filled=True),
    "byob_not_filled": lambda count: byob(count, filled=False),
    "from_generator": from_generator,
    "create_readable": lambda count: create(count, ReadableStream),
    "create_writable": lambda count: create(count, WritableStream),
    "create_transform": lambda count: create(count, TransformStream),
    "create_bytes": lambda count: create(count, new_byte_stream),
    "bytes_of_stream": bytes_of_stream,
    "bytes_of_chunk": bytes_of_chunk,
}

if __name__ == "__main__":
    asyncio.run(ROWS[sys.argv[1]](int(sys.argv[2])))
