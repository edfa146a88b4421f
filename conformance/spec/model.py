"""What an index holds, and its TOML form. Facts only: no sentence of a standard is in it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
WIDTH: Final = 110

#: The standards: the name of the data file, and where the anchors lead.
STANDARDS: Final = {
    "streams": "https://streams.spec.whatwg.org/",
    "direct_sockets": "https://wicg.github.io/direct-sockets/",
}

ALGORITHM_KINDS: Final = frozenset(
    {"abstract operation", "algorithm", "constructor", "getter", "internal method", "method"}
)


class SpecError(Exception):
    """Something is wrong with a text, a data file or a question; said in one line."""


@dataclass(frozen=True)
class Entry:
    """Something that a standard defines."""

    name: str
    kind: str
    section: str  # "4.9.1"
    anchor: str = ""  # without the "#"
    of: str = ""  # the interface that a member or a slot belongs to
    term: str = ""  # the name without that: "getReader", "set up"
    steps: tuple[str, ...] = ()  # the labels, in the order of the text
    members: tuple[str, ...] = ()  # of a dictionary, an enumeration or a struct
    slots: tuple[str, ...] = ()  # of an interface

    @property
    def is_algorithm(self) -> bool:
        return self.kind in ALGORITHM_KINDS

    @property
    def groups(self) -> frozenset[str]:
        """Labels that have sub-steps but are no steps themselves: "3.chunk", "15.finalize"."""
        groups: set[str] = set()
        for label in self.steps:
            parts = label.split(".")
            groups.update(".".join(parts[:length]) for length in range(1, len(parts)))
        return frozenset(groups.difference(self.steps))


@dataclass(frozen=True)
class Section:
    """A section of a standard."""

    number: str
    title: str
    anchor: str


@dataclass
class Index:
    """All that one standard defines."""

    standard: str
    edition: str
    entries: list[Entry]
    sections: list[Section]
    anchors: tuple[str, ...] = ()  # of other terms

    @property
    def url(self) -> str:
        return STANDARDS[self.standard]

    def all_entries(self) -> Iterator[Entry]:
        """The entries, and one for each internal slot."""
        tables = {one.number.rpartition(".")[0]: one.number for one in self.sections if one.title == "Internal slots"}
        for entry in self.entries:
            yield entry
            section = tables.get(entry.section.rpartition(".")[0], entry.section)
            for slot in entry.slots:
                yield Entry(
                    name=f"{entry.name}.[[{slot}]]",
                    kind="internal slot",
                    section=section,
                    anchor=entry.anchor,
                    of=entry.name,
                    term=slot,
                )


def snake_case(name: str) -> str:
    """The Python spelling of a name of the standards."""
    name = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def section_key(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


# The data files ---------------------------------------------------------------------------------


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: can not be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path}: {error}") from error


def load(standard: str, folder: Path = HERE) -> Index:
    path = folder / f"{standard}.toml"
    data = read_toml(path)
    try:
        entries = [_entry(table) for table in data["entry"]]
        sections = [Section(**table) for table in data["sections"]]
        return Index(data["standard"], data["edition"], entries, sections, tuple(data["anchors"]))
    except (KeyError, TypeError) as error:
        raise SpecError(f"{path}: not an index: {error}") from error


def _entry(table: dict[str, Any]) -> Entry:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Entry(**values)


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(key: str, values: Sequence[str]) -> str:
    one_line = f"{key} = [{', '.join(map(quoted, values))}]"
    if len(one_line) <= WIDTH:
        return one_line
    # One line for each step of the outermost level: so a diff shows where an edition differs.
    lines: list[str] = []
    last = ""
    for value in values:
        first = value.split(".", maxsplit=1)[0]
        text = f"{quoted(value)},"
        if first == last and len(lines[-1]) + 1 + len(text) <= WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append(f"  {text}")
        last = first
    return "\n".join([f"{key} = [", *lines, "]"])


def dump(index: Index) -> str:
    """The text of the data file; always the same for the same index."""
    lines = [
        "# Extracted by `python -m conformance.spec extract`; not to be edited by hand.",
        f"standard = {quoted(index.standard)}",
        f"edition = {quoted(index.edition)}",
        "sections = [",
        *(
            f"  {{ number = {quoted(one.number)}, title = {quoted(one.title)}, anchor = {quoted(one.anchor)} }},"
            for one in index.sections
        ),
        "]",
        "# Of terms that are no entries.",
        _list("anchors", index.anchors),
    ]
    for entry in index.entries:
        lines += ["", "[[entry]]"]
        for key in ("name", "kind", "section", "anchor", "of", "term"):
            if value := getattr(entry, key):
                lines.append(f"{key} = {quoted(value)}")
        for key in ("steps", "members", "slots"):
            if values := getattr(entry, key):
                lines.append(_list(key, values))
    return "\n".join(lines) + "\n"


def finish(
    standard: str, edition: str, entries: Iterable[Entry], sections: Iterable[Section], anchors: Iterable[str] = ()
) -> Index:
    """Put an index together; names have to differ."""
    seen: set[str] = set()
    kept: list[Entry] = []
    for entry in entries:
        if entry.name in seen:
            raise SpecError(f"{standard}: two entries are called {entry.name!r}")
        seen.add(entry.name)
        kept.append(entry)
    known = {entry.anchor for entry in kept}
    return Index(standard, edition, kept, list(sections), tuple(sorted(set(anchors) - known)))
