"""Messages and progress on standard error."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import pytest
from typing_extensions import override

from direct_sockets._command_line import console as module
from direct_sockets._command_line.console import Console, Meter
from tests.support.command_line import Terminal
from whatwg_streams import ReadableStream, TransformStream


def test_errors_are_one_line_each() -> None:
    stream = io.StringIO()
    Console(stream, program="it").error(ValueError("something\n  is wrong"))
    assert stream.getvalue() == "it: something is wrong\n"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["it: error", "note"]),
        ({"quiet": True}, ["it: error"]),
        ({"verbose": True}, ["it: error", "note", "detail"]),
    ],
)
def test_how_much_is_told(options: dict[str, bool], lines: list[str]) -> None:
    stream = io.StringIO()
    console = Console(stream, program="it", **options)
    console.error("error")
    console.note("note")
    console.detail("detail")
    assert stream.getvalue().splitlines() == lines


def test_without_a_standard_error_nothing_is_told() -> None:
    Console(None, program="it").error("lost")


def test_a_standard_error_that_is_gone_is_no_failure() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Console(Gone(), program="it").error("lost")


async def test_a_meter_passes_chunks_on_and_counts_them() -> None:
    meter = Meter()
    transform: TransformStream[Any, Any] = TransformStream(meter)
    chunks = [chunk async for chunk in ReadableStream.from_([b"abc", b"", b"de"]).pipe_through(transform)]
    assert chunks == [b"abc", b"", b"de"]
    assert (meter.chunks, meter.bytes) == (3, 5)


class _Told(io.StringIO):
    """Tells when something is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.has_been_written_to = asyncio.Event()

    @override
    def write(self, text: str) -> int:
        self.has_been_written_to.set()
        return super().write(text)


class _ToldTerminal(_Told, Terminal):
    pass


async def _shown(stream: Any, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Show progress of a transfer that pauses until it has been shown once."""
    monkeypatch.setattr(module, "INTERVAL", 0.001)
    console = Console(stream, program="it")
    sent, received = Meter(), Meter()
    sent.count(3 * 2**20)
    received.count(10)
    with console.progress(sent, received):
        await stream.has_been_written_to.wait()
        console.note("a note")
    return console


async def test_progress_on_a_terminal_is_one_line_that_is_written_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await _shown(stream := _ToldTerminal(), monkeypatch)
    first, note, last = stream.getvalue().split("\n")[0:3]
    assert first.startswith("\r\x1b[Ksent 3.0 MiB, received 10 B, ")
    assert first.endswith("\r\x1b[Ka note")  # the line has been erased for the message
    assert re.match(r"sent 3\.0 MiB, received 10 B in \d+\.\d s, ", note)
    assert last == ""


async def test_progress_elsewhere_is_a_line_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    await _shown(stream := _Told(), monkeypatch)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("sent 3.0 MiB, received 10 B, ")
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 2**20, "1.5 GiB"), (2**50, "1024.0 TiB")],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert module._in_binary(size) == text
