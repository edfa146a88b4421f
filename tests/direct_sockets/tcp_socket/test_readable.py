"""§1.2 The readable side of TCPSocket, with an operating system whose answers are given by hand."""

from __future__ import annotations

import array
import asyncio
import errno
import struct
from typing import Any

import pytest

from direct_sockets._read_size import LEAST_ROOM, MOST_FOR_A_SOCKET, READABLE_HIGH_WATER_MARK
from tests.support import settle
from tests.support.operating_system import (
    FIN,
    handmade_socket,
)
from tests.support.recording import PENDING, outcome, reason_of
from tests.support.sockets import RESET, read_everything, reason_once_settled
from tests.support.sources import read_on
from whatwg_streams import (
    NetworkError,
    Promise,
    TransformStream,
    WritableStream,
)


async def test_the_stream_is_filled_up_to_its_mark_and_no_further() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    assert connection_.take() == [("read", 65536)]
    connection_.feed(bytes(50000))
    await settle()
    assert connection_.take() == [("read", 15536)]
    connection_.feed(bytes(15536))
    await settle()
    assert connection_.take() == []
    reader = info.readable.get_reader()
    assert len((await reader.read()).value) == 50000
    await settle()
    assert connection_.take() == [("read", 50000)]
    reader.release_lock()
    await socket.close()


async def test_small_gaps_are_not_filled_one_by_one() -> None:
    """A reader that is slower than the peer would get ever smaller chunks."""
    socket, info, connection_ = await handmade_socket()
    await settle()
    room = READABLE_HIGH_WATER_MARK
    while room >= LEAST_ROOM:
        assert connection_.take() == [("read", room)]
        connection_.feed(bytes(1024))
        await settle()
        room -= 1024
    assert connection_.take() == []
    with info.readable.get_reader() as reader:
        await reader.read()
        await settle()
        assert connection_.take() == [("read", room + 1024)]
    await socket.close()


@pytest.mark.usefixtures("both_ways")
async def test_a_pipe_to_another_socket_reads_much_at_once_as_long_as_its_peer_fills_the_reads() -> None:
    source, info, connection = await handmade_socket()
    sink, sink_info, sink_connection = await handmade_socket()
    piped = info.readable.pipe_to(sink_info.writable)
    await settle()
    connection.feed(bytes(READABLE_HIGH_WATER_MARK - 1))
    await settle()
    connection.feed(bytes(READABLE_HIGH_WATER_MARK))
    await settle()
    assert connection.take() == [("read", READABLE_HIGH_WATER_MARK)] * 2 + [("read", MOST_FOR_A_SOCKET)]
    connection.feed(bytes(MOST_FOR_A_SOCKET))
    await settle()
    connection.feed(b"short")
    await settle()
    assert connection.take() == [("read", MOST_FOR_A_SOCKET), ("read", READABLE_HIGH_WATER_MARK)]
    connection.feed(FIN)
    await piped
    assert len(sink_connection.written) == 2 * READABLE_HIGH_WATER_MARK - 1 + MOST_FOR_A_SOCKET + len(b"short")
    await source.close()
    await sink.close()


@pytest.mark.usefixtures("both_ways")
async def test_while_the_other_socket_is_slow_a_pipe_reads_much_at_once_no_more_than_once() -> None:
    source, info, connection = await handmade_socket()
    sink, sink_info, sink_connection = await handmade_socket()
    sink_connection.hold("write")
    piped = info.readable.pipe_to(sink_info.writable)
    connection.feed(*[bytes(MOST_FOR_A_SOCKET)] * 4)
    await settle()
    assert connection.take() == [("read", READABLE_HIGH_WATER_MARK), ("read", MOST_FOR_A_SOCKET)]
    sink_connection.answer("write", True)
    await settle()
    assert connection.take() == [("read", MOST_FOR_A_SOCKET)]
    connection.feed(FIN)
    sink_connection.held.clear()
    sink_connection.answer("write", True)
    await piped
    await source.close()
    await sink.close()


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("reader", ["a default reader", "a pipe to a stream of the user's", "a transform"])
async def test_others_are_given_no_more_at_once_than_there_is_room_for(reader: str) -> None:
    socket, info, connection = await handmade_socket()
    sizes: list[int] = []
    sink = WritableStream({"write": lambda chunk: sizes.append(len(chunk))})
    connection.feed(*[bytes(READABLE_HIGH_WATER_MARK)] * 4, FIN)
    if reader == "a default reader":
        sizes += [len(chunk) async for chunk in info.readable]
    elif reader == "a transform":
        await info.readable.pipe_through(TransformStream()).pipe_to(sink)
    else:
        await info.readable.pipe_to(sink)
    assert sizes == [READABLE_HIGH_WATER_MARK] * 4
    assert max(call[1] for call in connection.calls if call[0] == "read") == READABLE_HIGH_WATER_MARK  # type: ignore[type-var]
    await socket.close()


async def test_a_waiting_reader_has_the_whole_mark_read_for_it() -> None:
    socket, info, connection_ = await handmade_socket()
    reader = info.readable.get_reader()
    reads = [reader.read() for _ in range(3)]
    await settle()
    assert connection_.take() == [("read", 65536)]
    connection_.feed(b"a", b"bc", b"def")
    assert [bytes((await read).value) for read in reads] == [b"a", b"bc", b"def"]
    reader.release_lock()
    await socket.close()


async def test_a_full_queue_and_a_byob_reader_ask_for_at_least_one_byte() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    with info.readable.get_reader(mode="byob") as reader:
        connection_.feed(bytes(READABLE_HIGH_WATER_MARK))
        await settle()
        assert connection_.take() == [("read", READABLE_HIGH_WATER_MARK)]
        read = reader.read(bytearray(READABLE_HIGH_WATER_MARK + 1), min=READABLE_HIGH_WATER_MARK + 1)
        await settle()
        assert connection_.take() == [("read_into", 1)]
        connection_.feed(b"!")
        assert bytes((await read).value or b"")[-2:] == b"\0!"
    await socket.close()


async def test_a_byob_reader_has_the_bytes_read_into_its_own_memory() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"first")
    reader = info.readable.get_reader(mode="byob")
    await reader.read(bytearray(5))
    memory = bytearray(16)
    await settle()
    connection_.take()
    connection_.feed(b"??")  # for the read without a view, which is under way
    await settle()
    read = reader.read(memory)
    value, done = await read
    assert value is not None
    assert (value.obj is memory, value.tobytes(), done) == (True, b"??", False)
    read = reader.read(memory)
    await settle()
    connection_.feed(b"four")
    value, done = await read
    assert value is not None
    assert (value.obj is memory, value.tobytes(), done) == (True, b"four", False)
    reader.release_lock()
    await socket.close()


async def test_what_a_read_into_brings_is_delivered_and_no_more() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(bytes(READABLE_HIGH_WATER_MARK))
    await settle()
    with info.readable.get_reader(mode="byob") as reader:
        await reader.read(bytearray(READABLE_HIGH_WATER_MARK), min=READABLE_HIGH_WATER_MARK)
        connection_.feed(b"x")
        await reader.read(bytearray(1))
        await settle()
        connection_.feed(b"y")
        await reader.read(bytearray(1))
        connection_.calls.clear()
        read = reader.read(bytearray(16))
        await settle()
        connection_.feed(b"1234")
        value = (await read).value
        assert value is not None
        assert value.tobytes() == b"1234"
    await socket.close()


async def test_a_reader_that_comes_with_a_small_buffer_gets_what_fits_and_then_the_rest() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    assert connection_.take() == [("read", 65536)]
    with info.readable.get_reader(mode="byob") as reader:
        first = reader.read(bytearray(4))
        await settle()
        connection_.feed(b"0123456789")
        got = [bytes((await first).value or b"")]
        got += [bytes((await reader.read(bytearray(size))).value or b"") for size in (1, 2, 100)]
    assert got == [b"0123", b"4", b"56", b"789"]
    await socket.close()


async def test_the_surplus_goes_to_whichever_reader_comes() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    reader = info.readable.get_reader(mode="byob")
    read = reader.read(bytearray(4))
    await settle()
    connection_.feed(b"0123456789", FIN)
    assert bytes((await read).value or b"") == b"0123"
    reader.release_lock()
    assert await read_everything(info.readable) == b"456789"
    await info.writable.close()
    await socket.closed


async def test_the_surplus_comes_before_the_end() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    with info.readable.get_reader(mode="byob") as reader:
        reads = [reader.read(bytearray(3)) for _ in range(4)]
        await settle()
        connection_.feed(b"0123456789", FIN)
        results = [await read for read in reads]
        assert [bytes(result.value or b"") for result in results] == [b"012", b"345", b"678", b"9"]
        assert (await reader.read(bytearray(1))).done
    await info.writable.close()
    await socket.closed


async def test_min_is_waited_for_over_several_reads_of_the_system() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"a")
    with info.readable.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(10), min=4)
        await settle()
        for data in (b"b", b"c"):
            connection_.feed(data)
            await settle()
            assert outcome(read) == PENDING
        connection_.feed(b"defgh")
        value, done = await read
        assert value is not None
        assert (value.tobytes(), done) == (b"abcdefgh", False)
    await socket.close()


async def test_at_the_end_a_read_with_min_gets_what_there_is() -> None:
    socket, info, connection_ = await handmade_socket()
    with info.readable.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(10), min=10)
        await settle()
        connection_.feed(b"abc", FIN)
        value, done = await read
        assert value is not None
        assert (value.tobytes(), done) == (b"abc", True)
    await info.writable.close()
    await socket.closed


async def test_an_end_in_the_middle_of_an_item_errors_the_stream() -> None:
    socket, info, connection_ = await handmade_socket()
    with info.readable.get_reader(mode="byob") as reader:
        read = reader.read(array.array("I", [0, 0]), min=1)
        await settle()
        connection_.feed(b"abc", FIN)
        with pytest.raises(TypeError, match="middle of an item"):
            await read
        assert isinstance(reason_of(reader.closed), TypeError)
    await info.writable.close()
    with pytest.raises(TypeError, match="middle of an item"):
        await socket.closed
    assert connection_.done("close") == 1


async def test_items_of_several_bytes_are_put_together() -> None:
    socket, info, connection_ = await handmade_socket()
    with info.readable.get_reader(mode="byob") as reader:
        read = reader.read(array.array("H", [0] * 4), min=2)
        await settle()
        data = struct.pack("@3H", 1, 2, 3)
        connection_.feed(data[:3])
        await settle()
        connection_.feed(data[3:5])
        value = (await read).value
        assert value is not None
        assert value.tolist() == [1, 2]
        read = reader.read(array.array("H", [0]))
        await settle()
        connection_.feed(data[5:])
        value = (await read).value
        assert value is not None
        assert value.tolist() == [3]
    await socket.close()


@pytest.mark.parametrize("immediate", [True, False])
async def test_one_read_of_the_system_is_under_way_at_a_time(immediate: bool) -> None:
    # The connection asserts it.
    socket, info, connection_ = await handmade_socket()
    pieces = [bytes([number]) * (1 + 37 * number % 101) for number in range(200)]
    if immediate:
        connection_.feed(*pieces, FIN)
    reader = info.readable.get_reader()
    reads = [reader.read() for _ in range(100)]
    if not immediate:
        for piece in (*pieces, FIN):
            connection_.feed(piece)
            await settle(1)
    data = b"".join([bytes((await read).value) for read in reads])
    data += b"".join([bytes(chunk) for chunk in await read_on(reader)])
    assert data == b"".join(pieces)
    reader.release_lock()
    await info.writable.close()
    await socket.closed


async def test_a_fin_does_not_lose_what_came_before_it() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"one", b"two", FIN)
    await settle()
    with info.readable.get_reader() as reader:
        assert outcome(reader.closed) == PENDING
        assert bytes((await reader.read()).value) == b"one"
        await settle()
        assert outcome(reader.closed) == PENDING
        assert bytes((await reader.read()).value) == b"two"
        assert (await reader.read()).done
        await reader.closed
    await info.writable.close()
    await socket.closed
    assert connection_.done("close") == 1


async def test_a_fin_with_unread_bytes_and_a_byob_reader() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"hello", FIN)
    await settle()
    with info.readable.get_reader(mode="byob") as reader:
        assert bytes((await reader.read(bytearray(3))).value or b"") == b"hel"
        assert bytes((await reader.read(bytearray(3))).value or b"") == b"lo"
        assert (await reader.read(bytearray(3))).done
    await info.writable.close()
    await socket.closed


async def test_a_fin_with_a_full_queue() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(bytes(READABLE_HIGH_WATER_MARK), b"rest", FIN)
    await settle()
    assert len(await read_everything(info.readable)) == READABLE_HIGH_WATER_MARK + 4
    await info.writable.close()
    await socket.closed


async def test_after_a_fin_the_system_is_not_asked_again() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"hello", FIN)
    await settle()
    connection_.take()
    await read_everything(info.readable)
    await settle()
    assert connection_.take() == []
    await socket.close()


async def test_an_error_errors_the_stream_after_what_was_read() -> None:
    socket, info, connection_ = await handmade_socket()
    reader = info.readable.get_reader()
    connection_.feed(b"hello")
    assert bytes((await reader.read()).value) == b"hello"
    connection_.feed(RESET)
    with pytest.raises(NetworkError, match="reading: ") as caught:
        await reader.read()
    assert caught.value.errno == errno.ECONNRESET
    assert caught.value.__cause__ is RESET
    assert reason_of(reader.closed) is caught.value
    reader.release_lock()
    await info.writable.close()
    assert await reason_once_settled(socket.closed) is caught.value


async def test_an_error_rejects_a_read_into() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"x")
    with info.readable.get_reader(mode="byob") as reader:
        await reader.read(bytearray(1))
        await settle()
        connection_.feed(b"y")
        await reader.read(bytearray(1))
        read = reader.read(bytearray(100), min=50)
        await settle()
        connection_.feed(b"z", RESET)
        with pytest.raises(NetworkError):
            await read
        with pytest.raises(NetworkError):
            await reader.closed
    with pytest.raises(NetworkError):
        await socket.close()


async def test_cancelling_stops_the_read_and_leaves_writing_alone() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    reader = info.readable.get_reader()
    read = reader.read()
    await reader.cancel("enough")
    assert (await read).done
    assert connection_.take() == [("read", 65536), ("stop_reading",)]
    writer = info.writable.get_writer()
    await writer.write(b"still here")
    assert outcome(socket.closed) == PENDING
    await writer.close()
    await socket.closed
    assert connection_.take() == [("write", b"still here"), ("shut_down",), ("close",)]


async def test_what_arrives_after_cancelling_is_dropped() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    connection_.feed(b"it has come")  # but nobody was told yet
    await info.readable.cancel()
    await settle()
    assert connection_.done("stop_reading") == 1
    await info.writable.close()
    await socket.closed


@pytest.mark.parametrize("event", [b"x", FIN, RESET], ids=repr)
async def test_what_a_read_into_brings_after_cancelling_is_dropped(event: Any) -> None:
    socket, info, connection_ = await handmade_socket()
    reader = info.readable.get_reader(mode="byob")
    connection_.feed(b"1")
    await reader.read(bytearray(1))
    connection_.feed(b"2")
    await reader.read(bytearray(1))
    read = reader.read(bytearray(1))
    await settle()
    connection_.feed(event)
    cancelled = reader.cancel()
    assert (await read).done
    await cancelled
    reader.release_lock()
    await info.writable.close()
    await socket.closed


# A reader that goes while the system reads for it


@pytest.mark.parametrize("first", ["default", "byob"])
@pytest.mark.parametrize("second", ["default", "byob"])
async def test_bytes_for_a_reader_that_was_released_go_to_the_next_one(first: str, second: str) -> None:
    socket, info, connection_ = await handmade_socket()

    def reader_of(kind: str) -> Any:
        return info.readable.get_reader(mode="byob") if kind == "byob" else info.readable.get_reader()

    def read_with(reader: Any, kind: str) -> Promise[Any]:
        return reader.read(bytearray(8)) if kind == "byob" else reader.read()  # type: ignore[no-any-return]

    reader = reader_of(first)
    for data in (b"a", b"b"):  # so that the read under way is one for this reader
        read = read_with(reader, first)
        await settle()
        connection_.feed(data)
        await read
    pending = read_with(reader, first)
    await settle()
    reader.release_lock()
    assert isinstance(reason_of(pending), TypeError)
    with reader_of(second) as next_reader:
        read = read_with(next_reader, second)
        await settle()
        connection_.feed(b"hello")
        await settle()
        assert outcome(read)[0] == "fulfilled", "it waits, though the bytes have come"
        assert bytes((await read).value) == b"hello"
    await socket.close()


@pytest.mark.parametrize("kind", ["default", "byob"])
async def test_a_read_that_is_cancelled_loses_nothing(kind: str) -> None:
    socket, info, connection_ = await handmade_socket()
    reader: Any = info.readable.get_reader(mode="byob") if kind == "byob" else info.readable.get_reader()

    async def read() -> Any:
        return bytes((await (reader.read(bytearray(8)) if kind == "byob" else reader.read())).value)

    for data in (b"a", b"b"):
        task = asyncio.create_task(read())
        await settle()
        connection_.feed(data)
        assert await task == data
    for when in ("before", "after"):
        task = asyncio.create_task(read())
        await settle()
        if when == "after":
            connection_.feed(b"hello")
        task.cancel()
        await settle()
        assert task.cancelled() or when == "after"
        if when == "before":
            connection_.feed(b"hello")
        data = b"" if task.cancelled() else task.result()
        if not data:
            data = await read()
        assert data == b"hello"
    reader.release_lock()
    await socket.close()


async def test_bytes_of_a_cancelled_read_are_there_after_the_fin() -> None:
    socket, info, connection_ = await handmade_socket()
    reader = info.readable.get_reader()
    await settle()
    promise = reader.read()

    async def wait() -> None:
        await promise

    task = asyncio.create_task(wait())
    await settle()
    connection_.feed(b"hello", FIN)
    task.cancel()
    await settle()
    assert task.cancelled()
    assert b"".join([bytes(chunk) for chunk in await read_on(reader)]) == b"hello"
    reader.release_lock()
    await info.writable.close()
    await socket.closed
