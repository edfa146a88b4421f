"""The tables of results in the READMEs: between two markers, made of what was recorded, never typed.

<!-- results: all -->    one table of all parts; or of one part, by its name
<!-- end of results -->
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conformance.spec.model import ROOT

from .record import RESULTS, Part, RecordError, Row, load, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

READMES: Final = (ROOT / "README.md", ROOT / "conformance" / "README.md")

_MARKED: Final = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end of results -->)", re.DOTALL)


def table(parts: Iterable[Part]) -> str:
    """The parts, each with its total and its rows."""
    lines = ["| | passed | failed | not run | of | stub |", "|---|--:|--:|--:|--:|--:|"]
    for part in parts:
        lines.append(_line(f"**{part.title}**", part.total))
        lines += [_line(row.name, row) for row in part.rows]
    return "\n".join(lines)


def _line(name: str, row: Row) -> str:
    counts = [str(row.passed), str(row.failed or ""), str(row.not_run or ""), str(row.of)]
    return f"| {' | '.join([name, *counts, '' if row.stub is None else str(row.stub)])} |"


def about(parts: Iterable[Part]) -> Iterator[str]:
    """When and of what each part was measured."""
    for part in parts:
        measured = f" of {part.measured}," if part.measured else ""
        yield f"{part.title}:{measured} run on {part.date} at commit {part.commit}."


def text_of(parts: Sequence[Part]) -> str:
    """What a README has between the markers."""
    return "\n".join([table(parts), "", *about(parts)])


def renewed(readme: str, parts: Sequence[Part]) -> str:
    """The text of a README with its tables as they should be.

    Raises:
        RecordError: a marker names a part of which nothing was recorded.
    """

    def replace(match: re.Match[str]) -> str:
        chosen = [part for part in parts if match[2] in {"all", part.name}]
        if not chosen:
            raise RecordError(f"no results of {match[2]!r} were recorded")
        return f"{match[1]}{text_of(chosen)}\n{match[3]}"

    return _MARKED.sub(replace, readme)


def renew(readmes: Iterable[Path] = READMES, folder: Path = RESULTS) -> list[Path]:
    """Write the tables anew; which files are other than before."""
    parts = load(folder)
    changed = []
    for path in readmes:
        before = path.read_text(encoding="utf-8")
        after = renewed(before, parts)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def record(part: Part) -> None:
    """Keep the results of a full run, and write the tables anew."""
    write(part)
    renew()
