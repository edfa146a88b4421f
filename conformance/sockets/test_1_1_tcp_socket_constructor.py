"""§1.1 TCPSocket, constructor() and §1.4 opened: https://wicg.github.io/direct-sockets/#tcpsocket-interface"""

from __future__ import annotations

from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPSocket
from tests.support import settle
from tests.support.operating_system import BOTH, ONE, HandmadeSystem
from tests.support.recording import PENDING, outcome, reason_of
from tests.support.sockets import REFUSED
from whatwg_streams import NetworkError, NotAllowedError, ReadableStream, WritableStream


def test_without_the_feature_nothing_is_constructed() -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError):
        TCPSocket("example.com", 80)
    assert system.calls == []


@pytest.mark.parametrize(
    "options",
    [
        {"keep_alive_delay": 0},
        {"keep_alive_delay": 999},
        {"send_buffer_size": 0},
        {"receive_buffer_size": 0},
        {"send_buffer_size": -1},
        {"receive_buffer_size": 2**32},
        {"keep_alive_delay": 2**32},
        {"dns_query_type": "both"},
    ],
    ids=repr,
)
def test_options_that_are_a_type_error(options: dict[str, Any]) -> None:
    system = HandmadeSystem()
    with system.installed(), pytest.raises(TypeError):
        TCPSocket("example.com", 80, **options)
    assert system.calls == []


async def test_options_at_their_limits_reach_the_system() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket(
            "example.com",
            80,
            keep_alive_delay=1000,
            send_buffer_size=1,
            receive_buffer_size=2**32 - 1,
            no_delay=True,
            dns_query_type="ipv4",
        )
    await socket.opened
    [resolve, opening] = system.calls
    assert resolve == ("resolve", "example.com", "ipv4")
    assert opening[:3] == ("open", ("8.8.8.8",), 80)
    await socket.close()


async def test_both_promises_are_pending_while_it_opens() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    assert socket.opened is socket.opened
    assert socket.closed is socket.closed
    await settle()
    assert [outcome(one) for one in (socket.opened, socket.closed)] == [PENDING] * 2
    system.answer("open", system.connection)
    await socket.opened
    assert outcome(socket.closed) == PENDING
    await socket.close()


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "::1", "fd00::1", "fe80::1"])
async def test_a_private_address_is_refused_without_its_feature(address: str) -> None:
    system = HandmadeSystem(address)
    with system.installed(ONE):
        socket = TCPSocket("example.com", 80)
    await settle()
    assert isinstance(reason_of(socket.opened), NotAllowedError)
    assert isinstance(reason_of(socket.closed), NotAllowedError)
    assert system.done("open") == 0


async def test_a_private_address_is_connected_to_with_its_feature() -> None:
    system = HandmadeSystem("10.0.0.1")
    with system.installed(BOTH):
        socket = TCPSocket("example.com", 80)
    await socket.opened
    await socket.close()


@pytest.mark.parametrize("call", ["resolve", "open"])
async def test_what_fails_rejects_both_promises_with_a_network_error(call: Any) -> None:
    system = HandmadeSystem()
    system.failures[call] = REFUSED
    with system.installed():
        socket = TCPSocket("example.com", 80)
    await settle()
    reasons = [reason_of(socket.opened), reason_of(socket.closed)]
    assert all(isinstance(reason, NetworkError) for reason in reasons)


async def test_the_open_info_has_the_streams_and_what_the_system_says() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    info = await socket.opened
    assert type(info.readable) is ReadableStream
    assert type(info.writable) is WritableStream
    assert (info.remote_address, info.remote_port) == ("8.8.8.8", 80)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    with info.readable.get_reader(mode="byob"):  # it is a byte stream
        pass
    await socket.close()


def test_the_attributes_are_read_only() -> None:
    assert isinstance(TCPSocket.opened, property)
    assert TCPSocket.opened.fset is None
    assert isinstance(TCPSocket.closed, property)
    assert TCPSocket.closed.fset is None
