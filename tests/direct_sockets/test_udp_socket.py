"""UDPSocket: against an operating system whose answers are given by hand, and with real sockets on loopback.

The numbers of the errata that a test shows stand in a comment above it.
"""

from __future__ import annotations

import array
import asyncio
import dataclasses
import errno
import gc
import math
import re
import socket as system_socket
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from direct_sockets import (
    MulticastController,
    PermissionsPolicy,
    UDPMessage,
    UDPSocket,
    UDPSocketOpenInfo,
)
from direct_sockets._operating_system import Destination, Endpoint, UDPPacket, UDPSocketParameters
from direct_sockets._udp_socket import READABLE_HIGH_WATER_MARK, WRITABLE_HIGH_WATER_MARK
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    ALL,
    BOTH,
    ONE,
    HandmadeSystem,
    handmade_udp_socket,
    linux_udp_socket_of,
    plain_udp_socket,
    receive_from,
    refusing_udp_port,
)
from tests.support.recording import FULFILLED, PENDING, EventTrace, outcome, reason_of, rejected
from whatwg_streams import (
    AbortError,
    InvalidStateError,
    NetworkError,
    NotAllowedError,
    ReadableStream,
    WritableStream,
)

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
UNREACHABLE = OSError(errno.ENETUNREACH, "Network is unreachable")
WITHOUT_MULTICAST = BOTH
CONNECTED: dict[str, Any] = {"remote_address": "example.com", "remote_port": 53}
BOUND: dict[str, Any] = {"local_address": "9.9.9.9"}
PACKET = UDPPacket(b"hello", Endpoint("8.8.4.4", 1234))


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


# Reading -------------------------------------------------------------------------------------------------


async def test_in_connected_mode_a_message_has_data_alone() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.feed(b"hello", b"")
    with info.readable.get_reader() as reader:
        assert await reader.read() == (UDPMessage(b"hello", None, None, None), False)
        message = (await reader.read()).value
        assert message == UDPMessage(b"")
        assert type(message.data) is bytes
    await socket.close()


async def test_in_bound_mode_a_message_says_where_it_came_from() -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    datagrams.feed(PACKET)
    with info.readable.get_reader() as reader:
        assert (await reader.read()).value == UDPMessage(b"hello", "8.8.4.4", 1234, None)
    await socket.close()


def test_a_message_can_not_be_changed() -> None:
    message = UDPMessage(b"x", remote_address="::1", remote_port=53)
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.remote_port = 1  # type: ignore[misc]
    assert not hasattr(message, "__dict__")


async def test_as_many_packets_as_there_is_room_for_are_taken_at_once_and_no_more() -> None:  # E6 E7 E10
    socket, info, datagrams = await handmade_udp_socket()
    packets = [bytes([number]) for number in range(100)]
    datagrams.feed(*packets)
    await settle()
    assert datagrams.take() == [("provide", 32)]
    assert len(datagrams._incoming) == 100 - 32  # the system keeps them
    with info.readable.get_reader() as reader:
        messages = [(await reader.read()).value]
        await settle()
        assert datagrams.take() == [("provide", 1)]
        messages += [(await reader.read()).value for _ in range(99)]
    assert [message.data for message in messages] == packets
    await socket.close()


async def test_with_some_packets_in_the_queue_the_rest_is_asked_for() -> None:
    socket, _, datagrams = await handmade_udp_socket()
    await settle()
    assert datagrams.take() == [("provide", READABLE_HIGH_WATER_MARK)]
    datagrams.feed(b"1", b"2")
    await settle()
    assert datagrams.take() == [("provide", 30)]
    await socket.close()


async def test_one_receive_is_under_way_however_many_read() -> None:  # E7
    # The handmade socket asserts it.
    socket, info, datagrams = await handmade_udp_socket()
    reader = info.readable.get_reader()
    reads = [reader.read() for _ in range(100)]
    for number in range(100):
        datagrams.feed(b"%d" % number)
        if number % 7 == 0:
            await settle(2)
    assert [(await read).value.data for read in reads] == [b"%d" % number for number in range(100)]
    reader.release_lock()
    await socket.close()


async def test_a_read_that_is_cancelled_loses_no_message() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    reader = info.readable.get_reader()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await reader.read()
    datagrams.feed(b"hello")
    assert (await reader.read()).value == UDPMessage(b"hello")
    reader.release_lock()
    await socket.close()


async def test_an_error_errors_the_readable_side_and_leaves_the_writable_one() -> None:  # E35 E48
    socket, info, datagrams = await handmade_udp_socket()
    reader, writer = info.readable.get_reader(), info.writable.get_writer()
    datagrams.feed(b"before", REFUSED)
    assert (await reader.read()).value == UDPMessage(b"before")
    with pytest.raises(NetworkError, match="receiving: the connection was refused") as caught:
        await reader.read()
    assert caught.value.errno == errno.ECONNREFUSED
    assert reason_of(reader.closed) is caught.value
    assert outcome(socket.closed) == PENDING
    assert datagrams.done("close") == 0
    await writer.write(UDPMessage(b"still here"))
    await writer.close()
    assert await socket.closed.then(None, lambda reason: reason) is caught.value
    assert datagrams.done("close") == 1


async def test_an_error_discards_what_was_not_read_yet() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.feed(b"unread", REFUSED)
    await settle()
    with pytest.raises(NetworkError):
        await info.readable.get_reader().read()
    await info.writable.close()
    with pytest.raises(NetworkError):
        await socket.closed


async def test_the_error_of_the_other_side_comes_first() -> None:  # E12 E36
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.failures["send"] = UNREACHABLE
    datagrams.feed(REFUSED)
    await settle()
    of_reading = reason_of(info.readable.get_reader().closed)
    with pytest.raises(NetworkError, match="sending"):
        await info.writable.get_writer().write(UDPMessage(b"x"))
    await settle()
    assert reason_of(socket.closed) is of_reading

    datagrams.failures.clear()
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.failures["send"] = UNREACHABLE
    with pytest.raises(NetworkError, match="sending") as caught:
        await info.writable.get_writer().write(UDPMessage(b"x"))
    datagrams.feed(REFUSED)
    await settle()
    assert reason_of(socket.closed) is caught.value


async def test_an_error_of_reading_after_the_writable_side_was_closed() -> None:  # E36
    socket, info, datagrams = await handmade_udp_socket()
    await info.writable.close()
    assert outcome(socket.closed) == PENDING
    datagrams.feed(REFUSED)
    with pytest.raises(NetworkError, match="receiving") as caught:
        await info.readable.get_reader().read()
    assert await socket.closed.then(None, lambda reason: reason) is caught.value
    assert datagrams.done("close") == 1


async def test_cancelling_gives_up_the_receive_and_leaves_writing_alone() -> None:  # E4 E40
    socket, info, datagrams = await handmade_udp_socket()
    await settle()
    reader = info.readable.get_reader()
    read = reader.read()
    await reader.cancel("enough")
    assert (await read).done
    assert datagrams.take() == [("provide", 32), ("stop_providing",)]
    writer = info.writable.get_writer()
    await writer.write({"data": b"still here"})
    assert outcome(socket.closed) == PENDING
    await writer.close()
    await socket.closed
    assert datagrams.take() == [("send", b"still here", None), ("close",)]


@pytest.mark.parametrize("event", [b"late", REFUSED], ids=repr)
async def test_what_the_system_says_after_cancelling_is_dropped(event: Any) -> None:
    socket, info, datagrams = await handmade_udp_socket()
    await settle()
    datagrams.feed(event)  # but nobody was told yet
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == PENDING
    await info.writable.close()
    await socket.closed


# Writing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"bytearray"), b"bytearray"),
        (memoryview(b"a part of it")[2:6], b"part"),
        (array.array("H", [1, 2]), array.array("H", [1, 2]).tobytes()),
        (b"", b""),  # E47
        (array.array("H"), b""),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", [dict, UDPMessage])
async def test_any_buffer_can_be_sent(data: Any, sent: bytes, kind: Any) -> None:
    socket, info, datagrams = await handmade_udp_socket()
    with info.writable.get_writer() as writer:
        await writer.write(kind(data=data))
    assert datagrams.sent == [(sent, None)]
    await socket.close()


async def test_in_bound_mode_a_message_says_where_it_goes_to() -> None:  # E30
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    with info.writable.get_writer() as writer:
        await writer.write(UDPMessage(b"1", "8.8.8.8", 53))
        await writer.write(UDPMessage(b"2", "example.com", 65536 + 53, "ipv6"))
        await writer.write({"data": b"3", "remote_address": "::1", "remote_port": "-1", "dns_query_type": None})
    assert datagrams.sent == [
        (b"1", Destination("8.8.8.8", 53, None)),
        (b"2", Destination("example.com", 53, "ipv6")),
        (b"3", Destination("::1", 65535, None)),
    ]
    await socket.close()


async def test_a_message_that_was_received_can_be_sent_back() -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    datagrams.feed(PACKET)
    with info.readable.get_reader() as reader, info.writable.get_writer() as writer:
        await writer.write((await reader.read()).value)
    assert datagrams.sent == [(b"hello", Destination("8.8.4.4", 1234, None))]
    await socket.close()


WRONG_IN_EITHER_MODE: list[tuple[Any, str]] = [
    ("text", "expected an object"),
    (b"bytes", "expected an object"),
    (1, "expected an object"),
    ({"data": "text"}, "data"),
    ({"data": 1}, "data"),
    ({"data": memoryview(b"abcd")[::2]}, "data"),
    ({"data": b"", "dns_query_type": "ipv5"}, "dns_query_type"),
    ({"data": b"", "remote_address": 1}, "remote_address"),
    ({"data": b"", "remote_port": object()}, "remote_port"),
    ({"data": [], "dns_query_type": "ipv5"}, "data"),
    ({"data": b"", "dns_query_type": "ipv5", "remote_address": 1}, "dns_query_type"),
    ({"data": b"", "remote_address": 1, "remote_port": object()}, "remote_address"),
]
WRONG_IN_CONNECTED_MODE: list[tuple[Any, str]] = [
    (UDPMessage(b"", "8.8.8.8"), "connected"),
    (UDPMessage(b"", None, 53), "connected"),
    (UDPMessage(b"", None, 0), "connected"),
    (UDPMessage(b"", None, None, "ipv4"), "connected"),
    (PACKET._asdict() | {"remote_address": ""}, "connected"),
    ({"remote_port": 1}, "connected"),
    ({}, "no data"),
    (None, "no data"),
    (UDPMessage(), "no data"),
    (object(), "no data"),
]
WRONG_IN_BOUND_MODE: list[tuple[Any, str]] = [
    (UDPMessage(b""), "bound"),
    (UDPMessage(b"", "8.8.8.8"), "bound"),
    (UDPMessage(b"", None, 53), "bound"),
    ({"remote_address": "8.8.8.8", "remote_port": 53}, "no data"),
    ({}, "bound"),
    (None, "bound"),
]


@pytest.mark.parametrize(
    ("bound", "chunk", "message"),
    [
        *[(False, *wrong) for wrong in WRONG_IN_EITHER_MODE + WRONG_IN_CONNECTED_MODE],
        *[(True, *wrong) for wrong in WRONG_IN_EITHER_MODE + WRONG_IN_BOUND_MODE],
    ],
    ids=repr,
)
async def test_a_chunk_that_is_no_message_ends_the_writing(bound: bool, chunk: Any, message: str) -> None:  # E8 E47
    socket, info, datagrams = await handmade_udp_socket(bound=bound)
    writer = info.writable.get_writer()
    with pytest.raises(TypeError, match=message):
        await writer.write(chunk)
    with pytest.raises(TypeError):
        await writer.closed
    assert datagrams.sent == []
    assert outcome(socket.closed) == PENDING  # the other side is as it was,
    datagrams.feed(PACKET)
    reader = info.readable.get_reader()
    assert (await reader.read()).value.data == b"hello"
    await reader.cancel()
    with pytest.raises(TypeError, match=message):  # and with it the socket is closed
        await socket.closed
    assert datagrams.done("close") == 1


async def test_a_wrong_chunk_after_the_readable_side_is_gone_closes_the_socket() -> None:  # E8
    socket, info, datagrams = await handmade_udp_socket()
    await info.readable.cancel()
    with pytest.raises(TypeError, match="data") as caught:
        await info.writable.get_writer().write({"data": 1})
    assert await socket.closed.then(None, lambda reason: reason) is caught.value
    assert datagrams.done("close") == 1


async def test_messages_go_to_the_system_one_after_the_other() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    assert writer.desired_size == WRITABLE_HIGH_WATER_MARK
    trace = EventTrace()
    for name in ("a", "b"):
        trace.watch(name, writer.write(UDPMessage(name.encode())))
    await settle()
    assert datagrams.sent == [(b"a", None)]
    assert writer.desired_size == -1
    datagrams.answer("send", True)
    await settle()
    datagrams.answer("send", True)
    await settle()
    assert datagrams.sent == [(b"a", None), (b"b", None)]
    assert trace.events == [("a", "fulfilled"), ("b", "fulfilled")]
    writer.release_lock()
    await socket.close()


async def test_an_error_of_sending_errors_the_writable_side_and_leaves_the_readable_one() -> None:  # E35
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.failures["send"] = OSError(errno.EMSGSIZE, "Message too long")
    writer = info.writable.get_writer()
    with pytest.raises(NetworkError, match="sending: ") as caught:
        await writer.write(UDPMessage(b"x"))
    assert caught.value.errno == errno.EMSGSIZE
    assert reason_of(writer.closed) is caught.value
    datagrams.feed(b"still here")
    reader = info.readable.get_reader()
    assert (await reader.read()).value == UDPMessage(b"still here")
    assert outcome(socket.closed) == PENDING
    await reader.cancel()
    assert await socket.closed.then(None, lambda reason: reason) is caught.value


async def test_an_error_of_a_send_that_waits() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    first, second = writer.write(UDPMessage(b"1")), writer.write(UDPMessage(b"2"))
    await settle()
    datagrams.fail("send", UNREACHABLE)
    with pytest.raises(NetworkError, match="unreachable") as caught:
        await first
    assert reason_of(second) is caught.value
    await settle()
    assert outcome(socket.closed) == rejected(caught.value)


async def test_closing_the_writable_side_waits_for_what_was_written() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    write = writer.write(UDPMessage(b"x"))
    close = writer.close()
    await settle()
    assert outcome(close) == PENDING
    datagrams.answer("send", True)
    await write
    await close
    await socket.closed
    assert datagrams.done("close") == 1


async def test_aborting_stops_the_send_that_is_under_way() -> None:  # E3
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    first, second = writer.write(UDPMessage(b"1")), writer.write(UDPMessage(b"2"))
    await settle()
    reason = ValueError("enough")
    await writer.abort(reason)
    assert reason_of(first) is reason
    assert reason_of(second) is reason
    assert datagrams.done("stop_sending") == 1
    assert datagrams.sent == [(b"1", None)]
    assert outcome(socket.closed) == PENDING
    await info.readable.cancel()
    assert await socket.closed.then(None, lambda reason: reason) is reason  # E1: a user's own abort


async def test_a_send_that_was_done_when_the_stream_was_aborted_is_done() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    write = writer.write(UDPMessage(b"1"))
    await settle()
    datagrams.answer("send", True)
    aborted = writer.abort("enough")
    await write
    await aborted
    writer.release_lock()
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == rejected("enough")


async def test_a_send_that_failed_when_the_stream_was_aborted() -> None:  # E37
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    write = writer.write(UDPMessage(b"1"))
    await settle()
    datagrams.fail("send", UNREACHABLE)
    await writer.abort("enough")
    assert isinstance(reason_of(write), NetworkError)
    await settle()
    assert outcome(socket.closed) == rejected("enough")
    assert datagrams.done("close") == 1


async def test_aborting_without_a_reason() -> None:  # E44
    socket, info, _ = await handmade_udp_socket()
    await info.writable.abort()
    await info.readable.cancel()
    with pytest.raises(AbortError):
        await socket.closed


# close() -------------------------------------------------------------------------------------------------


async def test_close_resolves_closed_and_is_idempotent() -> None:  # E1 E37
    socket, info, datagrams = await handmade_udp_socket()
    reader, writer = info.readable.get_reader(), info.writable.get_writer()
    reader.release_lock()
    writer.release_lock()
    closing = socket.close()
    assert closing is socket.closed
    assert socket.close() is closing
    await closing
    assert socket.close() is closing
    assert datagrams.done("close") == 1
    assert datagrams.done("stop_providing") == 1
    assert (await info.readable.get_reader().read()).done
    with pytest.raises(AbortError):
        await info.writable.get_writer().write(UDPMessage(b"x"))


async def test_close_rejects_what_was_queued() -> None:  # E1
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    writes = [writer.write(UDPMessage(b"%d" % number)) for number in range(3)]
    writer.release_lock()
    await settle()
    await socket.close()
    assert [type(reason_of(write)) for write in writes] == [AbortError] * 3
    assert datagrams.sent == [(b"0", None)]


async def test_close_before_it_is_open_or_with_locked_streams() -> None:  # E42 E46
    system = HandmadeSystem()
    with system.installed():
        socket = UDPSocket(**CONNECTED)
    assert isinstance(reason_of(socket.close()), InvalidStateError)
    info = await socket.opened
    for lock in (info.readable.get_reader, info.writable.get_writer):
        with lock():
            assert isinstance(reason_of(socket.close()), InvalidStateError)
    await socket.close()


async def test_close_after_an_error_of_reading_rejects() -> None:
    socket, _, datagrams = await handmade_udp_socket()
    datagrams.feed(REFUSED)
    await settle()
    with pytest.raises(NetworkError):
        await socket.close()
    assert datagrams.done("close") == 1


async def test_an_error_of_closing_does_not_matter() -> None:
    socket, _, datagrams = await handmade_udp_socket()
    datagrams.failures["close"] = OSError(errno.EIO, "?")
    await socket.close()


async def test_closed_waits_for_the_system() -> None:
    socket, _, datagrams = await handmade_udp_socket()
    datagrams.hold("close")
    closing = socket.close()
    await settle()
    assert outcome(closing) == PENDING
    datagrams.answer("close")
    await closing


# async with ------------------------------------------------------------------------------------------------


async def test_async_with_closes_whatever_is_locked() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = UDPSocket(**CONNECTED)
    async with socket as info:
        reader, writer = info.readable.get_reader(), info.writable.get_writer()
    assert outcome(socket.closed) == FULFILLED
    assert system.datagrams.done("close") == 1
    assert (await reader.read()).done
    assert isinstance(reason_of(writer.closed), AbortError)


async def test_async_with_after_the_socket_was_closed() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = UDPSocket(**CONNECTED)
    async with socket:
        await socket.close()
    assert system.datagrams.done("close") == 1


async def test_async_with_while_the_socket_is_closing() -> None:  # E37
    system = HandmadeSystem()
    system.datagrams.hold("send")
    with system.installed():
        socket = UDPSocket(**CONNECTED)
    async with socket as info:
        with info.writable.get_writer() as writer:
            write = writer.write(UDPMessage(b"x"))
            await settle()
        closing = socket.close()
    await closing
    assert isinstance(reason_of(write), AbortError)
    assert system.datagrams.done("close") == 1


async def test_leaving_async_with_early_gives_up_the_opening() -> None:  # E42
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = UDPSocket(**CONNECTED)

    async def enter() -> None:
        async with socket:
            raise AssertionError("it has not opened")

    task = asyncio.create_task(enter())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settle()
    assert system.calls[-1] == ("open cancelled",)
    assert isinstance(reason_of(socket.opened), AbortError)
    assert isinstance(reason_of(socket.closed), AbortError)


async def test_async_with_raises_what_opened_rejects_with() -> None:
    system = HandmadeSystem()
    with system.installed(ONE):
        socket = UDPSocket(**BOUND)
    with pytest.raises(NotAllowedError):
        async with socket:
            raise AssertionError("it has not opened")


# On loopback -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _bound(address: str = "127.0.0.1", **options: Any) -> AsyncIterator[tuple[UDPSocket, Any]]:
    with ALL:
        socket = UDPSocket(local_address=address, **options)
    async with socket as info:
        yield socket, info


@asynccontextmanager
async def _connected(address: str, port: int, **options: Any) -> AsyncIterator[tuple[UDPSocket, Any]]:
    with ALL:
        socket = UDPSocket(remote_address=address, remote_port=port, **options)
    async with socket as info:
        yield socket, info


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_two_sockets_talk(address: str) -> None:
    async with _bound(address) as (_, server), _connected(address, server.local_port) as (_, client):
        assert (client.remote_address, client.remote_port) == (address, server.local_port)
        assert (server.local_address, client.local_address) == (address, address)
        assert server.remote_address is None
        to_server, from_client = client.writable.get_writer(), server.readable.get_reader()
        to_client, from_server = server.writable.get_writer(), client.readable.get_reader()
        for data in (b"ping", b"", bytes(1000)):
            await to_server.write(UDPMessage(data))
            message = (await from_client.read()).value
            assert message == UDPMessage(data, address, client.local_port)
            await to_client.write(message)
            assert (await from_server.read()).value == UDPMessage(data)


@pytest.mark.parametrize("ipv6_only", [None, False, True])
async def test_dual_stack(ipv6_only: bool | None) -> None:  # E50
    async with _bound("::", ipv6_only=ipv6_only) as (socket, info):
        only = bool(linux_udp_socket_of(socket).getsockopt(system_socket.IPPROTO_IPV6, system_socket.IPV6_V6ONLY))
        assert only is (sys.platform == "win32" if ipv6_only is None else ipv6_only)
        writer, reader = info.writable.get_writer(), info.readable.get_reader()
        with plain_udp_socket("::1") as peer:
            await writer.write(UDPMessage(b"six", "::1", peer.getsockname()[1]))
            data, sender = await receive_from(peer)
            assert (data, sender[:2]) == (b"six", ("::1", info.local_port))
            peer.sendto(b"back", sender)
            message = (await reader.read()).value
            assert message == UDPMessage(b"back", "::1", peer.getsockname()[1])
        with plain_udp_socket() as peer:
            port = peer.getsockname()[1]
            to_ipv4 = UDPMessage(b"four", "127.0.0.1", port)
            if only:
                with pytest.raises(NetworkError) as caught:
                    await writer.write(to_ipv4)
                assert caught.value.errno == errno.EAFNOSUPPORT
                return
            await writer.write(to_ipv4)
            data, sender = await receive_from(peer)
            assert (data, sender) == (b"four", ("127.0.0.1", info.local_port))
            peer.sendto(b"back", sender)
            message = (await reader.read()).value
            assert message == UDPMessage(b"back", "::ffff:127.0.0.1", port)
            await writer.write(message)
            assert await receive_from(peer) == (b"back", ("127.0.0.1", info.local_port))


async def test_an_ipv4_socket_reaches_no_ipv6_address() -> None:
    async with _bound() as (_, info):
        with pytest.raises(NetworkError) as caught:
            await info.writable.get_writer().write(UDPMessage(b"x", "::1", 1024))
        assert caught.value.errno == errno.EAFNOSUPPORT


async def test_a_mapped_address_can_be_bound_to_and_connected_to() -> None:  # E50
    mapped = "::ffff:127.0.0.1"
    async with _bound(mapped) as (_, server), _connected(mapped, server.local_port) as (_, client):
        assert (server.local_address, client.remote_address, client.local_address) == (mapped, mapped, mapped)
        await client.writable.get_writer().write(UDPMessage(b"x"))
        assert (await server.readable.get_reader().read()).value == UDPMessage(b"x", mapped, client.local_port)


@pytest.mark.parametrize("kind", ["ipv4", "ipv6"])
async def test_names_are_looked_up_for_each_message(kind: Any) -> None:
    address = "127.0.0.1" if kind == "ipv4" else "::1"
    loopback = {one[4][0] for one in system_socket.getaddrinfo("localhost", None, type=system_socket.SOCK_DGRAM)}
    if address not in loopback:
        pytest.skip(f"here localhost has no address of {kind}")
    async with _bound("::") as (_, info):
        with plain_udp_socket(address) as peer:
            writer = info.writable.get_writer()
            await writer.write(UDPMessage(b"x", "localhost", peer.getsockname()[1], kind))
            await writer.write(UDPMessage(b"y", address, peer.getsockname()[1], kind))
            assert (await receive_from(peer))[0] == b"x"
            assert (await receive_from(peer))[0] == b"y"


@pytest.mark.parametrize(
    ("address", "kind"),
    [("127.0.0.1", "ipv6"), ("::1", "ipv4"), ("", None), ("a\0b", None), ("x" * 64, None)],
    ids=ascii,
)
async def test_a_destination_that_does_not_resolve_ends_the_writing(address: str, kind: Any) -> None:
    async with _bound("::") as (socket, info):
        with pytest.raises(NetworkError, match="sending"):
            await info.writable.get_writer().write(UDPMessage(b"x", address, 1024, kind))
        assert outcome(socket.closed) == PENDING


async def test_the_largest_datagram_and_one_byte_more() -> None:
    async with (
        _bound(receive_buffer_size=2**20) as (_, server),
        _connected("127.0.0.1", server.local_port) as (_, info),
    ):
        largest = 65535 - 20 - 8
        writer, reader = info.writable.get_writer(), server.readable.get_reader()
        data = bytes(range(256)) * 256
        await writer.write(UDPMessage(data[:largest]))
        assert (await reader.read()).value.data == data[:largest]
        with pytest.raises(NetworkError, match="sending") as caught:
            await writer.write(UDPMessage(data[: largest + 1]))
        assert caught.value.errno == errno.EMSGSIZE


async def test_a_burst_beyond_the_mark_stays_in_the_systems_buffer() -> None:
    async with _bound(receive_buffer_size=2**20) as (_, info):
        with plain_udp_socket() as peer:
            for number in range(300):
                peer.sendto(b"%d" % number, ("127.0.0.1", info.local_port))
        await settle(50)
        with info.readable.get_reader() as reader:
            received = [(await reader.read()).value.data for _ in range(300)]
        assert received == [b"%d" % number for number in range(300)]


async def test_buffer_sizes_are_set() -> None:
    async with _bound(send_buffer_size=2**14, receive_buffer_size=2**15) as (socket, _):
        sock = linux_udp_socket_of(socket)
        doubled = 2 if sys.platform == "linux" else 1
        assert sock.getsockopt(system_socket.SOL_SOCKET, system_socket.SO_SNDBUF) == doubled * 2**14
        assert sock.getsockopt(system_socket.SOL_SOCKET, system_socket.SO_RCVBUF) == doubled * 2**15


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_refused_datagram_surfaces_at_the_next_receive(address: str) -> None:  # E48
    async with _connected(address, refusing_udp_port(address)) as (socket, info):
        writer, reader = info.writable.get_writer(), info.readable.get_reader()
        for _ in range(3):  # the error of one is not that of the next
            await writer.write(UDPMessage(b"anybody there?"))
        with pytest.raises(NetworkError, match="refused") as caught:
            await reader.read()
        assert caught.value.errno == errno.ECONNREFUSED
        for _ in range(3):
            await writer.write(UDPMessage(b"still here"))
        assert outcome(socket.closed) == PENDING
        await writer.close()
        with pytest.raises(NetworkError):
            await socket.closed


async def test_a_refused_datagram_with_a_full_queue() -> None:  # E48
    with plain_udp_socket() as peer:
        async with _connected("127.0.0.1", peer.getsockname()[1]) as (_, info):
            for number in range(READABLE_HIGH_WATER_MARK):
                peer.sendto(b"%d" % number, (info.local_address, info.local_port))
            reader, writer = info.readable.get_reader(), info.writable.get_writer()
            assert (await reader.read()).value.data == b"0"
            peer.sendto(b"last", (info.local_address, info.local_port))
            await settle()
            peer.close()
            await writer.write(UDPMessage(b"1"))
            await writer.write(UDPMessage(b"2"))
            assert (await reader.read()).value.data == b"1"  # makes room for one more: the next receive
            with pytest.raises(NetworkError, match="refused"):
                for _ in range(READABLE_HIGH_WATER_MARK):
                    await reader.read()


async def test_an_address_in_use_is_a_network_error() -> None:
    async with _bound() as (_, info):
        with pytest.raises(NetworkError, match="in use") as caught:
            async with _bound(local_port=info.local_port):
                pass
        assert caught.value.errno == errno.EADDRINUSE


async def test_an_address_of_another_machine_can_not_be_bound_to() -> None:
    with pytest.raises(NetworkError) as caught:
        async with _bound("198.51.100.1"):
            pass
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_port_0_can_not_be_connected_to() -> None:
    with pytest.raises(NetworkError):
        async with _connected("127.0.0.1", 0):
            pass


async def test_sharing_lets_two_sockets_have_one_port() -> None:  # E34
    async with _bound(multicast_allow_address_sharing=True) as (_, info):
        async with _bound(multicast_allow_address_sharing=True, local_port=info.local_port) as (_, other):
            assert other.local_port == info.local_port
        with pytest.raises(NetworkError):
            async with _bound(local_port=info.local_port):
                pass


async def test_a_socket_can_be_iterated_over_and_piped_from() -> None:
    async with _bound() as (_, server), _connected("127.0.0.1", server.local_port) as (_, client):
        with client.writable.get_writer() as writer:
            for number in range(3):
                await writer.write(UDPMessage(b"%d" % number))
        received = []
        async for message in server.readable.values(prevent_cancel=True):
            received.append(message.data)
            if len(received) == 3:
                break
        assert received == [b"0", b"1", b"2"]


async def test_many_sockets_at_once() -> None:
    async def talk(port: int, number: int) -> None:
        async with UDPSocket(remote_address="127.0.0.1", remote_port=port) as info:
            await info.writable.get_writer().write(UDPMessage(b"%d" % number))
            assert (await info.readable.get_reader().read()).value == UDPMessage(b"%d" % number)

    async def echo(info: UDPSocketOpenInfo) -> None:
        await info.readable.pipe_to(info.writable)

    async with _bound(receive_buffer_size=2**20) as (_, server):
        task = asyncio.create_task(echo(server))
        with BOTH:
            async with asyncio.TaskGroup() as group:
                for number in range(200):
                    group.create_task(talk(server.local_port, number))
    with pytest.raises(AbortError):
        await task


async def test_sockets_that_are_closed_are_garbage() -> None:
    async with _bound() as (socket, info):
        await info.readable.cancel()
        await socket.close()
        remains = [weakref.ref(socket), weakref.ref(info.readable), weakref.ref(info.multicast_controller)]
    del socket, info
    await settle()
    gc.collect()
    assert [one() for one in remains] == [None] * 3


async def test_the_handmade_system_is_like_the_real_one() -> None:
    """What the tests above rely on holds on loopback too."""
    with plain_udp_socket() as peer:
        async with _connected("127.0.0.1", peer.getsockname()[1]) as (socket, info):

            def send(data: bytes) -> None:
                peer.sendto(data, (info.local_address, info.local_port))

            async def receive() -> bytes:
                return (await receive_from(peer))[0]

            trace = await _conversation(socket, info, send, receive)
    socket, info, datagrams = await handmade_udp_socket()

    async def sent() -> bytes:
        return datagrams.sent[-1][0]

    assert await _conversation(socket, info, datagrams.feed, sent) == trace


async def _conversation(
    socket: UDPSocket, info: UDPSocketOpenInfo, send: Any, receive: Any
) -> list[tuple[object, ...]]:
    trace = EventTrace()
    trace.watch("closed", socket.closed)
    reader, writer = info.readable.get_reader(), info.writable.get_writer()
    trace.watch("reader closed", reader.closed)
    trace.watch("writer closed", writer.closed)
    read = reader.read()
    await settle()
    send(b"ping")
    trace.log("read", (await read).value)
    await writer.write({"data": b"pong"})
    trace.log("sent", await receive())
    await writer.close()
    await reader.cancel()
    await socket.closed
    return trace.events
