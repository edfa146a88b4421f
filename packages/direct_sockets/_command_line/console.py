"""Standard error: messages, one a line, and on a terminal one line of progress below them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, TextIO, final

if TYPE_CHECKING:
    from collections.abc import Generator

    from whatwg_streams import TransformStreamDefaultController

#: How often progress is shown, in seconds.
INTERVAL: Final = 0.5

_ERASE_LINE = "\r\x1b[K"


@final
class Meter:
    """A transformer that passes chunks on, and counts them and their bytes."""

    def __init__(self) -> None:
        self.chunks = 0
        self.bytes = 0

    def transform(self, chunk: Any, controller: TransformStreamDefaultController) -> None:
        """Count a chunk, and pass it on."""
        self.count(len(chunk))
        controller.enqueue(chunk)

    def count(self, size: int) -> None:
        """Count a chunk of so many bytes."""
        self.chunks += 1
        self.bytes += size


@final
class Console:
    """Where messages go.

    Args:
        stream: standard error; None, if there is none.
        quiet: whether only errors are told.
        verbose: whether details are told.
        program: the name that errors begin with.
    """

    def __init__(self, stream: TextIO | None, *, program: str, quiet: bool = False, verbose: bool = False) -> None:
        self._stream = stream
        self._program = program
        self._quiet = quiet
        self._verbose = verbose
        self._is_terminal = stream is not None and stream.isatty()
        self._line_is_open = False  # whether the last line is one of progress, to be overwritten

    def error(self, message: object) -> None:
        """Tell of an error."""
        self._print(f"{self._program}: {_one_line(message)}")

    def note(self, message: str) -> None:
        """Tell what is worth knowing."""
        if not self._quiet:
            self._print(message)

    def detail(self, message: str) -> None:
        """Tell more than most want to know."""
        if self._verbose:
            self._print(message)

    def _print(self, line: str) -> None:
        erase = _ERASE_LINE if self._line_is_open else ""
        self._line_is_open = False
        self._write(f"{erase}{line}\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        with contextlib.suppress(OSError):  # of a standard error that is gone, nobody can be told
            self._stream.write(text)
            self._stream.flush()

    @contextlib.contextmanager
    def progress(self, sent: Meter, received: Meter) -> Generator[None]:
        """Show how much has been sent and received while the block runs, and in the end how fast."""
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        before = 0
        timer: asyncio.TimerHandle

        def show() -> None:
            nonlocal before, timer
            total = sent.bytes + received.bytes
            line = f"{_totals(sent, received)}, {_in_binary((total - before) / INTERVAL)}/s"
            before = total
            if self._is_terminal:
                self._line_is_open = True
                self._write(_ERASE_LINE + line)
            else:
                self._print(line)
            timer = loop.call_later(INTERVAL, show)

        timer = loop.call_later(INTERVAL, show)
        try:
            yield
        finally:
            timer.cancel()
            seconds = time.monotonic() - started
            rate = (sent.bytes + received.bytes) / seconds if seconds else 0
            self._print(f"{_totals(sent, received)} in {seconds:.1f} s, {_in_binary(rate)}/s")


def _totals(sent: Meter, received: Meter) -> str:
    return f"sent {_in_binary(sent.bytes)}, received {_in_binary(received.bytes)}"


def _in_binary(size: float) -> str:
    """A number of bytes for people: "1.5 MiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
