"""What a test says about itself, in the comments at its start.

https://web-platform-tests.org/writing-tests/testharness.html#specifying-metadata-for-a-test
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_META = re.compile(r"//\s*META:\s*(\w+)=(.*)")

#: What a web server of the tests serves under another name.
_ALIASES = {"/resources/WebIDLParser.js": ("/resources/webidl2/lib/webidl2.js", "/resources/webidl2.js")}


@dataclass
class Meta:
    """The keys that matter here; `global` does not, for there is one global scope."""

    scripts: list[str] = field(default_factory=list)
    variants: list[str] = field(default_factory=list)
    title: str = ""
    is_long: bool = False


def meta_of(source: str) -> Meta:
    """Read the comments at the start of a test."""
    meta = Meta()
    for line in source.splitlines():
        if not line.startswith("//"):
            break
        match = _META.match(line)
        if match is None:
            continue
        key, value = match[1], match[2].strip()
        if key == "script":
            meta.scripts.append(value)
        elif key == "variant":
            meta.variants.append(value)
        elif key == "title":
            meta.title = value
        elif key == "timeout":
            meta.is_long = value == "long"
    return meta


def path_of(wpt: Path, folder: Path, url: str, resources: Path | None = None) -> Path:
    """The file behind a URL, which is relative to the folder or to the checkout.

    What the checkout lacks of `/resources/` is looked for in the other folder, by its path or by its name alone.
    """
    url = re.split(r"[?#]", url, maxsplit=1)[0]
    if not url.startswith("/"):
        return folder / url
    candidates = (url, *_ALIASES.get(url, ()))
    for candidate in candidates:
        path = Path(wpt, candidate[1:])
        if path.is_file():
            return path
    if resources is not None and url.startswith("/resources/"):
        for candidate in candidates:
            path = Path(resources, candidate.removeprefix("/resources/"))
            if path.is_file():
                return path
    return wpt / url[1:]
