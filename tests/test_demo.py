"""The demo, and what it says of what is wrong."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.demo.__main__ import report, run_one
from benchmarks.demo.scene import Row
from tests.support import ROOT


def _console() -> Console:
    return Console(file=io.StringIO(), highlight=False)


def _text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.timeout(90)
def test_the_demo_shows_that_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(2**20))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.demo", "--file", str(tmp_path / "file")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages"), "PYTHONASYNCIODEBUG": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    for scene in ("TCP client", "TCP server", "UDP, connected", "UDP, bound"):
        assert f"{scene}: ok" in done.stdout
    for scene in ("Multicast, IPv4", "Multicast, IPv6", "Multicast, one source"):
        assert f"{scene}: ok" in done.stdout or f"NOT SHOWN HERE: {scene}" in done.stdout
    assert done.stdout.endswith("all is well\n")


@pytest.mark.parametrize(
    ("hashes_agree", "held", "status"), [(True, True, 0), (False, True, 1), (True, False, 1), (False, False, 1)]
)
def test_what_is_wrong_makes_the_status(hashes_agree: bool, held: bool, status: int) -> None:
    console = _console()
    rows = [Row("one", "was done", hashes_agree=True, held=True)]
    rows.append(Row("another", "was done", hashes_agree=hashes_agree, held=held))
    assert report(rows, console) == status
    text = _text_of(console)
    assert ("all is well" in text) == (status == 0)
    assert ("WRONG: another" in text) == (status == 1)
    assert ("DO NOT AGREE" in text) == (not hashes_agree)
    assert ("DID NOT HOLD" in text) == (not held)


def test_what_a_machine_does_not_allow_is_said_and_not_wrong() -> None:
    console = _console()
    assert report([Row("one", "was done", skipped="no route")], console) == 0
    assert "NOT SHOWN HERE: one: no route" in _text_of(console)


async def test_a_scene_that_fails_is_wrong() -> None:
    async def fail() -> Row:
        await asyncio.sleep(0)
        raise OSError("the other end could not be started")

    row = await run_one(fail(), "a scene", _console())
    assert (row.scene, row.state) == ("a scene", "WRONG")
    assert "the other end could not be started" in row.done
