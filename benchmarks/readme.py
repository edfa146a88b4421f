"""The table of the README, made from what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .measured import Results, meets, meets_compiled
from .rows import COMPILED, OURS
from .table import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rows import Row

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- benchmarks: what is between these two lines is made by `make bench` -->"
END = "<!-- benchmarks: end -->"


def beside_its_peers(row: Row, results: Results) -> Iterator[str]:
    for contender in row.peers:
        ratio = results.ratio(row, contender.name)
        if ratio is None:
            continue
        aims = [aim for aim in row.aims if aim.peer == contender.name]
        if not aims:
            yield f"{contender.name} {ratio:.2f}"
        for aim in aims:
            share = results.ratio(row, aim.peer, aim.of_row)
            if share is None:
                continue
            name = f"{contender.name}, each as a share of its {aim.of_row}," if aim.of_row else contender.name
            missed = "" if meets(row, results, aim) else ", missed"
            yield f"{name} **{share:.2f}** ({aim.at_least:g}{missed})"
    if row.at_most is not None:
        median = results.median(row.name, OURS)
        missed = "" if median is not None and median <= row.at_most else ", missed"
        yield f"(at most {row.at_most:g}{missed})"


def of_the_compiled(row: Row, results: Results) -> str:
    """What is in the column of the compiled packages."""
    median = results.median(row.name, COMPILED)
    if median is None:
        return ""
    parts = [number(median)]
    for aim in row.aims:
        share = results.ratio(row, aim.peer, aim.of_row, COMPILED)
        if aim.compiled is not None and share is not None:
            missed = "" if meets_compiled(row, results, aim) else ", missed"
            parts.append(f"{aim.peer} **{share:.2f}** ({aim.compiled:g}{missed})")
    return " · ".join(parts)


def markdown(rows: tuple[Row, ...], results: Results) -> str:
    compiled = any(results.median(row.name, COMPILED) is not None for row in rows)
    column = "compiled | " if compiled else ""
    lines = [f"| row | this project | {column}times the rate of its peers (aim) |", "|---|---|---|" + "---|" * compiled]
    for row in rows:
        median = results.median(row.name, OURS)
        if median is not None:
            spread = f"± {100 * results.spread(row.name, OURS):.0f} %"
            peers = " · ".join(beside_its_peers(row, results))
            column = f"{of_the_compiled(row, results)} | " if compiled else ""
            lines.append(f"| {row.title} | {number(median)} {row.unit} {spread} | {column}{peers} |")
    settings = ", ".join(f"{name} {value}" for name, value in results.settings.items())
    return "\n".join([*lines, "", f"Measured with {settings}."])


def with_table(text: str, table: str) -> str:
    """The text of the README, with this table between the markers."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def update(rows: tuple[Row, ...], results: Results) -> None:
    README.write_text(with_table(README.read_text(), markdown(rows, results)))
