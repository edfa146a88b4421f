"""§4.2 The readable side of TCPServerSocket, with an operating system whose answers are given by hand."""

from __future__ import annotations

import errno

import pytest

from direct_sockets import PermissionsPolicy, TCPSocket, _tcp_server_socket
from direct_sockets._operating_system import Endpoint
from direct_sockets._tcp_server_socket import READABLE_HIGH_WATER_MARK
from tests.support import settle
from tests.support.operating_system import (
    FIN,
    HandmadeConnection,
    HandmadeSystem,
    handmade_server,
)
from tests.support.recording import outcome
from tests.support.sockets import EBADF, handmade_connections, remote_port_of
from whatwg_streams import (
    NetworkError,
)


async def test_one_connection_is_accepted_ahead_and_no_more() -> None:
    assert READABLE_HIGH_WATER_MARK == 1
    socket, info, server = await handmade_server()
    await settle()
    assert server.take() == [("accept", 1)]
    server.come(*handmade_connections(3))
    await settle()
    assert server.take() == []
    with info.readable.get_reader() as reader:
        for number in range(3):
            accepted = (await reader.read()).value
            assert accepted is not None
            assert await remote_port_of(accepted) == 50000 + number
            await settle()
            assert server.take() == [("accept", 1)]
            await accepted.close()
    await socket.close()


async def test_readers_that_wait_get_one_connection_each_and_one_accept_is_under_way() -> None:
    socket, info, server = await handmade_server()
    reader = info.readable.get_reader()
    reads = [reader.read() for _ in range(3)]
    await settle()
    assert server.take() == [("accept", 1)]
    server.come(*handmade_connections(3))
    sockets = [(await read).value for read in reads]
    assert [await remote_port_of(one) for one in sockets] == [50000, 50001, 50002]
    await settle()
    assert server.take() == [("accept", 1)] * 3
    reader.release_lock()
    await socket.close()
    for one in sockets:
        await one.close()


async def test_a_system_that_has_several_is_asked_for_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tcp_server_socket, "READABLE_HIGH_WATER_MARK", 4)
    socket, info, server = await handmade_server()
    await settle()
    connections = handmade_connections(7)
    server.come(*connections[:3])
    await settle()
    server.come(*connections[3:])
    await settle()
    assert server.take() == [("accept", 4), ("accept", 1)]
    with info.readable.get_reader() as reader:
        ports = []
        for _ in range(7):
            accepted = (await reader.read()).value
            assert accepted is not None
            ports.append(await remote_port_of(accepted))
            await accepted.close()
    assert ports == list(range(50000, 50007))
    await socket.close()


async def test_an_accepted_socket_is_open_when_it_is_read() -> None:
    socket, info, server = await handmade_server()
    [connection] = handmade_connections(1)
    server.come(connection)
    with info.readable.get_reader() as reader:
        accepted = (await reader.read()).value
    assert type(accepted) is TCPSocket
    state, open_info = outcome(accepted.opened)
    assert state == "fulfilled"
    assert open_info is await accepted.opened
    assert repr(accepted) == "<TCPSocket open, 8.8.8.8 port 50000>"
    info_ = await accepted.opened
    assert (info_.remote_address, info_.remote_port) == ("8.8.8.8", 50000)
    assert (info_.local_address, info_.local_port) == ("9.9.9.9", 40000)
    connection.feed(b"question", FIN)
    async for chunk in info_.readable:
        await info_.writable.get_writer().write(bytes(chunk)[::-1])
    assert connection.written == b"noitseuq"
    async with accepted as again:
        assert again is info_
    await accepted.closed
    await socket.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.1", "::1", "fe80::1"])
async def test_connections_from_the_private_network_need_no_grant(address: str) -> None:
    socket, info, server = await handmade_server()  # which is granted no private network
    server.come(HandmadeConnection(Endpoint(address, 50000)))
    with PermissionsPolicy(""), info.readable.get_reader() as reader:
        accepted = (await reader.read()).value
        assert accepted is not None
        assert (await accepted.opened).remote_address == address
    await accepted.close()
    await socket.close()


async def test_an_error_errors_the_stream_closes_the_server_and_rejects_closed() -> None:
    socket, info, server = await handmade_server()
    reader = info.readable.get_reader()
    read = reader.read()
    await settle()
    server.come(EBADF)
    with pytest.raises(NetworkError, match="accepting connections") as caught:
        await read
    assert caught.value.errno == errno.EBADF
    assert caught.value.__cause__ is EBADF
    with pytest.raises(NetworkError) as of_closed:
        await socket.closed
    assert of_closed.value is caught.value
    assert server.done("close") == 1
    with pytest.raises(NetworkError):  # though the stream is locked: it is closed already
        await socket.close()
    reader.release_lock()
    with pytest.raises(NetworkError):
        await info.readable.cancel()
    assert server.done("close") == 1


async def test_an_error_that_comes_at_once_is_the_same() -> None:
    system = HandmadeSystem()
    system.server.come(EBADF)
    socket, _, server = await handmade_server(system)
    with pytest.raises(NetworkError):
        await socket.closed
    assert [call[0] for call in server.take()] == ["accept", "close"]
    assert repr(socket) == "<TCPServerSocket closed, 9.9.9.9 port 40000>"


async def test_an_error_closes_the_sockets_that_are_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tcp_server_socket, "READABLE_HIGH_WATER_MARK", 4)
    socket, info, server = await handmade_server()
    await settle()
    connections = handmade_connections(3)
    server.come(*connections)
    await settle()
    with info.readable.get_reader() as reader:
        mine = (await reader.read()).value
    assert mine is not None
    server.come(EBADF)
    with pytest.raises(NetworkError):
        await socket.closed
    await settle()
    assert [one.done("close") for one in connections] == [0, 1, 1]
    await mine.close()


async def test_a_server_that_the_system_closes_ends_the_stream() -> None:
    socket, info, server = await handmade_server()
    server.come(*handmade_connections(1), None)
    accepted = [one async for one in info.readable]
    assert len(accepted) == 1
    await socket.closed
    assert server.done("close") == 1
    await socket.close()
    await accepted[0].close()


async def test_a_system_that_closes_with_sockets_queued_leaves_them_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tcp_server_socket, "READABLE_HIGH_WATER_MARK", 4)
    for leave_it in (False, True):
        socket, info, server = await handmade_server()
        await settle()
        connections = handmade_connections(2)
        server.come(*connections)
        await settle()
        server.come(None)
        await socket.closed
        assert [one.done("close") for one in connections] == [0, 0]
        if leave_it:
            async with socket:
                pass
            await settle()
        else:
            async for one in info.readable:
                await one.close()
        assert [one.done("close") for one in connections] == [1, 1]
        assert server.done("close") == 1
