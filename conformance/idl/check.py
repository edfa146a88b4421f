"""All of the checks, interface by interface; and what the deviations excuse."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.spec.model import SpecError, read_toml

from . import observers_sockets as _observers_sockets, observers_streams as _observers_streams
from .callbacks import Callbacks
from .conversions import Conversions
from .model import HERE, Definitions, load
from .stage import classes
from .surface import Surface
from .trial import Outcome, Trials, known_observers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Place

del _observers_sockets, _observers_streams  # they are there: that is all


@dataclass(frozen=True)
class Deviation:
    """What is deliberately not as Web IDL has it."""

    of: str
    case: str
    reason: str

    def excuses(self, of: str, case: str) -> bool:
        return fnmatchcase(of, self.of) and fnmatchcase(case, self.case)


@dataclass
class Result:
    """What came of the checks of one thing."""

    of: str
    cases: int
    problems: list[str]
    excused: list[tuple[Deviation, str]]


class Check:
    """The packages, against some definitions."""

    def __init__(self, definitions: Definitions | None = None, deviations: Path = HERE / "deviations.toml") -> None:
        self.definitions = load() if definitions is None else definitions
        self.deviations = _deviations(deviations)
        self.interfaces = classes(self.definitions)
        conversions = Conversions(self.definitions, self.interfaces)
        self._surface = Surface(self.definitions, self.interfaces)
        self._trials = Trials(self.definitions, conversions)
        self._callbacks = Callbacks(self.definitions, conversions)
        self.places: dict[str, Place] = {
            place.name: place for name in self.interfaces for place in self.definitions.places(name)
        }
        if unobserved := self.places.keys() - known_observers():
            raise SpecError(f"nobody observes what becomes of {', '.join(sorted(unobserved))}")
        if gone := known_observers() - self.places.keys():
            raise SpecError(f"there is no more {', '.join(sorted(gone))}")

    @property
    def with_callbacks(self) -> list[str]:
        """The dictionaries that have callback functions."""
        kinds = {one.name: one.kind for one in self.definitions.by_name.values()}
        return [
            one.name
            for one in self.definitions.of_kind("dictionary")
            if any(kinds.get(member.type) == "callback" for member in one.members)
        ]

    @property
    def things(self) -> list[str]:
        """All that is checked: interfaces, places, and dictionaries with callback functions."""
        return [*self.interfaces, *self.places, *self.with_callbacks]

    async def of(self, thing: str) -> Result:
        """Check one of the things."""
        if thing in self.places:
            outcomes = await self._trials.at(self.places[thing])
        elif thing in self.interfaces:
            outcomes = await self._surface.of(self.definitions.interface(thing))
        else:
            outcomes = await self._callbacks.of(self.definitions.by_name[thing])
        return self._result(thing, outcomes)

    def standard_of(self, thing: str) -> str:
        """The data file that a thing belongs to."""
        return self.definitions.file_of(self.places[thing].interface if thing in self.places else thing)

    def _result(self, thing: str, outcomes: Sequence[Outcome]) -> Result:
        result = Result(thing, len(outcomes), [], [])
        for outcome in outcomes:
            if not outcome.problem:
                continue
            line = f"{thing}: {outcome.case}: {outcome.problem}"
            deviation = next((one for one in self.deviations if one.excuses(thing, outcome.case)), None)
            if deviation is None:
                result.problems.append(line)
            else:
                result.excused.append((deviation, line))
        return result

    def unused(self, results: Sequence[Result]) -> list[Deviation]:
        """The deviations that excused nothing."""
        used = {deviation for result in results for deviation, _ in result.excused}
        return [one for one in self.deviations if one not in used]


def _deviations(path: Path) -> list[Deviation]:
    try:
        deviations = [Deviation(**table) for table in read_toml(path).get("deviation", [])]
    except TypeError as error:
        raise SpecError(f"{path}: a deviation has `of`, `case` and `reason`: {error}") from error
    for one in deviations:
        if not one.reason.strip():
            raise SpecError(f"{path}: a deviation of {one.of} has no reason")
    return deviations
