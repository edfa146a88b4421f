"""Every ``python`` and ``console`` block of the README runs.

A block stands on its own. It finds in ``host`` and ``port`` the address of a server on this machine that sends back
whatever it gets. One of Python may ``await`` at its top level. In one of a console, lines that begin with ``$`` are
commands of one shell; those after them are what it prints, on standard output or error, where "..." is anything.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, LoopFactory
from tests.support.command_line import environment

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[Any]:
    return [
        pytest.param(found[1], README.count("\n", 0, found.start(1)), id=f"line {line}")
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
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
@pytest.mark.parametrize(("source", "lines_above"), _blocks("python"))
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


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("session", "lines_above"), _blocks("console"))
async def test_console_session_runs(session: str, lines_above: int, echo: tuple[str, int], tmp_path: Path) -> None:
    host, port = echo
    script = "exec 2>&1\n" + "".join(f"{line[2:]}\n" for line in session.splitlines() if line.startswith("$ "))
    expected = [line for line in session.splitlines() if not line.startswith("$ ")]
    shell = await asyncio.create_subprocess_exec(
        "bash", "-eu", "-c", script,
        cwd=tmp_path,
        env={
            **environment(policy=None),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "host": host,
            "port": str(port),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await shell.communicate()
    pattern = "".join(re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in expected)
    assert re.fullmatch(pattern, output.decode()), output.decode()
    assert shell.returncode == 0
