"""The readers of asynchronous iterators that were dropped: Python has no call for leaving a loop.

What `aclose` would have done is done in a microtask, as an iterator may be dropped anywhere, by a garbage collection in
the middle of an algorithm for example; or when somebody asks for the lock of the stream before, who finds it free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..._platform import event_loop
from . import readers

if TYPE_CHECKING:
    from ..default_reader import ReadableStreamDefaultReader
    from ..stream import ReadableStream

#: Those that still have their streams, and whether these are not to be cancelled.
_left: Final[dict[ReadableStreamDefaultReader[Any], bool]] = {}


def leave(reader: ReadableStreamDefaultReader[Any], *, prevent_cancel: bool) -> None:
    """Have the reader released, and its stream cancelled unless that is prevented."""
    _left[reader] = prevent_cancel
    event_loop.enqueue_microtask(_release, reader)


def release_the_reader_that_was_left(stream: ReadableStream[Any]) -> None:
    """Do so now, if it is the reader of this stream: the stream may be locked by another one afterwards."""
    reader: Any = stream._reader
    if reader in _left:
        _release(reader)


def _release(reader: ReadableStreamDefaultReader[Any]) -> None:
    prevent_cancel = _left.pop(reader, None)
    if prevent_cancel is None:  # it was released before
        return
    if not prevent_cancel and reader._stream is not None:
        readers.readable_stream_reader_generic_cancel(reader, None)
    if reader._stream is not None:  # a read that was pending may have released it
        readers.readable_stream_default_reader_release(reader)
