"""Why promises are rejected: any object in JavaScript, and exceptions in Python."""

from __future__ import annotations

import asyncio
from types import FunctionType
from typing import Final, NoReturn

from .dom_exception import AbortError, NoReasonError, RejectionError

#: What asyncio raises where it runs a task. All else is only what the task has ended with.
RAISED_BY_TASKS: Final = (KeyboardInterrupt, SystemExit)

_MEANS_SOMETHING_TO_PYTHON = (StopIteration, StopAsyncIteration, GeneratorExit, asyncio.CancelledError)


class Throw(Exception):
    """How the steps of a reaction throw a reason, which may be any object."""

    def __init__(self, reason: object) -> None:
        super().__init__(reason)
        self.reason = reason


def wrapped(reason: object) -> RejectionError:
    return NoReasonError() if reason is None else RejectionError(reason)


#: Whether this is compiled: then no traceback holds a frame. To mypy, and to its compiler, this name is always true.
MYPY: Final = not isinstance(wrapped, FunctionType)


def raise_reason(reason: object) -> NoReturn:
    """Raise the reason; one that can not be raised, or that would mean something else, is wrapped."""
    if not isinstance(reason, BaseException):
        raise wrapped(reason)
    if isinstance(reason, _MEANS_SOMETHING_TO_PYTHON):
        carrier = RejectionError(reason)
        carrier.__cause__ = reason  # compiled, `from` would not set it
        raise carrier
    try:
        raise reason
    finally:
        del reason


def because_of(exception: Exception, reason: object) -> Exception:
    """The exception, whose cause is the reason that something failed with before, if that can be raised."""
    if isinstance(reason, BaseException):
        exception.__cause__ = reason
    return exception


def reason_of(exception: BaseException) -> object:
    """What a promise is rejected with, when a callback raised the exception.

    Raises:
        KeyboardInterrupt, SystemExit: the exception is one, which ends the program and is no reason.
    """
    if isinstance(exception, RAISED_BY_TASKS):
        raise exception
    if isinstance(exception, asyncio.CancelledError):
        return AbortError("a callback was cancelled")
    if isinstance(exception, (RejectionError, Throw)):
        return exception.reason  # it came from awaiting a promise, and goes on as what it was
    return exception


def cancellation() -> AbortError:
    """What a callback has failed with whose task was cancelled.

    asyncio.CancelledError as a reason would make whoever awaits it believe that he himself was cancelled.
    """
    return AbortError("the task of an asynchronous callback was cancelled")


def reason_of_a_task(exception: BaseException) -> object:
    """What a promise is rejected with, when the task of a callback has ended with the exception."""
    return cancellation() if isinstance(exception, asyncio.CancelledError) else reason_of(exception)
