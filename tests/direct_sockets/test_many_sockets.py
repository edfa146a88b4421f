"""Thousands of sockets in one process, and what there is when descriptors run out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPMessage, UDPSocket
from tests.support import settle
from tests.support.operating_system import BOTH, listening
from whatwg_streams import NetworkError

CONNECTIONS = 2000  # of which each has two ends here
IN_DEBUG_MODE = 500  # which is slow
UDP_SOCKETS = 1000
_DESCRIPTORS = Path("/proc/self/fd")

pytestmark = [
    pytest.mark.skipif(not _DESCRIPTORS.exists(), reason="this system does not list descriptors"),
    pytest.mark.timeout(60),
]


def _connections() -> int:
    return IN_DEBUG_MODE if asyncio.get_running_loop().get_debug() else CONNECTIONS


def _open_descriptors() -> int:
    return sum(1 for _ in _DESCRIPTORS.iterdir())


@contextlib.contextmanager
def _descriptors_allowed(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in {resource.RLIM_INFINITY, -1} and hard < count:
        pytest.skip(f"THOUSANDS OF SOCKETS ARE NOT PROVED HERE: no more than {hard} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _echo(connection: TCPSocket) -> None:
    async with connection as info:
        await info.readable.pipe_to(info.writable)
        await connection.closed


@contextlib.asynccontextmanager
async def _echo_server() -> AsyncIterator[int]:
    """Serve as many connections as come, each in a task of its own; the value is the port."""

    async def serve() -> None:
        async with asyncio.TaskGroup() as connections:
            async for connection in info.readable:
                connections.create_task(_echo(connection))

    with BOTH:
        server = TCPServerSocket("127.0.0.1")
    async with server as info:
        serving = asyncio.create_task(serve())
        yield info.local_port
    await serving


async def _connect(port: int) -> TCPSocket:
    with BOTH:
        socket = TCPSocket("127.0.0.1", port)
    await socket.opened
    return socket


async def _say(socket: TCPSocket, words: bytes) -> bytes:
    """Send the words, finish, and return what comes back."""
    info = await socket.opened
    with info.writable.get_writer() as writer:
        await writer.write(words)
        await writer.close()
    answer = b"".join([bytes(chunk) async for chunk in info.readable])
    await socket.closed
    return answer


async def test_thousands_of_connections_at_once() -> None:
    connections, before = _connections(), _open_descriptors()
    with _descriptors_allowed(2 * connections + 500):
        async with _echo_server() as port:
            sockets: list[TCPSocket] = []
            for _ in range(connections // 100):  # as many at a time as any system has a queue for
                sockets += await asyncio.gather(*(_connect(port) for _ in range(100)))
            await settle()
            assert _open_descriptors() - before >= 2 * connections  # both ends of each are here
            words = [f"connection {number}".encode() for number in range(connections)]
            assert await asyncio.gather(*map(_say, sockets, words)) == words
            await settle()
            assert _open_descriptors() - before < 20
    del sockets
    gc.collect()
    await settle()
    assert _open_descriptors() <= before + 1  # uvloop has one more, once it has listened


async def test_thousands_of_connections_that_are_given_up() -> None:
    connections, before = _connections(), _open_descriptors()
    with _descriptors_allowed(2 * connections + 500):
        async with _echo_server() as port, contextlib.AsyncExitStack() as stack:
            for _ in range(connections // 100):
                for socket in await asyncio.gather(*(_connect(port) for _ in range(100))):
                    await stack.enter_async_context(socket)
            assert _open_descriptors() - before >= connections
        await settle()
        assert _open_descriptors() - before < 20


async def test_a_ring_of_a_thousand_udp_sockets() -> None:
    before = _open_descriptors()
    with _descriptors_allowed(UDP_SOCKETS + 500):
        async with contextlib.AsyncExitStack() as stack:
            with BOTH:
                sockets = [UDPSocket(local_address="127.0.0.1") for _ in range(UDP_SOCKETS)]
            infos = [await stack.enter_async_context(socket) for socket in sockets]
            readers = [info.readable.get_reader() for info in infos]
            with infos[0].writable.get_writer() as writer:
                await writer.write(UDPMessage(b"once around", "127.0.0.1", infos[1].local_port))
            for number in range(1, UDP_SOCKETS + 1):
                message = (await readers[number % UDP_SOCKETS].read()).value
                assert message is not None
                assert message.remote_port == infos[number - 1].local_port
                if number < UDP_SOCKETS:
                    following = infos[(number + 1) % UDP_SOCKETS].local_port
                    with infos[number].writable.get_writer() as writer:
                        await writer.write(UDPMessage(message.data, "127.0.0.1", following))
            assert message.data == b"once around"
        await settle()
        assert _open_descriptors() <= before + 1


async def test_when_descriptors_run_out_the_sockets_that_could_not_be_opened_say_so() -> None:
    with listening() as (_, port):
        opened = await _connect(port)  # whatever the loop needs for itself it has now
        await opened.close()
        before = _open_descriptors()
        with _descriptors_allowed(before + 10), BOTH:
            sockets = [TCPSocket("127.0.0.1", port) for _ in range(50)]
            outcomes = await asyncio.gather(*(socket.opened for socket in sockets), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert 0 < len(failures) < 50
        for failure in failures:
            assert isinstance(failure, NetworkError)
            assert failure.errno == errno.EMFILE
            assert "too many open descriptors" in str(failure)
        for socket, outcome in zip(sockets, outcomes, strict=True):
            if outcome not in failures:
                await socket.close()
        assert _open_descriptors() == before
        opened = await _connect(port)  # and there are some again
        await opened.close()
