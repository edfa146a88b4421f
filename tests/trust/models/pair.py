"""A real stream and its model, to which the same is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tests.support.recording import outcome
from tests.support.sources import VirtualLoop
from whatwg_streams import Promise, ReadResult

from .base import TYPE_ERROR, Callbacks, Jobs, Later, Refused


class Raised(Exception):
    """What a callback raises."""


class NotRefusedError(AssertionError):
    """The real stream has let something be done to it that the standard refuses."""


class RealCallbacks:
    """The same as `base.Callbacks`, for the real stream: both are told the same answers."""

    def __init__(self, model: Callbacks) -> None:
        self.model = model
        self.calls: list[tuple[Any, ...]] = []
        self.held: list[tuple[Callable[..., None], Callable[..., None]]] = []

    def call(self, *call: Any) -> Promise[Any] | None:
        self.calls.append(call)
        if self.model.answer == "hold":
            promise, resolve, reject = Promise.with_resolvers()
            self.held.append((resolve, reject))
            return promise
        if self.model.answer == "raise":
            raise Raised
        return None


class Pair:
    """Operations are methods of one small number; each is done to both, and both are compared."""

    #: The names of the methods.
    operations: ClassVar[tuple[str, ...]]

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.jobs = Jobs()
        self.callbacks = Callbacks(self.jobs)
        self.real_callbacks = RealCallbacks(self.callbacks)
        self.promises: list[tuple[str, Promise[Any], Later]] = []
        self.settled_holds = 0
        self.log: list[tuple[str, int]] = []

    def do(self, operation: str, number: int) -> None:
        """Do it, let everything follow, and compare."""
        self.log.append((operation, number))
        getattr(self, operation)(number)
        self.compare()

    def both(self, real: Callable[[], Any], model: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Do both, which have to raise or not to raise alike."""
        try:
            expected = model()
        except Refused:
            try:
                real()
            except TypeError:
                return None
            raise NotRefusedError("it was not refused") from None
        return real(), expected

    def watch(self, name: str, real: Promise[Any], model: Later) -> None:
        """Compare the promises that both gave from now on."""
        self.promises.append((name, real, model))

    # What every pair can do

    def drain(self, _: int) -> None:
        """Let all microtasks run."""
        self.loop.drain()
        self.jobs.run()

    def answer(self, number: int) -> None:
        """Tell what callbacks answer from now on."""
        self.callbacks.answer = ("now", "hold", "hold", "raise")[number % 4]

    def settle(self, number: int) -> None:
        """Settle a promise that a callback gave: the one that has waited longest."""
        self.drain(0)
        if self.settled_holds < len(self.callbacks.held):
            resolve, reject = self.real_callbacks.held[self.settled_holds]
            held = self.callbacks.held[self.settled_holds]
            self.settled_holds += 1
            if number % 4 == 3:
                reject("held")
                held.reject("held")
            else:
                resolve()
                held.fulfill()

    # Comparing

    def compare(self) -> None:
        """Compare what can be seen of both."""
        self.same("calls", self.real_callbacks.calls, self.callbacks.calls)
        for name, promise, later in self.promises:
            self.same(name, seen(promise), (later.state, later.value))
        for name, real, model in self.observations():
            self.same(name, real, model)

    def same(self, name: str, real: object, model: object) -> None:
        assert real == model, f"{name}: {real!r} is not {model!r}, after {self.log}"

    def observations(self) -> list[tuple[str, object, object]]:
        """What else can be seen: a name, of the real one, of the model."""
        raise NotImplementedError


def seen(promise: Promise[Any]) -> tuple[str, object]:
    state, value = outcome(promise)
    return state, seen_value(value)


def seen_value(value: Any) -> object:
    """A result or a reason, as the models have it."""
    if isinstance(value, ReadResult):
        chunk = bytes(value.value) if isinstance(value.value, memoryview) else value.value
        return ("done" if value.done else "chunk", chunk)
    if isinstance(value, TypeError):
        return TYPE_ERROR
    if isinstance(value, Raised):
        return "raised"
    return value


def closed_of(real: Any, model: Any) -> tuple[object, object]:
    """The `closed` of a reader or writer, and that of its model."""
    return seen(real.closed), (model.closed.state, model.closed.value)
