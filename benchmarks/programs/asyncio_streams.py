"""asyncio's own streams and datagram endpoints: `python -m benchmarks.programs.asyncio_streams LOOP ROW COUNT`."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import socket
import sys
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from .loops import run
from .other_end import HOST, other_end, port_of, resident_memory
from .stopwatch import stopwatch

if TYPE_CHECKING:
    from collections.abc import Coroutine

KIB = 2**10
MIB = 2**20
PING = bytes(64)


async def download(count: int, size: int) -> None:
    with other_end("source", count) as peer:
        reader, writer = await asyncio.open_connection(HOST, port_of(peer))
        with stopwatch(count, peer):
            received = 0
            while data := await reader.read(size):
                received += len(data)
        assert received == count
        writer.close()
        await writer.wait_closed()


async def upload(count: int, size: int) -> None:
    chunk = bytes(size)
    count = count // size * size
    with other_end("sink") as peer:
        reader, writer = await asyncio.open_connection(HOST, port_of(peer))
        with stopwatch(count, peer):
            for _ in range(count // size):
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
            await reader.read(1)
        writer.close()


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int) -> None:
    for _ in range(count):
        writer.write(PING)
        await writer.drain()
        await reader.readexactly(len(PING))


async def ping_pong(count: int, connections: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        pairs = [await asyncio.open_connection(HOST, port) for _ in range(connections)]
        with stopwatch(count, peer):
            await asyncio.gather(*(ping(*pair, count // connections) for pair in pairs))
        for _, writer in pairs:
            writer.close()
            await writer.wait_closed()


async def connect(count: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        with stopwatch(count, peer):
            for _ in range(count):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
                await writer.wait_closed()


async def accept(count: int) -> None:
    finished = 0
    all_finished = asyncio.get_running_loop().create_future()

    async def echo_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal finished
        writer.write(await reader.read(64 * KIB))
        await writer.drain()
        await reader.read(1)
        writer.close()
        await writer.wait_closed()
        finished += 1
        if finished == count:
            all_finished.set_result(None)

    server = await asyncio.start_server(echo_once, HOST, 0, backlog=1024)
    async with server:
        with other_end("client", server.sockets[0].getsockname()[1], count, 32) as peer, stopwatch(count, peer):
            await all_finished


async def idle(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    kept: list[Any] = []
    before = 0
    all_there = asyncio.get_running_loop().create_future()

    async def connected(*pair: Any) -> None:
        nonlocal before
        kept.append(pair)
        if len(kept) == count // 6 + 1:
            gc.collect()
            before = resident_memory()
        if len(kept) == count:
            all_there.set_result(None)

    server = await asyncio.start_server(connected, HOST, 0, backlog=1024)
    async with server:
        with other_end("hold", server.sockets[0].getsockname()[1], count):
            await all_there
            gc.collect()
            print(json.dumps({"bytes": (resident_memory() - before) / (count - 1 - count // 6)}))
            for _, writer in kept:
                writer.close()


class Receiver(asyncio.DatagramProtocol):
    """Counts datagrams, from the second one on."""

    def __init__(self) -> None:
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = 0

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not self.first.done():
            self.first.set_result(None)
        self.left -= 1
        if self.left == 0:
            self.last.set_result(None)


async def receive_datagrams(count: int, size: int) -> None:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
    sock.bind((HOST, 0))
    transport, receiver = await asyncio.get_running_loop().create_datagram_endpoint(Receiver, sock=sock)
    with other_end("flood", sock.getsockname()[1], size) as peer:
        await receiver.first
        receiver.left = count
        with stopwatch(count, peer):
            await receiver.last
    transport.close()


async def send_datagrams(count: int) -> None:
    with other_end("datagrams") as peer:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(HOST, port_of(peer))
        )
        with stopwatch(count, peer):
            for _ in range(count):
                transport.sendto(PING)
        transport.close()


async def proxy(count: int) -> None:
    with other_end("source", count) as source, other_end("sink") as sink:
        reader, _ = await asyncio.open_connection(HOST, port_of(source))
        answer, writer = await asyncio.open_connection(HOST, port_of(sink))
        with stopwatch(count):
            while data := await reader.read(64 * KIB):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            await answer.read(1)


def row_of(name: str, count: int) -> Coroutine[Any, Any, None]:
    rows = {
        "download_64k": lambda: download(count, 64 * KIB),
        "download_1m": lambda: download(count, MIB),
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
    run(row_of(sys.argv[2], int(sys.argv[3])), sys.argv[1])
