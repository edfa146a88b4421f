"""Links and names of a virtual network: what can be set, and when it counts."""

from __future__ import annotations

from typing import Any

import pytest

from direct_sockets._operating_system import Destination
from direct_sockets.testing import Link, VirtualNetwork
from tests.support.machines import answered
from tests.support.virtual import Two, bind, system_of


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("loss", 1.1, "share from 0 to 1"),
        ("loss", -0.1, "share from 0 to 1"),
        ("reordering", 2, "share from 0 to 1"),
        ("duplication", -1, "share from 0 to 1"),
        ("latency", -1, "number of milliseconds"),
        ("jitter", -1, "number of milliseconds"),
        ("reordering_delay", -0.5, "number of milliseconds"),
        ("bandwidth", 0, "bytes per second"),
        ("mtu", 67, "at least 68"),
        ("hops", 0, "at least 1"),
    ],
)
def test_quantities_have_to_make_sense(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Link(**{name: value})
    link = Link()
    with pytest.raises(ValueError, match=message):
        setattr(link, name, value)
    network = VirtualNetwork()
    with pytest.raises(ValueError, match=message):
        network.link(network.host("a"), network.host("b"), **{name: value})


def test_what_is_left_out_is_as_with_the_default_link() -> None:
    network = VirtualNetwork(default_link=Link(latency=7, loss=0.5, bandwidth=1000))
    a, b = network.host("a"), network.host("b")
    assert network.link(a, b, loss=0) == Link(latency=7, bandwidth=1000)
    assert network.link(a, a, loss=0.5) == Link(latency=0, mtu=65536, loss=0.5)


async def _there_and_back(two: Two) -> tuple[float, float]:
    """How long a datagram takes from a to b, and from b to a."""
    here, there = await bind(two.a, "10.0.0.1"), await bind(two.b, "10.0.0.2")
    times = [two.network.now]
    for one, other in ((here, there), (there, here)):
        receiving = other.provide(1)
        one.send(memoryview(b"x"), Destination(other.local.address, other.local.port))
        await answered(receiving)
        times.append(two.network.now)
    here.close()
    there.close()
    return times[1] - times[0], times[2] - times[1]


async def test_links_can_be_changed_at_any_time() -> None:
    two = Two(latency=50)
    assert await _there_and_back(two) == (50, 50)
    two.link.latency = 20
    assert await _there_and_back(two) == (20, 20)
    other = two.network.link(two.a, two.b, one_way=True, latency=30)
    assert await _there_and_back(two) == (30, 20)
    other.bandwidth = 290  # bytes per second; a datagram has 29
    assert await _there_and_back(two) == (130, 20)


async def test_a_default_link_can_be_changed_until_it_is_used() -> None:
    two = Two()
    third = two.network.host("c", "10.0.0.3")
    two.network.default_link = Link(latency=9)
    receiving = (await bind(third, "10.0.0.3", 5000)).provide(1)
    sender = await bind(two.a, "10.0.0.1")
    sender.send(memoryview(b"x"), Destination("10.0.0.3", 5000))
    await answered(receiving)
    assert two.network.now == 9


async def test_a_partition_is_between_its_parts_alone() -> None:
    network = VirtualNetwork()
    hosts = {name: network.host(name, f"10.0.0.{number}") for number, name in enumerate("abcd", 1)}
    sockets = {name: await bind(host, "0.0.0.0", 5000) for name, host in hosts.items()}

    async def who_hears(sender: str) -> str:
        for host in hosts.values():
            sockets[sender].send(memoryview(b"x"), Destination(host.addresses[0], 5000))
        await network.run_for(10)
        heard = "".join(name for name, each in sockets.items() if each.unread)
        for each in sockets.values():
            if each.unread:
                await answered(each.provide(9))
        return heard

    assert await who_hears("a") == "abcd"
    first = network.partition([hosts["a"], hosts["b"]], hosts["c"])
    assert [await who_hears(name) for name in "abcd"] == ["ab", "ab", "c", "d"]
    with network.partition(hosts["a"]):
        assert [await who_hears(name) for name in "abcd"] == ["a", "b", "c", "d"]
    assert await who_hears("a") == "ab"
    first.heal()
    first.heal()  # it is already
    assert await who_hears("a") == "abcd"
    network.partition(hosts["a"])
    network.partition(hosts["b"])
    network.heal()
    assert await who_hears("a") == "abcd"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("0x1.2.3", "1.2.0.3"),
        ("010.1", "8.0.0.1"),
        ("1", "0.0.0.1"),
        ("0xffffffff", "255.255.255.255"),
    ],
)
async def test_old_spellings_are_those_of_c(text: str, expected: str) -> None:
    network = VirtualNetwork()
    [found] = await system_of(network.host("a")).resolve(text, None)
    assert str(found.address) == expected


async def test_names_have_answers_in_their_order() -> None:
    network = VirtualNetwork()
    system = system_of(network.host("host.example", "10.0.0.1", "fd00::1"))
    network.name("many.example", "10.0.0.3", "fd00::3", "10.0.0.2", then=[["10.0.0.4"], []], latency=30)

    async def look_up(name: str, kind: Any = None) -> list[str]:
        return [str(found.address) for found in await system.resolve(name, kind)]

    assert await look_up("HOST.example.") == ["10.0.0.1", "fd00::1"]
    assert await look_up("host.example", "ipv6") == ["fd00::1"]
    assert network.now == 0
    assert await look_up("many.example", "ipv4") == ["10.0.0.3", "10.0.0.2"]
    assert network.now == 30
    assert await look_up("many.example") == ["10.0.0.4"]
    for _ in range(2):
        with pytest.raises(OSError, match="No address"):
            await look_up("many.example")
    with pytest.raises(OSError, match="not known"):
        await look_up("nobody.example")
    with pytest.raises(ValueError, match="nowhere"):
        network.name("many.example", "nowhere")
