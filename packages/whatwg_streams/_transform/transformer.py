"""§6.2.3 The transformer API: https://streams.spec.whatwg.org/#transformer-api"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._platform.webidl import convert_callback, members_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: An object or a mapping with any of these members, each a function or a coroutine function:
#: `start(controller)`, `transform(chunk, controller)`, `flush(controller)` and `cancel(reason)`.
Transformer: TypeAlias = Mapping[str, Any] | object


class TransformerDict(NamedTuple):
    """The dictionary Transformer: https://streams.spec.whatwg.org/#dictdef-transformer"""

    cancel: Callable[..., Any] | None = None
    flush: Callable[..., Any] | None = None
    readable_type: Any = None
    start: Callable[..., Any] | None = None
    transform: Callable[..., Any] | None = None
    writable_type: Any = None


#: That of a stream which was given none.
NO_TRANSFORMER: Final = TransformerDict()


def convert_transformer(transformer: object) -> TransformerDict:
    """Convert an object or a mapping to the dictionary; None is an empty one.

    Raises:
        TypeError: a member that is to be a function is none.
    """
    if transformer is None:
        return NO_TRANSFORMER
    get = members_of(transformer)
    return TransformerDict(
        convert_callback(get("cancel"), "transformer.cancel", 1),
        convert_callback(get("flush"), "transformer.flush", 1),
        get("readable_type"),
        convert_callback(get("start"), "transformer.start", 1),
        convert_callback(get("transform"), "transformer.transform", 2),
        get("writable_type"),
    )
