"""The seam over real sockets, those that listen: options, accepting, and what may go wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets._asyncio_os import REAL
from direct_sockets._asyncio_tcp import AsyncioTCPConnection
from direct_sockets._asyncio_tcp_server import FIRST_DELAY, LONGEST_DELAY, AsyncioTCPServer, listen, prepare
from direct_sockets._operating_system import Answer, Endpoint, TCPServerParameters
from tests.support import settle
from tests.support.operating_system import Peer
from whatwg_streams import Promise

DEFAULTS = TCPServerParameters()
LOOPBACK = ip_address("127.0.0.1")
LINUX = sys.platform.startswith("linux")


@contextlib.asynccontextmanager
async def _listening(
    address: str = "127.0.0.1", parameters: TCPServerParameters = DEFAULTS
) -> AsyncIterator[AsyncioTCPServer]:
    server = await REAL.open_a_tcp_server_socket(ip_address(address), parameters)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def _connected(server: AsyncioTCPServer, count: int = 1) -> Any:
    """So many clients: connecting needs nobody to accept."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket(server._sock.family))
            sock.connect(server.local)
            clients.append(Peer(sock))
        yield clients


async def _answer(answer: Answer[Any]) -> Any:
    return await answer if isinstance(answer, Promise) else answer


async def _accepted(server: AsyncioTCPServer, count: int, limit: int) -> list[AsyncioTCPConnection]:
    connections: list[AsyncioTCPConnection] = []
    while len(connections) < count:
        connections += await _answer(server.accept(limit))
    return connections


# Listening ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
async def test_a_server_knows_where_it_listens(address: str) -> None:
    async with _listening(address) as server:
        assert server.local == Endpoint(address, server._sock.getsockname()[1])


async def test_a_mapped_address_is_reported_as_such() -> None:
    async with _listening("::ffff:127.0.0.1", TCPServerParameters(ipv6_only=False)) as server:
        assert server.local.address == "::ffff:127.0.0.1"


async def test_the_port_that_is_asked_for_is_bound() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    async with _listening(parameters=TCPServerParameters(local_port=port)) as server:
        assert server.local == Endpoint("127.0.0.1", port)


async def test_what_can_not_be_bound_is_an_os_error_and_leaves_no_descriptor() -> None:
    async with _listening() as server:
        with pytest.raises(OSError, match=r".") as caught:
            await REAL.open_a_tcp_server_socket(LOOPBACK, TCPServerParameters(local_port=server.local.port))
        assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError, match=r".") as caught:
        listen(ip_address("192.0.2.1"), DEFAULTS, asyncio.get_running_loop())
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_a_backlog_beyond_the_systems_range_is_as_large_as_can_be() -> None:
    async with _listening(parameters=TCPServerParameters(backlog=2**32 - 1)) as server:
        with _connected(server):
            [connection] = await _accepted(server, 1, 1)
            connection.close()


@pytest.mark.skipif(not LINUX, reason="how long the queue is")
async def test_a_backlog_is_how_many_may_wait() -> None:
    async with _listening(parameters=TCPServerParameters(backlog=1)) as server:
        with _connected(server, 2), socket.socket() as third:  # the system lets one more in
            third.setblocking(False)
            assert third.connect_ex(server.local) == errno.EINPROGRESS
            await settle(50)
            with pytest.raises(OSError, match=r".") as caught:
                third.getpeername()
            assert caught.value.errno == errno.ENOTCONN
            for connection in await _accepted(server, 2, 2):
                connection.close()


@pytest.mark.parametrize("ipv6_only", [False, True])
async def test_options_reach_the_real_socket(ipv6_only: bool) -> None:
    async with _listening("::", TCPServerParameters(ipv6_only=ipv6_only)) as server:
        sock = server._sock
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == int(ipv6_only)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) != 0
        assert sock.getblocking() is False


class _Options:
    """What is set on a socket."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.family = family
        self.set: list[tuple[int, ...]] = []

    def setsockopt(self, *option: int) -> None:
        self.set.append(option)


REUSE = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


@pytest.mark.parametrize(
    ("family", "ipv6_only", "platform", "expected"),
    [
        (socket.AF_INET, None, "linux", [REUSE]),
        (socket.AF_INET, False, "linux", [REUSE]),
        (socket.AF_INET, None, "win32", []),
        (socket.AF_INET6, None, "darwin", [REUSE]),
        (socket.AF_INET6, True, "darwin", [REUSE, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)]),
        (socket.AF_INET6, False, "win32", [(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)]),
    ],
)
def test_options_in_the_way_of_each_platform(
    family: socket.AddressFamily, ipv6_only: bool | None, platform: str, expected: object
) -> None:
    sock = _Options(family)
    prepare(sock, TCPServerParameters(ipv6_only=ipv6_only), platform)
    assert sock.set == expected


# Accepting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_connection_is_waited_for_and_knows_both_of_its_ends(address: str) -> None:
    async with _listening(address) as server:
        answer = server.accept(1)
        assert isinstance(answer, Promise)
        with _connected(server) as [client]:
            [connection] = await answer
            assert connection.local == server.local
            assert connection.remote == Endpoint(*client.sock.getsockname()[:2])
            assert connection._sock.getblocking() is False
            assert connection.write(memoryview(b"hello")) is True
            assert await client.receive_exactly(5) == b"hello"
            await client.send(b"you")
            assert await _answer(connection.read(10)) == b"you"
            connection.close()


async def test_several_are_accepted_in_one_go_but_no_more_than_asked_for() -> None:
    async with _listening() as server:
        with _connected(server, 7):
            first = await _answer(server.accept(3))
            second = await _answer(server.accept(10))
            assert (len(first), len(second)) == (3, 4)
            for connection in [*first, *second]:
                connection.close()


async def test_several_that_come_while_one_waits_are_accepted_in_one_go() -> None:
    async with _listening() as server:
        answer = server.accept(3)
        assert isinstance(answer, Promise)
        with _connected(server, 5):
            first = await answer
            assert len(first) == 3
            for connection in [*first, *await _accepted(server, 2, 5)]:
                connection.close()


async def test_connections_that_nobody_accepts_do_not_keep_the_loop_busy() -> None:
    async with _listening() as server:
        answer = server.accept(1)
        with _connected(server, 2):
            [first] = await _answer(answer)
            assert server._watching
            await settle(50)
            assert not server._watching
            [second] = await _answer(server.accept(1))
            first.close()
            second.close()


async def test_an_accept_that_was_stopped_takes_no_connection() -> None:
    async with _listening() as server:
        stopped = server.accept(1)
        server.stop_accepting()
        with _connected(server) as [client]:
            await settle(50)
            assert "pending" in repr(stopped)
            [connection] = await _answer(server.accept(1))
            assert connection.remote.port == client.sock.getsockname()[1]
            connection.close()


async def test_closing_ends_what_is_under_way_and_leaves_connections_open() -> None:
    async with _listening() as server:
        with _connected(server) as [client]:
            [connection] = await _answer(server.accept(1))
            waiting = server.accept(1)
            assert server.close() is None
            assert "pending" in repr(waiting)
            assert server.close() is None
            await client.send(b"still here")
            assert await _answer(connection.read(10)) == b"still here"
            connection.close()


@pytest.mark.skipif(not LINUX, reason="what the system does with a connection that is gone")
async def test_a_connection_that_was_reset_gives_what_came_before() -> None:
    async with _listening() as server:
        with _connected(server) as [client]:
            name = Endpoint(*client.sock.getsockname())
            await client.send(b"last words")
            client.reset()
            [connection] = await _accepted(server, 1, 1)
            assert connection.remote == name
            assert await _answer(connection.read(100)) == b"last words"
            with pytest.raises(ConnectionResetError):
                await _answer(connection.read(100))
            connection.close()


# Faults, by hand ---------------------------------------------------------------------------------------


class _Timer:
    def __init__(self, delay: float, callback: Callable[[], object]) -> None:
        self.delay = delay
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class _Loop:
    """A loop whose events the test makes."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], object]] = {}
        self.timers: list[_Timer] = []

    def add_reader(self, fd: int, callback: Callable[..., object], *arguments: object) -> None:
        assert fd not in self.readers
        self.readers[fd] = partial(callback, *arguments)

    def remove_reader(self, fd: int) -> None:
        del self.readers[fd]

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: object) -> _Timer:
        assert not self.readers, "it is watched while it rests, and would wake the loop all the time"
        self.timers.append(_Timer(delay, partial(callback, *arguments)))
        return self.timers[-1]

    def wake(self) -> None:
        """The socket is readable."""
        [callback] = self.readers.values()
        callback()

    def pass_time(self) -> float:
        """The one timer that runs is due; returns how long it took."""
        [timer] = self.timers
        self.timers.clear()
        assert not timer.cancelled
        timer.callback()
        return timer.delay


class _Accepted:
    """A socket that was accepted."""

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.closed = False

    def fileno(self) -> int:
        return 1000

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def getpeername(self) -> tuple[str, int]:
        return self.getsockname()

    def getsockname(self) -> tuple[str, int]:
        if self.error is not None:
            raise self.error
        return ("9.9.9.9", 40000)

    def close(self) -> None:
        self.closed = True


class _Listener:
    """A socket that answers accepts as it is told; then it would block."""

    def __init__(self) -> None:
        self.answers: deque[Any] = deque()
        self.close_error: OSError | None = None
        self.calls = 0

    def fileno(self) -> int:
        return 999

    def getsockname(self) -> tuple[str, int]:
        return ("9.9.9.9", 40000)

    def accept(self) -> tuple[Any, Any]:
        self.calls += 1
        answer = self.answers.popleft() if self.answers else BlockingIOError()
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, tuple) else (answer, ("8.8.8.8", 50000))

    def close(self) -> None:
        if self.close_error is not None:
            raise self.close_error


def _by_hand() -> tuple[AsyncioTCPServer, Any, Any]:
    listener: Any = _Listener()
    loop: Any = _Loop()
    return AsyncioTCPServer(listener, loop), listener, loop


def _error(name: str) -> OSError:
    return OSError(getattr(errno, name), name)


async def _sockets(answer: Answer[Sequence[AsyncioTCPConnection]]) -> list[Any]:
    return [one._sock for one in await _answer(answer)]


OF_THE_CONNECTION = ["ECONNABORTED", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "ETIMEDOUT", "ECONNRESET"]
EXHAUSTED = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM"]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("error", [InterruptedError(), *map(_error, OF_THE_CONNECTION)], ids=repr)
async def test_a_connection_that_is_gone_is_passed_over(error: OSError, at_once: bool) -> None:
    server, listener, loop = _by_hand()
    accepted = _Accepted()
    if at_once:
        listener.answers.append(error)
    answer = server.accept(1)
    assert isinstance(answer, Promise)
    if not at_once:
        listener.answers.append(error)
        loop.wake()
    await settle()
    assert "pending" in repr(answer)
    listener.answers.append(accepted)
    loop.wake()
    assert await _sockets(answer) == [accepted]
    assert loop.timers == []


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", EXHAUSTED)
async def test_a_system_that_is_exhausted_is_left_alone_for_a_while(name: str, at_once: bool) -> None:
    server, listener, loop = _by_hand()
    accepted = _Accepted()
    if at_once:
        listener.answers.append(_error(name))
    answer = server.accept(1)
    assert isinstance(answer, Promise)
    if not at_once:
        listener.answers.append(_error(name))
        loop.wake()
    assert loop.readers == {}
    calls = listener.calls
    listener.answers.extend([_error(name), accepted])
    assert loop.pass_time() == FIRST_DELAY
    assert loop.readers == {}
    assert loop.pass_time() == 2 * FIRST_DELAY
    assert listener.calls == calls + 2
    assert await _sockets(answer) == [accepted]
    assert loop.timers == []


async def test_the_delay_grows_up_to_a_limit_and_begins_anew() -> None:
    server, listener, loop = _by_hand()
    listener.answers.extend([_error("EMFILE")] * 12)
    answer = server.accept(1)
    delays = [loop.pass_time() for _ in range(11)]
    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY
    assert loop.pass_time() == LONGEST_DELAY  # and then it would block: the client is gone
    assert list(loop.readers) == [999]
    listener.answers.append(_error("EMFILE"))
    loop.wake()
    assert loop.pass_time() == FIRST_DELAY
    listener.answers.append(_Accepted())
    loop.wake()
    await _answer(answer)
    listener.answers.append(_error("EMFILE"))
    answer = server.accept(1)
    listener.answers.append(_Accepted())
    assert loop.pass_time() == FIRST_DELAY
    await _answer(answer)


async def test_connections_before_an_error_are_given_and_the_error_comes_with_the_next_accept() -> None:
    server, listener, loop = _by_hand()
    accepted = [_Accepted(), _Accepted()]
    listener.answers.extend([*accepted, _error("EMFILE")])
    assert await _sockets(server.accept(5)) == accepted
    assert loop.timers == []
    listener.answers.append(_error("EBADF"))
    with pytest.raises(OSError, match="EBADF"):
        await _answer(server.accept(5))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", ["EBADF", "EINVAL", "EOPNOTSUPP"])
async def test_what_does_not_pass_fails(name: str, at_once: bool) -> None:
    server, listener, loop = _by_hand()
    if at_once:
        listener.answers.append(_error(name))
    answer = server.accept(1)
    if not at_once:
        listener.answers.append(_error(name))
        loop.wake()
    with pytest.raises(OSError, match=name):
        await _answer(answer)
    assert loop.readers == {}
    assert loop.timers == []


async def test_what_does_not_pass_fails_after_a_rest_too() -> None:
    server, listener, loop = _by_hand()
    listener.answers.extend([_error("EMFILE"), _error("EBADF")])
    answer = server.accept(1)
    loop.pass_time()
    with pytest.raises(OSError, match="EBADF"):
        await _answer(answer)


async def test_a_connection_that_is_gone_when_it_is_looked_at_is_closed_and_the_next_one_given() -> None:
    server, listener, _ = _by_hand()
    gone, there = _Accepted(_error("EINVAL")), _Accepted()
    listener.answers.extend([(gone, None), there])
    assert await _sockets(server.accept(1)) == [there]
    assert gone.closed
    assert not there.closed


async def test_whose_connection_it_is_may_be_asked_for_when_it_is_not_said() -> None:
    server, listener, _ = _by_hand()
    listener.answers.append((_Accepted(), None))
    [connection] = await _answer(server.accept(1))
    assert connection.remote == Endpoint("9.9.9.9", 40000)


@pytest.mark.parametrize("end", ["stop_accepting", "close"])
async def test_stopping_while_it_rests_stops_the_timer(end: str) -> None:
    server, listener, loop = _by_hand()
    listener.answers.append(_error("EMFILE"))
    answer = server.accept(1)
    getattr(server, end)()
    [timer] = loop.timers
    assert timer.cancelled
    assert loop.readers == {}
    assert "pending" in repr(answer)
    loop.timers.clear()
    if end == "stop_accepting":
        second = server.accept(1)
        listener.answers.append(_Accepted())
        loop.wake()
        assert len(await _answer(second)) == 1


async def test_an_error_of_closing_is_told_but_closed_it_is() -> None:
    server, listener, loop = _by_hand()
    server.accept(1)
    listener.close_error = _error("EIO")
    with pytest.raises(OSError, match="EIO"):
        await _answer(server.close())
    assert loop.readers == {}
