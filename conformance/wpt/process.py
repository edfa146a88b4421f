"""One test file, run in a process of its own: `python -m conformance.wpt.process WPT FILE`.

It prints one line of JSON for each subtest as it ends, and one in the end with all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import quickjs  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .bindings import Bindings
from .engine import SHIM_FILES, Engine
from .meta import meta_of, path_of


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
        if self.completion is None and "stall" in self.engine.calls:
            self.engine.call("stall")
            self.engine.drain()


class Site:
    """The checkout, as a web server of it has it."""

    def __init__(self, wpt: Path, file: str, resources: Path | None) -> None:
        self.wpt = wpt
        self.folder = (wpt / file).parent
        self.resources = resources

    def path_of(self, url: str) -> Path:
        return path_of(self.wpt, self.folder, url, self.resources)

    def source_of(self, url: str) -> str:
        return self.path_of(url).read_text(encoding="utf-8", errors="replace")

    def fetch(self, url: str) -> str:
        """The bytes of a file, as hexadecimal digits after a plus sign; nothing where there is no such file."""
        path = self.path_of(json.loads(url)).resolve()
        roots = [self.wpt, *([self.resources] if self.resources else [])]
        if not any(path.is_relative_to(root.resolve()) for root in roots) or not path.is_file():
            return ""
        return "+" + path.read_bytes().hex()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wpt", type=Path)
    parser.add_argument("file", help="relative to the checkout")
    parser.add_argument("--variant", default="")
    parser.add_argument("--resources", type=Path)
    parser.add_argument("--stub", action="store_true")
    options = parser.parse_args()
    engine = Engine()
    bindings = Bindings(engine, stub=options.stub)
    run = Run(engine)
    site = Site(options.wpt, options.file, options.resources)
    engine.provide("fetch", site.fetch)
    engine.load_shim(*SHIM_FILES)
    error = ""
    script = "/resources/testharness.js"
    try:
        engine.call("setLocation", json.dumps(f"/{options.file}"), json.dumps(options.variant))
        engine.evaluate(site.source_of(script))
        engine.load_shim("report")
        engine.hide_shim()
        script = f"/{options.file}"
        source = site.source_of(script)
        meta = meta_of(source)
        engine.evaluate(f"globalThis.META_TITLE = {json.dumps(meta.title)}")
        for script in meta.scripts:
            engine.evaluate(site.source_of(script))
        script = options.file
        engine.evaluate(source)
    except (quickjs.JSException, OSError) as exception:
        error = f"{script}: {exception}".strip()
    run.to_the_end()
    if not error and not options.stub:
        error = "; ".join(bindings.rejections_that_nobody_handled())
    print(json.dumps({"completion": run.completion, "error": error, "log": engine.lines, "faults": engine.faults}))
    sys.stdout.flush()
    os._exit(0)  # nothing here needs to be taken apart


if __name__ == "__main__":
    main()
