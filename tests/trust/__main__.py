"""Tries everything, prints the table, and keeps it: `make trust`.

With words as arguments only the rows that have all of them are tried; what the others came to last time is kept.
"""

from __future__ import annotations

import logging
import sys

from tests.support.namespaces import NoNamespacesError

from .checks import CHECKS
from .guest import NoGuestError
from .table import markdown, record, recorded


def main(words: list[str]) -> int:
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that a callback is slow is no news here
    rows = {row.scenario: row for row in recorded()}
    for name, check in CHECKS.items():
        if all(word in name for word in words):
            try:
                rows[name] = check(name)
            except (NoGuestError, NoNamespacesError) as error:
                sys.stdout.write(f"NOT TRIED HERE, {name}: {error}\n")
                continue
            sys.stdout.write(f"{rows[name].describe()}\n")
            sys.stdout.flush()
    known = [rows[name] for name in CHECKS if name in rows]
    record(known)
    sys.stdout.write(f"\n{markdown(known)}")
    return 0 if all(row.is_clean for row in known) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
