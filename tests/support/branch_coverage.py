"""Fails when too few branches of either package were taken.

``coverage report`` counts lines and branches of everything together; this counts the branches
alone, and each package by itself. Reads what ``coverage json`` writes, on standard input.
"""

from __future__ import annotations

import json
import sys

from .modules import PACKAGES


def main(least: float) -> int:
    files = json.load(sys.stdin)["files"]
    enough = True
    for package in PACKAGES:
        summaries = [entry["summary"] for name, entry in files.items() if name.startswith(f"packages/{package}/")]
        taken = sum(summary["covered_branches"] for summary in summaries)
        branches = sum(summary["num_branches"] for summary in summaries)
        percent = 100 * taken / branches if branches else 100.0
        enough = enough and percent >= least
        sys.stdout.write(f"{package}: {taken} of {branches} branches taken, {percent:.2f} %\n")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
