"""The table of what was tried. It is kept in `results.json`, and shown in the README between two markers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support import ROOT

RESULTS = Path(__file__).with_name("results.json")
README = ROOT / "README.md"
BEGIN = "<!-- made by make trust -->\n"
END = "<!-- end of what make trust has made -->\n"

COLUMNS = ("lost", "leaked", "let_in")

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
        counts: which of these three are looked at; nothing is known of the others.
        notes: what went wrong, in words.
    """

    scenario: str
    tried: int = 0
    lost: int = 0
    leaked: int = 0
    let_in: int = 0
    counts: tuple[str, ...] = COLUMNS
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.lost == self.leaked == self.let_in == 0

    def add(self, other: Row) -> None:
        """Count the cases of the other row here, too."""
        self.tried += other.tried
        self.lost += other.lost
        self.leaked += other.leaked
        self.let_in += other.let_in
        self.notes += other.notes

    def cells(self) -> list[str]:
        """The columns of the table, in which a dash stands for what is not looked at."""
        return [str(getattr(self, name)) if name in self.counts else "—" for name in COLUMNS]

    def describe(self) -> str:
        """Say what went wrong, as far as it is worth reading."""
        lost, leaked, let_in = self.cells()
        head = f"{self.scenario}: of {self.tried}, {lost} lost, {leaked} leaked, {let_in} let in"
        more = len(self.notes) - _SHOWN
        return "\n".join([head, *self.notes[:_SHOWN], *([f"… and {more} more"] if more > 0 else [])])


def markdown(rows: Sequence[Row]) -> str:
    """The table, with what its rows come to, as the README has it."""
    total = Row("**all**")
    for row in rows:
        total.add(row)
    lines = [f"| {row.scenario} | {row.tried:,} | {' | '.join(row.cells())} |" for row in (*rows, total)]
    return "\n".join(["| scenario | tried | lost | leaked | let in |", "|---|--:|--:|--:|--:|", *lines, ""])


def record(rows: Sequence[Row]) -> None:
    """Keep the rows, and show them in the README."""
    figures = [{name: value for name, value in asdict(row).items() if name != "notes"} for row in rows]
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    README.write_text(before + begin + markdown(rows) + end + after, encoding="utf-8")


def recorded() -> list[Row]:
    """The rows that were kept."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))
    return [Row(**{**figures, "counts": tuple(figures["counts"])}) for figures in rows]


def shown() -> str:
    """The table that the README shows."""
    _, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    table, _, _ = rest.partition(END)
    return table
