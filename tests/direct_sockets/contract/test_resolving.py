"""The contract of `OperatingSystem.resolve`: on this machine and on a virtual one."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets._operating_system import ResolvedAddress
from tests.support.machines import LOOPBACK, LOOPBACK_6, Machine


@pytest.mark.parametrize("address", ["8.8.8.8", "::1", "2001:db8::1", "::ffff:127.0.0.1"])
async def test_an_address_resolves_to_itself(machine: Machine, address: str) -> None:
    assert await machine.system.resolve(address, None) == [ResolvedAddress(ip_address(address))]


@pytest.mark.parametrize(("address", "kind"), [("8.8.8.8", "ipv4"), ("::1", "ipv6")])
async def test_an_address_of_the_wanted_kind_resolves_to_itself(machine: Machine, address: str, kind: Any) -> None:
    assert await machine.system.resolve(address, kind) == [ResolvedAddress(ip_address(address))]


@pytest.mark.parametrize(("address", "kind"), [("8.8.8.8", "ipv6"), ("::1", "ipv4"), ("127.1", "ipv6")])
async def test_an_address_of_the_other_kind_does_not_resolve(machine: Machine, address: str, kind: Any) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        await machine.system.resolve(address, kind)
    assert caught.value.errno is not None


@pytest.mark.parametrize(
    "spelling",
    ["127.1", "0x7f.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.1", "0X7F.0.0.1", "017700000001", "127.0x1"],
)
async def test_old_spellings_of_addresses_resolve(machine: Machine, spelling: str) -> None:
    assert await machine.system.resolve(spelling, None) == [LOOPBACK]


async def test_localhost_is_this_machine(machine: Machine) -> None:
    for name in ("localhost", "LocalHost"):
        assert await machine.system.resolve(name, "ipv4") == [LOOPBACK]
        found = await machine.system.resolve(name, None)
        assert LOOPBACK in found
        assert set(found) <= {LOOPBACK, LOOPBACK_6}


@pytest.mark.parametrize(
    "name",
    ["a\0b", "127.0.0.1\0.example.com", "x" * 64, "x" * 64 + ".example.com", "[::1]", "", " ", "a b", "\udc80", "..",
     "127.0.0.1%lo", "fe80::1%nowhere", "256.0.0.1", "127.0.0.0.1", "127.0.0.08", "0x7g.1", "4294967296", "1.2.65536",
     "127.", ".1", "-1", "+1", "1e1"],
    ids=ascii,
)  # fmt: skip
async def test_what_is_no_name_fails_with_an_os_error(machine: Machine, name: str) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        await machine.system.resolve(name, None)
    assert caught.value.errno is not None
