"""The tables of the READMEs are what was recorded; and recording."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from conformance import tables
from conformance.__main__ import main
from conformance.parts import of_spec_index, of_tests
from conformance.record import RESULTS, Part, RecordError, Row, commit_of, dump, in_order, load, write
from conformance.spec.model import ROOT

PART = Part("own", "Tests", "a thing", (Row("a", 3, 1, 0, 4), Row("b", 2, 0, 1, 3, 1)), "2030-05-01", "abc")


# The READMEs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", tables.READMES, ids=lambda path: path.parent.name)
def test_the_tables_are_what_was_recorded(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "<!-- results: " in text
    assert tables.renewed(text, load()) == text, "make conformance-table"


def test_the_recorded_parts_are_there_and_written_as_they_were_read() -> None:
    parts = load()
    assert {"spec", "idl", "own", "wpt"} <= {part.name for part in parts}
    for part in parts:
        path = RESULTS / f"{part.name}.json"
        assert path.read_text(encoding="utf-8") == dump(part)


def test_the_counts_of_each_row_add_up() -> None:
    wrong = [row for part in load() for row in part.rows if row.passed + row.failed + row.not_run != row.of]
    assert wrong == []


# Tables -----------------------------------------------------------------------------------------------

EXPECTED = """\
| | passed | failed | not run | of | stub |
|---|--:|--:|--:|--:|--:|
| **Tests** | 5 | 1 | 1 | 7 | 1 |
| a | 3 | 1 |  | 4 |  |
| b | 2 |  | 1 | 3 | 1 |

Tests: of a thing, run on 2030-05-01 at commit abc.
"""


def test_a_table_has_each_part_with_its_total_and_its_rows() -> None:
    assert tables.text_of([PART]) + "\n" == EXPECTED


@pytest.mark.parametrize("name", ["own", "all"])
def test_a_readme_has_the_tables_between_its_markers(name: str) -> None:
    readme = f"Before.\n\n<!-- results: {name} -->\nold\n<!-- end of results -->\n\nAfter.\n"
    new = readme.replace("old\n", EXPECTED)
    assert tables.renewed(readme, [PART]) == new
    assert tables.renewed(new, [PART]) == new


def test_a_marker_of_what_was_not_recorded_is_an_error() -> None:
    with pytest.raises(RecordError, match="no results of 'other'"):
        tables.renewed("<!-- results: other -->\n<!-- end of results -->", [PART])


@pytest.mark.parametrize("name", ["spec", "idl"])
def test_a_readme_has_the_deviations_between_their_markers(name: str) -> None:
    new = tables.renewed(f"<!-- deviations: {name} -->\nold\n<!-- end of deviations -->\n", [])
    text = (ROOT / "conformance" / name / "deviations.toml").read_text(encoding="utf-8")
    reasons = re.findall(r'^reason = "(.*)"$', text, re.MULTILINE)
    assert reasons
    assert [line.split(" | ")[-1].removesuffix(" |") for line in new.splitlines()[3:-1]] == reasons


def test_renewing_writes_what_is_other_than_before(tmp_path: Path) -> None:
    write(PART, tmp_path / "results")
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results: all -->\n<!-- end of results -->\n", encoding="utf-8")
    assert tables.renew([readme], tmp_path / "results") == [readme]
    assert EXPECTED in readme.read_text(encoding="utf-8")
    assert tables.renew([readme], tmp_path / "results") == []


# Records ------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write(PART, tmp_path)
    assert load(tmp_path) == [PART]


def test_parts_have_an_order_and_unknown_ones_come_last() -> None:
    parts = [Part(name, "", "", (), "", "") for name in ("zzz", "wpt", "aaa", "spec", "order")]
    assert [part.name for part in in_order(parts)] == ["spec", "wpt", "order", "aaa", "zzz"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{"name": "a"}]}', '{"name": "a", "rows": []}', "{"])
def test_what_is_no_record_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"own\.json: no results"):
        load(tmp_path)


def test_a_folder_that_is_no_checkout_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    assert commit_of(tmp_path / "nothing") == ""


def test_a_checkout_has_a_commit_and_says_when_something_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    git("add", "file")
    git("commit", "-m", "one")
    commit = commit_of(tmp_path)
    assert len(commit) == 12
    (tmp_path / "file").write_text("two", encoding="utf-8")
    assert commit_of(tmp_path) == f"{commit}+"
    (tmp_path / "folder").mkdir()
    assert commit_of(tmp_path / "folder") == ""


# The parts that are measured here -----------------------------------------------------------------------

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite>
<testcase classname="conformance.test_idl" name="a"><properties><property name="web_idl_of" value="streams"/>
<property name="cases" value="10"/><property name="failed" value="2"/></properties><failure message="x"/></testcase>
<testcase classname="conformance.test_idl" name="b"><properties><property name="web_idl_of" value="streams"/>
<property name="cases" value="5"/><property name="failed" value="0"/></properties></testcase>
<testcase classname="conformance.streams.test_tee" name="a"/>
<testcase classname="conformance.streams.test_tee" name="b"><failure message="x"/></testcase>
<testcase classname="conformance.streams.deeper.test_tee" name="c"><error message="x"/></testcase>
<testcase classname="conformance.streams.test_4_9_1_pipe_to" name="a"/>
<testcase classname="conformance.sockets.test_1_1_tcp_socket" name="a"/>
<testcase classname="conformance.test_spec_index" name="a"><skipped message="x"/></testcase>
</testsuite></testsuites>
"""


def test_what_pytest_writes_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "tests.xml"
    path.write_text(JUNIT, encoding="utf-8")
    web_idl, own = of_tests(path)
    assert web_idl.rows == (Row("Streams", 13, 2, 0, 15),)
    assert own.rows == (
        Row("Direct Sockets §1.1 tcp socket", 1, 0, 0, 1),
        Row("Streams", 1, 2, 0, 3),
        Row("Streams §4.9.1 pipe to", 1, 0, 0, 1),
        Row("of the checks themselves", 0, 0, 1, 1),
    )


def test_what_pytest_did_not_write_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no results of pytest"):
        of_tests(tmp_path / "tests.xml")


def test_the_spec_index_counts_definitions_and_steps() -> None:
    part, findings = of_spec_index()
    assert findings == []
    assert any(row.name == "Streams §7 Queuing strategies: steps" for row in part.rows)
    assert any(row.name == "Direct Sockets: definitions" for row in part.rows)


# The command line -----------------------------------------------------------------------------------------


def test_only_what_was_run_whole_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--record", "--", "-k", "nothing"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_command_says_whether_the_tables_are_what_was_recorded() -> None:
    assert main(["table", "--check"]) == 0
