"""Where each entry of an index is implemented: by rule, or as mapping.toml says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .model import HERE, SpecError, read_toml, snake_case

if TYPE_CHECKING:
    from pathlib import Path

    from .model import Entry, Index
    from .source import Definition, Sources

_KEYWORDS: Final = {"from": "from_", "return": "return_"}


def load_mapping(folder: Path = HERE) -> dict[str, dict[str, list[str]]]:
    """Standard -> name of an entry -> dotted names; the first is the one, the others have some of its steps."""
    data: dict[str, dict[str, Any]] = read_toml(folder / "mapping.toml")
    return {
        standard: {name: [value] if isinstance(value, str) else list(value) for name, value in table.items()}
        for standard, table in data.items()
    }


class Mapping:
    """Finds the implementations of one standard in the sources."""

    def __init__(self, index: Index, sources: Sources, listed: dict[str, dict[str, list[str]]]) -> None:
        self.index = index
        self.sources = sources
        self.package = "whatwg_streams" if index.standard == "streams" else index.standard
        self.listed = listed.get(index.standard, {})
        self.problems: list[tuple[str, str]] = []  # entry, what is wrong about where it is
        unknown = set(self.listed) - {entry.name for entry in index.entries}
        if unknown:
            raise SpecError(f"mapping.toml: {index.standard} defines no {', '.join(sorted(unknown))}")
        self._found = {entry.name: self._listed_or_by_rule(entry) for entry in index.entries}
        self._mains = {found[0].name for found in self._found.values() if found}

    def of(self, entry: Entry) -> list[Definition]:
        """The implementation, and what else has steps of it; nothing, when there is none.

        Besides what is listed, that is each private helper with step comments that the implementation names,
        and that is no other entry's implementation: in the same class, or at the top of the same module.
        """
        found: list[Definition] = []
        waiting = list(self._found[entry.name])
        while waiting:
            one = waiting.pop(0)
            if one in found:
                continue
            found.append(one)
            if entry.is_algorithm:
                waiting += self.sources.methods_of(one) if one.is_class else self._helpers(one)
        return found

    def _helpers(self, definition: Definition) -> list[Definition]:
        owner = definition.name.rpartition(".")[0]
        names = sorted(name for name in definition.names if name.startswith("_"))
        candidates = [
            self.sources.definitions.get(f"{place}.{name}") for place in (owner, definition.module) for name in names
        ]
        return [
            one
            for one in candidates
            if one is not None
            and one.name not in self._mains
            and (one.has_steps or any(it.has_steps for it in self.sources.methods_of(one)))
        ]

    def _listed_or_by_rule(self, entry: Entry) -> list[Definition]:
        names = self.listed.get(entry.name)
        if names is None:
            main = self._by_rule(entry)
            return [] if main is None else [main]
        found = []
        for name in names:
            definition = self.sources.definitions.get(f"{self.package}.{name}")
            if definition is None:
                self.problems.append((entry.name, f"there is no {self.package}.{name}"))
            else:
                found.append(definition)
        return found

    def _by_rule(self, entry: Entry) -> Definition | None:
        if entry.kind == "abstract operation":
            return self._unique(snake_case(entry.name), entry)
        if entry.kind in {"interface", "mixin", "dictionary"}:
            return self._unique(entry.name, entry)
        if entry.kind in {"constructor", "getter", "method", "internal method"}:
            owner = self._unique(entry.of, entry)
            if owner is None:
                return None
            name = snake_case(entry.term)
            if entry.kind == "constructor":
                name = "__init__"
            elif entry.kind == "internal method":
                name = f"_{name}"
            return self.sources.definitions.get(f"{owner.name}.{_KEYWORDS.get(name, name)}")
        return None

    def _unique(self, name: str, entry: Entry) -> Definition | None:
        found = self.sources.of_name(name, self.package)
        if len(found) > 1:
            places = ", ".join(one.name for one in found)
            self.problems.append((entry.name, f"may be any of {places}; list the one"))
        return found[0] if found else None
