"""§5.2.3 The underlying sink API: https://streams.spec.whatwg.org/#underlying-sink-api"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._platform.webidl import convert_callback, members_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: An object or a mapping with any of these members, each a function or a coroutine function:
#: `start(controller)`, `write(chunk, controller)`, `close()` and `abort(reason)`.
UnderlyingSink: TypeAlias = Mapping[str, Any] | object


class UnderlyingSinkDict(NamedTuple):
    """The dictionary UnderlyingSink: https://streams.spec.whatwg.org/#dictdef-underlyingsink"""

    abort: Callable[..., Any] | None = None
    close: Callable[..., Any] | None = None
    start: Callable[..., Any] | None = None
    type: Any = None
    write: Callable[..., Any] | None = None


#: That of a stream which was given none.
NO_SINK: Final = UnderlyingSinkDict()


def convert_underlying_sink(sink: object) -> UnderlyingSinkDict:
    """Convert an object or a mapping to the dictionary; None is an empty one.

    Raises:
        TypeError: a member that is to be a function is none.
    """
    if sink is None:
        return NO_SINK
    get = members_of(sink)
    return UnderlyingSinkDict(
        convert_callback(get("abort"), "underlying_sink.abort", 1),
        convert_callback(get("close"), "underlying_sink.close", 0),
        convert_callback(get("start"), "underlying_sink.start", 1),
        get("type"),
        convert_callback(get("write"), "underlying_sink.write", 2),
    )
