"""Who has which port of a host: the rules of `bind`, as Linux has them."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, final

from .._addresses import is_unspecified
from ._packets import Socket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._addresses import IPAddress

T = TypeVar("T")


def os_error(number: int) -> OSError:
    """The error that the system has under a number."""
    return OSError(number, os.strerror(number))


class Binding(NamedTuple):
    """What a socket is bound to."""

    address: IPAddress  # on the wire
    port: int
    is_dual: bool  # of "::", and for IPv4, too
    may_share: bool

    def takes(self, address: IPAddress) -> bool:
        """Whether what is sent to an address comes here."""
        if not is_unspecified(self.address):
            return address == self.address
        return address.version == self.address.version or self.is_dual

    def conflicts_with(self, other: Binding) -> bool:
        """Whether both can not be bound at a time."""
        return not (self.may_share and other.may_share) and (self.takes(other.address) or other.takes(self.address))


@final
class Ports(Generic[T]):
    """The ports of a host for one protocol, and who is bound to them."""

    __slots__ = ("_bound", "_next_choice", "choice")

    def __init__(self) -> None:
        self._bound: dict[int, list[tuple[Binding, T]]] = {}
        self._next_choice = 0
        #: The ports that the host chooses from. (The same as on Linux.)
        self.choice = range(32768, 61000)

    def bind(self, binding: Binding, owner: T, *, exhausted: int) -> Binding:
        """Bind an owner; to a port of the host's choice, if the port is 0.

        Args:
            binding: what to bind to.
            owner: who.
            exhausted: the number of the error, if there is no port left to choose.

        Returns:
            What it is bound to now.

        Raises:
            OSError: the port is taken, or none is left.
        """
        if binding.port == 0:
            binding = self._choose(binding, exhausted)
        elif not self._is_free(binding):
            raise os_error(errno.EADDRINUSE)
        self._bound.setdefault(binding.port, []).append((binding, owner))
        return binding

    def _choose(self, binding: Binding, exhausted: int) -> Binding:
        # One after the other, so that a port is not used again at once. (A port of one's own is not shared.)
        for _ in range(len(self.choice)):
            port = self.choice[self._next_choice % len(self.choice)]
            self._next_choice += 1
            if self._is_free(binding._replace(port=port, may_share=False)):
                return binding._replace(port=port)
        raise os_error(exhausted)

    def _is_free(self, binding: Binding) -> bool:
        return not any(binding.conflicts_with(other) for other, _ in self._bound.get(binding.port, ()))

    def release(self, binding: Binding, owner: T) -> None:
        """Undo `bind`."""
        bound = self._bound[binding.port]
        bound.remove((binding, owner))
        if not bound:
            del self._bound[binding.port]

    def at(self, end: Socket) -> Iterator[tuple[Binding, T]]:
        """Give those that take what is sent there: of an address before those of all, and the last one first."""
        found = [each for each in reversed(self._bound.get(end.port, ())) if each[0].takes(end.address)]
        found.sort(key=lambda each: (is_unspecified(each[0].address), each[0].is_dual))
        yield from found

    def __iter__(self) -> Iterator[T]:
        for bound in list(self._bound.values()):
            for _, owner in list(bound):
                yield owner
