"""The rows of the table of what was tried."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Of what went wrong in one scenario, as much as is worth reading.
_SHOWN = 5


@dataclass
class Row:
    """One scenario: how many cases were tried, and in how many something was not as promised.

    Attributes:
        scenario: what was tried.
        tried: the number of cases.
        lost: cases in which data was lost, came twice or in another order, or a state or result was wrong.
        leaked: cases that left a task, a descriptor, a lock, a waiter or another object behind.
        let_in: cases in which something was accepted, or allowed, that must not be.
        notes: what went wrong, in words.
    """

    scenario: str
    tried: int = 0
    lost: int = 0
    leaked: int = 0
    let_in: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.lost == self.leaked == self.let_in == 0

    def describe(self) -> str:
        """Say what went wrong, as far as it is worth reading."""
        head = f"{self.scenario}: of {self.tried}, {self.lost} lost, {self.leaked} leaked, {self.let_in} let in"
        more = len(self.notes) - _SHOWN
        return "\n".join([head, *self.notes[:_SHOWN], *([f"… and {more} more"] if more > 0 else [])])
