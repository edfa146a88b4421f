"""How much of each section is transcribed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model import section_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .check import Check


@dataclass
class Row:
    """The counts of a section. Those that are left out deliberately count as neither."""

    section: str
    title: str
    definitions: int = 0  # in the text: entries and slots
    there: int = 0
    definitions_left_out: int = 0
    steps: int = 0
    transcribed: int = 0
    steps_left_out: int = 0

    def add(self, other: Row) -> None:
        self.definitions += other.definitions
        self.there += other.there
        self.definitions_left_out += other.definitions_left_out
        self.steps += other.steps
        self.transcribed += other.transcribed
        self.steps_left_out += other.steps_left_out


def rows(check: Check, *, chapters: bool = False) -> list[Row]:
    """One for each section, or chapter, with anything in it."""
    titles = {one.number: one.title for one in check.index.sections}
    found: dict[str, Row] = {}
    for entry in check.index.entries:
        number = entry.section.split(".")[0] if chapters else entry.section
        row = found.setdefault(number, Row(number, titles[number]))
        transcription = check.transcriptions[entry.name]
        count = 1 + len(entry.slots)
        row.definitions += count
        if transcription.main is not None:
            row.there += count
        elif check.is_deviation(entry, "absent"):
            row.definitions_left_out += count
            row.steps_left_out += len(entry.steps)
        row.steps += len(entry.steps)
        row.transcribed += sum(1 for label in entry.steps if label in transcription.places)
        row.steps_left_out += sum(
            1
            for label in entry.steps
            if label not in transcription.places and check.is_deviation(entry, "absent", label)
        )
    return sorted(found.values(), key=lambda row: section_key(row.section))


def table(checks: Sequence[Check], *, chapters: bool = False) -> Iterator[str]:
    """The report, as a table of Markdown."""
    yield "| section | definitions | steps transcribed / in the text | left out |"
    yield "|---|--:|--:|--:|"
    for check in checks:
        total = Row("", "in all")
        for row in rows(check, chapters=chapters):
            total.add(row)
            yield _line(f"§{row.section} {row.title}", row)
        name = {"streams": "Streams", "direct_sockets": "Direct Sockets"}[check.index.standard]
        yield _line(f"**{name}** ({check.index.edition})", total)


def _line(title: str, row: Row) -> str:
    numbers = f"{row.there} / {row.definitions} | {row.transcribed} / {row.steps}"
    left_out = row.definitions_left_out + row.steps_left_out
    return f"| {title} | {numbers} | {left_out or ''} |"
