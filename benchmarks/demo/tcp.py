"""TCP: a file through a server that sends it back, and a server for others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from direct_sockets import TCPServerSocket, TCPSocket
from whatwg_streams import ReadableStream, TransformStream, WritableStream

from .scene import Gate, HashAndCount, Row, mebibytes, peer, per_second

CHUNK = 2**18
VIEW = 2**18

#: Fewer may all have room in the system's buffers.
CHUNKS_THAT_MAY_HAVE_ROOM = 16

CLIENTS = 4
SIZE_OF_EACH = 24 * 2**20


def chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


async def client(path: Path, size: int, advance: Callable[[int], None]) -> Row:
    sent, received = HashAndCount(), HashAndCount()
    async with peer("tcp-echo") as server:
        port = await server.port()
        started = time.perf_counter()
        # (A buffer smaller than a chunk or two, so that backpressure shows.)
        socket = TCPSocket("127.0.0.1", port, no_delay=True, send_buffer_size=2**17)
        info = await socket.opened

        async def read_the_echo() -> None:
            with info.readable.get_reader(mode="byob") as reader:
                view = memoryview(bytearray(VIEW))
                while not (result := await reader.read(view)).done:
                    chunk = result.value
                    assert chunk is not None
                    received.add(chunk)
                    advance(len(chunk))
                    view = memoryview(chunk.obj)  # the whole buffer, once more

        with info.writable.get_writer() as writer:
            gate = Gate(writer)
            source = ReadableStream.from_(chunks_of(path))
            piped = source.pipe_through(TransformStream(sent)).pipe_to(WritableStream(gate))
            await asyncio.gather(read_the_echo(), piped)
        seconds = time.perf_counter() - started
        # Both directions are closed: ours by the pipe, the peer's in answer to it.
        await socket.closed
    return Row(
        "TCP client",
        "a file through a transform to an echo server, and back into one buffer",
        f"{mebibytes(sent.bytes)} each way",
        per_second(sent.bytes, seconds),
        hashes_agree=sent.agrees_with(received) and sent.bytes == size,
        backpressure=f"held {gate.held:,} of {sent.chunks:,} writes",
        held=gate.held > 0 or sent.chunks < CHUNKS_THAT_MAY_HAVE_ROOM,
    )


async def server() -> Row:
    """Clients send, and do not read for a while: then their bytes have to wait with them, not with us."""
    passed: dict[int, HashAndCount] = {}
    started = 0.0

    async def serve(connection: TCPSocket) -> None:
        async with connection as info:
            passed[info.remote_port] = HashAndCount()
            await info.readable.pipe_through(TransformStream(passed[info.remote_port])).pipe_to(info.writable)
            await connection.closed

    async with (
        TCPServerSocket("127.0.0.1", backlog=CLIENTS) as info,
        peer("tcp-clients", info.local_port, CLIENTS, SIZE_OF_EACH) as clients,
    ):
        connections = info.readable.get_reader()
        async with asyncio.TaskGroup() as serving:
            for _ in range(CLIENTS):
                connection = (await connections.read()).value
                assert connection is not None
                started = started or time.perf_counter()
                serving.create_task(serve(connection))
        results = await clients.results()
    seconds = time.perf_counter() - started
    size = CLIENTS * SIZE_OF_EACH
    held_after = max(result["held_after"] for result in results)
    return Row(
        "TCP server",
        f"{CLIENTS} plain clients at a time, each gets back what it sends",
        f"{mebibytes(size)} each way",
        per_second(size, seconds),
        hashes_agree=len(results) == CLIENTS
        and all(result["sent"] == result["received"] == passed[result["port"]].hash.hexdigest() for result in results),
        backpressure=f"held clients that did not read, after {mebibytes(held_after)} of {mebibytes(SIZE_OF_EACH)}",
        held=held_after < SIZE_OF_EACH,
    )
