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
import dataclasses
import sys
from pathlib import Path

from rich.console import Console

from . import readme
from .all_rows import QUICK, ROWS, WHOLE
from .check import TOLERATED, check
from .contenders import versions
from .measured import Results
from .rounds import run
from .table import table_of


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", nargs="+", default=(), metavar="ROW", help="those whose names begin so; all")
    parser.add_argument("--quick", action="store_true", help="fewer rows and peers, and are they slower than recorded?")
    parser.add_argument("--rounds", type=int, help="5, or 3 if quick")
    parser.add_argument("--chunks", type=int, help="small chunks for each row; 1,000,000, or 100,000 if quick")
    parser.add_argument("--minutes", type=float, help="no round is begun that would end later; 13, or 1.5 if quick")
    parser.add_argument(
        "--clock", choices=["cpu", "both", "wall"], help="time all rows so: on a busy machine, by the processor"
    )
    parser.add_argument("--record", action="store_true", help="keep the results, for the README or for --quick")
    parser.add_argument("--json", type=Path, help="where else to keep them")
    arguments = parser.parse_args()
    quick: bool = arguments.quick
    rounds: int = arguments.rounds or (3 if quick else 5)
    chunks: int = arguments.chunks or (100_000 if quick else 1_000_000)
    minutes: float = arguments.minutes or (1.5 if quick else 13)

    rows = [row for row in ROWS if not arguments.rows or row.name.startswith(tuple(arguments.rows))]
    if arguments.clock:
        rows = [dataclasses.replace(row, clock=arguments.clock) for row in rows]
    if quick:
        rows = [row.only_quick() for row in rows if row.quick]
    if not rows:
        parser.error(f"there is no such row; there are {', '.join(row.name for row in ROWS)}")
    results = Results({**versions(rows), "chunks": chunks})
    run(rows, results, rounds, chunks, minutes)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table_of(rows, results))
    print(", ".join(f"{name} {value}" for name, value in results.settings.items()))

    if arguments.json:
        results.write(arguments.json)
    if arguments.record and not arguments.clock:
        kept = QUICK if quick else WHOLE
        results = results.over(Results.read(kept)) if arguments.rows and kept.exists() else results
        results.write(kept)
        if not quick:
            readme.update(ROWS, Results.read(kept))
        return 0
    if not quick or not QUICK.exists():
        return 0
    failures = check(rows, Results.read(QUICK), results, lambda row: run([row], Results({}), rounds, chunks, minutes))
    for failure in failures:
        print("slower:", failure)
    print(f"{len(failures)} of {len(rows)} quick rows fell below {TOLERATED} of the recorded ratio")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
