"""What was measured, and the ratios that follow from it."""

from __future__ import annotations

import dataclasses
import json
import statistics
from typing import TYPE_CHECKING

from .rows import COMPILED, OURS

if TYPE_CHECKING:
    from pathlib import Path

    from .rows import Aim, Row


@dataclasses.dataclass
class Results:
    """For each row and contender the values of all rounds, in the row's unit."""

    settings: dict[str, str | int]
    values: dict[str, dict[str, list[float]]] = dataclasses.field(default_factory=dict)

    def add(self, row: str, contender: str, value: float) -> None:
        self.values.setdefault(row, {}).setdefault(contender, []).append(value)

    def median(self, row: str, contender: str) -> float | None:
        values = self.values.get(row, {}).get(contender)
        return statistics.median(values) if values else None

    def spread(self, row: str, contender: str) -> float:
        """Half the range of the values, as a part of their median."""
        values = self.values[row][contender]
        return (max(values) - min(values)) / 2 / statistics.median(values)

    def ratio(self, row: Row, peer: str, of_row: str | None = None, whose: str = OURS) -> float | None:
        """The median of the ratios of each round: more is better for us, of rates as of costs."""
        ours, theirs = (self._values(row.name, contender, of_row) for contender in (whose, peer))
        if not ours or not theirs:
            return None
        pairs = zip(theirs, ours, strict=False) if row.cost else zip(ours, theirs, strict=False)
        return statistics.median(over / under for over, under in pairs)

    def _values(self, row: str, contender: str, of_row: str | None) -> list[float]:
        values = self.values.get(row, {}).get(contender, [])
        if of_row is None:
            return values
        return [value / of for value, of in zip(values, self.values.get(of_row, {}).get(contender, []), strict=False)]

    def over(self, others: Results) -> Results:
        """These, and of the others the rows that are not in these."""
        return Results({**others.settings, **self.settings}, {**others.values, **self.values})

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rounded = {
            row: {contender: [float(f"{value:.4g}") for value in values] for contender, values in contenders.items()}
            for row, contenders in self.values.items()
        }
        path.write_text(json.dumps({"settings": self.settings, "values": rounded}, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        return cls(**json.loads(path.read_text()))


def meets(row: Row, results: Results, aim: Aim) -> bool | None:
    """Whether the aim is met; None where the peer was not measured."""
    ratio = results.ratio(row, aim.peer, aim.of_row)
    return None if ratio is None else round(ratio, 2) >= aim.at_least


def meets_compiled(row: Row, results: Results, aim: Aim) -> bool | None:
    """The same, of the compiled packages and the aim for them; None where there is none."""
    ratio = results.ratio(row, aim.peer, aim.of_row, COMPILED)
    return None if ratio is None or aim.compiled is None else round(ratio, 2) >= aim.compiled
