"""The checks around every test fail the test that leaves something behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

TESTS = """
import asyncio
import socket

kept = []

async def test_leaves_nothing():
    with socket.socket():
        await asyncio.sleep(0)

async def test_leaves_a_descriptor():
    kept.append(socket.socket())

async def test_leaves_a_task():
    kept.append(asyncio.create_task(asyncio.Event().wait()))

def test_drives_a_loop_and_leaves_nothing(loop_factory):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.sleep(0))

def test_drives_a_loop_and_leaves_a_descriptor(loop_factory):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.sleep(0))
    kept.append(socket.socket())
"""


def test_what_is_left_behind_fails_the_test_that_left_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from conformance.conftest import *\nfrom conformance.conftest import (\n"
        "    _checks_on_the_loop, _nothing_left_behind,\n)\n",
        encoding="utf-8",
    )
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            ROOT / "pyproject.toml",
            "--rootdir",
            tmp_path,
            "-p",
            "no:cacheprovider",
            "-q",
            tmp_path,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "packages")))},
        capture_output=True,
        text=True,
        check=False,
    )
    bad = {line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")}
    assert bad == {
        f"{name}[{loop}]"
        for name in ("test_leaves_a_descriptor", "test_leaves_a_task", "test_drives_a_loop_and_leaves_a_descriptor")
        for loop in ("asyncio", "uvloop")
    }, done.stdout
    assert "the test left tasks behind" in done.stdout
    assert "the test left descriptors open, among" in done.stdout
    assert "10 passed" in done.stdout


NAMESPACES = "tests/direct_sockets/test_multicast_namespaces.py"


def test_tests_that_can_not_have_network_namespaces_say_so_loudly(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            "tests/direct_sockets/test_multicast_namespaces.py",
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},  # there is no `ip` in it
        capture_output=True,
        text=True,
        check=False,
    )
    assert " skipped in " in done.stdout
    assert "passed" not in done.stdout
    assert "MULTICAST IS NOT PROVED HERE: iproute2 is not installed" in done.stdout
    assert "!! MULTICAST BETWEEN HOSTS IS NOT PROVED HERE !!" in done.stdout
