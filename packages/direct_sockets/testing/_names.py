"""The names of a virtual network, and what they resolve to."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import socket
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Final, final

from .._operating_system import ResolvedAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._addresses import IPAddress
    from .._operating_system import SocketDnsQueryType
    from ._clock import Clock

_LOCALHOST: Final = (ip_address("::1"), ip_address("127.0.0.1"))
#: How C writes numbers: octal, hexadecimal or decimal.
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")


@dataclasses.dataclass(slots=True)
class _Name:
    """What a name resolves to: the last answer stays."""

    answers: list[tuple[IPAddress, ...]]
    latency: int  # nanoseconds


@final
class Names:
    """The names of a network."""

    __slots__ = ("_clock", "_names")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: dict[str, _Name] = {}
        self.set("localhost", [_LOCALHOST], 0)

    def set(self, name: str, answers: Iterable[Iterable[IPAddress]], latency: int) -> None:
        """Set what a name resolves to, one time after the other."""
        self._names[_normal(name)] = _Name([tuple(answer) for answer in answers], latency)

    async def look_up(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        """See `OperatingSystem.resolve`."""
        self._clock.touch()
        numeric = self.numeric(name, dns_query_type)
        if numeric is not None:
            return numeric
        found = self._names.get(_normal(name))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        # The answer is that of the moment when the question was asked.
        answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
        if found.latency:
            await self._clock.sleep(found.latency)
        addresses = _of_kind(answer, dns_query_type)
        if not addresses:
            raise socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
        return addresses

    def numeric(self, text: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress] | None:
        """The address, if the text is one in itself, in a spelling that the system knows.

        Raises:
            OSError: it is of another kind than is wanted.
        """
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            old = _in_an_old_spelling(text)
            if old is None:
                return None
            address = old
        if getattr(address, "scope_id", None):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = _of_kind([address], dns_query_type)
        if not addresses:
            raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")
        return addresses


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")


def _of_kind(addresses: Iterable[IPAddress], dns_query_type: SocketDnsQueryType | None) -> list[ResolvedAddress]:
    return [ResolvedAddress(one) for one in addresses if dns_query_type in {None, f"ipv{one.version}"}]


def _in_an_old_spelling(text: str) -> IPv4Address | None:
    """Read an IPv4 address as `inet_aton` does: one to four numbers, the last of which fills what is left."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):  # noqa: PLR2004
        return None
    *firsts, last = (_value(part) for part in parts)
    if any(number > 255 for number in firsts) or last >= 256 ** (4 - len(firsts)):  # noqa: PLR2004
        return None
    value = last
    for index, number in enumerate(firsts):
        value |= number << 8 * (3 - index)
    return IPv4Address(value)


def _value(number: str) -> int:
    is_octal = number.startswith("0") and number.isdecimal()
    return int(number, 8 if is_octal else 0)
