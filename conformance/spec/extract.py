"""Makes the data files from the texts of the standards."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import bikeshed, respec
from .model import HERE, STANDARDS, SpecError, dump, read_toml

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

#: Environment variables that say where the texts are.
VARIABLES: Final = {"streams": "STREAMS_TEXT", "direct_sockets": "DIRECT_SOCKETS_TEXT"}


def read_text(path: Path) -> str:
    """The text of a standard."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: can not be read: {error}") from error


def extract(standard: str, path: Path, folder: Path = HERE) -> str:
    """The data file of a standard, from its text."""
    names = read_toml(folder / "hand_made.toml")
    extractor = {"streams": bikeshed.extract, "direct_sockets": respec.extract}[standard]
    return dump(extractor(read_text(path), names))


def difference(data_file: Path, path: Path, after: str) -> str:
    """What the text has that the data file has not, and the other way round; "" when there is nothing."""
    before = data_file.read_text(encoding="utf-8") if data_file.exists() else ""
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


# The command, which is the same for all data files that are made from the texts ---------------------------


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("extract", help="make the data files from the texts of the standards")
    for standard in STANDARDS:
        option = f"--{standard.replace('_', '-')}"
        command.add_argument(option, type=Path, metavar="TEXT", help=f"its text; or set {VARIABLES[standard]}")
    command.add_argument("--check", action="store_true", help="write nothing; show how the data files differ")


def run_command(options: argparse.Namespace, make: Callable[[str, Path], str], folder: Path) -> int:
    """Write the data files of a folder, or say how they differ: then the status is 1."""
    given = texts({standard: getattr(options, standard) for standard in STANDARDS})
    if not given:
        raise SpecError("which text? Give --streams or --direct-sockets")
    status = 0
    for standard, path in given.items():
        data_file = folder / f"{standard}.toml"
        after = make(standard, path)
        different = difference(data_file, path, after)
        if not different:
            print(f"{data_file.name} is what {path} says")
        elif options.check:
            print(different)
            status = 1
        else:
            data_file.write_text(after, encoding="utf-8")
            print(f"{data_file.name} is written")
    return status
