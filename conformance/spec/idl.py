"""The few facts the index wants of Web IDL: the names of what is defined, and of its members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .model import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = re.compile(r"\b(interface mixin|interface|dictionary|enum)\s+(\w+)\s*\{(.*?)\};?", re.DOTALL)


def idl_entries(idl: str, section: str) -> Iterator[Entry]:
    """One for each definition; and for each member of an interface one whose name begins with "?"."""
    for match in _BLOCK.finditer(_without_inner_braces(idl)):
        kind, name, body = match.groups()
        if kind == "enum":
            yield Entry(name, "enumeration", section, members=tuple(re.findall(r'"([^"]*)"', body)))
        elif kind == "dictionary":
            members = re.findall(r"(\w+)\s*(?:=[^;]*)?;", body)
            yield Entry(name, "dictionary", section, members=tuple(members))
        else:
            yield Entry(name, "mixin" if kind == "interface mixin" else "interface", section)
            for member in re.split(r";", body):
                yield from _member(" ".join(member.split()), name, section)


def _without_inner_braces(idl: str) -> str:
    return idl.replace("= {}", "= x")


def _member(member: str, of: str, section: str) -> Iterator[Entry]:
    if match := re.search(r"\battribute\b.*?(\w+)$", member):
        yield Entry(f"?{of}.{match[1]}", "getter", section, of=of, term=match[1])
    elif member.startswith("constructor("):
        yield Entry(f"?{of} constructor", "constructor", section, of=of, term="constructor")
    elif "async_iterable" not in member and (match := re.search(r"(\w+)\(", member)):
        yield Entry(f"?{of}.{match[1]}()", "method", section, of=of, term=match[1])
