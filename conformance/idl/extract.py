"""Makes the data files from the interface definitions in the texts of the standards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import widlparser
from widlparser import productions

from conformance.spec import bikeshed, respec
from conformance.spec.extract import read_text
from conformance.spec.model import SpecError

from .model import Argument, Definition, Member, dump

if TYPE_CHECKING:
    from pathlib import Path

_DEFINITIONS_OF: Final = {"streams": bikeshed.definitions, "direct_sockets": respec.definitions}

_KINDS: Final = {
    widlparser.Interface: "interface",
    widlparser.Mixin: "mixin",
    widlparser.Dictionary: "dictionary",
    widlparser.Enum: "enumeration",
    widlparser.Callback: "callback",
    widlparser.Typedef: "typedef",
}


def extract(standard: str, path: Path) -> str:
    """The data file of a standard, from its text."""
    return dump(parse(_DEFINITIONS_OF[standard](read_text(path)), str(path)))


def parse(idl: str, where: str) -> list[Definition]:
    """The definitions in a piece of Web IDL.

    Raises:
        SpecError: it is none, or has something in it that nothing here knows.
    """
    found: dict[str, Definition] = {}
    for construct in widlparser.Parser(idl).constructs:
        if isinstance(construct, widlparser.IncludesStatement):
            one = found[_text(construct.name)]
            found[one.name] = replace(one, includes=(*one.includes, _text(construct.includes)))
        elif (kind := _KINDS.get(type(construct))) is not None:
            one = _definition(construct, kind)
            found[one.name] = one
        else:
            raise SpecError(f"{where}: what is this in its Web IDL? {_text(construct)[:60]}")
    if not found:
        raise SpecError(f"{where}: there is no Web IDL in it")
    return list(found.values())


def _definition(construct: Any, kind: str) -> Definition:
    kinds_of_type = {"callback": "return_type", "typedef": "type"}
    return Definition(
        name=_text(construct.name),
        kind=kind,
        type=_text(getattr(construct, kinds_of_type[kind])) if kind in kinds_of_type else "",
        extended=tuple(
            text for one in construct.extended_attributes or () if not (text := _text(one)).startswith("Exposed")
        ),
        values=tuple(_text(one).strip('",') for one in construct.enum_values) if kind == "enumeration" else (),
        arguments=_arguments(construct) if kind == "callback" else (),
        members=tuple(_member(one) for one in construct.members) if "members" in dir(construct) else (),
    )


def _member(construct: Any) -> Member:
    name = _text(construct.name)
    if isinstance(construct, widlparser.DictionaryMember):
        type_ = _type(construct, construct.type)
        required = construct.required is not None
        return Member("dictionary member", name, type_, required=required, default=_default(construct))
    it = construct.member
    if isinstance(it, productions.Attribute | productions.MixinAttribute):
        return Member(
            "attribute", name, _type(construct, it.attribute.type), readonly=it.attribute.readonly is not None
        )
    if isinstance(it, productions.Constructor):
        return Member("constructor", "constructor", arguments=_arguments(it))
    if isinstance(it, productions.AsyncIterable):
        return Member("async iterable", "values", _text(it.type), arguments=_arguments(it))
    if isinstance(it, productions.Operation | productions.StaticMember) and it.return_type is not None:
        static = isinstance(it, productions.StaticMember)
        return Member("operation", name, _text(it.return_type), static=static, arguments=_arguments(it))
    raise SpecError(f"what is this in the Web IDL? {_text(construct)[:60]}")


def _arguments(construct: Any) -> tuple[Argument, ...]:
    return tuple(
        Argument(_text(one.name), _type(one, one.type), one.optional is not None, _default(one))
        for one in construct.arguments or ()
    )


def _type(construct: Any, type_: object) -> str:
    extended = _text(construct.extended_attributes) if construct.extended_attributes else ""
    return f"{extended} {_text(type_)}".strip()


def _default(construct: Any) -> str:
    return _text(construct.default or "").removeprefix("=").strip()


def _text(production: object) -> str:
    """What a production says, in one line."""
    return " ".join(str(production).split())
