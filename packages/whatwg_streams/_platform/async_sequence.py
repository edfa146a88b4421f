"""Async sequences of Web IDL: https://webidl.spec.whatwg.org/#js-async-iterable

Rule: an iterator record knows how to ask its iterator; the two algorithms below know what to make of it.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, cast, final

from typing_extensions import override

from .callback_functions import value_or_end
from .coroutine_runner import CoroutineRunner
from .promises import (
    Promise,
    a_promise_rejected_with,
    a_promise_resolved_with,
    a_promise_resolved_with_undefined,
    is_thenable,
    react,
    resolve,
)
from .reasons import Throw, reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .coroutine_runner import Receiver


class _EndOfIteration:
    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "end of iteration"


#: https://webidl.spec.whatwg.org/#end-of-iteration
END_OF_ITERATION: Final = _EndOfIteration()


#: What an iterator record answers when its iterator can not be closed.
NO_RETURN_METHOD: Final = object()


class IteratorRecord(Protocol):
    """https://tc39.es/ecma262/#sec-iterator-records"""

    def next(self) -> Any:
        """Ask for the next result, or a promise for it. What is raised counts as a rejection."""
        ...

    def complete(self, result: Any) -> Any:
        """The value of a result, or END_OF_ITERATION."""
        ...

    def return_(self, reason: object) -> Any:
        """Close the iterator; the result may be a promise. What is raised counts as a rejection.

        NO_RETURN_METHOD says that there is nothing to close it with.
        """
        ...

    def complete_return(self, result: Any) -> None:
        """Check what closing gave; what is raised counts as a rejection."""
        ...


_DONE: Final = a_promise_resolved_with_undefined()


@final
class AsyncIteratorRecord:
    """Of an asynchronous iterator: its steps run in tasks that share one context."""

    __slots__ = ("context", "iterator", "ongoing", "runner")

    def __init__(self, iterator: AsyncIterator[Any]) -> None:
        self.iterator = iterator
        self.ongoing: Promise[Any] | None = _DONE  # settled when it has answered; None until somebody waits for that
        self.context = contextvars.copy_context()
        self.runner = CoroutineRunner()

    def next(self) -> Promise[Any]:
        self.ongoing = a_promise_resolved_with(value_or_end(self.iterator, END_OF_ITERATION), self.context)
        return self.ongoing

    def ask(self, receiver: Receiver) -> None:
        """The same, for a fast path: the receiver is told, and has to call `has_answered`."""
        self.ongoing = None
        self.runner.run(value_or_end(self.iterator, END_OF_ITERATION), self.context, receiver)

    def has_answered(self) -> None:
        """The iterator, that was asked, has come to an end of it."""
        if self.ongoing is None:
            self.ongoing = _DONE
        else:
            resolve(self.ongoing)

    def complete(self, result: Any) -> Any:
        return result

    def return_(self, reason: object) -> Any:
        del reason  # an iterator of Python can not be told
        aclose = getattr(self.iterator, "aclose", None)
        if aclose is None:
            return NO_RETURN_METHOD

        def close(_: object) -> Promise[Any]:
            return a_promise_resolved_with(cast("Awaitable[Any]", aclose()), self.context)

        if self.ongoing is None:
            self.ongoing = Promise()
        return react(self.ongoing, close, close)  # an asynchronous generator can not be closed while it runs

    def complete_return(self, result: Any) -> None:
        """Whatever it is."""


@final
class _SyncIteratorRecord:
    """Of an iterator; a promise, or another awaitable, that it gives is awaited."""

    __slots__ = ("iterator",)

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator

    def next(self) -> Any:
        value = next(self.iterator, END_OF_ITERATION)
        if not is_thenable(value):
            return value
        return react(a_promise_resolved_with(value), None, self._close_and_throw)

    def _close_and_throw(self, reason: object) -> NoReturn:
        """https://tc39.es/ecma262/#sec-asyncfromsynciteratorcontinuation: an element that rejects is the last."""
        with contextlib.suppress(Exception):  # the standard discards it, too
            self.return_(None)
        raise Throw(reason)

    def complete(self, result: Any) -> Any:
        return result

    def return_(self, reason: object) -> Any:
        del reason  # an iterator of Python can not be told
        close = getattr(self.iterator, "close", None)
        return NO_RETURN_METHOD if close is None else close()

    def complete_return(self, result: Any) -> None:
        """Whatever it is."""


def open_an_async_sequence(value: Any, what: str) -> IteratorRecord:
    """https://webidl.spec.whatwg.org/#async-sequence-open

    Raises:
        TypeError: it is not iterable.
    """
    iterable = value
    if isinstance(value, str):
        raise TypeError(f"{what}: a str is no sequence of chunks; wrap it in a list, or in iter() for its characters")
    if isinstance(value, AsyncIterable):
        return AsyncIteratorRecord(aiter(iterable))
    if isinstance(value, Iterable):
        return _SyncIteratorRecord(iter(iterable))
    raise TypeError(f"{what}: expected an iterable or an asynchronous iterable, not {type(value).__name__}")


def get_the_next_value(iterator: IteratorRecord) -> Promise[Any]:
    """https://webidl.spec.whatwg.org/#async-iterator-next"""
    # 1. Ask the iterator.
    try:
        next_result = iterator.next()
    # 2. If that throws, it is a rejection.
    except BaseException as exception:
        return a_promise_rejected_with(reason_of(exception))
    # 3. A promise for the result.
    next_promise: Promise[Any] = a_promise_resolved_with(next_result)
    # 4. Once it is there, take it apart.
    return react(next_promise, iterator.complete)


def close_an_async_iterator(iterator: IteratorRecord, reason: object) -> Promise[Any]:
    """https://webidl.spec.whatwg.org/#async-iterator-close"""
    # 1. Call its return method.
    try:
        return_result = iterator.return_(reason)
    # 2. If that throws, it is a rejection.
    except BaseException as exception:
        return a_promise_rejected_with(reason_of(exception))
    # 3. Without such a method, there is nothing to do.
    if return_result is NO_RETURN_METHOD:
        return a_promise_resolved_with_undefined()
    # 4. A promise for the result.
    return_promise: Promise[Any] = a_promise_resolved_with(return_result)
    # 5. Once it is there, look at it.
    return react(return_promise, iterator.complete_return)
