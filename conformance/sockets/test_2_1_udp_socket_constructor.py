"""§2.1 UDPSocket, constructor() and §2.4 opened: https://wicg.github.io/direct-sockets/#udpsocket-interface"""

from __future__ import annotations

from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, UDPSocket
from tests.support import settle
from tests.support.operating_system import ALL, BOTH, ONE, HandmadeSystem
from tests.support.recording import reason_of
from tests.support.sockets import BOUND, CONNECTED, REFUSED
from whatwg_streams import NetworkError, NotAllowedError, ReadableStream, WritableStream

MODES = pytest.mark.parametrize("options", [CONNECTED, BOUND], ids=["connected", "bound"])


@MODES
def test_without_the_feature_nothing_is_constructed(options: dict[str, Any]) -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError):
        UDPSocket(**options)
    assert system.calls == []


@MODES
@pytest.mark.parametrize("option", ["multicast_time_to_live", "multicast_loopback", "multicast_allow_address_sharing"])
def test_without_the_multicast_feature_none_of_its_options_is_allowed(options: dict[str, Any], option: str) -> None:
    with HandmadeSystem().installed(BOTH), pytest.raises(NotAllowedError):
        UDPSocket(**(options | {option: 0}))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"remote_address": "8.8.8.8"},
        {"remote_port": 53},
        {"local_port": 53000},
        {"local_address": "::", "local_port": 0},
        CONNECTED | {"local_address": "::"},
        CONNECTED | {"local_port": 53000},
        CONNECTED | {"ipv6_only": True},
        {"local_address": "example.com"},
        {"local_address": "256.0.0.1"},
        {"local_address": "::", "dns_query_type": "ipv6"},
        {"local_address": "0.0.0.0", "ipv6_only": True},
        {"local_address": "::1", "ipv6_only": False},
        CONNECTED | {"send_buffer_size": 0},
        BOUND | {"receive_buffer_size": 0},
        CONNECTED | {"remote_port": 65536},
        BOUND | {"local_port": -1},
        BOUND | {"multicast_time_to_live": 256},
    ],
    ids=repr,
)
def test_options_that_are_a_type_error(options: dict[str, Any]) -> None:
    system = HandmadeSystem()
    with system.installed(ALL), pytest.raises(TypeError):
        UDPSocket(**options)
    assert system.calls == []


async def test_connected_mode_resolves_and_opens() -> None:
    system = HandmadeSystem()
    with system.installed(ONE):
        socket = UDPSocket(**CONNECTED, dns_query_type="ipv4")
    info = await socket.opened
    assert system.calls[0] == ("resolve", "example.com", "ipv4")
    assert system.calls[1][:4] == ("open", "connected", ("8.8.8.8",), 53)
    assert type(info.readable) is ReadableStream
    assert type(info.writable) is WritableStream
    assert (info.remote_address, info.remote_port) == ("8.8.8.8", 53)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert info.multicast_controller is None
    await socket.close()


async def test_bound_mode_opens_at_the_local_address() -> None:
    system = HandmadeSystem()
    with system.installed(BOTH):
        socket = UDPSocket(local_address="::", local_port=50000, ipv6_only=True)
    info = await socket.opened
    assert system.calls[-1][:4] == ("open", "bound", ("::",), 50000)
    assert (info.remote_address, info.remote_port) == (None, None)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert info.multicast_controller is None
    await socket.close()


async def test_the_multicast_controller_is_there_in_bound_mode_with_the_feature() -> None:
    for options, there in ((BOUND, True), (CONNECTED, False)):
        with HandmadeSystem().installed(ALL):
            socket = UDPSocket(**options)
        info = await socket.opened
        assert (info.multicast_controller is not None) is there
        await socket.close()


@pytest.mark.parametrize(
    ("options", "addresses"),
    [(CONNECTED, ("10.0.0.1",)), (CONNECTED, ("8.8.8.8", "::1")), (BOUND, ()), (BOUND | {"local_port": 40000}, ())],
    ids=repr,
)
async def test_without_the_private_feature_both_promises_reject(options: Any, addresses: Any) -> None:
    system = HandmadeSystem(*addresses)
    with system.installed(ONE):
        socket = UDPSocket(**options)
    await settle()
    assert isinstance(reason_of(socket.opened), NotAllowedError)
    assert isinstance(reason_of(socket.closed), NotAllowedError)
    assert system.done("open") == 0


@pytest.mark.parametrize(("port", "allowed"), [(1, False), (1023, False), (1024, True)])
async def test_ports_of_the_system_are_refused_in_bound_mode(port: int, allowed: bool) -> None:
    with HandmadeSystem().installed(ALL):
        socket = UDPSocket(**BOUND, local_port=port)
    await settle()
    if allowed:
        await socket.close()
    else:
        assert isinstance(reason_of(socket.opened), NotAllowedError)
        assert isinstance(reason_of(socket.closed), NotAllowedError)


@MODES
async def test_what_fails_rejects_both_promises_with_a_network_error(options: dict[str, Any]) -> None:
    system = HandmadeSystem()
    system.failures["open"] = REFUSED
    with system.installed(ALL):
        socket = UDPSocket(**options)
    await settle()
    assert isinstance(reason_of(socket.opened), NetworkError)
    assert isinstance(reason_of(socket.closed), NetworkError)
