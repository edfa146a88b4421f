"""Functions made from callback functions that take fewer arguments than they are called with; and from iterators.

In a module of its own: a compiled coroutine is none of Python's, and a compiled function has no attributes.
"""

from __future__ import annotations

import inspect
from types import AsyncGeneratorType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether a call of the function makes a coroutine."""
    code = getattr(function, "__code__", None)
    return inspect.iscoroutinefunction(function) if code is None else bool(code.co_flags & inspect.CO_COROUTINE)


def is_generator(result: object) -> bool:
    """Whether it is one whose body does not run unless somebody iterates; a coroutine that looks like one is none."""
    kind = type(result)
    return kind is AsyncGeneratorType or (kind is GeneratorType and not inspect.isawaitable(result))


def taking_fewer_arguments(function: Callable[..., Any], given: int, accepted: int) -> Callable[..., Any]:
    """One that is called with so many arguments, of which the other one accepts fewer."""
    is_coroutine = is_coroutine_function(function)
    if (given, accepted) == (2, 1):  # the common case, made short
        return MethodType(_coroutine_of_the_first if is_coroutine else of_the_first, function)
    if not is_coroutine:
        return lambda *arguments: function(*arguments[:accepted])

    async def of_the_first_ones(*arguments: Any) -> Any:
        return await function(*arguments[:accepted])

    return of_the_first_ones


def of_the_first(function: Callable[[Any], Any], first: object, _: object) -> Any:
    """Call the function with the first of two arguments; made a method of that function, it takes these two."""
    return function(first)


async def _coroutine_of_the_first(function: Callable[[Any], Any], first: object, _: object) -> Any:
    return await function(first)


def of_one_argument(function: Callable[[Any, Any], Any]) -> Callable[[Any], Any] | None:
    """What the function was made from, if that takes one argument: to call it directly is quicker."""
    method: Any = function
    if type(method) is MethodType and (method.__func__ is of_the_first or method.__func__ is _coroutine_of_the_first):
        return method.__self__  # type: ignore[return-value]
    return None


async def value_or_end(iterator: AsyncIterator[Any], end: object) -> Any:
    """The next value of the iterator, or what stands for its end."""
    try:
        return await anext(iterator)
    except StopAsyncIteration:
        return end
