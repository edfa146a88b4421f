"""Rounds of measuring: the contenders of a row alternate."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from .contenders import Missing, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .measured import Results
    from .rows import Contender, Row


def run(rows: Sequence[Row], results: Results, rounds: int, chunks: int, minutes: float) -> Results:
    """Add so many rounds to the results, or as many as there is time for, but at least one."""
    missing: set[Contender] = set()
    started = time.monotonic()
    for number in range(rounds):
        for row in rows:
            first = number % len(row.contenders)
            best: dict[str, float] = {}
            for contender in (*row.contenders[first:], *row.contenders[:first]) * row.best_of:
                if contender in missing:
                    continue
                progress(f"round {number + 1}: {row.name}, {contender.name}")
                try:
                    value = measure(row, contender, chunks)
                except Missing as error:
                    missing.add(contender)
                    print(error, file=sys.stderr)
                else:
                    best[contender.name] = max(value, best.get(contender.name, value))
            for name, value in best.items():
                results.add(row.name, name, value)
        results.settings["rounds"] = number + 1
        if (time.monotonic() - started) * (number + 2) / (number + 1) > minutes * 60:
            break  # there is no time for another one
    progress("")
    return results


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
