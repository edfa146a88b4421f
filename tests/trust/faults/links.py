"""What is between two hosts: what is to go wrong there, and what every means of having it go wrong tells of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol

from tests.support.namespaces import Host

#: The addresses of the ends, and the length of their prefixes.
ADDRESSES: Final = {"IPv4": ("198.18.0.1", "198.18.0.2"), "IPv6": ("2001:db8:1::1", "2001:db8:1::2")}
PREFIX: Final = {"IPv4": "/24", "IPv6": "/64"}
#: What a link is called, at both ends.
DEVICE: Final = "wire"
#: How long a link is cut that is cut for good.
FOR_GOOD: Final = math.inf


class Fault(NamedTuple):
    """What goes wrong.

    Attributes:
        name: what it is called.
        delay: milliseconds that each packet takes,
        jitter: and up to so many more.
        reordering: the share of packets, from 0 to 1, that do not wait, and so overtake others,
        loss: that get lost,
        duplication: that arrive twice,
        corruption: in which one bit is changed.
        cut: seconds for which nothing gets through, from the middle of the conversation.
        peer_is_killed: whether the other end dies in the middle of it.
    """

    name: str
    delay: float = 0
    jitter: float = 0
    reordering: float = 0
    loss: float = 0
    duplication: float = 0
    corruption: float = 0
    cut: float = 0
    peer_is_killed: bool = False


#: What is tried, of every protocol, by every means, each way. What cuts in has a link on which something is under way.
FAULTS: Final = (
    Fault("delay", delay=20, jitter=10),
    Fault("reordering", delay=20, reordering=0.25),
    Fault("loss", loss=0.03),
    Fault("duplication", duplication=0.2),
    Fault("corruption", corruption=0.03),
    Fault("all of them", delay=2, jitter=3, reordering=0.1, loss=0.03, duplication=0.1, corruption=0.03),
    Fault("the link is cut for a while", delay=20, cut=3),
    Fault("the link is cut for good", delay=20, cut=FOR_GOOD),
    Fault("the peer is killed", delay=20, peer_is_killed=True),
)


class Link(Protocol):
    """What is between two hosts."""

    @property
    def lost(self) -> int:
        """How many packets got lost, or came when it was cut."""
        ...

    @property
    def corrupted(self) -> int:
        """How many packets were corrupted."""
        ...

    @property
    def delivered(self) -> tuple[list[bytes], list[bytes]]:
        """To each end, the datagrams that arrived there as they were sent."""
        ...

    def cut(self) -> None:
        """Let nothing through any more."""
        ...

    def mend(self) -> None:
        """Be as before."""
        ...


#: How to have a link between two hosts with a fault, of a version of IP.
Means = Callable[[Host, Host, Fault, str], AbstractContextManager[Link]]
