"""Run web-platform-tests against our classes: `python -m conformance.wpt --wpt PATH`.

The status is 0 when everything went as expected, 1 when something did not, 2 when nothing could be run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import files
from .report import DENOMINATORS, EXPECTATIONS, Expectations, Report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.wpt", description=__doc__)
    parser.add_argument("--wpt", type=Path, required=True, help="a checkout of web-platform-tests")
    parser.add_argument("--filter", metavar="SUBSTRING", help="only files with this in their path")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all results as JSON")
    parser.add_argument("--junit", type=Path, metavar="OUT", help="write all results as JUnit XML")
    parser.add_argument("--expectations", type=Path, default=EXPECTATIONS, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=30, help="the time limit of a file (30)")
    parser.add_argument("--jobs", type=int, default=2, help="files at a time (2)")
    parser.add_argument("--stub", action="store_true", help="measure a stub whose every method raises instead")
    parser.add_argument("--update-denominators", action="store_true", help="note how many subtests each file has")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the files logged, too")
    options = parser.parse_args()

    if importlib.util.find_spec("quickjs") is None:
        print("conformance.wpt: the engine is missing: pip install quickjs-ng", file=sys.stderr)
        return 2
    try:
        expectations = Expectations.load(options.expectations)
        found = files.find(options.wpt, options.filter)
        denominators = json.loads(DENOMINATORS.read_text()) if DENOMINATORS.exists() else {}
    except (files.BadCheckoutError, OSError, ValueError, TypeError) as error:
        print(f"conformance.wpt: {error}", file=sys.stderr)
        return 2
    wpt = options.wpt.resolve()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda file: files.run(wpt, file, seconds=options.seconds, stub=options.stub), found))
    if options.update_denominators:
        denominators |= {result.file: len(result.subtests) for result in results if not result.error}
        DENOMINATORS.write_text(json.dumps(dict(sorted(denominators.items())), indent=1) + "\n")
    report = Report(results, expectations, denominators)
    if options.json is not None:
        report.write_json(options.json)
    if options.junit is not None:
        report.write_junit(options.junit)
    if options.verbose:
        for result in results:
            for line in [*result.log, *result.faults]:
                print(f"{result.file}: {line}")
    if not options.stub:
        for line in report.unexpected:
            print(f"unexpected: {line}")
    print(report.table())
    return 1 if report.unexpected and not options.stub else 0


if __name__ == "__main__":
    sys.exit(main())
