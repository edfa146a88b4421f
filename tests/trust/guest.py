"""A kernel that has netem, on a machine whose own has not: User-mode Linux, which is a program as any other.

The guest starts in seconds and needs no privileges. It has the files of this machine, which it cannot change, and no
network device but its own: it tries the rows that it is told, and ends. It takes the packages of Debian that are named
below, which are not installed by this.

    python -m tests.trust.guest ROW    what runs inside
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.support import ROOT

from .faults import has_netem
from .table import Row

_KERNEL: Final = "linux.uml"
_FIRST_PROCESS: Final = Path(__file__).with_suffix(".sh")
#: The programs that are used, and the packages that have them.
_PROGRAMS: Final = {_KERNEL: "user-mode-linux", "modprobe": "kmod", "ip": "iproute2", "tc": "iproute2"}
_MEMORY: Final = "mem=512M"
#: Seconds that one row may take; it takes a quarter of that.
_LIMIT: Final = 300


class NoGuestError(Exception):
    """There can be no guest on this machine, or it did not do what it was there for."""


def row_of_guest(name: str) -> Row:
    """Have a guest try the row.

    Raises:
        NoGuestError: that is not possible here.
    """
    *before, last = run_in_guest([sys.executable, "-m", "tests.trust.guest", name]).splitlines()
    sys.stdout.write("\n".join([*before, ""]))
    figures = json.loads(last)
    return Row(**{**figures, "counts": tuple(figures["counts"])})


def run_in_guest(command: Sequence[str], seconds: float = _LIMIT) -> str:
    """Boot a guest, run the command there, in the directory of the project, and return what it has printed.

    Raises:
        NoGuestError: that is not possible here, the command failed, or took too long.
    """
    if missing := missing_packages():
        raise NoGuestError(f"install {missing} for a kernel that has netem")
    with tempfile.TemporaryDirectory() as shared:
        script = f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(command)}\n"
        Path(shared, "script").write_text(script, encoding="utf-8")
        said = _boot(shared, seconds)
        status = Path(shared, "status")
        if not status.exists() or int(status.read_text(encoding="ascii")) != 0:
            errors = Path(shared, "errors")
            said += errors.read_text(encoding="utf-8") if errors.exists() else ""
            raise NoGuestError(f"the guest has not done {shlex.join(command)}:\n{said}")
        return Path(shared, "output").read_text(encoding="utf-8")


def missing_packages() -> str:
    """What has to be installed on this machine before it can have a guest."""
    return ", ".join(sorted({package for program, package in _PROGRAMS.items() if _path(program) is None}))


def _boot(shared: str, seconds: float) -> str:
    """Run a guest until it is switched off, and return what its console has shown."""
    files = ["rootfstype=hostfs", "rootflags=/", "ro"]
    console = ["quiet", "con=null", "con0=null,fd:1"]
    first_process = ["init=/bin/sh", "--", str(_FIRST_PROCESS), shared]  # a source distribution has no executable files
    arguments = [_MEMORY, *files, *console, f"uml_dir={shared}", *first_process]
    with subprocess.Popen(
        [_path(_KERNEL) or _KERNEL, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as guest:
        try:
            said, _ = guest.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise NoGuestError(f"the guest was not done after {seconds} seconds") from None
        finally:
            if guest.poll() is None:
                os.killpg(guest.pid, signal.SIGKILL)
        return said


def _path(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def main(name: str) -> None:
    """Try the row on this kernel, and say what came of it, as JSON."""
    from .checks import CHECKS  # noqa: PLC0415 - which have rows that are tried in a guest

    if not has_netem():
        raise NoGuestError("nor has the kernel of the guest netem")
    sys.stdout.write(f"{name}: in User-mode Linux {platform.release()}\n")
    sys.stdout.write(f"{json.dumps(asdict(CHECKS[name](name)))}\n")


if __name__ == "__main__":
    main(sys.argv[1])
