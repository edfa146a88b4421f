"""The other process of `load`: a server that sends back whatever it gets. It ends with its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Any

import uvloop

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket

from .load_limits import BUFFER, allow_descriptors, open_descriptors
from .memory import resident_at_rest

_BOTH = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")


async def _echo(connection: TCPSocket) -> None:
    with contextlib.suppress(OSError):
        async with connection as info:
            await info.readable.pipe_to(info.writable)
            await connection.closed


async def main() -> None:
    """Serve; say the port first, and after each line of standard input how many descriptors are open,
    how many errors nobody has handled, and the memory in MiB."""
    loop = asyncio.get_running_loop()
    unhandled = list[object]()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    with _BOTH:
        server = TCPServerSocket("127.0.0.1", backlog=1024)
    async with server as info, asyncio.TaskGroup() as tasks:
        sock: Any = server._server
        # What is accepted has the same: it is noticed soon when somebody does not read.
        sock._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        sys.stdout.write(f"{info.local_port}\n")
        sys.stdout.flush()

        async def accept() -> None:
            async for connection in info.readable:
                tasks.create_task(_echo(connection))

        accepting = tasks.create_task(accept())
        while await asyncio.to_thread(sys.stdin.readline):
            sys.stdout.write(f"{open_descriptors()} {len(unhandled)} {await resident_at_rest()}\n")
            sys.stdout.flush()
        accepting.cancel()


if __name__ == "__main__":
    allow_descriptors(int(sys.argv[1]))
    uvloop.run(main())
