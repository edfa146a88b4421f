"""The results as a table, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from .measured import meets, meets_compiled
from .rows import COMPILED, ON_3_13, OURS, SHARE_ON_3_13

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .measured import Results
    from .rows import Row


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def comparisons(row: Row, results: Results) -> Iterator[tuple[str, str, str, str]]:
    """For each peer: its name, its median, our ratio to it, and the aim."""
    for contender in row.peers:
        median = results.median(row.name, contender.name)
        ratio = results.ratio(row, contender.name)
        if median is None or ratio is None:
            yield contender.name, "not found", "", ""
            continue
        aims = [aim for aim in row.aims if aim.peer == contender.name]
        of = f"{number(median)} ± {100 * results.spread(row.name, contender.name):.0f} %"
        if not aims:
            yield contender.name, of, f"{ratio:.2f}", ""
        for aim in aims:
            share = results.ratio(row, aim.peer, aim.of_row)
            if share is None:
                yield contender.name, of, "", f"{aim.at_least:g}"
                continue
            name = contender.name + (f", as a share of its {aim.of_row}" if aim.of_row else "")
            missed = "" if meets(row, results, aim) else " missed"
            yield name, of, f"{share:.2f}", f"{aim.at_least:g}{missed}"
        yield from of_the_compiled(row, results, contender.name)
    for other, aim_of_it in ((COMPILED, ""), (ON_3_13, f"{SHARE_ON_3_13}")):
        median, times = results.median(row.name, other), results.ratio(row, OURS, whose=other)
        if median is not None and times is not None:
            missed = " missed" if aim_of_it and round(times, 2) < SHARE_ON_3_13 else ""
            spread = f"± {100 * results.spread(row.name, other):.0f} %"
            yield f"{other}, to {OURS}", f"{number(median)} {spread}", f"{times:.2f}", f"{aim_of_it}{missed}"
    if row.at_most is not None:
        median = results.median(row.name, OURS)
        missed = "" if median is not None and median <= row.at_most else " missed"
        yield "", "", "", f"at most {row.at_most:g}{missed}"


def of_the_compiled(row: Row, results: Results, peer: str) -> Iterator[tuple[str, str, str, str]]:
    """How the compiled packages compare with the peer, where that is an aim."""
    for aim in row.aims:
        ratio = results.ratio(row, peer, aim.of_row, COMPILED)
        if aim.peer == peer and aim.compiled is not None and ratio is not None:
            missed = "" if meets_compiled(row, results, aim) else " missed"
            yield f"{peer}, to {COMPILED}", "", f"{ratio:.2f}", f"{aim.compiled:g}{missed}"


def table_of(rows: Iterable[Row], results: Results) -> Table:
    table = Table("row", "unit", OURS, "peer", "its median", "ratio", "aim", box=None)
    for row in rows:
        median = results.median(row.name, OURS)
        if median is None:
            continue
        first = (row.title, row.unit, f"{number(median)} ± {100 * results.spread(row.name, OURS):.0f} %")
        for comparison in comparisons(row, results):
            table.add_row(*first, *comparison)
            first = ("", "", "")
    return table
