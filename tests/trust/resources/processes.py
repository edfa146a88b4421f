"""Processes that end with sockets open: quietly, and nothing of those stays."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import Final

from tests.support import ROOT
from tests.trust.table import Row

from .counting import count

#: Seconds that a process may take, and that its peers may have to wait for the end of their connection.
PATIENCE: Final = 15.0

_SCRIPT = """
import asyncio, os, sys, threading
import uvloop
from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPSocket

new_event_loop = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}[sys.argv[1]]
kept = []

async def main():
    with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
        server = TCPServerSocket("127.0.0.1")
        info = await server.opened
        outside = TCPSocket("127.0.0.1", int(sys.argv[2]))
        client = TCPSocket("127.0.0.1", info.local_port)
        datagrams = UDPSocket(local_address="127.0.0.1")
    await datagrams.opened
    outside_info = await outside.opened
    async for accepted in info.readable.values(prevent_cancel=True):
        kept.append(accepted)
        break
    kept.extend([server, client, datagrams, outside])
    kept.append(asyncio.ensure_future(read(outside_info)))
    await asyncio.sleep(0)
    print(info.local_port, flush=True)

async def read(info):
    with info.readable.get_reader() as reader:
        await reader.read()

async def fail():
    await main()
    raise KeyError("this is the end")

async def leave():
    await main()
    sys.exit(0)

async def for_ever():
    await main()
    ready.set()
    await asyncio.Event().wait()

def run(coroutine):
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(coroutine)

"""
_ENDS: Final = {
    "the loop ends": "run(main())",
    "and all is forgotten before": "run(main()); kept.clear()",
    "the loop is left": "loop = new_event_loop(); loop.run_until_complete(main()); sys.exit(0)",
    "the loop is closed": "loop = new_event_loop(); loop.run_until_complete(main()); loop.close()",
    "an error": "try: run(fail())\nexcept KeyError: pass",
    "sys.exit in a task": "run(leave())",
    "at once": "loop = new_event_loop(); loop.run_until_complete(main()); os._exit(0)",
    "a loop in another thread": (
        "ready = threading.Event()\nthreading.Thread(target=run, args=[for_ever()], daemon=True).start()\nready.wait()"
    ),
}
#: What a process may say: that nobody has closed what was open.
_WARNINGS: Final = ("ResourceWarning", "Task was destroyed but it is pending", "task: <Task pending")


def interpreters_ended() -> Row:
    """End interpreters in all the ways there are."""
    row = Row("interpreters")
    for loop in ("asyncio", "uvloop"):
        for name, end in _ENDS.items():
            count(row, f"{name}, {loop}", lambda: _ended(loop, end))  # noqa: B023
    return row


def _ended(loop: str, end: str) -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT + end, loop, str(listener.getsockname()[1])],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "packages"),
                "PYTHONWARNINGS": "default",
                "PYTHONASYNCIODEBUG": "",
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        with listener.accept()[0] as connection:
            connection.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                if connection.recv(1) != b"":
                    return "its connection has not ended"
    told = [line for line in done.stderr.splitlines() if line and not line.startswith(" ")]
    if done.returncode != 0 or not all(any(words in line for words in _WARNINGS) for line in told):
        return f"it ended with {done.returncode}, and said {done.stderr}"
    with socket.socket() as client:
        if client.connect_ex(("127.0.0.1", int(done.stdout))) == 0:
            return "its server is still there"
    return ""
