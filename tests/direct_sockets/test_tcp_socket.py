"""TCPSocket: against an operating system whose answers are given by hand, and against peers on loopback."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import gc
import hashlib
import math
import socket as system_socket
import struct
import weakref
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from direct_sockets import PermissionsPolicy, TCPSocket, TCPSocketOpenInfo
from direct_sockets._operating_system import TCPConnectionParameters
from direct_sockets._tcp_socket import READABLE_HIGH_WATER_MARK
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    BOTH,
    FIN,
    ONE,
    HandmadeConnection,
    HandmadeSystem,
    Peer,
    accept,
    connection,
    handmade_socket,
    linux_socket_of,
    listening,
    refusing_port,
)
from tests.support.recording import PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sources import read_on
from whatwg_streams import (
    AbortController,
    AbortError,
    InvalidStateError,
    NetworkError,
    NotAllowedError,
    Promise,
    ReadableStream,
    RejectionError,
    TransformStream,
    WritableStream,
)

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
#: More than the buffers of both systems hold together.
TOO_MUCH = 32 * 2**20


async def _read_everything(stream: ReadableStream[memoryview]) -> bytes:
    data = bytearray()
    async for chunk in stream:
        data += chunk
    return bytes(data)


def _counting(size: int) -> bytes:
    """So many bytes, no 256 KiB of which are like the next."""
    return b"".join(struct.pack("<Q", number) for number in range(size // 8))


# The constructor: conversions, policy, and the text's own TypeErrors ---------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((None, 80), {}, "remote_address"),
        ((b"example.com", 80), {}, "remote_address"),
        (("example.com", object()), {}, "remote_port"),
        (("example.com", [80]), {}, "remote_port"),
        (("example.com", 80), {"keep_alive_delay": -1}, "keep_alive_delay"),
        (("example.com", 80), {"keep_alive_delay": 2**32}, "keep_alive_delay"),
        (("example.com", 80), {"send_buffer_size": math.nan}, "send_buffer_size"),
        (("example.com", 80), {"receive_buffer_size": "much"}, "receive_buffer_size"),
        (("example.com", 80), {"dns_query_type": "ipv5"}, "dns_query_type"),
    ],
    ids=repr,
)
def test_conversions_come_before_the_policy(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):  # nothing is granted
        TCPSocket(*arguments, **options)


@pytest.mark.parametrize("options", [{"keep_alive_delay": 999}, {"send_buffer_size": 0}, {"receive_buffer_size": 0}])
def test_the_policy_comes_before_the_checks_of_the_text(options: Any) -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy("")), pytest.raises(NotAllowedError, match="direct-sockets") as caught:
        TCPSocket("example.com", 80, **options)
    assert isinstance(caught.value, PermissionError)
    assert system.calls == []


def test_the_private_feature_alone_is_not_enough() -> None:
    with PermissionsPolicy("direct-sockets-private=(self)"), pytest.raises(NotAllowedError):
        TCPSocket("example.com", 80)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_alive_delay": 0, "send_buffer_size": 0, "receive_buffer_size": 0}, "keep_alive_delay"),
        ({"keep_alive_delay": 999.9, "send_buffer_size": 0}, "keep_alive_delay"),
        ({"keep_alive_delay": 1000, "send_buffer_size": 0.5, "receive_buffer_size": 0}, "send_buffer_size"),
        ({"send_buffer_size": 1, "receive_buffer_size": 0}, "receive_buffer_size"),
    ],
    ids=repr,
)
async def test_the_checks_of_the_text_in_their_order(options: Any, message: str) -> None:
    system = HandmadeSystem()
    with system.installed(), pytest.raises(TypeError, match=message):
        TCPSocket("example.com", 80, **options)
    await settle()
    assert system.calls == []


def test_an_address_and_a_port_are_required() -> None:
    with pytest.raises(TypeError):
        TCPSocket("example.com")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        TCPSocket("example.com", 80, True)  # type: ignore[call-arg]


async def test_the_system_is_asked_for_what_was_converted() -> None:
    system = HandmadeSystem("8.8.8.8", "2001:4860:4860::8888")
    with system.installed():
        socket = TCPSocket(
            "example.com",
            65536 + 443,
            send_buffer_size=1.5,  # type: ignore[arg-type]
            receive_buffer_size=4096,
            no_delay="yes",  # type: ignore[arg-type]
            keep_alive_delay=1000,
            dns_query_type="ipv6",
        )
    await socket.opened
    assert system.calls == [
        ("resolve", "example.com", "ipv6"),
        ("open", ("8.8.8.8", "2001:4860:4860::8888"), 443, TCPConnectionParameters(1, 4096, True, 1000)),
    ]
    await socket.close()


async def test_without_options_the_system_is_asked_for_its_defaults() -> None:
    system = HandmadeSystem()
    socket, _, _ = await handmade_socket(system)
    assert system.calls[0] == ("resolve", "example.com", None)
    assert system.calls[1][3] == TCPConnectionParameters(None, None, False, None)
    await socket.close()


# Opening ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["8.8.8.8", "192.168.0.1"],
        ["fe80::1", "2001:4860:4860::8888"],
        ["::ffff:127.0.0.1"],
        ["0.0.0.0"],
    ],
    ids=repr,
)
async def test_any_private_address_refuses_and_nothing_is_opened(addresses: list[str]) -> None:
    system = HandmadeSystem(*addresses)
    with system.installed(ONE):
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NotAllowedError, match="direct-sockets-private"):
        await socket.opened
    with pytest.raises(NotAllowedError):
        await socket.closed
    await settle()
    assert system.calls == [("resolve", "example.com", None)]


async def test_a_grant_for_the_private_network_allows_it() -> None:
    system = HandmadeSystem("8.8.8.8", "127.0.0.1")
    with system.installed(BOTH):
        socket = TCPSocket("example.com", 80)
    await socket.opened
    assert system.calls[1][1] == ("8.8.8.8", "127.0.0.1")
    await socket.close()


async def test_the_policy_of_the_construction_counts() -> None:
    system = HandmadeSystem("127.0.0.1")
    system.hold("resolve")
    with system.installed(BOTH):
        socket = TCPSocket("example.com", 80)
    with PermissionsPolicy(""):
        await settle()
        system.answer("resolve", system.addresses)
        await socket.opened
        await socket.close()


@pytest.mark.parametrize("call", ["resolve", "open"])
async def test_what_fails_rejects_both_promises(call: Any) -> None:
    system = HandmadeSystem()
    system.failures[call] = cause = OSError(errno.ENETUNREACH, "Network is unreachable")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError, match="connecting to example") as caught:
        await socket.opened
    assert caught.value.errno == errno.ENETUNREACH
    assert caught.value.__cause__ is cause
    assert isinstance(caught.value, OSError)
    assert reason_of(socket.closed) is caught.value
    assert repr(socket) == "<TCPSocket not opened>"


async def test_the_open_info_has_streams_and_addresses() -> None:
    socket, info, _ = await handmade_socket()
    assert isinstance(info, TCPSocketOpenInfo)
    assert isinstance(info.readable, ReadableStream)
    assert isinstance(info.writable, WritableStream)
    assert (info.remote_address, info.remote_port) == ("8.8.8.8", 80)
    assert (info.local_address, info.local_port) == ("9.9.9.9", 40000)
    assert socket.opened is socket.opened
    assert socket.closed is socket.closed
    await socket.close()


async def test_the_representation_shows_the_state() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    assert repr(socket) == "<TCPSocket opening>"
    await socket.opened
    assert repr(socket) == "<TCPSocket open, 8.8.8.8 port 80>"
    await socket.close()
    assert repr(socket) == "<TCPSocket closed, 8.8.8.8 port 80>"


async def test_an_opened_that_nobody_looks_at_is_reported_once_and_closed_is_not(loop_errors: LoopErrors) -> None:
    system = HandmadeSystem()
    system.failures["open"] = OSError(errno.ECONNREFUSED, "Connection refused")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    await settle()
    del socket
    system.failures.clear()
    [context] = loop_errors.take()
    assert isinstance(context["exception"], NetworkError)
    await settle()
    assert loop_errors.take() == []


async def test_a_refusal_that_nobody_looks_at_is_reported_once(loop_errors: LoopErrors) -> None:
    system = HandmadeSystem("127.0.0.1")
    with system.installed():
        TCPSocket("example.com", 80)
    await settle()
    [context] = loop_errors.take()
    assert isinstance(context["exception"], NotAllowedError)


def test_a_socket_can_be_made_where_no_loop_runs_yet(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    assert repr(socket) == "<TCPSocket opening>"
    assert system.calls == []

    async def main() -> None:
        info = await socket.opened
        system.connection.feed(b"hello", FIN)
        assert await _read_everything(info.readable) == b"hello"
        await info.writable.close()
        await socket.closed

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert [call[0] for call in system.calls] == ["resolve", "open"]


def test_a_refusal_by_the_policy_needs_no_loop() -> None:
    with PermissionsPolicy(""), pytest.raises(NotAllowedError):
        TCPSocket("example.com", 80)


async def test_opened_can_be_awaited_by_several_and_cancelling_one_leaves_the_socket_opening() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def wait() -> TCPSocketOpenInfo:
        return await socket.opened

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await settle()
    first.cancel()
    await settle()
    assert first.cancelled()
    system.answer("open", system.connection)
    assert await second is await socket.opened
    await socket.close()


# Reading, with an operating system by hand -------------------------------------------------------------------


async def test_the_stream_is_filled_up_to_its_mark_and_no_further() -> None:
    socket, info, connection_ = await handmade_socket()
    await settle()
    assert connection_.take() == [("read", 65536)]
    connection_.feed(bytes(60000))
    await settle()
    assert connection_.take() == [("read", 5536)]
    connection_.feed(bytes(5536))
    await settle()
    assert connection_.take() == []
    reader = info.readable.get_reader()
    assert len((await reader.read()).value) == 60000
    await settle()
    assert connection_.take() == [("read", 60000)]
    reader.release_lock()
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
    with info.readable.get_reader(mode="byob") as reader:
        await settle()
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
    assert await _read_everything(info.readable) == b"456789"
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
    assert len(await _read_everything(info.readable)) == READABLE_HIGH_WATER_MARK + 4
    await info.writable.close()
    await socket.closed


async def test_after_a_fin_the_system_is_not_asked_again() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(b"hello", FIN)
    await settle()
    connection_.take()
    await _read_everything(info.readable)
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
    assert await _reason(socket.closed) is caught.value


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


# Writing, with an operating system by hand -------------------------------------------------------------------


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
        assert await _read_everything(info.readable) == b"answer"
    with pytest.raises(TypeError, match="buffer"):
        await socket.closed
    assert connection_.done("close") == 1
    writer.release_lock()


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
        assert await _read_everything(info.readable) == b"still"
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
    assert await _reason(socket.closed) is caught.value


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


# Closing, aborting, and what closed tells -------------------------------------------------------------------


async def test_closing_the_writing_sends_a_fin_and_the_reading_goes_on() -> None:
    socket, info, connection_ = await handmade_socket()
    writer = info.writable.get_writer()
    writer.write(b"request")
    await writer.close()
    assert connection_.take() == [("read", 65536), ("write", b"request"), ("shut_down",)]
    assert outcome(socket.closed) == PENDING
    connection_.feed(b"response", FIN)
    assert await _read_everything(info.readable) == b"response"
    await socket.closed
    assert connection_.done("close") == 1


async def test_the_peer_finishes_first_and_the_writing_goes_on() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(FIN)
    assert await _read_everything(info.readable) == b""
    assert outcome(socket.closed) == PENDING
    assert connection_.done("close") == 0
    writer = info.writable.get_writer()
    await writer.write(b"response")
    await writer.close()
    await socket.closed
    assert connection_.written == b"response"
    assert connection_.done("close") == 1


async def test_closed_waits_until_the_system_has_closed_the_socket() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("close")
    await info.readable.cancel()
    await info.writable.close()
    await settle()
    assert outcome(socket.closed) == PENDING
    again = socket.close()
    assert again is socket.closed
    connection_.answer("close")
    await socket.closed


@pytest.mark.parametrize("how", ["at once", "later"])
async def test_an_error_of_closing_changes_nothing(how: str) -> None:
    socket, info, connection_ = await handmade_socket()
    if how == "later":
        connection_.hold("close")
    else:
        connection_.failures["close"] = RESET
    await info.readable.cancel()
    await info.writable.close()
    if how == "later":
        connection_.fail("close", RESET)
    await socket.closed


@pytest.mark.parametrize("readable_first", [True, False])
async def test_a_shutdown_that_fails_rejects_the_close(readable_first: bool) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.failures["shut_down"] = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
    if readable_first:
        await info.readable.cancel()
    with pytest.raises(NetworkError, match="closing: ") as caught:
        await info.writable.close()
    if not readable_first:
        await info.readable.cancel()
    await settle()
    assert reason_of(socket.closed) is caught.value


async def test_a_shutdown_that_fails_does_not_matter_to_an_abort() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.failures["shut_down"] = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
    reason = ValueError("enough")
    await info.writable.abort(reason)
    await info.readable.cancel()
    assert await _reason(socket.closed) is reason


@pytest.mark.parametrize("readable_first", [True, False])
async def test_an_abort_ends_a_write_that_is_stuck(readable_first: bool) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    if readable_first:
        await info.readable.cancel()
    writer = info.writable.get_writer()
    stuck, queued = writer.write(b"a"), writer.write(b"b")
    await settle()
    reason = ValueError("enough")
    await writer.abort(reason)
    assert reason_of(stuck) is reason
    assert reason_of(queued) is reason
    if not readable_first:
        await info.readable.cancel()
    with pytest.raises(ValueError, match="enough"):
        await socket.closed
    names = [call[0] for call in connection_.calls if call[0] not in {"read", "stop_reading"}]
    assert names == ["write", "stop_writing", "shut_down", "close"]


async def test_a_write_that_had_ended_when_it_was_aborted_was_written() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    write = writer.write(b"a")
    await settle()
    connection_.answer("write", True)
    aborted = writer.abort("enough")
    await aborted
    await write
    assert reason_of(writer.closed) == "enough"
    writer.release_lock()
    await info.readable.cancel()
    assert await _reason(socket.closed) == "enough"


async def test_an_abort_while_closing() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("shut_down")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    close = writer.close()
    await settle()
    reason = ValueError("enough")
    aborted = writer.abort(reason)
    await settle()
    connection_.answer("shut_down")
    assert await _reason(close) is reason
    assert outcome(aborted)[0] != "pending"
    await settle()
    assert reason_of(socket.closed) is reason
    assert connection_.done("close") == 1


async def _reason(promise: Promise[Any]) -> Any:
    await promise.then(None, lambda _: None)
    return reason_of(promise)


async def test_without_a_reason_none_is_kept_and_an_abort_error_raised() -> None:
    socket, info, _ = await handmade_socket()
    writer = info.writable.get_writer()
    await writer.abort()
    assert outcome(writer.closed) == rejected(None)
    for promise in (writer.closed, writer.ready, writer.write(b"late")):
        with pytest.raises(AbortError):
            await promise
    await info.readable.cancel()
    with pytest.raises(AbortError):
        await socket.closed


async def test_a_reason_that_is_no_exception_is_kept() -> None:
    socket, info, _ = await handmade_socket()
    await info.writable.abort("enough")
    await info.readable.cancel(7)
    assert await _reason(socket.closed) == "enough"
    with pytest.raises(RejectionError, match="enough"):
        await socket.closed


async def test_closed_carries_the_error_of_the_side_that_was_there_first() -> None:
    for writable_last in (True, False):
        socket, info, connection_ = await handmade_socket()
        reason = ValueError("of the writing")
        if not writable_last:
            await info.writable.abort(reason)
        await settle()
        connection_.feed(RESET)
        await settle()
        if writable_last:
            await info.writable.abort(reason)
        await settle()
        if writable_last:
            assert isinstance(reason_of(socket.closed), NetworkError)
        else:
            assert reason_of(socket.closed) is reason


async def test_a_closed_that_rejects_is_not_reported(loop_errors: LoopErrors) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(RESET)
    await info.writable.abort(ValueError("enough"))
    await settle()
    assert outcome(socket.closed)[0] == "rejected"
    del socket, info, connection_
    assert loop_errors.take() == []


# close() ------------------------------------------------------------------------------------------------------


async def test_close_cancels_the_reading_and_aborts_the_writing() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    connection_.feed(b"unread")
    writer = info.writable.get_writer()
    stuck, queued = writer.write(b"a"), writer.write(b"b")
    writer.release_lock()
    await settle()
    assert socket.close() is socket.closed
    await socket.closed
    assert isinstance(reason_of(stuck), AbortError)
    assert isinstance(reason_of(queued), AbortError)
    assert connection_.written == b"a"
    assert connection_.take()[-2:] == [("shut_down",), ("close",)]
    with info.readable.get_reader() as reader:
        assert (await reader.read()).done


async def test_close_again_gives_the_same_promise() -> None:
    socket, _, connection_ = await handmade_socket()
    first = socket.close()
    assert socket.close() is first
    await first
    assert socket.close() is first
    assert connection_.done("close") == 1


async def test_close_before_it_is_open_is_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(InvalidStateError, match="not open"):
        await socket.close()
    await settle()
    system.answer("open", system.connection)
    await socket.opened
    await socket.close()


async def test_close_after_it_failed_to_open_is_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.failures["open"] = OSError(errno.ECONNREFUSED, "?")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError):
        await socket.opened
    with pytest.raises(InvalidStateError):
        await socket.close()


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_close_with_a_locked_stream_is_an_invalid_state(side: str) -> None:
    socket, info, connection_ = await handmade_socket()
    lock: Any = info.readable.get_reader() if side == "readable" else info.writable.get_writer()
    with pytest.raises(InvalidStateError, match="locked"):
        await socket.close()
    assert connection_.done("shut_down") == connection_.done("close") == 0
    lock.release_lock()
    await socket.close()


async def test_close_of_a_closed_socket_does_not_mind_locks() -> None:
    socket, info, _ = await handmade_socket()
    reader = info.readable.get_reader()
    writer = info.writable.get_writer()
    await reader.cancel()
    await writer.close()
    await socket.close()


async def test_close_after_the_peer_has_finished() -> None:
    socket, _, connection_ = await handmade_socket()
    connection_.feed(FIN)
    await settle()
    await socket.close()
    assert connection_.done("close") == 1


async def test_close_after_the_writing_was_closed() -> None:
    socket, info, connection_ = await handmade_socket()
    await info.writable.close()
    await socket.close()
    assert connection_.done("shut_down") == connection_.done("close") == 1


async def test_close_does_not_hide_an_error_from_before() -> None:
    socket, _, connection_ = await handmade_socket()
    connection_.feed(RESET)
    await settle()
    with pytest.raises(NetworkError, match="reading"):
        await socket.close()


async def test_close_after_an_error_of_reading_that_is_none_of_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("a mistake in the seam")

    def fail(*_: object) -> None:
        raise error

    socket, info, connection_ = await handmade_socket()
    monkeypatch.setattr(connection_, "read", fail)
    connection_.feed(b"the next read fails")
    await settle()
    assert outcome(info.readable.get_reader().closed) == rejected(error)
    async with socket:
        pass
    assert reason_of(socket.closed) is error
    assert connection_.done("close") == 1


async def test_an_error_after_the_writing_was_closed() -> None:
    socket, info, connection_ = await handmade_socket()
    await info.writable.close()
    connection_.feed(RESET)
    assert isinstance(await _reason(socket.closed), NetworkError)
    assert connection_.done("close") == 1


async def test_close_again_while_it_is_closing() -> None:
    socket, _, connection_ = await handmade_socket()
    connection_.hold("shut_down")
    first = socket.close()
    await settle()
    assert socket.close() is first
    connection_.answer("shut_down")
    await first
    assert connection_.done("shut_down") == connection_.done("close") == 1


@pytest.mark.parametrize("moment", ["at once", "later"])
async def test_close_does_not_hide_a_users_abort(moment: str) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    writer.write(b"a").catch(lambda _: None)
    await settle()
    reason = ValueError("enough")
    aborted = writer.abort(reason)
    writer.release_lock()
    if moment == "later":
        await aborted
    with pytest.raises(ValueError, match="enough"):
        await socket.close()


async def test_close_while_the_writing_is_closing() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("shut_down")
    close = info.writable.close()
    await settle()
    closed = socket.close()
    await settle()
    connection_.answer("shut_down")
    await closed
    assert outcome(close)[0] != "pending"


# async with ---------------------------------------------------------------------------------------------------


async def test_a_block_opens_and_closes() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    async with socket as info:
        assert info is await socket.opened
    await socket.closed
    assert system.connection.done("close") == 1


async def test_a_block_that_raises_closes_and_raises() -> None:
    socket, _, connection_ = await handmade_socket()
    with pytest.raises(ZeroDivisionError):
        async with socket:
            raise ZeroDivisionError
    await socket.closed
    assert connection_.done("close") == 1


async def test_a_block_closes_even_locked_streams() -> None:
    socket, _, connection_ = await handmade_socket()
    async with socket as info:
        reader = info.readable.get_reader()
        read = reader.read()
        writer = info.writable.get_writer()
        connection_.hold("write")
        write = writer.write(b"a")
        await settle()
    await socket.closed
    assert (await read).done
    assert isinstance(reason_of(write), AbortError)
    assert connection_.done("close") == 1


async def test_a_block_around_a_socket_that_is_closed_already() -> None:
    socket, _, connection_ = await handmade_socket()
    async with socket:
        await socket.close()
    assert connection_.done("close") == 1


async def test_leaving_a_block_does_not_raise_what_closed_tells() -> None:
    socket, _, connection_ = await handmade_socket()
    async with socket:
        connection_.feed(RESET)
        await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_a_block_of_a_socket_that_fails_to_open_is_not_entered() -> None:
    system = HandmadeSystem()
    system.failures["open"] = OSError(errno.ECONNREFUSED, "?")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError):
        async with socket:
            pytest.fail("it is open")


@pytest.mark.parametrize("call", ["resolve", "open"])
async def test_cancelling_the_entry_of_a_block_gives_the_connect_up(call: Any) -> None:
    system = HandmadeSystem()
    system.hold(call)
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def enter() -> None:
        async with socket:
            pytest.fail("it is open")

    task = asyncio.create_task(enter())
    await settle()
    task.cancel()
    await settle()
    assert task.cancelled()
    assert system.calls[-1] == (f"{call} cancelled",)
    assert isinstance(reason_of(socket.opened), AbortError)
    assert isinstance(reason_of(socket.closed), AbortError)
    assert repr(socket) == "<TCPSocket not opened>"
    with pytest.raises(InvalidStateError):
        await socket.close()


async def test_cancelling_the_entry_when_it_has_just_opened_closes_it() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def enter() -> None:
        async with socket:
            pytest.fail("it is open")

    task = asyncio.create_task(enter())
    await settle()
    socket.opened.then(lambda _: task.cancel())
    opened = socket.opened
    system.answer("open", system.connection)
    with contextlib.suppress(asyncio.CancelledError, pytest.fail.Exception):
        await task
    await opened
    await socket.closed
    assert system.connection.done("close") == 1


async def test_giving_up_does_not_report_opened(loop_errors: LoopErrors) -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        task = asyncio.create_task(_enter(TCPSocket("example.com", 80)))
    await settle()
    task.cancel()
    await settle()
    del task
    assert loop_errors.take() == []


async def _enter(socket: TCPSocket) -> None:
    async with socket:
        pass


def test_giving_up_a_socket_that_never_saw_its_connection_start(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def main() -> None:
        task = asyncio.create_task(_enter(socket))
        task.cancel()  # before it has run at all
        await settle()
        with pytest.raises(asyncio.CancelledError):
            await task
        await (await socket.opened).readable.cancel()
        await (await socket.opened).writable.close()
        await socket.closed

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert system.connection.done("close") == 1


# Peers on loopback ----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _echo() -> AsyncIterator[int]:
    """A server that sends back what it gets; the value is its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_nobody_listens() -> None:
    port = refusing_port()
    with BOTH:
        socket = TCPSocket("127.0.0.1", port)
    with pytest.raises(NetworkError, match="nobody listens") as caught:
        await socket.opened
    assert caught.value.errno == errno.ECONNREFUSED
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    with pytest.raises(NetworkError):
        await socket.closed


@pytest.mark.parametrize("name", ["x" * 64, "a\0b", "[::1]", ""], ids=ascii)
async def test_a_name_that_does_not_resolve(name: str) -> None:
    with BOTH:
        socket = TCPSocket(name, 80)
    with pytest.raises(NetworkError, match="connecting to") as caught:
        await socket.opened
    assert caught.value.errno is not None
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"]
)
async def test_loopback_in_any_spelling_is_private(name: str) -> None:
    with listening() as (listener, port), ONE:
        socket = TCPSocket(name, port)
        with pytest.raises(NotAllowedError):
            await socket.opened
        with pytest.raises(BlockingIOError):  # nobody has come
            listener.accept()


async def test_the_query_type_picks_the_addresses() -> None:
    with listening() as (listener, port), BOTH:
        async with TCPSocket("localhost", port, dns_query_type="ipv4") as info:
            assert info.remote_address == "127.0.0.1"
            (await accept(listener)).close()
        for name, kind in (("127.0.0.1", "ipv6"), ("::1", "ipv4")):
            socket = TCPSocket(name, port, dns_query_type=kind)  # type: ignore[arg-type]
            with pytest.raises(NetworkError):
                await socket.opened


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_the_addresses_of_a_real_connection(address: str) -> None:
    with listening(address) as (listener, port), BOTH:
        async with TCPSocket(address, port) as info:
            with contextlib.closing(await accept(listener)) as peer:
                assert (info.remote_address, info.remote_port) == (address, port)
                assert (info.local_address, info.local_port) == peer.sock.getpeername()[:2]


async def test_options_reach_the_real_socket() -> None:
    options = {"no_delay": True, "keep_alive_delay": 3999, "send_buffer_size": 20000, "receive_buffer_size": 30000}
    async with connection(**options) as (socket, _, _):
        sock = linux_socket_of(socket)
        tcp, sol = system_socket.IPPROTO_TCP, system_socket.SOL_SOCKET
        assert sock.getsockopt(tcp, system_socket.TCP_NODELAY) == 1
        assert sock.getsockopt(sol, system_socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(tcp, system_socket.TCP_KEEPIDLE) == 3
        assert sock.getsockopt(tcp, system_socket.TCP_KEEPINTVL) == 3
        # Linux doubles them, for what it needs itself.
        assert sock.getsockopt(sol, system_socket.SO_SNDBUF) in {20000, 40000}
        assert sock.getsockopt(sol, system_socket.SO_RCVBUF) in {30000, 60000}


async def test_without_options_nothing_is_set() -> None:
    async with connection() as (socket, _, _):
        sock = linux_socket_of(socket)
        assert sock.getsockopt(system_socket.IPPROTO_TCP, system_socket.TCP_NODELAY) == 0
        assert sock.getsockopt(system_socket.SOL_SOCKET, system_socket.SO_KEEPALIVE) == 0


@pytest.mark.parametrize("view_size", [None, 1000, 65536, 300_000])
async def test_an_echo_brings_back_what_was_written(view_size: int | None) -> None:
    data = _counting(3 * 2**20)
    async with _echo() as port:
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        info = await socket.opened

        async def write() -> None:
            writer = info.writable.get_writer()
            for start in range(0, len(data), 50_000):
                await writer.ready
                writer.write(data[start : start + 50_000])
            await writer.close()

        writing = asyncio.create_task(write())
        received = bytearray()
        if view_size is None:
            received += await _read_everything(info.readable)
        else:
            with info.readable.get_reader(mode="byob") as reader:
                memory: memoryview | bytearray = bytearray(view_size)
                while True:
                    value, done = await reader.read(memory)
                    if done:
                        break
                    assert value is not None
                    received += value
                    memory = value.obj  # type: ignore[assignment]
        await writing
        assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
        await socket.closed


async def test_an_echo_piped_through_a_transform() -> None:
    data = _counting(2**20)
    invert = bytes(255 - number for number in range(256))
    async with _echo() as port:
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        info = await socket.opened
        source = ReadableStream[bytes].from_(data[start : start + 9999] for start in range(0, len(data), 9999))
        inverter = TransformStream[Any, Any](
            {"transform": lambda chunk, controller: controller.enqueue(bytes(chunk).translate(invert))}
        )
        piped = source.pipe_to(info.writable)
        assert await _read_everything(info.readable.pipe_through(inverter)) == data.translate(invert)
        await piped
        await socket.closed


async def test_min_waits_for_so_many_bytes() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(bytearray(10), min=6)
            await peer.send(b"abc")
            await settle()
            assert outcome(read) == PENDING
            await peer.send(b"def")
            value, done = await read
            assert value is not None
            assert (value.tobytes(), done) == (b"abcdef", False)


async def test_the_peer_closes_first() -> None:
    async with connection() as (socket, info, peer):
        await peer.send(b"bye")
        peer.close()
        assert await _read_everything(info.readable) == b"bye"
        await info.writable.close()
        await socket.closed


async def test_we_close_first() -> None:
    async with connection() as (socket, info, peer):
        await info.writable.close()
        assert await peer.receive() == b""
        peer.close()
        assert await _read_everything(info.readable) == b""
        await socket.closed


async def test_the_peer_sends_on_after_our_fin() -> None:
    async with connection() as (socket, info, peer):
        writer = info.writable.get_writer()
        writer.write(b"question")
        await writer.close()
        assert await peer.receive_all() == b"question"
        await peer.send(b"answer")
        peer.finish()
        assert await _read_everything(info.readable) == b"answer"
        await socket.closed


async def test_we_send_on_after_the_peers_fin() -> None:
    async with connection() as (socket, info, peer):
        peer.finish()
        assert await _read_everything(info.readable) == b""
        assert outcome(socket.closed) == PENDING
        writer = info.writable.get_writer()
        data = _counting(2**20)
        write = writer.write(data)
        close = writer.close()
        assert await peer.receive_all() == data
        await write
        await close
        await socket.closed


async def test_everything_before_a_fin_can_be_read_late() -> None:
    async with connection() as (socket, info, peer):
        await peer.send(bytes(1000))
        peer.finish()
        await settle(50)
        reader = info.readable.get_reader()
        assert len((await reader.read()).value) == 1000
        assert (await reader.read()).done
        reader.release_lock()
        await socket.close()


async def test_a_reset_while_reading() -> None:
    async with connection() as (socket, info, peer):
        reader = info.readable.get_reader()
        read = reader.read()
        await settle()
        peer.reset()
        with pytest.raises(NetworkError, match="reset by the other side") as caught:
            await read
        assert caught.value.errno == errno.ECONNRESET
        assert outcome(socket.closed) == PENDING  # the other side is as it was, until it is used
        writer = info.writable.get_writer()
        with pytest.raises(NetworkError) as of_the_writing:
            await writer.write(b"anybody there?")
        assert of_the_writing.value.errno == errno.EPIPE
        assert await _reason(socket.closed) is caught.value


async def test_a_reset_while_a_byob_read_waits() -> None:
    async with connection() as (socket, info, peer):
        reader = info.readable.get_reader(mode="byob")
        read = reader.read(bytearray(100), min=100)
        await peer.send(b"some")
        await settle()
        peer.reset()
        with pytest.raises(NetworkError):
            await read
        reader.release_lock()
        with pytest.raises(NetworkError):
            await socket.close()


async def test_a_reset_while_writing() -> None:
    async with connection() as (socket, info, peer):
        await info.readable.cancel()
        writer = info.writable.get_writer()
        write = writer.write(bytes(TOO_MUCH))
        await settle()
        assert outcome(write) == PENDING
        peer.reset()
        with pytest.raises(NetworkError, match="writing") as caught:
            await write
        assert caught.value.errno in {errno.ECONNRESET, errno.EPIPE}
        assert await _reason(socket.closed) is caught.value


async def test_closing_after_a_reset_settles() -> None:
    async with connection() as (socket, info, peer):
        reader = info.readable.get_reader()
        peer.reset()
        with pytest.raises(NetworkError):
            await reader.read()
        with pytest.raises(NetworkError, match="closing"):
            await info.writable.close()
        with pytest.raises(NetworkError):
            await socket.closed


async def test_an_abort_with_a_write_that_is_stuck() -> None:
    async with connection() as (socket, info, peer):
        writer = info.writable.get_writer()
        stuck = writer.write(bytes(TOO_MUCH))
        queued = writer.write(b"never sent")
        await settle()
        assert outcome(stuck) == PENDING
        reason = ValueError("enough")
        await writer.abort(reason)
        assert reason_of(stuck) is reason
        assert reason_of(queued) is reason
        received = await peer.receive_all()
        assert 0 < len(received) < TOO_MUCH
        assert not any(received)
        peer.finish()
        assert await _read_everything(info.readable) == b""
        with pytest.raises(ValueError, match="enough"):
            await socket.closed


async def test_close_with_a_write_that_is_stuck() -> None:
    async with connection() as (socket, info, peer):
        writer = info.writable.get_writer()
        stuck = writer.write(bytes(TOO_MUCH))
        writer.release_lock()
        await settle()
        await socket.close()
        assert isinstance(reason_of(stuck), AbortError)
        assert len(await peer.receive_all()) < TOO_MUCH


async def test_a_large_chunk_and_a_peer_that_reads_slowly() -> None:
    data = _counting(10 * 2**20)
    async with connection(send_buffer_size=16384, receive_buffer=16384) as (socket, info, peer):
        writer = info.writable.get_writer()
        write = writer.write(bytearray(data))
        ready = writer.ready
        digest, received = hashlib.sha256(), 0
        while received < len(data):
            if received < len(data) // 2:
                assert outcome(write) == PENDING
                assert outcome(ready) == PENDING
            piece = await peer.receive(100_000)
            digest.update(piece)
            received += len(piece)
        await write
        await ready
        assert digest.digest() == hashlib.sha256(data).digest()
        await writer.close()
        await info.readable.cancel()
        await socket.closed


async def test_a_peer_that_sends_more_than_is_read_is_held_back() -> None:
    async with connection(receive_buffer_size=16384) as (socket, info, peer):
        sending = asyncio.create_task(peer.send(bytes(TOO_MUCH)))
        await settle(200)
        assert not sending.done()
        reader = info.readable.get_reader()
        received = 0
        while received < TOO_MUCH:
            received += len((await reader.read()).value)
        await sending
        reader.release_lock()
        await socket.close()


async def test_cancelling_the_pipe_by_a_signal_leaves_a_socket_that_can_be_closed() -> None:
    async with connection() as (socket, info, peer):
        abort = AbortController()
        arrived = Promise.with_resolvers()
        piped = info.readable.pipe_to(
            WritableStream({"write": lambda chunk: arrived.resolve(bytes(chunk))}), signal=abort.signal
        )
        await peer.send(b"hello")
        assert await arrived.promise == b"hello"
        abort.abort()
        with pytest.raises(AbortError):
            await piped
        await info.writable.close()
        await socket.closed


async def test_a_connect_that_is_given_up_leaves_no_descriptor() -> None:
    with system_socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(4):
            client = stack.enter_context(system_socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        with BOTH:
            task = asyncio.create_task(_enter(TCPSocket("127.0.0.1", port)))
        await settle()
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_many_sockets_at_once() -> None:
    async def talk(port: int, number: int) -> None:
        async with TCPSocket("127.0.0.1", port) as info:
            writer = info.writable.get_writer()
            data = bytes([number]) * 10_000
            writer.write(data)
            closing = writer.close()
            assert await _read_everything(info.readable) == data
            await closing

    async with _echo() as port:
        with BOTH:
            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    group.create_task(talk(port, number))


async def test_sockets_that_are_closed_are_garbage() -> None:
    async with connection() as (socket, info, _):
        await info.writable.close()
        await socket.close()
        remains: list[weakref.ref[Any]] = [weakref.ref(one) for one in (socket, info.readable, info.writable)]
    del socket, info, _
    await settle()
    gc.collect()
    assert [reference() for reference in remains] == [None] * 3


async def test_a_socket_that_was_forgotten_is_given_back_when_the_peer_goes() -> None:
    with listening() as (listener, port):
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        await socket.opened
        peer = await accept(listener)
        remains = weakref.ref(socket)
        del socket
        peer.close()
        with pytest.warns(ResourceWarning, match="unclosed"):
            await _collect(remains)
        assert remains() is None


async def _collect(remains: weakref.ref[TCPSocket]) -> None:
    for _ in range(1000):
        await asyncio.sleep(0)
        gc.collect(0)
        if remains() is None:
            break
    gc.collect()
    await settle()
    gc.collect()


async def test_the_handmade_system_is_like_the_real_one() -> None:
    """What the tests above rely on holds on loopback too."""
    for real in (True, False):
        if real:
            async with connection() as (socket, info, peer):
                trace = await _conversation(socket, info, peer)
        else:
            socket, info, connection_ = await handmade_socket()
            assert await _conversation(socket, info, connection_) == trace


async def _conversation(
    socket: TCPSocket, info: TCPSocketOpenInfo, peer: Peer | HandmadeConnection
) -> list[tuple[object, ...]]:
    trace = EventTrace()
    trace.watch("closed", socket.closed)
    reader = info.readable.get_reader(mode="byob")
    writer = info.writable.get_writer()
    trace.watch("writer closed", writer.closed)
    trace.watch("reader closed", reader.closed)
    read = reader.read(bytearray(5), min=5)
    if isinstance(peer, Peer):
        await peer.send(b"hello")
        peer.finish()
    else:
        peer.feed(b"hello", FIN)
    trace.log("read", bytes((await read).value or b""))
    trace.log("end", (await reader.read(bytearray(1))).done)
    await writer.write(b"bye")
    await writer.close()
    await socket.closed
    trace.log("sent", await peer.receive_all() if isinstance(peer, Peer) else bytes(peer.written))
    return trace.events
