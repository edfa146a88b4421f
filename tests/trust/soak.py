"""What takes longer than a test may: `make soak`, every night.

    PYTHONMALLOC=malloc python -m tests.trust.soak --steps 1000000 --seed 7

The models' steps are random and new each time; the seed that is printed brings them back. That memory returns to where
it was shows only with that allocator: `memory.py` says why.
"""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.support import LoopErrors

from .load import load
from .models import LIFE, PAIRS, random_lives

_LIVES_AT_A_TIME = 500


def models(steps: int, seed: int) -> bool:
    """Take so many steps with the models, and tell whether all was well."""
    clean = True
    lives = -(-steps // LIFE // len(PAIRS))
    for name in PAIRS:
        row = random_lives(name, range(0))
        for first in range(seed, seed + lives, _LIVES_AT_A_TIME):
            row.add(random_lives(name, range(first, min(first + _LIVES_AT_A_TIME, seed + lives))))
        sys.stdout.write(f"{row.describe()}\n")
        sys.stdout.flush()
        clean = clean and row.is_clean
    return clean


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description="Try for long.")
    parser.add_argument("--steps", type=int, default=1_000_000, help="steps of the models, in all")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="where the random ones begin")
    parser.add_argument("--connections", type=int, default=10_000, help="connections at a time")
    parser.add_argument("--minutes", type=float, default=2, help="how long they are used, in all")
    parser.add_argument("--cycles", type=int, default=3, help="how often they are all opened and closed")
    parser.add_argument("--only", choices=["models", "load"], help="one of both")
    arguments = parser.parse_args()
    sys.stdout.write(f"--seed {arguments.seed}\n")
    LoopErrors.current = LoopErrors()
    clean = arguments.only == "load" or models(arguments.steps, arguments.seed)
    if arguments.only != "models":
        row = load(arguments.connections, arguments.minutes, arguments.cycles)
        sys.stdout.write(f"{row.describe()}\n")
        clean = clean and row.is_clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
