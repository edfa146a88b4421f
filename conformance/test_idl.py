"""The packages do what the interface definitions of both standards say, as seen by calling them; and the checks see
what is wrong.

The texts of the standards are not in this repository. Where STREAMS_TEXT or DIRECT_SOCKETS_TEXT name them, the
data files are compared with them, too.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.idl import model
from conformance.idl.__main__ import main
from conformance.idl.check import Check
from conformance.idl.conversions import Conversions, RefusedError
from conformance.idl.extract import extract, parse
from conformance.idl.model import Argument, Definition, Definitions, Member, dump, load
from conformance.spec import extract as texts
from conformance.spec.model import STANDARDS, SpecError

CHECK = Check()

# The packages --------------------------------------------------------------------------------------


@pytest.mark.asyncio(loop_factories=["asyncio"])  # conversions do not depend on the loop
@pytest.mark.parametrize("thing", CHECK.things)
async def test_web_idl(thing: str, record_property: Callable[[str, object], None]) -> None:
    result = await CHECK.of(thing)
    record_property("web_idl_of", CHECK.standard_of(thing))
    record_property("cases", result.cases)
    record_property("failed", len(result.problems))
    assert "\n".join(result.problems) == ""


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_every_deviation_is_still_needed() -> None:
    waiting = list(CHECK.deviations)
    for interface in CHECK.interfaces:  # all deviations are of interfaces themselves
        used = {deviation for deviation, _ in (await CHECK.of(interface)).excused}
        waiting = [one for one in waiting if one not in used]
    assert waiting == []


def test_every_definition_is_looked_at() -> None:
    """Interfaces by themselves; mixins with them, but for the one that is for other standards; the rest as types."""
    definitions = CHECK.definitions
    reached = {"GenericTransformStream", *CHECK.interfaces, *(place.argument.type for place in CHECK.places.values())}
    reached |= {mixin for interface in definitions.of_kind("interface") for mixin in interface.includes}
    reached |= set(model.CONVERTED_LATER.values())
    before: set[str] = set()
    while reached != before:
        before = set(reached)
        types = {text for name in reached & definitions.by_name.keys() for text in _types(definitions.by_name[name])}
        reached |= {word for text in types for word in re.findall(r"\w+", text)}
    assert definitions.by_name.keys() - reached == set()


def _types(definition: Definition) -> set[str]:
    arguments = [*definition.arguments, *(one for member in definition.members for one in member.arguments)]
    return {definition.type, *(one.type for one in definition.members), *(one.type for one in arguments)}


# What is wrong is found ------------------------------------------------------------------------------


def changed(of: str, change: Callable[[Definition], Definition]) -> Check:
    """The check with another definition of something."""
    definitions = load()
    return Check(
        Definitions(
            {
                file: [change(one) if one.name == of else one for one in those]
                for file, those in definitions.by_file.items()
            }
        )
    )


def with_member(name: str, **changes: Any) -> Callable[[Definition], Definition]:
    return lambda one: replace(
        one, members=tuple(replace(it, **changes) if it.name == name else it for it in one.members)
    )


def with_another(member: Member) -> Callable[[Definition], Definition]:
    return lambda one: replace(one, members=(*one.members, member))


def without(name: str) -> Callable[[Definition], Definition]:
    return lambda one: replace(one, members=tuple(it for it in one.members if it.name != name))


UNSIGNED_LONG = "[EnforceRange] unsigned long"


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize(
    ("of", "change", "thing", "problem"),
    [
        (
            "ReadableStream",
            with_another(Member("attribute", "a", "any")),
            "ReadableStream",
            "a: exists: it is mis",
        ),
        ("ReadableStream", without("tee"), "ReadableStream", "tee: is a member of the standard: it is not"),
        (
            "ReadableStream",
            with_member("locked", type="DOMString"),
            "ReadableStream",
            "locked: is DOMString: it is False",
        ),
        ("ReadableStream", with_member("from", static=False), "ReadableStream", "from: is not static: it is otherwise"),
        ("ReadableStream", with_member("tee", static=True), "ReadableStream", "tee: is static: it is otherwise"),
        ("ReadableStream", with_member("tee", type="Promise<any>"), "ReadableStream", "tee: gives Promise<any>: it is"),
        (
            "WritableStream",
            with_member("close", type="undefined"),
            "WritableStream",
            "close: gives undefined: it is <P",
        ),
        ("AbortSignal", with_member("onabort", readonly=True), "AbortSignal", "onabort: is not set: it is"),
        (
            "TCPSocketOptions",
            with_member("noDelay", default="true"),
            "TCPSocket.constructor(options.noDelay)",
            "missing: expected True, but it gives False",
        ),
        (
            "TCPSocketOptions",
            with_member("sendBufferSize", type="unsigned long"),
            "TCPSocket.constructor(options.sendBufferSize)",
            "-1: expected 4294967295, but it fails with TypeError",
        ),
        (
            "UDPSocketOptions",
            with_member("multicastTimeToLive", type=UNSIGNED_LONG),
            "UDPSocket.constructor(options.multicastTimeToLive)",
            "1000: expected 1000, but it fails with TypeError",
        ),
        (
            "UDPSocketOptions",
            with_member("remotePort", type="unsigned short"),
            "UDPSocket.constructor(options.remotePort)",
            "65536: expected 0, but it fails with TypeError",
        ),
        (
            "UDPMessage",
            with_member("remotePort", type="[EnforceRange] unsigned short"),
            "UDPSocket.write(chunk.remotePort)",
            "-1: expected a TypeError, but it gives 65535",
        ),
        (
            "StreamPipeOptions",
            with_member("signal", required=True),
            "ReadableStream.pipeTo(options.signal)",
            "missing: its promise stays pending",
        ),
        (
            "QueuingStrategyInit",
            with_member("highWaterMark", required=False, default="1"),
            "CountQueuingStrategy.constructor(init.highWaterMark)",
            "None: expected 1, but it fails with TypeError",
        ),
        (
            "SocketDnsQueryType",
            lambda one: replace(one, values=("ipv4", "ipv6", "any")),
            "TCPSocket.constructor(options.dnsQueryType)",
            "any: expected 'any', but it fails with TypeError",
        ),
        (
            "UnderlyingSinkWriteCallback",
            lambda one: replace(one, arguments=one.arguments[::-1]),
            "UnderlyingSink",
            "write: arguments: it gets <object",
        ),
        (
            "UnderlyingSinkCloseCallback",
            lambda one: replace(one, type="any"),
            "UnderlyingSink",
            "close: raises: the promise is settled with",
        ),
    ],
)
async def test_a_difference_between_definitions_and_packages_is_found(
    of: str, change: Callable[[Definition], Definition], thing: str, problem: str
) -> None:
    result = await changed(of, change).of(thing)
    assert any(f"{thing}: {problem}" in one for one in result.problems), "\n".join(result.problems)


def test_an_interface_without_a_class_is_found() -> None:
    with pytest.raises(SpecError, match="whatwg_streams has no class Missing"):
        changed("WritableStream", lambda one: replace(one, name="Missing"))


def test_an_argument_that_nobody_observes_is_found() -> None:
    another = Member("operation", "flush", "undefined", arguments=(Argument("why", "any"),))
    with pytest.raises(SpecError, match=r"WritableStream\.flush\(why\)"):
        changed("WritableStream", with_another(another))


def test_an_argument_that_is_gone_is_found() -> None:
    with pytest.raises(SpecError, match=r"there is no more WritableStream\.abort\(reason\)"):
        changed("WritableStream", without("abort"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[deviation]]\nof = "x"\ncase = "y"\n', "reason"),
        ('[[deviation]]\nof = "x"\ncase = "y"\nreason = " "\n', "no reason"),
        ("[[deviation]\n", "deviations.toml"),
    ],
)
def test_bad_deviations_are_an_error(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=problem):
        Check(deviations=path)


# The rules of Web IDL, against examples from its text and from ECMAScript's ---------------------------------


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (-1, "unsigned short", 65535),
        (65536.9, "unsigned short", 0),
        (-0.9, "[EnforceRange] octet", 0),
        (255.9, "[EnforceRange] octet", 255),
        (math.inf, "unsigned short", 0),
        ("0x1F", "unsigned short", 31),
        ("\ufeff 7\n", "unsigned short", 7),
        (None, "unsigned short", 0),
        (10**400, "unrestricted double", math.inf),
        ("1e999", "unrestricted double", math.inf),
        ("", "unrestricted double", 0),
        (2**53 - 1, "[EnforceRange] unsigned long long", 2**53 - 1),
        (math.nan, "boolean", False),
        ("byob", "ReadableStreamReaderMode", "byob"),
    ],
)
def test_conversions(value: object, type_: str, expected: object) -> None:
    assert Conversions(load(), {}).convert(value, type_) == expected


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (256, "[EnforceRange] octet"),
        (-1, "[EnforceRange] octet"),
        (math.nan, "[EnforceRange] octet"),
        (math.inf, "[EnforceRange] octet"),
        (2**53, "[EnforceRange] unsigned long long"),
        ("1_0", "[EnforceRange] octet"),
        (object(), "unrestricted double"),
        (1, "DOMString"),
        ("BYOB", "ReadableStreamReaderMode"),
        ("text", "object"),
        ("text", "async_sequence<any>"),
        (1, "QueuingStrategy"),
        ({"highWaterMark": 1}, "QueuingStrategyInit"),
    ],
)
def test_conversions_that_fail(value: object, type_: str) -> None:
    with pytest.raises(RefusedError):
        Conversions(load(), {}).convert(value, type_)


# Extraction ------------------------------------------------------------------------------------------

IDL = """
[Exposed=*, Transferable]
interface Thing {
  constructor(optional object o, optional Options options = {});
  static Thing from(async_sequence<any> things);
  readonly attribute unrestricted double? size;
  async_iterable<any>(optional Options options = {});
};
Thing includes Mixed;
interface mixin Mixed { Promise<undefined> go([EnforceRange] unsigned long long far); };
dictionary Options { required (Thing or DOMString) it; [EnforceRange] octet few = 1; DOMString text = "a"; };
enum Kind { "one", "two" };
callback Act = Promise<undefined> (any chunk, optional any reason);
typedef (Thing or Options) Either;
"""


def test_extracts_the_definitions(tmp_path: Path) -> None:
    found = {one.name: one for one in parse(IDL, "there")}
    # An includes statement is found in whatever order they come.
    assert found["Thing"].includes == ("Mixed",)
    assert found["Thing"].extended == ("Transferable",)
    assert [(one.kind, one.name, one.type) for one in found["Thing"].members] == [
        ("constructor", "constructor", ""),
        ("operation", "from", "Thing"),
        ("attribute", "size", "unrestricted double?"),
        ("async iterable", "values", "any"),
    ]
    assert found["Thing"].members[0].arguments[1] == Argument("options", "Options", optional=True, default="{}")
    assert found["Mixed"].members[0].arguments == (Argument("far", "[EnforceRange] unsigned long long"),)
    assert found["Options"].members == (
        Member("dictionary member", "it", "(Thing or DOMString)", required=True),
        Member("dictionary member", "few", "[EnforceRange] octet", default="1"),
        Member("dictionary member", "text", "DOMString", default='"a"'),
    )
    assert found["Kind"].values == ("one", "two")
    assert found["Act"].type == "Promise<undefined>"
    assert found["Either"].type == "(Thing or Options)"
    (tmp_path / "thing.toml").write_text(dump(found.values()), encoding="utf-8")
    assert load(["thing"], tmp_path).by_name == found


@pytest.mark.parametrize("text", ["", "interface {", "a text", "interface A { const short B = 1; };"])
def test_what_is_no_web_idl_is_an_error(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text, "there")


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_data_file_is_what_the_text_says(standard: str) -> None:
    variable = texts.VARIABLES[standard]
    if not os.environ.get(variable):
        pytest.skip(f"{variable} does not say where the text is")
    text = Path(os.environ[variable])
    assert texts.difference(model.HERE / f"{standard}.toml", text, extract(standard, text)) == ""


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_data_file_is_written_as_it_was_read(standard: str) -> None:
    written = (model.HERE / f"{standard}.toml").read_text(encoding="utf-8")
    assert dump(load().by_file[standard]) == written


# The command line --------------------------------------------------------------------------------------


def test_the_command_checks_what_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "CountQueuingStrategy", "--excused"]) == 0
    output = capsys.readouterr().out
    assert output.endswith("0 findings\n")
    assert "size: is not for an object" in output


@pytest.mark.parametrize(
    "arguments", [["check", "nothing of the kind"], ["extract"], ["extract", "--streams", "/no/such/text"]]
)
def test_what_can_not_be_done_is_said_in_a_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in texts.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
