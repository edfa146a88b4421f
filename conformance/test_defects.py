"""Deliberate defects: that each can still be made, and how they are shown. They are tried by `make defects`."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.defects.__main__ import ROOT, Copy, Defect, DefectError, load, renewed, table


@pytest.mark.parametrize("defect", load(), ids=lambda defect: defect.name)
def test_a_defect_can_be_made(defect: Defect, tmp_path: Path) -> None:
    path = tmp_path / "packages/whatwg_streams" / defect.file
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / "packages/whatwg_streams" / defect.file).read_text())
    defect.make(tmp_path)
    compile(path.read_text(), defect.file, "exec")
    assert defect.new in path.read_text()


def test_there_are_at_least_ten_of_them() -> None:
    assert len({defect.name for defect in load()}) >= 10


def test_a_defect_whose_lines_have_changed(tmp_path: Path) -> None:
    (tmp_path / "packages/whatwg_streams").mkdir(parents=True)
    (tmp_path / "packages/whatwg_streams/a.py").write_text("x = 1\n")
    with pytest.raises(DefectError, match=r"a\.py has changed, and the defect 'name' fits no longer"):
        Defect("name", "a.py", "y = 1", "y = 2").make(tmp_path)


def test_what_runs_is_the_copy(tmp_path: Path) -> None:
    copy = Copy(tmp_path, fast_paths=False)
    shows = "import sys, whatwg_streams, conformance; sys.exit(not all(m.__file__.startswith(sys.argv[1]) for m in "
    assert copy.run("-c", f"{shows}(whatwg_streams,)))", str(tmp_path)) == 0


def test_the_table() -> None:
    rows = {"a": {"one": "", "two": "3 programs"}, "b": {"one": "caught", "two": ""}}
    text = table(rows, ["one", "two"])
    assert text.splitlines() == [
        "| defect | one | two |",
        "|---|---|---|",
        "| a |  | 3 programs |",
        "| b | caught |  |",
    ]
    readme = "before\n<!-- defects -->\nold\n<!-- end of defects -->\nafter\n"
    assert renewed(readme, text) == readme.replace("old", text)
