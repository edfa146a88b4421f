"""Reads the sources: what is defined where, with its docstring, slots, and step comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .model import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LABEL: Final = r"\d+(?:\.[A-Za-z0-9][\w-]*)*"
_STEP: Final = re.compile(rf"({_LABEL})\. (?:(?:to|and) ({_LABEL})\. )?")
_RELATIVE: Final = re.compile(r"((?:\.\d[\w-]*)+)\. ")
_THOSE_OF: Final = re.compile(rf"({_LABEL})\. to ({_LABEL})\. are those of `(\w+)`")
_SAME_SUB_STEPS: Final = re.compile(rf"Steps? ((?:{_LABEL}(?:, | and )?)+) ha(?:ve|s) (?:the same|these) sub-steps")
_RULE: Final = re.compile(r"-{3,}$")  # "# 15. The end ------" is a heading

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class StepComment:
    """A comment that says a step, or several in a row."""

    line: int
    label: str  # "3.2"; of a helper with steps relative to a caller's, ".2"
    last: str = ""  # of "4. to 7.", the "7"
    those_of: tuple[str, str, str] | None = None  # of "2.1. to 2.3. are those of `wrapper`", the three


@dataclass
class Run:
    """The step comments of one function, those of inner functions apart; the signature is apart, too."""

    function: str
    line: int
    end: int
    is_signature: bool = False
    comments: list[StepComment] = field(default_factory=list)


@dataclass
class Definition:
    """A function or a class."""

    name: str  # dotted: "whatwg_streams._readable.stream.ReadableStream.cancel"
    module: str
    path: Path
    line: int
    end: int
    is_class: bool
    docstring: str
    attributes: tuple[str, ...]  # of a class, its slots and what else it has; of a function, its arguments
    bases: tuple[str, ...] = ()
    runs: list[Run] = field(default_factory=list)
    same_sub_steps: tuple[str, ...] = ()  # the steps whose sub-steps an inner function has
    names: frozenset[str] = frozenset()  # all names and attributes in a function

    @property
    def has_steps(self) -> bool:
        """Whether it has steps that are numbered as those of an algorithm, not relative to a caller's."""
        return any(not one.label.startswith(".") for run in self.runs for one in run.comments)


@dataclass
class Module:
    name: str
    path: Path
    text: str
    definitions: list[Definition]


class Sources:
    """All modules of the packages under a folder."""

    def __init__(self, folder: Path) -> None:
        folder = folder.resolve()
        self.folder = folder
        paths = sorted(folder.rglob("*.py"))
        if not paths:
            raise SpecError(f"{folder}: no Python source there")
        self.modules = [_read(path, folder) for path in paths]
        self.definitions = {one.name: one for module in self.modules for one in module.definitions}
        self.top_level: dict[str, list[Definition]] = {}
        for module in self.modules:
            for definition in module.definitions:
                parent, _, name = definition.name.rpartition(".")
                if parent == module.name:
                    self.top_level.setdefault(name, []).append(definition)

    def methods_of(self, definition: Definition) -> list[Definition]:
        return [one for name, one in self.definitions.items() if name.startswith(f"{definition.name}.")]

    def of_name(self, name: str, package: str) -> list[Definition]:
        """The functions and classes at the top of a module of a package that have this name; not of _platform."""
        return [
            one
            for one in self.top_level.get(name, [])
            if one.name.startswith(f"{package}.") and not one.name.startswith(f"{package}._platform.")
        ]


def _read(path: Path, folder: Path) -> Module:
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError) as error:
        raise SpecError(f"{path}: can not be read: {error}") from error
    parts = path.relative_to(folder).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    file = _File(name, path, text.splitlines(), list(_comments(text)))
    return Module(name, path, text, list(_definitions(tree, name, file)))


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments that have a line to themselves."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            yield token.start[0], token.string.removeprefix("#").strip()


def step_comment(line: int, text: str) -> StepComment | None:
    if _RULE.search(text):
        return None
    text += " "
    those_of = _THOSE_OF.search(text)
    if match := _STEP.match(text):
        return StepComment(
            line, match[1], match[2] or "", (those_of[1], those_of[2], those_of[3]) if those_of else None
        )
    if match := _RELATIVE.match(text):
        return StepComment(line, match[1])
    return None


@dataclass(frozen=True)
class _File:
    module: str
    path: Path
    lines: list[str]
    comments: list[tuple[int, str]]


def _definitions(tree: ast.Module | ast.ClassDef, prefix: str, file: _File) -> Iterator[Definition]:
    for node in _body(tree):
        if isinstance(node, ast.ClassDef):
            name = f"{prefix}.{node.name}"
            yield Definition(
                name=name,
                module=file.module,
                path=file.path,
                line=node.lineno,
                end=node.end_lineno or node.lineno,
                is_class=True,
                docstring=ast.get_docstring(node) or "",
                attributes=_attributes(node),
                bases=tuple(_base(base) for base in node.bases),
            )
            yield from _definitions(node, name, file)
        elif isinstance(node, _Function):
            yield _function(node, f"{prefix}.{node.name}", file)


def _body(tree: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    for node in tree.body:
        if isinstance(node, ast.If):
            yield from node.body
        else:
            yield node


def _base(node: ast.expr) -> str:
    return ast.unparse(node.value if isinstance(node, ast.Subscript) else node).rpartition(".")[2]


def _attributes(node: ast.ClassDef) -> tuple[str, ...]:
    found: list[str] = []
    for one in node.body:
        if isinstance(one, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__slots__" for to in one.targets):
            value = ast.literal_eval(one.value)
            found += [value] if isinstance(value, str) else list(value)
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            found.append(one.target.id)
        elif isinstance(one, _Function):
            found.append(one.name)
    return tuple(dict.fromkeys(found))


def _function(node: _Function, name: str, file: _File) -> Definition:
    end = _end(node, file.lines)
    runs: list[Run] = []
    same: list[str] = []

    def collect(function: _Function, function_name: str, comments: list[tuple[int, str]]) -> None:
        span = (function.lineno, _end(function, file.lines))
        signature, body = Run(f"{function_name} (signature)", *span, is_signature=True), Run(function_name, *span)
        if match := _SAME_SUB_STEPS.search(ast.get_docstring(function) or ""):
            same.extend(re.split(r", | and ", match[1]))
        header = _header_end(function)
        inner = [(one, one.lineno, _end(one, file.lines)) for one in _inner_functions(function)]
        for line, text in comments:
            if any(first <= line <= last for _, first, last in inner):
                continue
            if comment := step_comment(line, text):
                (signature if line <= header else body).comments.append(comment)
        runs.extend(run for run in (signature, body) if run.comments)
        for one, first, last in inner:
            collect(one, f"{function_name}.{one.name}", [it for it in comments if first <= it[0] <= last])

    collect(node, name, [one for one in file.comments if node.lineno <= one[0] <= end])
    arguments = node.args
    return Definition(
        name=name,
        module=file.module,
        path=file.path,
        line=node.lineno,
        end=end,
        is_class=False,
        docstring=ast.get_docstring(node) or "",
        attributes=tuple(one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)),
        runs=runs,
        same_sub_steps=tuple(same),
        names=frozenset(_names(node)),
    )


def _names(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr


def _inner_functions(function: _Function) -> Iterator[_Function]:
    """The functions that are defined directly in another one, however deep in its statements."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, _Function):
            yield node
        elif not isinstance(node, ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _header_end(function: _Function) -> int:
    """The last line of the signature that has something in it."""
    arguments = function.args
    parts: list[ast.expr | ast.arg | None] = [
        function.returns,
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        *arguments.defaults,
        *arguments.kw_defaults,
    ]
    return max((one.end_lineno or 0 for one in parts if one is not None), default=function.lineno)


def _end(node: _Function, lines: list[str]) -> int:
    """The last line of a function, comments at its end included."""
    end = node.end_lineno or node.lineno
    column = node.body[0].col_offset
    for number in range(end + 1, len(lines) + 1):
        line = lines[number - 1]
        if not line.strip():
            continue
        if not line.lstrip().startswith("#") or len(line) - len(line.lstrip()) < column:
            break
        end = number
    return end
