"""Fuzzing for long, `make fuzz`: guided by what is covered, where atheris is installed; at random, where it is not.

python -m tests.trust.long_fuzz --seconds 60 policy headers
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time

#: How many values at a time, at random.
_EXAMPLES = 1000


def with_atheris(name: str, seconds: float) -> bool:
    """Fuzz one target in a process of its own, as libFuzzer never returns."""
    command = [sys.executable, "-c", _GUIDED, name, f"-max_total_time={max(1, round(seconds))}", "-verbosity=0"]
    return subprocess.run(command, check=False).returncode == 0


_GUIDED = """
import sys
import atheris
with atheris.instrument_imports(include=["direct_sockets", "whatwg_streams"]):
    from tests.trust.fuzz import property_of
from tests.trust.table import Row
name = sys.argv.pop(1)
atheris.Setup(sys.argv, property_of(name, Row(name), 100).hypothesis.fuzz_one_input)
atheris.Fuzz()
"""


def at_random(name: str, seconds: float) -> bool:
    """Fuzz one target with values that are new each time."""
    from .fuzz import fuzz  # noqa: PLC0415  # not before atheris could look at its imports
    from .table import Row  # noqa: PLC0415

    row = Row(name)
    end = time.monotonic() + seconds
    while row.is_clean and time.monotonic() < end:
        row.add(fuzz(name, _EXAMPLES, derandomize=False))
    sys.stdout.write(f"{row.describe()}\n")
    return row.is_clean


def main() -> int:
    from .fuzz import TARGETS  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz what parses or converts.")
    parser.add_argument("--seconds", type=float, default=30, help="for each target")
    parser.add_argument("words", nargs="*", help="only targets with all of these in their names")
    arguments = parser.parse_args()
    guided = importlib.util.find_spec("atheris") is not None
    sys.stdout.write("guided by coverage\n" if guided else "at random: atheris is not installed\n")
    sys.stdout.flush()
    run = with_atheris if guided else at_random
    targets = [name for name in TARGETS if all(word in name for word in arguments.words)]
    clean = [run(name, arguments.seconds) for name in targets]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
