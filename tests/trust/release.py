"""What is released is what was tested: `make release-check`.

    python -m tests.trust.release tests/whatwg_streams tests/direct_sockets

1. The distributions are made twice, in two places: byte by byte they are the same.
2. Inside is what is under version control, the licence, and nothing else; in the wheel, of that the packages.
3. The wheel is installed into an empty environment, and the whole test suite runs against it, where no sources are.
4. The suites of the packages run once more, with the lowest versions of the dependencies that `pyproject.toml` allows.

The arguments are the tests that are run instead. `make trust` has a short form of it: one environment, few tests.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from packaging.requirements import Requirement

from tests.support import ROOT
from tests.support.modules import PACKAGES

from .table import Row

#: What time it is while the distributions are made: 1 January 2020.
_EPOCH: Final = "1577836800"
_WHOLE: Final = ("tests",)
_OF_THE_PACKAGES: Final = ("tests/whatwg_streams", "tests/direct_sockets")
_FEW: Final = ("tests/test_public_api.py", "tests/test_import_order.py", "tests/direct_sockets/tcp_socket")
#: What is in the source distribution besides those folders, and what the build tool adds to either.
_FOLDERS: Final = ("packages/", "tests/", "conformance/", "benchmarks/")
_FILES: Final = ("LICENSE", "Makefile", "README.md", "pyproject.toml", ".gitignore")
_ADDED: Final = ("PKG-INFO", "METADATA", "WHEEL", "RECORD", "licenses/LICENSE")


def _under_version_control() -> list[str]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name]


def build(copy: Path) -> list[Path]:
    """Make the distributions from a copy of what is under version control: the source distribution, the wheel."""
    for name in _under_version_control():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _EPOCH}
    command = [sys.executable, "-m", "build", "--outdir", str(copy / "dist")]
    subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, check=True)
    return sorted((copy / "dist").iterdir(), key=lambda path: path.suffix == ".whl")


def check_same(row: Row, one: Sequence[Path], other: Sequence[Path]) -> None:
    """Compare what was made in one place and in the other."""
    digests = [{path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths} for paths in (one, other)]
    for name in sorted({*digests[0], *digests[1]}):
        _count(row, digests[0].get(name) == digests[1].get(name), f"{name} is another one when it is made again")


def check_contents(row: Row, sdist: Path, wheel: Path, sources: Path) -> None:
    """Look at each file that is inside, and for each that has to be."""
    with tarfile.open(sdist) as archive:
        inside = {
            member.name.partition("/")[2]: file.read() for member in archive if (file := archive.extractfile(member))
        }
    expected = [name for name in _under_version_control() if name.startswith(_FOLDERS) or name in _FILES]
    _compare(row, sdist.name, inside, {name: (sources / name).read_bytes() for name in expected})
    with zipfile.ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    expected = [name for name in expected if name.startswith("packages/") and name.count("/") > 1]
    packages = {name.removeprefix("packages/"): (sources / name).read_bytes() for name in expected}
    _compare(row, wheel.name, inside, packages)
    licence = (sources / "LICENSE").read_bytes()
    licences = [content for name, content in inside.items() if name.endswith(".dist-info/licenses/LICENSE")]
    _count(row, licences == [licence], f"{wheel.name} has no licence, or another one")


def _compare(row: Row, name: str, inside: dict[str, bytes], expected: dict[str, bytes]) -> None:
    for path, content in expected.items():
        _count(row, inside.get(path) == content, f"{name}: {path} is missing, or another one")
    for path in inside.keys() - expected.keys():
        row.tried += 1
        if not path.endswith(_ADDED):
            row.let_in += 1
            row.notes.append(f"{name} has {path}")


def _count(row: Row, is_well: bool, complaint: str) -> None:
    row.tried += 1
    if not is_well:
        row.lost += 1
        row.notes.append(complaint)


def lowest(requirement: str) -> str:
    """The requirement, of the lowest version that it allows."""
    parsed = Requirement(requirement)
    [version] = [each.version for each in parsed.specifier if each.operator in {">=", "~=", "=="}]
    marker = f"; {parsed.marker}" if parsed.marker else ""
    return f"{parsed.name}=={version}{marker}"


def lowest_of_all() -> list[str]:
    """The lowest versions of what the packages and their tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [lowest(each) for each in (*project["dependencies"], *project["optional-dependencies"]["test"])]


def run_tests(row: Row, place: Path, sdist: Path, wheel: Path, pins: Sequence[str], tests: Sequence[str]) -> None:
    """Install the wheel into an empty environment, and run the tests of the source distribution against it."""
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[test]", *pins], check=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "sources", filter="data")
    [sources] = (place / "sources").iterdir()
    # What the tests look up in the sources is that of the wheel.
    shutil.rmtree(sources / "packages")
    installed = next((place / "venv" / "lib").iterdir()) / "site-packages"
    for name in PACKAGES:
        shutil.copytree(installed / name, sources / "packages" / name)
    where = "import whatwg_streams, direct_sockets; print(whatwg_streams.__file__, direct_sockets.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [str(python), "-c", where], cwd=sources, env=environment, capture_output=True, text=True, check=True
    ).stdout
    _count(row, all(Path(path).is_relative_to(installed) for path in found.split()), f"tested would be {found}")
    report = place / "report.xml"
    command = [str(python), "-m", "pytest", "-q", "-o", "pythonpath=.", f"--junitxml={report}", *tests]
    status = subprocess.run(command, cwd=sources, env=environment, check=False).returncode
    suite = next(ET.parse(report).iter("testsuite"))  # we have made it
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    row.tried += int(suite.attrib["tests"]) - int(suite.attrib["skipped"])
    row.lost += failed or status != 0
    if status:
        row.notes.append(f"{failed} tests failed, {' '.join(pins) or 'with the newest versions'}")


def check(runs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Row:
    """Check the distributions, and for each pair of versions and tests run those."""
    row = Row("a release")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (sdist, wheel), other = build(place / "one"), build(place / "other")
        check_same(row, (sdist, wheel), other)
        check_contents(row, sdist, wheel, place / "one")
        sys.stdout.write(f"made twice: {sdist.name}, {wheel.name}: {row.describe()}\n")
        for number, (pins, tests) in enumerate(runs):
            sys.stdout.write(f"the wheel, {' '.join(pins) or 'with the newest versions'}\n")
            sys.stdout.flush()
            run_tests(row, place / f"environment{number}", sdist, wheel, pins, tests)
    return row


def check_shortly() -> Row:
    """The same with one environment, and few tests."""
    return check([([], _FEW)])


def main(tests: Sequence[str]) -> int:
    row = check([([], tests or _WHOLE), (lowest_of_all(), tests or _OF_THE_PACKAGES)])
    sys.stdout.write(f"{row.describe()}\n")
    return 0 if row.is_clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
