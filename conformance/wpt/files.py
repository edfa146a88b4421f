"""Which test files there are, and the running of each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .meta import meta_of, path_of

#: Where tests are looked for when nothing is said. A checkout has to have the first.
FOLDERS = ("streams", "dom/abort")

#: A test that says `META: timeout=long` may take so many times as long as another.
_LONG = 6


class BadCheckoutError(Exception):
    """The path is no checkout of web-platform-tests, or lacks what is needed of it."""


@dataclass(frozen=True)
class TestFile:
    """One file, in one of its variants."""

    path: str  # relative to the checkout, with slashes
    variant: str = ""  # what comes after it in the URL
    is_long: bool = False

    @property
    def name(self) -> str:
        return self.path + self.variant


@dataclass
class Subtest:
    name: str
    status: str  # "PASS", "FAIL", "TIMEOUT", "NOTRUN", …
    message: str = ""


@dataclass
class FileResult:
    """What came of one file."""

    file: str  # its path, and its variant
    subtests: list[Subtest] = field(default_factory=list)
    error: str = ""  # what befell the file as a whole
    log: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Checkout:
    """The tests that are to be run, and what is missing of what was asked for."""

    wpt: Path
    resources: Path | None
    files: list[TestFile]
    missing: list[str]


def find(wpt: Path, substring: str | None = None, resources: Path | None = None) -> Checkout:
    """Find the test files: those of `FOLDERS`, or those of the whole checkout with the substring in their path.

    Raises:
        BadCheckoutError: there are none, or testharness.js is missing.
    """
    if not wpt.is_dir():
        raise BadCheckoutError(f"{wpt}: no such folder")
    if resources is not None and not resources.is_dir():
        raise BadCheckoutError(f"{resources}: no such folder")
    wpt = wpt.resolve()
    if not path_of(wpt, wpt, "/resources/testharness.js", resources).is_file():
        raise BadCheckoutError(
            f"{wpt}: resources/testharness.js is missing; the npm package wpt-runner 7 has one in its folder "
            "testharness, which --resources may name"
        )
    if substring is None:
        missing = [folder for folder in FOLDERS if not (wpt / folder).is_dir()]
        found = {path for folder in FOLDERS for path in _tests_in(wpt, wpt / folder)}
    else:
        missing = []
        # Of a checkout with a hundred thousand files only the folder is walked that the substring names.
        root = wpt / substring if (wpt / substring).is_dir() else wpt
        found = {path for path in _tests_in(wpt, root) if substring in path}
    if not found:
        where = " or ".join(FOLDERS) if substring is None else f"with {substring!r} in its path"
        raise BadCheckoutError(f"{wpt}: no *.any.js in {where}" if substring is None else f"{wpt}: no *.any.js {where}")
    files = [test for path in sorted(found) for test in _variants(wpt, path)]
    return Checkout(wpt, None if resources is None else resources.resolve(), files, missing)


def _tests_in(wpt: Path, root: Path) -> set[str]:
    return {path.relative_to(wpt).as_posix() for path in root.rglob("*.any.js")}


def _variants(wpt: Path, path: str) -> list[TestFile]:
    try:
        meta = meta_of((wpt / path).read_text(encoding="utf-8", errors="replace"))
    except OSError:  # the run of the file will say so
        return [TestFile(path)]
    return [TestFile(path, variant, meta.is_long) for variant in meta.variants or [""]]


def run(checkout: Checkout, test: TestFile, *, seconds: float, stub: bool = False) -> FileResult:
    """Run one file; whatever happens to its process is the result of that file alone."""
    command = [sys.executable, "-m", "conformance.wpt.process", str(checkout.wpt), test.path]
    if test.variant:
        command += ["--variant", test.variant]
    if checkout.resources is not None:
        command += ["--resources", str(checkout.resources)]
    if stub:
        command.append("--stub")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    if test.is_long:
        seconds *= _LONG
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=seconds, env=environment, check=False, encoding="utf-8",
            errors="replace",
        )  # fmt: skip
        output, errors, ended = done.stdout, done.stderr, _how_it_ended(done.returncode)
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout.decode(errors="replace") if isinstance(expired.stdout, bytes) else ""
        errors, ended = "", f"still running after {seconds:g} s"
    result = _parse(test.name, output, errors, ended)
    result.seconds = time.perf_counter() - started
    return result


def _how_it_ended(status: int) -> str:
    return f"the process was killed by signal {-status}" if status < 0 else f"the process ended with status {status}"


def _parse(file: str, output: str, errors: str, ended: str) -> FileResult:
    result = FileResult(file)
    last: dict[str, Any] | None = None
    for line in output.splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # a process that was killed in the middle of a line
            continue
        if "subtest" in row:
            result.subtests.append(Subtest(**row["subtest"]))
        else:
            last = row
    if last is None:
        result.error = f"{ended}; {errors.strip()[-2000:]}".rstrip("; ")
        return result
    result.log, result.faults, result.error = last["log"], last["faults"], last["error"]
    completion = last["completion"]
    if completion is None:
        result.error = result.error or "stalled: nothing was left to run, and the tests were not through"
    else:
        result.subtests = [Subtest(**row) for row in completion["subtests"]]
        if completion["status"] and not result.error:
            result.error = f"harness status {completion['status']}: {completion['message']}"
    return result
