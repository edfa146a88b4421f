"""The table in the README is that of the last run, and of all that there is to try."""

from __future__ import annotations

from .checks import CHECKS
from .table import Row, markdown, recorded, shown


def test_the_readme_shows_what_was_recorded() -> None:
    assert shown() == markdown(recorded())


def test_everything_was_tried_and_nothing_went_wrong() -> None:
    rows = recorded()
    assert [row.scenario for row in rows] == list(CHECKS)
    assert all(row.is_clean and row.tried > 0 for row in rows)


def test_the_last_line_is_the_sum() -> None:
    rows = [Row("a", tried=1000, lost=1), Row("b", tried=2, leaked=3, let_in=4)]
    assert markdown(rows).splitlines()[-1] == "| **all** | 1,002 | 1 | 3 | 4 |"


def test_a_row_tells_what_went_wrong_as_far_as_it_is_worth_reading() -> None:
    row = Row("a", tried=10)
    assert row.is_clean
    row.add(Row("b", tried=7, lost=7, notes=[f"note {number}" for number in range(7)]))
    assert not row.is_clean
    lines = row.describe().splitlines()
    assert lines == ["a: of 17, 7 lost, 0 leaked, 0 let in", *(f"note {number}" for number in range(5)), "… and 2 more"]
