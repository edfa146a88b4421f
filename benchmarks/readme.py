"""The table of the README, made from what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .measured import Results, meets, meets_compiled
from .rows import COMPILED, ON_3_13, OURS, SHARE_ON_3_13
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


def on_3_13(row: Row, results: Results) -> str:
    """What is in the column of the other version of Python."""
    share = results.ratio(row, OURS, whose=ON_3_13)
    if share is None:
        return ""
    return f"{share:.2f}" if round(share, 2) >= SHARE_ON_3_13 else f"{share:.2f}, missed"


def markdown(rows: tuple[Row, ...], results: Results) -> str:
    columns = {
        "compiled": (COMPILED, of_the_compiled),
        f"on 3.13, as a share ({SHARE_ON_3_13})": (ON_3_13, on_3_13),
    }
    more = {
        title: cell
        for title, (contender, cell) in columns.items()
        if any(results.median(row.name, contender) is not None for row in rows)
    }
    titles = ["row", "this project", *more, "times the rate of its peers (aim)"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in rows:
        median = results.median(row.name, OURS)
        if median is not None:
            spread = f"± {100 * results.spread(row.name, OURS):.0f} %"
            peers = " · ".join(beside_its_peers(row, results))
            cells = [row.title, f"{number(median)} {row.unit} {spread}"]
            lines.append(f"| {' | '.join([*cells, *(cell(row, results) for cell in more.values()), peers])} |")
    settings = ", ".join(f"{name} {value}" for name, value in results.settings.items())
    return "\n".join([*lines, "", f"Measured with {settings}."])


def with_table(text: str, table: str) -> str:
    """The text of the README, with this table between the markers."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def update(rows: tuple[Row, ...], results: Results) -> None:
    README.write_text(with_table(README.read_text(), markdown(rows, results)))
