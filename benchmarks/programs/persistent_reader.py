"""A proxy written by hand for an event loop: one watch for reading, and one for writing where it is needed.

`python -m benchmarks.programs.persistent_reader COUNT`
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

from .other_end import HOST, other_end, port_of
from .stopwatch import stopwatch

VIEW = 2**16


class Proxy:
    """Copies from one socket to the other until the first ends."""

    def __init__(self, one: socket.socket, other: socket.socket) -> None:
        self.loop = asyncio.get_running_loop()
        self.one = one
        self.other = other
        self.buffer = memoryview(bytearray(VIEW))
        self.unsent = memoryview(b"")
        self.ended = self.loop.create_future()
        self.loop.add_reader(one, self.readable)

    def readable(self) -> None:
        try:
            size = self.one.recv_into(self.buffer)
        except BlockingIOError:
            return
        if size == 0:
            self.loop.remove_reader(self.one)
            self.other.shutdown(socket.SHUT_WR)
            self.ended.set_result(None)
            return
        self.send(self.buffer[:size])

    def send(self, data: memoryview) -> None:
        with contextlib.suppress(BlockingIOError):
            data = data[self.other.send(data) :]
        if data and not self.unsent:
            self.loop.remove_reader(self.one)
            self.loop.add_writer(self.other, self.writable)
        self.unsent = data

    def writable(self) -> None:
        self.send(self.unsent)
        if not self.unsent:
            self.loop.remove_writer(self.other)
            self.loop.add_reader(self.one, self.readable)


async def main(count: int) -> None:
    loop = asyncio.get_running_loop()
    with (
        other_end("source", count) as source,
        other_end("sink") as sink,
        socket.create_connection((HOST, port_of(source))) as one,
        socket.create_connection((HOST, port_of(sink))) as other,
    ):
        one.setblocking(False)
        other.setblocking(False)
        other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with stopwatch(count):
            await Proxy(one, other).ended
            await loop.sock_recv(other, 1)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
