"""Async sequences of Web IDL: https://webidl.spec.whatwg.org/#js-async-iterable

Rule: an iterator record knows how to ask its iterator; the two algorithms below know what to make of it.
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, final

from typing_extensions import override

from .promises import Promise, a_promise_rejected_with, a_promise_resolved_with, react
from .webidl import reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable


class _EndOfIteration:
    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "end of iteration"


#: https://webidl.spec.whatwg.org/#end-of-iteration
END_OF_ITERATION: Final = _EndOfIteration()


class IteratorRecord(Protocol):
    """https://tc39.es/ecma262/#sec-iterator-records"""

    def next(self) -> Any:
        """Ask for the next result, or a promise for it. What is raised counts as a rejection."""
        ...

    def complete(self, result: Any) -> Any:
        """The value of a result, or END_OF_ITERATION."""
        ...

    def return_(self, reason: object) -> Any:
        """Close the iterator; the result may be a promise. What is raised counts as a rejection."""
        ...


@final
class _AsyncIteratorRecord:
    """Of an asynchronous iterator: its steps run in tasks that share one context."""

    __slots__ = ("context", "iterator")

    def __init__(self, iterator: AsyncIterator[Any]) -> None:
        self.iterator = iterator
        self.context = contextvars.copy_context()

    def next(self) -> Promise[Any]:
        return a_promise_resolved_with(self._next(), self.context)

    async def _next(self) -> Any:
        try:
            return await self.iterator.__anext__()
        except StopAsyncIteration:
            return END_OF_ITERATION

    def complete(self, result: Any) -> Any:
        return result

    def return_(self, reason: object) -> Promise[Any] | None:
        del reason  # an iterator of Python can not be told
        aclose = getattr(self.iterator, "aclose", None)
        if aclose is None:
            return None
        return a_promise_resolved_with(cast("Awaitable[Any]", aclose()), self.context)


@final
class _SyncIteratorRecord:
    """Of an iterator; a promise, or another awaitable, that it gives is awaited."""

    __slots__ = ("iterator",)

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator

    def next(self) -> Any:
        return next(self.iterator, END_OF_ITERATION)

    def complete(self, result: Any) -> Any:
        return result

    def return_(self, reason: object) -> None:
        del reason  # an iterator of Python can not be told
        close = getattr(self.iterator, "close", None)
        if close is not None:
            close()


def open_an_async_sequence(value: object, what: str) -> IteratorRecord:
    """https://webidl.spec.whatwg.org/#async-sequence-open

    Raises:
        TypeError: it is not iterable.
    """
    if isinstance(value, AsyncIterable):
        return _AsyncIteratorRecord(aiter(value))
    if isinstance(value, Iterable):
        return _SyncIteratorRecord(iter(value))
    raise TypeError(f"{what}: expected an iterable or an asynchronous iterable, not {type(value).__name__}")


def get_the_next_value(iterator: IteratorRecord) -> Promise[Any]:
    """https://webidl.spec.whatwg.org/#async-iterator-next"""
    # 1. Ask the iterator.
    try:
        next_result = iterator.next()
    # 2. If that throws, it is a rejection.
    except Exception as exception:
        return a_promise_rejected_with(reason_of(exception))
    # 3. A promise for the result.
    next_promise: Promise[Any] = a_promise_resolved_with(next_result)
    # 4. Once it is there, take it apart.
    return react(next_promise, iterator.complete)


def close_an_async_iterator(iterator: IteratorRecord, reason: object) -> Promise[Any]:
    """https://webidl.spec.whatwg.org/#async-iterator-close"""
    # 1. Call its return method; a missing one returns undefined.
    try:
        return_result = iterator.return_(reason)
    # 2. If that throws, it is a rejection.
    except Exception as exception:
        return a_promise_rejected_with(reason_of(exception))
    # 3. A promise for the result.
    return_promise: Promise[Any] = a_promise_resolved_with(return_result)
    # 4. What it is does not matter.
    return react(return_promise, lambda _: None)
