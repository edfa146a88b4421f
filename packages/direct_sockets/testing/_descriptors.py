"""The descriptors of a virtual host."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, final

from ._ports import os_error

if TYPE_CHECKING:
    from collections.abc import Callable


@final
class Descriptors:
    """How many descriptors are taken, and how many may be."""

    __slots__ = ("_some_are_left", "limit", "taken")

    def __init__(self, some_are_left: Callable[[], object]) -> None:
        self._some_are_left = some_are_left
        self.limit: int | None = None
        self.taken = 0

    @property
    def are_left(self) -> bool:
        """Whether one can be taken."""
        return self.limit is None or self.taken < self.limit

    def take(self) -> None:
        """Take one.

        Raises:
            OSError: there is none left.
        """
        if not self.are_left:
            raise os_error(errno.EMFILE)
        self.taken += 1

    def give_back(self) -> None:
        """Give one back."""
        self.taken -= 1
        self._tell()

    def set_limit(self, limit: int | None) -> None:
        """Set how many may be taken; those that are remain so."""
        self.limit = limit
        self._tell()

    def _tell(self) -> None:
        if self.are_left:
            self._some_are_left()
