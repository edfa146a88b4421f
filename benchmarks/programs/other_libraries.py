"""Ping-pong over 100 connections, with anyio or trio: `python -m benchmarks.programs.other_libraries WHICH COUNT`."""

from __future__ import annotations

import sys

import anyio
import trio

from .other_end import HOST, other_end, port_of
from .stopwatch import stopwatch

CONNECTIONS = 100
PING = bytes(64)


async def ping_anyio(stream: anyio.abc.SocketStream, count: int) -> None:
    for _ in range(count):
        await stream.send(PING)
        await stream.receive(len(PING))


async def with_anyio(count: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        streams = [await anyio.connect_tcp(HOST, port) for _ in range(CONNECTIONS)]
        with stopwatch(count, peer):
            async with anyio.create_task_group() as group:
                for stream in streams:
                    group.start_soon(ping_anyio, stream, count // CONNECTIONS)
        for stream in streams:
            await stream.aclose()


async def ping_trio(stream: trio.SocketStream, count: int) -> None:
    for _ in range(count):
        await stream.send_all(PING)
        await stream.receive_some(len(PING))


async def with_trio(count: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        streams = [await trio.open_tcp_stream(HOST, port) for _ in range(CONNECTIONS)]
        with stopwatch(count, peer):
            async with trio.open_nursery() as nursery:
                for stream in streams:
                    nursery.start_soon(ping_trio, stream, count // CONNECTIONS)
        for stream in streams:
            await stream.aclose()


if __name__ == "__main__":
    if sys.argv[1] == "trio":
        trio.run(with_trio, int(sys.argv[2]))
    else:
        anyio.run(with_anyio, int(sys.argv[2]))
