"""§2.2 The readable side of UDPSocket, with an operating system whose answers are given by hand."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from typing import Any

import pytest

from direct_sockets import (
    UDPMessage,
)
from direct_sockets._udp_socket import READABLE_HIGH_WATER_MARK
from tests.support import settle
from tests.support.operating_system import (
    handmade_udp_socket,
)
from tests.support.recording import PENDING, outcome, reason_of
from tests.support.sockets import PACKET, REFUSED, UNREACHABLE
from whatwg_streams import (
    NetworkError,
)


async def test_in_connected_mode_a_message_has_data_alone() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.feed(b"hello", b"")
    with info.readable.get_reader() as reader:
        assert await reader.read() == (UDPMessage(b"hello", None, None, None), False)
        message = (await reader.read()).value
        assert message == UDPMessage(b"")
        assert type(message.data) is bytes
    await socket.close()


async def test_in_bound_mode_a_message_says_where_it_came_from() -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    datagrams.feed(PACKET)
    with info.readable.get_reader() as reader:
        assert (await reader.read()).value == UDPMessage(b"hello", "8.8.4.4", 1234, None)
    await socket.close()


def test_a_message_can_not_be_changed() -> None:
    message = UDPMessage(b"x", remote_address="::1", remote_port=53)
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.remote_port = 1  # type: ignore[misc]
    assert not hasattr(message, "__dict__")


async def test_as_many_packets_as_there_is_room_for_are_taken_at_once_and_no_more() -> None:  # E6 E7 E11
    socket, info, datagrams = await handmade_udp_socket()
    packets = [bytes([number]) for number in range(100)]
    datagrams.feed(*packets)
    await settle()
    assert datagrams.take() == [("provide", 32)]
    assert len(datagrams._incoming) == 100 - 32  # the system keeps them
    with info.readable.get_reader() as reader:
        messages = [(await reader.read()).value for _ in range(15)]
        await settle()
        assert datagrams.take() == []
        messages += [(await reader.read()).value]
        await settle()
        assert datagrams.take() == [("provide", 16)]  # half of them have been read
        messages += [(await reader.read()).value for _ in range(84)]
    assert [message.data for message in messages] == packets
    await socket.close()


async def test_with_some_packets_in_the_queue_the_rest_is_asked_for() -> None:
    socket, _, datagrams = await handmade_udp_socket()
    await settle()
    assert datagrams.take() == [("provide", READABLE_HIGH_WATER_MARK)]
    datagrams.feed(b"1", b"2")
    await settle()
    assert datagrams.take() == [("provide", 30)]
    await socket.close()


async def test_one_receive_is_under_way_however_many_read() -> None:  # E7
    # The handmade socket asserts it.
    socket, info, datagrams = await handmade_udp_socket()
    reader = info.readable.get_reader()
    reads = [reader.read() for _ in range(100)]
    for number in range(100):
        datagrams.feed(b"%d" % number)
        if number % 7 == 0:
            await settle(2)
    assert [(await read).value.data for read in reads] == [b"%d" % number for number in range(100)]
    reader.release_lock()
    await socket.close()


async def test_a_read_that_is_cancelled_loses_no_message() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    reader = info.readable.get_reader()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await reader.read()
    datagrams.feed(b"hello")
    assert (await reader.read()).value == UDPMessage(b"hello")
    reader.release_lock()
    await socket.close()


async def test_an_error_errors_the_readable_side_and_leaves_the_writable_one() -> None:  # E35 E48
    socket, info, datagrams = await handmade_udp_socket()
    reader, writer = info.readable.get_reader(), info.writable.get_writer()
    datagrams.feed(b"before", REFUSED)
    assert (await reader.read()).value == UDPMessage(b"before")
    with pytest.raises(NetworkError, match="receiving: the connection was refused") as caught:
        await reader.read()
    assert caught.value.errno == errno.ECONNREFUSED
    assert reason_of(reader.closed) is caught.value
    assert outcome(socket.closed) == PENDING
    assert datagrams.done("close") == 0
    await writer.write(UDPMessage(b"still here"))
    await writer.close()
    assert await socket.closed.then(None, lambda reason: reason) is caught.value
    assert datagrams.done("close") == 1


async def test_an_error_discards_what_was_not_read_yet() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.feed(b"unread", REFUSED)
    await settle()
    with pytest.raises(NetworkError):
        await info.readable.get_reader().read()
    await info.writable.close()
    with pytest.raises(NetworkError):
        await socket.closed


async def test_the_error_of_the_other_side_comes_first() -> None:  # E12 E36
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.failures["send"] = UNREACHABLE
    datagrams.feed(REFUSED)
    await settle()
    of_reading = reason_of(info.readable.get_reader().closed)
    with pytest.raises(NetworkError, match="sending"):
        await info.writable.get_writer().write(UDPMessage(b"x"))
    await settle()
    assert reason_of(socket.closed) is of_reading

    datagrams.failures.clear()
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.failures["send"] = UNREACHABLE
    with pytest.raises(NetworkError, match="sending") as caught:
        await info.writable.get_writer().write(UDPMessage(b"x"))
    datagrams.feed(REFUSED)
    await settle()
    assert reason_of(socket.closed) is caught.value


async def test_an_error_of_reading_after_the_writable_side_was_closed() -> None:  # E36
    socket, info, datagrams = await handmade_udp_socket()
    await info.writable.close()
    assert outcome(socket.closed) == PENDING
    datagrams.feed(REFUSED)
    with pytest.raises(NetworkError, match="receiving") as caught:
        await info.readable.get_reader().read()
    assert await socket.closed.then(None, lambda reason: reason) is caught.value
    assert datagrams.done("close") == 1


async def test_cancelling_gives_up_the_receive_and_leaves_writing_alone() -> None:  # E4 E40
    socket, info, datagrams = await handmade_udp_socket()
    await settle()
    reader = info.readable.get_reader()
    read = reader.read()
    await reader.cancel("enough")
    assert (await read).done
    assert datagrams.take() == [("provide", 32), ("stop_providing",)]
    writer = info.writable.get_writer()
    await writer.write({"data": b"still here"})
    assert outcome(socket.closed) == PENDING
    await writer.close()
    await socket.closed
    assert datagrams.take() == [("send", b"still here", None), ("close",)]


@pytest.mark.parametrize("event", [b"late", REFUSED], ids=repr)
async def test_what_the_system_says_after_cancelling_is_dropped(event: Any) -> None:
    socket, info, datagrams = await handmade_udp_socket()
    await settle()
    datagrams.feed(event)  # but nobody was told yet
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == PENDING
    await info.writable.close()
    await socket.closed
