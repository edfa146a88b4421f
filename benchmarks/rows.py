"""What a row is: the same work done by several contenders, and what ratio to which of them is the aim."""

from __future__ import annotations

import dataclasses
from typing import Literal

OURS = "this project"
#: The same, from the compiled wheel: in `.venv-compiled`, where that is made.
COMPILED = "compiled"
#: The same, on another version of Python: in `.venv-3.13`, where that is made.
ON_3_13 = "on Python 3.13"
#: What is to be left there of each rate.
SHARE_ON_3_13 = 0.85


@dataclasses.dataclass(frozen=True)
class Contender:
    """Who does the work: a program, and the arguments it is given before the count."""

    name: str
    program: str  # a module of benchmarks.programs, or a file there
    arguments: tuple[str, ...]
    runtime: Literal["python", "compiled", "3.13", "node", "deno"] = "python"
    count: float = 1.0  # of the row's count: less where the contender is slow and its cost flat


@dataclasses.dataclass(frozen=True)
class Aim:
    """At least this ratio of our rate to that of the peer; or of a cost, the peer's to ours."""

    peer: str
    at_least: float
    compiled: float | None = None  # the aim of the compiled packages
    of_row: str | None = None  # first divide each rate by that contender's rate in this row


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    contenders: tuple[Contender, ...]  # ours first
    aims: tuple[Aim, ...] = ()
    at_most: float | None = None  # the aim of a cost, in itself
    unit: str = "thousand/s"
    scale: float = 1e3  # of the unit
    cost: bool = False  # whether less is better
    # On the processor in the main thread; there or in the process at the other end; or on the wall.
    clock: Literal["cpu", "both", "wall"] = "cpu"
    share: float = 1.0  # of the chunks asked for: so many operations
    count: int | None = None  # so many operations, whatever is asked for
    pinned: bool = False  # whether all processes share one core
    apart: bool = False  # whether the process at the other end has a core of its own, where there are two
    best_of: int = 1  # so many runs are one value, the best of them
    quick: tuple[str, ...] = ()  # the peers beside which it is a quick row

    @property
    def peers(self) -> tuple[Contender, ...]:
        return tuple(one for one in self.contenders if one.name not in {OURS, COMPILED, ON_3_13})

    def only_quick(self) -> Row:
        """The same row, with us and those peers only."""
        contenders = tuple(one for one in self.contenders if one.name in {OURS, *self.quick})
        aims = tuple(aim for aim in self.aims if aim.peer in self.quick and aim.of_row is None)
        return dataclasses.replace(self, contenders=contenders, aims=aims)
