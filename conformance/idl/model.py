"""The definitions of an interface definition language, as the data files hold them; and their Python spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conformance.spec.model import STANDARDS, SpecError, quoted, read_toml, snake_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE: Final = Path(__file__).parent

#: The data files: those of the standards are extracted, the last one is made by hand.
DATA_FILES: Final = (*STANDARDS, "dom")

_KEYWORDS: Final = frozenset({"from"})


@dataclass(frozen=True)
class Argument:
    """An argument of an operation."""

    name: str
    type: str  # as Web IDL writes it, with its extended attributes: "[EnforceRange] unsigned long long"
    optional: bool = False
    default: str = ""  # as Web IDL writes it; "" is none


@dataclass(frozen=True)
class Member:
    """A member of an interface or of a dictionary."""

    kind: str  # "constructor", "operation", "attribute", "async iterable", "dictionary member"
    name: str
    type: str = ""  # of an operation, what it returns
    static: bool = False
    readonly: bool = False
    required: bool = False
    default: str = ""
    arguments: tuple[Argument, ...] = ()

    @property
    def returns_promise(self) -> bool:
        return self.type.startswith("Promise<")


@dataclass(frozen=True)
class Definition:
    """An interface, a mixin, a dictionary, an enumeration, a callback function or a type definition."""

    name: str
    kind: str
    type: str = ""  # of a type definition; what a callback function returns
    extended: tuple[str, ...] = ()  # extended attributes, but not where it is exposed
    includes: tuple[str, ...] = ()  # the mixins of an interface
    values: tuple[str, ...] = ()  # of an enumeration
    arguments: tuple[Argument, ...] = ()  # of a callback function
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a value is converted: an argument, or a member of the dictionary that an argument is."""

    interface: str
    operation: str  # "constructor", or the name
    argument: Argument
    member: Member | None = None

    @property
    def name(self) -> str:
        """Such as "ReadableStream.pipeTo(options.signal)"."""
        member = "" if self.member is None else f".{self.member.name}"
        return f"{self.interface}.{self.operation}({self.argument.name}{member})"

    @property
    def type(self) -> str:
        return self.argument.type if self.member is None else self.member.type

    @property
    def required(self) -> bool:
        return not self.argument.optional if self.member is None else self.member.required

    @property
    def default(self) -> str:
        return self.argument.default if self.member is None else self.member.default


class Definitions:
    """All that the data files define."""

    def __init__(self, by_file: dict[str, list[Definition]]) -> None:
        self.by_file = by_file
        self.by_name = {one.name: one for definitions in by_file.values() for one in definitions}

    def of_kind(self, kind: str) -> list[Definition]:
        return [one for one in self.by_name.values() if one.kind == kind]

    @property
    def interfaces(self) -> list[Definition]:
        """The interfaces, each with the members of its mixins."""
        return [self.interface(one.name) for one in self.of_kind("interface")]

    def interface(self, name: str) -> Definition:
        one = self.by_name[name]
        return replace(
            one, members=one.members + tuple(it for mixin in one.includes for it in self.by_name[mixin].members)
        )

    def file_of(self, name: str) -> str:
        return next(file for file, definitions in self.by_file.items() if any(one.name == name for one in definitions))

    def operation(self, place: Place) -> Member:
        """The operation that a place belongs to."""
        return next(one for one in self._operations(place.interface) if one.name == place.operation)

    def _operations(self, interface: str) -> Iterator[Member]:
        yield from self.interface(interface).members
        if interface in CHUNKS:
            yield CHUNKS[interface]

    def places(self, interface: str) -> Iterator[Place]:
        """Each argument, and each member of those arguments that are dictionaries."""
        for member in self._operations(interface):
            for argument in member.arguments:
                place = Place(interface, member.name, argument)
                if self.dictionary_of(place) is None or not self.is_options(place):
                    yield place
                yield from self.members_of(place)

    def members_of(self, place: Place) -> Iterator[Place]:
        dictionary = self.dictionary_of(place)
        for member in () if dictionary is None else dictionary.members:
            yield replace(place, member=member)

    def dictionary_of(self, place: Place) -> Definition | None:
        """The dictionary that an argument is, or that a standard converts an argument of the type `object` to."""
        name = CONVERTED_LATER.get((place.interface, place.argument.name), place.argument.type)
        found = self.by_name.get(name)
        return found if found is not None and found.kind == "dictionary" else None

    def is_options(self, place: Place) -> bool:
        """Whether the members of the argument are keyword arguments in Python, so that it is none itself."""
        dictionary = self.dictionary_of(place)
        return dictionary is not None and dictionary.name not in GIVEN_AS_ONE


#: Arguments of the type `object` that the constructor's steps convert to a dictionary.
CONVERTED_LATER: Final = {
    ("ReadableStream", "underlyingSource"): "UnderlyingSource",
    ("WritableStream", "underlyingSink"): "UnderlyingSink",
    ("TransformStream", "transformer"): "Transformer",
}

#: Dictionaries that are one argument in Python, too: an object or a mapping.
GIVEN_AS_ONE: Final = frozenset(
    {"QueuingStrategy", "ReadableWritablePair", "Transformer", "UDPMessage", "UnderlyingSink", "UnderlyingSource"}
)

#: What no operation takes: the chunks that a stream of an interface is written, and converts.
CHUNKS: Final = {
    "TCPSocket": Member(
        "operation", "write", "Promise<undefined>", arguments=(Argument("chunk", "BufferSource", optional=True),)
    ),
    "UDPSocket": Member(
        "operation", "write", "Promise<undefined>", arguments=(Argument("chunk", "UDPMessage", optional=True),)
    ),
}


def python_name(name: str) -> str:
    """The Python spelling of a member, an argument or a dictionary's member."""
    spelled = snake_case(name)
    return f"{spelled}_" if spelled in _KEYWORDS else spelled


def split_type(text: str) -> tuple[str, frozenset[str]]:
    """A type without its extended attributes, and these."""
    match = re.fullmatch(r"(?:\[([^\]]*)\] )?(.*)", text)
    assert match is not None
    return match[2], frozenset(match[1].split(", ")) if match[1] else frozenset()


# The data files -----------------------------------------------------------------------------------


def load(files: Iterable[str] = DATA_FILES, folder: Path = HERE) -> Definitions:
    return Definitions({file: _load(folder / f"{file}.toml") for file in files})


def _load(path: Path) -> list[Definition]:
    try:
        return [_definition(table) for table in read_toml(path)["definition"]]
    except (KeyError, TypeError) as error:
        raise SpecError(f"{path}: not a file of definitions: {error}") from error


def _definition(table: dict[str, Any]) -> Definition:
    values: dict[str, Any] = dict(table)
    for key in ("extended", "includes", "values"):
        values[key] = tuple(values.get(key, ()))
    values["arguments"] = _arguments(table)
    values["members"] = tuple(Member(**(one | {"arguments": _arguments(one)})) for one in table.get("members", ()))
    return Definition(**values)


def _arguments(table: dict[str, Any]) -> tuple[Argument, ...]:
    return tuple(Argument(**one) for one in table.get("arguments", ()))


def dump(definitions: Iterable[Definition]) -> str:
    """The text of a data file; always the same for the same definitions. One line for each member."""
    lines = ["# Extracted by `python -m conformance.idl extract`; not to be edited by hand."]
    for one in definitions:
        lines += ["", "[[definition]]"]
        for name, value in _said(one):
            if name == "members":
                lines += ["members = [", *(f"  {_inline(member)}," for member in value), "]"]
            else:
                lines.append(f"{name} = {_inline(value)}")
    return "\n".join(lines) + "\n"


def _said(record: Definition | Member | Argument) -> Iterator[tuple[str, Any]]:
    """The fields that say something."""
    for one in fields(record):
        if value := getattr(record, one.name):
            yield one.name, value


def _inline(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_inline, value))}]"
    assert isinstance(value, Definition | Member | Argument)
    return f"{{ {', '.join(f'{name} = {_inline(it)}' for name, it in _said(value))} }}"
