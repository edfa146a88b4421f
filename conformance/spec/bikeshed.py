"""Extracts the index of the Streams Standard from its source, a Bikeshed document.

Steps are lists of Markdown, numbered by nesting. Three kinds of items have names instead of numbers: the
items of a struct (": [=read request/chunk steps=]" is "chunk"), reactions ("- If … was fulfilled" is
"fulfilled") and bullets with an emphasised beginning (hand_made.toml says how we call them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .idl import idl_entries
from .model import Entry, Section, SpecError, finish, section_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Index

_HEADING: Final = re.compile(r"<h([2-6])\b([^>]*)>(.*?)</h\1>", re.DOTALL)
_OPENING: Final = re.compile(r"<(div|p|table|dl|xmp)\b([^>]*)>")
_DFN: Final = re.compile(r"<dfn\b([^>]*)>(.*?)</dfn>", re.DOTALL)
_ITEM: Final = re.compile(r"^(\s*)(\d+\.|\*|-|:(?!:))\s+(.*)$")
_IDL: Final = re.compile(r'<xmp class="idl">(.*?)</xmp>', re.DOTALL)


@dataclass(frozen=True)
class _Section:
    start: int
    number: str
    title: str
    anchor: str


def extract(text: str, names: dict[str, Any]) -> Index:
    """The index of a text; `names` are those of hand_made.toml."""
    text = _blank(r"<!--.*?-->", text)
    sections = list(_sections(text))
    if not sections:
        raise SpecError("the text of the Streams Standard has no headings: is this streams.bs?")

    def section_at(position: int) -> _Section:
        return max((one for one in sections if one.start <= position), key=lambda one: one.start)

    found: list[tuple[int, Entry]] = []
    for match in _IDL.finditer(text):
        section = section_at(match.start())
        for entry in idl_entries(match[1], section.number):
            anchor = _idl_anchor(entry)
            found.append((match.start(), replace(entry, anchor=anchor, slots=tuple(_slots(text, entry)))))
    found += [(start, _struct(text, start, name, section_at(start).number)) for start, name in _structs(text)]
    for start, block, attributes in _algorithms(text):
        found.append((start, _algorithm(block, attributes, section_at(start).number, names)))
    # Members of an interface that have an algorithm are that; the others are just members.
    algorithms = {(entry.of, entry.term, entry.kind) for _, entry in found if not entry.name.startswith("?")}
    entries: list[tuple[tuple[int, ...], int, Entry]] = []
    for start, entry in found:
        if entry.name.startswith("?"):
            if (entry.of, entry.term, entry.kind) in algorithms:
                continue
            entry = replace(entry, name=entry.name[1:])  # noqa: PLW2901
        entries.append((section_key(entry.section), start, entry))
    entries.sort(key=lambda one: one[:2])
    edition = re.search(r"^Text Macro: LATESTRD (\S+)", text, re.MULTILINE)
    return finish(
        "streams",
        edition[1] if edition else "unknown",
        (entry for *_, entry in entries),
        (Section(section.number, section.title, section.anchor) for section in sections),
        _other_anchors(text),
    )


def definitions(text: str) -> str:
    """All of the Web IDL in a text."""
    return "\n".join(_IDL.findall(_blank(r"<!--.*?-->", text)))


def _other_anchors(text: str) -> Iterator[str]:
    """Of terms that one may want to name: those exported, of no other one, or with an anchor of their own."""
    for match in _DFN.finditer(text):
        if match[2].startswith("\\[["):  # a slot: its anchor has its class, which is elsewhere
            continue
        anchor = _attribute(match[1], "id")
        of = re.split(r"\s*,\s*", _attribute(match[1], "for") or "")[0]
        if anchor is None and ("export" in match[1] or not of) and "abstract-op" not in match[1]:
            term = (_attribute(match[1], "lt") or _plain(match[2])).split("|")[0]
            anchor = _simplify(f"{of}-{term}" if of else term)
        if anchor:
            yield anchor


def _blank(pattern: str, text: str) -> str:
    """Replace what matches by as many blanks, so that lines and positions stay."""
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.DOTALL)


def _plain(markup: str) -> str:
    markup = re.sub(r"<[^>]*>", "", markup)
    markup = re.sub(r"\{\{(?:[^}|/]*/)?([^}|]*)(?:\|[^}]*)?\}\}", r"\1", markup)
    return re.sub(r"\s+", " ", markup.replace("|", "").replace("\\[", "[")).strip()


def _attribute(attributes: str, name: str) -> str | None:
    match = re.search(rf'(?<![\w-]){name}(?:="([^"]*)"|=(\S+))', attributes)
    return None if match is None else re.sub(r"\s+", " ", match[1] if match[1] is not None else match[2]).strip()


def _sections(text: str) -> Iterator[_Section]:
    counts = [0] * 5
    for match in _HEADING.finditer(text):
        if "no-num" in match[2]:
            continue
        level = int(match[1]) - 2
        counts[level] += 1
        counts[level + 1 :] = [0] * (4 - level)
        number = ".".join(str(count) for count in counts[: level + 1])
        yield _Section(match.start(), number, _plain(match[3]), _attribute(match[2], "id") or "")


def _simplify(text: str) -> str:
    """How Bikeshed makes an anchor of a term."""
    text = re.sub(r"[\s/(,]+", "-", text.strip().lower().replace("()", ""))
    return re.sub(r"[^a-z0-9_-]", "", text).rstrip("-")


def _idl_anchor(entry: Entry) -> str:
    if entry.kind in {"interface", "mixin"}:
        return _simplify(entry.name)
    if entry.kind == "dictionary":
        return f"dictdef-{_simplify(entry.name)}"
    if entry.kind == "enumeration":
        return f"enumdef-{_simplify(entry.name)}"
    return f"dom-{_simplify(entry.of)}-{_simplify(entry.term)}"


# Slots and structs ------------------------------------------------------------------------------


def _slots(text: str, entry: Entry) -> list[str]:
    if entry.kind not in {"interface", "mixin"}:
        return []
    table = re.search(rf'<table dfn-for="{entry.name}">(.*?)</table>', text, re.DOTALL)
    slots = re.findall(r"<dfn[^>]*>\\\[\[(\w+)\]\]</dfn>", table[1]) if table else []
    return slots + re.findall(rf'<dfn for="{entry.name}">\\\[\[(\w+)\]\]</dfn>', text)


def _structs(text: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"<dfn(?: export)?>([^<]*)</dfn>\s+is\s+a\s+\[=struct=\]", text):
        yield match.start(), re.sub(r"\s+", " ", match[1])


def _struct(text: str, start: int, name: str, section: str) -> Entry:
    items = re.findall(rf'^: <dfn[^>]* for="{name}">([^<]*)</dfn>', text[start:], re.MULTILINE)
    return Entry(name=name, kind="struct", section=section, anchor=_simplify(name), members=tuple(items))


# Algorithms -------------------------------------------------------------------------------------


def _algorithms(text: str) -> Iterator[tuple[int, str, str]]:
    """The blocks that are marked as algorithms, one inside another taken out of it; and sentences that should be."""
    for match in _OPENING.finditer(text):
        tag, attributes = match[1], match[2]
        if tag == "div" and re.search(r"\balgorithm\b", attributes):
            end = _end_of_div(text, match.end())
            block = text[match.end() : end]
            for inner in re.finditer(r"<div\b[^>]*>", block):
                inner_end = _end_of_div(block, inner.end())
                block = block[: inner.start()] + _blank(r".*", block[inner.start() : inner_end]) + block[inner_end:]
            yield match.start(), block, attributes
        elif tag == "p" and re.search(r"\balgorithm\b", attributes):
            end = text.index("\n\n", match.end())
            yield match.start(), text[match.end() : end], attributes
        elif tag == "p" and not attributes:
            # A definition without steps that is not marked: "The <dfn>signal</dfn> of a …".
            end = text.find("\n\n", match.end())
            if re.match(r"The <dfn export for=", text[match.end() : end]):
                yield match.start(), text[match.end() : end], attributes


def _end_of_div(text: str, position: int) -> int:
    depth = 1
    for match in re.finditer(r"<div\b|</div>", text[position:]):
        depth += 1 if match[0] == "<div" else -1
        if depth == 0:
            return position + match.start()
    raise SpecError("the text of the Streams Standard has a <div> without its end")


def _algorithm(block: str, attributes: str, section: str, names: dict[str, Any]) -> Entry:
    block = _blank(r"<(dl|xmp)\b.*?</\1>", block)
    steps = tuple(_steps(block, names["bullets"]))
    title = _attribute(attributes, "algorithm")
    anchor = _attribute(attributes, "id")
    if anchor is not None and title is not None:  # the hooks of Web IDL and HTML: they define no term
        of, _, term = title.partition(" ")
        return Entry(name=title, kind="algorithm", section=section, anchor=anchor, of=of, term=term, steps=steps)
    definition = _DFN.search(block.split("\n 1.", maxsplit=1)[0])
    if definition is None:
        if title is None:
            raise SpecError(f"an algorithm of section {section} defines nothing and has no name")
        of, _, term = title.partition(" ")
        return Entry(name=title, kind="algorithm", section=section, of=of, term=term, steps=steps)
    return _defined(definition[1], definition[2], section, steps)


def _defined(attributes: str, content: str, section: str, steps: tuple[str, ...]) -> Entry:
    of = re.split(r"\s*,\s*", _attribute(attributes, "for") or "")[0]
    content = _plain(content)
    term = (_attribute(attributes, "lt") or content).split("|")[0]
    anchor = _attribute(attributes, "id")
    for kind in ("abstract-op", "constructor", "method", "attribute"):
        if re.search(rf"(?<![\w-]){kind}(?![\w-])", attributes):
            break
    else:
        name = f"{of} {term}" if of else term
        anchor = anchor or _simplify(f"{of}-{term}" if of else term)
        return Entry(name=name, kind="algorithm", section=section, anchor=anchor, of=of, term=term, steps=steps)
    term = re.split(r"[(\s]", term.removeprefix("new "), maxsplit=1)[0]
    if kind == "abstract-op":
        anchor = anchor or "abstract-opdef-" + _simplify(f"{of}-{term}" if of else term)
        if of:
            term = term.strip("[]")
            return Entry(f"{of}.[[{term}]]", "internal method", section, anchor, of, term, steps)
        return Entry(name=term, kind="abstract operation", section=section, anchor=anchor, steps=steps)
    anchor = anchor or f"dom-{_simplify(of)}-{_simplify(term)}"
    if kind == "constructor":
        return Entry(f"{of} constructor", "constructor", section, anchor, of, "constructor", steps)
    if kind == "method":
        return Entry(f"{of}.{term}()", "method", section, anchor, of, term, steps)
    return Entry(f"{of}.{term}", "getter", section, anchor, of, term, steps)


@dataclass
class _Item:
    indent: int
    label: str
    counted: bool  # whether it is a step: it has a number
    children: int = 0


def _steps(block: str, bullet_names: dict[str, str]) -> list[str]:
    """The labels of the steps, in the order of the text."""
    open_items: list[_Item] = [_Item(-1, "", counted=False)]
    items: list[_Item] = []
    note_indent: int | None = None  # a note lasts to the next blank line, or to an item further out
    for line in block.splitlines():
        match = _ITEM.match(line)
        note = re.match(r"(\s*)<p class=\"(?:note|example)", line)
        if note is not None:
            note_indent = len(note[1])
        elif line.strip() == "" or (match is not None and note_indent is not None and len(match[1]) < note_indent):
            note_indent = None
        if match is None or note_indent is not None:
            continue
        indent = len(match[1])
        while open_items[-1].indent >= indent:
            open_items.pop()
        parent = open_items[-1]
        item = _Item(indent, "", counted=match[2] not in {"*", "-", ":"})
        emphasised = re.match(r"(?:<dfn[^>]*>)?<(strong|i)>(.*?)</\1>", match[3])
        if emphasised is not None:
            item.counted = False
            name = bullet_names.get(_simplify(emphasised[2].rstrip(":")), _simplify(emphasised[2].rstrip(":")))
            item.label = f"{parent.label}.{name}" if name else parent.label
        elif match[2] == ":":
            item.label = f"{parent.label}.{_struct_item(match[3])}"
        elif match[2] in {"*", "-"}:
            reaction = re.match(r"If \|\w+\| was (fulfilled|rejected)", match[3])
            item.label = f"{parent.label}.{reaction[1] if reaction else '?'}"
        else:
            parent.children += 1
            item.label = f"{parent.label}.{parent.children}".lstrip(".")
        items.append(item)
        open_items.append(item)
    steps = []
    for position, item in enumerate(items):
        leaf = position + 1 == len(items) or items[position + 1].indent <= item.indent
        is_reaction = item.label.endswith((".fulfilled", ".rejected"))
        if item.counted and "?" in item.label:
            raise SpecError(f"step {item.label} is below a bullet that has no name")
        if item.counted or (is_reaction and leaf):
            steps.append(item.label)
    return steps


def _struct_item(text: str) -> str:
    match = re.match(r"\[=[^/\]]*/(\w+) steps=\]", text)
    if match is None:
        raise SpecError(f"an item of a struct that has no steps: {text[:30]}…")
    return match[1]
