"""Checks the sources against the indexes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from .mapping import Mapping, load_mapping
from .model import HERE, ROOT, STANDARDS, Entry, SpecError, load, read_toml, snake_case
from .source import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .model import Index
    from .source import Definition, Run, StepComment

_KINDS_OF_DEVIATIONS: Final = frozenset({"absent", "missing", "order", "twice", "anchor"})


@dataclass(frozen=True)
class Finding:
    """Something that is not as the index, the mapping and the deviations say."""

    place: str  # "packages/…/streams.py:12"
    entry: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.entry}: {self.problem}"


@dataclass(frozen=True)
class Deviation:
    """What is deliberately different."""

    what: str
    reason: str
    entries: frozenset[str]
    steps: frozenset[str] | None  # None: all


@dataclass
class Transcription:
    """How one entry is implemented."""

    entry: Entry
    definitions: list[Definition]
    places: dict[str, list[tuple[Path, int]]] = field(default_factory=dict)  # label -> where it is said
    summaries: list[tuple[Path, StepComment]] = field(default_factory=list)  # "4. to 7. …"

    @property
    def main(self) -> Definition | None:
        return self.definitions[0] if self.definitions else None


class Check:
    """One standard, looked for in the sources."""

    def __init__(self, index: Index, sources: Sources, folder: Path = HERE) -> None:
        self.index = index
        self.sources = sources
        self.mapping = Mapping(index, sources, load_mapping(folder))
        self.deviations = _deviations(index, folder)
        self.used: set[int] = set()  # the deviations that were needed
        self.findings: list[Finding] = []
        self.transcriptions: dict[str, Transcription] = {}
        for name, problem in self.mapping.problems:
            self._finding("mapping.toml", name, problem)
        for entry in index.entries:
            self._entry(entry)
        self._unused_deviations()

    # What the deviations say --------------------------------------------------------------------

    def is_deviation(self, entry: Entry, what: str, label: str | None = None) -> bool:
        """Whether this is deliberate; without a label, of the entry as a whole.

        What is absent as a whole excuses no gap in something that is there.
        """
        for number, one in enumerate(self.deviations):
            if one.what != what or entry.name not in one.entries:
                continue
            whole = one.steps is None and (label is None or what != "absent")
            if whole or (one.steps is not None and label in one.steps):
                self.used.add(number)
                return True
        return False

    def _unused_deviations(self) -> None:
        for number, one in enumerate(self.deviations):
            if number not in self.used:
                names = ", ".join(sorted(one.entries)) or "nothing"
                self._finding("deviations.toml", names, f"no longer {one.what!r}: {one.reason}")

    # One entry ----------------------------------------------------------------------------------

    def _entry(self, entry: Entry) -> None:
        transcription = Transcription(entry, self.mapping.of(entry))
        self.transcriptions[entry.name] = transcription
        main = transcription.main
        if main is None:
            if not self.is_deviation(entry, "absent"):
                self._finding("packages", entry.name, "is not implemented, or mapping.toml does not say where")
            return
        if entry.is_algorithm:
            self._steps(transcription)
        else:
            self._members(transcription, main)
        self._anchor(entry, main)

    def _members(self, transcription: Transcription, main: Definition) -> None:
        entry = transcription.entry
        if entry.kind == "enumeration":
            lines = main.path.read_text(encoding="utf-8").splitlines()[main.line - 1 : main.end]
            known = set(re.findall(r'"([^"]*)"', "\n".join(lines)))
            missing = [member for member in entry.members if member not in known]
        else:
            known = set(main.attributes)
            missing = [member for member in entry.members if snake_case(member) not in known]
        for member in missing:
            if not self.is_deviation(entry, "missing", member):
                self._at(main, main.line, entry.name, f"has no {snake_case(member)}")
        for slot in entry.slots:
            if f"_{snake_case(slot)}" not in self._slots_of(main) and not self.is_deviation(entry, "missing", slot):
                self._at(main, main.line, entry.name, f"has no slot _{snake_case(slot)} for [[{slot}]]")

    def _slots_of(self, definition: Definition) -> set[str]:
        slots = set(definition.attributes)
        for base in definition.bases:
            for one in self.sources.of_name(base, self.mapping.package):
                slots |= self._slots_of(one)
        return slots

    def slot_line(self, definition: Definition, slot: str) -> int:
        """Where a class, or a base of it, lists a slot: where it is annotated, or else in __slots__."""
        name = f"_{snake_case(slot)}"
        lines = definition.path.read_text(encoding="utf-8").splitlines()
        for pattern in (rf"    {name}: ", rf".*\"{name}\""):
            for number in range(definition.line, definition.end + 1):
                if re.match(pattern, lines[number - 1]):
                    return number
        return definition.line

    # Steps --------------------------------------------------------------------------------------

    def _steps(self, transcription: Transcription) -> None:
        entry = transcription.entry
        order = _order(entry)
        for definition in transcription.definitions:
            for run in definition.runs:
                self._run(transcription, definition, run, order)
            self._across_runs(transcription, definition, order)
        for path, comment in transcription.summaries:
            self._summary(transcription, path, comment, order)
        for label, places in transcription.places.items():
            if len(places) > 1 and not self.is_deviation(entry, "twice", label):
                path, line = places[-1]
                others = ", ".join(f"{self._relative(other)}:{number}" for other, number in places[:-1])
                self._finding(f"{self._relative(path)}:{line}", entry.name, f"step {label} is also at {others}")
        missing = [
            label
            for label in entry.steps
            if label not in transcription.places and not self.is_deviation(entry, "absent", label)
        ]
        if missing:
            main = transcription.definitions[0]
            self._at(main, main.line, entry.name, f"no comment for step{'s' * (len(missing) > 1)} {', '.join(missing)}")

    def _run(self, transcription: Transcription, definition: Definition, run: Run, order: dict[str, int]) -> None:
        entry = transcription.entry
        last, last_label = -1, ""
        for comment in run.comments:
            if comment.last and {comment.label, comment.last} <= order.keys():
                transcription.summaries.append((definition.path, comment))
                continue
            for label, path, line in self._labels(entry, definition, comment):
                if label not in order:
                    problem = f"there is no step {label} in the text"
                    if not entry.steps:
                        problem = f"the text has no numbered steps, so there is no step {label}"
                    self._at(definition, comment.line, entry.name, problem)
                    continue
                if label in entry.steps:
                    transcription.places.setdefault(label, []).append((path, line))
                if order[label] <= last and not self.is_deviation(entry, "order", label):
                    self._at(definition, comment.line, entry.name, f"step {label} comes after step {last_label}")
                last, last_label = order[label], label

    def _across_runs(self, transcription: Transcription, definition: Definition, order: dict[str, int]) -> None:
        """Inner functions are where the text has their steps, too."""
        entry = transcription.entry
        lines = sorted(
            (comment.line, comment.label, run.function)
            for run in definition.runs
            if not run.is_signature
            for comment in run.comments
            if comment.label in order
        )
        for (_, before, there), (line, label, here) in pairwise(lines):
            out_of_order = here != there and order[label] <= order[before]
            if out_of_order and not self.is_deviation(entry, "order", label):
                self._at(definition, line, entry.name, f"step {label} comes after step {before} of {there}")

    def _labels(self, entry: Entry, definition: Definition, comment: StepComment) -> Iterator[tuple[str, Path, int]]:
        """The steps that a comment says, and where."""
        here = (definition.path, comment.line)
        if comment.label.startswith("."):
            for start in definition.same_sub_steps[:1]:
                yield start + comment.label, *here
            for start in definition.same_sub_steps[1:]:
                # Said at the same place for other steps; their order was checked with the first.
                self.transcriptions[entry.name].places.setdefault(start + comment.label, []).append(here)
            return
        yield comment.label, *here
        if comment.last:
            yield comment.last, *here
        if comment.those_of is not None:
            yield from self._of_helper(entry, definition, comment, *comment.those_of)

    def _summary(self, transcription: Transcription, path: Path, comment: StepComment, order: dict[str, int]) -> None:
        """ "4. to 7.": these steps, and their sub-steps; if any is said elsewhere, all of them have to be."""
        summed_up = [
            label
            for label in transcription.entry.steps
            if order[comment.label] <= order[label] <= order[comment.last] or label.startswith(f"{comment.last}.")
        ]
        if not any(label in transcription.places for label in summed_up):
            transcription.places.update({label: [(path, comment.line)] for label in summed_up})

    def _of_helper(
        self, entry: Entry, definition: Definition, comment: StepComment, first: str, last: str, helper: str
    ) -> Iterator[tuple[str, Path, int]]:
        """ "2.1. to 2.3. are those of `wrapper`", which has .1, .2 and .3."""
        parent, _, start = first.rpartition(".")
        have = {
            f"{parent}{comment.label}": (found.path, comment.line)
            for found in self.sources.of_name(helper, self.mapping.package)
            for run in found.runs
            for comment in run.comments
        }
        for number in range(int(start), int(last.rpartition(".")[2]) + 1):
            label = f"{parent}.{number}"
            if label in have:
                yield label, *have[label]
            else:
                self._at(definition, comment.line, entry.name, f"{helper} has no step .{number}")

    # Anchors ------------------------------------------------------------------------------------

    def _anchor(self, entry: Entry, main: Definition) -> None:
        if not entry.anchor or entry.kind == "enumeration":
            return
        accepted = {entry.anchor}
        docstring = main.docstring
        if entry.kind == "constructor":
            docstring = self.sources.definitions[main.name.rpartition(".")[0]].docstring
            accepted |= self._anchors_of_class(entry.of)
        elif entry.kind in {"interface", "mixin"}:
            accepted |= self._anchors_of_class(entry.name)
        elif entry.kind == "getter" and not entry.steps:
            return  # the class says it
        elif entry.kind == "dictionary" and not main.is_class:
            return  # its members are arguments, and the docstring is that of the method
        named = re.findall(re.escape(self.index.url) + r"#([\w-]+)", docstring)
        if not accepted.intersection(named) and not self.is_deviation(entry, "anchor"):
            instead = f", but #{', #'.join(named)}" if named else ""
            self._at(main, main.line, entry.name, f"the docstring does not name #{entry.anchor}{instead}")

    def _anchors_of_class(self, name: str) -> set[str]:
        """A class may name the section that it has to itself, or its interface."""
        anchors = {one.anchor for one in self.index.entries if one.name == name}
        return anchors | {
            one.anchor
            for one in self.index.sections
            if re.search(rf"\b{name}\b (class|mixin|interface)|^{name} ", one.title)
        }

    # Reporting ----------------------------------------------------------------------------------

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.sources.folder.parent))

    def _at(self, definition: Definition, line: int, entry: str, problem: str) -> None:
        self._finding(f"{self._relative(definition.path)}:{line}", entry, problem)

    def _finding(self, place: str, entry: str, problem: str) -> None:
        self.findings.append(Finding(place, entry, problem))


def _order(entry: Entry) -> dict[str, int]:
    """Where each label is in the text; a group is just before its first step."""
    order: dict[str, int] = {}
    groups = entry.groups
    for position, label in enumerate(entry.steps):
        parts = label.split(".")
        for length in range(1, len(parts)):
            group = ".".join(parts[:length])
            if group in groups:
                order.setdefault(group, 2 * position)
        order[label] = 2 * position + 1
    return order


def _deviations(index: Index, folder: Path) -> list[Deviation]:
    path = folder / "deviations.toml"
    names = {entry.name for entry in index.entries}
    found = []
    for table in read_toml(path).get(index.standard, []):
        what, reason = table.get("what"), table.get("reason")
        if what not in _KINDS_OF_DEVIATIONS or not reason:
            raise SpecError(f"{path}: a deviation needs a `what` and a `reason`: {table}")
        entries: Any = table.get("entry", [])
        chosen = {entries} if isinstance(entries, str) else set(entries)
        if unknown := chosen - names:
            raise SpecError(f"{path}: {index.standard} defines no {', '.join(sorted(unknown))}")
        section: str | None = table.get("section")
        if section is not None:
            chosen |= {
                one.name for one in index.entries if one.section == section or one.section.startswith(f"{section}.")
            }
        steps = table.get("steps")
        found.append(Deviation(what, reason, frozenset(chosen), None if steps is None else frozenset(steps)))
    return found


def check_all(
    standards: Sequence[str] = tuple(STANDARDS), folder: Path = HERE, packages: Path = ROOT / "packages"
) -> tuple[list[Check], list[Finding]]:
    """All standards; and what is wrong about the sources as a whole."""
    sources = Sources(packages)
    checks = [Check(load(standard, folder), sources, folder) for standard in standards]
    findings = [finding for one in checks for finding in one.findings]
    for one in checks:
        findings += _stray_anchors(one)
    return checks, [*findings, *_stray_steps(checks, sources)]


def _stray_anchors(check: Check) -> Iterator[Finding]:
    """Links to the standard that lead nowhere, and section numbers that are not those of the link."""
    index = check.index
    sections = {one.anchor: one.number for one in index.sections}
    numbers = {entry.anchor: entry.section for entry in index.entries if entry.anchor} | sections
    known = set(numbers) | set(index.anchors)
    for module in check.sources.modules:
        for number, line in enumerate(module.text.splitlines(), 1):
            place = f"{check._relative(module.path)}:{number}"
            for anchor in re.findall(re.escape(index.url) + r"#([\w-]*)", line):
                if anchor not in known:
                    yield Finding(place, "link", f"there is no #{anchor} in the text")
                    continue
                said = re.search(r"§(\d+(?:\.\d+)*)\b", line)
                if said is not None and anchor in numbers and numbers[anchor] != said[1]:
                    yield Finding(place, "link", f"#{anchor} is §{numbers[anchor]}, not §{said[1]}")


def _stray_steps(checks: Sequence[Check], sources: Sources) -> Iterator[Finding]:
    """Numbered step comments in functions that transcribe no entry. Other standards' live in _platform."""
    mapped = {definition.name for one in checks for it in one.transcriptions.values() for definition in it.definitions}
    for module in sources.modules:
        if "._platform" in module.name:
            continue
        for definition in module.definitions:
            if definition.name in mapped:
                continue
            for run in definition.runs:
                labels = [one.label for one in run.comments if not one.label.startswith(".")]
                if labels:
                    place = f"{definition.path.relative_to(sources.folder.parent)}:{run.comments[0].line}"
                    problem = f"step comments ({', '.join(labels[:3])}…) of no algorithm that the index knows"
                    yield Finding(place, definition.name.rpartition(".")[2], problem)
