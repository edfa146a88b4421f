"""§1.6 TCPSocket, close() and §1.5 closed: https://wicg.github.io/direct-sockets/#close-method"""

from __future__ import annotations

import pytest

from direct_sockets import TCPSocket
from tests.support import settle
from tests.support.operating_system import FIN, HandmadeSystem, handmade_socket
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from tests.support.sockets import REFUSED, RESET, read_everything
from whatwg_streams import AbortError, InvalidStateError, NetworkError


async def test_before_it_is_open_or_when_it_failed_it_is_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    await settle()
    assert isinstance(reason_of(socket.close()), InvalidStateError)
    system.fail("open", REFUSED)
    await settle()
    outcome(socket.opened)
    assert isinstance(reason_of(socket.close()), InvalidStateError)


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_with_a_locked_stream_it_is_an_invalid_state_and_nothing_happens(side: str) -> None:
    socket, info, connection = await handmade_socket()
    lock = info.readable.get_reader() if side == "readable" else info.writable.get_writer()
    assert isinstance(reason_of(socket.close()), InvalidStateError)
    assert connection.done("close") == 0
    lock.release_lock()
    await socket.close()


async def test_it_cancels_and_aborts_and_closes_the_socket() -> None:
    socket, info, connection = await handmade_socket()
    promise = socket.close()
    assert promise is socket.closed
    await promise
    assert connection.done("close") == 1
    assert connection.done("shut_down") == 1
    assert await read_everything(info.readable) == b""
    writer = info.writable.get_writer()
    assert outcome(writer.write(b"a"))[0] == "rejected"
    writer.release_lock()


async def test_it_discards_what_is_queued() -> None:
    socket, info, connection = await handmade_socket()
    connection.hold("write")
    writer = info.writable.get_writer()
    writes = [writer.write(b"a"), writer.write(b"b")]
    await settle()
    writer.release_lock()
    await socket.close()
    assert [type(reason_of(one)) for one in writes] == [AbortError] * 2
    assert outcome(socket.closed) == FULFILLED


async def test_closed_waits_for_the_system() -> None:
    socket, _, connection = await handmade_socket()
    connection.hold("close")
    promise = socket.close()
    await settle()
    assert outcome(promise) == PENDING
    connection.answer("close")
    await promise


async def test_once_closed_the_same_promise_is_returned_whatever_the_locks() -> None:
    socket, info, connection = await handmade_socket()
    await socket.close()
    with info.readable.get_reader():
        assert socket.close() is socket.closed
    assert connection.done("close") == 1


async def test_closed_fulfills_by_itself_once_both_sides_have_ended() -> None:
    socket, info, connection = await handmade_socket()
    connection.feed(FIN)
    await read_everything(info.readable)
    assert outcome(socket.closed) == PENDING
    await info.writable.close()
    await settle()
    assert outcome(socket.closed) == FULFILLED
    await socket.close()


async def test_closed_rejects_after_an_error_of_either_side() -> None:
    socket, info, connection = await handmade_socket()
    connection.feed(RESET)
    await settle()
    await info.writable.close()
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)
    assert outcome(socket.close()) == outcome(socket.closed)


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_it_closes_a_socket_of_which_one_side_has_failed(side: str) -> None:
    socket, info, connection = await handmade_socket()
    if side == "readable":
        connection.feed(RESET)
    else:
        connection.failures["write"] = RESET
        with info.writable.get_writer() as writer:
            outcome(writer.write(b"abc"))
            await settle()
    await settle()
    assert outcome(socket.closed) == PENDING
    outcome(socket.close())
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)
    assert connection.done("close") == 1
