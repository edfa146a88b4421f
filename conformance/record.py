"""The results of the last full runs, as the tables in the READMEs show them: one JSON file for each part.

A part that is run by itself calls `tables.record(Part(…))` when all of it was run; that writes `results/NAME.json`,
and the tables anew. What was run only in part is not recorded.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conformance.spec.model import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

RESULTS: Final = Path(__file__).parent / "results"

#: The parts that are known, in the order of the table; others come after them.
ORDER: Final = ("spec", "idl", "own", "wpt", "order")


class RecordError(Exception):
    """A file of results can not be used; said in one line."""


@dataclass(frozen=True)
class Row:
    """The counts of one section, folder, … of a part."""

    name: str
    passed: int
    failed: int
    not_run: int
    of: int
    stub: int | None = None  # what a stub passes, whose every method raises: it proves nothing


@dataclass(frozen=True)
class Part:
    """What came of a full run."""

    name: str  # that of its file
    title: str
    measured: str  # the editions of the texts, the commit of the tests, …; "" if there is nothing to say
    rows: tuple[Row, ...]
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    commit: str = field(default_factory=lambda: commit_of(ROOT) or "unknown")  # ours

    @property
    def total(self) -> Row:
        stubs = [row.stub for row in self.rows if row.stub is not None]
        return Row(
            self.title,
            sum(row.passed for row in self.rows),
            sum(row.failed for row in self.rows),
            sum(row.not_run for row in self.rows),
            sum(row.of for row in self.rows),
            sum(stubs) if stubs else None,
        )


def commit_of(checkout: Path) -> str:
    """The commit that is checked out in a folder, with a "+" when something was changed; "" when it is no checkout."""
    try:
        top = _git(checkout, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != checkout.resolve():  # a folder in a checkout of something else
            return ""
        results = RESULTS.relative_to(ROOT).as_posix()
        status = _git(checkout, "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{results}", ":!*.md")
        return _git(checkout, "rev-parse", "--short=12", "HEAD") + ("+" if status else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


# The files ---------------------------------------------------------------------------------------------


def write(part: Part, folder: Path = RESULTS) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{part.name}.json").write_text(dump(part), encoding="utf-8")


def dump(part: Part) -> str:
    """The text of a file; a line for each row."""
    data = asdict(part)
    rows = data.pop("rows")
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}," for key, value in data.items()]
    texts = [f"  {json.dumps(row, ensure_ascii=False)}" for row in rows]
    return "\n".join(["{", *lines, ' "rows": [', ",\n".join(texts), " ]", "}"]) + "\n"


def load(folder: Path = RESULTS) -> list[Part]:
    """All parts that were recorded, in the order of the table.

    Raises:
        RecordError: a file is none of results.
    """
    return in_order(_load(path) for path in folder.glob("*.json"))


def in_order(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (ORDER.index(part.name) if part.name in ORDER else len(ORDER), part.name))


def _load(path: Path) -> Part:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Part(**(data | {"rows": tuple(Row(**row) for row in data["rows"])}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RecordError(f"{path}: no results: {error}") from error
