"""From the standard to the source, and back."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model import Entry, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .check import Check, Transcription
    from .source import Definition, Run, StepComment


@dataclass(frozen=True)
class Place:
    """A line of a source, and what it is of the standard."""

    path: Path
    line: int
    entry: Entry
    standard: str
    url: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        steps = f" step{'s' * (len(self.steps) > 1)} {', '.join(self.steps)}" if self.steps else ""
        anchor = f" {self.url}#{self.entry.anchor}" if self.entry.anchor else ""
        return f"{self.entry.name}{steps} (§{self.entry.section}){anchor}"


def where(checks: Sequence[Check], question: str) -> list[Place]:
    """Where something of a standard is: "TCPSocket constructor step 5.2", "#rs-cancel", "ReadableStream.[[state]]"."""
    match = re.fullmatch(r"\s*(.+?)(?:[\s,]+steps?\s+([\w.-]+?)\.?)?\s*", question)
    if match is None:
        raise SpecError("ask for an algorithm, and perhaps a step: TCPSocket constructor step 5.2")
    check, entry = _find(checks, match[1])
    step: str | None = match[2]
    owner = entry.of if entry.kind == "internal slot" else entry.name
    transcription = check.transcriptions[owner]
    main = transcription.main
    if main is None:
        reasons = [one for one in check.deviations if owner in one.entries]
        raise SpecError(f"{entry.name}: {reasons[0].what}: {reasons[0].reason}" if reasons else f"{owner}: not there")
    if entry.kind == "internal slot":
        return [_place(check, entry, main.path, check.slot_line(main, entry.term))]
    if step is None:
        return [_place(check, entry, main.path, main.line)]
    found = transcription.places.get(step)
    if found is None and step in entry.groups:
        first = next(label for label in entry.steps if label.startswith(f"{step}."))
        found = transcription.places.get(first)
    if found is None:
        if step not in entry.steps and step not in entry.groups:
            raise SpecError(f"{entry.name} has no step {step}; it has {', '.join(entry.steps) or 'none'}")
        for one in check.deviations:
            if owner in one.entries and (one.steps is None or step in one.steps):
                raise SpecError(f"{entry.name} step {step}: {one.what}: {one.reason}")
        raise SpecError(f"{entry.name} step {step}: no comment says it")
    return [_place(check, entry, path, line, step) for path, line in found]


def _place(check: Check, entry: Entry, path: Path, line: int, *steps: str) -> Place:
    return Place(path, line, entry, check.index.standard, check.index.url, steps)


def _find(checks: Sequence[Check], name: str) -> tuple[Check, Entry]:
    every = [(check, entry) for check in checks for entry in check.index.all_entries()]
    if name.startswith("#"):
        found = [(check, entry) for check, entry in every if entry.anchor == name[1:] and entry.kind != "internal slot"]
    else:
        found = [one for one in every if one[1].name == name]
        found = found or [one for one in every if one[1].name.lower() == name.lower()]
        found = found or [one for one in every if _plain(one[1].name) == _plain(name)]
        found = found or [one for one in every if _implemented_as(*one).endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise SpecError(f"{name} may be any of: {', '.join(entry.name for _, entry in found)}")
    names = {_plain(entry.name): entry.name for _, entry in every}
    close = [names[one] for one in difflib.get_close_matches(_plain(name), names, 5)]
    raise SpecError(f"no standard defines {name!r}" + (f"; is it one of: {', '.join(close)}?" if close else ""))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _implemented_as(check: Check, entry: Entry) -> str:
    transcription = check.transcriptions.get(entry.name)
    return transcription.main.name if transcription is not None and transcription.main is not None else ""


def what(checks: Sequence[Check], path: Path, line: int) -> list[Place]:
    """What of a standard a line of a source is; of a helper's, it may be a step of several algorithms."""
    if not path.is_file():
        raise SpecError(f"{path}: no such file")
    path = path.resolve()
    around = [
        (definition, check, transcription)
        for check in checks
        for transcription in check.transcriptions.values()
        for definition in transcription.definitions
        if definition.line <= line <= definition.end and definition.path == path
    ]
    if around:
        innermost = max(definition.line for definition, _, _ in around)
        candidates = [one for one in around if one[0].line == innermost]
        # A class may be one thing and have steps of another; and a function may be that of several algorithms.
        with_steps = [one for one in candidates if _steps_at(one[0], one[2], line)]
        return [
            _place(check, transcription.entry, path, line, *_steps_at(definition, transcription, line))
            for definition, check, transcription in with_steps or candidates[:1]
        ]
    found = list(_as_a_helper(checks, path, line))
    if not found:
        raise SpecError(f"{path}:{line}: no part of an algorithm of the standards")
    return found


def _as_a_helper(checks: Sequence[Check], path: Path, line: int) -> Iterator[Place]:
    """The steps that algorithms say are those of the function around a line."""
    definitions = [
        one for one in checks[0].sources.definitions.values() if one.line <= line <= one.end and one.path == path
    ]
    comments = [
        comment.line for it in definitions for run in it.runs for comment in run.comments if comment.line <= line
    ]
    if not comments:
        return
    for check in checks:
        for transcription in check.transcriptions.values():
            steps = [
                label
                for label, places in transcription.places.items()
                if any(number == max(comments) and place == path for place, number in places)
            ]
            if steps:
                yield _place(check, transcription.entry, path, line, *steps)


def _steps_at(definition: Definition, transcription: Transcription, line: int) -> tuple[str, ...]:
    """The steps that were said last in the innermost function around a line: all those of successive lines."""
    for run in sorted(_around(definition, line), key=lambda one: (one.line, one.comments[0].line), reverse=True):
        before = [one for one in run.comments if one.line <= line]
        if not before:
            continue
        together = [before[-1]]
        for one in reversed(before[:-1]):
            if one.line != together[0].line - 1:
                break
            together.insert(0, one)
        return tuple(label for one in together for label in _labels(one, definition, transcription.entry))
    return ()


def _labels(comment: StepComment, definition: Definition, entry: Entry) -> Iterator[str]:
    """The steps of an entry that a comment says."""
    if comment.label.startswith("."):
        yield from (start + comment.label for start in definition.same_sub_steps)
    elif comment.last in entry.steps and comment.label in entry.steps:
        yield from entry.steps[entry.steps.index(comment.label) : entry.steps.index(comment.last) + 1]
    elif comment.label in entry.steps or comment.label in entry.groups:
        yield comment.label


def _around(definition: Definition, line: int) -> Iterator[Run]:
    return (run for run in definition.runs if run.line <= line <= run.end)
