"""The two that run a program: node, and our streams in a JavaScript engine. Each runs a batch in one process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .compare import Log
    from .generate import Program

HERE = Path(__file__).parent

#: How long a batch may take, in seconds; a program takes some milliseconds.
_TIME_LIMIT = 60


class HostError(Exception):
    """A host is missing, or broke."""


def find_node() -> str:
    """The path of node.

    Raises:
        HostError: it is not installed.
    """
    node = shutil.which("node")
    if node is None:
        raise HostError("node was not found: install Node.js 20 or later, whose streams ours are compared with")
    return node


def version_of(node: str) -> str:
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def run_on_node(programs: Sequence[Program], node: str) -> list[Log | HostError]:
    return _run([node, "--no-warnings", str(HERE / "node.js")], programs, {})


def run_on_ours(programs: Sequence[Program], environment: dict[str, str] | None = None) -> list[Log | HostError]:
    return _run([sys.executable, "-m", "conformance.order.ours"], programs, environment or {})


def _run(command: list[str], programs: Sequence[Program], more: dict[str, str]) -> list[Log | HostError]:
    """Run them one after the other. One that breaks its host is told so, and those after it run in another."""
    logs: list[Log | HostError] = []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)} | more
    while len(logs) < len(programs):
        source = "".join(f"{program.as_json()}\n" for program in programs[len(logs) :])
        try:
            done = subprocess.run(
                command, input=source, capture_output=True, text=True, timeout=_TIME_LIMIT, env=environment, check=False
            )
            output, why = done.stdout, f"ended with status {done.returncode}: {done.stderr.strip()[-1000:]}"
        except subprocess.TimeoutExpired as expired:
            output = expired.stdout.decode() if isinstance(expired.stdout, bytes) else ""
            why = f"still running after {_TIME_LIMIT} s"
        lines = [line for line in output.split("\n")[:-1] if line]
        logs += [json.loads(line) for line in lines]
        if len(logs) < len(programs):
            logs.append(HostError(f"{Path(command[0]).name} {why}"))
    return logs
