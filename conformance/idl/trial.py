"""One value at one place: what Web IDL expects of it, and what the packages do."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.support import settle
from whatwg_streams import Promise

from .conversions import MISSING, RefusedError
from .model import python_name
from .values import Sample, samples

if TYPE_CHECKING:
    from .conversions import Conversions
    from .model import Definitions, Place

#: Calls something with the value of a trial, and gives what it was converted to.
Observe: TypeAlias = "Callable[[Trial], Awaitable[object]]"

#: What the algorithm makes of the converted value. It may raise RefusedError.
Algorithm: TypeAlias = Callable[[Any], object]

ACCEPTED = "accepted"


@dataclass(frozen=True)
class Observer:
    """How to see from outside what the packages made of a value."""

    observe: Observe
    algorithm: Algorithm


_observers: dict[str, Observer] = {}


def observes(*names: str, algorithm: Algorithm = lambda converted: converted) -> Callable[[Observe], Observe]:
    """The function observes these places."""

    def register(observe: Observe) -> Observe:
        for name in names:
            assert name not in _observers, f"two observers of {name}"
            _observers[name] = Observer(observe, algorithm)
        return observe

    return register


def observer_of(place: Place) -> Observer:
    return _observers[place.name]


def known_observers() -> set[str]:
    return set(_observers)


class WrongError(Exception):
    """The packages did something that Web IDL does not allow."""


@dataclass
class Outcome:
    """What came of a trial."""

    case: str
    problem: str  # "" when all is well


@dataclass
class Trial:
    """A value at a place. An observer calls the packages with it, by `call`."""

    place: Place
    value: Any
    returns_promise: bool
    as_object: bool  # whether dictionaries are given as objects, rather than as mappings
    is_options: bool  # whether the members of the argument are keyword arguments
    refused: type[BaseException] | None = None  # with what it is expected to be refused
    called: bool = field(default=False)

    async def call(self, function: Callable[..., Any], *before: object, **others: Any) -> Any:
        """Call a function with the value in its place, among others in theirs.

        Of one that returns a promise, the promise; but if the value is to be refused, it is waited for.
        """
        arguments = dict(others)
        place = self.place
        name = python_name(place.argument.name)
        if place.member is None or self.is_options:
            name = name if place.member is None else python_name(place.member.name)
            if self.value is not MISSING:
                arguments[name] = self.value
        else:
            arguments[name] = self.dictionary(**arguments.get(name, {}))
        self.called = True
        try:
            result = function(*before, **arguments)
        except Exception as error:
            if self.returns_promise and self._is_given(place):
                raise WrongError(f"it raises {error!r} instead of returning a promise that is rejected") from error
            raise
        if not self.returns_promise:
            return result
        if not isinstance(result, Promise):
            raise WrongError(f"it returns {result!r} instead of a promise")
        if self.refused is not None:
            await settled(result)
        return result

    def dictionary(self, **others: Any) -> Any:
        """The dictionary that has the value as a member, among others."""
        assert self.place.member is not None
        members = dict(others)
        if self.value is not MISSING:
            members[python_name(self.place.member.name)] = self.value
        return SimpleNamespace(**members) if self.as_object else members

    def _is_given(self, place: Place) -> bool:
        """Whether Python itself does not refuse the call, for want of an argument."""
        return self.value is not MISSING or not place.required or place.member is not None


async def settled(promise: Promise[Any], turns: int = 20) -> Any:
    """The result of a promise that is to be settled without anything else to happen."""
    results: list[tuple[bool, Any]] = []
    promise.then(lambda value: results.append((True, value)), lambda reason: results.append((False, reason)))
    await settle(turns)
    if not results:
        raise WrongError("its promise stays pending")
    fulfilled, result = results[0]
    if fulfilled:
        return result
    raise result if isinstance(result, BaseException) else WrongError(f"its promise is rejected with {result!r}")


class Trials:
    """All values at a place, one after the other."""

    def __init__(self, definitions: Definitions, conversions: Conversions) -> None:
        self.definitions = definitions
        self.conversions = conversions

    async def at(self, place: Place) -> list[Outcome]:
        outcomes = []
        dictionary = self.definitions.dictionary_of(place)
        is_options = self.definitions.is_options(place)
        forms = [False, True] if dictionary is not None and not is_options and place.member is not None else [False]
        for as_object in forms:
            for case, make in self._samples(place):
                problem = await self._try(place, make, as_object=as_object, is_options=is_options)
                outcomes.append(Outcome(f"{case}{' in an object' if as_object else ''}", problem))
        return outcomes

    def _samples(self, place: Place) -> Iterator[Sample]:
        yield from samples(place.type)
        definition = self.definitions.by_name.get(place.type)
        for value in () if definition is None else definition.values:
            yield value, lambda value=value: value  # type: ignore[misc]

    async def _try(self, place: Place, make: Callable[[], Any], *, as_object: bool, is_options: bool) -> str:
        value = make()
        expected: object = None
        refused: type[BaseException] | None = None
        observer = observer_of(place)
        try:
            expected = observer.algorithm(self.conversions.at(place, value))
        except RefusedError as refusal:
            refused = refusal.kind
        except Exception as error:  # what a method of the value raises comes out
            refused = type(error)
        returns_promise = self.definitions.operation(place).returns_promise
        trial = Trial(place, value, returns_promise, as_object, is_options, refused)
        try:
            observed = await observer.observe(trial)
        except WrongError as error:
            return str(error)
        except Exception as error:
            if refused is None:
                return f"expected {_shown(expected)}, but it fails with {error!r}"
            if type(error) is refused or (refused is not TypeError and isinstance(error, refused)):
                return ""
            return f"expected a {refused.__name__}, but it fails with {error!r}"
        if refused is not None:
            return f"expected a {refused.__name__}, but it gives {_shown(observed)}"
        return "" if same(observed, expected) else f"expected {_shown(expected)}, but it gives {_shown(observed)}"


def _shown(value: object) -> str:
    return f"{value!r:.60}" if not isinstance(value, str) else repr(value)[:60]


def same(one: object, other: object) -> bool:
    """Whether they are the same object, or equal values of one kind."""
    if one is other:
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return isinstance(one, str | bytes | tuple) and isinstance(other, str | bytes | tuple) and one == other
