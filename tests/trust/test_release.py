"""What `make release-check` looks for; that itself takes minutes, and a network."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

from . import release
from .release import check_contents, check_same, lowest
from .table import Row

_SOURCES = {
    "LICENSE": b"MIT",
    "README.md": b"read me",
    "packages/a/__init__.py": b"",
    "packages/a/b.py": b"b = 1",
    "tests/test_a.py": b"assert True",
    ".ci": b"not released",
}
_SDIST = {f"a-1/{name}": content for name, content in _SOURCES.items() if name != ".ci"} | {"a-1/PKG-INFO": b"a"}
_WHEEL = {
    "a/__init__.py": b"",
    "a/b.py": b"b = 1",
    **{f"a-1.dist-info/{name}": b"" for name in ("METADATA", "WHEEL", "RECORD")},
    "a-1.dist-info/licenses/LICENSE": b"MIT",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in _SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.setattr(release, "_under_version_control", lambda: list(_SOURCES))
    return tmp_path


def _made(place: Path, sdist: dict[str, bytes], wheel: dict[str, bytes]) -> tuple[Path, Path]:
    place.mkdir(exist_ok=True)
    paths = place / "a-1.tar.gz", place / "a-1.whl"
    with tarfile.open(paths[0], "w:gz") as archive:
        for name, content in sdist.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(paths[1], "w") as wheel_archive:
        for name, content in wheel.items():
            wheel_archive.writestr(zipfile.ZipInfo(name), content)
    return paths


def _looked_at(place: Path, sdist: dict[str, bytes], wheel: dict[str, bytes]) -> Row:
    row = Row("a release")
    check_contents(row, *_made(place, sdist, wheel), place)
    return row


def test_what_is_as_it_should_be_is_counted(place: Path) -> None:
    row = _looked_at(place, _SDIST, _WHEEL)
    assert row.is_clean, row.describe()
    assert row.tried == len(_SDIST) + len(_WHEEL) + 1


@pytest.mark.parametrize("name", ["a/b.py", "a-1.dist-info/licenses/LICENSE"])
def test_what_is_missing_or_another_one_is_lost(place: Path, name: str) -> None:
    assert _looked_at(place, _SDIST, {**_WHEEL, name: b"something else"}).lost == 1
    assert _looked_at(place, _SDIST, {each: content for each, content in _WHEEL.items() if each != name}).lost == 1


def test_what_does_not_belong_there_is_let_in(place: Path) -> None:
    assert _looked_at(place, _SDIST, {**_WHEEL, "tests/test_a.py": b"assert True"}).let_in == 1
    assert _looked_at(place, {**_SDIST, "a-1/.ci": b"not released"}, _WHEEL).let_in == 1


def test_distributions_that_differ_are_told(place: Path) -> None:
    row = Row("a release")
    one, other = _made(place / "one", _SDIST, _WHEEL), _made(place / "other", _SDIST, {**_WHEEL, "a/b.py": b"b = 2"})
    check_same(row, one, other)
    check_same(row, one[:1], one)
    assert (row.tried, row.lost) == (4, 2)
    assert "a-1.whl is another one" in row.notes[0]


@pytest.mark.parametrize(
    ("requirement", "version"),
    [
        ("anyio>=4.6", "anyio==4.6"),
        ("mypy~=2.4.1", "mypy==2.4.1"),
        ("uvloop>=0.21; sys_platform != 'win32'", 'uvloop==0.21; sys_platform != "win32"'),
        ("import-linter>=2.5,<3", "import-linter==2.5"),
    ],
)
def test_the_lowest_version(requirement: str, version: str) -> None:
    assert lowest(requirement) == version


def test_all_that_the_packages_and_their_tests_need_has_a_lowest_version() -> None:
    pins = release.lowest_of_all()
    assert len(pins) > 10
    assert all("==" in pin for pin in pins)
    assert (ROOT / "pyproject.toml").read_text(encoding="utf-8").count("http-sf") == 1
