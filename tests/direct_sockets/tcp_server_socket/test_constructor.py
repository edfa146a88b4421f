"""§4.1 The constructor of TCPServerSocket, and opening."""

from __future__ import annotations

import asyncio
import errno
import math
from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPServerSocketOpenInfo
from direct_sockets._operating_system import TCPServerParameters
from direct_sockets._tcp_server_socket import LOWEST_LOCAL_PORT
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    BOTH,
    HandmadeSystem,
    handmade_server,
)
from tests.support.recording import reason_of
from tests.support.sockets import handmade_connections
from whatwg_streams import (
    InvalidStateError,
    NetworkError,
    NotAllowedError,
    ReadableStream,
)

# The constructor: conversions, policy, and the text's own TypeErrors ---------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((None,), {}, "local_address"),
        ((b"::",), {}, "local_address"),
        ((2130706433,), {}, "local_address"),
        (("no address",), {"local_port": -1}, "local_port"),
        (("no address",), {"local_port": 65536}, "local_port"),
        (("no address",), {"local_port": math.nan}, "local_port"),
        (("no address",), {"local_port": object()}, "local_port"),
        (("no address",), {"backlog": -1}, "backlog"),
        (("no address",), {"backlog": 2**32}, "backlog"),
        (("no address",), {"backlog": "many", "local_port": -1}, "backlog"),
    ],
    ids=repr,
)
def test_conversions_come_before_the_policy(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):  # nothing is granted
        TCPServerSocket(*arguments, **options)


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("no address", {}),
        ("127.0.0.1", {"local_port": 0}),
        ("127.0.0.1", {"backlog": 0}),
        ("127.0.0.1", {"ipv6_only": True}),
        ("127.0.0.1", {"local_port": 80}),
    ],
    ids=repr,
)
def test_the_policy_comes_before_the_checks_of_the_text(address: str, options: Any) -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError, match="direct-sockets") as caught:
        TCPServerSocket(address, **options)
    assert isinstance(caught.value, PermissionError)
    assert system.calls == []


def test_the_private_feature_alone_is_not_enough() -> None:
    with PermissionsPolicy("direct-sockets-private=(self)"), pytest.raises(NotAllowedError):
        TCPServerSocket("127.0.0.1")


@pytest.mark.parametrize(
    ("address", "options", "message"),
    [
        ("example.com", {"local_port": 0, "backlog": 0, "ipv6_only": True}, "local_address"),
        ("localhost", {}, "local_address"),
        ("", {}, "local_address"),
        ("[::1]", {}, "local_address"),
        ("fe80::1%lo", {}, "local_address"),
        ("127.1", {}, "local_address"),
        ("127.0.0.1", {"local_port": 0, "backlog": 0, "ipv6_only": True}, "local_port"),
        ("127.0.0.1", {"local_port": 0.9, "backlog": 0}, "local_port"),
        ("127.0.0.1", {"local_port": 80, "backlog": 0, "ipv6_only": True}, "backlog"),
        ("127.0.0.1", {"local_port": 80, "backlog": 1, "ipv6_only": True}, "ipv6_only"),
        ("::1", {"ipv6_only": True}, "ipv6_only"),
        ("0.0.0.0", {"ipv6_only": True}, "ipv6_only"),
        ("::ffff:0.0.0.0", {"ipv6_only": True}, "ipv6_only"),
    ],
    ids=repr,
)
async def test_the_checks_of_the_text_in_their_order(address: str, options: Any, message: str) -> None:
    system = HandmadeSystem()
    with system.installed(), pytest.raises(TypeError, match=message):
        TCPServerSocket(address, **options)
    await settle()
    assert system.calls == []


def test_an_address_is_required_and_options_are_named() -> None:
    with pytest.raises(TypeError):
        TCPServerSocket()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        TCPServerSocket("127.0.0.1", 40000)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("address", "options", "asked"),
    [
        ("127.0.0.1", {}, ("127.0.0.1", TCPServerParameters(None, None, None))),
        ("127.0.0.1", {"ipv6_only": False}, ("127.0.0.1", TCPServerParameters(None, None, False))),
        ("::1", {"ipv6_only": 0}, ("::1", TCPServerParameters(None, None, False))),
        ("::", {"ipv6_only": "yes"}, ("::", TCPServerParameters(None, None, True))),
        ("0:0::0.0.0.0", {"ipv6_only": True}, ("::", TCPServerParameters(None, None, True))),
        ("10.0.0.1", {"local_port": "40000", "backlog": 1.5}, ("10.0.0.1", TCPServerParameters(40000, 1, None))),
        ("::", {"backlog": 2**32 - 1}, ("::", TCPServerParameters(None, 2**32 - 1, None))),
    ],
    ids=repr,
)
async def test_the_system_is_asked_for_what_was_converted(address: str, options: Any, asked: Any) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPServerSocket(address, **options)
    await socket.opened
    assert system.calls == [("open_server", *asked)]
    await socket.close()


# Opening ---------------------------------------------------------------------------------------------------


def test_the_port_rule_is_the_number_of_the_text() -> None:
    assert LOWEST_LOCAL_PORT == 32678


@pytest.mark.parametrize("port", [1, 80, 1023, 32677])
async def test_a_port_that_is_too_low_is_refused_and_nothing_is_opened(port: int) -> None:
    system = HandmadeSystem()
    with system.installed(BOTH):
        socket = TCPServerSocket("127.0.0.1", local_port=port)
    assert repr(socket) == "<TCPServerSocket opening>"
    with pytest.raises(NotAllowedError, match=f"port {port} ") as caught:
        await socket.opened
    assert reason_of(socket.closed) is caught.value
    await settle()
    assert system.calls == []
    assert repr(socket) == "<TCPServerSocket not opened>"
    with pytest.raises(InvalidStateError):
        await socket.close()


@pytest.mark.parametrize("port", [32678, 32768, 65535])
async def test_a_port_that_is_high_enough_is_opened(port: int) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPServerSocket("127.0.0.1", local_port=port)
    await socket.opened
    assert system.calls[0][2] == TCPServerParameters(port, None, None)
    await socket.close()


async def test_what_fails_rejects_both_promises() -> None:
    system = HandmadeSystem()
    system.failures["open_server"] = cause = OSError(errno.EADDRINUSE, "Address already in use")
    with system.installed():
        socket = TCPServerSocket("0:0::1", local_port=40000)
    with pytest.raises(NetworkError, match="listening on ::1 port 40000: the address is in use") as caught:
        await socket.opened
    assert caught.value.errno == errno.EADDRINUSE
    assert caught.value.__cause__ is cause
    assert reason_of(socket.closed) is caught.value
    assert repr(socket) == "<TCPServerSocket not opened>"


async def test_the_error_of_a_port_that_was_not_asked_for_names_none() -> None:
    system = HandmadeSystem()
    system.failures["open_server"] = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    with system.installed():
        socket = TCPServerSocket("192.0.2.1")
    with pytest.raises(NetworkError, match=r"listening on 192\.0\.2\.1: the address is not available"):
        await socket.opened


async def test_the_open_info_has_the_stream_and_the_address() -> None:
    socket, info, _ = await handmade_server()
    assert isinstance(info, TCPServerSocketOpenInfo)
    assert isinstance(info.readable, ReadableStream)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert socket.opened is socket.opened
    assert socket.closed is socket.closed
    await socket.close()


async def test_the_representation_shows_the_state() -> None:
    socket, _, _ = await handmade_server()
    assert repr(socket) == "<TCPServerSocket open, 9.9.9.9 port 40000>"
    await socket.close()
    assert repr(socket) == "<TCPServerSocket closed, 9.9.9.9 port 40000>"


@pytest.mark.parametrize("port", [None, 80])
async def test_an_opened_that_nobody_looks_at_is_reported_once_and_closed_is_not(
    loop_errors: LoopErrors, port: int | None
) -> None:
    system = HandmadeSystem()
    system.failures["open_server"] = OSError(errno.EADDRINUSE, "Address already in use")
    with system.installed():
        TCPServerSocket("127.0.0.1", local_port=port)
    await settle()
    system.failures.clear()
    [context] = loop_errors.take()
    assert isinstance(context["exception"], NotAllowedError if port else NetworkError)


def test_a_server_can_be_made_where_no_loop_runs_yet(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")
    assert system.calls == []

    async def main() -> None:
        info = await socket.opened
        system.server.come(*handmade_connections(1))
        with info.readable.get_reader() as reader:
            accepted = (await reader.read()).value
        assert accepted is not None
        await accepted.close()
        await socket.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert [call[0] for call in system.calls] == ["open_server"]


async def test_opened_can_be_awaited_by_several_and_cancelling_one_leaves_the_server_opening() -> None:
    system = HandmadeSystem()
    system.hold("open_server")
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")

    async def wait() -> TCPServerSocketOpenInfo:
        return await socket.opened

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await settle()
    first.cancel()
    await settle()
    assert first.cancelled()
    system.answer("open_server", system.server)
    assert await second is await socket.opened
    await socket.close()


async def test_whatever_goes_wrong_in_opening_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = RuntimeError("a mistake in the seam")

    async def fail(*_: object) -> None:
        raise cause

    system = HandmadeSystem()
    monkeypatch.setattr(system, "open_a_tcp_server_socket", fail)
    with system.installed(BOTH):
        socket = TCPServerSocket("127.0.0.1")
    with pytest.raises(NetworkError, match="a mistake in the seam") as caught:
        await socket.opened
    assert caught.value.__cause__ is cause
    assert reason_of(socket.closed) is caught.value
