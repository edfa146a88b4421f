"""TCPServerSocket with clients on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import itertools
import resource
import socket as system_socket
import struct
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPServerSocketOpenInfo, TCPSocket
from direct_sockets._asyncio_tcp_server import FIRST_DELAY, AsyncioTCPServer
from direct_sockets._tcp_server_socket import LOWEST_LOCAL_PORT
from tests.support import settle
from tests.support.operating_system import (
    BOTH,
    ONE,
    HandmadeServer,
    Peer,
    handmade_server,
    refusing_port,
)
from tests.support.recording import PENDING, EventTrace, outcome, reason_of
from tests.support.sockets import handmade_connections, remote_port_of
from whatwg_streams import (
    NetworkError,
    Promise,
    WritableStream,
)

LINUX = sys.platform.startswith("linux")


@contextlib.asynccontextmanager
async def _serving(address: str = "127.0.0.1", **options: Any) -> AsyncIterator[tuple[TCPServerSocket, Any]]:
    with ONE:
        socket = TCPServerSocket(address, **options)
    async with socket as info:
        yield socket, info


@contextlib.contextmanager
def _client(port: int, address: str = "127.0.0.1") -> Iterator[Peer]:
    with _connected(port, address) as sock:
        yield Peer(sock)


def _connected(port: int, address: str = "127.0.0.1") -> system_socket.socket:
    family = system_socket.AF_INET6 if ":" in address else system_socket.AF_INET
    sock = system_socket.socket(family, system_socket.SOCK_STREAM)
    try:
        sock.connect((address, port))  # returns at once: it needs nobody to accept
    except BaseException:
        sock.close()
        raise
    return sock


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it does not come")


async def _echo(socket: TCPSocket) -> None:
    async with socket as info:
        with contextlib.suppress(OSError):
            await info.readable.pipe_to(info.writable)
        await socket.closed


async def _serve(info: TCPServerSocketOpenInfo, count: int) -> None:
    """Echo what so many clients send."""
    async with asyncio.TaskGroup() as group:
        with info.readable.get_reader() as reader:
            for _ in range(count):
                group.create_task(_echo((await reader.read()).value))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_echo_over_our_own_sockets(address: str) -> None:
    data = b"".join(struct.pack("<Q", number) for number in range(2**16))
    async with _serving(address) as (_, info):
        assert info.local_address == address
        assert info.local_port >= 1024
        with BOTH:
            client = TCPSocket(address, info.local_port)
        serving = asyncio.create_task(_serve(info, 1))
        async with client as client_info:
            writer = client_info.writable.get_writer()
            writer.write(data)
            closing = writer.close()
            received = b"".join([bytes(chunk) async for chunk in client_info.readable])
            await closing
        await serving
        assert received == data


async def test_both_ends_know_each_other() -> None:
    async with _serving() as (_, info):
        with _client(info.local_port) as client, info.readable.get_reader() as reader:
            accepted = (await reader.read()).value
            async with accepted as accepted_info:
                local, remote = client.sock.getsockname(), client.sock.getpeername()
                assert (accepted_info.remote_address, accepted_info.remote_port) == local
                assert (accepted_info.local_address, accepted_info.local_port) == remote
                assert remote == ("127.0.0.1", info.local_port)


async def test_a_port_that_is_given_is_used() -> None:
    port = next(port for port in iter(refusing_port, None) if port >= LOWEST_LOCAL_PORT)
    async with _serving(local_port=port) as (_, info):
        assert info.local_port == port


async def test_a_port_that_is_taken_is_a_network_error() -> None:
    async with _serving() as (_, info):
        if info.local_port < LOWEST_LOCAL_PORT:
            pytest.skip("the system's own ports begin lower")
        with ONE:
            other = TCPServerSocket("127.0.0.1", local_port=info.local_port)
        with pytest.raises(NetworkError, match="in use") as caught:
            await other.opened
        assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_that_is_not_ours_is_a_network_error(address: str) -> None:
    with ONE:
        socket = TCPServerSocket(address)
    with pytest.raises(NetworkError, match="not available") as caught:
        await socket.opened
    assert reason_of(socket.closed) is caught.value


async def test_a_port_can_be_had_again_right_after_the_server_has_closed_first() -> None:
    async with _serving() as (_, info):
        with _client(info.local_port) as client, info.readable.get_reader() as reader:
            async with (await reader.read()).value:  # the server's side closes first, and lingers
                pass
            assert await client.receive_all() == b""
        port = info.local_port
    if port < LOWEST_LOCAL_PORT:
        pytest.skip("the system's own ports begin lower")
    async with _serving(local_port=port) as (_, info):
        assert info.local_port == port


@pytest.mark.parametrize(("ipv6_only", "reachable"), [(True, False), (False, True)])
async def test_ipv6_only_decides_whether_ipv4_connections_come_in(ipv6_only: bool, reachable: bool) -> None:
    async with _serving("::", ipv6_only=ipv6_only) as (_, info):
        assert info.local_address == "::"
        with _client(info.local_port, "::1"), info.readable.get_reader() as reader:
            async with (await reader.read()).value as accepted:
                assert accepted.remote_address == "::1"
            if not reachable:
                with pytest.raises(ConnectionRefusedError):
                    _connected(info.local_port)
                return
            with _client(info.local_port) as client:
                async with (await reader.read()).value as accepted:
                    assert accepted.remote_address == "::ffff:127.0.0.1"
                    assert accepted.local_address == "::ffff:127.0.0.1"
                    assert accepted.remote_port == client.sock.getsockname()[1]


async def test_without_ipv6_only_the_system_decides() -> None:
    with system_socket.socket(system_socket.AF_INET6) as plain:
        expected = plain.getsockopt(system_socket.IPPROTO_IPV6, system_socket.IPV6_V6ONLY)
    async with _serving("::") as (socket, _):
        sock: system_socket.socket = socket._server._sock  # type: ignore[union-attr]
        assert sock.getsockopt(system_socket.IPPROTO_IPV6, system_socket.IPV6_V6ONLY) == expected


def _waiting_in_the_system(socket: TCPServerSocket) -> int:
    """How many connections nobody has accepted yet: tcpi_unacked of a socket that listens."""
    sock: system_socket.socket = socket._server._sock  # type: ignore[union-attr]
    tcp_info = sock.getsockopt(system_socket.IPPROTO_TCP, system_socket.TCP_INFO, 28)
    return int(struct.unpack_from("I", tcp_info, 24)[0])


@pytest.mark.skipif(not LINUX, reason="how the system tells of its queue")
async def test_what_is_not_read_waits_in_the_systems_queue() -> None:
    async with _serving() as (socket, info):
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(_client(info.local_port))
            await _until(lambda: _waiting_in_the_system(socket) < 5)
            await settle(100)
            assert _waiting_in_the_system(socket) == 4
            reader = info.readable.get_reader()
            for left in (3, 2, 1):
                async with (await reader.read()).value:
                    await settle()
                    assert _waiting_in_the_system(socket) == left


@pytest.mark.skipif(not LINUX, reason="how the system tells of its queue")
async def test_the_backlog_reaches_the_system() -> None:
    async with _serving(backlog=3) as (socket, _):
        sock: system_socket.socket = socket._server._sock  # type: ignore[union-attr]
        tcp_info = sock.getsockopt(system_socket.IPPROTO_TCP, system_socket.TCP_INFO, 32)
        assert struct.unpack_from("I", tcp_info, 28) == (3,)  # tcpi_sacked


async def test_closing_refuses_those_who_wait() -> None:
    async with _serving() as (socket, info):
        with _client(info.local_port) as queued, _client(info.local_port) as waiting:
            await settle()
            await socket.close()
            for gone in (queued, waiting):
                with contextlib.suppress(ConnectionResetError):
                    assert await gone.receive() == b""
        with pytest.raises(ConnectionRefusedError):
            _connected(info.local_port)


async def test_accepted_sockets_talk_on_after_the_server_is_closed() -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with _serving() as (_, info):
            client = stack.enter_context(_client(info.local_port))
            with info.readable.get_reader() as reader:
                mine = (await reader.read()).value
        mine_info = await stack.enter_async_context(mine)
        await client.send(b"question")
        with mine_info.readable.get_reader() as reader:
            assert bytes((await reader.read()).value) == b"question"
        await mine_info.writable.get_writer().write(b"answer")
        assert await client.receive_exactly(6) == b"answer"


async def test_a_connection_that_was_reset_while_it_waited_is_still_told_of() -> None:
    async with _serving() as (_, info):
        with _client(info.local_port) as blocker:
            await settle()
            doomed = Peer(_connected(info.local_port))
            port = doomed.sock.getsockname()[1]
            await doomed.send(b"last words")
            doomed.reset()
            with _client(info.local_port) as after, info.readable.get_reader() as reader:
                expected = {one.sock.getsockname()[1] for one in (blocker, after)}
                found: dict[int, TCPSocket] = {}
                while not expected <= set(found):
                    accepted = (await reader.read()).value
                    found[await remote_port_of(accepted)] = accepted
                assert set(found) - expected <= {port}  # Linux gives it, others do not
                for accepted in found.values():
                    async with accepted:
                        pass


async def test_many_clients_at_once() -> None:
    async with _serving() as (_, info):

        async def talk(number: int) -> None:
            async with TCPSocket("127.0.0.1", info.local_port) as client:
                writer = client.writable.get_writer()
                data = number.to_bytes(2, "big") * 5000
                writer.write(data)
                closing = writer.close()
                assert b"".join([bytes(chunk) async for chunk in client.readable]) == data
                await closing

        with BOTH:
            async with asyncio.TaskGroup() as group:
                group.create_task(_serve(info, 100))
                for number in range(100):
                    group.create_task(talk(number))


@pytest.mark.timeout(60)
async def test_a_thousand_connections_are_open_at_once() -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(1000, (limit - 200) // 2)
    async with _serving(backlog=4096) as (_, info):
        with contextlib.ExitStack() as clients:
            sockets: dict[int, TCPSocket] = {}
            peers: list[Peer] = []
            with info.readable.get_reader() as reader:
                for _ in range(count):
                    peers.append(clients.enter_context(_client(info.local_port)))
                    accepted = (await reader.read()).value
                    sockets[await remote_port_of(accepted)] = accepted
            assert len(sockets) == count
            for number, peer in enumerate(peers):
                await peer.send(number.to_bytes(2, "big"))
            for number, peer in enumerate(peers):
                accepted_info = await sockets[peer.sock.getsockname()[1]].opened
                with accepted_info.readable.get_reader() as reader:
                    assert int.from_bytes((await reader.read()).value, "big") == number
            await asyncio.gather(*(_leave(one) for one in sockets.values()))


async def _leave(socket: TCPSocket) -> None:
    await socket.close()


@pytest.mark.timeout(60)
async def test_a_thousand_connections_one_after_the_other() -> None:
    async with _serving() as (_, info):
        with info.readable.get_reader() as reader:
            for _ in range(1000):
                with _client(info.local_port):
                    async with (await reader.read()).value:
                        pass


@contextlib.contextmanager
def _no_descriptors() -> Iterator[None]:
    """Let the process open no more of them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null", "rb") as lowest:  # noqa: PTH123 - the number is what counts
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(not LINUX, reason="a limit below what is open already")
async def test_a_server_without_descriptors_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[float] = []
    five = asyncio.Event()
    accept = AsyncioTCPServer._accept

    def counted(server: AsyncioTCPServer, limit: int) -> Any:
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) == 5:
            five.set()
        return accept(server, limit)

    monkeypatch.setattr(AsyncioTCPServer, "_accept", counted)
    async with _serving() as (socket, info):
        with _client(info.local_port) as first, _client(info.local_port) as second:
            reader = info.readable.get_reader()
            async with (await reader.read()).value as one:
                assert one.remote_port == first.sock.getsockname()[1]
                async with (await reader.read()).value as two:
                    assert two.remote_port == second.sock.getsockname()[1]
                    with _client(info.local_port) as third:
                        await settle()  # it is queued
                        with _client(info.local_port) as fourth:
                            with _no_descriptors():
                                attempts.clear()
                                reads = [reader.read(), reader.read()]
                                five.clear()
                                await five.wait()
                                # It neither ends nor spins, though there is something to accept all the time:
                                # each time it has waited twice as long as before.
                                pauses = [later - sooner for sooner, later in itertools.pairwise(attempts)][-4:]
                                expected = [FIRST_DELAY * 2**number for number in range(4)]
                                assert all(pause > 0.9 * wait for pause, wait in zip(pauses, expected, strict=True))
                                assert outcome(reads[1]) == PENDING
                                assert outcome(socket.closed) == PENDING
                            async with (await reads[0]).value as three, (await reads[1]).value as four:
                                assert three.remote_port == third.sock.getsockname()[1]
                                assert four.remote_port == fourth.sock.getsockname()[1]


async def test_a_server_that_is_closed_is_garbage() -> None:
    async with _serving() as (socket, info):
        with _client(info.local_port), info.readable.get_reader() as reader:
            async with (await reader.read()).value as accepted:
                pass
        remains = [weakref.ref(socket), weakref.ref(info.readable), weakref.ref(accepted.readable)]
    del socket, info, accepted, reader
    await settle()
    gc.collect()
    assert [one() for one in remains] == [None] * 3


async def test_accepted_sockets_can_be_piped() -> None:
    async with _serving() as (socket, info):
        ports: list[int] = []
        done = Promise[Any].with_resolvers()

        async def write(accepted: TCPSocket) -> None:
            async with accepted as one:
                ports.append(one.remote_port)
            if len(ports) == 3:
                done.resolve(None)

        piped = info.readable.pipe_to(WritableStream({"write": write}))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(_client(info.local_port)) for _ in range(3)]
            await done.promise
            assert ports == [one.sock.getsockname()[1] for one in clients]
    await piped
    await socket.closed


async def test_the_handmade_server_is_like_the_real_one() -> None:
    """What the tests above rely on holds on loopback too."""
    traces = []
    async with _serving() as (socket, info):
        traces.append(await _conversation(socket, info, None))
    socket, info, server = await handmade_server()
    traces.append(await _conversation(socket, info, server))
    assert traces[0] == traces[1]


async def _conversation(
    socket: TCPServerSocket, info: TCPServerSocketOpenInfo, server: HandmadeServer | None
) -> list[tuple[object, ...]]:
    trace = EventTrace()
    trace.watch("closed", socket.closed)
    reader = info.readable.get_reader()
    trace.watch("reader closed", reader.closed)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            if server is None:
                stack.enter_context(_client(info.local_port))
            else:
                server.come(*handmade_connections(1))
            value, done = await reader.read()
            trace.log("read", type(value), outcome(value.opened)[0], done)
            await value.close()
        read = reader.read()
        await settle()
        trace.log("third", outcome(read))
        reader.cancel()
        trace.log("third", (await read).done)
        await socket.closed
    return trace.events
