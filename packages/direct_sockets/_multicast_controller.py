"""§3 MulticastController interface: https://wicg.github.io/direct-sockets/#multicastcontroller-interface

Groups are joined on the interface that the system's routes choose; the text has no way to name one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from typing_extensions import override

from whatwg_streams import InvalidStateError, NetworkError, Promise
from whatwg_streams.other_specs import a_promise_rejected_with, convert_string, new, reject, resolve

from ._addresses import canonical, is_loopback, is_multicast, is_unicast_source, parse_ip_address
from ._errors import network_error
from ._options import MulticastMembership, convert_optional_string
from ._steps import queue_a_global_task_upon

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._addresses import IPAddress
    from ._operating_system import Answer, DatagramSocket

    # NOTE(spec): E58 groups and sources are told apart by what they are, not by how they are written.
    _Key: TypeAlias = tuple[IPAddress, IPAddress | None]


@final
class MulticastController:
    """Joins and leaves multicast groups: https://wicg.github.io/direct-sockets/#dom-multicastcontroller

    A `UDPSocket` in bound mode has one in its open info, when the feature "direct-sockets-multicast" is
    granted. What other sockets join does not concern it. When the socket is closed, the groups are left.

        async with UDPSocket(local_address="0.0.0.0", local_port=5353) as info:
            await info.multicast_controller.join_group("224.0.0.251")
    """

    __slots__ = ("__weakref__", "_joined_groups", "_joined_groups_tuple", "_joining", "_leaving", "_socket")

    _socket: DatagramSocket | None  # None once it was told to close
    _joined_groups: dict[_Key, MulticastMembership]
    _joined_groups_tuple: tuple[str | MulticastMembership, ...] | None  # E64
    _joining: dict[_Key, Promise[None]]
    _leaving: dict[_Key, Promise[None]]

    def __init__(self) -> None:
        raise TypeError("a MulticastController is made by its socket")

    # §3.3 ------------------------------------------------------------------------------------------------

    def join_group(self, group_address: str, *, source_address: str | None = None) -> Promise[None]:
        """Join a multicast group: https://wicg.github.io/direct-sockets/#dom-multicastcontroller-joingroup

        Cancelling a task that awaits the result leaves the socket joining.

        Args:
            group_address: the IP address of the group.
            source_address: the IP address of the only host to receive from (source-specific multicast);
                without it, datagrams come from any host.

        Returns:
            A promise that is rejected with a TypeError, when an address is not what it should be; with an
            InvalidStateError, when the group is joined already, or the socket is closed; with a
            NetworkError, when the system fails to join, or the socket is closed meanwhile.
        """
        # NOTE(spec): E46 what the text throws, a method that returns a promise rejects it with.
        try:
            group_address = convert_string(group_address, "group_address")
            source_address = convert_optional_string(source_address, "source_address")
            # 1. The group has to be an IP address,
            group = parse_ip_address(group_address, "group_address")
            # 2. of multicast.
            if not is_multicast(group):
                raise TypeError(f"group_address is not a multicast address: {group_address!r}")
            source = None
            # 3. The source
            if source_address is not None:
                # 3.1. has to be an IP address,
                source = parse_ip_address(source_address, "source_address")
                # 3.2. of one host.
                # NOTE(spec): E57 loopback addresses are refused, as the text has it.
                if not is_unicast_source(source):
                    kind = "a loopback" if is_loopback(source) else "no unicast"
                    raise TypeError(f"source_address is {kind} address: {source_address!r}")
                # 3.3. Both have to be of one version.
                if source.version != group.version:
                    raise TypeError("source_address and group_address are of different IP versions")
            # NOTE(spec): E56 the state of the group is looked at before that of the socket.
            # 4. This must not have been joined, nor be about to.
            key = group, source
            if key in self._joined_groups or key in self._joining:
                raise InvalidStateError(f"{_name(key)} has been joined already")
            # 5. The socket must not be closed.
            if self._socket is None:
                raise InvalidStateError("the socket is closed")
        except (TypeError, InvalidStateError) as error:
            return a_promise_rejected_with(error)

        # 6. A promise.
        # 7. In parallel:
        # 7.1. join the source-specific group,
        # 7.2. or the any-source group.
        # NOTE(spec): E61 whether one group may be joined both ways is the system's to decide.
        # 7.3. Then queue a task for these steps:
        # 7.3.1. If that failed, reject the promise.
        def joined() -> None:
            # 7.3.2. The membership
            membership = MulticastMembership(canonical(group), None if source is None else canonical(source))
            # 7.3.3. is added.
            self._joined_groups[key] = membership
            self._joined_groups_tuple = None
            # 7.3.4. Resolve the promise.

        # 8. Return the promise.
        return self._in_process(self._joining, key, self._socket.join_multicast_group(group, source), joined, "joining")

    # §3.4 ------------------------------------------------------------------------------------------------

    def leave_group(self, group_address: str, *, source_address: str | None = None) -> Promise[None]:
        """Leave a multicast group: https://wicg.github.io/direct-sockets/#dom-multicastcontroller-leavegroup

        Cancelling a task that awaits the result leaves the socket leaving.

        Args:
            group_address: the IP address of the group.
            source_address: the IP address that the group was joined with.

        Returns:
            A promise that is rejected with a TypeError, when an address is none; with an InvalidStateError,
            when this has not been joined or is being left, or the socket is closed; with a NetworkError,
            when the system fails to leave, or the socket is closed meanwhile.
        """
        # NOTE(spec): E46 as above.
        try:
            group_address = convert_string(group_address, "group_address")
            source_address = convert_optional_string(source_address, "source_address")
            # 1. The group has to be an IP address,
            group = parse_ip_address(group_address, "group_address")
            source = None
            # 2. and the source, too.
            if source_address is not None:
                source = parse_ip_address(source_address, "source_address")
            # NOTE(spec): E59 that they are of multicast, and go together, is not asked here, as written: what
            # is wrong with them in that way can not have been joined.
            # NOTE(spec): E56 as above.
            # 3. This has to have been joined, and not be about to be left.
            key = group, source
            if key not in self._joined_groups or key in self._leaving:
                raise InvalidStateError(f"{_name(key)} has not been joined")
            # 4. The socket must not be closed.
            if self._socket is None:
                raise InvalidStateError("the socket is closed")
        except (TypeError, InvalidStateError) as error:
            return a_promise_rejected_with(error)

        # 5. A promise.
        # 6. In parallel:
        # 6.1. leave the source-specific group,
        # 6.2. or the any-source group.
        # 6.3. Then queue a task for these steps:
        # 6.3.1. If that failed, reject the promise.
        def left() -> None:
            # 6.3.2. Remove the membership.
            del self._joined_groups[key]
            self._joined_groups_tuple = None
            # 6.3.3. Resolve the promise.

        # 7. Return the promise.
        return self._in_process(self._leaving, key, self._socket.leave_multicast_group(group, source), left, "leaving")

    def _in_process(
        self, process: dict[_Key, Promise[None]], key: _Key, answer: Answer[None], steps: Callable[[], None], doing: str
    ) -> Promise[None]:
        """The end of both methods: a promise that is settled once the system has answered."""
        promise: Promise[None] = Promise()
        process[key] = promise

        def succeeded(_: object) -> None:
            if process.pop(key, None) is not None:
                steps()
                resolve(promise)

        def failed(os_error: BaseException) -> None:
            if process.pop(key, None) is not None:
                reject(promise, network_error(os_error, f"{doing} {_name(key)}"))

        queue_a_global_task_upon(answer, succeeded, failed)
        return promise

    def _socket_was_told_to_close(self) -> None:
        """NOTE(spec): E62 E63 the socket is closed from here on, and what is pending comes to nothing."""
        self._socket = None
        for process, doing in ((self._joining, "joining"), (self._leaving, "leaving")):
            pending = list(process.items())
            process.clear()
            for key, promise in pending:
                reject(promise, NetworkError(f"{doing} {_name(key)}: the socket was closed"))

    # §3.5 ------------------------------------------------------------------------------------------------

    @property
    def joined_groups(self) -> tuple[str | MulticastMembership, ...]:
        """The groups that are joined, in the order in which they were joined.

        A group that was joined without a source is its address, in canonical text; one with a source is a
        `MulticastMembership`. https://wicg.github.io/direct-sockets/#dom-multicastcontroller-joinedgroups
        """
        # NOTE(spec): E64 the attribute is a frozen array, and one and the same until it changes.
        if self._joined_groups_tuple is None:
            # 1. A list.
            result: list[str | MulticastMembership] = []
            # 2. For each membership:
            for membership in self._joined_groups.values():
                # 2.1. without a source,
                if membership.source_address is None:
                    # 2.1.1. its group's address;
                    result.append(membership.group_address)
                # 2.2. otherwise
                else:
                    # 2.2.1. and 2.2.2. the membership, which can not be changed.
                    result.append(membership)
            # 3. Return the list.
            self._joined_groups_tuple = tuple(result)
        return self._joined_groups_tuple

    @override
    def __repr__(self) -> str:
        names = ", ".join(_name(key) for key in self._joined_groups)
        return f"<{type(self).__name__} {'closed, ' if self._socket is None else ''}joined: {names or 'nothing'}>"


def new_multicast_controller(socket: DatagramSocket) -> MulticastController:
    """The initial values of the internal slots."""
    controller: MulticastController = new(MulticastController)
    controller._socket = socket
    controller._joined_groups = {}
    controller._joined_groups_tuple = ()
    controller._joining = {}
    controller._leaving = {}
    return controller


def _name(key: _Key) -> str:
    group, source = key
    return canonical(group) if source is None else f"{canonical(group)} from {canonical(source)}"
