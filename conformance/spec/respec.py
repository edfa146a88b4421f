"""Extracts the index of Direct Sockets from its text as a browser shows it: no markup, no numbers, no indentation.

Headings, tables and Web IDL are there; algorithms are found by their lead-in sentences. How deep each of their
lines is nested is lost: hand_made.toml says it, one digit a line. Anchors are lost too, and made as ReSpec does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .idl import idl_entries
from .model import Entry, Section, SpecError, finish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Index

_LEAD_INS: Final = (
    (re.compile(r"^The (constructor)\(\) steps are:$"), "constructor"),
    (re.compile(r"^The (\w+)\(.*\) method steps are:$"), "method"),
    (re.compile(r"^The (\w+) getter steps are:$"), "getter"),
    (re.compile(r"^The steps to (.+) are:$"), "algorithm"),
    (re.compile(r"^To (.+) (?:perform|run) the following steps(?: in parallel)?:$"), "algorithm"),
)
_RETURNS: Final = re.compile(r"^When called, returns the this\.\[\[\w+\]\]\.$")
_IDL_INDEX: Final = "IDL Index"


@dataclass(frozen=True)
class _Part:
    """A section, with its own lines only."""

    section: Section
    lines: list[str]


def extract(text: str, names: dict[str, Any]) -> Index:
    """The index of a text; `names` are those of hand_made.toml."""
    lines = text.splitlines()
    edition = next(
        (match[1] for line in lines if (match := re.match(r"Draft .* Report (.+)$", line.strip()))), "unknown"
    )
    parts = list(_parts(lines))
    nesting: dict[str, str] = dict(names["nesting"])
    entries: list[Entry] = []
    interface = ""
    for part in parts:
        if part.section.title == _IDL_INDEX:
            continue
        if match := re.fullmatch(r"(\w+) interface", part.section.title):
            interface = match[1]
        entries += _idl(part)
        entries += _algorithms(part, interface, nesting)
    if nesting:
        raise SpecError(f"hand_made.toml has the nesting of what the text does not have: {', '.join(nesting)}")
    algorithms = {(entry.of, entry.term, entry.kind) for entry in entries if not entry.name.startswith("?")}
    kept = [
        replace(entry, name=entry.name.removeprefix("?"))
        for entry in entries
        if not entry.name.startswith("?") or (entry.of, entry.term, entry.kind) not in algorithms
    ]
    return finish("direct_sockets", edition, kept, (part.section for part in parts))


def definitions(text: str) -> str:
    """All of the Web IDL in a text: what its index has below the line that says so."""
    return "\n".join(
        line for part in _parts(text.splitlines()) if part.section.title == _IDL_INDEX for line in part.lines[1:]
    )


def _parts(lines: list[str]) -> Iterator[_Part]:
    """The table of contents lists the headings; each comes once more, above its section."""
    try:
        contents = lines.index("Table of Contents")
    except ValueError:
        raise SpecError("the text of Direct Sockets has no table of contents: is this direct-sockets.txt?") from None
    headings = []
    position = contents + 1
    while position < len(lines) and lines[position] not in headings:
        headings.append(lines[position])
        position += 1
    taken: set[str] = set()
    current: _Part | None = None
    for line in lines[position:]:
        match = re.fullmatch(r"(\d+(?:\.\d+)*)\.? (.+)", line)
        if match is not None and line in headings:
            headings.remove(line)
            if current is not None:
                yield current
            current = _Part(Section(match[1], match[2], _section_anchor(match[2], taken)), [])
        elif line == "A. References":
            break
        elif current is not None:
            current.lines.append(line)
    if current is not None:
        yield current


def _section_anchor(title: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    anchor, count = base, 0
    while anchor in taken:
        anchor, count = f"{base}-{count}", count + 1
    taken.add(anchor)
    return anchor


def _idl(part: _Part) -> Iterator[Entry]:
    slots = tuple(match[1] for line in part.lines if (match := re.match(r"\[\[(\w+)\]\]\t", line)))
    for entry in idl_entries("\n".join(part.lines), part.section.number):
        anchor = f"dom-{entry.of}-{entry.term}" if entry.of else f"dom-{entry.name}"
        interface_slots = slots if entry.kind == "interface" else ()
        yield replace(entry, anchor=anchor.lower(), slots=interface_slots)


def _algorithms(part: _Part, interface: str, nesting: dict[str, str]) -> Iterator[Entry]:
    number = part.section.number
    for position, line in enumerate(part.lines):
        if _RETURNS.match(line):
            term = part.section.title.split()[0]
            anchor = f"dom-{interface}-{term}".lower()
            yield Entry(f"{interface}.{term}", "getter", number, anchor, interface, term)
            continue
        for pattern, kind in _LEAD_INS:
            if match := pattern.match(line):
                name = {
                    "constructor": f"{interface} constructor",
                    "method": f"{interface}.{match[1]}()",
                    "getter": f"{interface}.{match[1]}",
                    "algorithm": match[1],
                }[kind]
                steps = _steps(name, _step_lines(part.lines[position + 1 :]), nesting)
                if kind == "algorithm":
                    anchor = "dfn-" + re.sub(r"[^a-z0-9]+", "-", name.lower())
                    yield Entry(name, kind, number, anchor, term=name, steps=steps)
                else:
                    anchor = f"dom-{interface}-{match[1]}".lower()
                    yield Entry(name, kind, number, anchor, interface, match[1], steps)
                break


def _step_lines(lines: list[str]) -> Iterator[str]:
    """The lines after a lead-in that are steps: up to the next one, without notes, which have one line each."""
    note = False
    for line in lines:
        if any(pattern.match(line) for pattern, _ in _LEAD_INS):
            return
        if line.strip() and not note and line != "Note":
            yield line
        note = line == "Note"


def _steps(name: str, lines: Iterator[str], nesting: dict[str, str]) -> tuple[str, ...]:
    count = sum(1 for _ in lines)
    depths = nesting.pop(name, "").replace(" ", "")
    if len(depths) != count:
        raise SpecError(f"{name}: the text has {count} lines of steps, hand_made.toml the nesting of {len(depths)}")
    counts: list[int] = []
    labels = []
    for depth in depths:
        if depth == "-":
            continue
        level = int(depth)
        if not 1 <= level <= len(counts) + 1:
            raise SpecError(f"{name}: hand_made.toml nests a step more than one deeper than the one before")
        counts = counts[:level]
        if len(counts) < level:
            counts.append(0)
        counts[level - 1] += 1
        labels.append(".".join(map(str, counts)))
    return tuple(labels)
