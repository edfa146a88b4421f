"""Random ordering programs, on node's streams and on ours: `python -m conformance.order`.

The status is 0 when all logs are equal, or differ as expected; 1 when one does not; 2 when nothing could be run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import tables
from conformance.record import Part, Row

from .compare import Departure, Difference, first_difference, load_departures
from .generate import KINDS, Program, generate
from .hosts import HostError, find_node, run_on_node, run_on_ours, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How many programs one process runs.
_BATCH = 50

#: The environments in which our side is run.
FAST_PATHS = {"default": {}, "off": {"WHATWG_STREAMS_FAST_PATHS": "0"}, "on": {"WHATWG_STREAMS_FAST_PATHS": "1"}}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.order", description=__doc__)
    parser.add_argument("--seed", default="0", help="which programs (0)")
    parser.add_argument("--count", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--only", type=int, metavar="INDEX", help="this one, shown whole")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="of these kinds only")
    parser.add_argument("--seconds", type=float, default=300, help="stop after so long (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="batches at a time (one per processor)")
    parser.add_argument("--fast-paths", choices=list(FAST_PATHS), default="default", help="of our streams")
    parser.add_argument(
        "--show", type=int, default=3, metavar="N", help="how many that differ are made small and shown (3)"
    )
    parser.add_argument("--record", action="store_true", help="keep the counts, if all was run, for the README")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the counts as JSON")
    return parser


class Comparison:
    """Both sides, and what is known of their differences."""

    def __init__(self, node: str, environment: dict[str, str], departures: list[Departure]) -> None:
        self.node = node
        self.environment = environment
        self.departures = departures

    def run(self, programs: Sequence[Program]) -> list[tuple[str, Difference | HostError | None]]:
        """For each program: "equal", the name of a departure, or "differs", and how."""
        outcomes: list[tuple[str, Difference | HostError | None]] = []
        both = zip(
            programs, run_on_node(programs, self.node), run_on_ours(programs, self.environment), strict=True
        )  # fmt: skip
        for program, node, ours in both:
            if isinstance(node, HostError) or isinstance(ours, HostError):
                outcomes.append(("differs", node if isinstance(node, HostError) else ours))  # type: ignore[arg-type]
                continue
            difference = first_difference(program, node, ours)
            if difference is None:
                outcomes.append(("equal", None))
                continue
            known = next((one for one in self.departures if one.covers(program, node, difference)), None)
            outcomes.append((known.name if known else "differs", difference))
        return outcomes

    def shrink(self, program: Program) -> Program:
        """Leave out statements, as long as it still differs."""
        while True:
            smaller = [program.without(statement[0]) for statement in program.statements()]
            outcomes = self.run(smaller)
            differing = [one for one, (name, _) in zip(smaller, outcomes, strict=True) if name == "differs"]
            if not differing:
                return program
            program = differing[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if importlib.util.find_spec("quickjs") is None:
            raise HostError("the engine is missing: pip install quickjs-ng")
        comparison = Comparison(find_node(), FAST_PATHS[options.fast_paths], load_departures())
    except (HostError, OSError, ValueError, TypeError) as error:
        print(f"conformance.order: {error}", file=sys.stderr)
        return 2
    indices = range(options.count) if options.only is None else [options.only]
    programs = [generate(options.seed, index, options.kind) for index in indices]
    counts, differing, late = _compare(comparison, programs, options.jobs, options.seconds)
    if options.only is not None:
        print(programs[0])
    for program, difference in differing[: options.show]:
        smaller = comparison.shrink(program) if isinstance(difference, Difference) else program
        (name, shown) = comparison.run([smaller])[0]
        print(f"\ndiffers: a {program.kind} program, --seed {options.seed} --only {program.index}")
        print(f"{smaller}\n{shown if name == 'differs' else difference}")
    print(f"\n{table(counts)}\nagainst node {version_of(comparison.node)}, seed {options.seed}")
    if late:
        print(f"conformance.order: {late} programs were not run within {options.seconds:g} s", file=sys.stderr)
    if options.json is not None:
        _write(options.json, counts, version_of(comparison.node), options.seed)
    if options.record:
        is_all = (options.only, options.kind, options.count, late) == (None, None, 2000, 0)
        if is_all:
            tables.record(part_of(counts, version_of(comparison.node), options.seed))
        else:
            print("conformance.order: not recorded, as not everything was run", file=sys.stderr)
    return 1 if differing or late else 0


def _compare(
    comparison: Comparison, programs: list[Program], jobs: int, seconds: float
) -> tuple[dict[str, Counter[str]], list[tuple[Program, Difference | HostError | None]], int]:
    """The outcomes by kind, the programs that differ, and how many were not run in time."""
    batches = [programs[start : start + _BATCH] for start in range(0, len(programs), _BATCH)]
    until = time.monotonic() + seconds
    counts: dict[str, Counter[str]] = {}
    differing: list[tuple[Program, Difference | HostError | None]] = []
    late = 0

    def run(batch: list[Program]) -> list[tuple[str, Difference | HostError | None]] | None:
        return comparison.run(batch) if time.monotonic() < until else None

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        for batch, outcomes in zip(batches, pool.map(run, batches), strict=True):
            if outcomes is None:
                late += len(batch)
                continue
            for program, (name, difference) in zip(batch, outcomes, strict=True):
                counts.setdefault(program.kind, Counter())[name] += 1
                if name == "differs":
                    differing.append((program, difference))
    return counts, differing, late


def table(counts: dict[str, Counter[str]]) -> str:
    """Programs, by kind and outcome."""
    rows = [f"{'':<12}{'programs':>9}{'equal':>8}{'as expected':>13}{'different':>11}"]
    total: Counter[str] = Counter()
    for kind in [*(kind for kind in KINDS if kind in counts), "all"]:
        count = total if kind == "all" else counts[kind]
        if kind != "all":
            total += count
        known = sum(count.values()) - count["equal"] - count["differs"]
        rows.append(f"{kind:<12}{sum(count.values()):>9}{count['equal']:>8}{known:>13}{count['differs']:>11}")
    names = sorted({name for count in counts.values() for name in count} - {"equal", "differs"})
    rows += [f"  {name}: {total[name]}" for name in names]
    return "\n".join(rows)


def part_of(counts: dict[str, Counter[str]], node: str, seed: str) -> Part:
    """For the table of results; what is compared only up to a known departure counts as not run."""
    rows = [
        Row(kind, one["equal"], one["differs"], sum(one.values()) - one["equal"] - one["differs"], sum(one.values()))
        for kind, one in sorted(counts.items())
    ]
    return Part("order", "Random programs, compared with Node.js", f"node {node}, seed {seed}", tuple(rows))


def _write(path: Path, counts: dict[str, Counter[str]], node: str, seed: str) -> None:
    data = {"node": node, "seed": seed, "kinds": {kind: dict(sorted(counts[kind].items())) for kind in sorted(counts)}}
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
