"""Hosts that are network namespaces of this machine.

    sender ── veth ──┐
    receiver ─ veth ─┼─ bridge, in a namespace of its own
    stranger ─ veth ─┘

They are made with iproute2, which takes Linux and the right to make namespaces. A socket belongs to the namespace in
which its thread was when it was opened: so all hosts can live in one process, on one loop. Nothing leaves the
namespaces.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_CLONE_NEWNET = 0x40000000
_PREFIX = "mc"  # the process that made it, and which of its networks: so are the namespaces named
_numbers = itertools.count()


class NoNamespacesError(Exception):
    """This machine makes no network namespaces."""


class Host(NamedTuple):
    """A network namespace, and its addresses on the bridge."""

    namespace: str
    ipv4: str
    ipv6: str

    def address(self, version: str) -> str:
        return self.ipv4 if version == "ipv4" else self.ipv6


class Network(NamedTuple):
    sender: Host
    receiver: Host
    stranger: Host


def ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoNamespacesError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def network_of_hosts() -> Iterator[Network]:
    """Make three hosts on one network.

    Raises:
        NoNamespacesError: that is not possible here.
    """
    if sys.platform != "linux":
        raise NoNamespacesError("network namespaces are a thing of Linux")
    if shutil.which("ip") is None:
        raise NoNamespacesError("iproute2 is not installed")
    _remove_what_was_left_behind()
    prefix = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
    hub = f"{prefix}-hub"
    hosts = [
        Host(f"{prefix}-{name}", f"192.0.2.{number}", f"2001:db8::{number}")
        for number, name in enumerate(Network._fields, start=1)
    ]
    made: list[str] = []
    try:
        for namespace in (hub, *(host.namespace for host in hosts)):
            ip("netns", "add", namespace)
            made.append(namespace)
        # A bridge that does not learn who is interested floods: that the receiver filters is what is tested.
        ip("-n", hub, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0", "stp_state", "0")
        ip("-n", hub, "link", "set", "bridge", "up")
        for number, host in enumerate(hosts):
            _plug_in(host, hub, f"port{number}")
        _wait_until_it_is_up(hub, hosts)
        yield Network(*hosts)
    finally:
        for namespace in made:
            ip("netns", "delete", namespace)


def _remove_what_was_left_behind() -> None:
    """Delete the namespaces of processes that were killed: those had no time to do it."""
    for line in ip("netns", "list").splitlines():
        found = re.match(rf"{_PREFIX}(\d+)-\d+-(?:hub|{'|'.join(Network._fields)})\b", line)
        if found is not None and not Path("/proc", found[1]).exists():
            # Somebody else may be doing the same.
            subprocess.run(["ip", "netns", "delete", found[0]], capture_output=True, check=False)


def _plug_in(host: Host, hub: str, port: str) -> None:
    name = host.namespace
    ip("-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("-n", hub, "link", "set", port, "master", "bridge", "up")
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "link", "set", "eth0", "up")
    add_address(host, f"{host.ipv4}/24", "eth0")
    add_address(host, f"{host.ipv6}/64", "eth0")
    ip("-n", name, "route", "add", "224.0.0.0/4", "dev", "eth0")


def add_address(host: Host, address: str, device: str) -> None:
    """Give the host an address, with the length of its prefix, which it has when this returns."""
    # Without duplicate address detection, which would take its time.
    now = ["nodad"] if ":" in address else []
    on = ("-n", host.namespace)
    ip(*on, "address", "add", address, "dev", device, *now)
    # The kernel lets sockets be bound to an address of IPv6 before it takes packets that come for it.
    alone = address.partition("/")[0]
    _wait_for(f"local {alone} dev", *on, "-6" if now else "-4", "route", "show", "table", "local")


def _wait_until_it_is_up(hub: str, hosts: list[Host]) -> None:
    """The kernel tells the bridge that a cable is plugged in when it finds the time."""
    for number, host in enumerate(hosts):
        _wait_for("forwarding", "-n", hub, "-details", "link", "show", f"port{number}")
        _wait_for("state UP", "-n", host.namespace, "-details", "link", "show", "eth0")


def _wait_for(state: str, *arguments: str) -> None:
    """Ask again and again, until iproute2 shows the state."""
    for _ in range(10_000):
        if state in ip(*arguments):
            return
    raise NoNamespacesError(f"ip {' '.join(arguments)} does not come to show {state!r}")


def _setns(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(host: Host) -> Iterator[None]:
    """Have this thread open its sockets in the namespace."""
    with Path("/proc/self/ns/net").open("rb") as outside, Path("/var/run/netns", host.namespace).open("rb") as inside:
        _setns(inside.fileno())
        try:
            yield
        finally:
            _setns(outside.fileno())
