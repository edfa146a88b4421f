"""The fast path of opening: the streams of a socket are made when they are asked for."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import gc
from collections.abc import Iterator

import pytest

from direct_sockets import TCPSocket, TCPSocketOpenInfo
from tests.support import settle
from tests.support.operating_system import Call, HandmadeConnection, HandmadeSystem
from tests.support.recording import FULFILLED, outcome, reason_of
from whatwg_streams import AbortError, NetworkError
from whatwg_streams._platform import fast_paths


@pytest.fixture(autouse=True)
def _fast_paths() -> Iterator[None]:
    before = fast_paths.set_enabled(True)
    yield
    fast_paths.set_enabled(before)


async def _opened() -> tuple[TCPSocket, TCPSocketOpenInfo, HandmadeConnection]:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    info = await socket.opened
    await settle()
    return socket, info, system.connection


async def test_nothing_is_read_before_the_streams_are_asked_for() -> None:
    socket, info, connection = await _opened()
    connection.feed(b"hello")
    await settle()
    assert connection.calls == []
    with info.readable.get_reader() as reader:
        assert bytes((await reader.read()).value) == b"hello"
    assert info.writable is info.writable
    await socket.close()


async def test_a_socket_that_is_closed_before_needs_no_streams() -> None:
    socket, _, connection = await _opened()
    await socket.close()
    assert outcome(socket.closed) == FULFILLED
    assert connection.calls == [("shut_down",), ("close",)]
    await socket.close()
    assert connection.done("close") == 1


async def test_the_streams_of_a_socket_that_was_closed_are_closed() -> None:
    socket, info, connection = await _opened()
    await socket.close()
    with info.readable.get_reader() as reader:
        assert (await reader.read()).done
    with info.writable.get_writer() as writer:
        with pytest.raises(AbortError):
            await writer.write(b"late")
        with pytest.raises(AbortError):
            await writer.closed
    await settle()
    assert connection.done("close") == 1
    assert connection.done("write") == 0
    assert outcome(socket.closed) == FULFILLED


async def test_a_socket_that_is_closed_twice_at_once_is_closed_once() -> None:
    socket, _, connection = await _opened()
    assert socket.close() is socket.close()
    await socket.closed
    assert connection.done("close") == 1


async def test_a_lock_of_a_stream_that_was_asked_for_counts() -> None:
    socket, info, _ = await _opened()
    reader = info.readable.get_reader()
    with pytest.raises(Exception, match="locked"):
        await socket.close()
    reader.release_lock()
    await socket.close()


async def test_leaving_a_block_closes_the_socket() -> None:
    system = HandmadeSystem()
    with system.installed():
        async with TCPSocket("example.com", 80) as info:
            assert info.remote_port == 80
    assert system.connection.done("close") == 1


async def test_who_leaves_a_block_waits_for_nothing_where_the_streams_have_ended() -> None:
    socket, info, connection = await _opened()
    turns: list[str] = []
    async with socket:
        connection.feed(b"")
        with info.readable.get_reader() as reader:
            assert (await reader.read()).done
        await settle()
        asyncio.get_running_loop().call_soon(turns.append, "turn")
    assert turns == []
    assert connection.done("close") == 1
    assert outcome(socket.closed) == FULFILLED


@pytest.mark.parametrize("failing", [None, "shut_down", "close"])
async def test_who_leaves_a_block_aborts_what_is_not_written_any_more(failing: Call | None) -> None:
    socket, info, connection = await _opened()
    if failing is not None:
        connection.failures[failing] = OSError(errno.ENOTCONN, "not connected")
    async with socket:
        connection.feed(b"")
        with info.readable.get_reader() as reader:
            assert (await reader.read()).done
        await settle()
        connection.take()
    assert connection.take() == [("shut_down",), ("close",)]
    assert outcome(socket.closed) == FULFILLED
    with info.writable.get_writer() as writer:
        assert isinstance(reason_of(writer.closed), AbortError)


async def test_who_has_looked_at_closed_sees_it_settled_in_a_task_of_its_own() -> None:
    socket, info, connection = await _opened()
    closed = socket.closed
    async with socket:
        connection.feed(b"")
        with info.readable.get_reader() as reader:
            assert (await reader.read()).done
        await settle()
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "turn")
    assert turns == ["turn"]
    assert socket.closed is closed
    assert outcome(closed) == FULFILLED


async def test_a_write_that_failed_before_a_block_is_left_rejects_closed() -> None:
    socket, info, connection = await _opened()
    connection.failures["write"] = ConnectionResetError("reset")
    with info.writable.get_writer() as writer:
        async with socket:
            connection.feed(b"")
            with info.readable.get_reader() as reader:
                assert (await reader.read()).done
            await settle()
            with pytest.raises(NetworkError):
                await writer.write(b"hello")
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_the_open_info_looks_like_any_other() -> None:
    socket, info, _ = await _opened()
    assert isinstance(info, TCPSocketOpenInfo)
    assert repr(info).startswith("TCPSocketOpenInfo(readable=<ReadableStream")
    assert info.local_address == "9.9.9.9"
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.remote_port = 1  # type: ignore[misc]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        info.nothing  # type: ignore[attr-defined]  # noqa: B018
    await socket.close()
    gc.collect()
