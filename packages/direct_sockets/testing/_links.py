"""The way between two hosts: how long packets take, how many, and which of them come through."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import TYPE_CHECKING, final

from ._clock import MILLISECOND, SECOND, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._packets import Packet


@final
@dataclasses.dataclass(slots=True, kw_only=True)
class Link:
    """The way from one host to another, and what it does to packets. Its attributes may be set at any time.

    Packets stay in order, but for those that are held back; packets that wait for bandwidth are not dropped.

    Attributes:
        latency: how long a packet is on its way, in milliseconds.
        jitter: how much longer it may take, in milliseconds; evenly distributed.
        bandwidth: how much goes through, in bytes per second, headers included; None is no limit.
        loss: the share of packets that are lost, 0 to 1.
        reordering: the share of packets that are held back, so that later ones come before them, 0 to 1.
        reordering_delay: how long they are held back at most, in milliseconds.
        duplication: the share of packets that come twice, 0 to 1.
        mtu: how large a packet is at most, in bytes. TCP makes its segments fit; larger datagrams are sent
            in fragments, which are lost together.
        hops: over how many networks a packet goes. A multicast packet needs that time to live.

    Raises:
        ValueError: an argument is out of range.
    """

    latency: float = 1.0
    jitter: float = 0.0
    bandwidth: float | None = None
    loss: float = 0.0
    reordering: float = 0.0
    reordering_delay: float = 10.0
    duplication: float = 0.0
    mtu: int = 1500
    hops: int = 1

    def __setattr__(self, name: str, value: float | None) -> None:
        check_quantity(name, value)
        object.__setattr__(self, name, value)


def check_quantity(name: str, value: float | None) -> None:
    """Check that an attribute of a link makes sense.

    Raises:
        ValueError: it does not.
    """
    if name in {"loss", "reordering", "duplication"} and not (value is not None and 0 <= value <= 1):
        raise ValueError(f"{name} is a share from 0 to 1, not {value}")
    if name in {"latency", "jitter", "reordering_delay"} and not (value is not None and value >= 0):
        raise ValueError(f"{name} is a number of milliseconds, not {value}")
    if name == "bandwidth" and value is not None and not value > 0:
        raise ValueError(f"bandwidth is a number of bytes per second, or None, not {value}")
    if name == "mtu" and not (value is not None and value >= 68):  # noqa: PLR2004 - the least of IPv4
        raise ValueError(f"mtu is a number of bytes, at least 68, not {value}")
    if name == "hops" and not (value is not None and value >= 1):
        raise ValueError(f"hops is a number of networks, at least 1, not {value}")


@final
class Direction:
    """One direction of a link: what goes over it."""

    __slots__ = ("_busy_until", "_last_arrival", "_random", "link")

    def __init__(self, link: Link, seed: str) -> None:
        self.link = link
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._busy_until = 0
        self._last_arrival = 0

    def departure(self, packet: Packet, now: int) -> int:
        """When the last byte of a packet that is sent now is on the wire."""
        start = max(now, self._busy_until)
        bandwidth = self.link.bandwidth
        self._busy_until = start if bandwidth is None else start + round(packet.size * SECOND / bandwidth)
        return self._busy_until

    def arrivals(self, departure: int) -> Iterator[int]:
        """When a packet arrives, once, twice, or not at all."""
        link = self.link
        for _ in range(1 + self._happens(link.duplication)):
            if self._happens(link.loss):
                continue
            delay = nanoseconds(link.latency) + round(self._random.random() * link.jitter * MILLISECOND)
            if self._happens(link.reordering):
                yield departure + delay + round(self._random.random() * link.reordering_delay * MILLISECOND)
            else:
                self._last_arrival = max(self._last_arrival, departure + delay)
                yield self._last_arrival

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share
