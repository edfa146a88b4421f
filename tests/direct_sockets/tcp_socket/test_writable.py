"""§1.3 The writable side of TCPSocket, with an operating system whose answers are given by hand."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import sys
from typing import Any

import numpy as np
import pytest

from direct_sockets import TCPSocket, TCPSocketOpenInfo
from tests.support import settle
from tests.support.operating_system import (
    FIN,
    handmade_socket,
)
from tests.support.recording import PENDING, EventTrace, outcome, reason_of
from tests.support.sockets import RESET, read_everything, reason_once_settled
from whatwg_streams import (
    AbortError,
    NetworkError,
)


@pytest.mark.parametrize(
    "chunk",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        memoryview(b"a part of it")[2:6],
        array.array("I", [1, 2, 3]),
        array.array("H"),
        np.arange(6, dtype="<i2").reshape(2, 3),
        np.arange(3, dtype=">f8"),
        np.array(7),
        np.zeros((0, 3)),
        np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        b"",
    ],
    ids=lambda chunk: f"{type(chunk).__name__}-{memoryview(chunk).format}-{memoryview(chunk).shape}",
)
async def test_any_buffer_can_be_written(chunk: Any) -> None:
    socket, info, connection_ = await handmade_socket()
    writer = info.writable.get_writer()
    await writer.write(chunk)
    await writer.write(b"|")
    assert connection_.written == memoryview(chunk).tobytes() + b"|"
    writer.release_lock()
    await socket.close()


async def test_the_chunk_is_the_writers_again_once_it_was_handed_to_the_system() -> None:
    socket, info, connection_ = await handmade_socket()
    chunk = bytearray(b"abc")
    await info.writable.get_writer().write(chunk)
    chunk += b"can be resized"
    assert connection_.written == b"abc"
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_exit(socket)


@pytest.mark.parametrize(
    "chunk",
    ["text", 1, None, [1, 2], {"data": b"x"}, memoryview(b"abcd")[::2], np.arange(4)[::2], object()],
    ids=lambda chunk: type(chunk).__name__,
)
@pytest.mark.parametrize("peer_has_finished", [True, False])
async def test_a_chunk_that_is_no_buffer_ends_the_writing(chunk: Any, peer_has_finished: bool) -> None:
    socket, info, connection_ = await handmade_socket()
    if peer_has_finished:
        connection_.feed(FIN)
        await settle()
    writer = info.writable.get_writer()
    with pytest.raises(TypeError, match="buffer"):
        await writer.write(chunk)
    with pytest.raises(TypeError):
        await writer.write(b"more")
    with pytest.raises(TypeError):
        await writer.closed
    assert connection_.done("shut_down") == 1
    if not peer_has_finished:
        assert outcome(socket.closed) == PENDING
        assert connection_.done("close") == 0
        connection_.feed(b"answer", FIN)  # the other side is as it was
        assert await read_everything(info.readable) == b"answer"
    with pytest.raises(TypeError, match="buffer"):
        await socket.closed
    assert connection_.done("close") == 1
    writer.release_lock()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="classes can not be buffers before")
async def test_what_a_chunk_raises_that_is_asked_for_its_bytes_ends_the_writing() -> None:
    class Odd:
        def __buffer__(self, _: int) -> memoryview:
            raise ZeroDivisionError

    socket, info, connection_ = await handmade_socket()
    writer = info.writable.get_writer()
    promise = writer.write(Odd())
    with pytest.raises(ZeroDivisionError):
        await promise
    with pytest.raises(ZeroDivisionError):
        await writer.closed
    assert connection_.done("shut_down") == 1
    await info.readable.cancel()
    with pytest.raises(ZeroDivisionError):
        await socket.closed


async def test_a_released_memoryview_is_no_buffer() -> None:
    socket, info, _ = await handmade_socket()
    chunk = memoryview(b"abc")
    chunk.release()
    with pytest.raises(TypeError, match="buffer"):
        await info.writable.get_writer().write(chunk)
    await info.readable.cancel()
    with pytest.raises(TypeError):
        await socket.closed


async def test_writes_go_to_the_system_one_after_the_other() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    trace = EventTrace()
    for name in ("a", "b"):
        trace.watch(name, writer.write(name.encode()))
    await settle()
    assert connection_.written == b"a"
    connection_.answer("write", True)
    await settle()
    assert connection_.written == b"ab"
    connection_.answer("write", True)
    await settle()
    assert trace.events == [("a", "fulfilled"), ("b", "fulfilled")]
    writer.release_lock()
    await socket.close()


async def test_ready_tells_when_to_write_on() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    await writer.ready
    assert writer.desired_size == 1
    write = writer.write(b"a")
    await settle()
    assert writer.desired_size == 0
    assert outcome(writer.ready) == PENDING
    connection_.answer("write", True)
    await write
    await writer.ready
    writer.release_lock()
    await socket.close()


@pytest.mark.parametrize("peer_has_finished", [True, False])
async def test_an_error_of_a_write_errors_the_writing_and_leaves_the_reading(peer_has_finished: bool) -> None:
    socket, info, connection_ = await handmade_socket()
    if peer_has_finished:
        connection_.feed(FIN)
        await settle()
    connection_.failures["write"] = BrokenPipeError(errno.EPIPE, "Broken pipe")
    writer = info.writable.get_writer()
    with pytest.raises(NetworkError, match="writing: ") as caught:
        await writer.write(b"a")
    assert caught.value.errno == errno.EPIPE
    assert reason_of(writer.closed) is caught.value
    if not peer_has_finished:
        connection_.feed(b"still", FIN)
        assert await read_everything(info.readable) == b"still"
    await settle()
    assert reason_of(socket.closed) is caught.value
    assert connection_.done("close") == 1


async def test_an_error_of_a_write_that_waits() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    first, second = writer.write(b"a"), writer.write(b"b")
    await settle()
    connection_.fail("write", RESET)
    with pytest.raises(NetworkError) as caught:
        await first
    assert reason_of(second) is caught.value
    assert reason_of(writer.ready) is caught.value
    assert connection_.written == b"a"
    writer.release_lock()
    await info.readable.cancel()
    assert await reason_once_settled(socket.closed) is caught.value


async def test_a_write_whose_await_is_cancelled_stays_queued() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    writer.write(b"a")

    async def write() -> None:
        await writer.write(b"b")

    task = asyncio.create_task(write())
    await settle()
    task.cancel()
    await settle()
    assert task.cancelled()
    connection_.answer("write", True)
    await settle()
    assert connection_.written == b"ab"
    connection_.held.clear()
    connection_.answer("write", True)
    await writer.close()
    await socket_ends(socket, info)


async def socket_ends(socket: TCPSocket, info: TCPSocketOpenInfo) -> None:
    await info.readable.cancel()
    await socket.closed


@pytest.mark.parametrize("what", ["ready", "closed", "close", "socket closed", "socket close"])
async def test_cancelling_an_await_leaves_everything_as_it_is(what: str) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write", "shut_down")
    writer = info.writable.get_writer()
    write = writer.write(b"a")
    await settle()

    async def wait() -> None:
        if what == "socket closed":
            await socket.closed
        elif what == "socket close":
            writer.release_lock()
            await socket.close()
        elif what == "close":
            await writer.close()
        else:
            await (writer.ready if what == "ready" else writer.closed)

    task = asyncio.create_task(wait())
    await settle()
    task.cancel()
    await settle()
    assert task.cancelled()
    if what == "socket close":
        with pytest.raises(AbortError):
            await write
    else:
        connection_.answer("write", True)
        await write
        if what != "close":
            close = writer.close()
            await settle()
            assert outcome(close) == PENDING
        await info.readable.cancel()
    await settle()
    connection_.answer("shut_down")
    await socket.closed
