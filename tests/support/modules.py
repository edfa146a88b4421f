"""The modules under test, found in their folder and not imported."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("whatwg_streams", "direct_sockets")


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT / "packages").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def all_modules() -> list[str]:
    """Name every module of both packages."""
    return sorted(_name(file) for name in PACKAGES for file in (ROOT / "packages" / name).rglob("*.py"))


def public_modules() -> list[str]:
    """Name those modules that have no underscore anywhere in their name."""
    return [name for name in all_modules() if not any(part.startswith("_") for part in name.split("."))]
