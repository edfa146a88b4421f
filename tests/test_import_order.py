"""Any module may be the first to be imported, in spite of the cycles inside a chapter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.support import ROOT, all_modules

Imports = dict[str, Future[subprocess.CompletedProcess[str]]]


def _import_in_a_fresh_interpreter(module: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {module}"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def imports() -> Iterator[Imports]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {module: pool.submit(_import_in_a_fresh_interpreter, module) for module in all_modules()}


@pytest.mark.parametrize("module", all_modules())
def test_module_may_be_imported_first(module: str, imports: Imports) -> None:
    done = imports[module].result()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
