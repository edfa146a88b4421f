"""§2.1 The constructor of UDPSocket, and opening."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import math
import re
from typing import Any

import pytest

from direct_sockets import (
    MulticastController,
    PermissionsPolicy,
    UDPMessage,
    UDPSocket,
    UDPSocketOpenInfo,
)
from direct_sockets._operating_system import UDPSocketParameters
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    ALL,
    BOTH,
    ONE,
    HandmadeSystem,
    handmade_udp_socket,
)
from tests.support.recording import reason_of
from tests.support.sockets import BOUND, CONNECTED, UNREACHABLE
from whatwg_streams import (
    InvalidStateError,
    NetworkError,
    NotAllowedError,
    ReadableStream,
    WritableStream,
)

WITHOUT_MULTICAST = BOTH


# The constructor: conversions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dns_query_type": "ipv5"}, "dns_query_type"),
        ({"local_address": 1}, "local_address"),
        ({"local_address": b"::"}, "local_address"),
        ({"local_port": 65536}, "local_port"),
        ({"local_port": -1}, "local_port"),
        ({"multicast_time_to_live": 256}, "multicast_time_to_live"),
        ({"multicast_time_to_live": math.nan}, "multicast_time_to_live"),
        ({"receive_buffer_size": 2**32}, "receive_buffer_size"),
        ({"remote_address": ["example.com"]}, "remote_address"),
        ({"remote_port": 65536}, "remote_port"),
        ({"remote_port": object()}, "remote_port"),
        ({"send_buffer_size": "much"}, "send_buffer_size"),
        ({"remote_port": -1, "local_port": -1}, "local_port"),
    ],
    ids=repr,
)
def test_conversions_come_before_the_policy(options: Any, message: str) -> None:  # E23 E30
    with pytest.raises(TypeError, match=message):  # nothing is granted
        UDPSocket(**options)


def test_options_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        UDPSocket("example.com", 53)  # type: ignore[call-arg]


# The constructor: the policy -----------------------------------------------------------------------------


def test_without_a_grant_nothing_is_opened() -> None:  # E25
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError, match="direct-sockets") as caught:
        UDPSocket()  # the policy comes before the checks of the text
    assert isinstance(caught.value, PermissionError)
    assert system.calls == []


@pytest.mark.parametrize(
    "option",
    [
        {"multicast_time_to_live": 1},
        {"multicast_time_to_live": 0},
        {"multicast_loopback": True},
        {"multicast_loopback": False},
        {"multicast_allow_address_sharing": False},
    ],
    ids=repr,
)
@pytest.mark.parametrize("mode", [CONNECTED, BOUND, {}], ids=["connected", "bound", "neither"])
def test_the_options_of_multicast_need_their_feature(option: Any, mode: Any) -> None:
    system = HandmadeSystem()
    with system.installed(WITHOUT_MULTICAST), pytest.raises(NotAllowedError, match=next(iter(option))) as caught:
        UDPSocket(**mode, **option)
    assert "direct-sockets-multicast" in str(caught.value)
    assert system.calls == []


# The constructor: the checks of the text, in their order -------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        # 3.
        ({"remote_address": "example.com"}, "one of them is missing"),
        ({"remote_port": 53}, "one of them is missing"),
        ({"remote_port": 0, "local_port": 0}, "one of them is missing"),
        # 5.
        ({"local_port": 0}, "0 is no port"),
        ({"local_port": 0, "local_address": "nonsense"}, "0 is no port"),
        ({"local_port": 0.5, "local_address": "::"}, "0 is no port"),
        ({"local_port": 5353}, "local_address is missing"),
        ({**CONNECTED, "local_port": 5353}, "local_address is missing"),
        # 6.
        ({**CONNECTED, "local_address": "nonsense"}, "either connected or bound"),
        ({"local_address": "nonsense", "dns_query_type": "ipv4"}, "not a valid IP address"),
        ({"local_address": "localhost"}, "not a valid IP address"),
        ({"local_address": "127.1"}, "not a valid IP address"),
        ({"local_address": "[::]"}, "not a valid IP address"),
        ({"local_address": "fe80::1%1"}, "not a valid IP address"),
        ({"local_address": ""}, "not a valid IP address"),
        # 7.
        ({}, "is needed"),
        ({"dns_query_type": "ipv4", "ipv6_only": True, "send_buffer_size": 0}, "is needed"),
        # 8.
        ({**BOUND, "dns_query_type": "ipv4", "ipv6_only": True}, "dns_query_type"),
        # 9.
        ({**CONNECTED, "ipv6_only": False, "send_buffer_size": 0}, "ipv6_only: not in connected mode"),
        ({**BOUND, "ipv6_only": True, "send_buffer_size": 0}, "ipv6_only: local_address"),
        ({"local_address": "::1", "ipv6_only": True}, "ipv6_only: local_address"),
        ({"local_address": "::ffff:0.0.0.0", "ipv6_only": False}, "ipv6_only: local_address"),
        ({"local_address": "0.0.0.0", "ipv6_only": False}, "ipv6_only: local_address"),
        # 10. and 11.
        ({**CONNECTED, "send_buffer_size": 0.9, "receive_buffer_size": 0}, "send_buffer_size"),
        ({**BOUND, "receive_buffer_size": 0}, "receive_buffer_size"),
    ],
    ids=repr,
)
async def test_the_checks_of_the_text_in_their_order(options: Any, message: str) -> None:  # E28
    system = HandmadeSystem()
    with system.installed(ONE), pytest.raises(TypeError, match=message):
        UDPSocket(**options)
    await settle()
    assert system.calls == []


# What the system is asked for ----------------------------------------------------------------------------


async def test_in_connected_mode_the_system_is_asked_for_what_was_converted() -> None:  # E33
    system = HandmadeSystem("8.8.8.8", "2001:4860:4860::8888")
    with system.installed(ALL):
        socket = UDPSocket(
            remote_address="example.com",
            remote_port="53",  # type: ignore[arg-type]
            dns_query_type="ipv6",
            send_buffer_size=1.5,  # type: ignore[arg-type]
            receive_buffer_size=4096,
            multicast_time_to_live=255,
            multicast_loopback=0,  # type: ignore[arg-type]
            multicast_allow_address_sharing=True,
        )
    info = await socket.opened
    addresses = ("8.8.8.8", "2001:4860:4860::8888")
    assert system.calls == [
        ("resolve", "example.com", "ipv6"),
        # The sharing is ignored.
        ("open", "connected", addresses, 53, UDPSocketParameters(1, 4096, None, 255, False, False)),
    ]
    assert info.multicast_controller is None
    await socket.close()


async def test_in_bound_mode_the_system_is_asked_for_what_was_converted() -> None:  # E28
    system = HandmadeSystem()
    with system.installed(ALL):
        socket = UDPSocket(
            local_address="0:0:0:0:0:0:0:0",
            local_port=1024.9,  # type: ignore[arg-type]
            ipv6_only="yes",  # type: ignore[arg-type]
            multicast_time_to_live=0,
            multicast_allow_address_sharing=1,  # type: ignore[arg-type]
        )
    await socket.opened
    assert system.calls == [("open", "bound", ("::",), 1024, UDPSocketParameters(None, None, True, 0, None, True))]
    await socket.close()


@pytest.mark.parametrize("bound", [False, True])
async def test_without_options_the_system_is_asked_for_its_defaults(bound: bool) -> None:  # E19
    system = HandmadeSystem()
    socket, _, _ = await handmade_udp_socket(system, bound=bound)
    assert system.calls[-1][3:] == ((0 if bound else 53), UDPSocketParameters())
    await socket.close()


# Opening -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "192.168.0.1"], ["fe80::1", "2001:4860:4860::8888"], ["::ffff:10.0.0.1"], ["::"]],
    ids=repr,
)
async def test_any_private_address_refuses_and_nothing_is_opened(addresses: list[str]) -> None:  # E9 E20 E21 E22
    system = HandmadeSystem(*addresses)
    with system.installed(ONE):
        socket = UDPSocket(**CONNECTED)
    with pytest.raises(NotAllowedError, match="direct-sockets-private"):
        await socket.opened
    with pytest.raises(NotAllowedError):
        await socket.closed
    await settle()
    assert system.calls == [("resolve", "example.com", None)]
    assert repr(socket) == "<UDPSocket not opened>"


async def test_the_addresses_that_were_checked_are_those_connected_to() -> None:  # E21
    system = HandmadeSystem("8.8.8.8")
    with system.installed(ONE):
        socket = UDPSocket(**CONNECTED)
    await socket.opened
    assert [call[0] for call in system.calls] == ["resolve", "open"]
    assert system.calls[1][2] == ("8.8.8.8",)
    await socket.close()


async def test_a_grant_for_the_private_network_allows_it() -> None:
    system = HandmadeSystem("8.8.8.8", "127.0.0.1")
    with system.installed(BOTH):
        socket = UDPSocket(**CONNECTED)
    await socket.opened
    assert system.calls[1][2] == ("8.8.8.8", "127.0.0.1")
    await socket.close()


@pytest.mark.parametrize("address", ["8.8.8.8", "::", "127.0.0.1"])
async def test_bound_mode_needs_the_private_network_whatever_the_address(address: str) -> None:  # E9
    system = HandmadeSystem()
    with system.installed(ONE):
        socket = UDPSocket(local_address=address)
    with pytest.raises(NotAllowedError, match="direct-sockets-private"):
        await socket.opened
    assert isinstance(reason_of(socket.closed), NotAllowedError)
    assert system.calls == []


@pytest.mark.parametrize(("port", "allowed"), [(1, False), (1023, False), (1024, True), (65535, True)])
async def test_privileged_ports_are_not_allowed(port: int, allowed: bool) -> None:
    system = HandmadeSystem()
    with system.installed(BOTH):
        socket = UDPSocket(**BOUND, local_port=port)
    if allowed:
        await socket.opened
        await socket.close()
    else:
        with pytest.raises(NotAllowedError, match=f"port {port}: no port below 1024"):
            await socket.opened
        assert isinstance(reason_of(socket.closed), NotAllowedError)
    assert [call[0] for call in system.calls] == ["open"] * allowed


async def test_in_connected_mode_any_remote_port_is_allowed() -> None:
    system = HandmadeSystem()
    with system.installed(ONE):
        socket = UDPSocket(remote_address="example.com", remote_port=0)
    await socket.opened
    assert system.calls[1][3] == 0
    await socket.close()


async def test_the_policy_of_the_construction_counts() -> None:
    system = HandmadeSystem("127.0.0.1")
    system.hold("resolve")
    with system.installed(BOTH):
        socket = UDPSocket(**CONNECTED)
    with PermissionsPolicy(""):
        await settle()
        system.answer("resolve", system.addresses)
        await socket.opened
        await socket.close()


@pytest.mark.parametrize(
    ("call", "options", "doing"),
    [
        ("resolve", CONNECTED, "connecting to example.com port 53"),
        ("open", CONNECTED, "connecting to example.com port 53"),
        ("open", BOUND, "binding to 9.9.9.9"),
        ("open", {**BOUND, "local_port": 5353}, "binding to 9.9.9.9 port 5353"),
    ],
    ids=repr,
)
async def test_what_fails_rejects_both_promises(call: Any, options: Any, doing: str) -> None:
    system = HandmadeSystem()
    system.failures[call] = UNREACHABLE
    with system.installed(BOTH):
        socket = UDPSocket(**options)
    with pytest.raises(NetworkError, match=re.escape(doing)) as caught:
        await socket.opened
    assert caught.value.errno == errno.ENETUNREACH
    assert caught.value.__cause__ is UNREACHABLE
    assert reason_of(socket.closed) is caught.value
    assert isinstance(reason_of(socket.close()), InvalidStateError)


async def test_the_open_info_of_connected_mode() -> None:
    socket, info, _ = await handmade_udp_socket()
    assert isinstance(info, UDPSocketOpenInfo)
    assert isinstance(info.readable, ReadableStream)
    assert isinstance(info.writable, WritableStream)
    assert (info.remote_address, info.remote_port) == ("8.8.8.8", 53)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert info.multicast_controller is None
    assert socket.opened is socket.opened
    assert socket.closed is socket.closed
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.local_port = 1  # type: ignore[misc]
    assert not hasattr(info, "__dict__")
    await socket.close()


async def test_the_open_info_of_bound_mode() -> None:  # E13
    socket, info, _ = await handmade_udp_socket(bound=True)
    assert (info.remote_address, info.remote_port) == (None, None)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert isinstance(info.multicast_controller, MulticastController)
    assert info.multicast_controller.joined_groups == ()
    await socket.close()


async def test_without_its_feature_there_is_no_multicast_controller() -> None:
    system = HandmadeSystem()
    with system.installed(WITHOUT_MULTICAST):
        socket = UDPSocket(**BOUND)
    assert (await socket.opened).multicast_controller is None
    await socket.close()


@pytest.mark.parametrize("bound", [False, True])
async def test_the_representation_shows_the_state(bound: bool) -> None:
    system = HandmadeSystem()
    with system.installed(BOTH):
        socket = UDPSocket(**(BOUND if bound else CONNECTED))
    where = "9.9.9.9 port 40000" if bound else "to 8.8.8.8 port 53"
    assert repr(socket) == "<UDPSocket opening>"
    await socket.opened
    assert repr(socket) == f"<UDPSocket open, {where}>"
    await socket.close()
    assert repr(socket) == f"<UDPSocket closed, {where}>"


async def test_an_opened_that_nobody_looks_at_is_reported_once_and_closed_is_not(
    loop_errors: LoopErrors,
) -> None:  # E43
    system = HandmadeSystem()
    with system.installed(ONE):
        socket = UDPSocket(**BOUND)
    await settle()
    del socket
    [context] = loop_errors.take()
    assert isinstance(context["exception"], NotAllowedError)
    await settle()
    assert loop_errors.take() == []


def test_a_socket_can_be_made_where_no_loop_runs_yet(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = UDPSocket(**CONNECTED)
    assert system.calls == []

    async def main() -> None:
        info = await socket.opened
        system.datagrams.feed(b"hello")
        with info.readable.get_reader() as reader:
            assert (await reader.read()).value == UDPMessage(b"hello")
        await socket.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


async def test_whatever_goes_wrong_in_opening_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = RuntimeError("a mistake in the seam")

    async def fail(*_: object) -> None:
        raise cause

    system = HandmadeSystem()
    monkeypatch.setattr(system, "open_a_udp_socket", fail)
    with system.installed(BOTH):
        socket = UDPSocket(**BOUND)
    with pytest.raises(NetworkError, match="a mistake in the seam") as caught:
        await socket.opened
    assert caught.value.__cause__ is cause
    assert reason_of(socket.closed) is caught.value
