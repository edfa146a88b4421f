"""The operating system seam over real sockets: names."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket, _asyncio_tcp, _asyncio_udp
from direct_sockets._asyncio_os import REAL
from direct_sockets._operating_system import ResolvedAddress
from tests.support.operating_system import BOTH, ONE
from whatwg_streams import NetworkError, NotAllowedError

LOOPBACK = ResolvedAddress(ip_address("127.0.0.1"))


@pytest.mark.parametrize("address", ["8.8.8.8", "::1", "2001:db8::1", "::ffff:127.0.0.1"])
async def test_an_address_resolves_to_itself(address: str) -> None:
    assert await REAL.resolve(address, None) == [ResolvedAddress(ip_address(address))]


@pytest.mark.parametrize(("address", "kind"), [("8.8.8.8", "ipv4"), ("::1", "ipv6")])
async def test_an_address_of_the_wanted_kind_resolves_to_itself(address: str, kind: Any) -> None:
    assert await REAL.resolve(address, kind) == [ResolvedAddress(ip_address(address))]


@pytest.mark.parametrize(("address", "kind"), [("8.8.8.8", "ipv6"), ("::1", "ipv4")])
async def test_an_address_of_the_other_kind_does_not_resolve(address: str, kind: Any) -> None:
    with pytest.raises(socket.gaierror):
        await REAL.resolve(address, kind)


@pytest.mark.parametrize("spelling", ["127.1", "0x7f.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.1"])
async def test_spellings_that_only_the_system_knows_resolve_to_what_it_would_connect_to(spelling: str) -> None:
    assert await REAL.resolve(spelling, None) == [LOOPBACK]


async def test_a_name_is_looked_up() -> None:
    assert LOOPBACK in await REAL.resolve("localhost", None)


async def test_of_a_name_only_addresses_of_the_wanted_kind_are_found() -> None:
    found = await REAL.resolve("localhost", "ipv4")
    assert found
    assert {one.address.version for one in found} == {4}


async def test_each_address_is_found_once() -> None:
    found = await REAL.resolve("localhost", None)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "name",
    ["a\0b", "127.0.0.1\0.example.com", "x" * 64, "x" * 64 + ".example.com", "[::1]", "", " ", "a b", "\udc80", "..",
     "127.0.0.1%lo", "fe80::1%nowhere"],
    ids=ascii,
)  # fmt: skip
async def test_what_is_no_name_fails_with_an_os_error(name: str) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        await REAL.resolve(name, None)
    assert caught.value.errno is not None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the name of the interface")
async def test_the_zone_of_an_address_is_kept_as_its_number() -> None:
    found = await REAL.resolve("fe80::1%lo", None)
    assert found == [ResolvedAddress(ip_address("fe80::1"), socket.if_nametoindex("lo"))]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the name of the interface")
async def test_an_address_with_a_zone_of_the_other_kind_does_not_resolve() -> None:
    with pytest.raises(OSError, match=r"."):
        await REAL.resolve("fe80::1%lo", "ipv4")


# What was checked is what is connected to ------------------------------------------------------------------


class _ChangesItsMind:
    """A resolver that gives the first answer once, and from then on the second."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self, host: object, port: object, **_: object) -> list[tuple[Any, ...]]:
        assert port is None
        addresses = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0)) for address in addresses]


PUBLIC, PRIVATE = "8.8.8.8", "127.0.0.1"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the seam was to open sockets to; nothing really is."""
    log: list[str] = []

    async def connect(_loop: object, to: ResolvedAddress, *_: object) -> None:
        log.append(str(to.address))
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    def open_(_mode: object, to: ResolvedAddress, *_: object) -> None:
        log.append(str(to.address))
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr(_asyncio_tcp, "connect", connect)
    monkeypatch.setattr(_asyncio_udp, "_open", open_)
    return log


def _make(kind: str, name: str) -> TCPSocket | UDPSocket:
    return TCPSocket(name, 80) if kind == "tcp" else UDPSocket(remote_address=name, remote_port=80)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
async def test_a_resolver_that_answers_differently_the_second_time_does_not_get_through(
    kind: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = _ChangesItsMind([PUBLIC], [PRIVATE])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with ONE:
        with pytest.raises(NetworkError):
            await _make(kind, "rebinding.example").opened
        assert (resolver.calls, opened) == (1, [PUBLIC])
        with pytest.raises(NotAllowedError):
            await _make(kind, "rebinding.example").opened
        assert (resolver.calls, opened) == (2, [PUBLIC])


@pytest.mark.parametrize("kind", ["tcp", "udp"])
async def test_one_private_address_among_several_refuses_all(
    kind: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _ChangesItsMind([PUBLIC, "1.1.1.1", PRIVATE]))
    with ONE, pytest.raises(NotAllowedError):
        await _make(kind, "many.example").opened
    assert opened == []
    with BOTH, pytest.raises(NetworkError):
        await _make(kind, "many.example").opened
    assert opened == [PUBLIC, "1.1.1.1", PRIVATE]


# Loops that do not watch descriptors -----------------------------------------------------------------------


class _ProactorLikeLoop(asyncio.SelectorEventLoop):
    add_reader = asyncio.AbstractEventLoop.add_reader


@pytest.mark.parametrize(
    "make",
    [
        lambda: TCPSocket("127.0.0.1", 80),
        lambda: UDPSocket(local_address="127.0.0.1"),
        lambda: TCPServerSocket("127.0.0.1"),
    ],
    ids=["tcp", "udp", "server"],
)
def test_on_a_loop_that_does_not_watch_descriptors_the_error_says_what_to_do(make: Any) -> None:
    async def main() -> None:
        with BOTH:
            socket = make()
        with pytest.raises(NetworkError, match=r"_ProactorLikeLoop does not watch.*use asyncio.SelectorEventLoop"):
            await socket.opened

    with asyncio.Runner(loop_factory=_ProactorLikeLoop) as runner:
        runner.run(main())
