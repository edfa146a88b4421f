"""DOMException with its named kinds, and the other exceptions the standards throw.

https://webidl.spec.whatwg.org/#idl-DOMException

    Exception
    ├── DOMException               any name; `name`, `message`, `code`
    │   ├── AbortError
    │   ├── DataCloneError
    │   ├── InvalidStateError
    │   ├── NetworkError           is an OSError too, and keeps `errno`
    │   ├── NotAllowedError        is a PermissionError too
    │   └── TimeoutError           is the built-in TimeoutError too
    ├── ValueError
    │   └── RangeError             JavaScript's RangeError
    └── RejectionError             carries a reason that is not an exception
        └── NoReasonError          carries None; is an AbortError too

JavaScript's TypeError is Python's own.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

if TYPE_CHECKING:
    from typing import Self

#: https://webidl.spec.whatwg.org/#idl-DOMException-error-names, those with a legacy code
_LEGACY_CODES = {
    "IndexSizeError": 1,
    "HierarchyRequestError": 3,
    "WrongDocumentError": 4,
    "InvalidCharacterError": 5,
    "NoModificationAllowedError": 7,
    "NotFoundError": 8,
    "NotSupportedError": 9,
    "InUseAttributeError": 10,
    "InvalidStateError": 11,
    "SyntaxError": 12,
    "InvalidModificationError": 13,
    "NamespaceError": 14,
    "InvalidAccessError": 15,
    "TypeMismatchError": 17,
    "SecurityError": 18,
    "NetworkError": 19,
    "AbortError": 20,
    "URLMismatchError": 21,
    "QuotaExceededError": 22,
    "TimeoutError": 23,
    "InvalidNodeTypeError": 24,
    "DataCloneError": 25,
}


class DOMException(Exception):
    """An exception of the web platform: a name to test for, and a message to read.

    `DOMException("…", "AbortError")` makes an `AbortError`, so that `except AbortError` and a test of
    the name agree; names without a class of their own stay plain.

    Args:
        message: what went wrong, in words.
        name: the kind of error, as in the table of names of Web IDL.

    Raises:
        TypeError: the message or the name is no str.
    """

    _kinds: ClassVar[dict[str, type[DOMException]]] = {}
    _name = "Error"

    def __new__(cls, message: str = "", name: str | None = None, **_: object) -> Self:
        kind = cls._kinds.get(name, cls) if cls is DOMException and isinstance(name, str) else cls
        base = OSError if issubclass(kind, OSError) else Exception
        return base.__new__(kind, message)  # type: ignore[return-value]  # of a subclass, for a name that has one

    def __init__(  # pyright: ignore[reportInconsistentConstructor] - __new__ serves the named kinds, too
        self, message: str = "", name: str | None = None
    ) -> None:
        if type(message) is not str or name is not None:
            _check_that_they_are_strings(message, name)
        self._message = message or ""
        super().__init__(self._message)
        if name is not None:
            self._name = name

    @property
    def name(self) -> str:
        """The name of the error, for example "AbortError"."""
        return self._name

    @property
    def message(self) -> str:
        """What went wrong, in words."""
        return self._message

    @property
    def code(self) -> int:
        """The legacy code that belongs to the name, or 0."""
        return _LEGACY_CODES.get(self._name, 0)

    @override
    def __str__(self) -> str:
        return self._message

    @override
    def __repr__(self) -> str:
        if type(self)._name == self._name and type(self) is not DOMException:
            return f"{type(self).__name__}({self._message!r})"
        return f"{type(self).__name__}({self._message!r}, {self._name!r})"

    @override
    def __reduce__(self) -> tuple[object, ...]:
        number = self.errno if isinstance(self, OSError) else None
        return rebuild, (type(self), self._message, self._name, dict(self.__dict__), number)


def _check_that_they_are_strings(message: object, name: object) -> None:
    for what, value in (("message", message), ("name", name)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{what}: expected a str, not {type(value).__name__}")


def rebuild(
    kind: type[DOMException], message: str, name: str, attributes: dict[str, object], number: int | None
) -> DOMException:
    """Make an exception of what `DOMException.__reduce__` tells of it."""
    exception = kind.__new__(kind, message)
    exception.__init__(message, name)  # type: ignore[misc]  # named kinds take no name
    exception.__dict__.update(attributes)
    if isinstance(exception, OSError):
        exception.errno = number
    return exception


class _Named(DOMException):
    """A DOMException whose class says its name."""

    def __init__(  # pyright: ignore[reportInconsistentConstructor]
        self, message: str = "", name: str | None = None
    ) -> None:
        del name  # given only by DOMException(message, name), and then it is the class's own
        super().__init__(message)


class AbortError(_Named):
    """The operation was aborted."""

    _name = "AbortError"


class DataCloneError(_Named):
    """The object can not be cloned."""

    _name = "DataCloneError"


class InvalidStateError(_Named):
    """The object is in an invalid state."""

    _name = "InvalidStateError"


class NetworkError(_Named, OSError):
    """A network error occurred; `errno` says which, where the operating system told.

    Args:
        message: what went wrong, in words.
        errno: the operating system's number for it.
    """

    _name = "NetworkError"

    def __init__(  # pyright: ignore[reportInconsistentConstructor]
        self, message: str = "", name: str | None = None, *, errno: int | None = None
    ) -> None:
        super().__init__(message, name)
        self.errno = errno


class NotAllowedError(_Named, PermissionError):
    """The request is not allowed in the current context."""

    _name = "NotAllowedError"


class TimeoutError(_Named, builtins.TimeoutError):
    """The operation timed out.

    `except` the built-in TimeoutError catches this one, and those of `asyncio.timeout`, too.
    """

    _name = "TimeoutError"


DOMException._kinds.update(
    {
        kind._name: kind
        for kind in (AbortError, DataCloneError, InvalidStateError, NetworkError, NotAllowedError, TimeoutError)
    }
)


class RangeError(ValueError):
    """A number is outside of the range it has to be in: JavaScript's RangeError."""


class RejectionError(Exception):
    """Raised by awaiting a promise that was rejected with something that can not be raised.

    A reason may be any object in the standards. One that is no exception, or that Python gives a
    meaning of its own when raised (StopIteration, StopAsyncIteration, GeneratorExit,
    asyncio.CancelledError), is carried by this exception instead.

    Args:
        reason: the reason of the rejection, kept as it is.
    """

    def __init__(self, reason: object) -> None:
        super().__init__(reason)
        self.reason = reason

    @override
    def __str__(self) -> str:
        return f"a promise was rejected with {self.reason!r}"


class NoReasonError(AbortError, RejectionError):
    """Raised by awaiting a promise that was rejected with None: what was aborted without a reason leaves it.

    So `except AbortError` is enough for those who do not know whether a reason was given.
    """

    def __init__(  # pyright: ignore[reportInconsistentConstructor] - as it is unpickled
        self, message: str = "a promise was rejected with None: no reason was given", name: str | None = None
    ) -> None:
        super().__init__(message, name)
        self.reason = None


# Tracebacks, and other messages, name them as they are imported.
for _kind in (*DOMException._kinds.values(), DOMException, RangeError, RejectionError):
    _kind.__module__ = "whatwg_streams"
