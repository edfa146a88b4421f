"""Whether a quick row has become slower, against its peer, than it was when the ratios were recorded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .measured import Results
    from .rows import Row

#: So much of a recorded ratio is left to the noise of the machine.
TOLERATED = 0.7
#: How often a row that seems slower is measured again.
ATTEMPTS = 3


def slower(row: Row, recorded: Results, measured: Results) -> list[str]:
    """What to say of the ratios that have fallen below what is tolerated."""
    found: list[str] = []
    for peer in row.quick:
        before, now = recorded.ratio(row, peer), measured.ratio(row, peer)
        if before is not None and now is not None and now < TOLERATED * before:
            found.append(f"{row.name}: {now:.2f} of {peer}, recorded was {before:.2f}")
    return found


def check(
    rows: Iterable[Row], recorded: Results, measured: Results, measure_again: Callable[[Row], Results]
) -> list[str]:
    """What has become slower, and stays so when it is measured again."""
    failures: list[str] = []
    for row in rows:
        found = slower(row, recorded, measured)
        for _ in range(ATTEMPTS - 1):
            if not found:
                break
            print(f"once more, for {found[0]}", file=sys.stderr)
            found = slower(row, recorded, measure_again(row))
        failures += found
    return failures
