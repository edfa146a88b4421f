"""Put each of the deliberate defects into a copy of the packages, and see which parts of the harness catch it.

The status is 0 when each is caught, 1 when one is not, 2 when nothing could be run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
README = ROOT / "conformance/README.md"
_MARKED = re.compile(r"(<!-- defects -->\n).*?(<!-- end of defects -->)", re.DOTALL)

#: How long a part may take, in seconds; one that takes longer has caught the defect, for it does not without one.
_TIME_LIMIT = 240


class DefectError(Exception):
    """A defect can not be made any more, or a part does not run."""


@dataclass(frozen=True)
class Defect:
    """Some text of a file of `packages/whatwg_streams` that becomes another."""

    name: str
    file: str
    old: str
    new: str
    fast_paths: bool = False  # whether they are on
    kind: str = ""  # of the random programs that are to notice; any, without one

    def make(self, root: Path) -> None:
        """Put it into the copy in this folder.

        Raises:
            DefectError: the text is not there exactly once.
        """
        path = root / "packages/whatwg_streams" / self.file
        source = path.read_text(encoding="utf-8")
        if source.count(self.old) != 1:
            raise DefectError(
                f"{self.file} has changed, and the defect {self.name!r} fits no longer: write it anew in defects.toml"
            )
        path.write_text(source.replace(self.old, self.new), encoding="utf-8")


def load() -> list[Defect]:
    entries = tomllib.loads((HERE / "defects.toml").read_text(encoding="utf-8"))["defect"]
    return [Defect(**entry) for entry in entries]


class Copy:
    """A copy of what is needed, to put a defect into."""

    def __init__(self, root: Path, *, fast_paths: bool, kind: str = "") -> None:
        self.root = root
        self.kind = kind
        for folder in ("packages", "conformance", "tests"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "Makefile"):
            shutil.copy(ROOT / file, root / file)
        path = os.pathsep.join((str(root / "packages"), str(root)))
        self.environment = os.environ | {"PYTHONPATH": path, "WHATWG_STREAMS_FAST_PATHS": str(int(fast_paths))}

    def run(self, *arguments: str) -> int | None:
        """The status of `python …` in the copy; None if it took too long."""
        try:
            return subprocess.run(
                [sys.executable, *arguments], cwd=self.root, env=self.environment, capture_output=True, check=False,
                timeout=_TIME_LIMIT,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return None


# What each part says: "" if it did not notice anything ------------------------------------------------


def spec_index(copy: Copy) -> str:
    return "" if copy.run("-m", "conformance.spec", "check") == 0 else "caught"


def web_idl(copy: Copy) -> str:
    return "" if copy.run("-m", "pytest", "conformance/test_idl.py", "-qx") == 0 else "caught"


def own_tests(copy: Copy) -> str:
    folders = sorted({path.parent for path in (copy.root / "conformance").glob("*/test_*.py")})
    if not folders:
        return ""
    return "" if copy.run("-m", "pytest", *map(str, folders), "-qx") == 0 else "caught"


def unit_tests(copy: Copy) -> str:
    return "" if copy.run("-m", "pytest", "tests/whatwg_streams", "-qx") == 0 else "caught"


def web_platform_tests(copy: Copy, wpt: Path) -> str:
    out = copy.root / "wpt.json"
    status = copy.run("-m", "conformance.wpt", "--wpt", str(wpt), "--no-stub", "--seconds", "10", "--json", str(out))
    if status == 0:
        return ""
    if status != 1 or not out.exists():
        return "caught"
    folders = json.loads(out.read_text())["folders"]
    failed = folders["all"]["failed"] + folders["all"]["not_run"]
    return f"{failed} subtests" if failed else "a harness error"


def order(copy: Copy, count: int) -> str:
    out = copy.root / "order.json"
    kind = ("--kind", copy.kind) if copy.kind else ()
    status = copy.run("-m", "conformance.order", "--count", str(count), "--show", "0", "--json", str(out), *kind)
    if status == 0:
        return ""
    if status != 1 or not out.exists():
        return "caught"
    kinds = json.loads(out.read_text())["kinds"]
    return f"{sum(kind.get('differs', 0) for kind in kinds.values())} programs"


#: The parts by their short names; the unit tests take long, and are tried only when asked for.
NAMES = {
    "spec": "spec index", "idl": "Web IDL", "own": "own tests", "wpt": "web-platform-tests", "order": "random programs",
    "unit": "unit tests",
}  # fmt: skip


def _parts(chosen: Sequence[str], wpt: Path | None, count: int) -> dict[str, Callable[[Copy], str]]:
    parts: dict[str, Callable[[Copy], str]] = {
        "spec": spec_index, "idl": web_idl, "own": own_tests, "unit": unit_tests,
        "order": lambda copy: order(copy, count),
    }  # fmt: skip
    if wpt is not None:
        parts["wpt"] = lambda copy: web_platform_tests(copy, wpt)
    return {NAMES[name]: parts[name] for name in NAMES if name in chosen and name in parts}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.defects", description=__doc__)
    parser.add_argument("--wpt", type=Path, help="a checkout of web-platform-tests")
    parser.add_argument("--count", type=int, default=300, help="how many random programs are run (300)")
    parser.add_argument("--part", action="append", choices=list(NAMES), help="only these parts (all but unit)")
    parser.add_argument("--only", metavar="SUBSTRING", help="only defects with this in their name")
    parser.add_argument("--write", action="store_true", help="write the table into conformance/README.md")
    options = parser.parse_args(arguments)
    wpt = options.wpt.resolve() if options.wpt else None
    parts = _parts(options.part or [name for name in NAMES if name != "unit"], wpt, options.count)
    try:
        without = _try(None, parts)
        if any(without.values()):
            raise DefectError(f"without any defect there are findings: {without}")
        rows = {}
        for defect in load():
            if options.only is None or options.only in defect.name:
                rows[defect.name] = _try(defect, parts)
                print(f"{defect.name}: {_said(rows[defect.name])}", flush=True)
    except DefectError as error:
        print(f"conformance.defects: {error}", file=sys.stderr)
        return 2
    text = table(rows, list(parts))
    if options.write:
        README.write_text(renewed(README.read_text(encoding="utf-8"), text), encoding="utf-8")
    missed = [name for name, row in rows.items() if not any(row.values())]
    for name in missed:
        print(f"not caught: {name}")
    print(f"{len(rows) - len(missed)} of {len(rows)} defects are caught")
    return 1 if missed else 0


def _try(defect: Defect | None, parts: dict[str, Callable[[Copy], str]]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        if defect is None:
            copy = Copy(Path(folder), fast_paths=False)
        else:
            copy = Copy(Path(folder), fast_paths=defect.fast_paths, kind=defect.kind)
            defect.make(copy.root)
        return {name: part(copy) for name, part in parts.items()}


def _said(row: dict[str, str]) -> str:
    return ", ".join(f"{name}: {said}" for name, said in row.items() if said) or "not caught"


def table(rows: dict[str, dict[str, str]], parts: Sequence[str]) -> str:
    """Which part caught which defect, as Markdown."""
    lines = [f"| defect | {' | '.join(parts)} |", f"|---|{'---|' * len(parts)}"]
    lines += [f"| {name} | {' | '.join(row[part] for part in parts)} |" for name, row in rows.items()]
    return "\n".join(lines)


def renewed(readme: str, text: str) -> str:
    """The text of a README with the table between its markers."""
    return _MARKED.sub(lambda match: f"{match[1]}{text}\n{match[2]}", readme)


if __name__ == "__main__":
    sys.exit(main())
