"""Makes the data files from the texts of the standards."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final

from . import bikeshed, respec
from .model import HERE, STANDARDS, SpecError, dump, read_toml

#: Environment variables that say where the texts are.
VARIABLES: Final = {"streams": "STREAMS_TEXT", "direct_sockets": "DIRECT_SOCKETS_TEXT"}


def extract(standard: str, path: Path, folder: Path = HERE) -> str:
    """The data file of a standard, from its text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: can not be read: {error}") from error
    names = read_toml(folder / "hand_made.toml")
    extractor = {"streams": bikeshed.extract, "direct_sockets": respec.extract}[standard]
    return dump(extractor(text, names))


def difference(standard: str, path: Path, folder: Path = HERE) -> str:
    """What the text has that the data file has not, and the other way round; "" when there is nothing."""
    data_file = folder / f"{standard}.toml"
    before = data_file.read_text(encoding="utf-8") if data_file.exists() else ""
    after = extract(standard, path, folder)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(data_file), str(path), lineterm="", n=4)
    return "\n".join(lines)


def texts(given: dict[str, Path | None]) -> dict[str, Path]:
    """The texts that are given, or else named by the environment."""
    found = {}
    for standard in STANDARDS:
        path = given.get(standard) or os.environ.get(VARIABLES[standard])
        if path:
            found[standard] = Path(path)
    return found
