"""The descriptors that this process has open."""

from __future__ import annotations

import os
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")


def open_descriptors() -> set[tuple[str, str]]:
    """Return the number and target of each open descriptor, on systems that list them.

    Without /dev/null: uvloop opens it for itself when it first has a socket.
    """
    found = set[tuple[str, str]]()
    if _DESCRIPTORS.exists():
        for descriptor in _DESCRIPTORS.iterdir():
            try:
                found.add((descriptor.name, str(descriptor.readlink())))
            except FileNotFoundError:  # the one that listed the folder
                continue
    return {(number, target) for number, target in found if target != os.devnull}
