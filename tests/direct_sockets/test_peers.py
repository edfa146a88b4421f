"""Sockets and the programs that their users have: other processes, and asyncio's own datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from direct_sockets import TCPServerSocket, TCPServerSocketOpenInfo, TCPSocket, UDPMessage, UDPSocket
from tests.support.operating_system import BOTH
from tests.support.sockets import read_everything
from whatwg_streams import NetworkError

#: Enough to fill the buffers of the system, and different everywhere.
DATA = b"".join(number.to_bytes(4, "big") for number in range(2**18))


@contextlib.asynccontextmanager
async def _process(*command: str, cwd: Path | None = None) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        assert process.stdout is not None
        await process.stdout.read()
        await process.wait()


async def _line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


async def test_a_file_of_a_web_server(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    command = (sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1")
    async with _process(*command, cwd=tmp_path) as server:
        port = int((await _line(server)).split("port ")[1].split()[0])
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        async with socket as info:
            with info.writable.get_writer() as writer:
                await writer.write(b"GET /data HTTP/1.0\r\n\r\n")
                head, _, body = (await read_everything(info.readable)).partition(b"\r\n\r\n")
                await writer.close()
        assert head.startswith(b"HTTP/1.0 200 OK")
        assert body == DATA
        await socket.closed


async def _serve_the_data(info: TCPServerSocketOpenInfo) -> None:
    async with asyncio.TaskGroup() as group:
        async for accepted in info.readable.values(prevent_cancel=True):
            group.create_task(_answer_a_request(accepted))


async def _answer_a_request(accepted: TCPSocket) -> None:
    async with accepted as info:
        request = bytearray()
        with info.readable.get_reader() as reader, info.writable.get_writer() as writer:
            while b"\r\n\r\n" not in request:
                request += (await reader.read()).value or b""
            await writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(DATA))
            await writer.write(DATA)
            await writer.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_is_served() -> None:
    with BOTH:
        server = TCPServerSocket("::", ipv6_only=False)
    async with server as info:
        serving = asyncio.create_task(_serve_the_data(info))

        async def fetch(host: str) -> bytes:
            async with _process("curl", "-s", "--noproxy", "*", f"http://{host}:{info.local_port}/") as curl:
                assert curl.stdout is not None
                return await curl.stdout.read()

        bodies = await asyncio.gather(*(fetch(host) for host in ("127.0.0.1", "[::1]") * 3))
        assert [body == DATA for body in bodies] == [True] * 6
    await serving


class _Shouts(asyncio.DatagramProtocol):
    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data.upper(), addr)


async def test_datagrams_with_asyncios_endpoint() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Shouts, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    with BOTH:
        connected, bound = UDPSocket(remote_address="127.0.0.1", remote_port=port), UDPSocket(local_address="127.0.0.1")
    async with connected as info:
        with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
            await writer.write(UDPMessage(b"ping"))
            assert (await reader.read()).value == UDPMessage(b"PING")
    async with bound as info:
        with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
            await writer.write({"data": b"ping", "remote_address": "127.0.0.1", "remote_port": port})
            assert (await reader.read()).value == UDPMessage(b"PING", "127.0.0.1", port)
    transport.close()


DOES_NOT_READ = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
print("accepted", flush=True)
sys.stdin.read()
"""


async def test_a_process_that_is_killed_resets_the_connection() -> None:
    async with _process(sys.executable, "-c", DOES_NOT_READ) as process:
        with BOTH:
            socket = TCPSocket("127.0.0.1", int(await _line(process)))
        async with socket as info:
            assert await _line(process) == "accepted\n"
            with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
                await writer.write(b"nobody reads this")
                process.kill()
                with pytest.raises(NetworkError, match="reset") as caught:
                    await reader.read()
        assert caught.value.errno == errno.ECONNRESET
        with pytest.raises(NetworkError):
            await socket.closed
