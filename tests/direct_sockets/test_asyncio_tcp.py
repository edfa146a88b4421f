"""The operating system seam over real sockets: TCP."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets._asyncio_os import REAL
from direct_sockets._asyncio_tcp import AsyncioTCPConnection, keep_alive
from direct_sockets._operating_system import Answer, Endpoint, ResolvedAddress, TCPConnectionParameters
from tests.support import settle
from tests.support.operating_system import Peer, accept, listening, refusing_port
from whatwg_streams import Promise

DEFAULTS = TCPConnectionParameters()
LOOPBACK = ResolvedAddress(ip_address("127.0.0.1"))
LOOPBACK_6 = ResolvedAddress(ip_address("::1"))


@contextlib.asynccontextmanager
async def _connected() -> AsyncIterator[tuple[AsyncioTCPConnection, Peer]]:
    with listening() as (listener, port):
        connection = await REAL.open_a_tcp_socket([LOOPBACK], port, DEFAULTS)
        try:
            with contextlib.closing(await accept(listener)) as peer:
                yield connection, peer
        finally:
            connection.close()


async def _answer(answer: Answer[Any]) -> Any:
    return await answer if isinstance(answer, Promise) else answer


# Connecting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6], ids=["ipv4", "ipv6"])
async def test_a_connection_knows_both_of_its_ends(address: ResolvedAddress) -> None:
    with listening(str(address.address)) as (listener, port):
        connection = await REAL.open_a_tcp_socket([address], port, DEFAULTS)
        with contextlib.closing(await accept(listener)) as peer:
            assert connection.remote == Endpoint(str(address.address), port)
            assert connection.local == Endpoint(*peer.sock.getpeername()[:2])
        connection.close()


async def test_the_zone_of_a_link_local_address_is_kept() -> None:
    scripted = _Scripted()
    scripted.addresses = [("fe80::1%lo", 80, 0, 1), ("fe80::2%lo", 40000, 0, 1)]
    connection = AsyncioTCPConnection(scripted, asyncio.get_running_loop())  # type: ignore[arg-type]
    assert (connection.remote, connection.local) == (Endpoint("fe80::1%lo", 80), Endpoint("fe80::2%lo", 40000))
    connection.close()


async def test_a_mapped_address_is_reported_as_such() -> None:
    with listening() as (listener, port):
        mapped = ResolvedAddress(ip_address("::ffff:127.0.0.1"))
        connection = await REAL.open_a_tcp_socket([mapped], port, DEFAULTS)
        assert connection.remote == Endpoint("::ffff:127.0.0.1", port)
        connection.close()
        (await accept(listener)).close()


async def test_addresses_are_tried_in_their_order_until_one_answers() -> None:
    with listening() as (listener, port):
        addresses = [LOOPBACK_6, LOOPBACK, ResolvedAddress(ip_address("127.0.0.2"))]
        connection = await REAL.open_a_tcp_socket(addresses, port, DEFAULTS)
        assert connection.remote == Endpoint("127.0.0.1", port)
        connection.close()
        (await accept(listener)).close()


async def test_if_none_answers_the_first_error_is_the_one() -> None:
    multicast = ResolvedAddress(ip_address("224.0.0.1"))  # the system connects to none of these
    with pytest.raises(OSError, match=r".") as caught:
        await REAL.open_a_tcp_socket([multicast, LOOPBACK], refusing_port(), DEFAULTS)
    assert caught.value.errno == errno.ENETUNREACH
    with pytest.raises(ConnectionRefusedError):
        await REAL.open_a_tcp_socket([LOOPBACK, multicast], refusing_port(), DEFAULTS)


async def test_a_connect_that_is_cancelled_closes_its_descriptor() -> None:
    with socket.socket() as full:  # takes one connection and leaves the others waiting
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            task = asyncio.create_task(REAL.open_a_tcp_socket([LOOPBACK], port, DEFAULTS))
            await settle()
            assert not task.done(), "this system's queue is longer"
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    # That nothing is left open is checked after each test.


async def test_a_connection_that_is_gone_before_it_is_looked_at_is_closed() -> None:
    sock = socket.socket()
    with pytest.raises(OSError, match=r"."):
        AsyncioTCPConnection(sock, asyncio.get_running_loop())
    assert sock.fileno() == -1


async def test_sizes_beyond_the_systems_range_are_as_large_as_can_be() -> None:
    with listening() as (listener, port):
        huge = TCPConnectionParameters(2**32 - 1, 2**32 - 1, keep_alive_delay=2**32 - 1)
        connection = await REAL.open_a_tcp_socket([LOOPBACK], port, huge)
        sock = connection._sock
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > 4096
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 4096
        if sys.platform.startswith("linux"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 32767
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 32767
        connection.close()
        (await accept(listener)).close()


async def test_without_parameters_the_systems_defaults_hold() -> None:
    with socket.socket() as plain:
        options = [
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            (socket.IPPROTO_TCP, socket.TCP_NODELAY),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        ]
        expected = [plain.getsockopt(*option) for option in options]
    async with _connected() as (connection, _):
        assert [connection._sock.getsockopt(*option) for option in options] == expected


# Keep-alive, in the way of each platform


class _Options:
    """What is set on a socket."""

    def __init__(self) -> None:
        self.set: list[tuple[object, ...]] = []

    def setsockopt(self, *option: int) -> None:
        self.set.append(option)

    def ioctl(self, control: int, value: tuple[int, int, int]) -> None:
        self.set.append((control, value))


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(1000, 1), (1999, 1), (2000, 2), (60_500, 60), (1, 1), (2**32 - 1, 32767)],
    ids=repr,
)
def test_keep_alive_on_linux(milliseconds: int, seconds: int) -> None:
    sock = _Options()
    keep_alive(sock, milliseconds, "linux")
    assert sock.set == [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, seconds),
    ]


def test_keep_alive_on_macos() -> None:
    sock = _Options()
    keep_alive(sock, 2500, "darwin")
    assert sock.set == [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, 0x10, 2)]


def test_keep_alive_on_windows() -> None:
    sock = _Options()
    keep_alive(sock, 2500, "win32")
    assert sock.set == [(0x98000004, (1, 2500, 2500))]


# Reading -----------------------------------------------------------------------------------------------


async def test_what_is_there_is_read_at_once() -> None:
    async with _connected() as (connection, peer):
        first = connection.read(100)
        await peer.send(b"hello")
        assert await _answer(first) == b"hello"
        await peer.send(b"once more")
        peer.finish()
        assert await _answer(connection.read(4)) == b"once"
        assert connection.read(100) == b" more"  # it came together with the rest
        assert await _answer(connection.read(100)) == b""


async def test_bytes_are_read_into_memory() -> None:
    async with _connected() as (connection, peer):
        memory = bytearray(8)
        answer = connection.read_into(memoryview(memory)[2:6])
        assert isinstance(answer, Promise)
        await peer.send(b"abcdef")
        assert await answer == 4
        assert memory == b"\0\0abcd\0\0"
        assert connection.read_into(memoryview(memory)) == 2
        peer.finish()
        assert await _answer(connection.read_into(memoryview(memory))) == 0


async def test_a_read_that_was_stopped_takes_nothing_off_the_socket() -> None:
    async with _connected() as (connection, peer):
        stopped = connection.read(100)
        connection.stop_reading()
        await peer.send(b"hello")
        await settle()
        assert isinstance(stopped, Promise)
        assert "pending" in repr(stopped)
        assert await _answer(connection.read(100)) == b"hello"


async def test_bytes_that_nobody_reads_do_not_keep_the_loop_busy() -> None:
    async with _connected() as (connection, peer):
        answer = connection.read(1)
        await peer.send(b"hello")
        assert await _answer(answer) == b"h"
        for _ in range(1000):
            await settle(1)
            if not connection._watching:
                break
        assert not connection._watching
        assert connection.read(100) == b"ello"


async def test_bytes_that_come_soon_need_no_watch() -> None:
    async with _connected() as (connection, peer):
        for _ in range(2):
            answer = connection.read(100)
            assert isinstance(answer, Promise)
            peer.sock.send(b"x")
            assert await answer == b"x"
            assert not connection._watching
        answer = connection.read(100)
        await settle(3)
        assert connection._watching
        await peer.send(b"y")
        assert await _answer(answer) == b"y"


async def test_a_read_that_was_given_up_is_looked_for_by_nobody() -> None:
    async with _connected() as (connection, peer):
        given_up = connection.read(100)
        connection.stop_reading()
        read = connection.read(100)
        await settle(3)
        await peer.send(b"x")
        assert await _answer(read) == b"x"
        assert "pending" in repr(given_up)


async def test_a_reset_is_an_error_of_the_read_that_waits() -> None:
    async with _connected() as (connection, peer):
        answer = connection.read(100)
        peer.reset()
        with pytest.raises(ConnectionResetError):
            await _answer(answer)


@pytest.mark.parametrize("into", [True, False])
async def test_a_reset_is_an_error_of_the_next_read(into: bool) -> None:
    async with _connected() as (connection, peer):
        watched = connection.read(1)
        await peer.send(b"x")
        assert await _answer(watched) == b"x"
        peer.reset()
        with pytest.raises(ConnectionResetError):
            await _answer(connection.read_into(memoryview(bytearray(1))) if into else connection.read(1))


async def test_steps_are_called_once_when_there_is_something_to_read() -> None:
    async with _connected() as (connection, peer):
        memory = memoryview(bytearray(8))
        called = Promise[None]()
        assert connection.read_into_at_once(memory) == 0
        assert connection.call_when_readable(lambda: called._fulfill(None))
        await peer.send(b"hello")
        await called
        assert connection.read_into_at_once(memory) == 5
        assert connection.read_into_at_once(memory) == 0  # that was all there is, as far as it knows


async def test_steps_are_not_called_when_a_read_may_have_something_to_say_at_once() -> None:
    async with _connected() as (connection, peer):
        memory = memoryview(bytearray(8))
        assert not connection.call_when_readable(lambda: None)  # nobody has tried yet
        assert connection.read_into_at_once(memory) == 0
        watched = connection.read(1)
        await peer.send(b"x")
        assert await _answer(watched) == b"x"
        peer.reset()
        for _ in range(1000):
            connection.read_into_at_once(memory)
            if connection._error is not None:
                break
            await settle(1)
        assert not connection.call_when_readable(lambda: None)
        with pytest.raises(ConnectionResetError):
            await _answer(connection.read_into(memory))


async def test_steps_that_were_given_up_are_not_called() -> None:
    async with _connected() as (connection, peer):
        called: list[int] = []
        assert connection.read_into_at_once(memoryview(bytearray(8))) == 0
        assert connection.call_when_readable(lambda: called.append(1))
        connection.stop_reading()
        await peer.send(b"hello")
        assert await _answer(connection.read(8)) == b"hello"
        assert called == []


class _Scripted:
    """A socket that answers calls as it is told; of a connected pair, so that a loop can watch it."""

    def __init__(self) -> None:
        self.sock, self.other = socket.socketpair()
        self.sock.setblocking(False)
        self.answers: list[Any] = []
        self.addresses: list[Any] = [("8.8.8.8", 80), ("9.9.9.9", 40000)]  # of the peer, and its own

    def fileno(self) -> int:
        return self.sock.fileno()

    def getpeername(self) -> Any:
        return self.addresses[0]

    def getsockname(self) -> Any:
        return self.addresses[1]

    def _call(self, argument: object) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    recv = recv_into = send = shutdown = _call

    def close(self) -> None:
        self.sock.close()
        self.other.close()
        if self.answers:
            self._call(None)


async def test_a_socket_that_was_not_readable_after_all_is_waited_for() -> None:
    sock: Any = _Scripted()
    connection = AsyncioTCPConnection(sock, asyncio.get_running_loop())
    sock.answers = [InterruptedError(), BlockingIOError(), BlockingIOError(), b"data"]
    answer = connection.read(10)
    sock.other.send(b"x")
    assert await _answer(answer) == b"data"
    assert connection.close() is None


async def test_a_socket_that_was_not_writable_after_all_is_waited_for() -> None:
    sock: Any = _Scripted()
    connection = AsyncioTCPConnection(sock, asyncio.get_running_loop())
    sock.answers = [BlockingIOError(), BlockingIOError(), 2, InterruptedError(), 1]
    assert await _answer(connection.write(memoryview(b"abc"))) is True
    assert sock.answers == []
    assert connection.close() is None


async def test_an_error_of_a_write_that_waits_rejects_it() -> None:
    sock: Any = _Scripted()
    connection = AsyncioTCPConnection(sock, asyncio.get_running_loop())
    error = OSError(errno.EPIPE, "Broken pipe")
    sock.answers = [1, error]
    with pytest.raises(BrokenPipeError) as caught:
        await _answer(connection.write(memoryview(b"abc")))
    assert caught.value.errno == error.errno
    assert connection.close() is None


async def test_an_error_of_closing_is_told_but_closed_it_is() -> None:
    sock: Any = _Scripted()
    connection = AsyncioTCPConnection(sock, asyncio.get_running_loop())
    sock.answers = [ConnectionResetError(errno.ECONNRESET, "?")]
    with pytest.raises(ConnectionResetError):
        await _answer(connection.close())
    assert sock.fileno() == -1


# Writing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"hello"], ids=repr)
async def test_what_there_is_room_for_is_written_at_once(data: bytes) -> None:
    async with _connected() as (connection, peer):
        assert connection.write(memoryview(data)) is True
        connection.shut_down_for_writing()
        assert await peer.receive_all() == data


@pytest.mark.parametrize("kind", [bytes, bytearray])
async def test_what_there_is_no_room_for_is_written_later_as_it_was(kind: Any) -> None:
    size = 16 * 2**20
    async with _connected() as (connection, peer):
        data = kind(bytes(range(256)) * (size // 256))
        answer = connection.write(memoryview(data))
        assert isinstance(answer, Promise)
        expected = bytes(data)
        if kind is bytearray:
            data[:] = bytes(size)  # the memory is the writer's again
        received = await peer.receive_exactly(size)
        assert await answer is True
        assert received == expected


async def test_a_write_can_be_stopped_in_the_middle() -> None:
    async with _connected() as (connection, peer):
        answer = connection.write(memoryview(bytes(32 * 2**20)))
        assert isinstance(answer, Promise)
        connection.stop_writing()
        assert await answer is False
        connection.stop_writing()  # there is none any more
        connection.shut_down_for_writing()
        assert 0 < len(await peer.receive_all()) < 32 * 2**20


async def test_writing_to_a_peer_that_has_reset_is_an_error() -> None:
    async with _connected() as (connection, peer):
        read = connection.read(1)
        peer.reset()
        with pytest.raises(ConnectionResetError):
            await _answer(read)
        with pytest.raises(BrokenPipeError):
            await _answer(connection.write(memoryview(b"x")))


async def test_a_reset_ends_a_write_that_waits() -> None:
    async with _connected() as (connection, peer):
        answer = connection.write(memoryview(bytes(32 * 2**20)))
        peer.reset()
        with pytest.raises(OSError, match=r".") as caught:
            await _answer(answer)
        assert caught.value.errno in {errno.ECONNRESET, errno.EPIPE}


async def test_shutting_down_after_a_reset_is_an_error() -> None:
    async with _connected() as (connection, peer):
        read = connection.read(1)
        peer.reset()
        with pytest.raises(ConnectionResetError):
            await _answer(read)
        with pytest.raises(OSError, match=r".") as caught:
            await _answer(connection.shut_down_for_writing())
        assert caught.value.errno == errno.ENOTCONN


async def test_closing_ends_what_is_under_way() -> None:
    async with _connected() as (connection, _):
        read = connection.read(1)
        write = connection.write(memoryview(array.array("Q", [0]) * 2**22).cast("B"))
        assert connection.close() is None
        assert await _answer(write) is False
        assert "pending" in repr(read)
        assert connection._fd not in _descriptors_watched(asyncio.get_running_loop())


def _descriptors_watched(loop: asyncio.AbstractEventLoop) -> set[int]:
    selector = getattr(loop, "_selector", None)  # asyncio's; uvloop does not tell
    return set(selector.get_map()) if selector is not None else set()
