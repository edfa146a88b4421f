"""§2.5, §2.6 How UDPSocket is closed, and async with."""

from __future__ import annotations

import asyncio
import copy
import errno
import pickle

import pytest

from direct_sockets import (
    UDPMessage,
    UDPSocket,
)
from tests.support import settle
from tests.support.operating_system import (
    BOTH,
    ONE,
    HandmadeSystem,
    handmade_udp_socket,
)
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from tests.support.sockets import BOUND, CONNECTED, REFUSED
from whatwg_streams import (
    AbortError,
    InvalidStateError,
    NetworkError,
    NotAllowedError,
)

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


async def test_a_socket_is_not_copied() -> None:
    with HandmadeSystem().installed(BOTH):
        socket = UDPSocket(**BOUND)
    async with socket:
        for make in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="a UDPSocket can be neither copied nor pickled"):
                make(socket)
