"""Runs a program on asyncio's own loop or on uvloop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run(main: Coroutine[Any, Any, None], loop: str) -> None:
    """Run it on the loop of that name: "asyncio" or "uvloop"."""
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - only where it is asked for

        uvloop.run(main)
    else:
        asyncio.run(main)
