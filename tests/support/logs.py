"""Functions that write into a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def appending(log: list[Any], what: object) -> Callable[[object], None]:
    return lambda _: log.append(what)
