"""ECMAScript promises, and the verbs Web IDL has for them.

https://tc39.es/ecma262/#sec-promise-objects
https://webidl.spec.whatwg.org/#js-promise-manipulation

A promise is no `asyncio.Future`: cancelling one task that awaits it does it no harm, any object may be
the reason of its rejection, and its reactions run as microtasks, in the order in which they were added.

The reactions of a promise are kept in one list, whatever their kind:

- a function or two to call in a microtask (`upon`, `react`, `Promise.then`);
- an asyncio task to resume in a microtask (`await promise`);
- an observer, called then and there when the promise settles (`host.observe`).
"""

from __future__ import annotations

import contextvars
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, NoReturn, TypeAlias, TypeVar, final, overload

from typing_extensions import override

from . import event_loop, tasks
from .compiled import mypyc_attr
from .dom_exception import AbortError
from .event_loop import _this_thread
from .reactions import Reaction, Rejection, Several, Step, Upon
from .reasons import MYPY, Throw, raise_reason, reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


@mypyc_attr(allow_interpreted_subclasses=True)
class Promise(Generic[T_co]):
    """The eventual result of an operation; await it, or react to it with `then`.

    Any number of tasks may await a promise, before or after it settles. Cancelling a task that awaits
    it leaves the promise, and the operation behind it, as they are, unless the method that returned
    the promise says otherwise.

    A rejection that nobody reacted to is reported once, to the event loop's exception handler, when the
    promise is collected. It is no task: where one is needed, `asyncio.ensure_future(promise)` makes it.

    Args:
        executor: called at once with two functions, that resolve and reject the promise; what it
            raises rejects the promise.
    """

    __slots__ = (
        "__weakref__",
        "_already_resolved",
        "_promise_is_handled",
        "_promise_reactions",
        "_promise_result",
        "_promise_state",
    )

    _promise_state: str  # "pending", "fulfilled" or "rejected"
    _promise_result: Any  # the value or the reason
    _promise_reactions: Reaction | None  # one, or Several; a rejected promise has its Rejection here
    _promise_is_handled: bool
    _already_resolved: bool  # settled, or made to follow another promise

    def __init__(
        self, executor: Callable[[Callable[[Any], None], Callable[[object], None]], object] | None = None
    ) -> None:
        self._promise_state = "pending"
        self._promise_result = None
        self._promise_reactions = None
        self._promise_is_handled = False
        self._already_resolved = False
        if executor is not None:
            try:
                executor(partial(resolve, self), partial(reject, self))
            except BaseException as exception:
                reject(self, reason_of(exception))

    # Settling ------------------------------------------------------------------------------------

    def _fulfill(self, value: object) -> None:
        """https://tc39.es/ecma262/#sec-fulfillpromise"""
        reactions = self._promise_reactions
        self._already_resolved = True
        self._promise_result = value
        self._promise_state = "fulfilled"
        if reactions is not None:
            self._promise_reactions = None
            reactions.on_settled(self)

    def _reject(self, reason: object) -> None:
        """https://tc39.es/ecma262/#sec-rejectpromise"""
        reactions = self._promise_reactions
        self._already_resolved = True
        self._promise_result = reason
        self._promise_state = "rejected"
        self._promise_reactions = Rejection(reason, report=not self._promise_is_handled)
        if reactions is not None:
            reactions.on_settled(self)

    # Reacting ------------------------------------------------------------------------------------

    def _add_reaction(self, reaction: Reaction) -> None:
        """https://tc39.es/ecma262/#sec-performpromisethen"""
        self._promise_is_handled = True
        if self._promise_state != "pending":
            if isinstance(self._promise_reactions, Rejection):
                self._promise_reactions.report = False
            reaction.on_settled(self)
        elif self._promise_reactions is None:
            self._promise_reactions = reaction
        elif isinstance(self._promise_reactions, Several):
            self._promise_reactions.reactions.append(reaction)
        else:
            self._promise_reactions = Several([self._promise_reactions, reaction])

    def _replace_reaction(self, reaction: Reaction, by: Reaction) -> None:
        if self._promise_reactions is reaction:
            self._promise_reactions = by
        elif isinstance(self._promise_reactions, Several):
            reactions = self._promise_reactions.reactions
            reactions[reactions.index(reaction)] = by

    def _remove_reaction(self, reaction: Reaction) -> None:
        if self._promise_reactions is reaction:
            self._promise_reactions = None
        elif isinstance(self._promise_reactions, Several):
            self._promise_reactions.reactions.remove(reaction)

    @overload
    def then(self, on_fulfilled: None = None, on_rejected: None = None) -> Promise[T_co]: ...
    @overload
    def then(
        self, on_fulfilled: Callable[[T_co], Awaitable[U]], on_rejected: Callable[[Any], Awaitable[U]] | None = None
    ) -> Promise[U]: ...
    @overload
    def then(self, on_fulfilled: Callable[[T_co], U], on_rejected: Callable[[Any], U] | None = None) -> Promise[U]: ...
    @overload
    def then(self, on_fulfilled: None, on_rejected: Callable[[Any], Awaitable[U]]) -> Promise[T_co | U]: ...
    @overload
    def then(self, on_fulfilled: None, on_rejected: Callable[[Any], U]) -> Promise[T_co | U]: ...
    def then(
        self, on_fulfilled: Callable[[T_co], Any] | None = None, on_rejected: Callable[[Any], Any] | None = None
    ) -> Promise[Any]:
        """React to the promise: call one of the functions, in a microtask, once it has settled.

        Args:
            on_fulfilled: called with the value; without it, the value is passed on.
            on_rejected: called with the reason; without it, the rejection is passed on.

        Returns:
            A promise for what the function returns; rejected with what it raises. A promise, a
            coroutine or another awaitable that it returns is waited for.
        """
        derived: Promise[Any] = Promise()
        self._add_reaction(_Then(on_fulfilled, on_rejected, derived))
        return derived

    @overload
    def catch(self, on_rejected: Callable[[Any], Awaitable[U]]) -> Promise[T_co | U]: ...
    @overload
    def catch(self, on_rejected: Callable[[Any], U]) -> Promise[T_co | U]: ...
    def catch(self, on_rejected: Callable[[Any], Any]) -> Promise[Any]:
        """React to a rejection only: `then(None, on_rejected)`."""
        return self.then(None, on_rejected)

    def finally_(self, on_finally: Callable[[], object]) -> Promise[T_co]:
        """Call a function, without arguments, once the promise has settled either way.

        Returns:
            A promise that settles as this one does, after what the function returns was waited for; it
            is rejected instead, if the function raises or what it returns is rejected.
        """

        def then_finally(value: Any) -> Promise[Any]:
            return Promise.resolve(on_finally()).then(lambda _: value)

        def catch_finally(reason: object) -> Promise[Any]:
            def pass_on(_: object) -> NoReturn:
                raise Throw(reason)

            return Promise.resolve(on_finally()).then(pass_on)

        return self.then(then_finally, catch_finally)

    def __await__(self) -> Generator[Any, None, T_co]:
        if (
            self._promise_state == "fulfilled"
            and (hop := event_loop.hop(self, _this_thread.queue)) is not event_loop.PLAINLY
        ):
            if hop is not None:
                self._add_observer()
                yield hop
            return self._promise_result  # type: ignore[no-any-return]
        if self._promise_state == "pending":
            queue = event_loop.queue_to_wait_in()
            if queue is not None:
                self._add_reaction(queue)
                if not queue.run_inside_a_task(None, self) and (waiter := queue.go_on(self)):
                    yield waiter
            else:
                event_loop.adopt_waiting_microtasks()
                waiter = event_loop.Waiter(self)
                self._add_reaction(waiter)
                yield waiter
        elif event_loop.loop_deserves_a_turn():
            waiter = event_loop.Waiter(self, after_a_turn=True)
            self._add_reaction(waiter)
            yield waiter
        elif (hop := event_loop.catch_up(self)) is not None:
            yield hop
        # Otherwise the hop is left out: all that had come before it has run, and nothing could tell.
        if self._promise_state == "rejected":
            settled = [self]
            if not MYPY:
                del self  # the traceback will hold this frame: it must not lead back to the exception
            return take_result_of(settled)  # type: ignore[no-any-return]
        return self._promise_result  # type: ignore[no-any-return]

    def _add_observer(self) -> None:
        """Somebody waits for the promise, which has settled, without having added a reaction."""

    def _waiter_was_cancelled(self, waiter: event_loop.Waiter) -> None:
        """The task behind the waiter no longer waits."""
        self._remove_reaction(waiter)

    # The constructors that users of JavaScript know ------------------------------------------------

    @overload
    @staticmethod
    def resolve() -> Promise[None]: ...
    @overload
    @staticmethod
    def resolve(value: Awaitable[U]) -> Promise[U]: ...
    @overload
    @staticmethod
    def resolve(value: U) -> Promise[U]: ...
    @staticmethod
    def resolve(value: Any = None) -> Promise[Any]:
        """A promise resolved with the value; a promise is returned as it is.

        A coroutine or another awaitable is waited for.
        """
        if isinstance(value, Promise):
            return value  # pyright: ignore[reportUnknownVariableType]
        return a_promise_resolved_with(value)

    @staticmethod
    def reject(reason: object = None) -> Promise[Any]:
        """A promise rejected with the reason."""
        return a_promise_rejected_with(reason)

    @staticmethod
    def with_resolvers() -> PromiseWithResolvers[Any]:
        """A new promise, with the functions that resolve and reject it."""
        promise: Promise[Any] = Promise()
        return PromiseWithResolvers(promise, partial(resolve, promise), partial(reject, promise))

    @overload
    @staticmethod
    def all(values: Iterable[Awaitable[U]]) -> Promise[list[U]]: ...
    @overload
    @staticmethod
    def all(values: Iterable[U | Awaitable[U]]) -> Promise[list[U]]: ...
    @staticmethod
    def all(values: Iterable[Any]) -> Promise[list[Any]]:
        """A promise for the list of all values; rejected as soon as one of them is."""
        promise: Promise[list[Any]] = Promise()
        promises = [Promise.resolve(value) for value in values]
        if promises:
            wait_for_all(promises, lambda results: resolve(promise, results), lambda reason: reject(promise, reason))
        else:
            resolve(promise, [])
        return promise

    @override
    def __repr__(self) -> str:
        if self._promise_state == "pending":
            return f"<{type(self).__name__} pending>"
        return f"<{type(self).__name__} {self._promise_state} {self._promise_result!r}>"


class PromiseWithResolvers(NamedTuple, Generic[T]):
    """What `Promise.with_resolvers` returns."""

    promise: Promise[T]
    resolve: Callable[..., None]
    reject: Callable[..., None]


@mypyc_attr(allow_interpreted_subclasses=True)
class AbandonablePromise(Promise[T_co]):
    """A promise whose maker is told when nobody will see its result.

    That is so when all tasks that ever awaited it were cancelled, and nobody else reacts to it: while the
    promise is pending, or after it was fulfilled but before a task was resumed. `_abandoned` is called then.
    """

    __slots__ = ("_observers",)

    _observers: int

    def __init__(self) -> None:
        self._promise_state = "pending"
        self._promise_result = None
        self._promise_reactions = None
        self._promise_is_handled = False
        self._already_resolved = False
        self._observers = 0

    def _abandoned(self) -> None:
        """Nobody will see the result."""

    @override
    def _add_reaction(self, reaction: Reaction) -> None:
        self._observers += 1
        if self._promise_state == "pending" and self._promise_reactions is None:  # the common case, made short
            self._promise_is_handled = True
            self._promise_reactions = reaction
        else:
            super()._add_reaction(reaction)

    @override
    def _add_observer(self) -> None:
        self._observers += 1

    @override
    def _waiter_was_cancelled(self, waiter: event_loop.Waiter) -> None:
        super()._waiter_was_cancelled(waiter)
        self._observers -= 1
        if self._observers == 0 and self._promise_state != "rejected":
            self._abandoned()

    def _withdraw(self) -> None:
        """Reject, so that awaiting a promise whose operation was withdrawn neither hangs nor gives its result."""
        self._promise_is_handled = True
        self._reject(AbortError("the operation was withdrawn, as the task that awaited it was cancelled"))


#: What an algorithm returns if it will have the steps upon the fulfillment of its promise taken itself.
IT_WILL_TELL: Final[Promise[Any]] = Promise()


# Reactions ---------------------------------------------------------------------------------------


@final
class _Then:
    """Call a function in a microtask, and settle a promise as it ends.

    https://tc39.es/ecma262/#sec-newpromisereactionjob
    """

    __slots__ = ("derived", "on_fulfilled", "on_rejected")

    def __init__(
        self,
        on_fulfilled: Callable[[Any], object] | None,
        on_rejected: Callable[[Any], object] | None,
        derived: Promise[Any],
    ) -> None:
        self.on_fulfilled = on_fulfilled
        self.on_rejected = on_rejected
        self.derived = derived

    def on_settled(self, promise: Promise[Any]) -> None:
        event_loop.enqueue_microtask(self.job, promise)

    def job(self, promise: Promise[Any]) -> None:
        fulfilled = promise._promise_state == "fulfilled"
        handler = self.on_fulfilled if fulfilled else self.on_rejected
        if handler is None:
            settle = resolve if fulfilled else reject
            settle(self.derived, promise._promise_result)
            return
        try:
            result = handler(promise._promise_result)
        except Throw as completion:
            reject(self.derived, completion.reason)
        except BaseException as exception:
            reject(self.derived, reason_of(exception))
        else:
            resolve(self.derived, result)


# Resolving with anything -------------------------------------------------------------------------

#: How to react to an object that is no promise of ours: `host.register_thenable`.
_foreign_thenables: dict[type, Callable[[Any, Callable[[Any], object], Callable[[Any], object]], object]] = {}


_ThenableJob: TypeAlias = "tuple[Promise[Any], Any, contextvars.Context | None]"


def _thenable_job(job: _ThenableJob) -> None:
    """https://tc39.es/ecma262/#sec-newpromiseresolvethenablejob"""
    promise, thenable, context = job
    if isinstance(thenable, Promise):
        thenable._add_reaction(Upon(promise._fulfill, promise._reject))
        return
    foreign = _foreign_thenables.get(thenable.__class__)
    if foreign is not None:
        foreign(thenable, lambda value: _resolve_function(promise, value, None), promise._reject)
        return
    tasks.run_awaitable(thenable, lambda value: _resolve_function(promise, value, context), promise._reject, context)


def is_thenable(value: object) -> bool:
    return isinstance(value, Promise) or hasattr(type(value), "__await__") or type(value) in _foreign_thenables


def _resolve_function(promise: Promise[Any], resolution: object, context: contextvars.Context | None) -> None:
    """https://tc39.es/ecma262/#sec-promise-resolve-functions"""
    if resolution is promise:
        promise._reject(TypeError("a promise can not be resolved with itself"))
    elif resolution is None or not is_thenable(resolution):
        promise._fulfill(resolution)
    else:
        promise._already_resolved = True
        if context is None and not isinstance(resolution, Promise):
            context = contextvars.copy_context()
        job: _ThenableJob = (promise, resolution, context)  # pyright: ignore[reportUnknownVariableType]
        event_loop.enqueue_microtask(_thenable_job, job)


def take_result_of(settled: list[Any]) -> Any:
    """Take the one promise out of the list, and return its value, or raise its reason."""
    promise: Promise[Any] = settled.pop()
    if promise._promise_state == "fulfilled":
        return promise._promise_result
    mark_as_handled(promise)
    reason, rejection = promise._promise_result, promise._promise_reactions
    del promise  # the traceback will hold this frame: it must not lead back to the exception
    if isinstance(reason, BaseException) and isinstance(rejection, Rejection):
        # Every awaiter sees the traceback of the rejection, not those of the awaiters before it.
        reason = reason.with_traceback(rejection.traceback)
    try:
        raise_reason(reason)
    finally:
        del reason, rejection


# The verbs of Web IDL ------------------------------------------------------------------------------


def a_promise_resolved_with(value: U | Awaitable[U], context: contextvars.Context | None = None) -> Promise[U]:
    """https://webidl.spec.whatwg.org/#a-promise-resolved-with

    Always a new promise, even for a value that is one: `new Promise(r => r(x))` with its two more hops.
    A coroutine runs in a task of the given context, or else in a copy of the current one.
    """
    promise: Promise[U] = Promise()
    if value is None:  # the common case, made short
        promise._promise_state = "fulfilled"
        promise._already_resolved = True
    else:
        _resolve_function(promise, value, context)
    return promise


def a_promise_resolved_with_undefined() -> Promise[None]:
    """A promise resolved with undefined."""
    promise: Promise[None] = Promise()
    promise._promise_state = "fulfilled"
    promise._already_resolved = True
    return promise


def a_promise_rejected_with(reason: object) -> Promise[Any]:
    """https://webidl.spec.whatwg.org/#a-promise-rejected-with"""
    promise: Promise[Any] = Promise()
    promise._reject(reason)
    return promise


def resolve(promise: Promise[Any], value: object = None) -> None:
    """https://webidl.spec.whatwg.org/#resolve

    Does nothing, where the promise was resolved or rejected before.
    """
    if not promise._already_resolved:
        if value is None:  # the common case, made short
            promise._fulfill(None)
        else:
            _resolve_function(promise, value, None)


def fulfill(promise: Promise[Any], value: object) -> None:
    """Resolve with a value that is known to be neither a promise nor anything else to await."""
    if not promise._already_resolved:
        promise._fulfill(value)


def reject(promise: Promise[Any], reason: object = None) -> None:
    """https://webidl.spec.whatwg.org/#reject

    Does nothing, where the promise was resolved or rejected before.
    """
    if not promise._already_resolved:
        promise._reject(reason)


def upon(
    promise: Promise[T],
    on_fulfilled: Callable[[T], object] | None,
    on_rejected: Callable[[Any], object] | None,
) -> None:
    """https://webidl.spec.whatwg.org/#upon-fulfillment and https://webidl.spec.whatwg.org/#upon-rejection"""
    if promise._promise_state == "fulfilled" and type(promise) is Promise:  # the common case, made short
        promise._promise_is_handled = True
        if on_fulfilled is not None:
            event_loop.enqueue_microtask(on_fulfilled, promise._promise_result)
    else:
        promise._add_reaction(Upon(on_fulfilled, on_rejected))


def upon_fulfillment_take_a_step(promise: Promise[Any], steps: Callable[[Any], object]) -> None:
    """Upon fulfillment of the promise have a pipe take a step."""
    promise._add_reaction(Step(steps))


def react(
    promise: Promise[T],
    on_fulfilled: Callable[[T], object] | None,
    on_rejected: Callable[[Any], object] | None = None,
) -> Promise[Any]:
    """https://webidl.spec.whatwg.org/#dfn-perform-steps-once-promise-is-settled

    The result of reacting: a promise for what the steps return or throw.
    """
    return promise.then(on_fulfilled, on_rejected)


def mark_as_handled(promise: Promise[Any]) -> None:
    """https://webidl.spec.whatwg.org/#mark-a-promise-as-handled"""
    promise._promise_is_handled = True
    if isinstance(promise._promise_reactions, Rejection):
        promise._promise_reactions.report = False


def wait_for_all(
    promises: Iterable[Promise[Any]],
    success_steps: Callable[[list[Any]], object],
    failure_steps: Callable[[Any], object],
) -> None:
    """https://webidl.spec.whatwg.org/#wait-for-all"""
    promises = list(promises)
    results: list[Any] = [None] * len(promises)
    remaining = len(promises)
    rejected = False

    def rejection_handler(reason: object) -> None:
        nonlocal rejected
        if not rejected:
            rejected = True
            failure_steps(reason)

    def fulfillment_handler(index: int) -> Callable[[Any], None]:
        def handler(value: object) -> None:
            nonlocal remaining
            results[index] = value
            remaining -= 1
            if remaining == 0:
                success_steps(results)

        return handler

    if not promises:
        event_loop.enqueue_microtask(success_steps, results)
    for index, promise in enumerate(promises):
        upon(promise, fulfillment_handler(index), rejection_handler)


def get_a_promise_to_wait_for_all(promises: Iterable[Promise[Any]]) -> Promise[list[Any]]:
    """https://webidl.spec.whatwg.org/#waiting-for-all-promise"""
    promise: Promise[list[Any]] = Promise()
    wait_for_all(promises, lambda results: resolve(promise, results), lambda reason: reject(promise, reason))
    return promise
