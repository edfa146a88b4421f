"""One test file, run in a process of its own: `python -m conformance.wpt.process WPT FILE`.

It prints one line of JSON for each subtest as it ends, and one in the end with all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import quickjs  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .bindings import Bindings
from .engine import SHIM_FILES, Engine

_META = re.compile(r"^//\s*META:\s*(\w+)=(.*)$")


#: Paths that a web server of the tests knows by another name; and where wpt-runner has them.
_ALIASES = {"/resources/WebIDLParser.js": ("/resources/webidl2/lib/webidl2.js", "/resources/webidl2.js")}


def path_of(wpt: Path, folder: Path, url: str) -> Path:
    """The file behind a URL."""
    if not url.startswith("/"):
        return folder / url
    for candidate in (url, *_ALIASES.get(url, ())):
        path = wpt.joinpath(candidate[1:])
        if path.is_file():
            return path
    return wpt / url[1:]


def scripts_of(wpt: Path, file: Path) -> list[Path]:
    """The scripts that a test asks for, of the comments at its start."""
    scripts = []
    for line in file.read_text().splitlines():
        if not line.startswith("//"):
            break
        meta = _META.match(line)
        if meta is not None and meta[1] == "script":
            scripts.append(path_of(wpt, file.parent, meta[2].strip()))
    return scripts


class Run:
    """What a run finds out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.completion: dict[str, Any] | None = None
        engine.provide("result", self._result)
        engine.provide("complete", self._complete)

    def _result(self, row: str) -> None:
        print(json.dumps({"subtest": json.loads(row)}), flush=True)

    def _complete(self, completion: str) -> None:
        self.completion = json.loads(completion)

    def to_the_end(self) -> None:
        """Run jobs and timers until the tests are through; when nothing is left to run, they are stalled."""
        self.engine.drain()
        while self.completion is None and self.engine.run_next_timer():
            self.engine.drain()
        if self.completion is None:
            self.engine.call("stall")
            self.engine.drain()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wpt", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--stub", action="store_true")
    options = parser.parse_args()
    engine = Engine()
    Bindings(engine, stub=options.stub)
    run = Run(engine)

    def read_file(url: str) -> str:
        path = path_of(options.wpt, options.file.parent, json.loads(url)).resolve()
        if not path.is_relative_to(options.wpt.resolve()) or not path.is_file():
            return ""
        return json.dumps(path.read_text())

    engine.provide("readFile", read_file)
    engine.load_shim(*SHIM_FILES)
    error = ""
    script = options.wpt / "resources/testharness.js"
    try:
        engine.evaluate(script.read_text())
        engine.load_shim("report")
        engine.hide_shim()
        for script in [*scripts_of(options.wpt, options.file), options.file]:
            engine.evaluate(script.read_text())
    except (quickjs.JSException, OSError) as exception:
        error = f"{script}: {exception}"
    run.to_the_end()
    print(json.dumps({"completion": run.completion, "error": error, "log": engine.lines, "faults": engine.faults}))
    sys.stdout.flush()
    os._exit(0)  # nothing here needs to be taken apart


if __name__ == "__main__":
    main()
