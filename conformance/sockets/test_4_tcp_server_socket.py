"""§4 TCPServerSocket: https://wicg.github.io/direct-sockets/#tcpserversocket-interface"""

from __future__ import annotations

from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket
from tests.support import settle
from tests.support.operating_system import ONE, HandmadeSystem, handmade_server
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from tests.support.sockets import EBADF, REFUSED, handmade_connections
from whatwg_streams import InvalidStateError, NetworkError, NotAllowedError, ReadableStream

# §4.1 The constructor -----------------------------------------------------------------------------


def test_without_the_feature_nothing_is_constructed() -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError):
        TCPServerSocket("::")
    assert system.calls == []


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("example.com", {}),
        ("", {}),
        ("256.0.0.1", {}),
        ("::", {"local_port": 0}),
        ("::", {"local_port": 65536}),
        ("::", {"backlog": 0}),
        ("::", {"backlog": -1}),
        ("::1", {"ipv6_only": True}),
        ("0.0.0.0", {"ipv6_only": True}),
    ],
)
def test_arguments_that_are_a_type_error(address: str, options: dict[str, Any]) -> None:
    system = HandmadeSystem()
    with system.installed(ONE), pytest.raises(TypeError):
        TCPServerSocket(address, **options)
    assert system.calls == []


@pytest.mark.parametrize(("port", "allowed"), [(1, False), (32677, False), (32678, True), (65535, True)])
async def test_ports_below_32678_are_refused(port: int, allowed: bool) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPServerSocket("::", local_port=port)
    await settle()
    if allowed:
        await socket.close()
    else:
        assert isinstance(reason_of(socket.opened), NotAllowedError)
        assert isinstance(reason_of(socket.closed), NotAllowedError)
    assert system.done("open_server") == allowed


async def test_what_fails_rejects_both_promises_with_a_network_error() -> None:
    system = HandmadeSystem()
    system.failures["open_server"] = REFUSED
    with system.installed():
        socket = TCPServerSocket("::")
    await settle()
    assert isinstance(reason_of(socket.opened), NetworkError)
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_the_open_info_has_the_stream_and_what_the_system_says() -> None:
    socket, info, _ = await handmade_server()
    assert type(info.readable) is ReadableStream
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    with pytest.raises(TypeError):
        info.readable.get_reader(mode="byob")
    await socket.close()


# §4.2 [[readable]] --------------------------------------------------------------------------------


async def test_each_connection_is_a_socket_that_is_open() -> None:
    socket, info, server = await handmade_server()
    connections = handmade_connections(2)
    server.come(*connections)
    with info.readable.get_reader() as reader:
        for number in range(2):
            accepted = (await reader.read()).value
            assert type(accepted) is TCPSocket
            opened = await accepted.opened
            assert (opened.remote_address, opened.remote_port) == ("8.8.8.8", 50000 + number)
            await accepted.close()
    await socket.close()


async def test_no_more_connections_are_accepted_than_there_is_room_for() -> None:
    socket, info, server = await handmade_server()
    await settle()
    assert [call for call in server.calls if call[0] == "accept"] == [("accept", 1)]
    [first, second] = handmade_connections(2)
    server.come(first)
    await settle()
    assert server.done("accept") == 1  # it is queued, and nobody has read it
    with info.readable.get_reader() as reader:
        accepted = (await reader.read()).value
        await settle()
        assert server.done("accept") == 2
        server.come(second)
        await (await reader.read()).value.close()
        await accepted.close()
    await socket.close()


async def test_the_end_closes_the_stream_and_the_socket() -> None:
    socket, info, server = await handmade_server()
    server.come(None)
    with info.readable.get_reader() as reader:
        assert (await reader.read()).done
    await settle()
    assert outcome(socket.closed) == FULFILLED
    assert server.done("close") == 1


async def test_an_error_errors_the_stream_and_rejects_closed() -> None:
    socket, info, server = await handmade_server()
    server.come(EBADF)
    with info.readable.get_reader() as reader:
        read = reader.read()
        await settle()
        assert isinstance(reason_of(read), NetworkError)
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)
    assert server.done("close") == 1


async def test_cancelling_closes_the_socket() -> None:
    socket, info, server = await handmade_server()
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == FULFILLED
    assert server.done("close") == 1


# §4.4, §4.5 closed and close() --------------------------------------------------------------------


async def test_close_cancels_the_stream_and_waits_for_the_system() -> None:
    socket, info, server = await handmade_server()
    server.hold("close")
    promise = socket.close()
    assert promise is socket.closed
    await settle()
    assert outcome(promise) == PENDING
    server.answer("close")
    await promise
    assert (await info.readable.get_reader().read()).done
    assert socket.close() is socket.closed


async def test_close_in_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.hold("open_server")
    with system.installed():
        socket = TCPServerSocket("::")
    await settle()
    assert isinstance(reason_of(socket.close()), InvalidStateError)
    system.answer("open_server", system.server)
    info = await socket.opened
    with info.readable.get_reader():
        assert isinstance(reason_of(socket.close()), InvalidStateError)
    await socket.close()
    system = HandmadeSystem()
    system.failures["open_server"] = REFUSED
    with system.installed():
        socket = TCPServerSocket("::")
    await settle()
    outcome(socket.opened)
    assert isinstance(reason_of(socket.close()), InvalidStateError)


async def test_sockets_that_nobody_read_are_closed_with_the_server() -> None:
    socket, _, server = await handmade_server()
    [waiting] = handmade_connections(1)
    server.come(waiting)
    await settle()
    await socket.close()
    await settle()
    assert waiting.done("close") == 1
