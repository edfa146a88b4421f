"""What users may import is what the modules say it is, under Python names."""

from __future__ import annotations

import importlib
import inspect
import re
import types
from collections.abc import Iterator
from importlib import resources
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.support import PACKAGES, public_modules

if TYPE_CHECKING:
    from collections.abc import Mapping

CAMEL_CASE = re.compile(r"[a-z0-9][A-Z]")
# Imported names that have no module of their own to be told by.
FROM_ELSEWHERE = {"TYPE_CHECKING", "annotations"}


def _defined(module: ModuleType) -> set[str]:
    """Return the public names of a module, without modules and what other distributions define."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name not in FROM_ELSEWHERE
        and not inspect.ismodule(value)
        and _module_of(value).partition(".")[0] in ("", *PACKAGES)
    }


def _module_of(value: object) -> str:
    module = getattr(value, "__module__", None)
    return module if isinstance(module, str) else ""


def _names(prefix: str, members: Mapping[str, object]) -> Iterator[str]:
    """Give the public names below a module or a class: of functions, attributes and parameters."""
    for name, value in members.items():
        if name.startswith("_") and name != "__init__":
            continue
        dotted = f"{prefix}.{name}"
        if inspect.isclass(value):
            for ancestor in value.__mro__:
                if _module_of(ancestor).partition(".")[0] in PACKAGES:
                    yield from _names(dotted, vars(ancestor))
            continue
        if isinstance(value, types.UnionType):  # an alias of types
            continue
        yield dotted
        function = value.fget if isinstance(value, property) else value
        function = getattr(function, "__func__", function)
        if inspect.isfunction(function):
            for parameter in inspect.signature(function).parameters:
                yield f"{dotted}({parameter})"


@pytest.mark.parametrize("name", public_modules())
def test_all_names_what_the_module_defines(name: str) -> None:
    module = importlib.import_module(name)
    names = module.__all__
    assert len(names) == len(set(names))
    assert [missing for missing in names if not hasattr(module, missing)] == []
    assert sorted(_defined(module) - set(names)) == []


@pytest.mark.parametrize("name", public_modules())
def test_names_are_not_in_camel_case(name: str) -> None:
    module = importlib.import_module(name)
    exported = {each: getattr(module, each) for each in module.__all__}
    last = re.compile(r"[^.(]+\)?$")
    wrong = [
        dotted for dotted in _names(name, exported) if (match := last.search(dotted)) and CAMEL_CASE.search(match[0])
    ]
    assert wrong == []


@pytest.mark.parametrize("name", PACKAGES)
def test_package_says_that_it_is_typed(name: str) -> None:
    assert resources.files(name).joinpath("py.typed").is_file()


def test_modules_for_other_specifications_are_public() -> None:
    public = {"whatwg_streams", "whatwg_streams.other_specs", "direct_sockets", "direct_sockets.testing"}
    assert public <= set(public_modules())
