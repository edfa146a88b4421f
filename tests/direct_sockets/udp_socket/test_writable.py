"""§2.3 The writable side of UDPSocket, with an operating system whose answers are given by hand."""

from __future__ import annotations

import array
import errno
from typing import Any

import pytest

from direct_sockets import (
    UDPMessage,
)
from direct_sockets._operating_system import Destination
from direct_sockets._udp_socket import WRITABLE_HIGH_WATER_MARK
from tests.support import settle
from tests.support.operating_system import (
    handmade_udp_socket,
)
from tests.support.recording import PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sockets import PACKET, UNREACHABLE
from whatwg_streams import (
    AbortError,
    NetworkError,
)


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"bytearray"), b"bytearray"),
        (memoryview(b"a part of it")[2:6], b"part"),
        (array.array("H", [1, 2]), array.array("H", [1, 2]).tobytes()),
        (b"", b""),  # E47
        (array.array("H"), b""),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", [dict, UDPMessage])
async def test_any_buffer_can_be_sent(data: Any, sent: bytes, kind: Any) -> None:
    socket, info, datagrams = await handmade_udp_socket()
    with info.writable.get_writer() as writer:
        await writer.write(kind(data=data))
    assert datagrams.sent == [(sent, None)]
    await socket.close()


async def test_in_bound_mode_a_message_says_where_it_goes_to() -> None:  # E30
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    with info.writable.get_writer() as writer:
        await writer.write(UDPMessage(b"1", "8.8.8.8", 53))
        await writer.write(UDPMessage(b"2", "example.com", 65536 + 53, "ipv6"))
        await writer.write({"data": b"3", "remote_address": "::1", "remote_port": "-1", "dns_query_type": None})
    assert datagrams.sent == [
        (b"1", Destination("8.8.8.8", 53, None)),
        (b"2", Destination("example.com", 53, "ipv6")),
        (b"3", Destination("::1", 65535, None)),
    ]
    await socket.close()


async def test_a_message_that_was_received_can_be_sent_back() -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    datagrams.feed(PACKET)
    with info.readable.get_reader() as reader, info.writable.get_writer() as writer:
        await writer.write((await reader.read()).value)
    assert datagrams.sent == [(b"hello", Destination("8.8.4.4", 1234, None))]
    await socket.close()


WRONG_IN_EITHER_MODE: list[tuple[Any, str]] = [
    ("text", "expected a UDPMessage, .*, not str"),
    (b"bytes", "expected a UDPMessage, .*, not bytes"),
    (bytearray(b"bytes"), "expected a UDPMessage, .*, not bytearray"),
    (memoryview(b"bytes"), "expected a UDPMessage, .*, not memoryview"),
    (1, "expected an object"),
    ({"data": "text"}, "data"),
    ({"data": 1}, "data"),
    ({"data": memoryview(b"abcd")[::2]}, "data"),
    ({"data": b"", "dns_query_type": "ipv5"}, "dns_query_type"),
    ({"data": b"", "remote_address": 1}, "remote_address"),
    ({"data": b"", "remote_port": object()}, "remote_port"),
    ({"data": [], "dns_query_type": "ipv5"}, "data"),
    ({"data": b"", "dns_query_type": "ipv5", "remote_address": 1}, "dns_query_type"),
    ({"data": b"", "remote_address": 1, "remote_port": object()}, "remote_address"),
]


WRONG_IN_CONNECTED_MODE: list[tuple[Any, str]] = [
    (UDPMessage(b"", "8.8.8.8"), "connected"),
    (UDPMessage(b"", None, 53), "connected"),
    (UDPMessage(b"", None, 0), "connected"),
    (UDPMessage(b"", None, None, "ipv4"), "connected"),
    ({"data": b"", "remote_address": ""}, "connected"),
    ({"remote_port": 1}, "connected"),
    ({}, "no data"),
    (None, "no data"),
    (UDPMessage(), "no data"),
    (object(), "no data"),
]


WRONG_IN_BOUND_MODE: list[tuple[Any, str]] = [
    (UDPMessage(b""), "bound"),
    (UDPMessage(b"", "8.8.8.8"), "bound"),
    (UDPMessage(b"", None, 53), "bound"),
    ({"remote_address": "8.8.8.8", "remote_port": 53}, "no data"),
    ({}, "bound"),
    (None, "bound"),
]


@pytest.mark.parametrize(
    ("bound", "chunk", "message"),
    [
        *[(False, *wrong) for wrong in WRONG_IN_EITHER_MODE + WRONG_IN_CONNECTED_MODE],
        *[(True, *wrong) for wrong in WRONG_IN_EITHER_MODE + WRONG_IN_BOUND_MODE],
    ],
    ids=repr,
)
async def test_a_chunk_that_is_no_message_ends_the_writing(bound: bool, chunk: Any, message: str) -> None:  # E8 E47
    socket, info, datagrams = await handmade_udp_socket(bound=bound)
    writer = info.writable.get_writer()
    with pytest.raises(TypeError, match=message):
        await writer.write(chunk)
    with pytest.raises(TypeError):
        await writer.closed
    assert datagrams.sent == []
    assert outcome(socket.closed) == PENDING  # the other side is as it was,
    datagrams.feed(PACKET)
    reader = info.readable.get_reader()
    assert (await reader.read()).value.data == b"hello"
    await reader.cancel()
    with pytest.raises(TypeError, match=message):  # and with it the socket is closed
        await socket.closed
    assert datagrams.done("close") == 1


async def test_a_wrong_chunk_after_the_readable_side_is_gone_closes_the_socket() -> None:  # E8
    socket, info, datagrams = await handmade_udp_socket()
    await info.readable.cancel()
    with pytest.raises(TypeError, match="data") as caught:
        await info.writable.get_writer().write({"data": 1})
    assert await socket.closed.then(None, lambda reason: reason) is caught.value
    assert datagrams.done("close") == 1


async def test_what_reading_a_message_raises_ends_the_writing() -> None:  # E8
    class Odd:
        @property
        def data(self) -> bytes:
            raise ZeroDivisionError

    socket, info, _ = await handmade_udp_socket()
    writer = info.writable.get_writer()
    promise = writer.write(Odd())
    with pytest.raises(ZeroDivisionError):
        await promise
    with pytest.raises(ZeroDivisionError):
        await writer.closed
    writer.release_lock()
    with pytest.raises(ZeroDivisionError):
        await socket.close()


async def test_messages_go_to_the_system_one_after_the_other() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    assert writer.desired_size == WRITABLE_HIGH_WATER_MARK
    trace = EventTrace()
    for name in ("a", "b"):
        trace.watch(name, writer.write(UDPMessage(name.encode())))
    await settle()
    assert datagrams.sent == [(b"a", None)]
    assert writer.desired_size == -1
    datagrams.answer("send", True)
    await settle()
    datagrams.answer("send", True)
    await settle()
    assert datagrams.sent == [(b"a", None), (b"b", None)]
    assert trace.events == [("a", "fulfilled"), ("b", "fulfilled")]
    writer.release_lock()
    await socket.close()


async def test_an_error_of_sending_errors_the_writable_side_and_leaves_the_readable_one() -> None:  # E35
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.failures["send"] = OSError(errno.EMSGSIZE, "Message too long")
    writer = info.writable.get_writer()
    with pytest.raises(NetworkError, match="sending: ") as caught:
        await writer.write(UDPMessage(b"x"))
    assert caught.value.errno == errno.EMSGSIZE
    assert reason_of(writer.closed) is caught.value
    datagrams.feed(b"still here")
    reader = info.readable.get_reader()
    assert (await reader.read()).value == UDPMessage(b"still here")
    assert outcome(socket.closed) == PENDING
    await reader.cancel()
    assert await socket.closed.then(None, lambda reason: reason) is caught.value


async def test_an_error_of_a_send_that_waits() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    first, second = writer.write(UDPMessage(b"1")), writer.write(UDPMessage(b"2"))
    await settle()
    datagrams.fail("send", UNREACHABLE)
    with pytest.raises(NetworkError, match="unreachable") as caught:
        await first
    assert reason_of(second) is caught.value
    await settle()
    assert outcome(socket.closed) == rejected(caught.value)


async def test_closing_the_writable_side_waits_for_what_was_written() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    write = writer.write(UDPMessage(b"x"))
    close = writer.close()
    await settle()
    assert outcome(close) == PENDING
    datagrams.answer("send", True)
    await write
    await close
    await socket.closed
    assert datagrams.done("close") == 1


async def test_aborting_stops_the_send_that_is_under_way() -> None:  # E3
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    first, second = writer.write(UDPMessage(b"1")), writer.write(UDPMessage(b"2"))
    await settle()
    reason = ValueError("enough")
    await writer.abort(reason)
    assert reason_of(first) is reason
    assert reason_of(second) is reason
    assert datagrams.done("stop_sending") == 1
    assert datagrams.sent == [(b"1", None)]
    assert outcome(socket.closed) == PENDING
    await info.readable.cancel()
    assert await socket.closed.then(None, lambda reason: reason) is reason  # E1: a user's own abort


async def test_a_send_that_was_done_when_the_stream_was_aborted_is_done() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    write = writer.write(UDPMessage(b"1"))
    await settle()
    datagrams.answer("send", True)
    aborted = writer.abort("enough")
    await write
    await aborted
    writer.release_lock()
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == rejected("enough")


async def test_a_send_that_failed_when_the_stream_was_aborted() -> None:  # E37
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    write = writer.write(UDPMessage(b"1"))
    await settle()
    datagrams.fail("send", UNREACHABLE)
    await writer.abort("enough")
    assert isinstance(reason_of(write), NetworkError)
    await settle()
    assert outcome(socket.closed) == rejected("enough")
    assert datagrams.done("close") == 1


async def test_aborting_without_a_reason() -> None:  # E44
    socket, info, _ = await handmade_udp_socket()
    await info.writable.abort()
    await info.readable.cancel()
    with pytest.raises(AbortError):
        await socket.closed
