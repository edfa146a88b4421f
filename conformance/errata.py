"""Where the Direct Sockets text breaks: that every number has its note in the source, its row, and its test.

The numbers are those of the table in README.md, under "Direct Sockets". A note in the source is a comment or docstring
that says `NOTE(spec):` and then one number or several; a row names the tests that show what is done.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Numbers that were given and dropped, because nothing is done there but what the text says.
DROPPED = frozenset({24, 26, 27, 32, 39, 41, 45, 51, 52, 54, 55, 60, 65})


class Row(NamedTuple):
    """A row of the table."""

    number: int
    cells: tuple[str, ...]  # what the text says, what is done
    tests: tuple[str, ...]


def rows(readme: str) -> Iterator[Row]:
    """Read the table; cells are between bars that have no backslash before them."""
    for line in readme.splitlines():
        if re.match(r"\| E\d", line):
            first, *cells, tests = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            yield Row(int(first[1:]), tuple(cells), tuple(re.findall(r"`(test_\w+)`", tests)))


def notes(sources: Iterable[str]) -> set[int]:
    """The numbers that have a note in any of the texts."""
    found = (match[1] for text in sources for match in re.finditer(r"NOTE\(spec\):((?: E\d+)+)\b", text))
    return {int(number[1:]) for numbers in found for number in numbers.split()}


def names_of_tests(paths: Iterable[Path]) -> set[str]:
    """The names of all test functions of these modules."""
    return {
        node.name
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def findings(table: Iterable[Row], noted: set[int], tests: set[str], dropped: frozenset[int]) -> Iterator[str]:
    """What is not as it should be."""
    table = list(table)
    numbers = [row.number for row in table]
    if numbers != sorted(set(numbers)):
        yield "the rows are not in the order of their numbers, one for each"
    for number in range(1, max(numbers, default=0) + 1):
        if number in dropped and number in numbers:
            yield f"E{number} has been dropped, and has a row"
        if number not in dropped and number not in numbers:
            yield f"E{number} has no row"
    for row in table:
        if row.number not in noted:
            yield f"E{row.number} has no NOTE(spec) in the source"
        if not all(row.cells):
            yield f"E{row.number} does not say what the text says, or what is done"
        if not row.tests:
            yield f"E{row.number} names no test"
        for test in row.tests:
            if test not in tests:
                yield f"E{row.number} names {test}, which is not there"
    for number in sorted(noted - set(numbers)):
        yield f"E{number} has a NOTE(spec), and no row"
