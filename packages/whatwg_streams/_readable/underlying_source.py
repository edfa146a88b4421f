"""§4.2.3 The underlying source API: https://streams.spec.whatwg.org/#underlying-source-api"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._platform.webidl import convert_callback, convert_enumeration, convert_unsigned_long_long, members_of, misspelt

if TYPE_CHECKING:
    from collections.abc import Callable

#: An object or a mapping with any of these members: `start(controller)`, `pull(controller)` and
#: `cancel(reason)`, each a function or a coroutine function; `type`, which can be "bytes"; and, of a byte
#: source, `auto_allocate_chunk_size`.
UnderlyingSource: TypeAlias = Mapping[str, Any] | object


class UnderlyingSourceDict(NamedTuple):
    """The dictionary UnderlyingSource: https://streams.spec.whatwg.org/#dictdef-underlyingsource"""

    auto_allocate_chunk_size: int | None = None
    cancel: Callable[..., Any] | None = None
    pull: Callable[..., Any] | None = None
    start: Callable[..., Any] | None = None
    type: str | None = None


#: Those members, in this order.
Members: TypeAlias = (
    "tuple[int | None, Callable[..., Any] | None, Callable[..., Any] | None, Callable[..., Any] | None, str | None]"
)

#: Those of a stream which was given no source.
NO_MEMBERS: Final[Members] = (None, None, None, None, None)
_BYTES: Final = "bytes"  # the one value of ReadableStreamType


def convert_underlying_source(source: object) -> UnderlyingSourceDict:
    """Convert an object or a mapping to the dictionary; None is an empty one.

    Raises:
        TypeError: as `convert_members` does.
    """
    return UnderlyingSourceDict(*convert_members(source))


def convert_members(source: object) -> Members:
    """The members of the dictionary, in a plain tuple, which is made and taken apart in less time.

    Raises:
        TypeError: a member that is to be a function is none, the type is not "bytes", or the chunk size
            is no integer of the range of unsigned long long.
    """
    if source is None:
        return NO_MEMBERS
    its_members: Any = source
    get: Callable[[str], Any] = its_members.get if source.__class__ is dict else members_of(source)
    auto_allocate_chunk_size = get("auto_allocate_chunk_size")
    if auto_allocate_chunk_size is not None:
        auto_allocate_chunk_size = convert_unsigned_long_long(
            auto_allocate_chunk_size, "underlying_source.auto_allocate_chunk_size"
        )
    if (cancel := get("cancel")) is not None:
        cancel = convert_callback(cancel, "underlying_source.cancel", 1)
    if (pull := get("pull")) is not None:
        pull = convert_callback(pull, "underlying_source.pull", 1)
    if (start := get("start")) is not None:
        start = convert_callback(start, "underlying_source.start", 1)
    type_ = get("type")
    if type_ is not None:
        if type_ is not _BYTES:
            convert_enumeration(type_, "underlying_source.type", ("bytes",))
        if auto_allocate_chunk_size is None and get("autoAllocateChunkSize") is not None:
            raise misspelt("underlying_source", "autoAllocateChunkSize", "auto_allocate_chunk_size")
    return auto_allocate_chunk_size, cancel, pull, start, type_
