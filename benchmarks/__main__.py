"""What the core does, beside its peers, in one run: `make bench`.

Each row is the median of several rounds, each in a process of its own, the rows of a round one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from direct_sockets import PermissionsPolicy, TCPSocket
from whatwg_streams import CountQueuingStrategy, ReadableStream, WritableStream

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from whatwg_streams import ReadableStreamDefaultController

VIEW = 2**16


class Counter:
    """A source of so many small chunks."""

    def __init__(self, count: int) -> None:
        self.left = count

    def pull(self, controller: ReadableStreamDefaultController) -> None:
        self.left -= 1
        controller.enqueue(self.left)
        if not self.left:
            controller.close()


async def read_loop(count: int) -> None:
    with ReadableStream(Counter(count)).get_reader() as reader:
        while not (await reader.read()).done:
            pass


async def async_for(count: int) -> None:
    async for _ in ReadableStream(Counter(count)):
        pass


async def pipe(count: int, high_water_mark: int) -> None:
    strategy = CountQueuingStrategy(high_water_mark=high_water_mark)
    sink = WritableStream({"write": lambda _: None}, strategy)
    await ReadableStream(Counter(count), strategy).pipe_to(sink)


async def queue_of_asyncio(count: int) -> None:
    queue = asyncio.Queue[int](16)

    async def produce() -> None:
        for number in range(count):
            await queue.put(number)

    producer = asyncio.create_task(produce())
    for _ in range(count):
        await queue.get()
    await producer


def per_second(count: int, run: Callable[[int], Coroutine[Any, Any, None]]) -> float:
    started = time.perf_counter()
    asyncio.run(run(count))
    return count / (time.perf_counter() - started)


# Downloads -----------------------------------------------------------------------------------------


def blocking(port: int) -> int:
    received = 0
    buffer = bytearray(VIEW)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while count := connection.recv_into(buffer):
            received += count
    return received


async def byob(port: int) -> int:
    received = 0
    buffer = bytearray(VIEW)
    with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
        socket_ = TCPSocket("127.0.0.1", port)
    async with socket_ as info:
        with info.readable.get_reader(mode="byob") as reader:
            while not (result := await reader.read(buffer)).done:
                received += len(result.value or b"")
    return received


async def asyncio_streams(port: int) -> int:
    received = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while data := await reader.read(VIEW):
        received += len(data)
    writer.close()
    await writer.wait_closed()
    return received


def downloads(size: int) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__).with_name("byte_server.py")), str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            return downloads_from(int(server.stdout.readline()), size)
        finally:
            server.terminate()


def downloads_from(port: int, size: int) -> dict[str, float]:
    results: dict[str, float] = {}
    for name, download in (
        ("download, blocking recv_into, 64 KiB (MB/s)", blocking),
        ("download, BYOB reader, 64 KiB views (MB/s)", lambda port: asyncio.run(byob(port))),
        ("download, asyncio.StreamReader, 64 KiB (MB/s)", lambda port: asyncio.run(asyncio_streams(port))),
    ):
        started = time.perf_counter()
        received = download(port)
        results[name] = received / (time.perf_counter() - started) / 1e6
        assert received == size
    return results


# Memory --------------------------------------------------------------------------------------------


def bytes_each(make: Callable[[], object]) -> float:
    count = 2000
    gc.collect()
    tracemalloc.start()
    kept = [make() for _ in range(count)]
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return size / count


async def memory() -> dict[str, float]:
    chunk = object()
    controllers: list[ReadableStreamDefaultController] = []
    kept = ReadableStream({"start": controllers.append}, {"high_water_mark": 1e9})
    await asyncio.sleep(0)
    results = {
        "bytes of a readable stream": bytes_each(ReadableStream),
        "bytes of a writable stream": bytes_each(WritableStream),
        "bytes of a queued chunk beyond the chunk": bytes_each(lambda: controllers[0].enqueue(chunk)),
    }
    assert not kept.locked
    return results


def one_round(chunks: int, size: int) -> dict[str, float]:
    return {
        "read loop (chunks/s)": per_second(chunks, read_loop),
        "async for (chunks/s)": per_second(chunks, async_for),
        "pipe_to, high water mark 1 (chunks/s)": per_second(chunks, lambda count: pipe(count, 1)),
        "pipe_to, high water mark 16 (chunks/s)": per_second(chunks, lambda count: pipe(count, 16)),
        "asyncio.Queue(16) (chunks/s)": per_second(chunks, queue_of_asyncio),
        **downloads(size),
        **asyncio.run(memory()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=1_000_000, help="small chunks for each row")
    parser.add_argument("--mebibytes", type=int, default=1024, help="for each download")
    parser.add_argument("--one-round", action="store_true", help="print one round as JSON")
    arguments = parser.parse_args()
    if arguments.one_round:
        print(json.dumps(one_round(arguments.chunks, arguments.mebibytes * 2**20)))
        return
    command = [sys.executable, "-m", "benchmarks", "--one-round"]
    command += ["--chunks", str(arguments.chunks), "--mebibytes", str(arguments.mebibytes)]
    environment = {**os.environ, "PYTHONASYNCIODEBUG": ""}
    rounds: list[dict[str, float]] = [
        json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)
        for _ in range(arguments.rounds)
    ]
    print(f"CPython {sys.version.split()[0]}, median and range of {len(rounds)} rounds")
    for row in rounds[0]:
        values = [results[row] for results in rounds]
        print(f"  {row:48} {statistics.median(values):12,.0f}   {min(values):,.0f} to {max(values):,.0f}")
    first, second, third = (row for row in rounds[0] if row.startswith("download"))
    for peer in (first, third):
        ratio = statistics.median(results[second] / results[peer] for results in rounds)
        print(f"  BYOB reader / {peer.split(',')[1].strip():34} {ratio:12.2f}")


if __name__ == "__main__":
    main()
