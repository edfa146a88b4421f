"""The fast path of receiving datagrams: many in one system call."""

from __future__ import annotations

import ctypes
import errno
import gc
import random
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets import _asyncio_recvmmsg
from direct_sockets._asyncio_common import endpoint
from direct_sockets._asyncio_os import REAL
from direct_sockets._asyncio_recvmmsg import MOST, ReceiveMany, _find_recvmmsg, receive_many_from
from direct_sockets._operating_system import Endpoint, ResolvedAddress, UDPPacket
from tests.support.datagrams import DEFAULTS, answered, bound
from tests.support.operating_system import plain_udp_socket, refusing_udp_port
from whatwg_streams._platform import fast_paths

pytestmark = pytest.mark.skipif(_find_recvmmsg(sys.platform) is None, reason="this system has no recvmmsg")

_UDP_SEGMENT = 103
ADDRESSES = ["127.0.0.1", "::1"]


@pytest.fixture(autouse=True)
def _fast_paths() -> Iterator[None]:
    before = fast_paths.set_enabled(True)
    yield
    fast_paths.set_enabled(before)


def _many(sock: socket.socket, *, connected: bool = False) -> ReceiveMany:
    sock.setblocking(False)
    receive = receive_many_from(sock, connected=connected)
    assert receive is not None
    return receive


def _joined(sock: socket.socket, data: bytes, size: int, to: Any) -> None:
    """Send datagrams of that size, the last of which may be shorter, in one go."""
    sock.setsockopt(_asyncio_recvmmsg._SOL_UDP, _UDP_SEGMENT, size)
    assert sock.sendto(data, to) == len(data)
    sock.setsockopt(_asyncio_recvmmsg._SOL_UDP, _UDP_SEGMENT, 0)


def _data(packets: list[UDPPacket]) -> list[bytes]:
    return [data for data, _ in packets]


# What comes is what `recvfrom` gives ---------------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("seed", range(5))
async def test_the_same_comes_as_without_it(address: str, seed: int) -> None:
    """Three senders, datagrams of all sizes, and as many as are wanted each time."""
    choose = random.Random(seed)
    with plain_udp_socket(address) as one, plain_udp_socket(address) as two, plain_udp_socket(address) as three:
        sent = [(choose.choice([one, two, three]), choose.choice([0, 1, 64, 1200])) for _ in range(60)]
        wanted = [choose.randrange(1, 50) for _ in range(60)]
        seen: list[list[UDPPacket]] = []
        for enabled in (False, True):
            fast_paths.set_enabled(enabled)
            async with bound(ResolvedAddress(ip_address(address))) as datagrams:
                assert (datagrams._receive_many is not None) == enabled
                for number, (sender, size) in enumerate(sent):
                    sender.sendto(bytes([number]) * size, (address, datagrams.local.port))
                packets: list[UDPPacket] = []
                for count in wanted:
                    if len(packets) == len(sent):
                        break
                    packets += await answered(datagrams.provide(count))
                seen.append(packets)
        assert seen[0] == seen[1]
        assert len(seen[0]) == len(sent)


@pytest.mark.parametrize(("address", "largest"), [(ADDRESSES[0], 65507), (ADDRESSES[1], 65527)])
def test_the_largest_datagram_is_whole(address: str, largest: int) -> None:
    with plain_udp_socket(address) as sock, plain_udp_socket(address) as sender:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**18)
        receive = _many(sock)
        data = random.Random(1).randbytes(largest)
        for one in (data, b"", data):
            sender.sendto(one, sock.getsockname())
        assert _data(receive(9)) == [data, b"", data]


def test_a_socket_of_both_versions_tells_mapped_addresses() -> None:
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as sock, plain_udp_socket() as sender:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        receive = _many(sock)
        sender.sendto(b"x", ("127.0.0.1", sock.getsockname()[1]))
        assert receive(9) == [(b"x", Endpoint("::ffff:127.0.0.1", sender.getsockname()[1]))]


def test_the_name_of_a_sender_has_its_zone() -> None:  # E50
    name = ctypes.string_at(
        (socket.AF_INET6).to_bytes(2, sys.byteorder)
        + (9).to_bytes(2, "big")
        + bytes(4)
        + socket.inet_pton(socket.AF_INET6, "fe80::1")
        + socket.if_nametoindex("lo").to_bytes(4, sys.byteorder),
        28,
    )
    assert _asyncio_recvmmsg._endpoint_of(name) == Endpoint("fe80::1%lo", 9)


def test_the_zone_of_an_interface_that_is_gone_is_its_number() -> None:  # E50
    assert endpoint(("fe80::1", 9, 0, 2**31 - 1)) == Endpoint(f"fe80::1%{2**31 - 1}", 9)


def test_nothing_is_taken_beyond_what_is_wanted() -> None:
    with plain_udp_socket() as sock, plain_udp_socket() as sender:
        receive = _many(sock)
        for number in range(MOST + 8):
            sender.sendto(bytes([number]), sock.getsockname())
        assert _data(receive(3)) == [b"\0", b"\1", b"\2"]
        assert not receive.drained
        assert len(receive(999)) == MOST
        assert not receive.drained
        assert len(receive(999)) == 5
        assert receive.drained
        assert receive(1) == []
        assert receive.drained


# What the system has joined --------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
def test_joined_datagrams_are_taken_apart(address: str) -> None:
    with plain_udp_socket(address) as sock, plain_udp_socket(address) as sender, plain_udp_socket(address) as other:
        receive = _many(sock)
        to = sock.getsockname()
        here, there = (Endpoint(address, one.getsockname()[1]) for one in (sender, other))
        other.sendto(b"", to)
        _joined(sender, b"aaabbbcc", 3, to)
        _joined(sender, b"dddeee", 3, to)
        other.sendto(b"other", to)
        assert receive(9) == [
            (b"", there),
            *((data, here) for data in (b"aaa", b"bbb", b"cc", b"ddd", b"eee")),
            (b"other", there),
        ]


async def test_joined_datagrams_that_nobody_has_asked_for_wait() -> None:
    with plain_udp_socket() as sender:
        async with bound() as datagrams:
            to = ("127.0.0.1", datagrams.local.port)
            _joined(sender, bytes(range(50)), 1, to)
            assert _data(await answered(datagrams.provide(20))) == [bytes([number]) for number in range(20)]
            for _ in range(3):
                _joined(sender, bytes(range(50)), 1, to)
            assert len(await answered(datagrams.provide(10))) == 10
            assert _data(await answered(datagrams.provide(99))) == [bytes([number]) for number in range(30, 50)]
            # They are so many that one message of the system is enough,
            assert len(await answered(datagrams.provide(20))) == 20
            # and the others wait with the system.
            assert datagrams._sock.recvfrom(100)[0] == bytes(range(50))
            assert len(await answered(datagrams.provide(99))) == 30
            sender.sendto(b"x", to)
            assert len(await answered(datagrams.provide(99))) == 50
            assert _data(await answered(datagrams.provide(99))) == [b"x"]


async def test_joined_datagrams_that_wait_come_after_stopping_too() -> None:
    with plain_udp_socket() as sender:
        async with bound() as datagrams:
            answer = datagrams.provide(1)
            datagrams.stop_providing()
            _joined(sender, b"abc", 1, ("127.0.0.1", datagrams.local.port))
            del answer
            assert _data(await answered(datagrams.provide(1))) == [b"a"]
            datagrams.stop_providing()
            assert _data(await answered(datagrams.provide(9))) == [b"b", b"c"]
            answer = datagrams.provide(9)
            sender.sendto(b"d", ("127.0.0.1", datagrams.local.port))
            assert _data(await answered(answer)) == [b"d"]


async def test_what_is_kept_of_sources_is_kept_with_the_socket() -> None:
    with plain_udp_socket() as sender:
        async with bound() as datagrams:
            sender.sendto(b"x", ("127.0.0.1", datagrams.local.port))
            [(_, source)] = await answered(datagrams.provide(1))
        del datagrams
        gc.collect()
        assert not [one for one in gc.get_referrers(source) if type(one) is not types.CoroutineType]


def test_each_thread_has_memory_of_its_own() -> None:
    messages: list[object] = [_asyncio_recvmmsg._of_this_thread.messages]
    with plain_udp_socket() as sock, plain_udp_socket() as sender:
        receive = _many(sock)
        sender.sendto(b"x", sock.getsockname())
        packets: list[UDPPacket] = []

        def work() -> None:
            packets.extend(receive(9))
            messages.append(_asyncio_recvmmsg._of_this_thread.messages)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert _data(packets) == [b"x"]
    assert None not in messages
    assert messages[0] is not messages[1]


# Failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_refusal_is_raised_once(address: str) -> None:  # E48
    with plain_udp_socket(address) as sock:
        receive = _many(sock, connected=True)
        sock.connect((address, refusing_udp_port()))
        sock.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            receive(9)
        assert receive(9) == []


async def test_a_refusal_rejects_the_receive_that_waits() -> None:  # E48
    datagrams = await REAL.open_a_udp_socket(
        "connected", [ResolvedAddress(ip_address("127.0.0.1"))], refusing_udp_port(), DEFAULTS
    )
    answer = datagrams.provide(9)
    assert datagrams.send(memoryview(b"x"), None) is True
    with pytest.raises(ConnectionRefusedError):
        await answered(answer)
    assert datagrams.close() is None


def test_a_closed_socket_receives_nothing_whoever_has_its_descriptor_now() -> None:
    with plain_udp_socket() as sock, plain_udp_socket() as sender:
        receive = _many(sock)
        number, to = sock.fileno(), sock.getsockname()
        sock.close()
        with plain_udp_socket() as heir:
            assert heir.fileno() == number
            heir.setblocking(False)
            sender.sendto(b"x", heir.getsockname())
            with pytest.raises(OSError, match=r".") as caught:
                receive(1)
            assert caught.value.errno == errno.EBADF
            assert heir.recv(9) == b"x"
            assert to


def test_a_receive_inside_of_another_has_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a finalizer runs in the middle of one."""
    with plain_udp_socket() as outer, plain_udp_socket() as inner, plain_udp_socket() as sender:
        inside = _many(inner)
        endpoint_of = _asyncio_recvmmsg._endpoint_of
        received: list[bytes] = []

        def interrupted(name: bytes) -> Endpoint:
            received.extend(_data(inside(9)))
            return endpoint_of(name)

        monkeypatch.setattr(_asyncio_recvmmsg, "_endpoint_of", interrupted)
        receive = _many(outer)
        for number in range(3):
            sender.sendto(b"outer%d" % number, outer.getsockname())
            sender.sendto(b"inner%d" % number, inner.getsockname())
        assert _data(receive(9)) == [b"outer0", b"outer1", b"outer2"]
        assert received == [b"inner0", b"inner1", b"inner2"]


# Where there is none -----------------------------------------------------------------------------------------


class _Library:
    """A C library whose `recvmmsg` fails."""

    def __init__(self, number: int) -> None:
        def recvmmsg(*_: object) -> int:
            ctypes.set_errno(number)
            return -1

        self.recvmmsg: Any = recvmmsg


@pytest.mark.parametrize(
    ("library", "there_is_one"),
    [
        (object(), False),
        (_Library(errno.ENOSYS), False),  # an old kernel
        (_Library(errno.EPERM), False),  # a filter of system calls
        (_Library(errno.EBADF), True),
    ],
    ids=["no function", "no system call", "not allowed", "works"],
)
def test_it_is_used_only_where_it_works(
    monkeypatch: pytest.MonkeyPatch, library: object, *, there_is_one: bool
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: library)
    assert (_find_recvmmsg("linux") is not None) == there_is_one


def test_other_platforms_have_another_one() -> None:
    assert _find_recvmmsg("freebsd14") is None


def test_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.setattr(_asyncio_recvmmsg, "_ctypes", _asyncio_recvmmsg._import_ctypes())
    assert _find_recvmmsg("linux") is None


async def test_without_it_datagrams_are_received_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_asyncio_recvmmsg, "_recvmmsg", None)
    with plain_udp_socket() as sender:
        async with bound() as datagrams:
            assert datagrams._receive_many is None
            _joined(sender, b"abc", 1, ("127.0.0.1", datagrams.local.port))
            assert _data(await answered(datagrams.provide(9))) == [b"a", b"b", b"c"]


def test_a_system_that_does_not_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_asyncio_recvmmsg, "_UDP_GRO", 9999)
    with plain_udp_socket() as sock, plain_udp_socket() as sender:
        receive = _many(sock)
        _joined(sender, b"abc", 1, sock.getsockname())
        assert _data(receive(9)) == [b"a", b"b", b"c"]


def test_a_forked_process_has_memory_of_its_own() -> None:
    program = """
import os
from direct_sockets._asyncio_recvmmsg import _Messages

messages = _Messages()
child = os.fork()
messages.data[:1] = b"c" if child == 0 else b"p"
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print(messages.data[:1])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "b'p'\n"
