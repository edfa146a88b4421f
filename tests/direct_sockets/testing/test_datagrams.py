"""UDP and multicast between the hosts of a virtual network."""

from __future__ import annotations

import errno
from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets import UDPMessage, UDPSocket
from direct_sockets._operating_system import Destination, Endpoint, UDPSocketParameters
from direct_sockets.testing import VirtualDatagramSocket, VirtualNetwork
from tests.support.machines import answered, error_of, is_pending
from tests.support.operating_system import ALL
from tests.support.virtual import Two, bind, connect_datagrams

GROUP = ip_address("239.1.1.1")
GROUP_6 = ip_address("ff05::1")


async def _received(datagrams: VirtualDatagramSocket) -> list[bytes]:
    return [data for data, _ in await answered(datagrams.provide(1000))]


# Links -------------------------------------------------------------------------------------------------


async def _burst(count: int = 1000, **link: Any) -> list[int]:
    """Send so many numbers from a to b; what arrives."""
    two = Two(**link)
    here, there = await bind(two.a, "10.0.0.1"), await bind(two.b, "10.0.0.2", 5000, UDPSocketParameters(None, 2**30))
    for number in range(count):
        assert here.send(memoryview(b"%d" % number), Destination("10.0.0.2", 5000)) is True
    await two.network.run_for(10_000)
    received = [int(data) for data in await _received(there)] if there.unread else []
    while there.unread:
        received += [int(data) for data in await _received(there)]
    here.close()
    there.close()
    return received


async def test_a_good_link_delivers_everything_in_order() -> None:
    assert await _burst() == list(range(1000))
    assert await _burst(jitter=50) == list(range(1000))


async def test_what_is_lost_is_lost() -> None:
    received = await _burst(loss=0.25)
    assert 650 < len(received) < 850
    assert received == sorted(received)
    assert await _burst(loss=1) == []


async def test_what_is_held_back_comes_later() -> None:
    received = await _burst(reordering=0.1)
    assert received != sorted(received)
    assert sorted(received) == list(range(1000))


async def test_what_is_duplicated_comes_twice() -> None:
    received = await _burst(duplication=0.25)
    assert 1150 < len(received) < 1350
    assert set(received) == set(range(1000))


async def test_datagrams_that_cross_a_partition_are_lost_for_good() -> None:
    two = Two(latency=50)
    here, there = await bind(two.a, "10.0.0.1"), await bind(two.b, "10.0.0.2", 5000)
    to = Destination("10.0.0.2", 5000)
    here.send(memoryview(b"under way"), to)
    await two.network.run_for(10)
    with two.network.partition(two.a):
        here.send(memoryview(b"sent meanwhile"), to)
        await two.network.run_for(100)
    here.send(memoryview(b"healed"), to)
    assert await _received(there) == [b"healed"]
    here.close()
    there.close()


# Buffers -----------------------------------------------------------------------------------------------


async def test_a_send_waits_for_the_link_when_the_buffer_is_full() -> None:
    two = Two(bandwidth=10_000, latency=0)
    here, there = (
        await bind(two.a, "10.0.0.1", 0, UDPSocketParameters(send_buffer_size=2000)),
        await bind(two.b, "10.0.0.2", 5000),
    )
    to = Destination("10.0.0.2", 5000)
    assert here.send(memoryview(bytes(972)), to) is True
    assert here.send(memoryview(bytes(1972)), to) is True
    waiting = here.send(memoryview(b"x"), to)
    assert is_pending(waiting)
    assert await answered(waiting) is True
    assert two.network.now == 300  # when the second one has left
    here.send(memoryview(bytes(1972)), to)
    stopped = here.send(memoryview(b"y"), to)
    here.stop_sending()
    assert await answered(stopped) is False
    await two.network.run_for(1000)
    assert [len(data) for data in await _received(there)] == [972, 1972, 1, 1972]
    here.close()
    there.close()


async def test_a_send_that_waits_fails_with_its_host() -> None:
    two = Two(bandwidth=1000)
    here = await bind(two.a, "10.0.0.1", 0, UDPSocketParameters(send_buffer_size=1))
    to = Destination("10.0.0.2", 5000)
    here.send(memoryview(bytes(1000)), to)
    waiting = here.send(memoryview(b"x"), to)
    two.a.crash()
    assert await error_of(waiting) == errno.ENETDOWN
    here.close()


async def test_what_is_dropped_is_counted() -> None:
    two = Two()
    here = await bind(two.a, "10.0.0.1")
    there = await bind(two.b, "10.0.0.2", 5000, UDPSocketParameters(receive_buffer_size=2000))
    for number in range(10):
        here.send(memoryview(b"%d" % number * 144), Destination("10.0.0.2", 5000))  # 400 bytes, with the overhead
    await two.network.run_for(10)
    assert (there.unread, there.dropped) == (5, 5)
    assert [data[:1] for data in await _received(there)] == [b"0", b"1", b"2", b"3", b"4"]
    here.close()
    there.close()


# Refusals ----------------------------------------------------------------------------------------------


async def test_a_refusal_comes_after_a_round_trip() -> None:
    two = Two(latency=50)
    here = await connect_datagrams(two.a, "10.0.0.2", 9)
    receiving = here.provide(1)
    here.send(memoryview(b"x"), None)
    assert await error_of(receiving) == errno.ECONNREFUSED
    assert two.network.now == 100
    here.close()


async def test_a_host_that_does_not_answer_refuses_nothing() -> None:
    two = Two()
    two.b.answers = False
    here = await connect_datagrams(two.a, "10.0.0.2", 9)
    receiving = here.provide(1)
    here.send(memoryview(b"x"), None)
    await two.network.run_for(3600_000)
    assert is_pending(receiving)
    here.close()


# Multicast -----------------------------------------------------------------------------------------------


class _Three:
    """Three hosts: a sends, b is near, and c is behind a router."""

    def __init__(self) -> None:
        self.network = VirtualNetwork()
        self.a, self.b, self.c = (
            self.network.host(name, f"10.0.{number}.1", f"fd00:{number}::1") for number, name in enumerate("abc", 1)
        )
        self.network.link(self.a, self.c, hops=2)


@pytest.mark.parametrize(("any_address", "group"), [("0.0.0.0", GROUP), ("::", GROUP_6)])
@pytest.mark.parametrize(
    ("time_to_live", "loopback", "expected"),
    [
        (None, None, "ab"),
        (0, None, "a"),
        (1, False, "b"),
        (2, None, "abc"),
        (255, False, "bc"),
    ],
)
async def test_who_receives_what_is_sent_to_a_group(
    any_address: str, group: Any, time_to_live: int | None, loopback: bool | None, expected: str
) -> None:
    three = _Three()
    members = {host.name: await bind(host, any_address, 5000) for host in three.network.hosts}
    for member in members.values():
        await answered(member.join_multicast_group(group, None))
    parameters = UDPSocketParameters(multicast_time_to_live=time_to_live, multicast_loopback=loopback)
    sender = await bind(three.a, any_address, 0, parameters)
    sender.send(memoryview(b"x"), Destination(str(group), 5000))
    await three.network.run_for(10)
    assert "".join(name for name, member in members.items() if member.unread) == expected
    for each in (*members.values(), sender):
        each.close()


async def test_members_of_a_group_from_one_source_hear_that_one_alone() -> None:
    three = _Three()
    member = await bind(three.b, "0.0.0.0", 5000)
    await answered(member.join_multicast_group(GROUP, ip_address("10.0.3.1")))
    senders = [await bind(host, "0.0.0.0", 4000) for host in (three.a, three.c)]
    for sender in senders:
        sender.send(memoryview(b"x"), Destination(str(GROUP), 5000))
    assert await answered(member.provide(9)) == [(b"x", Endpoint("10.0.3.1", 4000))]
    await answered(member.join_multicast_group(GROUP, ip_address("10.0.1.1")))
    for sender in senders:
        sender.send(memoryview(b"y"), Destination(str(GROUP), 5000))
    await three.network.run_for(10)
    assert len(await answered(member.provide(9))) == 2
    for each in (*senders, member):
        each.close()


async def test_what_is_sent_from_loopback_stays_there() -> None:
    two = Two()
    there = await bind(two.b, "::", 5000)
    await answered(there.join_multicast_group(GROUP_6, None))
    here = await bind(two.a, "::1")
    for address in (str(GROUP_6), "fd00::2"):
        assert here.send(memoryview(b"x"), Destination(address, 5000)) is True
    await two.network.run_for(10)
    assert there.unread == 0
    here.close()
    there.close()


async def test_groups_by_the_interface_of_the_standard() -> None:
    two = Two()
    with ALL:
        with two.b.installed():
            there = UDPSocket(local_address="0.0.0.0", local_port=5000)
        with two.a.installed():
            here = UDPSocket(local_address="0.0.0.0", multicast_loopback=False)
    async with there as receiving, here as sending:
        assert receiving.multicast_controller is not None
        await receiving.multicast_controller.join_group("239.1.1.1")
        with sending.writable.get_writer() as writer, receiving.readable.get_reader() as reader:
            await writer.write(UDPMessage(b"hello", "239.1.1.1", 5000))
            message = (await reader.read()).value
        assert message == UDPMessage(b"hello", "10.0.0.1", sending.local_port)
