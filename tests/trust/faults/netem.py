"""A cable between two hosts, whose kernel does to packets what is wanted.

It is a pair of veth devices, with netem at each end: that takes iproute2, and a kernel that has netem, the queueing
discipline (`CONFIG_NET_SCH_NETEM`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from typing import Final

from tests.support.namespaces import Host, NoNamespacesError, add_address, inside, ip

from .links import ADDRESSES, DEVICE, PREFIX, Fault
from .packets import datagram, is_intact

#: Packets that may be under way, each way: no other is lost than those that are meant to be.
_LIMIT: Final = 100_000
_MACS: Final = ("02:00:00:00:00:01", "02:00:00:00:00:02")
_IN_PACKETS: Final = {"IPv4": 0x0800, "IPv6": 0x86DD}  # the kinds of frames that carry them
_FOR_THIS_HOST: Final = 0
_FOR_ANOTHER_HOST: Final = 3
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 16 * 2**20  # bytes of packets that arrived, which have not been looked at
_SIOCETHTOOL: Final = 0x8946
_OFFLOADING: Final = (0x17, 0x24, 0x2C)  # to set: checksums made by the device, and packets joined on both sides


def has_netem() -> bool:
    """Whether the kernel of this machine does this."""
    if shutil.which("tc") is None or shutil.which("ip") is None:
        return False
    scratch = f"netem-{os.getpid()}"
    try:
        ip("netns", "add", scratch)
    except NoNamespacesError:
        return False
    try:
        _tc("-n", scratch, "qdisc", "add", "dev", "lo", "root", "netem")
    except NoNamespacesError:
        return False
    finally:
        ip("netns", "delete", scratch)
    return True


class Cable:
    """The cable; see `Link`. What arrives at its ends is looked at before the kernel takes it."""

    def __init__(self, hosts: tuple[Host, Host], fault: Fault, taps: list[socket.socket]) -> None:
        self.corrupted = 0
        self.delivered: tuple[list[bytes], list[bytes]] = ([], [])
        self._hosts = hosts
        self._fault = fault
        self._taps = taps
        for tap, delivered in zip(taps, self.delivered, strict=True):
            asyncio.get_running_loop().add_reader(tap, self._look, tap, delivered)
        self.mend()

    @property
    def lost(self) -> int:
        statistics = (_tc("-n", host.namespace, "-j", "-s", "qdisc", "show", "dev", DEVICE) for host in self._hosts)
        return sum(qdisc["drops"] for shown in statistics for qdisc in json.loads(shown))

    def cut(self) -> None:
        """Let nothing through any more."""
        self._set(self._fault._replace(loss=1))

    def mend(self) -> None:
        """Be as before."""
        self._set(self._fault)

    def close(self) -> None:
        """Look at nothing any more."""
        for tap in self._taps:
            asyncio.get_running_loop().remove_reader(tap)

    def _set(self, fault: Fault) -> None:
        half = fault.jitter / 2  # netem's is to both sides of the delay
        does = ["delay", f"{fault.delay + half}ms", f"{half}ms"]
        shares = {
            "reorder": fault.reordering,
            "loss": fault.loss,
            "duplicate": fault.duplication,
            "corrupt": fault.corruption,
        }
        for name, share in shares.items():
            if share:
                does += [name, f"{share:%}"]
        for host in self._hosts:
            _tc("-n", host.namespace, "qdisc", "replace", "dev", DEVICE, "root", "netem", "limit", str(_LIMIT), *does)

    def _look(self, tap: socket.socket, delivered: list[bytes]) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, (_, _, addressee, *_) = tap.recvfrom(65536)
                if addressee not in (_FOR_THIS_HOST, _FOR_ANOTHER_HOST):
                    continue
                if addressee == _FOR_ANOTHER_HOST or not is_intact(packet):
                    self.corrupted += 1
                elif (data := datagram(packet)) is not None:
                    delivered.append(data)


@contextlib.contextmanager
def plugged_in(one: Host, other: Host, fault: Fault, version: str) -> Iterator[Cable]:
    """Have such a cable between the hosts, which have the `ADDRESSES` there.

    Raises:
        NoNamespacesError: the kernel of this machine has no netem.
    """
    hosts = (one, other)
    peer = ("peer", "name", DEVICE, "address", _MACS[1], "netns", other.namespace)
    ip("-n", one.namespace, "link", "add", DEVICE, "address", _MACS[0], "type", "veth", *peer)
    with contextlib.ExitStack() as stack:
        stack.callback(ip, "-n", one.namespace, "link", "delete", DEVICE)
        taps: list[socket.socket] = []
        for index, host in enumerate(hosts):
            _set_up(host, index, version)
            with inside(host):
                taps.append(stack.enter_context(_tap(version)))
        cable = Cable(hosts, fault, taps)
        stack.callback(cable.close)
        yield cable


def _set_up(host: Host, index: int, version: str) -> None:
    """Give one end of the cable its address. Where the other is it knows: what asks for it could be lost."""
    on, other = ("-n", host.namespace), 1 - index
    addresses = ADDRESSES[version]
    with inside(host):
        _turn_off_offloading()
    ip(*on, "link", "set", DEVICE, "gso_max_segs", "1", "up")
    add_address(host, addresses[index] + PREFIX[version], DEVICE)
    ip(*on, "neighbour", "replace", addresses[other], "lladdr", _MACS[other], "dev", DEVICE, "nud", "permanent")


def _turn_off_offloading() -> None:
    """Have each packet carry its own checksum, which the other end looks at: a veth device need not, and does not.

    Nor has netem, with `gso_max_segs 1`, dozens of them for one. The kernel is asked as ethtool asks it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        for feature in _OFFLOADING:
            off = ctypes.create_string_buffer(struct.pack("=II", feature, 0))
            fcntl.ioctl(anything, _SIOCETHTOOL, struct.pack("16sP16x", DEVICE.encode(), ctypes.addressof(off)))


def _tap(version: str) -> socket.socket:
    """See what comes out of the cable, and not what goes in."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    tap.setblocking(False)
    tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    tap.bind((DEVICE, _IN_PACKETS[version]))
    return tap


def _tc(*arguments: str) -> str:
    done = subprocess.run(["tc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoNamespacesError(f"tc {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
