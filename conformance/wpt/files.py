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

#: Where `streams` and `dom/abort` are looked for when nothing is said.
FOLDERS = ("streams", "dom/abort")

#: Tests of things that are not in our standards: transferring streams between realms needs MessagePort.
NEEDS_WHAT_WE_HAVE_NOT = ("streams/transferable/",)


class BadCheckoutError(Exception):
    """The path is no checkout of web-platform-tests, or lacks what is needed of it."""


@dataclass
class Subtest:
    name: str
    status: str  # "PASS", "FAIL", "TIMEOUT", "NOTRUN", …
    message: str = ""


@dataclass
class FileResult:
    """What came of one file."""

    file: str  # relative to the checkout, with slashes
    subtests: list[Subtest] = field(default_factory=list)
    error: str = ""  # what befell the file as a whole
    log: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def find(wpt: Path, substring: str | None) -> list[str]:
    """The test files, relative to the checkout.

    Raises:
        BadCheckoutError: there are none, or testharness.js is missing.
    """
    if not wpt.is_dir():
        raise BadCheckoutError(f"{wpt}: no such folder")
    if not (wpt / "resources/testharness.js").is_file():
        raise BadCheckoutError(f"{wpt}: resources/testharness.js is missing (npm package wpt-runner 7 has one)")
    roots = [wpt / folder for folder in FOLDERS if (wpt / folder).is_dir()]
    if substring is not None and not any(substring.startswith(folder) for folder in FOLDERS):
        roots.append(wpt)
    found = {path.relative_to(wpt).as_posix() for root in roots for path in root.rglob("*.any.js")}
    if substring is None:
        found = {file for file in found if not file.startswith(NEEDS_WHAT_WE_HAVE_NOT)}
    else:
        found = {file for file in found if substring in file}
    if not found:
        raise BadCheckoutError(f"{wpt}: no test file {'in streams/' if substring is None else f'named *{substring}*'}")
    return sorted(found)


def run(wpt: Path, file: str, *, seconds: float, stub: bool) -> FileResult:
    """Run one file; whatever happens to its process is the result of that file alone."""
    command = [sys.executable, "-m", "conformance.wpt.process", str(wpt), str(wpt / file)]
    if stub:
        command.append("--stub")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=seconds, env=environment, check=False, encoding="utf-8"
        )
        output, errors, ended = done.stdout, done.stderr, f"the process ended with status {done.returncode}"
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout.decode() if isinstance(expired.stdout, bytes) else ""
        errors, ended = "", f"still running after {seconds:g} s"
    result = _parse(file, output, errors, ended)
    result.seconds = time.perf_counter() - started
    return result


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
