"""The spec index: `python -m conformance.spec check`, `report`, `where`, `what`, `extract`.

The status is 0 when all is well, 1 when something is not as the index says, 2 when nothing could be looked at.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import extract, lookup, report
from .check import check_all
from .model import HERE, ROOT, SpecError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.spec", description=__doc__)
    parser.add_argument("--packages", type=Path, default=ROOT / "packages", metavar="FOLDER", help="the sources")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("check", help="say what is missing, misnumbered, out of order or too much")
    command = commands.add_parser("report", help="say how many steps of each section are transcribed")
    command.add_argument("--chapters", action="store_true", help="of each chapter only")
    command = commands.add_parser("where", help="find something of a standard in the sources")
    command.add_argument("question", nargs="+", help='such as "TCPSocket constructor step 5.2" or "#rs-cancel"')
    command = commands.add_parser("what", help="say what of a standard a line is")
    command.add_argument("place", help="such as packages/whatwg_streams/_readable/stream.py:123")
    extract.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        if options.command == "extract":
            return extract.run_command(options, extract.extract, HERE)
        if not options.packages.is_dir():
            raise SpecError(f"{options.packages}: no such folder")
        return _look(options)
    except SpecError as error:
        print(f"conformance.spec: {error}", file=sys.stderr)
        return 2


def _look(options: argparse.Namespace) -> int:
    checks, findings = check_all(packages=options.packages.resolve())
    if options.command == "report":
        print("\n".join(report.table(checks, chapters=options.chapters)))
        return 0
    if options.command == "where":
        for place in lookup.where(checks, " ".join(options.question)):
            print(f"{_shown(place.path)}:{place.line}: {place}")
        return 0
    if options.command == "what":
        file, _, line = options.place.rpartition(":")
        if not file or not line.isdecimal():
            raise SpecError(f"{options.place}: a place is FILE:LINE")
        for place in lookup.what(checks, Path(file), int(line)):
            print(place)
        return 0
    for finding in findings:
        print(finding)
    steps = sum(len(one.places) for check in checks for one in check.transcriptions.values())
    entries = sum(len(check.index.entries) for check in checks)
    print(f"{entries} entries, {steps} steps transcribed, {len(findings)} findings")
    return 1 if findings else 0


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
