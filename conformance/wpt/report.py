"""What a run comes to, against denominators and expectations, beside a stub: a table, JSON and JUnit XML."""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .files import FileResult, Subtest

HERE = Path(__file__).parent
EXPECTATIONS = HERE / "expectations.toml"
DENOMINATORS = HERE / "denominators.json"

#: Statuses of subtests that say nothing of us; unexpected all the same.
_NOT_RUN = {"NOTRUN", "PRECONDITION_FAILED"}


@dataclass
class Expectation:
    """A subtest, or a file, that is excluded or expected to fail; both names may be patterns."""

    file: str
    reason: str
    subtest: str = "*"
    used: bool = False

    def covers(self, file: str, subtest: str) -> bool:
        return fnmatchcase(file, self.file) and (self.subtest == subtest or fnmatchcase(subtest, self.subtest))


@dataclass
class Expectations:
    """The two grades."""

    excluded: list[Expectation] = field(default_factory=list)
    fails: list[Expectation] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path = EXPECTATIONS) -> Expectations:
        """Read them.

        Raises:
            ValueError: an entry is of another grade, or has no file, no reason, or something else.
        """
        loaded = cls()
        for grade, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if grade not in {"excluded", "fails"}:
                raise ValueError(f"{path}: [[{grade}]] is neither [[excluded]] nor [[fails]]")
            for entry in entries:
                if not str(entry.get("reason", "")).strip():
                    raise ValueError(f"{path}: the expectation for {entry.get('file')} has no reason")
                unknown = entry.keys() - {"file", "subtest", "reason"}
                if "file" not in entry or unknown:
                    raise ValueError(f"{path}: an expectation has a file, a subtest and a reason: {entry}")
                getattr(loaded, grade).append(Expectation(**entry))
        return loaded

    def whole_file_is_excluded(self, file: str) -> bool:
        """Whether nothing of the file is of interest, so that it need not even run."""
        return any(one.subtest == "*" and fnmatchcase(file, one.file) for one in self.excluded)

    @staticmethod
    def _find(grade: list[Expectation], file: str, subtest: str) -> Expectation | None:
        for one in grade:
            if one.covers(file, subtest):
                one.used = True
                return one
        return None

    def is_excluded(self, file: str, subtest: str) -> Expectation | None:
        return self._find(self.excluded, file, subtest)

    def is_to_fail(self, file: str, subtest: str) -> Expectation | None:
        return self._find(self.fails, file, subtest)


@dataclass
class Score:
    """Counts of subtests."""

    passed: int = 0
    failed: int = 0
    not_run: int = 0
    total: int = 0
    stub: int = 0

    def add(self, other: Score) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.not_run += other.not_run
        self.total += other.total
        self.stub += other.stub


class Report:
    """All results; and, where they are given, those of a stub whose every method raises."""

    def __init__(
        self,
        results: Iterable[FileResult],
        expectations: Expectations,
        denominators: dict[str, int],
        stub: Iterable[FileResult] | None = None,
    ) -> None:
        self.results = sorted(results, key=lambda result: result.file)
        self.expectations = expectations
        self.denominators = denominators
        self.scores = {result.file: self._score(result) for result in self.results}
        self.stub = None if stub is None else {result.file: result for result in stub}
        self.unexpected = [line for result in self.results for line in self._unexpected(result)]
        self.unexpected += self._stale_expectations()

    def _score(self, result: FileResult) -> Score:
        """A fixed denominator: what a file that broke did not get to, has failed.

        Of a file whose denominator is not known, one subtest has failed at least.
        """
        score = Score()
        for subtest in result.subtests:
            if subtest.status == "PASS":
                score.passed += 1
            elif subtest.status in _NOT_RUN:
                score.not_run += 1
            else:
                score.failed += 1
        seen = len(result.subtests)
        least = 1 if result.error and not seen else 0
        score.total = max(self.denominators.get(result.file, least), seen)
        score.failed += score.total - seen
        return score

    def _unexpected(self, result: FileResult) -> Iterable[str]:
        for subtest in result.subtests:
            line = self._unexpected_subtest(result.file, subtest)
            if line is not None:
                yield line
        missing = self.scores[result.file].total - len(result.subtests)
        if (missing or result.error) and not self.expectations.is_excluded(result.file, ""):
            said = result.error.strip() or "fewer subtests than there were"
            yield f"{result.file}: {f'{missing} subtests are missing: ' if missing else ''}{said}"
        known = self.denominators.get(result.file)
        if known is not None and len(result.subtests) > known:
            yield f"{result.file}: {len(result.subtests)} subtests, where the denominator is {known}; update it"

    def _unexpected_subtest(self, file: str, subtest: Subtest) -> str | None:
        if self.expectations.is_excluded(file, subtest.name):
            return None
        expected = self.expectations.is_to_fail(file, subtest.name)
        if subtest.status == "PASS":
            return None if expected is None else f"{file}: {subtest.name}: passes, though it is expected to fail"
        return None if expected is not None else f"{file}: {subtest.name}: {subtest.status} {subtest.message}".rstrip()

    def _stale_expectations(self) -> Iterable[str]:
        """Expected failures in files that ran, of subtests that are not there."""
        for one in self.expectations.fails:
            if not one.used and any(fnmatchcase(result.file, one.file) for result in self.results):
                yield f"{one.file}: {one.subtest}: expected to fail, but there is no such subtest"

    def vacuous(self, file: str) -> list[str]:
        """The subtests that the stub passes, too."""
        result = None if self.stub is None else self.stub.get(file)
        return [] if result is None else [subtest.name for subtest in result.subtests if subtest.status == "PASS"]

    def by_folder(self) -> dict[str, Score]:
        """Scores of folders, and of all."""
        folders: dict[str, Score] = {}
        for file, score in self.scores.items():
            folder = folders.setdefault(_folder(file), Score())
            folder.add(score)
            folder.stub += len(self.vacuous(file))
        everything = Score()
        for score in folders.values():
            everything.add(score)
        return {**folders, "all": everything}

    def table(self) -> str:
        """For people."""
        rows = [f"{'':<44}{'passed':>8}{'failed':>8}{'not run':>9}{'of':>7}{'stub':>7}"]
        rows += [
            f"{folder:<44}{score.passed:>8}{score.failed:>8}{score.not_run:>9}{score.total:>7}"
            f"{'-' if self.stub is None else score.stub:>7}"
            for folder, score in self.by_folder().items()
        ]
        return "\n".join(rows)

    def _broke(self, result: FileResult) -> bool:
        return bool(result.error) or self.scores[result.file].total > len(result.subtests)

    def write_json(self, path: Path) -> None:
        data: dict[str, Any] = {
            "folders": {folder: asdict(score) for folder, score in self.by_folder().items()},
            "unexpected": self.unexpected,
            "files": [
                asdict(result) | {"score": asdict(self.scores[result.file]), "vacuous": self.vacuous(result.file)}
                for result in self.results
            ],
        }
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def write_junit(self, path: Path) -> None:
        root = ET.Element("testsuites")
        for result in self.results:
            score = self.scores[result.file]
            suite = ET.SubElement(
                root, "testsuite", name=result.file, tests=str(score.total), failures=str(score.failed),
                skipped=str(score.not_run), errors="1" if self._broke(result) else "0", time=f"{result.seconds:.3f}",
            )  # fmt: skip
            for subtest in result.subtests:
                case = ET.SubElement(suite, "testcase", classname=result.file, name=_xml(subtest.name))
                if subtest.status in _NOT_RUN:
                    ET.SubElement(case, "skipped")
                elif subtest.status != "PASS":
                    ET.SubElement(case, "failure", type=subtest.status, message=_xml(subtest.message))
            if self._broke(result):
                case = ET.SubElement(suite, "testcase", classname=result.file, name="(the file)")
                ET.SubElement(case, "error", message=_xml(result.error or "subtests are missing"))
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _folder(file: str) -> str:
    parts = file.split("?", maxsplit=1)[0].split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else "/".join(parts).removesuffix(".any.js")


def _xml(text: str) -> str:
    """Without the characters that XML can not hold."""
    return "".join(
        char if char in "\t\n" or (char >= " " and not "\ud800" <= char <= "\udfff") else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
