"""What Python offers beside streams, in memory: `python -m benchmarks.programs.python_peers PEER COUNT`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import anyio

from .stopwatch import stopwatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def asyncio_queue(count: int) -> None:
    queue = asyncio.Queue[int](16)

    async def produce() -> None:
        for number in range(count):
            await queue.put(number)

    with stopwatch(count):
        producer = asyncio.create_task(produce())
        for _ in range(count):
            await queue.get()
        await producer


async def anyio_memory_stream(count: int) -> None:
    send, receive = anyio.create_memory_object_stream[int](16)

    async def produce() -> None:
        async with send:
            for number in range(count):
                await send.send(number)

    with stopwatch(count):
        async with anyio.create_task_group() as group, receive:
            group.start_soon(produce)
            async for _ in receive:
                pass


async def generators(count: int) -> None:
    """A generator, a stage for the readable and one for the writable stream, and a function at the end."""

    async def numbers() -> AsyncIterator[int]:
        for number in range(count):
            yield number

    async def stage(source: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for chunk in source:
            yield chunk

    def write(chunk: object) -> None: ...

    with stopwatch(count):
        async for chunk in stage(stage(numbers())):
            write(chunk)


PEERS = {"asyncio.Queue": asyncio_queue, "anyio": anyio_memory_stream, "generators": generators}

if __name__ == "__main__":
    asyncio.run(PEERS[sys.argv[1]](int(sys.argv[2])))
