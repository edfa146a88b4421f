"""Messages that are sent elsewhere than the socket may, sockets that are bound, and multicast."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from typing_extensions import override

from direct_sockets import MulticastController, UDPMessage, UDPSocket
from whatwg_streams import AbortError

from .addresses import PRIVATE_IPV4, PRIVATE_IPV6
from .world import ALL, BOTH, ONE, OUTSIDE, PORT, WITH_MULTICAST, Attempt, World, opens, reaches, say

_LOCAL: Final = (
    "0.0.0.0",
    "::",
    "127.0.0.1",
    "::1",
    "8.8.8.8",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "224.0.0.251",
)
_GROUPS: Final = (
    "224.0.0.1", "224.0.0.251", "232.1.2.3", "233.252.0.1", "239.1.2.3", "239.255.255.250",
    *(f"ff{flags}{scope}::fb" for flags in "013" for scope in "123458e"), "::ffff:224.0.0.251",
)  # fmt: skip
_OPTIONS: Final[tuple[dict[str, Any], ...]] = (
    {"multicast_time_to_live": 0}, {"multicast_time_to_live": 255}, {"multicast_loopback": False},
    {"multicast_loopback": 0}, {"multicast_loopback": ""}, {"multicast_allow_address_sharing": False},
    {"multicast_allow_address_sharing": True},
)  # fmt: skip
_BOUND_WITH: Final[tuple[dict[str, Any], ...]] = ({}, {"local_port": PORT}, {"ipv6_only": True}, *_OPTIONS)


class _Changes(Mapping[str, Any]):
    """A message whose members are not the same the second time, as a mapping or as an object."""

    def __init__(self, *values: tuple[str, Sequence[Any]]) -> None:
        self._values = {name: list(times) for name, times in values}

    @override
    def __getitem__(self, name: str) -> Any:
        times = self._values[name]
        return times.pop(0) if len(times) > 1 else times[0]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)


class _ChangesAsAnObject:
    def __init__(self, *values: tuple[str, Sequence[Any]]) -> None:
        self._changes = _Changes(*values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._changes[name]
        except KeyError:
            raise AttributeError(name) from None


def _messages(to: str) -> Iterator[Any]:
    yield UDPMessage(b"hello", to, PORT)
    yield UDPMessage(b"hello", to)
    yield UDPMessage(b"hello", None, PORT)
    yield UDPMessage(b"hello", to, PORT, "ipv4")
    yield {"data": b"hello", "remote_address": to, "remote_port": PORT}
    for kind in (_Changes, _ChangesAsAnObject):
        for first in (None, OUTSIDE[0]):
            yield kind(("data", [b"hello"]), ("remote_address", [first, to]), ("remote_port", [None, PORT]))
            yield kind(("data", [b"hello"]), ("remote_address", [to, first]), ("remote_port", [PORT, None]))


async def _redirected(to: str, index: int, _: World) -> bool:
    """Send from a socket that is connected to outside."""
    with ONE:
        socket = UDPSocket(remote_address=OUTSIDE[0], remote_port=PORT)
        info = await socket.opened
        await say(info, [*_messages(to)][index])
        await info.readable.cancel()
        with suppress(TypeError, AbortError):
            await info.writable.abort()
            await socket.closed
    return False


async def _bound(local: str, policy: Any, options: dict[str, Any], world: World) -> bool:
    """Be bound at all, or bound with these options."""
    with policy:
        return await reaches(partial(UDPSocket, local_address=local, **options))


async def _without_the_options(options: dict[str, Any], _: World) -> bool:
    """Have options of multicast without the feature; in connected mode, too."""
    with ONE:
        return await reaches(partial(UDPSocket, remote_address="10.0.0.1", remote_port=PORT, **options))


async def _connected_to_a_group(group: str, policy: Any, _: World) -> bool:
    with policy:
        return await reaches(partial(UDPSocket, remote_address=group, remote_port=PORT))


async def _finds_a_controller(how: Callable[[UDPSocket], Any], _: World) -> bool:
    """Join a group without the feature for it."""
    with BOTH:
        socket = UDPSocket(local_address="0.0.0.0")
        await socket.opened
    with ALL:
        try:
            controller = how(socket)
            if controller is None:
                controller = (await socket.opened).multicast_controller
            await controller.join_group("239.1.2.3")
        except (AttributeError, TypeError):
            return False
        finally:
            await socket.close()
    return True


async def _a_port_below(port: Any, _: World) -> bool:
    with ALL:
        return await reaches(partial(UDPSocket, local_address="127.0.0.1", local_port=port))


async def _accepted_when_bound_later(_: World) -> bool:
    with ONE:
        socket = UDPSocket(local_address="0.0.0.0")
    with ALL:
        return await opens(socket)


def attempts() -> Sequence[Attempt]:
    kinds = len([*_messages("")])
    return [
        *(
            Attempt(f"a message to {to}, kind {index}", partial(_redirected, to, index))
            for to in (
                "10.0.0.1",
                "127.0.0.1",
                "fd00::1",
                "::1",
                "::ffff:10.0.0.1",
                "localhost",
                "239.1.2.3",
                "ff02::1",
            )
            for index in range(kinds)
        ),
        *(
            Attempt(f"bound to {local} {options}", partial(_bound, local, policy, options))
            for local in _LOCAL
            for policy in (ONE, WITH_MULTICAST)
            for options in _BOUND_WITH
        ),
        *(Attempt(f"bound with {options}", partial(_bound, "0.0.0.0", BOTH, options)) for options in _OPTIONS),
        *(Attempt(f"connected with {options}", partial(_without_the_options, options)) for options in _OPTIONS),
        *(
            Attempt(f"connected to the group {group}", partial(_connected_to_a_group, group, policy))
            for group in _GROUPS
            for policy in (ONE, WITH_MULTICAST)
        ),
        *(
            Attempt("a controller by itself", partial(_finds_a_controller, how))
            for how in (
                lambda _: None,
                lambda _: MulticastController(),  # pyright: ignore[reportUnknownLambdaType]
                copy.copy,
                lambda socket: socket.multicast_controller,
            )
        ),
        *(Attempt(f"bound to port {port!r}", partial(_a_port_below, port)) for port in (1, 53, "80", 80.9, True, 1023)),
        Attempt("bound in another block", _accepted_when_bound_later),
        *(
            Attempt(f"bound as {address}", partial(_bound, address, ONE, {}))
            for address in (*PRIVATE_IPV4, *PRIVATE_IPV6)
        ),
    ]
