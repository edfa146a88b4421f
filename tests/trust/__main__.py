"""Tries everything, prints the table, and keeps it: `make trust`.

With words as arguments only the rows that have all of them are tried, and nothing is kept.
"""

from __future__ import annotations

import logging
import sys

from .checks import CHECKS
from .table import Row, markdown, record


def main(words: list[str]) -> int:
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that a callback is slow is no news here
    rows = list[Row]()
    for name, check in CHECKS.items():
        if all(word in name for word in words):
            row = check(name)
            sys.stdout.write(f"{row.describe()}\n")
            sys.stdout.flush()
            rows.append(row)
    sys.stdout.write(f"\n{markdown(rows)}")
    if not words:
        record(rows)
    return 0 if all(row.is_clean for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
