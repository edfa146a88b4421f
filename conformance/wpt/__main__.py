"""Run web-platform-tests against our classes: `python -m conformance.wpt --wpt PATH`.

The status is 0 when everything went as expected, 1 when something did not, 2 when nothing could be run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import tables
from conformance.record import Part, RecordError, Row, commit_of

from . import files
from .report import DENOMINATORS, EXPECTATIONS, Expectations, Report

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.wpt", description=__doc__)
    parser.add_argument("--wpt", type=Path, required=True, help="a checkout of web-platform-tests, or a part of one")
    parser.add_argument("--filter", metavar="SUBSTRING", help="all files with this in their path, in any folder")
    parser.add_argument(
        "--resources", type=Path, metavar="FOLDER", help="has what a partial checkout lacks of /resources"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all results as JSON")
    parser.add_argument("--record", action="store_true", help="keep the results, if all was run, for the README")
    parser.add_argument("--wpt-commit", metavar="COMMIT", help="of the tests, when no git checkout tells it")
    parser.add_argument("--junit", type=Path, metavar="OUT", help="write all results as JUnit XML")
    parser.add_argument("--expectations", type=Path, default=EXPECTATIONS, metavar="FILE")
    parser.add_argument("--denominators", type=Path, default=DENOMINATORS, metavar="FILE")
    parser.add_argument("--update-denominators", action="store_true", help="note how many subtests each file has")
    parser.add_argument(
        "--seconds", type=float, default=30, help="the time limit of a file (30; six times that if long)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="files at a time (one per processor)")
    parser.add_argument("--no-stub", action="store_true", help="do not measure a stub whose every method raises, too")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the files logged, too")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if importlib.util.find_spec("quickjs") is None:
        return _cannot_run("the engine is missing: pip install quickjs-ng")
    try:
        expectations = Expectations.load(options.expectations)
        denominators = _load_denominators(options.denominators)
        checkout = files.find(options.wpt, options.filter, options.resources)
    except (files.BadCheckoutError, OSError, ValueError, TypeError) as error:
        return _cannot_run(error)
    for folder in checkout.missing:
        print(f"conformance.wpt: {options.wpt}: has no {folder}/, of which nothing is run", file=sys.stderr)

    tests = [test for test in checkout.files if not expectations.whole_file_is_excluded(test.name)]
    with ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        runs = [pool.submit(files.run, checkout, test, seconds=options.seconds) for test in tests]
        stub_runs = (
            []
            if options.no_stub
            else [pool.submit(files.run, checkout, test, seconds=options.seconds, stub=True) for test in tests]
        )
    results = [run.result() for run in runs]
    if options.update_denominators:
        denominators |= {result.file: len(result.subtests) for result in results if not result.error}
        options.denominators.write_text(json.dumps(dict(sorted(denominators.items())), indent=1) + "\n")
    stub = None if options.no_stub else [run.result() for run in stub_runs]
    report = Report(results, expectations, denominators, stub)
    if options.json is not None:
        report.write_json(options.json)
    if options.junit is not None:
        report.write_junit(options.junit)
    if options.record:
        try:
            _record(report, options)
        except (RecordError, OSError) as error:
            return _cannot_run(error)
    if options.verbose:
        for result in results:
            for line in [*result.log, *result.faults]:
                print(f"{result.file}: {line}")
    for line in report.unexpected:
        print(f"unexpected: {line}")
    print(report.table())
    return 1 if report.unexpected or files.FOLDERS[0] in checkout.missing else 0


def _record(report: Report, options: argparse.Namespace) -> None:
    if options.filter is not None or options.no_stub:
        print("conformance.wpt: not recorded, as not everything was run", file=sys.stderr)
        return
    commit = commit_of(options.wpt) or options.wpt_commit or "unknown"
    rows = tuple(
        Row(folder, score.passed, score.failed, score.not_run, score.total, score.stub)
        for folder, score in report.by_folder().items()
        if folder != "all"
    )
    tables.record(Part("wpt", "Official web-platform-tests", f"commit {commit}", rows))


def _load_denominators(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    denominators = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(denominators, dict):
        raise TypeError(f"{path}: expected an object, of the number of subtests by file")
    return denominators


def _cannot_run(why: object) -> int:
    print(f"conformance.wpt: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
