"""What mypyc, a compiler, has to be told.

The packages are compiled where a compiled wheel is asked for; the sources are the same, and need no mypyc otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:

    def mypyc_attr(**_: bool) -> object:
        """Say that interpreted classes may be derived from a compiled one, or that the class can not be compiled."""
        return lambda interface: interface


class Unchecked(Protocol):
    """Nothing is one. An argument that may be one, besides, is checked by its conversion of Web IDL alone.

    Compiled functions check all others before their first statement.
    """

    def unchecked(self) -> NoReturn:
        """Say that it is not checked."""
        ...
