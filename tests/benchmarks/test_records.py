from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks import readme
from benchmarks.all_rows import QUICK, ROWS, WHOLE
from benchmarks.check import ATTEMPTS, check
from benchmarks.measured import Results, meets
from benchmarks.rows import COMPILED, ON_3_13, OURS, Aim, Contender, Row

PEER = Contender("peer", "program", ())
ROW = Row("row", "a row", (Contender(OURS, "program", ()), PEER), (Aim("peer", 2.0),), quick=("peer",))
COST = Row("cost", "a cost", ROW.contenders, (Aim("peer", 2.0),), cost=True)


def results_of(ours: list[float], peers: list[float], row: str = "row") -> Results:
    return Results({}, {row: {OURS: ours, "peer": peers}})


def test_the_table_of_the_readme_is_what_was_recorded() -> None:
    text = readme.README.read_text()
    assert readme.with_table(text, readme.markdown(ROWS, Results.read(WHOLE))) == text


def test_every_row_was_recorded() -> None:
    assert set(Results.read(WHOLE).values) == {row.name for row in ROWS}
    assert set(Results.read(QUICK).values) == {row.name for row in ROWS if row.quick}


def test_no_two_rows_have_the_same_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_every_aim_and_every_quick_peer_is_of_a_contender() -> None:
    for row in ROWS:
        peers = {contender.name for contender in row.contenders[1:]}
        assert row.contenders[0].name == OURS
        assert {aim.peer for aim in row.aims} | set(row.quick) <= peers


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    results = results_of([10.0, 30.0, 20.0], [10.0, 10.0, 40.0])
    assert results.ratio(ROW, "peer") == 1.0


def test_more_is_better_for_costs_too() -> None:
    assert results_of([10.0], [30.0], "cost").ratio(COST, "peer") == 3.0


def test_a_share_divides_each_rate_by_that_of_another_row() -> None:
    results = Results({}, {"row": {OURS: [30.0], "peer": [10.0]}, "other": {OURS: [10.0], "peer": [10.0]}})
    assert results.ratio(ROW, "peer", "other") == 3.0


def test_an_aim_at_a_peer_that_was_not_found_is_neither_met_nor_missed() -> None:
    results = Results({}, {"row": {OURS: [1.0]}})
    assert meets(ROW, results, ROW.aims[0]) is None
    assert not meets(ROW, results_of([1.9], [1.0]), ROW.aims[0])
    assert meets(ROW, results_of([2.0], [1.0]), ROW.aims[0])


def test_a_row_that_misses_its_aim_is_shown_as_such() -> None:
    assert "peer **1.50** (2, missed)" in readme.markdown((ROW,), results_of([1.5], [1.0]))
    assert "peer **2.50** (2)" in readme.markdown((ROW,), results_of([2.5], [1.0]))


def test_the_compiled_packages_have_a_column_where_they_were_measured() -> None:
    row = dataclasses.replace(ROW, aims=(Aim("peer", 2.0, 3.0),))
    results = results_of([2.0], [1.0])
    assert "compiled" not in readme.markdown((row,), results)
    results.add("row", COMPILED, 2.5)
    assert "| 2.5 · peer **2.50** (3, missed) | peer **2.00** (2) |" in readme.markdown((row,), results)
    results.values["row"][COMPILED] = [3.0]
    assert "| 3 · peer **3.00** (3) | peer **2.00** (2) |" in readme.markdown((row,), results)


def test_another_python_has_a_column_where_it_was_measured() -> None:
    results = results_of([2.0], [1.0])
    results.add("row", ON_3_13, 1.8)
    assert "| 0.90 | peer **2.00** (2) |" in readme.markdown((ROW,), results)
    results.values["row"][ON_3_13] = [1.6]
    assert "| 0.80, missed | peer **2.00** (2) |" in readme.markdown((ROW,), results)


def test_a_row_that_stays_slower_fails_after_so_many_attempts() -> None:
    again: list[str] = []

    def measure_again(row: Row) -> Results:
        again.append(row.name)
        return results_of([0.69], [1.0])

    failures = check([ROW], results_of([1.0], [1.0]), results_of([0.5], [1.0]), measure_again)
    assert failures == ["row: 0.69 of peer, recorded was 1.00"]
    assert len(again) == ATTEMPTS - 1


def test_a_row_that_was_slower_once_passes() -> None:
    recorded = results_of([1.0], [1.0])
    assert not check([ROW], recorded, results_of([0.5], [1.0]), lambda _: results_of([0.8], [1.0]))


def test_a_row_whose_peer_is_missing_is_not_compared() -> None:
    recorded = results_of([1.0], [1.0])
    assert not check([ROW], recorded, Results({}, {"row": {OURS: [0.1]}}), lambda _: pytest.fail("measured again"))


def test_results_read_are_those_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = results_of([1.25, 3.0], [2.0, 4.0])
    results.write(path)
    assert Results.read(path) == results


def test_what_was_measured_replaces_the_same_rows_only() -> None:
    old = Results({"rounds": 5}, {"row": {OURS: [1.0]}, "other": {OURS: [2.0]}})
    new = Results({"rounds": 3}, {"row": {OURS: [3.0]}})
    assert new.over(old) == Results({"rounds": 3}, {"row": {OURS: [3.0]}, "other": {OURS: [2.0]}})
