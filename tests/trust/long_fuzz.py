"""Fuzzing for long, `make fuzz`: guided by what is covered, where atheris is installed; at random, where it is not.

python -m tests.trust.long_fuzz --seconds 60 policy headers
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Final

from tests.support import ROOT, LoopErrors

#: How many values at a time, at random.
_EXAMPLES: Final = 1000
#: Seconds after which one value has taken too long.
_PATIENCE: Final = 10

_GUIDED: Final = """
import importlib, sys
import atheris
module, name = sys.argv.pop(1), sys.argv.pop(1)
with atheris.instrument_imports(include=["direct_sockets", "whatwg_streams", "tests.trust.planted"]):
    property_of = importlib.import_module(module).property_of
from tests.trust.table import Row
atheris.Setup(sys.argv, property_of(name, Row(name), 100).hypothesis.fuzz_one_input)
atheris.Fuzz()
"""


@dataclass
class Guided:
    """What guided fuzzing came to.

    Attributes:
        runs: how many values were tried.
        covered_first: how many edges the first of them covered,
        covered: and all of them.
        kept: how many of them covered something new, and were kept to be changed further.
        found: what went wrong, in the words of the fuzzer; nothing, mostly.
    """

    runs: int = 0
    covered_first: int = 0
    covered: int = 0
    kept: int = 0
    found: str = ""

    def describe(self, name: str) -> str:
        return (
            f"{name}: {self.runs} runs, {self.covered_first} edges covered at first, {self.covered} in the end,"
            f" by {self.kept} inputs{self.found and chr(10)}{self.found}"
        )


def guided(name: str, seconds: float, module: str = "tests.trust.fuzz") -> Guided:
    """Fuzz one target of the module in a process of its own, as libFuzzer never returns."""
    limits = [f"-max_total_time={max(1, round(seconds))}", f"-timeout={_PATIENCE}", "-print_final_stats=1"]
    with tempfile.TemporaryDirectory() as folder:  # where it leaves what it found
        command = [sys.executable, "-c", _GUIDED, module, name, *limits, f"-artifact_prefix={folder}/"]
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    figures = Guided()
    for run, covered, kept in re.findall(r"^#(\d+)\s.*?cov: (\d+) .*?corp: (\d+)/", done.stdout, re.MULTILINE):
        figures.covered_first = figures.covered_first or int(covered)
        figures.runs, figures.covered, figures.kept = int(run), int(covered), int(kept)
    if executed := re.search(r"number_of_executed_units: (\d+)", done.stdout):
        figures.runs = int(executed[1])
    if done.returncode != 0:
        figures.found = done.stdout[done.stdout.find("===") :] or f"it ended with {done.returncode}"
    return figures


def with_atheris(name: str, seconds: float) -> bool:
    """Fuzz one target, guided, and tell what came of it."""
    figures = guided(name, seconds)
    sys.stdout.write(f"{figures.describe(name)}\n")
    sys.stdout.flush()
    return not figures.found


def at_random(name: str, seconds: float) -> bool:
    """Fuzz one target with values that are new each time."""
    from .fuzz import fuzz  # noqa: PLC0415  # what it imports is not needed where there is atheris
    from .table import Row  # noqa: PLC0415

    LoopErrors.current = LoopErrors()
    row = Row(name)
    end = time.monotonic() + seconds
    while row.is_clean and time.monotonic() < end:
        row.add(fuzz(name, _EXAMPLES, derandomize=False))
    sys.stdout.write(f"{row.describe()}\n")
    sys.stdout.flush()
    return row.is_clean


def main() -> int:
    from .fuzz import TARGETS  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz what parses or converts.")
    parser.add_argument("--seconds", type=float, default=30, help="for each target")
    parser.add_argument("--at-random", action="store_true", help="though there is atheris")
    parser.add_argument("words", nargs="*", help="only targets with all of these in their names")
    arguments = parser.parse_args()
    is_guided = importlib.util.find_spec("atheris") is not None and not arguments.at_random
    sys.stdout.write("guided by coverage\n" if is_guided else "at random\n")
    sys.stdout.flush()
    run = with_atheris if is_guided else at_random
    targets = [name for name in TARGETS if all(word in name for word in arguments.words)]
    clean = [run(name, arguments.seconds) for name in targets]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
