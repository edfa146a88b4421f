"""Measures this project beside its peers, in one run.

In each round every contender of every row does its work once, in a fresh process, the contenders of a row one after
the other and in turns first. A ratio is the median of the ratios of the rounds; ± is half the range.

Times are those of the main thread on the processor, which other programs on the machine disturb least; what a
JavaScript engine does in helper threads is not counted against it. The ping-pong of one connection adds the time of the
process at the other end, which is on the same core. Downloads, uploads and the proxy, where waiting counts, are timed
by the clock, each value the best of three runs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from .contenders import Missing, measure, versions
from .results import Results
from .rows_in_memory import ROWS as ROWS_IN_MEMORY
from .rows_of_sockets import ROWS as ROWS_OF_SOCKETS
from .table import table_of

ROWS = (*ROWS_IN_MEMORY, *ROWS_OF_SOCKETS)


def run(rows: tuple[str, ...], rounds: int, chunks: int, minutes: float) -> Results:
    chosen = [row for row in ROWS if not rows or any(row.name.startswith(name) for name in rows)]
    results = Results({**versions(), "chunks": chunks})
    missing: set[str] = set()
    started = time.monotonic()
    for number in range(rounds):
        for row in chosen:
            first = number % len(row.contenders)
            best: dict[str, float] = {}
            for contender in (*row.contenders[first:], *row.contenders[:first]) * row.best_of:
                if contender.name in missing:
                    continue
                progress(f"round {number + 1}: {row.name}, {contender.name}")
                try:
                    value = measure(row, contender, chunks)
                except Missing as error:
                    missing.add(contender.name)
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


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", nargs="+", default=(), metavar="ROW", help="those whose names begin so; all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=1_000_000, help="small chunks for each row")
    parser.add_argument("--minutes", type=float, default=14, help="no round is begun that would end later")
    parser.add_argument("--json", type=Path, help="where to keep what was measured")
    arguments = parser.parse_args()
    results = run(tuple(arguments.rows), arguments.rounds, arguments.chunks, arguments.minutes)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table_of(ROWS, results))
    print(", ".join(f"{name} {value}" for name, value in results.settings.items()))
    if arguments.json:
        results.write(arguments.json)


if __name__ == "__main__":
    main()
