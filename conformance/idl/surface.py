"""What can be seen of an interface as it is: its members, what they give, and what they refuse."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tests.support import settle
from whatwg_streams import Promise

from .model import Place, python_name, split_type
from .stage import object_of, required_arguments
from .trial import Outcome

if TYPE_CHECKING:
    from .model import Definition, Definitions, Member


class Surface:
    """The members of the interfaces of some definitions."""

    def __init__(self, definitions: Definitions, interfaces: dict[str, type]) -> None:
        self.definitions = definitions
        self.interfaces = interfaces

    async def of(self, interface: Definition) -> list[Outcome]:
        cls = self.interfaces[interface.name]
        outcomes = list(self._names(interface, cls))
        outcomes += [self._constructor(interface, cls)]
        for member in interface.members:
            if not hasattr(cls, python_name(member.name)) and member.kind != "constructor":
                outcomes.append(Outcome(f"{member.name}: exists", "it is missing"))
            elif member.kind == "attribute":
                outcomes += await self._attribute(interface, member)
            elif member.kind in {"operation", "async iterable"}:
                outcomes += await self._operation(interface, cls, member)
            outcomes += [one async for one in self._options(interface, cls, member)]
        outcomes += [one async for one in self._receivers(interface, cls)]
        return outcomes

    # Names ------------------------------------------------------------------------------------------------

    def _names(self, interface: Definition, cls: type) -> Iterator[Outcome]:
        """Each public name is a member, or beyond the standard, which deviations.toml has to say."""
        members = {python_name(one.name) for one in interface.members}
        names = {name for name in dir(cls) if not name.startswith("_") and not hasattr(_builtin_base(cls), name)}
        for name in sorted(names - members):
            yield Outcome(f"{name}: is a member of the standard", "it is not")
        for name in sorted(members & set(dir(cls))):
            camel = next(one.name for one in interface.members if python_name(one.name) == name)
            problem = "has the name of JavaScript, too" if camel != name and hasattr(cls, camel) else ""
            yield Outcome(f"{camel}: is spelled as in Python", problem)

    def _constructor(self, interface: Definition, cls: Callable[..., object]) -> Outcome:
        """An interface without a constructor is not constructed, whatever is given."""
        if any(one.kind == "constructor" for one in interface.members):
            return Outcome("constructor: exists", "")
        candidates: tuple[tuple[object, ...], ...] = ((), (None,), ({}, {}))
        for arguments in candidates:
            try:
                made = cls(*arguments)
            except TypeError:
                continue
            except Exception as error:
                return Outcome("constructor: there is none", f"it raises {error!r} instead of a TypeError")
            return Outcome("constructor: there is none", f"it makes {made!r}")
        return Outcome("constructor: there is none", "")

    # Attributes -------------------------------------------------------------------------------------------

    async def _attribute(self, interface: Definition, member: Member) -> list[Outcome]:
        name = python_name(member.name)
        subject = await object_of(interface.name)
        value = getattr(subject, name)
        outcomes = [
            Outcome(f"{member.name}: is {member.type}", await self._given(value, member.type)),
        ]
        if member.readonly:
            outcomes.append(_is_refused(f"{member.name}: is not set", setattr, subject, name, value))
        else:
            setattr(subject, name, value)
            outcomes.append(Outcome(f"{member.name}: is set", ""))
        outcomes.append(_is_refused(f"{member.name}: is not deleted", delattr, subject, name))
        outcomes.append(_is_refused("no other attribute is set", setattr, subject, "something_else", value))
        if member.type.startswith(("Promise<", "FrozenArray<")):
            outcomes.append(Outcome(f"{member.name}: is the same again", _unless(value is getattr(subject, name))))
        return outcomes

    async def _given(self, value: Any, type_: str) -> str:
        """What is wrong about a value that is given as one of a type, or about what a promise is fulfilled with."""
        if not self.is_a(value, type_):
            return f"it is {value!r:.80}"
        if isinstance(value, Promise):
            result = await _settled(value)
            inner = type_.removeprefix("Promise<").removesuffix(">")
            if result is not value and not isinstance(result, Exception) and not self.is_a(result, inner):
                return f"it is fulfilled with {result!r:.80}"
        return ""

    def is_a(self, value: Any, type_: str) -> bool:
        """Whether a value that the packages give is of a type."""
        name, _ = split_type(type_)
        if name.endswith("?"):
            return value is None or self.is_a(value, name[:-1])
        if name.startswith("Promise<"):
            return isinstance(value, Promise)
        if match := re.fullmatch(r"(?:sequence|FrozenArray)<(.+)>", name):
            return isinstance(value, tuple) and all(self.is_a(one, match[1]) for one in value)
        if name.startswith("("):
            return any(self.is_a(value, one) for one in name.strip("()").split(" or "))
        known: dict[str, Callable[[Any], bool]] = {
            "any": lambda _: True,
            "undefined": lambda value: value is None,
            "boolean": lambda value: isinstance(value, bool),
            "DOMString": lambda value: isinstance(value, str),
            "unsigned short": lambda value: type(value) is int and 0 <= value < 2**16,
            "unrestricted double": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
            "Uint8Array": lambda value: isinstance(value, memoryview) and value.format == "B" and not value.readonly,
            "Function": callable,
            "EventHandler": lambda value: value is None or callable(value),
        }
        if name in known:
            return known[name](value)
        definition = self.definitions.by_name[name]
        if definition.kind == "typedef":
            return self.is_a(value, definition.type)
        if definition.kind == "dictionary":
            return self._is_dictionary(value, definition)
        return isinstance(value, self.interfaces[name])

    def _is_dictionary(self, value: Any, definition: Definition) -> bool:
        """One that is given cannot be changed, and has an attribute of its type for each member."""
        for member in definition.members:
            name = python_name(member.name)
            if not hasattr(value, name):
                return False
            given = getattr(value, name)
            if given is not None and not self.is_a(given, member.type):
                return False
            if _is_refused("", setattr, value, name, given).problem:
                return False
        return True

    # Operations -------------------------------------------------------------------------------------------

    async def _operation(self, interface: Definition, cls: type, member: Member) -> list[Outcome]:
        """What it gives, and what becomes of a call without what it needs."""
        name = python_name(member.name)
        arguments = await required_arguments(member)
        subject = cls if member.static else await object_of(interface.name)
        result = await _outcome(getattr(subject, name), (), arguments)
        outcomes = [await self._result(member, result)]
        static = isinstance(inspect.getattr_static(cls, name), staticmethod | classmethod)
        outcomes.append(
            Outcome(f"{member.name}: is{'' if member.static else ' not'} static", _unless(static == member.static))
        )
        for missing in arguments:
            others = {key: value for key, value in arguments.items() if key != missing}
            case = f"{member.name}: needs {missing}"
            outcomes.append(_fails(case, await _outcome(getattr(subject, name), (), others), member))
        result = await _outcome(getattr(subject, name), (), {"other": 1})
        outcomes.append(_fails(f"{member.name}: takes no other arguments", result, member))
        return outcomes

    async def _result(self, member: Member, result: Any) -> Outcome:
        case = f"{member.name}: gives {member.type}"
        if member.kind == "async iterable":
            problem = "" if hasattr(result, "__anext__") else f"it gives {result!r}"
            return Outcome(f"{member.name}: gives an asynchronous iterator", problem)
        if isinstance(result, TypeError) and not member.returns_promise:
            return Outcome(case, "")  # what the algorithm has to say in the state that the object is in
        return Outcome(case, await self._given(result, member.type))

    async def _options(self, interface: Definition, cls: type, member: Member) -> AsyncIterator[Outcome]:
        """The members of a dictionary are keyword arguments, and nothing else is."""
        for position, argument in enumerate(member.arguments):
            place = Place(interface.name, member.name, argument)
            dictionary = self.definitions.dictionary_of(place)
            if dictionary is None or not self.definitions.is_options(place):
                continue
            before = (await required_arguments(member)).values()
            subject = cls if member.static or member.kind == "constructor" else await object_of(interface.name)
            function = subject if member.kind == "constructor" else getattr(subject, python_name(member.name))
            given = [*list(before)[:position], {}]
            result = await _outcome(function, given, {})
            yield _fails(f"{member.name}: {argument.name} are keyword arguments only", result, member)

    # Receivers --------------------------------------------------------------------------------------------

    async def _receivers(self, interface: Definition, cls: type) -> AsyncIterator[Outcome]:
        """Members of the class, called on what is no object of the interface."""
        strangers: dict[str, object] = {"object": object(), "None": None}
        for other in (*strangers, *self.interfaces):
            if other == interface.name:
                continue
            receiver = strangers[other] if other in strangers else await object_of(other)
            for member in interface.members:
                if member.static or member.kind == "constructor" or not hasattr(cls, python_name(member.name)):
                    continue
                attribute = inspect.getattr_static(cls, python_name(member.name))
                function: Any = attribute.fget if isinstance(attribute, property) else attribute
                result = await _outcome(function, (receiver,), await required_arguments(member))
                if isinstance(result, Promise):
                    result = await _settled(result)
                refused = isinstance(result, TypeError | AttributeError)
                kind = f"an object{'' if other in strangers else ' of another interface'}"
                yield Outcome(
                    f"{member.name}: is not for {kind}", "" if refused else f"for a {other} it gives {result!r:.80}"
                )


def _unless(good: bool) -> str:
    return "" if good else "it is otherwise"


def _builtin_base(cls: type) -> type:
    """The first base that is not of the packages, and not `object`."""
    return next((one for one in cls.__mro__ if one.__module__ == "builtins"), object)


def _is_refused(case: str, function: Callable[..., object], *arguments: object) -> Outcome:
    try:
        function(*arguments)
    except AttributeError:
        return Outcome(case, "")
    return Outcome(case, "it is")


def _fails(case: str, result: Any, member: Member) -> Outcome:
    """A call that is wrong fails with a TypeError; where a promise is expected, it is rejected with one."""
    if isinstance(result, TypeError):
        problem = "it raises instead of returning a promise that is rejected" if member.returns_promise else ""
        return Outcome(case, problem)
    return Outcome(case, f"it gives {result!r:.80}")


async def _outcome(function: Callable[..., Any], arguments: Sequence[Any], options: dict[str, Any]) -> Any:
    """What a call gives, or what it raises."""
    try:
        result = function(*arguments, **options)
    except Exception as error:
        return error
    await _settled(result)
    return result


async def _settled(value: Any) -> Any:
    """What a promise is settled with, or the promise itself if it is pending; any other value as it is."""
    if not isinstance(value, Promise):
        return value
    results: list[Any] = []
    value.then(results.append, results.append)
    await settle(5)
    return results[0] if results else value
