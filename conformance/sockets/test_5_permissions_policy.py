"""§5 Integrations, Permissions Policy: https://wicg.github.io/direct-sockets/#permissions-policy"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPSocket
from tests.support import settle
from tests.support.operating_system import HandmadeSystem
from tests.support.recording import reason_of
from whatwg_streams import NotAllowedError

SOCKETS = pytest.mark.parametrize(
    "make",
    [
        lambda: TCPSocket("example.com", 80),
        lambda: UDPSocket(remote_address="example.com", remote_port=53),
        lambda: UDPSocket(local_address="::"),
        lambda: TCPServerSocket("::"),
    ],
    ids=["TCPSocket", "UDPSocket, connected", "UDPSocket, bound", "TCPServerSocket"],
)


@SOCKETS
@pytest.mark.parametrize(
    "policy",
    [
        "",
        "direct-sockets=()",
        "direct-sockets-private=(self)",
        "direct-sockets-multicast=(self), direct-sockets-private=(self)",
        'direct-sockets=("https://example.com")',
    ],
)
def test_what_is_not_granted_is_not_allowed(make: Callable[[], Any], policy: str) -> None:
    system = HandmadeSystem()
    with system.installed(PermissionsPolicy(policy)), pytest.raises(NotAllowedError):
        make()
    assert system.calls == []


@SOCKETS
@pytest.mark.parametrize("grant", ["self", "*"])
async def test_what_is_granted_is_allowed(make: Callable[[], Any], grant: str) -> None:
    value = "*" if grant == "*" else f"({grant})"
    with HandmadeSystem().installed(PermissionsPolicy(f"direct-sockets={value}, direct-sockets-private={value}")):
        socket = make()
    await socket.opened
    await socket.close()


async def test_the_policy_of_the_construction_counts() -> None:
    system = HandmadeSystem("10.0.0.1")
    system.hold("resolve")
    with system.installed(PermissionsPolicy("direct-sockets=(self)")):
        socket = TCPSocket("example.com", 80)
    with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
        await settle()
        system.answer("resolve", system.addresses)
        await settle()
    assert isinstance(reason_of(socket.opened), NotAllowedError)
    assert isinstance(reason_of(socket.closed), NotAllowedError)


def test_a_policy_inside_another_only_narrows() -> None:
    outer, inner = PermissionsPolicy("direct-sockets=()"), PermissionsPolicy("direct-sockets=(self)")
    with HandmadeSystem().installed(outer), inner, pytest.raises(NotAllowedError):
        TCPSocket("example.com", 80)


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("make", [
    lambda: TCPSocket("example.com", 80),
    lambda: UDPSocket(remote_address="example.com", remote_port=53),
])  # fmt: skip
async def test_the_private_network_needs_a_feature_of_its_own(make: Callable[[], Any], private: bool) -> None:
    policy = "direct-sockets=(self)" + (", direct-sockets-private=(self)" if private else "")
    with HandmadeSystem("192.168.0.1").installed(PermissionsPolicy(policy)):
        socket = make()
    await settle()
    if private:
        await socket.close()
    else:
        assert isinstance(reason_of(socket.opened), NotAllowedError)
        assert isinstance(reason_of(socket.closed), NotAllowedError)


@pytest.mark.parametrize("multicast", [False, True])
async def test_multicast_needs_a_feature_of_its_own(multicast: bool) -> None:
    policy = "direct-sockets=(self), direct-sockets-private=(self)"
    policy += ", direct-sockets-multicast=(self)" if multicast else ""
    with HandmadeSystem().installed(PermissionsPolicy(policy)):
        socket = UDPSocket(local_address="::")
        if not multicast:
            with pytest.raises(NotAllowedError):
                UDPSocket(local_address="::", multicast_loopback=False)
    assert ((await socket.opened).multicast_controller is not None) is multicast
    await socket.close()
