"""§6.2.3 The transformer API: https://streams.spec.whatwg.org/#transformer-api"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._platform.webidl import get_callback, get_member

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


_NO_TRANSFORMER: Final = TransformerDict()


def convert_transformer(transformer: object) -> TransformerDict:
    """Convert an object or a mapping to the dictionary; None is an empty one.

    Raises:
        TypeError: a member that is to be a function is none.
    """
    if transformer is None:
        return _NO_TRANSFORMER
    what = "transformer"
    return TransformerDict(
        get_callback(transformer, "cancel", what, 1),
        get_callback(transformer, "flush", what, 1),
        get_member(transformer, "readable_type"),
        get_callback(transformer, "start", what, 1),
        get_callback(transformer, "transform", what, 2),
        get_member(transformer, "writable_type"),
    )
