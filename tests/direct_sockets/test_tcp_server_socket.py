"""TCPServerSocket: against an operating system whose answers are given by hand, and with clients on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import math
import resource
import socket as system_socket
import struct
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPServerSocketOpenInfo, TCPSocket, _tcp_server_socket
from direct_sockets._operating_system import Endpoint, TCPServerParameters
from direct_sockets._tcp_server_socket import LOWEST_LOCAL_PORT, READABLE_HIGH_WATER_MARK
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    BOTH,
    FIN,
    ONE,
    HandmadeConnection,
    HandmadeServer,
    HandmadeSystem,
    Peer,
    handmade_server,
    refusing_port,
)
from tests.support.recording import FULFILLED, PENDING, EventTrace, outcome, reason_of
from whatwg_streams import (
    AbortError,
    InvalidStateError,
    NetworkError,
    NotAllowedError,
    Promise,
    ReadableStream,
    WritableStream,
)

ABORTED = ConnectionAbortedError(errno.ECONNABORTED, "Software caused connection abort")
EBADF = OSError(errno.EBADF, "Bad file descriptor")
LINUX = sys.platform.startswith("linux")


def _connections(count: int) -> list[HandmadeConnection]:
    return [HandmadeConnection(Endpoint("8.8.8.8", 50000 + number)) for number in range(count)]


async def _port_of(socket: TCPSocket) -> int:
    return (await socket.opened).remote_port


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
        system.server.come(*_connections(1))
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


# Accepting, with an operating system by hand ---------------------------------------------------------------


async def test_one_connection_is_accepted_ahead_and_no_more() -> None:
    assert READABLE_HIGH_WATER_MARK == 1
    socket, info, server = await handmade_server()
    await settle()
    assert server.take() == [("accept", 1)]
    server.come(*_connections(3))
    await settle()
    assert server.take() == []
    with info.readable.get_reader() as reader:
        for number in range(3):
            accepted = (await reader.read()).value
            assert accepted is not None
            assert await _port_of(accepted) == 50000 + number
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
    server.come(*_connections(3))
    sockets = [(await read).value for read in reads]
    assert [await _port_of(one) for one in sockets] == [50000, 50001, 50002]
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
    connections = _connections(7)
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
            ports.append(await _port_of(accepted))
            await accepted.close()
    assert ports == list(range(50000, 50007))
    await socket.close()


async def test_an_accepted_socket_is_open_when_it_is_read() -> None:
    socket, info, server = await handmade_server()
    [connection] = _connections(1)
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
    connections = _connections(3)
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
    server.come(*_connections(1), None)
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
        connections = _connections(2)
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


# Closing ---------------------------------------------------------------------------------------------------


async def test_close_before_it_is_open_or_after_it_failed_is_refused() -> None:
    system = HandmadeSystem()
    system.hold("open_server")
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")
    with pytest.raises(InvalidStateError, match="opened"):
        await socket.close()
    await settle()
    with pytest.raises(InvalidStateError, match="opened"):
        await socket.close()
    system.fail("open_server", OSError(errno.EADDRINUSE, "Address already in use"))
    with pytest.raises(NetworkError):
        await socket.opened
    with pytest.raises(InvalidStateError):
        await socket.close()


async def test_close_cancels_the_accept_that_is_under_way() -> None:
    socket, info, server = await handmade_server()
    await settle()
    close = socket.close()
    assert close is socket.closed
    assert outcome(close) == PENDING
    assert [call[0] for call in server.take()] == ["accept", "stop_accepting", "close"]
    await close
    assert (await info.readable.get_reader().read()).done
    assert socket.close() is close


async def test_close_twice_closes_once() -> None:
    socket, _, server = await handmade_server()
    first, second = socket.close(), socket.close()
    assert first is second
    await first
    assert server.done("close") == 1


async def test_close_waits_for_the_system() -> None:
    socket, _, server = await handmade_server()
    server.hold("close")
    close = socket.close()
    await settle()
    assert outcome(close) == PENDING
    server.answer("close")
    await close


async def test_a_close_that_the_system_complains_of_is_a_close() -> None:
    socket, _, server = await handmade_server()
    server.failures["close"] = EBADF
    await socket.close()
    assert outcome(socket.closed) == FULFILLED
    server.failures.clear()


async def test_a_locked_stream_can_not_be_closed_by_close() -> None:
    socket, info, server = await handmade_server()
    with info.readable.get_reader() as reader:
        read = reader.read()
        with pytest.raises(InvalidStateError, match="locked"):
            await socket.close()
        assert server.done("close") == 0
        server.come(*_connections(1))
        accepted = (await read).value
        assert accepted is not None
    await socket.close()
    await accepted.close()


async def test_cancelling_the_stream_closes_the_server() -> None:
    socket, info, server = await handmade_server()
    reader = info.readable.get_reader()
    read = reader.read()
    await reader.cancel("enough")
    assert (await read).done
    await socket.closed
    assert server.done("close") == 1
    assert server.done("stop_accepting") == 1


async def test_a_queued_socket_is_closed_with_the_server_and_one_that_was_read_is_not() -> None:
    socket, info, server = await handmade_server()
    connections = _connections(3)
    server.come(*connections)
    with info.readable.get_reader() as reader:
        mine = (await reader.read()).value
    assert mine is not None
    await settle()
    await socket.close()
    await settle()
    assert [one.done("close") for one in connections] == [0, 1, 0]  # the third was never accepted
    assert connections[1].done("shut_down") == 1
    connections[0].feed(b"still here", FIN)
    info_ = await mine.opened
    assert [bytes(chunk) async for chunk in info_.readable] == [b"still here"]
    await info_.writable.close()
    await mine.closed


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_socket_that_was_just_read_is_not_closed_with_the_server(count: int) -> None:
    """Not even in the same step, while the pull that brought it is still under way."""
    socket, info, server = await handmade_server()
    connections = _connections(5)
    reader = info.readable.get_reader()
    mine: list[Any] = []

    def was_read(result: Any) -> None:
        if result.value is not None:
            mine.append(result.value)
        if len(mine) < count:
            reader.read().then(was_read)
        else:
            reader.cancel()

    reader.read().then(was_read)
    await settle()
    server.come(*connections)
    await socket.closed
    await settle()
    assert len(mine) == count
    for connection in connections:
        is_mine = any(one._connection is connection for one in mine)
        assert connection.done("close") == (1 if connection.calls and not is_mine else 0)
    for one in mine:
        await one.close()


async def test_what_comes_in_the_moment_of_the_close_is_closed() -> None:
    for failing in (False, True):
        socket, _, server = await handmade_server()
        await settle()
        [connection] = _connections(1)
        if failing:
            connection.failures["close"] = EBADF
        server.come(connection)  # the answer is there, but nobody has heard of it
        await socket.close()
        await settle()
        assert connection.calls == [("close",)]
        connection.failures.clear()


async def test_an_error_in_the_moment_of_the_close_is_none() -> None:
    socket, _, server = await handmade_server()
    await settle()
    server.come(EBADF)
    await socket.close()
    await settle()
    assert outcome(socket.closed) == FULFILLED


async def test_the_end_in_the_moment_of_the_close_is_the_same_end() -> None:
    socket, _, server = await handmade_server()
    await settle()
    server.come(None)
    await socket.close()
    await settle()
    assert server.done("close") == 1


# Cancellation, and `async with` ------------------------------------------------------------------------------


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _await(promise: Promise[Any]) -> Any:
    return await promise


async def _cancelled_with_a_connection(read: Promise[Any], server: HandmadeServer, *more: Any) -> None:
    """Await the read in a task, which is cancelled when the read is fulfilled and it has not seen that yet."""
    waiting = asyncio.create_task(_await(read))
    await settle()
    trace = EventTrace()

    def cancel(_: object) -> None:
        trace.log("read", outcome(read)[0])
        for function in more:
            function()
        waiting.cancel()

    server.come(*_connections(1))
    Promise.resolve().then(cancel)
    await settle()
    assert trace.events == [("read", "fulfilled")]
    assert waiting.cancelled()


async def test_a_cancelled_read_loses_no_connection() -> None:
    socket, info, server = await handmade_server()
    reader = info.readable.get_reader()
    waiting = asyncio.create_task(_await(reader.read()))
    await settle()
    await _cancelled(waiting)
    connections = _connections(2)
    server.come(*connections)
    for number in range(2):
        accepted = (await reader.read()).value
        assert accepted is not None
        assert await _port_of(accepted) == 50000 + number
        await accepted.close()
    await _cancelled_with_a_connection(reader.read(), server)
    accepted = (await reader.read()).value
    assert accepted is not None
    await accepted.close()
    reader.release_lock()
    await socket.close()


async def test_a_connection_that_a_cancelled_task_left_is_closed_with_the_server() -> None:
    socket, info, server = await handmade_server()
    reader = info.readable.get_reader()
    read = reader.read()
    await _cancelled_with_a_connection(read, server)
    [(_, left)] = info.readable._unread  # type: ignore[misc]
    reader.release_lock()
    await socket.close()
    await left.closed
    assert repr(left).startswith("<TCPSocket closed")


async def test_a_connection_that_a_cancelled_task_leaves_after_the_close_is_closed() -> None:
    socket, info, server = await handmade_server()
    reader = info.readable.get_reader()
    read = reader.read()
    found: list[TCPSocket] = []
    await _cancelled_with_a_connection(read, server, lambda: found.append(outcome(read)[1].value), reader.cancel)  # type: ignore[attr-defined]
    await socket.closed
    await found[0].closed
    assert repr(found[0]).startswith("<TCPSocket closed")


async def test_cancelling_the_await_of_close_leaves_the_server_closing() -> None:
    socket, _, server = await handmade_server()
    server.hold("close")
    waiting = asyncio.create_task(_await(socket.close()))
    await settle()
    await _cancelled(waiting)
    server.answer("close")
    await socket.closed


async def test_async_with_opens_and_closes() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")
    async with socket as info:
        assert info is await socket.opened
    assert outcome(socket.closed) == FULFILLED
    assert system.server.done("close") == 1


async def test_async_with_closes_a_server_whose_stream_is_locked() -> None:
    socket, _, _ = await handmade_server()
    async with socket as info:
        read = info.readable.get_reader().read()
    assert (await read).done
    assert outcome(socket.closed) == FULFILLED


async def test_async_with_lets_exceptions_through_and_closes() -> None:
    socket, _, _ = await handmade_server()
    with pytest.raises(ZeroDivisionError):
        async with socket:
            raise ZeroDivisionError
    assert outcome(socket.closed) == FULFILLED


async def test_async_with_a_server_that_has_failed_says_nothing_more() -> None:
    socket, _, server = await handmade_server()
    async with socket:
        server.come(EBADF)
        await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_async_with_a_server_that_can_not_be_opened_raises() -> None:
    system = HandmadeSystem()
    system.failures["open_server"] = OSError(errno.EADDRINUSE, "Address already in use")
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")
    with pytest.raises(NetworkError):
        async with socket:
            pytest.fail("it is not open")


async def _enter(socket: TCPServerSocket) -> None:
    async with socket:
        await Promise[None]()


@pytest.mark.parametrize("turns", [1, 20])
async def test_async_with_that_is_cancelled_while_opening_gives_up(turns: int) -> None:
    system = HandmadeSystem()
    system.hold("open_server")
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")
    task = asyncio.create_task(_enter(socket))
    await settle(turns)
    await _cancelled(task)
    assert isinstance(reason_of(socket.opened), AbortError)
    assert reason_of(socket.closed) is reason_of(socket.opened)
    await settle()
    assert system.calls[-1] == ("open_server cancelled",)
    assert repr(socket) == "<TCPServerSocket not opened>"


async def test_async_with_that_is_cancelled_inside_closes() -> None:
    socket, _, server = await handmade_server()
    task = asyncio.create_task(_enter(socket))
    await settle()
    await _cancelled(task)
    assert outcome(socket.closed) == FULFILLED
    assert server.done("close") == 1


async def test_a_task_that_iterates_and_is_cancelled_closes_everything_it_has_not_seen() -> None:
    socket, info, server = await handmade_server()
    seen: list[TCPSocket] = []

    async def serve() -> None:
        async with socket, contextlib.aclosing(info.readable.values()) as sockets:
            async for one in sockets:
                seen.append(one)  # noqa: PERF401 - the loop is left in the middle

    task = asyncio.create_task(serve())
    connections = _connections(5)
    server.come(*connections[:3])
    await settle()
    server.come(*connections[3:])
    task.cancel()
    await settle(50)
    assert task.cancelled()
    for one in seen:
        await one.close()
    for connection in connections:
        assert connection.done("close") == (1 if connection.calls else 0)


# With clients on loopback ------------------------------------------------------------------------------------


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
                    found[await _port_of(accepted)] = accepted
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
                    sockets[await _port_of(accepted)] = accepted
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
async def test_a_server_without_descriptors_waits_and_goes_on() -> None:
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
                                reads = [reader.read(), reader.read()]
                                await _until(lambda: socket._server._timer is not None)  # type: ignore[union-attr]
                                await settle(50)
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
                server.come(*_connections(1))
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
