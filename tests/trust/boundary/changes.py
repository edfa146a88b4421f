"""Options, addresses and policies that are not the same when they are looked at again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from typing_extensions import override

from direct_sockets import (
    PermissionsPolicy,
    TCPServerSocket,
    TCPSocket,
    UDPSocket,
    set_default_permissions_policy,
)
from direct_sockets._permissions import ENVIRONMENT_VARIABLE
from direct_sockets._tcp_server_socket import LOWEST_LOCAL_PORT
from direct_sockets._udp_socket import FIRST_UNPRIVILEGED_PORT
from whatwg_streams import NetworkError, NotAllowedError

from .world import ALL, BOTH, ONE, OUTSIDE, PORT, Attempt, Socket, World, opens, reaches

_EVERYTHING: Final = "direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)"


def _tcp() -> TCPSocket:
    return TCPSocket("10.0.0.1", PORT)


def _udp() -> UDPSocket:
    return UDPSocket(remote_address="10.0.0.1", remote_port=PORT)


def _bound() -> UDPSocket:
    return UDPSocket(local_address="0.0.0.0")


# Numbers -------------------------------------------------------------------------------------------------


class _Index:
    """A number that is another one each time that it is asked for."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    def __index__(self) -> int:
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]


class _Float(_Index):
    __index__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        return float(super().__index__())


class _Integer(int):
    """A number that compares and counts as another one."""

    @override
    def __lt__(self, other: object) -> bool:
        return False

    @override
    def __ge__(self, other: object) -> bool:
        return True

    @override
    def __le__(self, other: object) -> bool:
        return True

    @override
    def __eq__(self, other: object) -> bool:
        return False

    @override
    def __hash__(self) -> int:
        return 0

    @override
    def __mod__(self, other: int) -> int:
        return self


class _Int(_Integer):
    @override
    def __int__(self) -> int:
        return PORT

    @override
    def __index__(self) -> int:
        return PORT


async def _a_low_port(port: Callable[[], Any], kind: str, _: World) -> bool:
    """Have a port that nobody is given."""
    lowest = LOWEST_LOCAL_PORT if kind == "server" else FIRST_UNPRIVILEGED_PORT
    try:
        with BOTH:
            socket: Any = (
                TCPServerSocket("127.0.0.1", local_port=port())
                if kind == "server"
                else UDPSocket(local_address="127.0.0.1", local_port=port())
            )
            info = await socket.opened
    except (TypeError, NotAllowedError, NetworkError):
        return False
    await socket.close()
    return bool(info.local_port < lowest)


_PORTS: Final[tuple[Callable[[], Any], ...]] = (
    lambda: _Index(PORT, 80), lambda: _Index(80, PORT), lambda: _Index(PORT, PORT, 80), lambda: _Float(PORT, 80),
    lambda: _Float(80, PORT), lambda: _Integer(80), lambda: _Int(80), lambda: "80", lambda: " 0x50 ", lambda: 80.5,
    lambda: True, lambda: 0, lambda: 65536 + 80, lambda: -65456, lambda: 1, lambda: 1023, lambda: float(80),
)  # fmt: skip


# Texts and kinds -----------------------------------------------------------------------------------------


class _Text(str):
    """A text that is outside's address to whoever looks at it, and another one to the system."""

    __slots__ = ()

    @override
    def __str__(self) -> str:
        return OUTSIDE[0]

    @override
    def split(self, *_: Any) -> list[Any]:
        return OUTSIDE[0].split(".")

    @override
    def __contains__(self, _: object) -> bool:
        return False

    @override
    def encode(self, *_: Any) -> bytes:
        return OUTSIDE[0].encode()


async def _an_address_that_lies(text: str, _: World) -> bool:
    with ONE:
        return await reaches(lambda: TCPSocket(_Text(text), PORT)) or await reaches(
            lambda: UDPSocket(remote_address=_Text(text), remote_port=PORT)
        )


# Policies ------------------------------------------------------------------------------------------------


async def _made_anew(make: Callable[[], Socket], _: World) -> bool:
    """Make a policy anew, before and while a socket is opened under it."""
    policy = PermissionsPolicy("direct-sockets=(self)")
    with policy:
        socket = make()
        with suppress(TypeError):
            policy.__init__(_EVERYTHING)
        return await opens(socket) or await reaches(make)


async def _made_empty(make: Callable[[], Socket], _: World) -> bool:
    """Have a policy that has not been made to the end."""
    try:
        with PermissionsPolicy.__new__(PermissionsPolicy):
            return await reaches(make)
    except AttributeError:
        return False


async def _subclassed(make: Callable[[], Socket], _: World) -> bool:
    members = {"__slots__": (), "is_allowed": lambda self, feature: True, "__init__": lambda self: None}
    with suppress(TypeError):
        wide = type("Wide", (PermissionsPolicy,), members)
        with wide():
            return await reaches(make)
    return False


async def _a_manifest_that_grows(make: Callable[[], Socket], _: World) -> bool:
    manifest = {"direct-sockets": ["self"]}
    policy = PermissionsPolicy(manifest)
    manifest["direct-sockets-private"] = ["self"]
    with policy:
        return await reaches(make)


class _Manifest(Mapping[str, Any]):
    """Grants more to whoever looks longer."""

    def __init__(self) -> None:
        self.asked = 0

    @override
    def __getitem__(self, name: str) -> Any:
        self.asked += 1
        if name == "direct-sockets" or self.asked > 2:
            return ["self"]
        raise KeyError(name)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(["direct-sockets"])

    @override
    def __len__(self) -> int:
        return 1

    @override
    def __contains__(self, name: object) -> bool:
        return name == "direct-sockets"


async def _a_manifest_that_changes(make: Callable[[], Socket], _: World) -> bool:
    policy = PermissionsPolicy(_Manifest())
    with policy:
        return await reaches(make)


async def _below_a_ceiling(make: Callable[[], Socket], _: World) -> bool:
    set_default_permissions_policy("direct-sockets=(self)")
    with ALL:
        socket = make()
    set_default_permissions_policy(None)  # which does not concern sockets that exist
    with ALL:
        return await opens(socket)


async def _a_default_that_is_lowered(make: Callable[[], Socket], _: World) -> bool:
    set_default_permissions_policy(_EVERYTHING)
    set_default_permissions_policy("direct-sockets=(self)")
    return await reaches(make)


async def _environment(name: str, make: Callable[[], Socket], _: World) -> bool:
    """Change the environment of a program that has started."""
    before = os.environ.get(name)
    os.environ[name] = _EVERYTHING
    try:
        with ONE:
            inside = await reaches(make)
        return inside or await reaches(make)
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


async def _begun_anew(make: Callable[[], Socket], _: World) -> bool:
    """Run a constructor again, on a socket that was refused, or with another address."""
    with ONE:
        socket: Any = make()
        refused = not await opens(socket)
        with suppress(TypeError, NotAllowedError):
            if isinstance(socket, TCPSocket):
                socket.__init__("10.0.0.1", PORT)  # type: ignore[misc]
            else:
                socket.__init__(remote_address="10.0.0.1", remote_port=PORT)
        return not refused or await opens(socket)


def _named(name: str, function: Callable[..., Any], *arguments: object) -> Any:
    """A function with its first arguments, and a name."""
    given = partial(function, *arguments)
    given.__name__ = f"_{name}"  # type: ignore[attr-defined]
    return given


_POLICIES: Final = (
    _made_anew, _made_empty, _subclassed, _a_manifest_that_grows, _a_manifest_that_changes, _below_a_ceiling,
    _a_default_that_is_lowered, _begun_anew, _named("environment", _environment, ENVIRONMENT_VARIABLE),
    _named("environment, in small letters", _environment, ENVIRONMENT_VARIABLE.lower()),
)  # fmt: skip


def attempts() -> Sequence[Attempt]:
    return [
        *(
            Attempt(f"{kind} at low port {index}", partial(_a_low_port, port, kind))
            for index, port in enumerate(_PORTS)
            for kind in ("server", "bound")
        ),
        *(
            Attempt(f"{text} that lies", partial(_an_address_that_lies, text))
            for text in ("10.0.0.1", "127.0.0.1", "::1", "fd00::1", "localhost", "::1%lo", "127.1", "0x7f.1")
        ),
        *(
            Attempt(f"{how.__name__[1:].replace('_', ' ')} {make.__name__[1:]}", partial(how, make))
            for how in _POLICIES
            for make in (_tcp, _udp, _bound)
        ),
    ]
