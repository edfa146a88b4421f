"""Coroutine functions made from others: in a module of its own, for a compiled coroutine is none of Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def taking_fewer_arguments(function: Callable[..., Any], given: int, accepted: int) -> Callable[..., Any]:
    """One that is called with so many arguments, of which the other one accepts fewer."""
    if (given, accepted) == (2, 1):

        async def first_of_two(first: Any, _: Any) -> Any:
            return await function(first)

        return first_of_two

    async def first_of_all(*arguments: Any) -> Any:
        return await function(*arguments[:accepted])

    return first_of_all
