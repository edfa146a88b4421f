"""What is queued: as much as the high water marks allow, and what the slower branch of a tee has not read."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any, Final

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from tests.support import LOOP_FACTORIES, settle
from tests.trust.table import Row
from whatwg_streams import ByteLengthQueuingStrategy, ReadableStream, TransformStream, WritableStream

from .counting import count_in
from .forgotten import POLICY

_MARKS: Final = (0, 1, 2, 10)
_CHUNK: Final = 1024
_CHUNKS: Final = 1000
_MANY: Final = 50

# The sockets' own, in bytes, connections and datagrams.
_BYTES: Final = 65536
_CONNECTIONS: Final = 1
_DATAGRAMS: Final = 32


class Chunks:
    """Gives chunks of memory of their own, as they are asked for; counts those that it gave."""

    def __init__(self) -> None:
        self.given = 0

    def pull(self, controller: Any) -> None:
        self.given += 1
        controller.enqueue(bytearray(_CHUNK))


class Bytes(Chunks):
    type = "bytes"


class Stalled:
    """A sink that never comes to the end of its first write."""

    async def write(self, _: object) -> None:
        await asyncio.Event().wait()


# Streams: what a source was asked for, beyond what is waited for


async def _default(mark: int) -> str:
    source = Chunks()
    stream = ReadableStream(source, {"high_water_mark": mark})
    await settle()
    asked_for, allowed = source.given, mark
    await stream.cancel()
    return _compare(asked_for, allowed)


async def _bytes(mark: int) -> str:
    source = Bytes()
    stream = ReadableStream(source, {"high_water_mark": mark * _CHUNK})
    await settle()
    asked_for = source.given
    await stream.cancel()
    return _compare(asked_for, mark)


async def _pipe(mark: int) -> str:
    source = Chunks()
    stream = ReadableStream(source, {"high_water_mark": mark})
    sink = WritableStream(Stalled(), {"high_water_mark": mark})
    piping = asyncio.create_task(_wait(stream.pipe_to(sink)))
    await settle()
    asked_for = source.given
    piping.cancel()
    return _compare(asked_for, 2 * mark)  # (The write that is under way counts.)


async def _chain(mark: int) -> str:
    source = Chunks()
    stream = ReadableStream(source, {"high_water_mark": 0})
    for _ in range(3):
        stream = stream.pipe_through(TransformStream({}, {"high_water_mark": 1}, {"high_water_mark": mark}))
    await settle(50)
    # Each has a queue of one chunk, and one as long as the mark; those without a mark wait for a reader.
    return _compare(source.given, 3 * (mark + 1))


async def _ready(mark: int) -> str:
    """A producer that awaits `ready`."""
    written = 0
    stream = WritableStream(Stalled(), ByteLengthQueuingStrategy(high_water_mark=mark * _CHUNK))
    writer = stream.get_writer()

    async def produce() -> None:
        nonlocal written
        while True:
            await writer.ready
            writer.write(bytearray(_CHUNK)).catch(lambda _: None)
            written += 1

    producing = asyncio.create_task(produce())
    await settle()
    producing.cancel()
    await asyncio.wait([producing])
    return _compare(written, mark)


async def _wait(promise: Any) -> None:
    await promise


def _compare(number: int, allowed: int) -> str:
    return "" if number <= allowed else f"{number}, where {allowed} are allowed"


# Sockets that nobody reads


async def _unread_bytes(_: int) -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with POLICY:
            client = TCPSocket(*listener.getsockname())
        async with client as info:
            controller: Any = info.readable._controller  # it reads ahead from when it is asked for
            with closing(listener.accept()[0]) as peer:
                peer.setblocking(False)
                sent = await _send_until_nothing_is_taken(peer)
                queued = controller._queue_total_size
    return _compare(int(queued), _BYTES) or ("" if sent > _BYTES and queued > 0 else "nothing was sent")


async def _send_until_nothing_is_taken(peer: socket.socket) -> int:
    """Send until the system's buffers are full, and the client takes no more."""
    sent, quiet = 0, 0
    while quiet < 20:
        try:
            sent += peer.send(bytes(_BYTES))
            quiet = 0
        except BlockingIOError:
            quiet += 1
            await settle(2)
    return sent


async def _unread_connections(_: int) -> str:
    with POLICY:
        server = TCPServerSocket("127.0.0.1", backlog=_MANY)
    async with server as info:
        controller: Any = info.readable._controller
        clients = [socket.create_connection(("127.0.0.1", info.local_port)) for _ in range(_MANY)]
        await settle()
        queued = len(controller._queue)
        for client in clients:
            client.close()
    return _compare(queued, _CONNECTIONS)


async def _unread_datagrams(_: int) -> str:
    with POLICY:
        receiver = UDPSocket(local_address="127.0.0.1")
    async with receiver as info:
        controller: Any = info.readable._controller
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(4 * _DATAGRAMS):
                sender.sendto(b"x", ("127.0.0.1", info.local_port))
                await settle(2)
        queued = len(controller._queue)
    return _compare(queued, _DATAGRAMS)


_CASES: Final[dict[str, tuple[Callable[[int], Awaitable[str]], tuple[int, ...]]]] = {
    "a readable stream": (_default, _MARKS),
    "a readable byte stream": (_bytes, _MARKS),
    "a pipe whose sink stalls": (_pipe, _MARKS[1:]),
    "transform streams that nobody reads": (_chain, _MARKS),
    "a writer that is ready": (_ready, _MARKS),
    "bytes that nobody reads": (_unread_bytes, (_BYTES,)),
    "connections that nobody accepts": (_unread_connections, (_CONNECTIONS,)),
    "datagrams that nobody receives": (_unread_datagrams, (_DATAGRAMS,)),
}


def bounded() -> Row:
    """Have queues fill where nobody takes anything out of them."""
    row = Row("queues")
    for loop_name, loop_factory in LOOP_FACTORIES.items():
        for name, (complain, marks) in _CASES.items():
            for mark in marks:
                count_in(loop_factory, row, f"{name}, {mark}, {loop_name}", lambda: complain(mark))  # noqa: B023
    return row


# Tee


async def _tee(source: Chunks, most: float) -> str:
    """Read one branch to a certain point, and then the other; tell what the memory in between is not as it must be."""
    fast, slow = ReadableStream(source, {"high_water_mark": 0}).tee()
    tracemalloc.start()
    try:
        with fast.get_reader() as reader:
            for _ in range(_CHUNKS):
                await reader.read()
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
        with slow.get_reader() as reader:
            for _ in range(_CHUNKS):
                await reader.read()
        gc.collect()
        afterwards = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    await asyncio.gather(fast.cancel(), slow.cancel())
    size = _CHUNKS * _CHUNK
    return (
        _compare(kept, int(most * size))
        or _compare(size, kept)
        or _compare(afterwards, size // 5)
        or _compare(source.given, _CHUNKS + 2)
    )


def tees() -> Row:
    """Read the one branch far ahead of the other, which keeps what it has not read, and no more."""
    row = Row("tees")
    for loop_name, loop_factory in LOOP_FACTORIES.items():
        for make, most in ((Chunks, 1.5), (Bytes, 2)):
            count_in(loop_factory, row, f"{make.__name__}, {loop_name}", lambda: _tee(make(), most))  # noqa: B023
    return row
