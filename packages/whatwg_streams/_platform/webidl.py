"""Web IDL conversions: from what Python users pass to what the algorithms of the standards expect.

https://webidl.spec.whatwg.org/#js-type-mapping

Python's numbers, bools and strings stand for JavaScript's, `None` stands for undefined, and any other
object or mapping for an object. Messages start with the name of what was converted.
"""

from __future__ import annotations

import contextvars
import inspect
import math
import operator
from collections.abc import Mapping
from functools import partial
from numbers import Integral
from types import CoroutineType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeVar, cast

from typing_extensions import override

from . import callback_functions
from .coroutine_runner import CoroutineRunner
from .fast_paths import fast_paths
from .promises import Promise, a_promise_rejected_with, a_promise_resolved_with, a_promise_resolved_with_undefined
from .reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

T = TypeVar("T")

#: Beyond it a double no longer holds every integer.
LARGEST_EXACT_INTEGER = 2**53 - 1


def new(interface: type[T]) -> T:
    """https://webidl.spec.whatwg.org/#new: a new object of the interface, on which no constructor steps ran."""
    return interface.__new__(interface)


def maker_of(interface: type[T]) -> Callable[[], T]:
    """What makes such objects of this interface, in less time."""
    return partial(interface.__new__, interface)


# Numbers -----------------------------------------------------------------------------------------


def _to_number(value: object, what: str) -> int | float:
    """https://tc39.es/ecma262/#sec-tonumber"""
    if type(value) is int or type(value) is float:
        return value
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _string_to_number(value)
    if isinstance(value, int):
        return int(value)
    is_floating = hasattr(type(value), "__float__")
    # What is both is only asked for its index if it says that it is an integer: the bools of NumPy 1 warn.
    if isinstance(value, SupportsIndex) and (isinstance(value, Integral) or not is_floating):
        return operator.index(value)
    if is_floating:
        try:
            return float(cast("Any", value))
        except OverflowError:
            return math.inf if cast("Any", value) > 0 else -math.inf
        except ValueError:  # a signalling NaN of `decimal`
            return math.nan
    raise TypeError(f"{what}: expected a number, not {type(value).__name__}")


#: https://tc39.es/ecma262/#prod-StrWhiteSpaceChar
_WHITE_SPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)

_DIGITS_OF_AN_EXACT_INTEGER = 16


def _string_to_number(text: str) -> int | float:
    """https://tc39.es/ecma262/#sec-stringtonumber"""
    text = text.strip(_WHITE_SPACE)
    if not text:
        return 0
    if not text.isascii():
        return math.nan
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    if digits == "Infinity":
        return float(f"{sign}inf")
    if "_" in text or digits[:1].isalpha():
        return math.nan
    try:
        if not sign and text[:2].lower() in {"0x", "0o", "0b"}:
            return int(text, 0)
        return int(text) if digits.isdecimal() and len(digits) < _DIGITS_OF_AN_EXACT_INTEGER else float(text)
    except ValueError:
        return math.nan


def convert_unrestricted_double(value: object, what: str) -> int | float:
    """https://webidl.spec.whatwg.org/#js-unrestricted-double

    An integer that a double holds exactly stays an int.
    """
    number = _to_number(value, what)
    if type(number) is int and not -LARGEST_EXACT_INTEGER <= number <= LARGEST_EXACT_INTEGER:
        try:
            return float(number)
        except OverflowError:
            return math.inf if number > 0 else -math.inf
    return number


def convert_unsigned_integer(value: object, what: str, bits: int, *, enforce_range: bool) -> int:
    """https://webidl.spec.whatwg.org/#abstract-opdef-converttoint

    With [EnforceRange] what does not fit is a TypeError; without, it wraps around.
    """
    number = _to_number(value, what)
    largest = min((1 << bits) - 1, LARGEST_EXACT_INTEGER)
    if isinstance(number, float):
        if math.isfinite(number):
            number = math.trunc(number)
        elif enforce_range:
            raise TypeError(f"{what}: {number} is not a finite number")
        else:
            return 0
    if enforce_range and not 0 <= number <= largest:
        raise TypeError(f"{what}: {number} is not in the range of 0 to {largest}")
    return number % (1 << bits)


def convert_unsigned_long_long(value: object, what: str) -> int:
    """[EnforceRange] unsigned long long"""
    return convert_unsigned_integer(value, what, 64, enforce_range=True)


# Other simple types --------------------------------------------------------------------------------


def convert_boolean(value: object) -> bool:
    """https://webidl.spec.whatwg.org/#js-boolean; NaN is false there."""
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def convert_string(value: object, what: str) -> str:
    """https://webidl.spec.whatwg.org/#js-DOMString; any type but str is refused, rather than turned into one."""
    if not isinstance(value, str):
        raise TypeError(f"{what}: expected a str, not {type(value).__name__}")
    return value


def convert_enumeration(value: object, what: str, values: Sequence[str]) -> str:
    """https://webidl.spec.whatwg.org/#js-enumeration"""
    if not isinstance(value, str) or value not in values:
        expected = " or ".join(repr(one) for one in values)
        raise TypeError(f"{what}: expected {expected}, not {value!r}")
    return value


def convert_interface(value: object, what: str, interface: type[T]) -> T:
    """https://webidl.spec.whatwg.org/#js-interface"""
    if not isinstance(value, interface):
        article = "an" if interface.__name__[0] in "AEIOU" else "a"
        raise TypeError(f"{what}: expected {article} {interface.__name__}, not {type(value).__name__}")
    return value


# Dictionaries ------------------------------------------------------------------------------------

_PRIMITIVES = (bool, int, float, complex, str, bytes)


def convert_object(value: object, what: str) -> object:
    """https://webidl.spec.whatwg.org/#js-object: anything but a number, a bool or a string; None is a missing one."""
    if value is not None and isinstance(value, _PRIMITIVES):
        raise TypeError(f"{what}: expected an object or a mapping, not {type(value).__name__}")
    return value


def members_of(dictionary: Any) -> Callable[[str], Any]:
    """How to get a member of an object or a mapping by its name: None where it does not exist.

    https://webidl.spec.whatwg.org/#js-dictionary
    """
    members: Any = dictionary
    if type(dictionary) is dict or isinstance(dictionary, Mapping):
        return members.get  # type: ignore[no-any-return]
    return lambda name: getattr(dictionary, name, None)


def get_member(dictionary: object, name: str) -> Any:
    """The member of an object or a mapping, or None where it does not exist."""
    return members_of(dictionary)(name)


def misspelt(what: str, in_javascript: str, here: str) -> TypeError:
    """A member has the spelling of JavaScript: it would be overlooked, as members that are not known are."""
    return TypeError(f"{what}.{in_javascript}: this member is called {here} here")


def convert_callback(callback: Any, what: str, arguments: int) -> Callable[..., Any] | None:
    """The member of a dictionary, as a callback function that is called with so many arguments; None stays None.

    As in JavaScript, a function may take fewer arguments than it is called with.
    """
    function: Callable[..., Any] | None = callback
    if function is None or (type(function) is FunctionType and function.__code__.co_argcount >= arguments):
        return function
    if not callable(function):
        raise TypeError(f"{what}: expected a function, not {type(function).__name__}")
    accepted = _positional_arguments(function, arguments)
    if accepted >= arguments:
        return function
    return callback_functions.taking_fewer_arguments(function, arguments, accepted)


def _positional_arguments(function: Callable[..., Any], wanted: int) -> int:
    """How many of the wanted positional arguments the function takes."""
    bound = 0
    if isinstance(function, MethodType):
        function = function.__func__
        bound = 1
    if type(function) is FunctionType:
        code = function.__code__
        if code.co_flags & inspect.CO_VARARGS:
            return wanted
        return min(wanted, code.co_argcount - bound)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # a built-in that does not tell
        return wanted
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return wanted
    return min(wanted, sum(one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD} for one in parameters) - bound)


# Callbacks ---------------------------------------------------------------------------------------


class CallbackAlgorithm:
    """The algorithm of invoking a callback function whose return type is a promise.

    https://webidl.spec.whatwg.org/#invoke-a-callback-function

    What the function raises becomes a rejection. The coroutine that a coroutine function returns runs in
    a task, in a copy of the context in which this algorithm was made. Coroutines that do so one after the other may
    share the task.

    Args:
        function: the callback function.
        controller: what it is called with after the arguments of the algorithm, if anything.
    """

    __slots__ = ("_context", "_runner", "controller", "function")

    def __init__(self, function: Callable[..., Any], controller: object = None) -> None:
        self.function = function
        self.controller = controller
        context = contextvars.copy_context()
        self._context = context or None  # an empty one is made when it is needed
        self._runner: CoroutineRunner | None = None

    def __call__(self, *arguments: object) -> Promise[Any]:
        try:
            if self.controller is None:
                result = self.function(*arguments)
            else:
                result = self.function(*arguments, self.controller)
        except BaseException as exception:
            return a_promise_rejected_with(reason_of(exception))
        return self.promise_for(result)

    def promise_for(self, result: object) -> Promise[Any]:
        """The promise for what the function returned."""
        if result is None:
            return a_promise_resolved_with_undefined()
        if result.__class__ is CoroutineType and fast_paths.enabled:
            if self._runner is None:
                self._runner = CoroutineRunner()
            return self._runner.promise_for(cast("Coroutine[Any, Any, Any]", result), self.context)
        return a_promise_for_what_was_returned(result, self.context)

    @property
    def context(self) -> contextvars.Context:
        """What coroutines of the function run in."""
        if self._context is None:
            self._context = contextvars.Context()
        return self._context

    @context.setter
    def context(self, context: contextvars.Context) -> None:
        self._context = context

    @property
    def has_variables(self) -> bool:
        """Whether there is anything in the context."""
        return bool(self._context)


def a_promise_for_what_was_returned(result: object, context: contextvars.Context | None = None) -> Promise[Any]:
    """The promise for what a callback function returned; a generator would be dropped, and nothing of it have run."""
    if callback_functions.is_generator(result):
        return a_promise_rejected_with(
            TypeError(
                "a callback that has a yield in it does not run; call controller.enqueue for each chunk, or make the "
                "stream with ReadableStream.from_"
            )
        )
    return a_promise_resolved_with(result, context)


class WrapperAlgorithm(CallbackAlgorithm):
    """An algorithm that another specification sets up a stream with: if it returns a promise, it is that one.

    https://streams.spec.whatwg.org/#other-specs
    """

    __slots__ = ()

    @override
    def promise_for(self, result: object) -> Promise[Any]:
        if isinstance(result, Promise):
            return result  # pyright: ignore[reportUnknownVariableType]
        return super().promise_for(result)


class WriteWrapper(WrapperAlgorithm):
    """One of a write algorithm, which is called with the chunk alone."""

    __slots__ = ("of_one_argument",)

    def __init__(self, algorithm: Callable[[Any], Any], controller: object) -> None:
        super().__init__(MethodType(_of_the_first, algorithm), controller)
        self.of_one_argument = algorithm


def _of_the_first(algorithm: Callable[[Any], Any], first: object, _: object) -> Any:
    return algorithm(first)


def return_undefined(*_: object) -> None:
    """An algorithm that does nothing, and returns undefined."""


#: The algorithm that does nothing, and returns a promise resolved with undefined.
DO_NOTHING: Final = CallbackAlgorithm(return_undefined)
