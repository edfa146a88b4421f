"""What is released is what was tested: `make release-check`.

    python -m tests.trust.release tests/whatwg_streams tests/direct_sockets

1. The distributions are made twice, in two places: byte by byte they are the same.
2. They have the licence inside, and the wheel has nothing but the packages.
3. The wheel is installed into an empty environment, and the tests run against it, where no sources are.
4. They run once more with the lowest versions of the dependencies that `pyproject.toml` allows.

The arguments are the tests that are run, all of them by default.
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

from packaging.requirements import Requirement

from tests.support import ROOT
from tests.support.modules import PACKAGES

#: What time it is while the distributions are made: 1 January 2020.
_EPOCH: Final = "1577836800"


def build(copy: Path) -> list[Path]:
    """Make the distributions from a copy of what is under version control."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _EPOCH}
    command = [sys.executable, "-m", "build", "--outdir", str(copy / "dist")]
    subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, check=True)
    return sorted((copy / "dist").iterdir())


def differences(one: Sequence[Path], other: Sequence[Path]) -> list[str]:
    """The names of distributions that are not the same in both places."""
    digests = [{path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths} for paths in (one, other)]
    return sorted({name for name, _ in digests[0].items() ^ digests[1].items()})


def contents_complaint(distributions: Sequence[Path]) -> str:
    """What is wrong with what is inside, or nothing."""
    for path in distributions:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                names = wheel.namelist()
            parts = {name.partition("/")[0].partition("-")[0] for name in names}
            if parts != set(PACKAGES):
                return f"{path.name} has {sorted(parts)}"
            if not {f"{name}/py.typed" for name in PACKAGES} <= set(names):
                return f"{path.name} has no py.typed"
        else:
            with tarfile.open(path) as source:
                names = source.getnames()
        if not any(name.endswith("/LICENSE") for name in names):
            return f"{path.name} has no licence"
    return ""


def lowest(requirement: str) -> str:
    """The requirement, of the lowest version that it allows."""
    parsed = Requirement(requirement)
    [version] = [each.version for each in parsed.specifier if each.operator in {">=", "~=", "=="}]
    marker = f"; {parsed.marker}" if parsed.marker else ""
    return f"{parsed.name}=={version}{marker}"


def run_tests(place: Path, sdist: Path, wheel: Path, pins: Sequence[str], tests: Sequence[str]) -> bool:
    """Install the wheel into an empty environment, and run the tests of the source distribution against it."""
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[test]", *pins], check=True)
    with tarfile.open(sdist) as source:
        source.extractall(place / "sources", filter="data")
    [sources] = (place / "sources").iterdir()
    # What the tests look up in the sources is that of the wheel.
    shutil.rmtree(sources / "packages")
    installed = next((place / "venv" / "lib").iterdir()) / "site-packages"
    for name in PACKAGES:
        shutil.copytree(installed / name, sources / "packages" / name)
    for name in ("README.md", "LICENSE", "pyproject.toml"):
        if not (sources / name).exists():
            shutil.copyfile(ROOT / name, sources / name)
    where = "import whatwg_streams, direct_sockets; print(whatwg_streams.__file__, direct_sockets.__file__)"
    found = subprocess.run([str(python), "-c", where], cwd=sources, capture_output=True, text=True, check=True).stdout
    assert all(Path(path).is_relative_to(installed) for path in found.split()), found
    command = [str(python), "-m", "pytest", "-q", "-o", "pythonpath=.", *tests]
    return subprocess.run(command, cwd=sources, check=False).returncode == 0


def main(tests: Sequence[str]) -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = [lowest(each) for each in (*project["dependencies"], *project["optional-dependencies"]["test"])]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        one, other = build(place / "one"), build(place / "other")
        if changed := differences(one, other):
            sys.stdout.write(f"not the same when they are made again: {', '.join(changed)}\n")
            return 1
        if complaint := contents_complaint(one):
            sys.stdout.write(f"{complaint}\n")
            return 1
        sys.stdout.write(f"made twice, the same: {', '.join(path.name for path in one)}\n")
        sdist, wheel = sorted(one, key=lambda path: path.suffix == ".whl")
        for what, versions in (("the wheel", []), ("the wheel, with the lowest versions", pins)):
            sys.stdout.write(f"{what}: {' '.join(versions)}\n")
            sys.stdout.flush()
            if not run_tests(place / what.replace(" ", "-"), sdist, wheel, versions, tests or ["tests"]):
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
