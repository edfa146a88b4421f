"""Runs a contender in a fresh process, and finds those that are not Python's."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .rows import Contender, Row

HERE = Path(__file__).parent
CACHE = HERE.parent / ".bench"  # what is installed and built to measure with
DENO = "2.9.6"
MINUTE = 60


class Missing(Exception):
    """A contender that is not on this machine."""


@functools.cache
def node() -> str:
    found = shutil.which("node")
    if found is None:
        raise Missing("there is no node")
    return found


@functools.cache
def deno() -> str:
    """The path of a deno, which comes from npm."""
    found = CACHE / "node_modules" / ".bin" / "deno"
    if not found.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("there is no npm to install deno with")
        CACHE.mkdir(exist_ok=True)
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(CACHE), f"deno@{DENO}"]
        print(f"installing deno {DENO} into {CACHE.name}", file=sys.stderr)
        done = subprocess.run(install, check=False, capture_output=True, text=True)
        if done.returncode or not found.exists():
            raise Missing(f"npm could not install deno: {done.stderr.strip()[-200:]}")
    return str(found)


@functools.cache
def python_of(environment: str) -> str:
    """The Python of an environment beside the one that measures."""
    found = HERE.parent / environment / "bin" / "python"
    if not found.exists():
        raise Missing(f"there is no {environment}: use `make {environment}/.installed`")
    return str(found)


@functools.cache
def peer() -> str:
    """The path of the program at the other end of the sockets, which is built here."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("there is no cc to build the other end of the sockets with")
    CACHE.mkdir(exist_ok=True)
    built = CACHE / "peer"
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", built, HERE / "peer.c"], check=True)
    return str(built)


def command_of(contender: Contender, count: int) -> list[str]:
    arguments = [*contender.arguments, str(count)]
    if contender.runtime in {"python", "compiled", "3.13"}:
        python = sys.executable if contender.runtime == "python" else python_of(f".venv-{contender.runtime}")
        return [python, "-m", f"benchmarks.programs.{contender.program}", *arguments]
    program = str(HERE / "programs" / contender.program)
    if contender.runtime == "node":
        return [node(), "--expose-gc", program, *arguments]
    return [deno(), "run", "--allow-all", "--no-lock", "--no-config", "--v8-flags=--expose-gc", program, *arguments]


def measure(row: Row, contender: Contender, chunks: int) -> float:
    """The rate of a contender in one run, or its cost, in the row's unit.

    Raises:
        Missing: it is not on this machine.
        RuntimeError: it failed.
    """
    count = row.count or max(1, int(chunks * row.share * contender.count))
    result = run(command_of(contender, count), pinned=row.pinned, apart=row.apart)
    if row.cost:
        return float(result["bytes"]) / row.scale
    return float(result["count"]) / float(result[row.clock]) / row.scale


def run(command: list[str], *, pinned: bool = False, apart: bool = False) -> dict[str, Any]:
    """What a program says in its last line."""
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "", "NO_COLOR": "1", "BENCH_PEER": peer()}
    if pinned or apart:
        command = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0))), *command]
    if apart:
        environment["BENCH_PEER_CORE"] = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, cwd=HERE.parent, timeout=5 * MINUTE
    )
    if "ModuleNotFoundError" in done.stderr:
        raise Missing(f"{done.stderr.splitlines()[-1]}: use `make bench`")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with status {done.returncode}:\n{done.stderr}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def versions(rows: Iterable[Row]) -> dict[str, str | int]:
    """Of the runtimes that these rows need and that are found."""
    needed = {contender.runtime for row in rows for contender in row.contenders}
    found: dict[str, str | int] = {"CPython": sys.version.split()[0]}
    for name, path in (("Node", node), ("Deno", deno)):
        if name.lower() not in needed:
            continue
        try:
            said = subprocess.run([path(), "--version"], check=True, capture_output=True, text=True).stdout
        except Missing as missing:
            print(missing, file=sys.stderr)
        else:
            found[name] = said.split("\n", maxsplit=1)[0].removeprefix("deno").strip(" v").split()[0]
    return found
