"""What two logs of one program have to have in common, and what is known to differ."""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .generate import Program

DEPARTURES = Path(__file__).parent / "departures.toml"

Event = list[str]  # the object, and what it saw
Log = list[list[Event]]  # by phase


@dataclass(frozen=True)
class Difference:
    """The first place where two logs part."""

    phase: int
    node: list[str]  # the events from there on
    ours: list[str]

    def __str__(self) -> str:
        rows = [f"phase {self.phase}, from the first difference on:", f"  {'node':<58}ours"]
        for index in range(min(max(len(self.node), len(self.ours)), 8)):
            node = self.node[index] if index < len(self.node) else "-"
            ours = self.ours[index] if index < len(self.ours) else "-"
            rows.append(f"  {node:<58}{ours}")
        return "\n".join(rows)


def first_difference(program: Program, node: Log, ours: Log) -> Difference | None:
    """Compare event by event; where the text leaves open how objects interleave, object by object."""
    for phase in range(max(len(node), len(ours))):
        theirs = node[phase] if phase < len(node) else []
        own = ours[phase] if phase < len(ours) else []
        pairs = _by_object(theirs, own) if program.only_by_object or _is_unordered(theirs, own) else [(theirs, own)]
        for one, other in pairs:
            difference = _difference(phase, one, other)
            if difference is not None:
                return difference
    return None


def _is_unordered(node: list[Event], ours: list[Event]) -> bool:
    """Whether these are the rejections that nobody handled, which are told when nothing else is left to do."""
    return all(event[0] == "unhandled" for event in [*node, *ours])


def _by_object(node: list[Event], ours: list[Event]) -> list[tuple[list[Event], list[Event]]]:
    theirs, own = _grouped(node), _grouped(ours)
    return [(theirs[one], own[one]) for one in sorted({*theirs, *own})]


#: How often a pull that is under way is followed by another depends on when the pipe reads.
_NOT_DETERMINED = ["rs", "pull()"]


def _grouped(events: list[Event]) -> defaultdict[str, list[Event]]:
    groups: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event != _NOT_DETERMINED:
            groups[event[0]].append(event)
    if "unhandled" in groups:
        groups["unhandled"].sort()
    return groups


def _difference(phase: int, node: list[Event], ours: list[Event]) -> Difference | None:
    for index in range(max(len(node), len(ours))):
        if node[index : index + 1] != ours[index : index + 1]:
            return Difference(phase, [" ".join(one) for one in node[index:]], [" ".join(one) for one in ours[index:]])
    return None


@dataclass
class Departure:
    """Where node is known to depart from the text: which programs, and how their logs then part."""

    name: str
    reason: str
    kinds: list[str]
    program: str = ""  # a pattern that its code has
    node: str = ""  # one that node's events have, from the first difference on
    ours: str = ""  # and one that ours have
    whole_log: bool = False  # whether node's pattern may be anywhere in its log
    seen: int = 0

    def covers(self, program: Program, node: Log, difference: Difference) -> bool:
        if self.kinds and program.kind not in self.kinds:
            return False
        code = "\n".join(statement[2] for statement in program.statements())
        theirs = json.dumps(node) if self.whole_log else "\n".join(difference.node)
        return all(
            not pattern or re.search(pattern, text, re.MULTILINE)
            for pattern, text in ((self.program, code), (self.node, theirs), (self.ours, "\n".join(difference.ours)))
        )


def load_departures(path: Path = DEPARTURES) -> list[Departure]:
    """Read them.

    Raises:
        ValueError: one has no reason.
    """
    departures = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("departure", []):
        if not entry.get("reason", "").strip():
            raise ValueError(f"{path}: the departure {entry.get('name')!r} has no reason")
        departures.append(Departure(**{"kinds": [], **entry}))
    return departures
