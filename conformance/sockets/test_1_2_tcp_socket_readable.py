"""§1.2 TCPSocket, [[readable]]: https://wicg.github.io/direct-sockets/#readable-attribute-internal"""

from __future__ import annotations

from tests.support import settle
from tests.support.operating_system import FIN, handmade_socket
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from tests.support.sockets import RESET, read_everything
from whatwg_streams import NetworkError


async def test_bytes_are_read_as_they_come_and_the_fin_is_the_end() -> None:
    socket, info, connection = await handmade_socket()
    connection.feed(b"abc", b"def", FIN)
    assert await read_everything(info.readable) == b"abcdef"
    assert outcome(socket.closed) == PENDING  # one can still write
    await socket.close()


async def test_the_system_is_asked_for_what_there_is_room_for_and_one_read_at_a_time() -> None:
    socket, _, connection = await handmade_socket()
    await settle()
    reads = [call for call in connection.calls if call[0] == "read"]
    assert len(reads) == 1
    connection.feed(b"abc")
    await settle()
    assert len([call for call in connection.calls if call[0] == "read"]) == 2
    await socket.close()


async def test_a_reader_with_a_buffer_gets_the_bytes_in_it_and_no_more_than_came() -> None:
    socket, info, connection = await handmade_socket()
    with info.readable.get_reader(mode="byob") as reader:
        memory = bytearray(16)
        read = reader.read(memory)
        connection.feed(b"abcd")
        result = await read
        assert result.value is not None
        assert bytes(result.value) == b"abcd"
        assert result.value.obj is memory
    await socket.close()


async def test_an_error_errors_the_stream_with_a_network_error_and_leaves_the_writing() -> None:
    socket, info, connection = await handmade_socket()
    connection.feed(RESET)
    reader = info.readable.get_reader()
    read = reader.read()
    await settle()
    assert isinstance(reason_of(read), NetworkError)
    reader.release_lock()
    assert outcome(socket.closed) == PENDING
    with info.writable.get_writer() as writer:
        await writer.write(b"abc")
        await writer.close()
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)
    assert connection.done("close") == 1


async def test_cancelling_leaves_the_socket_open_while_one_can_write() -> None:
    socket, info, connection = await handmade_socket()
    await info.readable.cancel()
    assert outcome(socket.closed) == PENDING
    assert connection.done("close") == 0
    await info.writable.close()
    await settle()
    assert outcome(socket.closed) == FULFILLED
    assert connection.done("close") == 1


async def test_the_end_after_the_writing_has_ended_closes_the_socket() -> None:
    socket, info, connection = await handmade_socket()
    await info.writable.close()
    connection.feed(b"last words", FIN)
    assert await read_everything(info.readable) == b"last words"
    await settle()
    assert outcome(socket.closed) == FULFILLED
    assert connection.done("close") == 1


async def test_a_fin_waits_until_the_bytes_before_it_are_read() -> None:
    socket, info, connection = await handmade_socket()
    await info.writable.close()
    connection.feed(b"abc", FIN)
    await settle()
    assert outcome(socket.closed) == PENDING
    assert await read_everything(info.readable) == b"abc"
    await settle()
    assert outcome(socket.closed) == FULFILLED


async def test_a_read_into_a_buffer_at_the_end() -> None:
    socket, info, connection = await handmade_socket()
    with info.readable.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4))
        connection.feed(FIN)
        result = await read
        assert result.done
        assert len(result.value or b"") == 0
    await socket.close()
