"""What the commands share: standard input and output as streams, and the console."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whatwg_streams import ReadableStream, WritableStream

from .console import Meter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator

    from .console import Console


class UsageError(Exception):
    """Something is wrong with the command line."""


@dataclass(frozen=True)
class Session:
    """One run of a command.

    Attributes:
        input: what comes from standard input.
        output: what goes to standard output.
        console: where messages go.
        input_is_a_terminal: whether somebody types it.
        sent: counts what has been sent.
        received: counts what has been received.
    """

    input: ReadableStream[bytes]
    output: WritableStream[Any]
    console: Console
    input_is_a_terminal: bool
    sent: Meter = field(default_factory=Meter)
    received: Meter = field(default_factory=Meter)

    async def output_is_written(self) -> None:
        """Wait until standard output has room again.

        A pipe to a stream that it is not to close tells nothing of a failure of the last writes.

        Raises:
            OSError: writing has failed.
        """
        with self.output.get_writer() as writer:
            await writer.ready


def options_of(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Those options that are arguments of a socket's class."""
    return {name: getattr(arguments, name) for name in names}


@contextlib.contextmanager
def its_type_errors_are_usage_errors() -> Generator[None]:
    """For the constructor of a socket, and what else has arguments of the command line."""
    try:
        yield
    except TypeError as error:
        raise UsageError(str(error)) from error
