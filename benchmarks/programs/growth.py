"""How the cost of a chunk grows: `python -m benchmarks.programs.growth KIND COUNT`.

chunks COUNT    nanoseconds for each of so many chunks through one pipe, the pipe itself not counted
streams COUNT   and through so many pipes at once, not counted either
turns KIND      how long, in milliseconds on the processor, the loop's turns take while such a pipe runs flat out
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from whatwg_streams import ReadableStream, TransformStream, WritableStream

from .streams import CoroutineCounter, CoroutineSink, Counter, Filler, Sink, drain

#: So many chunks are enough to be timed.
ENOUGH = 200_000
CHUNKS_OF_EACH = 100
TURNS_CHUNKS = 500_000


class Nothing:
    def start(self, controller: Any) -> None:
        controller.close()


async def seconds_of(pipes: int, source: Any) -> float:
    """How long so many pipes take, one after the other."""
    started = time.thread_time()
    for _ in range(pipes):
        await ReadableStream(source()).pipe_to(WritableStream(Sink()))
    return time.thread_time() - started


async def chunks(count: int) -> None:
    pipes = max(1, ENOUGH // count)
    await seconds_of(min(pipes, 100), Nothing)
    empty = await seconds_of(pipes, Nothing)
    full = await seconds_of(pipes, lambda: Counter(count))
    print(json.dumps({"ns": (full - empty) / pipes / count * 1e9}))


async def seconds_at_once(pipes: int, source: Any) -> float:
    """How long so many pipes take that are all there at once."""
    pairs = [(ReadableStream(source(), {"high_water_mark": 0}), WritableStream(Sink())) for _ in range(pipes)]
    await asyncio.sleep(0)
    started = time.thread_time()
    await asyncio.gather(*(readable.pipe_to(writable) for readable, writable in pairs))
    return time.thread_time() - started


async def streams(count: int) -> None:
    batches = max(1, ENOUGH // CHUNKS_OF_EACH // count)
    seconds = 0.0
    for _ in range(batches):
        empty = await seconds_at_once(count, Nothing)
        seconds += await seconds_at_once(count, lambda: Counter(CHUNKS_OF_EACH)) - empty
    print(json.dumps({"ns": seconds / batches / count / CHUNKS_OF_EACH * 1e9}))


async def flat_out(kind: str) -> None:
    if kind == "read loop":
        await drain(ReadableStream(Counter(TURNS_CHUNKS)))
    elif kind == "pipe_to":
        await ReadableStream(Counter(TURNS_CHUNKS)).pipe_to(WritableStream(Sink()))
    elif kind == "three transforms":
        stream: ReadableStream[Any] = ReadableStream(Counter(TURNS_CHUNKS // 3))
        for _ in range(3):
            stream = stream.pipe_through(TransformStream())
        await stream.pipe_to(WritableStream(Sink()))
    elif kind == "tee":
        await asyncio.gather(*map(drain, ReadableStream(Counter(TURNS_CHUNKS // 2)).tee()))
    elif kind == "coroutines":
        await ReadableStream(CoroutineCounter(TURNS_CHUNKS // 5)).pipe_to(WritableStream(CoroutineSink()))
    else:
        buffer = bytearray(2**16)
        with ReadableStream(Filler(TURNS_CHUNKS // 2, filled=True)).get_reader(mode="byob") as reader:
            while not (await reader.read(buffer)).done:
                pass


async def turns(kind: str) -> None:
    flat = asyncio.ensure_future(flat_out(kind))
    found: list[float] = []
    last = time.thread_time()
    while not flat.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        found.append((now - last) * 1e3)
        last = now
    await flat
    found.sort()
    of = {name: found[int(part * (len(found) - 1))] for name, part in (("median", 0.5), ("p99", 0.99), ("worst", 1))}
    print(json.dumps({**of, "turns": len(found)}))


if __name__ == "__main__":
    if sys.argv[1] == "turns":
        asyncio.run(turns(sys.argv[2]))
    else:
        asyncio.run({"chunks": chunks, "streams": streams}[sys.argv[1]](int(sys.argv[2])))
