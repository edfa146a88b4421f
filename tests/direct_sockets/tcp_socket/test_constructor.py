"""§1.1 The constructor of TCPSocket, and opening."""

from __future__ import annotations

import asyncio
import errno
import math
from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPSocket, TCPSocketOpenInfo
from direct_sockets._operating_system import TCPConnectionParameters
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    BOTH,
    FIN,
    ONE,
    HandmadeSystem,
    handmade_socket,
)
from tests.support.recording import reason_of
from tests.support.sockets import read_everything
from whatwg_streams import (
    NetworkError,
    NotAllowedError,
    ReadableStream,
    WritableStream,
)

# The constructor: conversions, policy, and the text's own TypeErrors ---------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((None, 80), {}, "remote_address"),
        ((b"example.com", 80), {}, "remote_address"),
        (("example.com", object()), {}, "remote_port"),
        (("example.com", [80]), {}, "remote_port"),
        (("example.com", 80), {"keep_alive_delay": -1}, "keep_alive_delay"),
        (("example.com", 80), {"keep_alive_delay": 2**32}, "keep_alive_delay"),
        (("example.com", 80), {"send_buffer_size": math.nan}, "send_buffer_size"),
        (("example.com", 80), {"receive_buffer_size": "much"}, "receive_buffer_size"),
        (("example.com", 80), {"dns_query_type": "ipv5"}, "dns_query_type"),
    ],
    ids=repr,
)
def test_conversions_come_before_the_policy(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):  # nothing is granted
        TCPSocket(*arguments, **options)


@pytest.mark.parametrize("options", [{"keep_alive_delay": 999}, {"send_buffer_size": 0}, {"receive_buffer_size": 0}])
def test_the_policy_comes_before_the_checks_of_the_text(options: Any) -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError, match="direct-sockets") as caught:
        TCPSocket("example.com", 80, **options)
    assert isinstance(caught.value, PermissionError)
    assert system.calls == []


def test_the_private_feature_alone_is_not_enough() -> None:
    with PermissionsPolicy("direct-sockets-private=(self)"), pytest.raises(NotAllowedError):
        TCPSocket("example.com", 80)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_alive_delay": 0, "send_buffer_size": 0, "receive_buffer_size": 0}, "keep_alive_delay"),
        ({"keep_alive_delay": 999.9, "send_buffer_size": 0}, "keep_alive_delay"),
        ({"keep_alive_delay": 1000, "send_buffer_size": 0.5, "receive_buffer_size": 0}, "send_buffer_size"),
        ({"send_buffer_size": 1, "receive_buffer_size": 0}, "receive_buffer_size"),
    ],
    ids=repr,
)
async def test_the_checks_of_the_text_in_their_order(options: Any, message: str) -> None:
    system = HandmadeSystem()
    with system.installed(), pytest.raises(TypeError, match=message):
        TCPSocket("example.com", 80, **options)
    await settle()
    assert system.calls == []


def test_an_address_and_a_port_are_required() -> None:
    with pytest.raises(TypeError):
        TCPSocket("example.com")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        TCPSocket("example.com", 80, True)  # type: ignore[call-arg]


async def test_the_system_is_asked_for_what_was_converted() -> None:
    system = HandmadeSystem("8.8.8.8", "2001:4860:4860::8888")
    with system.installed():
        socket = TCPSocket(
            "example.com",
            65536 + 443,
            send_buffer_size=1.5,  # type: ignore[arg-type]
            receive_buffer_size=4096,
            no_delay="yes",  # type: ignore[arg-type]
            keep_alive_delay=1000,
            dns_query_type="ipv6",
        )
    await socket.opened
    assert system.calls == [
        ("resolve", "example.com", "ipv6"),
        ("open", ("8.8.8.8", "2001:4860:4860::8888"), 443, TCPConnectionParameters(1, 4096, True, 1000)),
    ]
    await socket.close()


async def test_without_options_the_system_is_asked_for_its_defaults() -> None:
    system = HandmadeSystem()
    socket, _, _ = await handmade_socket(system)
    assert system.calls[0] == ("resolve", "example.com", None)
    assert system.calls[1][3] == TCPConnectionParameters(None, None, False, None)
    await socket.close()


# Opening ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["8.8.8.8", "192.168.0.1"],
        ["fe80::1", "2001:4860:4860::8888"],
        ["::ffff:127.0.0.1"],
        ["0.0.0.0"],
    ],
    ids=repr,
)
async def test_any_private_address_refuses_and_nothing_is_opened(addresses: list[str]) -> None:
    system = HandmadeSystem(*addresses)
    with system.installed(ONE):
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NotAllowedError, match="direct-sockets-private"):
        await socket.opened
    with pytest.raises(NotAllowedError):
        await socket.closed
    await settle()
    assert system.calls == [("resolve", "example.com", None)]


async def test_a_grant_for_the_private_network_allows_it() -> None:
    system = HandmadeSystem("8.8.8.8", "127.0.0.1")
    with system.installed(BOTH):
        socket = TCPSocket("example.com", 80)
    await socket.opened
    assert system.calls[1][1] == ("8.8.8.8", "127.0.0.1")
    await socket.close()


async def test_the_policy_of_the_construction_counts() -> None:
    system = HandmadeSystem("127.0.0.1")
    system.hold("resolve")
    with system.installed(BOTH):
        socket = TCPSocket("example.com", 80)
    with PermissionsPolicy(""):
        await settle()
        system.answer("resolve", system.addresses)
        await socket.opened
        await socket.close()


@pytest.mark.parametrize("call", ["resolve", "open"])
async def test_what_fails_rejects_both_promises(call: Any) -> None:
    system = HandmadeSystem()
    system.failures[call] = cause = OSError(errno.ENETUNREACH, "Network is unreachable")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError, match="connecting to example") as caught:
        await socket.opened
    assert caught.value.errno == errno.ENETUNREACH
    assert caught.value.__cause__ is cause
    assert isinstance(caught.value, OSError)
    assert reason_of(socket.closed) is caught.value
    assert repr(socket) == "<TCPSocket not opened>"


async def test_the_open_info_has_streams_and_addresses() -> None:
    socket, info, _ = await handmade_socket()
    assert isinstance(info, TCPSocketOpenInfo)
    assert isinstance(info.readable, ReadableStream)
    assert isinstance(info.writable, WritableStream)
    assert (info.remote_address, info.remote_port) == ("8.8.8.8", 80)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert socket.opened is socket.opened
    assert socket.closed is socket.closed
    await socket.close()


async def test_the_representation_shows_the_state() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    assert repr(socket) == "<TCPSocket opening>"
    await socket.opened
    assert repr(socket) == "<TCPSocket open, 8.8.8.8 port 80>"
    await socket.close()
    assert repr(socket) == "<TCPSocket closed, 8.8.8.8 port 80>"


async def test_an_opened_that_nobody_looks_at_is_reported_once_and_closed_is_not(loop_errors: LoopErrors) -> None:
    system = HandmadeSystem()
    system.failures["open"] = OSError(errno.ECONNREFUSED, "Connection refused")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    await settle()
    del socket
    system.failures.clear()
    [context] = loop_errors.take()
    assert isinstance(context["exception"], NetworkError)
    await settle()
    assert loop_errors.take() == []


async def test_a_refusal_that_nobody_looks_at_is_reported_once(loop_errors: LoopErrors) -> None:
    system = HandmadeSystem("127.0.0.1")
    with system.installed():
        TCPSocket("example.com", 80)
    await settle()
    [context] = loop_errors.take()
    assert isinstance(context["exception"], NotAllowedError)


def test_a_socket_can_be_made_where_no_loop_runs_yet(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    assert repr(socket) == "<TCPSocket opening>"
    assert system.calls == []

    async def main() -> None:
        info = await socket.opened
        system.connection.feed(b"hello", FIN)
        assert await read_everything(info.readable) == b"hello"
        await info.writable.close()
        await socket.closed

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert [call[0] for call in system.calls] == ["resolve", "open"]


def test_a_refusal_by_the_policy_needs_no_loop() -> None:
    with PermissionsPolicy(""), pytest.raises(NotAllowedError):
        TCPSocket("example.com", 80)


async def test_opened_can_be_awaited_by_several_and_cancelling_one_leaves_the_socket_opening() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def wait() -> TCPSocketOpenInfo:
        return await socket.opened

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await settle()
    first.cancel()
    await settle()
    assert first.cancelled()
    system.answer("open", system.connection)
    assert await second is await socket.opened
    await socket.close()


async def test_whatever_goes_wrong_in_opening_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = RuntimeError("a mistake in the seam")

    async def fail(*_: object) -> None:
        raise cause

    system = HandmadeSystem()
    monkeypatch.setattr(system, "open_a_tcp_socket", fail)
    with system.installed(BOTH):
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError, match="a mistake in the seam") as caught:
        await socket.opened
    assert caught.value.__cause__ is cause
    assert reason_of(socket.closed) is caught.value
