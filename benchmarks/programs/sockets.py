"""The rows with sockets, on those of this project: `python -m benchmarks.programs.sockets LOOP ROW COUNT`."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPMessage, UDPSocket

from .loops import run
from .other_end import HOST, other_end, port_of, resident_memory
from .stopwatch import stopwatch

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from direct_sockets import TCPSocketOpenInfo

KIB = 2**10
MIB = 2**20
PING = bytes(64)


async def download_byob(count: int, size: int) -> None:
    with other_end("source", count) as peer:
        buffer = bytearray(size)
        async with TCPSocket(HOST, port_of(peer)) as info:
            with stopwatch(count, peer), info.readable.get_reader(mode="byob") as reader:
                received = 0
                while not (result := await reader.read(buffer)).done:
                    assert result.value is not None
                    received += len(result.value)
            assert received == count


async def download_default(count: int) -> None:
    with other_end("source", count) as peer:
        async with TCPSocket(HOST, port_of(peer)) as info:
            with stopwatch(count, peer), info.readable.get_reader() as reader:
                received = 0
                while not (result := await reader.read()).done:
                    received += len(result.value)
            assert received == count


async def upload(count: int, size: int) -> None:
    chunk = bytes(size)
    count = count // size * size
    with other_end("sink") as peer:
        async with TCPSocket(HOST, port_of(peer), no_delay=True) as info:
            with stopwatch(count, peer), info.writable.get_writer() as writer, info.readable.get_reader() as reader:
                for _ in range(count // size):
                    await writer.ready
                    writer.write(chunk)
                await writer.close()
                await reader.read()


async def ping(info: TCPSocketOpenInfo, count: int) -> None:
    buffer = bytearray(len(PING))
    with info.writable.get_writer() as writer, info.readable.get_reader(mode="byob") as reader:
        for _ in range(count):
            await writer.write(PING)
            await reader.read(buffer, min=len(PING))


async def ping_pong(count: int, connections: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        sockets = [TCPSocket(HOST, port, no_delay=True) for _ in range(connections)]
        infos = [await socket.opened for socket in sockets]
        with stopwatch(count, peer):
            await asyncio.gather(*(ping(info, count // connections) for info in infos))
        for socket in sockets:
            await socket.close()


async def connect(count: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        with stopwatch(count, peer):
            for _ in range(count):
                socket = TCPSocket(HOST, port)
                await socket.opened
                await socket.close()


async def echo_once(socket: TCPSocket) -> None:
    async with socket as info:
        with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
            await writer.write((await reader.read()).value)
            await reader.read()


async def accept(count: int) -> None:
    tasks: set[asyncio.Task[None]] = set()
    async with TCPServerSocket(HOST) as info:
        with (
            info.readable.get_reader() as reader,
            other_end("client", info.local_port, count, 32) as peer,
            stopwatch(count, peer),
        ):
            for _ in range(count):
                task = asyncio.create_task(echo_once((await reader.read()).value))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)


async def idle(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    async with TCPServerSocket(HOST) as info:
        with info.readable.get_reader() as reader, other_end("hold", info.local_port, count) as peer:
            assert peer.poll() is None
            kept: list[Any] = []
            before = 0
            for number in range(count):
                socket = (await reader.read()).value
                kept.append((socket, await socket.opened))
                if number == count // 6:  # what is allocated once is not counted
                    gc.collect()
                    before = resident_memory()
            gc.collect()
            print(json.dumps({"bytes": (resident_memory() - before) / (count - 1 - count // 6)}))
            for socket, _ in kept:
                await socket.close()


async def receive_datagrams(count: int, size: int) -> None:
    async with UDPSocket(local_address=HOST, receive_buffer_size=4 * MIB) as info:
        with other_end("flood", info.local_port, size) as peer, info.readable.get_reader() as reader:
            await reader.read()
            with stopwatch(count, peer):
                for _ in range(count):
                    await reader.read()


async def send_datagrams(count: int) -> None:
    message = UDPMessage(PING)
    with other_end("datagrams") as peer:
        async with UDPSocket(remote_address=HOST, remote_port=port_of(peer)) as info:
            with stopwatch(count, peer), info.writable.get_writer() as writer:
                for _ in range(count):
                    await writer.ready
                    writer.write(message)
                await writer.close()


async def proxy(count: int) -> None:
    with other_end("source", count) as source, other_end("sink") as sink:
        async with TCPSocket(HOST, port_of(source)) as one, TCPSocket(HOST, port_of(sink), no_delay=True) as other:
            with stopwatch(count):
                await one.readable.pipe_to(other.writable)
                with other.readable.get_reader() as reader:
                    await reader.read()


def row_of(name: str, count: int) -> Coroutine[Any, Any, None]:
    rows = {
        "download_byob_64k": lambda: download_byob(count, 64 * KIB),
        "download_byob_1m": lambda: download_byob(count, MIB),
        "download_default": lambda: download_default(count),
        "upload_64k": lambda: upload(count, 64 * KIB),
        "upload_1m": lambda: upload(count, MIB),
        "ping_pong_1": lambda: ping_pong(count, 1),
        "ping_pong_100": lambda: ping_pong(count, 100),
        "connect": lambda: connect(count),
        "accept": lambda: accept(count),
        "idle": lambda: idle(count),
        "receive_64": lambda: receive_datagrams(count, 64),
        "receive_1200": lambda: receive_datagrams(count, 1200),
        "send": lambda: send_datagrams(count),
        "proxy": lambda: proxy(count),
    }
    return rows[name]()


if __name__ == "__main__":
    with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
        run(row_of(sys.argv[2], int(sys.argv[3])), sys.argv[1])
