"""How a pipe that moves its chunks in a task awaits the coroutines of callbacks there: see `fast_pipe_in_a_task`."""

from __future__ import annotations

import types
from functools import partial
from typing import TYPE_CHECKING, Any

from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.reasons import reason_of, reason_of_a_task
from .._platform.webidl import return_undefined

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Callable, Coroutine, Generator


@types.coroutine
def driven(
    coroutine: Coroutine[Any, Any, Any],
    run: Callable[..., Any],
    suspended: Callable[[], None],
    closed: Callable[[], None],
) -> Generator[Any, Any, Any]:
    """Await the coroutine.

    Args:
        coroutine: what to await.
        run: what its steps are called by.
        suspended: called when it is suspended, before the event loop knows.
        closed: called when it is to be closed, before it knows.
    """
    step = partial(run, coroutine.send, None)
    while True:
        try:
            waits_for = step()
        except StopIteration as end:
            return end.value
        suspended()
        try:
            sent = yield waits_for
        except GeneratorExit:
            closed()
            run(coroutine.close)
            raise
        except BaseException as exception:
            step = partial(run, coroutine.throw, exception)
        else:
            step = partial(run, coroutine.send, sent)


def in_context(context: contextvars.Context, coroutine: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
    """The coroutine, to be awaited in another context than that of the task."""
    return driven(coroutine, context.run, return_undefined, return_undefined)


def failure(exception: BaseException, *, of_a_coroutine: bool) -> Promise[Any]:
    """The rejection for what a callback has raised.

    Raises:
        KeyboardInterrupt, SystemExit: the exception is one.
    """
    return a_promise_rejected_with(reason_of_a_task(exception) if of_a_coroutine else reason_of(exception))
