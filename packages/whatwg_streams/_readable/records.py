"""The structs of §4.4, §4.5 and §4.7: slots only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, cast, final

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from .._platform.buffers import ArrayBuffer, ArrayBufferView, ViewConstructor

R = TypeVar("R", default=Any)

#: `tuple_new(READ_RESULT, (value, done))` is `ReadResult(value, done)`, in half the time.
tuple_new: Final[Any] = cast("Any", tuple).__new__


class ReadResult(NamedTuple, Generic[R]):
    """What a read gives: https://streams.spec.whatwg.org/#dictdef-readablestreamreadresult

    Take it apart, `value, done = await reader.read()`, or ask for `value` and `done`.
    """

    value: R
    done: bool


#: The same; a compiled module finds it quicker here.
READ_RESULT: Final[Any] = ReadResult


class ReadRequest(Protocol):
    """https://streams.spec.whatwg.org/#read-request"""

    def chunk_steps(self, chunk: Any, /) -> None:
        """A chunk is available for reading."""
        ...

    def close_steps(self) -> None:
        """No chunk is available, as the stream is closed."""
        ...

    def error_steps(self, e: Any, /) -> None:
        """No chunk is available, as the stream is errored."""
        ...


class ReadIntoRequest(Protocol):
    """https://streams.spec.whatwg.org/#read-into-request"""

    def chunk_steps(self, chunk: ArrayBufferView, /) -> None:
        """A chunk is available for reading."""
        ...

    def close_steps(self, chunk: ArrayBufferView | None, /) -> None:
        """No chunk is available, as the stream is closed; the view comes back, unless it was cancelled."""
        ...

    def error_steps(self, e: Any, /) -> None:
        """No chunk is available, as the stream is errored."""
        ...


@final
class ReadableByteStreamQueueEntry:
    """https://streams.spec.whatwg.org/#readable-byte-stream-queue-entry"""

    __slots__ = ("buffer", "byte_length", "byte_offset")

    def __init__(self, buffer: ArrayBuffer, byte_offset: int, byte_length: int) -> None:
        self.buffer = buffer
        self.byte_offset = byte_offset
        self.byte_length = byte_length


class PullIntoDescriptor:
    """https://streams.spec.whatwg.org/#pull-into-descriptor"""

    __slots__ = (
        "buffer",
        "buffer_byte_length",
        "byte_length",
        "byte_offset",
        "bytes_filled",
        "element_size",
        "minimum_fill",
        "reader_type",
        "view_constructor",
        "withdrawn_read",
    )

    def __init__(
        self,
        buffer: ArrayBuffer,
        buffer_byte_length: int,
        byte_offset: int,
        byte_length: int,
        bytes_filled: int,
        minimum_fill: int,
        element_size: int,
        view_constructor: ViewConstructor,
        reader_type: str,
    ) -> None:
        self.buffer = buffer
        self.buffer_byte_length = buffer_byte_length
        self.byte_offset = byte_offset
        self.byte_length = byte_length
        self.bytes_filled = bytes_filled
        self.minimum_fill = minimum_fill
        self.element_size = element_size
        self.view_constructor = view_constructor
        self.reader_type = reader_type  # "default", "byob" or "none"
        self.withdrawn_read: int | None = None  # beyond the standard, see `unread.take_back`
