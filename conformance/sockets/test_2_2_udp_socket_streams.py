"""§2.2 and §2.3 UDPSocket, [[readable]] and [[writable]]; §2.5 and §2.6, closed and close().

https://wicg.github.io/direct-sockets/#udpsocket-interface
"""

from __future__ import annotations

from typing import Any

import pytest

from direct_sockets import UDPMessage, UDPSocket
from direct_sockets._operating_system import Destination
from tests.support import settle
from tests.support.operating_system import ALL, HandmadeSystem, handmade_udp_socket
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of, rejected
from tests.support.sockets import CONNECTED, PACKET, UNREACHABLE
from whatwg_streams import InvalidStateError, NetworkError

ERROR = ValueError("the reason")

BOTH_MODES = pytest.mark.parametrize("bound", [False, True], ids=["connected", "bound"])


def message(*, bound: bool) -> dict[str, Any]:
    return {"data": b"x"} | ({"remote_address": "8.8.8.8", "remote_port": 53} if bound else {})


# §2.2 [[readable]] --------------------------------------------------------------------------------


async def test_in_connected_mode_messages_have_data_alone() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.feed(b"one", b"")
    with info.readable.get_reader() as reader:
        for data in (b"one", b""):
            value = (await reader.read()).value
            assert bytes(value.data) == data
            assert (value.remote_address, value.remote_port, value.dns_query_type) == (None, None, None)
    await socket.close()


async def test_in_bound_mode_messages_say_where_they_come_from() -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    datagrams.feed(PACKET)
    with info.readable.get_reader() as reader:
        value = (await reader.read()).value
        assert bytes(value.data) == b"hello"
        assert (value.remote_address, value.remote_port, value.dns_query_type) == ("8.8.4.4", 1234, None)
    await socket.close()


async def test_packets_are_asked_for_as_far_as_there_is_room_and_once_at_a_time() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    await settle()
    [first] = [call for call in datagrams.calls if call[0] == "provide"]
    datagrams.feed(b"one", b"two")
    await settle()
    last = datagrams.calls[-1]
    assert last[0] == "provide"
    assert int(str(first[1])) - int(str(last[1])) == 2
    with info.readable.get_reader() as reader:
        assert [bytes((await reader.read()).value.data) for _ in range(2)] == [b"one", b"two"]
    await socket.close()


async def test_an_error_errors_the_reading_and_leaves_the_writing() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.feed(UNREACHABLE)
    reader = info.readable.get_reader()
    read = reader.read()
    await settle()
    assert isinstance(reason_of(read), NetworkError)
    reader.release_lock()
    assert outcome(socket.closed) == PENDING
    with info.writable.get_writer() as writer:
        await writer.write({"data": b"x"})
    await info.writable.close()
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_cancelling_leaves_the_writing() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    await info.readable.cancel()
    assert outcome(socket.closed) == PENDING
    assert datagrams.done("close") == 0
    await info.writable.close()
    await settle()
    assert outcome(socket.closed) == FULFILLED
    assert datagrams.done("close") == 1


# §2.3 [[writable]] --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [dict, UDPMessage])
async def test_messages_are_sent_where_the_mode_says(kind: Any) -> None:
    socket, info, datagrams = await handmade_udp_socket()
    with info.writable.get_writer() as writer:
        await writer.write(kind(data=b"abc"))
    assert datagrams.sent == [(b"abc", None)]
    await socket.close()
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    with info.writable.get_writer() as writer:
        await writer.write(kind(data=b"a", remote_address="example.com", remote_port=53))
        await writer.write(kind(data=b"b", remote_address="::1", remote_port=54, dns_query_type="ipv6"))
    assert datagrams.sent == [(b"a", Destination("example.com", 53, None)), (b"b", Destination("::1", 54, "ipv6"))]
    await socket.close()


@pytest.mark.parametrize(
    ("bound", "chunk"),
    [
        (False, b"no message"),
        (False, None),
        (False, {}),
        (False, {"data": "text"}),
        (False, {"data": b"x", "remote_address": "8.8.8.8"}),
        (False, {"data": b"x", "remote_port": 53}),
        (False, {"data": b"x", "dns_query_type": "ipv4"}),
        (True, {"data": b"x"}),
        (True, {"data": b"x", "remote_address": "8.8.8.8"}),
        (True, {"data": b"x", "remote_port": 53}),
        (True, {"data": b"x", "remote_address": "8.8.8.8", "remote_port": 53, "dns_query_type": "both"}),
    ],
    ids=repr,
)
async def test_messages_that_are_a_type_error(bound: bool, chunk: Any) -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=bound)
    writer = info.writable.get_writer()
    write = writer.write(chunk)
    await settle()
    assert isinstance(reason_of(write), TypeError)
    assert isinstance(reason_of(writer.closed), TypeError)
    assert datagrams.sent == []
    writer.release_lock()
    await info.readable.cancel()
    await settle()
    assert isinstance(reason_of(socket.closed), TypeError)


@BOTH_MODES
async def test_an_error_rejects_the_write_and_leaves_the_reading(bound: bool) -> None:
    socket, info, datagrams = await handmade_udp_socket(bound=bound)
    datagrams.failures["send"] = UNREACHABLE
    writer = info.writable.get_writer()
    write = writer.write(message(bound=bound))
    await settle()
    assert isinstance(reason_of(write), NetworkError)
    writer.release_lock()
    assert outcome(socket.closed) == PENDING
    datagrams.feed(PACKET)
    with info.readable.get_reader() as reader:
        assert bytes((await reader.read()).value.data) == b"hello"
    await info.readable.cancel()
    await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_aborting_has_the_send_under_way_return() -> None:
    socket, info, datagrams = await handmade_udp_socket()
    datagrams.hold("send")
    writer = info.writable.get_writer()
    writes = [writer.write({"data": b"a"}), writer.write({"data": b"b"})]
    await settle()
    await writer.abort(ERROR)
    assert datagrams.done("stop_sending") == 1
    assert [outcome(one) for one in writes] == [rejected(ERROR)] * 2
    writer.release_lock()
    await info.readable.cancel()
    await settle()
    assert outcome(socket.closed) == rejected(ERROR)


# §2.5, §2.6 closed and close() --------------------------------------------------------------------


@BOTH_MODES
async def test_close_cancels_aborts_and_closes_the_socket(bound: bool) -> None:
    socket, _, datagrams = await handmade_udp_socket(bound=bound)
    promise = socket.close()
    assert promise is socket.closed
    await promise
    assert datagrams.done("close") == 1
    assert socket.close() is socket.closed


async def test_close_in_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed(ALL):
        socket = UDPSocket(**CONNECTED)
    await settle()
    assert isinstance(reason_of(socket.close()), InvalidStateError)
    system.answer("open", system.datagrams)
    info = await socket.opened
    for lock in (info.readable.get_reader, info.writable.get_writer):
        with lock():
            assert isinstance(reason_of(socket.close()), InvalidStateError)
    await socket.close()
