"""Every ``python`` block of the README runs.

A block stands on its own. It may ``await`` at its top level, and finds in ``host`` and ``port`` the
address of a server on this machine that sends back whatever it gets.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import AsyncIterator

import pytest

from tests.support import ROOT, LoopFactory

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    pytest.param(found[1], README.count("\n", 0, found.start(1)), id=f"line {line}")
    for found in re.finditer(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in [README.count("\n", 0, found.start(1)) + 1]
]


@pytest.fixture
async def echo() -> AsyncIterator[tuple[str, int]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield host, port


def _run(source: str, lines_above: int, names: dict[str, object], loop_factory: LoopFactory) -> None:
    code = compile("\n" * lines_above + source, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, names)
    if inspect.iscoroutine(running):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(running)


@pytest.mark.asyncio(loop_factories=["asyncio"])  # the server's loop; the block's is loop_factory's
@pytest.mark.parametrize(("source", "lines_above"), BLOCKS)
async def test_block_runs(
    source: str,
    lines_above: int,
    echo: tuple[str, int],
    loop_factory: LoopFactory,
) -> None:
    host, port = echo
    names: dict[str, object] = {"__name__": "__main__", "host": host, "port": port}
    # In a thread: a block may make a loop of its own.
    await asyncio.to_thread(_run, source, lines_above, names, loop_factory)
