"""The virtual network: its hosts, its time, and the ways between hosts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, final

from typing_extensions import override

from .._addresses import is_loopback
from ._clock import MILLISECOND, Clock, nanoseconds
from ._host import VirtualHost
from ._links import Direction, Link
from ._names import Names

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType
    from typing import Self

    from .._addresses import IPAddress
    from ._packets import Datagram, Packet

#: So far apart are the sequence numbers of connections: none sends as much.
_SEQUENCE: int = 2**48


@final
class VirtualNetwork:
    """A network in memory, in virtual time, for tests of what uses sockets.

        network = VirtualNetwork(seed=1)
        client = network.host("client", "10.0.0.1")
        server = network.host("server.example", "10.0.0.2", "fd00::2")
        network.link(client, server, latency=50, loss=0.1)
        with client.installed(), PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
            socket = TCPSocket("server.example", 80)

    Every two hosts reach one another, over the default link until `link` says otherwise.

    Time is virtual. It stands still while the code under test is at work, and when that has come to
    rest, which is when it has not touched the network for `turns_until_rest` turns of the event loop, time jumps to the
    next thing that happens: nothing ever waits for real. Let code that has to take time use `sleep`
    and `timeout` of the network; the timers of the event loop are real ones, as threads and files are, and the
    network does not wait for them. The same seed has the same things happen in the same order, on every event loop.

    A network belongs to the thread of the event loop that uses it.

    Args:
        seed: of everything that is left to chance.
        default_link: what is between hosts that `link` says nothing of.
        flows: whether time goes on by itself; if not, it does so in `run_for` and `advance` only.
        turns_until_rest: see above; more, if the code under test does much between two calls of its sockets.
        trace: is called with a line of text for each packet that is sent, arrives, or is lost.

    Attributes:
        default_link: its attributes may be changed at any time, as those of every link.
    """

    __slots__ = (
        "_clock",
        "_directions",
        "_hosts",
        "_hosts_by_address",
        "_loopback_link",
        "_names",
        "_partitions",
        "_seed",
        "_sequence",
        "_trace",
        "default_link",
    )

    default_link: Link

    def __init__(
        self,
        *,
        seed: int = 0,
        default_link: Link | None = None,
        flows: bool = True,
        turns_until_rest: int = 20,
        trace: Callable[[str], object] | None = None,
    ) -> None:
        self._seed = seed
        self._clock = Clock(turns_until_rest, flows=flows)
        self._names = Names(self._clock)
        self._hosts: dict[str, VirtualHost] = {}
        self._hosts_by_address: dict[IPAddress, VirtualHost] = {}
        self._directions: dict[tuple[VirtualHost, VirtualHost], Direction] = {}
        self._loopback_link = Link(latency=0, mtu=65536)
        self._partitions: list[Partition] = []
        self._sequence = 0
        self._trace = trace
        self.default_link = default_link or Link()

    # Time ----------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time, in milliseconds since the network was made."""
        return self._clock.now / MILLISECOND

    @property
    def flows(self) -> bool:
        """Whether time goes on by itself when the code under test has come to rest."""
        return self._clock.flows

    @flows.setter
    def flows(self, flows: bool) -> None:
        self._clock.flows = flows
        self._clock.touch()

    async def sleep(self, milliseconds: float) -> None:
        """Wait in virtual time; `asyncio.sleep` of it.

        Args:
            milliseconds: for how long.
        """
        await self._clock.sleep(nanoseconds(milliseconds))

    @contextlib.asynccontextmanager
    async def timeout(self, milliseconds: float) -> AsyncGenerator[asyncio.Timeout]:
        """Cancel the block after some virtual time; `asyncio.timeout` of it.

        Args:
            milliseconds: after how long.

        Raises:
            TimeoutError: the block was cancelled.
        """
        loop = asyncio.get_running_loop()

        def expire() -> None:
            self._clock.touch()
            timeout.reschedule(loop.time())

        async with asyncio.timeout(None) as timeout:
            alarm = self._clock.after(nanoseconds(milliseconds), expire)
            self._clock.touch()
            try:
                yield timeout
            finally:
                alarm.stop()

    async def run_for(self, milliseconds: float) -> None:
        """Let time pass, and the code under test come to rest after everything that happens in it.

        Args:
            milliseconds: how much; 0 just waits for rest.
        """
        await self._clock.run_for(nanoseconds(milliseconds))

    def advance(self, milliseconds: float) -> None:
        """Let time pass at once, as if the code under test were stopped meanwhile: it runs afterwards.

        Args:
            milliseconds: how much.
        """
        self._clock.advance(nanoseconds(milliseconds))

    # Hosts ---------------------------------------------------------------------------------------------

    def host(self, name: str, *addresses: str) -> VirtualHost:
        """Make a host.

        Args:
            name: of the host, which resolves to its addresses.
            addresses: its IP addresses of either version, in the order in which its name resolves to them.

        Raises:
            ValueError: another host has the name or an address, or an address is none.
        """
        parsed = [ip_address(address) for address in addresses]
        if name in self._hosts:
            raise ValueError(f"there is a host {name} already")
        for address in parsed:
            if address in self._hosts_by_address or is_loopback(address):
                raise ValueError(f"the address {address} is taken")
        host = VirtualHost(self, name, parsed)
        self._hosts[name] = host
        self._hosts_by_address.update(dict.fromkeys(parsed, host))
        if parsed:
            self._names.set(name, [parsed], 0)
        return host

    @property
    def hosts(self) -> tuple[VirtualHost, ...]:
        """The hosts, in the order in which they were made."""
        return tuple(self._hosts.values())

    def name(self, name: str, *addresses: str, then: Iterable[Iterable[str]] = (), latency: float = 0) -> None:
        """Set what a name resolves to.

        Args:
            name: the name.
            addresses: what it resolves to, in this order.
            then: what it resolves to the next time, and the time after that; the last one stays.
            latency: how long the answer takes, in milliseconds.

        Raises:
            ValueError: an address is none.
        """
        answers = [[ip_address(each) for each in answer] for answer in (addresses, *then)]
        self._names.set(name, answers, nanoseconds(latency))

    # Links ---------------------------------------------------------------------------------------------

    def link(
        self,
        a: VirtualHost,
        b: VirtualHost,
        *,
        one_way: bool = False,
        latency: float | None = None,
        jitter: float | None = None,
        bandwidth: float | None = None,
        loss: float | None = None,
        reordering: float | None = None,
        reordering_delay: float | None = None,
        duplication: float | None = None,
        mtu: int | None = None,
        hops: int | None = None,
    ) -> Link:
        """Set what is between two hosts; what is left out is as with the default link.

        Args:
            a: a host.
            b: another one, or the same for what it sends to itself.
            one_way: whether this is the way from `a` to `b` only.
            latency: how long a packet is on its way, in milliseconds.
            jitter: how much longer it may take, in milliseconds.
            bandwidth: how much goes through each way, in bytes per second.
            loss: the share of packets that are lost, 0 to 1.
            reordering: the share of packets that are held back, 0 to 1.
            reordering_delay: how long at most, in milliseconds.
            duplication: the share of packets that come twice, 0 to 1.
            mtu: how large a packet is at most, in bytes.
            hops: over how many networks packets go.

        Returns:
            The link, whose attributes can be set later, too.

        Raises:
            ValueError: an argument is out of range.
        """
        default = self._loopback_link if a is b else self.default_link
        link = Link(
            latency=default.latency if latency is None else latency,
            jitter=default.jitter if jitter is None else jitter,
            bandwidth=default.bandwidth if bandwidth is None else bandwidth,
            loss=default.loss if loss is None else loss,
            reordering=default.reordering if reordering is None else reordering,
            reordering_delay=default.reordering_delay if reordering_delay is None else reordering_delay,
            duplication=default.duplication if duplication is None else duplication,
            mtu=default.mtu if mtu is None else mtu,
            hops=default.hops if hops is None else hops,
        )
        self._direction(a, b).link = link
        if not one_way:
            self._direction(b, a).link = link
        return link

    def partition(self, *groups: VirtualHost | Iterable[VirtualHost]) -> Partition:
        """Cut the network into parts: packets from one to another vanish, also those that are under way.

        Args:
            groups: the parts, each a host or several; all other hosts are one more part.

        Returns:
            What heals it: `partition.heal()`, or the end of its `with` block.
        """
        parts: dict[VirtualHost, int] = {}
        for number, group in enumerate(groups):
            for host in [group] if isinstance(group, VirtualHost) else group:
                parts[host] = number
        partition = Partition(self, parts)
        self._partitions.append(partition)
        return partition

    def heal(self) -> None:
        """Heal every partition."""
        self._partitions.clear()

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.now} ms: {', '.join(self._hosts) or 'no hosts'}>"

    # Packets -------------------------------------------------------------------------------------------

    def _next_sequence_number(self) -> int:
        self._sequence += _SEQUENCE
        return self._sequence

    def _host_at(self, sender: VirtualHost, address: IPAddress) -> VirtualHost | None:
        return sender if sender._has(address) else self._hosts_by_address.get(address)

    def _direction(self, sender: VirtualHost, receiver: VirtualHost) -> Direction:
        direction = self._directions.get((sender, receiver))
        if direction is None:
            link = self._loopback_link if sender is receiver else self.default_link
            direction = Direction(link, f"{self._seed} {sender.name} {receiver.name}")
            self._directions[sender, receiver] = direction
        return direction

    def _carry(self, sender: VirtualHost, packet: Packet) -> int:
        """Carry a packet from a host to where it goes to; returns when it has left the host."""
        receiver = self._host_at(sender, packet.destination.address)
        if receiver is None or (is_loopback(packet.source.address) and receiver is not sender):
            self._tell("nobody", sender, None, packet)
            return self._clock.now
        direction = self._direction(sender, receiver)
        departure = direction.departure(packet, self._clock.now)
        self._deliver(direction, departure, sender, receiver, packet)
        return departure

    def _carry_to_group(self, sender: VirtualHost, datagram: Datagram, *, loopback: bool) -> int:
        """Carry a datagram to all hosts; those that have no member of its group drop it."""
        last = self._clock.now
        if loopback:
            self._deliver(self._direction(sender, sender), last, sender, sender, datagram)
        if is_loopback(datagram.source.address):
            return last
        for receiver in self._hosts.values():
            direction = self._direction(sender, receiver)
            if receiver is not sender and datagram.time_to_live >= direction.link.hops:
                departure = direction.departure(datagram, self._clock.now)
                self._deliver(direction, departure, sender, receiver, datagram)
                last = max(last, departure)
        return last

    def _deliver(
        self, direction: Direction, departure: int, sender: VirtualHost, receiver: VirtualHost, packet: Packet
    ) -> None:
        self._tell("sent", sender, receiver, packet)

        def arrive() -> None:
            if receiver.answers and not self._are_parted(sender, receiver):
                self._tell("arrived", sender, receiver, packet)
                receiver._arrived(packet)
            else:
                self._tell("lost", sender, receiver, packet)

        arrivals = [] if self._are_parted(sender, receiver) else list(direction.arrivals(departure))
        for arrival in arrivals:
            self._clock.after(arrival - self._clock.now, arrive)
        if not arrivals:
            self._tell("lost", sender, receiver, packet)

    def _are_parted(self, a: VirtualHost, b: VirtualHost) -> bool:
        return any(partition._parts.get(a) != partition._parts.get(b) for partition in self._partitions)

    def _tell(self, what: str, sender: VirtualHost, receiver: VirtualHost | None, packet: Packet) -> None:
        if self._trace is not None:
            to = receiver.name if receiver else "?"
            self._trace(f"{self.now:.3f} {what} {sender.name} > {to} {packet}")


@final
class Partition:
    """A cut through a network; a context manager, whose block ends with the cut healed."""

    __slots__ = ("_network", "_parts")

    def __init__(self, network: VirtualNetwork, parts: dict[VirtualHost, int]) -> None:
        self._network = network
        self._parts = parts

    def heal(self) -> None:
        """Let packets through again; a cut that is healed stays so."""
        if self in self._network._partitions:
            self._network._partitions.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.heal()
