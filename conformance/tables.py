"""The tables in the READMEs that are never typed: between two markers, made of what was recorded.

`<!-- results: all -->` and `<!-- end of results -->`: one table of all parts; or of one part, by its name.
`<!-- deviations: spec -->` and `<!-- end of deviations -->`: what is in spec/deviations.toml; or in that of idl.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conformance.spec.model import ROOT, read_toml

from .record import RESULTS, Part, RecordError, Row, load, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

READMES: Final = (ROOT / "README.md", ROOT / "conformance" / "README.md")

_RESULTS: Final = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end of results -->)", re.DOTALL)
_DEVIATIONS: Final = re.compile(r"(<!-- deviations: (\w+) -->\n).*?(<!-- end of deviations -->)", re.DOTALL)

#: The kinds of deviations of the spec index, in the words of a table.
_SAID: Final = {
    "absent": "left out",
    "missing": "left out",
    "twice": "in two places",
    "order": "earlier or later than in the text",
    "anchor": "another anchor",
}


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


def deviations(part: str) -> str:
    """What is deliberately different, as a part's own file says it."""
    lines = ["| where | what | why |", "|---|---|---|"]
    for tables in read_toml(ROOT / "conformance" / part / "deviations.toml").values():
        lines += [_deviation(one) for one in tables]
    return "\n".join(lines)


def _deviation(table: dict[str, Any]) -> str:
    where: str | list[str] = table.get("of") or table.get("entry") or f"§{table.get('section')}"
    names = where if isinstance(where, str) else ", ".join(where)
    steps = f" {', '.join(table['steps'])}" if "steps" in table else ""
    what = table.get("case") or _SAID[table["what"]]
    return f"| {_escaped(names)}{steps} | {_escaped(what)} | {table['reason']} |"


def _escaped(pattern: str) -> str:
    """With each "*" as it is, which Markdown would take for emphasis."""
    return pattern.replace("*", "\\*")


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

    readme = _DEVIATIONS.sub(lambda match: f"{match[1]}{deviations(match[2])}\n{match[3]}", readme)
    return _RESULTS.sub(replace, readme)


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
