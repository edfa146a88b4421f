"""Web IDL's conversions of the dictionaries' members."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
from typing_extensions import override

from direct_sockets import TCPServerSocketOpenInfo, TCPSocketOpenInfo, UDPMessage
from direct_sockets._options import (
    TCPServerSocketOptions,
    TCPSocketOptions,
    UDPSocketOptions,
    convert_dns_query_type,
    convert_port,
    convert_remote_address,
    convert_tcp_server_socket_options,
    convert_tcp_socket_options,
    convert_udp_message,
    convert_udp_socket_options,
    convert_unsigned_long,
)
from whatwg_streams import ReadableStream, WritableStream

NOTHING: dict[str, Any] = {
    "dns_query_type": None,
    "keep_alive_delay": None,
    "no_delay": False,
    "receive_buffer_size": None,
    "send_buffer_size": None,
}


def test_a_name_has_to_be_a_str() -> None:
    assert convert_remote_address("example.com", "remote_address") == "example.com"
    for wrong in (None, 1, b"example.com", ["example.com"]):
        with pytest.raises(TypeError, match="remote_address"):
            convert_remote_address(wrong, "remote_address")


@pytest.mark.parametrize(
    ("given", "port"),
    [
        (0, 0),
        (65535, 65535),
        (65536, 0),
        (65616, 80),
        (-1, 65535),
        (80.9, 80),
        (-0.5, 0),
        (math.nan, 0),
        (math.inf, 0),
        (None, 0),
        (True, 1),
        ("80", 80),
        ("0x50", 80),
        ("http", 0),
        (np.uint32(65537), 1),
        (2**64 + 7, 7),
    ],
    ids=repr,
)
def test_a_port_wraps_around(given: object, port: int) -> None:
    assert convert_port(given, "remote_port") == port


@pytest.mark.parametrize("wrong", [[80], object(), b"80", 80j], ids=repr)
def test_a_port_has_to_be_a_number(wrong: object) -> None:
    with pytest.raises(TypeError, match="remote_port"):
        convert_port(wrong, "remote_port")


def test_a_size_that_is_missing_stays_so() -> None:
    assert convert_unsigned_long(None, "size") is None


@pytest.mark.parametrize(
    ("given", "value"), [(0, 0), (2**32 - 1, 2**32 - 1), (1.9, 1), (-0.9, 0), ("16", 16), (False, 0)], ids=repr
)
def test_a_size_in_range_is_converted(given: object, value: int) -> None:
    assert convert_unsigned_long(given, "size") == value


@pytest.mark.parametrize("wrong", [-1, 2**32, math.nan, math.inf, -math.inf, "many", object(), [1]], ids=repr)
def test_a_size_out_of_range_is_a_type_error(wrong: object) -> None:
    with pytest.raises(TypeError, match="size"):
        convert_unsigned_long(wrong, "size")


def test_a_query_type_is_one_of_two_or_missing() -> None:
    assert convert_dns_query_type(None, "dns_query_type") is None
    assert convert_dns_query_type("ipv4", "dns_query_type") == "ipv4"
    assert convert_dns_query_type("ipv6", "dns_query_type") == "ipv6"
    for wrong in ("IPv4", "", "any", 4, b"ipv4", ["ipv4"]):
        with pytest.raises(TypeError, match="dns_query_type"):
            convert_dns_query_type(wrong, "dns_query_type")


def test_options_have_the_dictionarys_defaults() -> None:
    assert convert_tcp_socket_options(**NOTHING) == TCPSocketOptions(None, None, False, None, None)


def test_options_are_converted() -> None:
    options = convert_tcp_socket_options(
        dns_query_type="ipv6",
        keep_alive_delay=1000.7,
        no_delay="yes",
        receive_buffer_size="1",
        send_buffer_size=True,
    )
    assert options == TCPSocketOptions("ipv6", 1000, True, 1, 1)


@pytest.mark.parametrize(("given", "no_delay"), [(None, False), (0, False), (math.nan, False), ([], False), (2, True)])
def test_a_flag_is_what_is_true(given: object, no_delay: bool) -> None:
    assert convert_tcp_socket_options(**{**NOTHING, "no_delay": given}).no_delay is no_delay


def test_members_are_converted_in_the_order_of_their_names() -> None:
    order: list[str] = []

    class Number:
        def __init__(self, name: str) -> None:
            self.name = name

        def __index__(self) -> int:
            order.append(self.name)
            return 1

        def __bool__(self) -> bool:
            order.append(self.name)
            return True

    class Text(str):
        __slots__ = ()

        @override
        def __eq__(self, other: object) -> bool:
            if not order:
                order.append("dns_query_type")
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    given: dict[str, Any] = {name: Number(name) for name in reversed(NOTHING)}
    given["dns_query_type"] = Text("ipv4")
    convert_tcp_socket_options(**given)
    assert order == sorted(NOTHING)


def test_the_first_member_that_is_wrong_is_complained_of() -> None:
    def fail() -> NoReturn:
        raise AssertionError("converted after one that is wrong")

    class Never:
        __index__: Callable[..., int] = lambda _: fail()

    with pytest.raises(TypeError, match="keep_alive_delay"):
        convert_tcp_socket_options(
            dns_query_type=None,
            keep_alive_delay=-1,
            no_delay=False,
            receive_buffer_size=Never(),
            send_buffer_size=Never(),
        )


def test_an_open_info_can_not_be_changed() -> None:
    info = TCPSocketOpenInfo(ReadableStream(), WritableStream(), "::1", 80, "::1", 40000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.remote_port = 81  # type: ignore[misc]
    assert not hasattr(info, "__dict__")


# §2 ------------------------------------------------------------------------------------------------------


NOTHING_OF_UDP: dict[str, Any] = dict.fromkeys(UDPSocketOptions._fields)


def test_options_of_udp_have_no_defaults() -> None:
    assert convert_udp_socket_options(**NOTHING_OF_UDP) == UDPSocketOptions(*[None] * 11)


def test_options_of_udp_are_converted() -> None:
    options = convert_udp_socket_options(
        dns_query_type="ipv4",
        ipv6_only=0,
        local_address="::",
        local_port="0x400",
        multicast_allow_address_sharing="",
        multicast_loopback=math.nan,
        multicast_time_to_live=255.9,
        receive_buffer_size=True,
        remote_address="",
        remote_port=65535,
        send_buffer_size=2**32 - 1,
    )
    assert options == UDPSocketOptions("ipv4", False, "::", 1024, False, False, 255, 1, "", 65535, 2**32 - 1)


@pytest.mark.parametrize("name", ["local_port", "remote_port"])
@pytest.mark.parametrize("wrong", [-1, 65536, math.nan, math.inf, "many"], ids=repr)
def test_ports_among_the_options_of_udp_do_not_wrap(name: str, wrong: object) -> None:
    with pytest.raises(TypeError, match=name):
        convert_udp_socket_options(**{**NOTHING_OF_UDP, name: wrong})


def test_options_of_udp_are_converted_in_the_order_of_their_names() -> None:
    assert list(UDPSocketOptions._fields) == sorted(UDPSocketOptions._fields)
    # Each is complained of only when those before it have been found right.
    wrong: dict[str, Any] = dict.fromkeys(UDPSocketOptions._fields, object())
    right: dict[str, Any] = {"dns_query_type": "ipv4", "local_address": "::", "remote_address": "::1"}
    booleans = {"ipv6_only", "multicast_allow_address_sharing", "multicast_loopback"}
    for name in UDPSocketOptions._fields:
        if name not in booleans:  # which any object is
            with pytest.raises(TypeError, match=name):
                convert_udp_socket_options(**wrong)
        wrong[name] = right.get(name, 1)


def test_a_message_is_converted_from_an_object_or_a_mapping() -> None:
    class Message:
        data = bytearray(b"x")
        remote_port = 65536.5
        something_else = object()

    assert convert_udp_message(Message()) == UDPMessage(b"x", None, 0, None)
    given = {"data": memoryview(b"abcd").cast("I"), "remote_address": "::1", "dns_query_type": "ipv6"}
    assert convert_udp_message(given) == UDPMessage(b"abcd", "::1", None, "ipv6")
    assert convert_udp_message(None) == UDPMessage()


def test_members_of_a_message_are_read_in_the_order_of_their_names() -> None:
    order: list[str] = []

    class Message:
        def __getattr__(self, name: str) -> None:
            order.append(name)
            raise AttributeError(name)

    convert_udp_message(Message())
    assert order == ["data", "dns_query_type", "remote_address", "remote_port"]


# TCPServerSocketOptions


SERVER_NOTHING: dict[str, Any] = {"backlog": None, "ipv6_only": None, "local_port": None}


def test_server_options_are_all_optional() -> None:
    assert convert_tcp_server_socket_options(**SERVER_NOTHING) == TCPServerSocketOptions(None, None, None)


def test_server_options_are_converted() -> None:
    options = convert_tcp_server_socket_options(backlog="16", ipv6_only=math.nan, local_port=65535.9)
    assert options == TCPServerSocketOptions(16, False, 65535)
    options = convert_tcp_server_socket_options(backlog=2**32 - 1, ipv6_only="no", local_port=-0.5)
    assert options == TCPServerSocketOptions(2**32 - 1, True, 0)


@pytest.mark.parametrize("wrong", [-1, 65536, math.nan, math.inf, "http", object(), [1]], ids=repr)
def test_a_server_port_does_not_wrap_around(wrong: object) -> None:
    with pytest.raises(TypeError, match="local_port"):
        convert_tcp_server_socket_options(**{**SERVER_NOTHING, "local_port": wrong})


@pytest.mark.parametrize("wrong", [-1, 2**32, math.nan, "many", object()], ids=repr)
def test_a_backlog_has_to_be_in_range(wrong: object) -> None:
    with pytest.raises(TypeError, match="backlog"):
        convert_tcp_server_socket_options(**{**SERVER_NOTHING, "backlog": wrong})


def test_server_members_are_converted_in_the_order_of_their_names() -> None:
    order: list[str] = []

    class Number:
        def __init__(self, name: str) -> None:
            self.name = name

        def __index__(self) -> int:
            order.append(self.name)
            return 1

        def __bool__(self) -> bool:
            order.append(self.name)
            return True

    convert_tcp_server_socket_options(**{name: Number(name) for name in reversed(SERVER_NOTHING)})
    assert order == sorted(SERVER_NOTHING)


def test_the_open_info_of_a_server_can_not_be_changed() -> None:
    info = TCPServerSocketOpenInfo(ReadableStream(), "::1", 40000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.local_port = 81  # type: ignore[misc]
    assert not hasattr(info, "__dict__")
