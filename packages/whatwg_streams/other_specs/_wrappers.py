"""What the algorithms that set up streams share."""

from __future__ import annotations

from math import inf
from types import MethodType
from typing import TYPE_CHECKING, Any

from .._platform.promises import (
    Promise,
    a_promise_rejected_with,
    a_promise_resolved_with,
    a_promise_resolved_with_undefined,
)
from .._platform.reasons import reason_of
from .._platform.webidl import DO_NOTHING, CallbackAlgorithm, WrapperAlgorithm

if TYPE_CHECKING:
    from collections.abc import Callable


def start_algorithm() -> None:
    return None


def wrapper(algorithm: Callable[..., Any] | None) -> Callable[..., Promise[Any]]:
    """The wrappers that the set-up algorithms put around the algorithms they are given."""
    # (A method of the algorithm is one object, a function that is made here would be three.)
    return DO_NOTHING if algorithm is None else MethodType(_wrapped, algorithm)


def _wrapped(algorithm: Callable[..., Any], *arguments: object) -> Promise[Any]:
    # .1. Run the algorithm, if there is one; what it throws is a rejection.
    try:
        result = algorithm(*arguments)
    except BaseException as e:
        return a_promise_rejected_with(reason_of(e))
    # .2. If the result is a promise, that is it.
    if isinstance(result, Promise):
        return result  # pyright: ignore[reportUnknownVariableType]
    # (In Python it may be a coroutine, or something else to await.)
    if result is not None:
        return a_promise_resolved_with(result)
    # .3. Otherwise it is done.
    return a_promise_resolved_with_undefined()


def pull_wrapper(
    algorithm: Callable[[], Any] | None, controller: object, enough: int | float = inf
) -> CallbackAlgorithm:
    """The same for a pull algorithm, in the form that fast paths know: a function of the controller.

    Args:
        algorithm: the algorithm, if there is one.
        controller: the controller.
        enough: of how much in the queue on it is not called.
    """
    if algorithm is None:
        return DO_NOTHING
    if enough == inf:
        return WrapperAlgorithm(of_the_controller(algorithm), controller)

    def pull(controller: Any) -> Any:
        return algorithm() if controller._queue_total_size < enough else None

    return WrapperAlgorithm(pull, controller)


def of_the_controller(algorithm: Callable[[], Any]) -> Callable[[object], Any]:
    """The algorithm, as a function of the controller."""
    return MethodType(_without_the_controller, algorithm)


def _without_the_controller(algorithm: Callable[[], Any], _: object) -> Any:
    return algorithm()
