"""A TCP socket of the virtual network that listens, and its queue."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING, final

from typing_extensions import override

from whatwg_streams import Promise
from whatwg_streams.other_specs import a_promise_rejected_with, reject, resolve

from .._operating_system import TCPConnectionParameters
from ._packets import Socket, as_seen_by
from ._ports import os_error
from ._tcp_connection import VirtualTCPConnection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._operating_system import Answer, Endpoint, TCPServerParameters
    from ._host import VirtualHost
    from ._packets import Segment
    from ._ports import Binding

#: As many connections wait on Linux, when the socket has no option for it.
_DEFAULT_BACKLOG = 4096
_DEFAULTS = TCPConnectionParameters()


@final
class VirtualTCPServer:
    """A TCP socket of a virtual host that listens.

    Tests may look at it and read its options back. (What else it has is the seam's `TCPServer`.)

    Attributes:
        parameters: the options it was opened with: `local_port`, `backlog`, `ipv6_only`; None is the default.
    """

    __slots__ = (
        "_binding",
        "_has_vanished",
        "_host",
        "_is_closed",
        "_limit",
        "_opening",
        "_queue",
        "_version",
        "_waiting",
        "parameters",
    )

    parameters: TCPServerParameters

    def __init__(self, host: VirtualHost, version: int, parameters: TCPServerParameters) -> None:
        self._host = host
        self._version = version
        self.parameters = parameters
        self._binding: Binding
        self._is_closed = False
        self._has_vanished = False
        self._opening: dict[VirtualTCPConnection, None] = {}  # their SYN has been answered
        self._queue: deque[VirtualTCPConnection] = deque()
        self._waiting: Promise[Sequence[VirtualTCPConnection]] | None = None
        self._limit = 0

    # What tests may use ------------------------------------------------------------------------------

    @property
    def local(self) -> Endpoint:
        """Where it is bound to: the `address` as text, and the `port`."""
        return as_seen_by(self._version, Socket(self._binding.address, self._binding.port))

    @property
    def queued(self) -> int:
        """How many connections wait to be accepted."""
        return len(self._queue)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._binding.address} port {self._binding.port}>"

    # Accepting ---------------------------------------------------------------------------------------

    def accept(self, limit: int) -> Answer[Sequence[VirtualTCPConnection]]:
        """See the seam."""
        assert self._waiting is None
        self._host.network._clock.touch()
        if self._has_vanished:
            return a_promise_rejected_with(os_error(errno.ENETDOWN))
        if connections := self._take(limit):
            return connections
        self._waiting = Promise()
        self._limit = limit
        return self._waiting

    def _take(self, limit: int) -> list[VirtualTCPConnection]:
        connections: list[VirtualTCPConnection] = []
        while self._queue and len(connections) < limit and self._host._descriptors.are_left:
            self._host._descriptors.take()
            connection = self._queue.popleft()
            connection._was_accepted()
            connections.append(connection)
        return connections

    def _try_again(self) -> None:
        """There may be something to accept, or a descriptor for it."""
        promise = self._waiting
        if promise is not None and (connections := self._take(self._limit)):
            self._waiting = None
            self._host.network._clock.touch()
            resolve(promise, connections)

    def stop_accepting(self) -> None:
        """See the seam."""
        self._host.network._clock.touch()
        self._waiting = None

    # The queue ---------------------------------------------------------------------------------------

    @property
    def _is_full(self) -> bool:
        backlog = _DEFAULT_BACKLOG if self.parameters.backlog is None else self.parameters.backlog
        return len(self._queue) > backlog  # one more, as Linux counts

    def _arrived(self, segment: Segment) -> None:
        """A segment has come that belongs to no connection: opens one, perhaps."""
        if not segment.syn:
            self._host._refuse(segment)
        elif self._is_full:
            if self._host.refuses_when_full:
                self._host._refuse(segment)
        else:
            connection = VirtualTCPConnection(self._host, self._version, segment.source, _DEFAULTS, self)
            self._opening[connection] = None
            connection._answer_the_syn(segment)

    def _has_room_for(self, connection: VirtualTCPConnection) -> bool:
        """Whether a connection that is opening can be queued; if not, it is not opened yet."""
        return connection in self._opening and not self._is_full

    def _came(self, connection: VirtualTCPConnection) -> None:
        """A connection is open."""
        del self._opening[connection]
        self._queue.append(connection)
        self._try_again()

    def _lost(self, connection: VirtualTCPConnection) -> None:
        """A connection came to an end before it was accepted; one that is in the queue stays there, as on Linux."""
        self._opening.pop(connection, None)

    def _vanish(self) -> None:
        """Its host has forgotten it."""
        self._has_vanished = True
        self._host._tcp_ports.release(self._binding, self)
        self._opening.clear()
        self._queue.clear()
        promise, self._waiting = self._waiting, None
        self._host.network._clock.touch()
        if promise is not None:
            reject(promise, os_error(errno.ENETDOWN))

    def close(self) -> Answer[None]:
        """See the seam."""
        self.stop_accepting()
        if not self._is_closed:
            self._is_closed = True
            if not self._has_vanished:
                self._host._tcp_ports.release(self._binding, self)
            self._host._descriptors.give_back()
            for connection in [*self._opening, *self._queue]:
                connection._server = None
                connection.reset()
            self._opening.clear()
            self._queue.clear()
        return None
