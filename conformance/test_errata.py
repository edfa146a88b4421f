"""Every place where the Direct Sockets text breaks has its note, its row and its tests; what has not is seen."""

from __future__ import annotations

from pathlib import Path

from conformance import errata
from conformance.errata import Row, findings
from conformance.spec.model import ROOT

CODE = ROOT / "packages" / "direct_sockets"


def test_every_number_has_its_note_its_row_and_its_tests() -> None:
    readme = (ROOT / "conformance" / "README.md").read_text(encoding="utf-8")
    noted = errata.notes(path.read_text(encoding="utf-8") for path in CODE.rglob("*.py"))
    tests = errata.names_of_tests([*(ROOT / "tests").rglob("*.py"), *(ROOT / "conformance").glob("*.py")])
    assert list(findings(errata.rows(readme), noted, tests, errata.DROPPED)) == []


def test_reads_rows_and_notes() -> None:
    readme = (
        "| | the text | here | shown by |\n|---|---|---|---|\n| E7 | a `b\\|c` | d | `test_e`, `test_f` |\n| S1 | x |\n"
    )
    assert list(errata.rows(readme)) == [Row(7, ("a `b\\|c`", "d"), ("test_e", "test_f"))]
    assert errata.notes(["# NOTE(spec): E1 E23 words E9\n", '"""NOTE(spec): E2."""', "# NOTE(spec): none", "E3"]) == {
        1,
        2,
        23,
    }


def test_reads_names_of_tests(tmp_path: Path) -> None:
    module = tmp_path / "test_it.py"
    module.write_text(
        "def test_a(): ...\nclass X:\n    async def test_b(self): ...\ndef helper(): ...\n", encoding="utf-8"
    )
    assert errata.names_of_tests([module]) == {"test_a", "test_b"}


GOOD = [Row(1, ("a", "b"), ("test_a",)), Row(3, ("c", "d"), ("test_a", "test_b"))]
DROPPED = frozenset({2})


def test_sees_what_is_missing() -> None:
    tests = {"test_a", "test_b"}
    assert list(findings(GOOD, {1, 3}, tests, DROPPED)) == []
    assert list(findings(GOOD, {3}, tests, DROPPED)) == ["E1 has no NOTE(spec) in the source"]
    assert list(findings(GOOD, {1, 3, 4}, tests, DROPPED)) == ["E4 has a NOTE(spec), and no row"]
    assert list(findings(GOOD, {1, 3}, {"test_a"}, DROPPED)) == ["E3 names test_b, which is not there"]
    assert list(findings(GOOD[1:], {1, 3}, tests, DROPPED)) == ["E1 has no row", "E1 has a NOTE(spec), and no row"]
    assert list(findings(GOOD, {1, 3}, tests, frozenset())) == ["E2 has no row"]
    assert list(findings(GOOD, {1, 3}, tests, frozenset({2, 3}))) == ["E3 has been dropped, and has a row"]
    assert list(findings(GOOD[::-1], {1, 3}, tests, DROPPED)) == [
        "the rows are not in the order of their numbers, one for each"
    ]
    assert list(findings([Row(1, ("a", ""), ())], {1}, tests, DROPPED)) == [
        "E1 does not say what the text says, or what is done",
        "E1 names no test",
    ]
