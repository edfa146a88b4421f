"""The operating system seam over real sockets: UDP."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from typing_extensions import override

from direct_sockets._asyncio_common import OwnedSocket
from direct_sockets._asyncio_os import REAL
from direct_sockets._asyncio_udp import AsyncioDatagramSocket, sharing_option
from direct_sockets._operating_system import (
    Answer,
    Destination,
    Endpoint,
    ResolvedAddress,
    SocketDnsQueryType,
    UDPSocketParameters,
)
from tests.support import settle
from tests.support.datagrams import DEFAULTS, LOOPBACK, Scripted, answered, bound
from tests.support.operating_system import plain_udp_socket, receive_from, refusing_udp_port
from whatwg_streams import Promise

LOOPBACK_6 = ResolvedAddress(ip_address("::1"))
ANY = ResolvedAddress(ip_address("0.0.0.0"))
ANY_6 = ResolvedAddress(ip_address("::"))
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="options of Linux")


@asynccontextmanager
async def _connected(
    *addresses: ResolvedAddress, port: int, parameters: UDPSocketParameters = DEFAULTS
) -> AsyncIterator[AsyncioDatagramSocket]:
    datagrams = await REAL.open_a_udp_socket("connected", addresses, port, parameters)
    try:
        yield datagrams
    finally:
        assert datagrams.close() is None


def _is_pending(answer: Answer[Any]) -> bool:
    return isinstance(answer, Promise) and "pending" in repr(answer)


# Opening -----------------------------------------------------------------------------------------------


async def test_a_bound_socket_knows_its_end() -> None:
    for address in (LOOPBACK, LOOPBACK_6, ANY, ANY_6):
        async with bound(address) as datagrams:
            assert datagrams.remote is None
            assert datagrams.local == Endpoint(str(address.address), datagrams._sock.getsockname()[1])
            assert datagrams.local.port > 0


async def test_a_connected_socket_knows_both_ends() -> None:
    for address in (LOOPBACK, LOOPBACK_6):
        async with _connected(address, port=1024) as datagrams:
            assert datagrams.remote == Endpoint(str(address.address), 1024)
            assert datagrams.local == Endpoint(str(address.address), datagrams._sock.getsockname()[1])


async def test_addresses_are_tried_in_their_order() -> None:
    nowhere = ResolvedAddress(ip_address("255.255.255.255"))  # needs SO_BROADCAST
    async with _connected(nowhere, LOOPBACK_6, LOOPBACK, port=1024) as datagrams:
        assert datagrams.remote == Endpoint("::1", 1024)
    with pytest.raises(PermissionError):
        await REAL.open_a_udp_socket("connected", [nowhere, nowhere], 1024, DEFAULTS)


async def test_an_address_in_use_leaves_no_descriptor() -> None:
    async with bound() as datagrams:
        with pytest.raises(OSError, match=r".") as caught:
            await REAL.open_a_udp_socket("bound", [LOOPBACK], datagrams.local.port, DEFAULTS)
        assert caught.value.errno == errno.EADDRINUSE

    # That nothing is left open is checked after each test.


# Options -----------------------------------------------------------------------------------------------


@on_linux
async def test_buffer_sizes_are_set_and_huge_ones_are_as_large_as_can_be() -> None:
    async with bound(parameters=UDPSocketParameters(2**14, 2**15)) as datagrams:
        assert datagrams._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 2**14
        assert datagrams._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 2**15
    async with bound(parameters=UDPSocketParameters(2**32 - 1, 2**32 - 1)) as datagrams:
        assert datagrams._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 2**15


@pytest.mark.parametrize("only", [True, False])
async def test_whether_ipv4_is_included(only: bool) -> None:
    async with bound(ANY_6, UDPSocketParameters(ipv6_only=only)) as datagrams:
        assert datagrams._sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == only


_MULTICAST = UDPSocketParameters(multicast_time_to_live=7, multicast_loopback=False)


@on_linux
@pytest.mark.parametrize("mode", ["bound", "connected"])
async def test_the_options_of_multicast_are_set_in_either_mode(mode: Any) -> None:  # E33
    for address in (LOOPBACK, LOOPBACK_6):
        for parameters, (time_to_live, loopback) in ((DEFAULTS, (1, 1)), (_MULTICAST, (7, 0))):
            datagrams = await REAL.open_a_udp_socket(mode, [address], 1024 if mode == "connected" else 0, parameters)
            sock = datagrams._sock
            assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == time_to_live
            assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == loopback
            if address is LOOPBACK_6:
                assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS) == time_to_live
                assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP) == loopback
            datagrams.close()


@on_linux
async def test_groups_that_others_have_joined_are_none_of_its_business() -> None:  # E66
    ip_multicast_all, ipv6_multicast_all = 49, 29
    for address in (LOOPBACK, LOOPBACK_6):
        async with bound(address) as datagrams:
            assert datagrams._sock.getsockopt(socket.IPPROTO_IP, ip_multicast_all) == 0
            if address is LOOPBACK_6:
                assert datagrams._sock.getsockopt(socket.IPPROTO_IPV6, ipv6_multicast_all) == 0


@on_linux
async def test_sharing_is_off_unless_it_is_wanted() -> None:  # E34
    for shared in (False, True):
        async with bound(parameters=UDPSocketParameters(multicast_allow_address_sharing=shared)) as datagrams:
            assert datagrams._sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == shared
            assert datagrams._sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0


@pytest.mark.parametrize(
    ("platform", "option"),
    [
        ("linux", socket.SO_REUSEADDR),
        ("win32", socket.SO_REUSEADDR),
        ("darwin", socket.SO_REUSEPORT),
        ("freebsd14", socket.SO_REUSEPORT),
        ("openbsd7", socket.SO_REUSEPORT),
    ],
)
def test_sharing_in_the_way_of_the_platform(platform: str, option: int) -> None:  # E34
    assert sharing_option(platform) == option


# Receiving ---------------------------------------------------------------------------------------------


async def test_as_many_as_are_wanted_are_taken_in_one_go() -> None:
    async with bound() as datagrams:
        with plain_udp_socket() as peer:
            source = Endpoint(*peer.getsockname())
            for number in range(10):
                peer.sendto(b"%d" % number, datagrams.local)
            assert datagrams.provide(4) == [(b"%d" % number, source) for number in range(4)]
            assert datagrams.provide(100) == [(b"%d" % number, source) for number in range(4, 10)]


async def test_as_many_as_have_come_when_the_loop_calls_are_taken() -> None:
    async with bound() as datagrams:
        answer = datagrams.provide(3)
        assert _is_pending(answer)
        with plain_udp_socket() as peer:
            for number in range(5):
                peer.sendto(b"%d" % number, datagrams.local)
        assert [data for data, _ in await answered(answer)] == [b"0", b"1", b"2"]
        assert [data for data, _ in await answered(datagrams.provide(3))] == [b"3", b"4"]


async def test_a_connected_socket_hears_its_peer_alone() -> None:
    with plain_udp_socket() as peer, plain_udp_socket() as stranger:
        async with _connected(LOOPBACK, port=peer.getsockname()[1]) as datagrams:
            stranger.sendto(b"?", datagrams.local)
            peer.sendto(b"", datagrams.local)
            peer.sendto(b"x", datagrams.local)
            assert datagrams.provide(9) == [(b"", None), (b"x", None)]


async def test_what_was_stopped_takes_nothing_off_the_socket() -> None:
    async with bound() as datagrams:
        stopped = datagrams.provide(1)
        datagrams.stop_providing()
        with plain_udp_socket() as peer:
            peer.sendto(b"hello", datagrams.local)
        await settle()
        assert _is_pending(stopped)
        [(data, _)] = await answered(datagrams.provide(1))
        assert data == b"hello"


async def test_datagrams_that_nobody_wants_do_not_keep_the_loop_busy() -> None:
    async with bound() as datagrams:
        answer = datagrams.provide(1)
        with plain_udp_socket() as peer:
            for number in range(3):
                peer.sendto(b"%d" % number, datagrams.local)
            assert [data for data, _ in await answered(answer)] == [b"0"]
            for _ in range(1000):
                if not datagrams._watching:
                    break
                await asyncio.sleep(0)
            assert not datagrams._watching
            assert [data for data, _ in await answered(datagrams.provide(9))] == [b"1", b"2"]
            answer = datagrams.provide(9)  # it is watched again
            assert _is_pending(answer)
            peer.sendto(b"3", datagrams.local)
            assert [data for data, _ in await answered(answer)] == [b"3"]


@on_linux
async def test_the_zone_of_a_link_local_source_is_kept() -> None:  # E50
    scripted = Scripted(socket.AF_INET6)
    scripted.incoming = [(b"x", ("fe80::1%lo", 9, 0, 1)), (b"y", ("::ffff:127.0.0.1", 9, 0, 0))]
    datagrams = scripted.wrapped()
    packets = await answered(datagrams.provide(2))
    assert [source for _, source in packets] == [Endpoint("fe80::1%lo", 9), Endpoint("::ffff:127.0.0.1", 9)]
    datagrams.close()


# Errors of datagrams before, which ICMP tells of


async def test_a_refusal_is_an_error_of_the_receive_that_waits() -> None:  # E48
    async with _connected(LOOPBACK, port=refusing_udp_port()) as datagrams:
        answer = datagrams.provide(1)
        assert datagrams.send(memoryview(b"x"), None) is True
        with pytest.raises(ConnectionRefusedError):
            await answered(answer)
        assert _is_pending(datagrams.provide(1))


async def test_a_refusal_that_the_next_send_hears_of_is_still_one_of_receiving() -> None:  # E48
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    waiting = datagrams.provide(1)
    refusals = [ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused") for _ in range(2)]
    scripted.outgoing = [1, refusals[0], 1, refusals[1], 1]
    for data in (b"one", b"two", b"three"):
        assert datagrams.send(memoryview(data), None) is True
    assert scripted.sent == [b"one", b"two", b"two", b"three", b"three"]
    for refusal, answer in ((refusals[0], waiting), (refusals[1], datagrams.provide(1))):
        with pytest.raises(ConnectionRefusedError) as told:
            await answered(answer)
        assert told.value is refusal
    datagrams.close()


async def test_a_refusal_when_nothing_is_wanted_waits_for_the_next_receive() -> None:  # E48
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    first = datagrams.provide(2)
    scripted.incoming = [b"hello", BlockingIOError()]
    scripted.other.send(b"!")
    assert [data for data, _ in await answered(first)] == [b"hello"]
    scripted.incoming = [b"one", BlockingIOError()]
    assert _is_pending(datagrams.provide(2))  # the loop will tell
    datagrams.stop_providing()
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    scripted.outgoing = [refused, 1]
    assert datagrams.send(memoryview(b"x"), None) is True
    assert scripted.sent == [b"x", b"x"]
    with pytest.raises(ConnectionRefusedError):
        await answered(datagrams.provide(1))
    assert [data for data, _ in await answered(datagrams.provide(2))] == [b"one"]
    datagrams.close()


async def test_what_came_before_an_error_is_provided_before_it() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    scripted.incoming = [b"one", b"two", OSError(errno.ENOBUFS, "?"), b"three", BlockingIOError()]
    assert [data for data, _ in await answered(datagrams.provide(9))] == [b"one", b"two"]
    with pytest.raises(OSError, match=r".") as caught:
        await answered(datagrams.provide(9))
    assert caught.value.errno == errno.ENOBUFS
    assert [data for data, _ in await answered(datagrams.provide(9))] == [b"three"]
    datagrams.close()


class _Congested(OwnedSocket):
    """A socket, connected to where nobody receives, whose network takes no datagrams.

    It has the errors that the system has; the sender is told of another one.
    """

    has_room = True

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.setblocking(False)
        self.connect(("127.0.0.1", refusing_udp_port()))

    @override
    def send(self, data: Any, *_: Any) -> int:
        if self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(errno.EHOSTUNREACH, "?")
        if not self.has_room:
            raise BlockingIOError
        return len(data)

    def have_an_error(self) -> None:
        super().send(b"x")  # loopback refuses it at once


async def test_an_error_that_a_sender_takes_ends_no_receive_that_waits() -> None:
    loop = asyncio.get_running_loop()
    sock = _Congested()
    datagrams = AsyncioDatagramSocket(sock, "connected", loop, REAL.resolve)
    sent: list[Answer[bool]] = []
    with plain_udp_socket() as other, plain_udp_socket() as peer:
        received = datagrams.provide(1)
        loop.add_reader(other, lambda: sent.append(datagrams.send(memoryview(b"x"), None)))
        await settle()
        # The loop is told of both on one turn; the first one sends, so that nothing is left for the second.
        peer.sendto(b"go", other.getsockname())
        sock.have_an_error()
        await settle(2)
        loop.remove_reader(other)
        with pytest.raises(OSError, match=r".") as caught:
            await answered(sent[0])
        assert caught.value.errno == errno.EHOSTUNREACH
        assert _is_pending(received)
    with plain_udp_socket(port=datagrams._sock.getpeername()[1]) as peer:
        peer.sendto(b"hello", datagrams.local)
        assert await answered(received) == [(b"hello", None)]
    datagrams.close()


async def test_an_error_that_a_receiver_takes_ends_no_send_that_waits() -> None:
    sock = _Congested()
    datagrams = AsyncioDatagramSocket(sock, "connected", asyncio.get_running_loop(), REAL.resolve)
    received = datagrams.provide(1)
    sock.has_room = False
    sent = datagrams.send(memoryview(b"x"), None)
    sock.have_an_error()
    with pytest.raises(ConnectionRefusedError):
        await answered(received)
    await settle()
    assert _is_pending(sent)
    sock.has_room = True
    assert await answered(sent) is True
    datagrams.close()


# Sending -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_numeric_destinations_are_sent_to_at_once(address: str) -> None:
    async with bound(ANY_6) as datagrams:
        with plain_udp_socket(address) as peer, plain_udp_socket(address) as other:
            for sock in (peer, other, peer, peer):
                to = Destination(address, sock.getsockname()[1], f"ipv{ip_address(address).version}")  # type: ignore[arg-type]
                assert datagrams.send(memoryview(b"x"), to) is True
            for sock in (peer, other, peer, peer):
                assert (await receive_from(sock))[0] == b"x"


async def test_a_name_is_looked_up_and_the_data_is_what_it_was() -> None:
    async with bound(ANY) as datagrams:
        with plain_udp_socket() as peer:
            data = bytearray(b"hello")
            to = Destination("localhost", peer.getsockname()[1])
            answer = datagrams.send(memoryview(data), to)
            assert isinstance(answer, Promise)
            data[:] = b"?????"
            assert await answer is True
            assert (await receive_from(peer))[0] == b"hello"
            # What was found is not kept: the next time another answer may come.
            assert isinstance(datagrams.send(memoryview(data), to), Promise)
            assert (await receive_from(peer))[0] == b"?????"
            await settle()


class _Resolver:
    """Gives what it is told to, when it is told to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = [ResolvedAddress(ip_address(one)) for one in addresses]
        self.asked: list[tuple[str, SocketDnsQueryType | None]] = []
        self.may_answer = asyncio.Event()
        self.cancelled = False

    async def resolve(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        self.asked.append((name, dns_query_type))
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.addresses


async def test_of_several_addresses_the_first_that_can_be_sent_to_is_taken() -> None:
    resolver = _Resolver("::1", "255.255.255.255", "127.0.0.1")
    with plain_udp_socket() as sock, plain_udp_socket() as peer:
        datagrams = AsyncioDatagramSocket(sock, "bound", asyncio.get_running_loop(), resolver.resolve)
        answer = datagrams.send(memoryview(b"x"), Destination("example.com", peer.getsockname()[1], "ipv4"))
        resolver.may_answer.set()
        assert await answered(answer) is True
        assert (await receive_from(peer))[0] == b"x"
        assert resolver.asked == [("example.com", "ipv4")]
        resolver.addresses.pop()
        with pytest.raises(PermissionError):
            await answered(datagrams.send(memoryview(b"x"), Destination("example.com", 1024)))
        resolver.addresses.pop()
        with pytest.raises(OSError, match="IP version"):
            await answered(datagrams.send(memoryview(b"x"), Destination("example.com", 1024)))
        datagrams.close()


async def test_an_error_of_the_resolver_that_is_none_of_the_systems_is_an_error_of_sending() -> None:
    async def resolve(name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        raise RuntimeError("a mistake in the resolver")

    with plain_udp_socket() as sock:
        datagrams = AsyncioDatagramSocket(sock, "bound", asyncio.get_running_loop(), resolve)
        with pytest.raises(RuntimeError, match="a mistake"):
            await answered(datagrams.send(memoryview(b"x"), Destination("example.com", 1024)))
        datagrams.close()


async def test_stopping_gives_up_the_looking_up() -> None:
    resolver = _Resolver("127.0.0.1")
    with plain_udp_socket() as sock, plain_udp_socket() as peer:
        datagrams = AsyncioDatagramSocket(sock, "bound", asyncio.get_running_loop(), resolver.resolve)
        to = Destination("example.com", peer.getsockname()[1])
        answer = datagrams.send(memoryview(b"never sent"), to)
        await settle()
        datagrams.stop_sending()
        assert await answered(answer) is False
        await settle()
        assert resolver.cancelled
        resolver.may_answer.set()
        assert await answered(datagrams.send(memoryview(b"sent"), to)) is True
        assert (await receive_from(peer))[0] == b"sent"
        datagrams.stop_sending()  # there is nothing any more
        datagrams.close()


async def test_an_ipv6_only_socket_sends_to_no_ipv4_address() -> None:
    async with bound(ANY_6, UDPSocketParameters(ipv6_only=True)) as datagrams:
        with pytest.raises(OSError, match="IP version"):
            await answered(datagrams.send(memoryview(b"x"), Destination("127.0.0.1", 1024)))
    async with bound() as datagrams:
        with pytest.raises(OSError, match="IP version"):
            await answered(datagrams.send(memoryview(b"x"), Destination("::1", 1024)))


async def test_a_datagram_that_is_too_long_is_an_error() -> None:
    async with _connected(LOOPBACK, port=1024) as datagrams:
        with pytest.raises(OSError, match=r".") as caught:
            await answered(datagrams.send(memoryview(bytes(65508)), None))
        assert caught.value.errno == errno.EMSGSIZE


# Faults, by a scripted socket


async def test_a_socket_that_was_not_readable_after_all_is_waited_for() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    scripted.incoming = [InterruptedError(), BlockingIOError(), BlockingIOError(), b"data"]
    answer = datagrams.provide(1)
    scripted.other.send(b"x")
    assert await answered(answer) == [(b"data", None)]
    datagrams.close()


async def test_an_error_of_a_receive_that_waits_rejects_it() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    scripted.incoming = [BlockingIOError(), OSError(errno.EIO, "?")]
    answer = datagrams.provide(1)
    scripted.other.send(b"x")
    with pytest.raises(OSError, match=r".") as caught:
        await answered(answer)
    assert caught.value.errno == errno.EIO
    datagrams.close()


@pytest.mark.parametrize("mode", ["bound", "connected"])
async def test_a_socket_that_has_no_room_is_waited_for(mode: Any) -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped(mode)
    to = Destination("8.8.8.8", 53) if mode == "bound" else None
    scripted.outgoing = [BlockingIOError(), BlockingIOError(), 5]
    data = bytearray(b"hello")
    answer = datagrams.send(memoryview(data), to)
    data[:] = b"?????"
    assert await answered(answer) is True
    assert scripted.sent == [b"hello"] * 3
    scripted.outgoing = [BlockingIOError(), OSError(errno.ENETUNREACH, "?")]
    with pytest.raises(OSError, match=r"."):
        await answered(datagrams.send(memoryview(b"x"), to))
    datagrams.close()


async def test_a_send_that_waits_can_be_stopped() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    answer = datagrams.send(memoryview(b"x"), None)
    datagrams.stop_sending()
    assert await answered(answer) is False
    scripted.outgoing = [1]
    assert datagrams.send(memoryview(b"y"), None) is True
    datagrams.close()


async def test_a_peer_that_refuses_faster_than_one_can_send_is_an_error_of_sending() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    scripted.outgoing = [ConnectionRefusedError(errno.ECONNREFUSED, "?")] * 100
    with pytest.raises(ConnectionRefusedError):
        await answered(datagrams.send(memoryview(b"x"), None))
    assert len(scripted.sent) == 8
    datagrams.close()


async def test_closing_ends_what_is_under_way() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped("connected")
    providing, sending = datagrams.provide(1), datagrams.send(memoryview(b"x"), None)
    assert datagrams.close() is None
    assert await answered(sending) is False
    assert _is_pending(providing)


async def test_an_error_of_closing_is_told_but_closed_it_is() -> None:
    scripted = Scripted()
    datagrams = scripted.wrapped()
    scripted.error_of_closing = OSError(errno.EIO, "?")
    with pytest.raises(OSError, match=r"."):
        await answered(datagrams.close())
    assert scripted.fileno() == -1
