"""All of the conformance checks: `python -m conformance run`; and the tables of their results: `… table`.

`run` looks at the spec index, runs the tests of this folder, those of Web IDL among them, and ends in one table, in
which the parts that are run by themselves are as they were recorded last. The status is 0 when all is well, 1 when
something is not, 2 when nothing could be run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conformance.spec.model import ROOT, SpecError

from . import tables
from .parts import of_spec_index, of_tests
from .record import RESULTS, RecordError, in_order, load, write

if TYPE_CHECKING:
    from collections.abc import Sequence

_PASSED, _NOTHING_THERE = 0, 5  # statuses of pytest
_COULD_NOT_RUN: Final = frozenset({2, 3, 4})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("run", help="run everything that needs nothing from elsewhere")
    command.add_argument("--record", action="store_true", help="keep the results, and write the tables anew")
    command.add_argument("pytest", nargs="*", metavar="ARGUMENT", help="after --: for pytest; then nothing is recorded")
    command = commands.add_parser("table", help="write the tables of the READMEs anew, of what was recorded")
    command.add_argument("--check", action="store_true", help="write nothing; the status is 1 when they differ")
    options = parser.parse_args(arguments)
    try:
        if options.command == "table":
            return _table(check=options.check)
        return _run(options.pytest, record=options.record)
    except (RecordError, SpecError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2


def _run(arguments: Sequence[str], *, record: bool) -> int:
    if record and arguments:
        raise RecordError("only what was run whole is recorded: leave out the arguments for pytest")
    spec, findings = of_spec_index()
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder) / "tests.xml"
        # xunit1: the later format has no properties of a test.
        options = ["-o", "junit_family=xunit1", f"--junitxml={junit}"]
        command = [sys.executable, "-m", "pytest", "conformance", *options, *arguments]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status in _COULD_NOT_RUN and not junit.exists():
            raise RecordError(f"pytest could not run: its status is {status}")
        measured = [spec, *of_tests(junit)]
    if record:
        for part in measured:
            write(part)
        tables.renew()
    names = {part.name for part in measured}
    parts = in_order([*measured, *(part for part in load(RESULTS) if part.name not in names)])
    print(tables.text_of(parts))
    for finding in findings:
        print(finding, file=sys.stderr)
    return 0 if status in {_PASSED, _NOTHING_THERE} and not findings else 1


def _table(*, check: bool) -> int:
    if not check:
        for path in tables.renew():
            print(f"{path.relative_to(ROOT)} is written")
        return 0
    parts = load()
    texts = {path: path.read_text(encoding="utf-8") for path in tables.READMES}
    different = [path for path, text in texts.items() if tables.renewed(text, parts) != text]
    for path in different:
        print(f"{path.relative_to(ROOT)}: its tables are not what was recorded: make conformance-table")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
