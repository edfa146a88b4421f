"""Reads in tasks that are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from whatwg_streams import ReadResult

Result = ReadResult[Any]


async def wait(promise: Awaitable[Result]) -> Result:
    return await promise


async def task_of(promise: Awaitable[Result]) -> asyncio.Task[Result]:
    """Return a task that awaits the promise by now."""
    task = asyncio.create_task(wait(promise))
    await asyncio.sleep(0)
    return task


async def cancel(*tasks: asyncio.Task[Result]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task


def bytes_of(result: Result) -> bytes:
    assert not result.done
    return bytes(result.value)
