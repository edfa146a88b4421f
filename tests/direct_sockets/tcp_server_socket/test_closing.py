"""§4.4, §4.5 How TCPServerSocket is closed, cancellation, and async with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPSocket
from tests.support import settle
from tests.support.operating_system import (
    FIN,
    HandmadeServer,
    HandmadeSystem,
    handmade_server,
)
from tests.support.recording import FULFILLED, PENDING, EventTrace, outcome, reason_of
from tests.support.sockets import EBADF, handmade_connections, remote_port_of
from whatwg_streams import (
    AbortError,
    InvalidStateError,
    NetworkError,
    Promise,
)

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
        server.come(*handmade_connections(1))
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
    connections = handmade_connections(3)
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
    connections = handmade_connections(5)
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
        [connection] = handmade_connections(1)
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

    server.come(*handmade_connections(1))
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
    connections = handmade_connections(2)
    server.come(*connections)
    for number in range(2):
        accepted = (await reader.read()).value
        assert accepted is not None
        assert await remote_port_of(accepted) == 50000 + number
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


async def _enter_and_stay(socket: TCPServerSocket) -> None:
    async with socket:
        await Promise[None]()


@pytest.mark.parametrize("turns", [1, 20])
async def test_async_with_that_is_cancelled_while_opening_gives_up(turns: int) -> None:
    system = HandmadeSystem()
    system.hold("open_server")
    with system.installed():
        socket = TCPServerSocket("127.0.0.1")
    task = asyncio.create_task(_enter_and_stay(socket))
    await settle(turns)
    await _cancelled(task)
    assert isinstance(reason_of(socket.opened), AbortError)
    assert reason_of(socket.closed) is reason_of(socket.opened)
    await settle()
    assert system.calls[-1] == ("open_server cancelled",)
    assert repr(socket) == "<TCPServerSocket not opened>"


async def test_async_with_that_is_cancelled_inside_closes() -> None:
    socket, _, server = await handmade_server()
    task = asyncio.create_task(_enter_and_stay(socket))
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
    connections = handmade_connections(5)
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
