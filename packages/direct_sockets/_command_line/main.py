"""The event loop, the policy, and the exit status that errors become."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from whatwg_streams import NetworkError, NotAllowedError

from .._permissions import PermissionsPolicy
from . import arguments as statuses
from .arguments import parse
from .console import Console
from .session import Session, UsageError
from .standard_streams import Input, Output, input_stream, output_stream

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

_PROGRAM = "direct_sockets"


@dataclass(frozen=True)
class StandardDescriptors:
    """Standard input, output and error of a process; None, where it has been started without one.

    Attributes:
        input: a descriptor to read from.
        output: a descriptor to write to.
        error: a text stream for messages.
        input_is_a_terminal: whether somebody types what is read.
        output_is_a_terminal: whether somebody looks at what is written.
    """

    input: int | None
    output: int | None
    error: TextIO | None
    input_is_a_terminal: bool = False
    output_is_a_terminal: bool = False

    @staticmethod
    def of_this_process() -> StandardDescriptors:
        """Those of `sys`, which knows which there are."""
        return StandardDescriptors(
            None if sys.stdin is None else sys.stdin.fileno(),
            None if sys.stdout is None else sys.stdout.fileno(),
            sys.stderr,
            sys.stdin is not None and sys.stdin.isatty(),
            sys.stdout is not None and sys.stdout.isatty(),
        )


def main(
    arguments: Sequence[str] | None = None,
    standard: StandardDescriptors | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run a command.

    Args:
        arguments: the command line; that of this process without it.
        standard: standard input, output and error; those of this process without it.
        loop_factory: what makes the event loop; without it, what the command line says.

    Returns:
        The exit status.

    Raises:
        SystemExit: help was asked for, and has been printed.
    """
    standard = standard or StandardDescriptors.of_this_process()
    console = Console(standard.error, program=_PROGRAM)
    try:
        parsed = parse(arguments)
        console = Console(standard.error, program=_PROGRAM, quiet=parsed.quiet, verbose=parsed.verbose)
        with _policy_of(parsed), asyncio.Runner(loop_factory=loop_factory or _loop_factory_of(parsed)) as runner:
            runner.run(_run(parsed, standard, console))
    except (UsageError, OSError) as error:
        status = status_of(error)
        if status != statuses.BROKEN_PIPE:  # whoever closed the pipe knows
            console.error(getattr(error, "strerror", None) or error)
        return status
    except KeyboardInterrupt:
        return statuses.INTERRUPTED
    return statuses.FINE


def status_of(error: UsageError | OSError) -> int:
    """The exit status for an error."""
    match error:
        case UsageError():
            return statuses.USAGE
        case NotAllowedError():
            return statuses.NOT_ALLOWED
        case NetworkError():
            return statuses.NETWORK
        case BrokenPipeError():
            return statuses.BROKEN_PIPE
        case _:
            return statuses.STANDARD_STREAMS


def _policy_of(parsed: argparse.Namespace) -> contextlib.AbstractContextManager[object]:
    if parsed.policy is None:
        return contextlib.nullcontext()
    try:
        return PermissionsPolicy(parsed.policy)
    except ValueError as error:
        raise UsageError(f"--policy: {error}") from error


def _loop_factory_of(parsed: argparse.Namespace) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if parsed.loop == "asyncio":
        return None
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError as error:
        raise UsageError("--loop uvloop: uvloop is not installed") from error
    return factory


async def _run(parsed: argparse.Namespace, standard: StandardDescriptors, console: Console) -> None:
    source, sink = Input(standard.input), Output(standard.output)
    session = Session(input_stream(source), output_stream(sink), console, standard.input_is_a_terminal)
    # As curl does it: data and progress on one terminal would be a mess.
    is_seen = standard.error is not None and standard.error.isatty() and not standard.output_is_a_terminal
    shows_progress = parsed.progress or (is_seen and not parsed.quiet)
    progress = console.progress(session.sent, session.received) if shows_progress else contextlib.nullcontext()
    try:
        with progress:
            await parsed.run(parsed, session)
            await session.output_is_written()
    finally:
        source.stop()
        sink.stop()
