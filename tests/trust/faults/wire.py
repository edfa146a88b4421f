"""A cable between two hosts that are network namespaces, which does to packets what is wanted.

It is a pair of TUN devices, whose packets the running loop carries from one to the other; the hosts' TCP is that of the
kernel. It takes no netem, which many kernels are built without.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from random import Random
from typing import Final

from tests.support.namespaces import Host, NoNamespacesError, add_address, inside, ip

from .links import ADDRESSES, DEVICE, PREFIX, Fault
from .packets import datagram, is_intact

_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_HEADERS: Final = 40  # bytes: what is behind them in a packet of TCP is options and data


class Wire:
    """The cable; see `Link`."""

    def __init__(self, descriptors: list[int], fault: Fault, random: Random) -> None:
        self.corrupted = 0
        self.lost = 0
        self.delivered: tuple[list[bytes], list[bytes]] = ([], [])
        self._is_cut = False
        self._ends = tuple(descriptors)
        self._fault = fault
        self._random = random
        self._descriptors = descriptors
        self._loop = asyncio.get_running_loop()
        for descriptor, other in (descriptors, descriptors[::-1]):
            self._loop.add_reader(descriptor, self._carry, descriptor, other)

    def _carry(self, source: int, destination: int) -> None:
        with contextlib.suppress(BlockingIOError):
            packet = os.read(source, 65536)
            for _ in range(1 + self._happens(self._fault.duplication)):
                if self._is_cut or self._happens(self._fault.loss):
                    self.lost += 1
                    continue
                delay = (self._fault.delay + self._random.random() * self._fault.jitter) / 1000
                if self._happens(self._fault.reordering):
                    delay = 0
                self._loop.call_later(delay, self._deliver, destination, self._corrupt(packet))

    def _corrupt(self, packet: bytes) -> bytes:
        if len(packet) <= _HEADERS or not self._happens(self._fault.corruption):
            return packet
        self.corrupted += 1
        changed = bytearray(packet)
        changed[self._random.randrange(_HEADERS, len(packet))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _deliver(self, destination: int, packet: bytes) -> None:
        if not self._descriptors or self._is_cut:
            self.lost += 1
            return
        try:
            os.write(destination, packet)
        except BlockingIOError:  # a full queue loses packets, as every network does
            self.lost += 1
            return
        if is_intact(packet) and (data := datagram(packet)) is not None:
            self.delivered[self._ends.index(destination)].append(data)

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def cut(self) -> None:
        """Let nothing through any more."""
        self._is_cut = True

    def mend(self) -> None:
        """Be as before."""
        self._is_cut = False

    def close(self) -> None:
        """Unplug it, at both ends."""
        for descriptor in self._descriptors:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        self._descriptors = []


@contextlib.contextmanager
def plugged_in(one: Host, other: Host, fault: Fault, version: str) -> Iterator[Wire]:
    """Have such a cable between the hosts, which have the `ADDRESSES` there.

    Raises:
        NoNamespacesError: this machine makes no TUN devices.
    """
    descriptors = list[int]()
    try:
        for host, address in zip((one, other), ADDRESSES[version], strict=True):
            with inside(host):
                descriptors.append(_tun())
            ip("-n", host.namespace, "link", "set", DEVICE, "up")
            add_address(host, address + PREFIX[version], DEVICE)
    except BaseException as error:
        for descriptor in descriptors:
            os.close(descriptor)
        if isinstance(error, OSError):
            raise NoNamespacesError(f"/dev/net/tun: {error}") from error
        raise
    wire = Wire(descriptors, fault, Random(1))
    try:
        yield wire
    finally:
        wire.close()


def _tun() -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
