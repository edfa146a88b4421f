"""§1.3 TCPSocket, [[writable]]: https://wicg.github.io/direct-sockets/#writable-attribute-internal"""

from __future__ import annotations

import errno
from array import array
from typing import Any

import pytest

from tests.support import settle
from tests.support.operating_system import FIN, handmade_socket
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of, rejected
from tests.support.sockets import RESET, read_everything
from whatwg_streams import NetworkError

ERROR = ValueError("the reason")


@pytest.mark.parametrize("chunk", [b"abc", bytearray(b"abc"), memoryview(b"abc"), array("H", [1, 2])], ids=repr)
async def test_any_buffer_is_written(chunk: Any) -> None:
    socket, info, connection = await handmade_socket()
    with info.writable.get_writer() as writer:
        await writer.write(chunk)
    assert connection.written == bytes(chunk)
    await socket.close()


@pytest.mark.parametrize("chunk", ["text", None, 3, [1]], ids=repr)
async def test_anything_else_is_a_type_error_and_ends_the_writing(chunk: Any) -> None:
    socket, info, connection = await handmade_socket()
    writer = info.writable.get_writer()
    write = writer.write(chunk)
    await settle()
    assert isinstance(reason_of(write), TypeError)
    assert isinstance(reason_of(writer.closed), TypeError)
    assert connection.done("write") == 0
    writer.release_lock()
    await info.readable.cancel()
    await settle()
    assert isinstance(reason_of(socket.closed), TypeError)


async def test_a_write_waits_for_the_system_and_the_next_one_for_it() -> None:
    socket, info, connection = await handmade_socket()
    connection.hold("write")
    with info.writable.get_writer() as writer:
        writes = [writer.write(b"a"), writer.write(b"b")]
        await settle()
        assert connection.done("write") == 1
        connection.answer("write", True)
        await settle()
        assert [outcome(one) for one in writes] == [FULFILLED, PENDING]
        connection.answer("write", True)
        await settle()
        assert outcome(writes[1]) == FULFILLED
    connection.held.clear()
    await socket.close()


async def test_an_error_rejects_the_write_with_a_network_error_and_leaves_the_reading() -> None:
    socket, info, connection = await handmade_socket()
    connection.failures["write"] = BrokenPipeError(errno.EPIPE, "the peer reads no more")
    writer = info.writable.get_writer()
    write = writer.write(b"abc")
    await settle()
    assert isinstance(reason_of(write), NetworkError)
    assert reason_of(writer.closed) is reason_of(write)
    assert outcome(socket.closed) == PENDING
    connection.feed(b"still here", FIN)
    assert await read_everything(info.readable) == b"still here"
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_closing_shuts_down_for_writing_and_the_reading_goes_on() -> None:
    socket, info, connection = await handmade_socket()
    connection.hold("shut_down")
    closing = info.writable.close()
    await settle()
    assert connection.done("shut_down") == 1
    assert outcome(closing) == PENDING
    connection.answer("shut_down")
    await closing
    assert connection.done("close") == 0
    connection.feed(b"an answer", FIN)
    assert await read_everything(info.readable) == b"an answer"
    await settle()
    assert outcome(socket.closed) == FULFILLED


async def test_aborting_shuts_down_for_writing_too() -> None:
    socket, info, connection = await handmade_socket()
    await info.writable.abort(ERROR)
    assert connection.done("shut_down") == 1
    assert outcome(socket.closed) == PENDING
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == rejected(ERROR)


async def test_aborting_has_the_write_under_way_return() -> None:
    socket, info, connection = await handmade_socket()
    connection.hold("write")
    writer = info.writable.get_writer()
    writes = [writer.write(b"a"), writer.write(b"b")]
    await settle()
    await writer.abort(ERROR)
    assert connection.done("stop_writing") == 1
    assert [outcome(one) for one in writes] == [rejected(ERROR)] * 2
    writer.release_lock()
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == rejected(ERROR)


async def test_the_error_of_the_other_side_comes_first_in_closed() -> None:
    socket, info, connection = await handmade_socket()
    connection.feed(RESET)
    await settle()
    await info.writable.abort(ERROR)
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)
