"""ArrayBuffer and its views: transfer, detach, copy and clone. The only module that looks inside memory.

https://tc39.es/ecma262/#sec-arraybuffer-objects
https://tc39.es/ecma262/#sec-typedarray-objects

The byte stream algorithms speak of buffers and of views onto them. Here a buffer is an object of the
protocol `ArrayBuffer`; and an `ArrayBufferView` is what the algorithms pass around: a buffer, an extent
in it, and the constructor that makes views of its kind. At the border `view_of` turns what a user hands
over into one, and its `object` is what the user is handed.

Python's memory comes in through the buffer protocol (bytes, bytearray, memoryview, array.array, mmap,
numpy arrays) and is one kind of buffer, `MemoryBuffer`; a host may register others. Three rules make a
memoryview behave like a JavaScript view:

1. What is handed over is detached: a memoryview is released, so that touching it raises ValueError; one
   that another object holds on to can not be, and is refused. From any other object, which can not be taken
   away from its owner, a view is taken.
2. What is handed out is a memoryview of the same memory, in the item format of the view that came in. It is
   released when its buffer is transferred, unless another object holds on to it.
3. The view that came in is all there is of its buffer: it starts at offset 0 and ends at the buffer's end.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, final

from typing_extensions import Buffer

from .dom_exception import RangeError

if TYPE_CHECKING:
    from collections.abc import Callable


class ArrayBuffer(Protocol):
    """A block of memory that can be taken away from whoever holds it.

    https://tc39.es/ecma262/#sec-properties-of-the-arraybuffer-instances
    """

    @property
    def byte_length(self) -> int:
        """[[ArrayBufferByteLength]]; 0 once detached."""
        ...

    @property
    def detached(self) -> bool:
        """Whether the memory was given to another buffer."""
        ...

    @property
    def data(self) -> memoryview:
        """[[ArrayBufferData]]: all of its bytes, in the format "B"."""
        ...

    def can_transfer(self) -> bool:
        """Whether `transfer` may succeed: it is neither detached nor barred from being detached."""
        ...

    def transfer(self) -> ArrayBuffer:
        """Give the memory to a new buffer, and detach this one.

        Raises:
            TypeError: it can not be detached.
        """
        ...


class ViewConstructor(Protocol):
    """%Uint8Array%, %DataView%, … : makes the views of one kind that users are handed."""

    @property
    def element_size(self) -> int:
        """How many bytes an element has; 1 for %DataView%."""
        ...

    def construct(self, buffer: Any, byte_offset: int, length: int) -> Any:
        """Construct(ctor, « buffer, byteOffset, length »), with the length in elements."""
        ...


@final
class ArrayBufferView:
    """A view as the algorithms see it.

    https://webidl.spec.whatwg.org/#ArrayBufferView
    """

    __slots__ = ("_object", "buffer", "byte_length", "byte_offset", "constructor")

    def __init__(
        self,
        buffer: ArrayBuffer,
        byte_offset: int,
        byte_length: int,
        constructor: ViewConstructor,
        given: object = None,
    ) -> None:
        self.buffer = buffer  # [[ViewedArrayBuffer]]
        self.byte_offset = byte_offset  # [[ByteOffset]]
        self.byte_length = byte_length  # [[ByteLength]]
        self.constructor = constructor
        self._object = given

    @property
    def array_length(self) -> int:
        """[[ArrayLength]] of a typed array, and the byte length of a DataView: what `min` counts."""
        return self.byte_length // self.constructor.element_size

    @property
    def object(self) -> Any:
        """The view as users see it, always the same one."""
        if self._object is None:
            length = self.byte_length // self.constructor.element_size
            self._object = self.constructor.construct(self.buffer, self.byte_offset, length)
        return self._object


# Python's memory ---------------------------------------------------------------------------------


NO_DATA: Final = memoryview(b"")

#: The built-in class; a compiled module finds it quickest here.
MEMORYVIEW: Final[Any] = memoryview


@final
class MemoryBuffer:
    """An ArrayBuffer whose data is reached through the buffer protocol."""

    __slots__ = ("_given", "_views", "byte_length", "data", "detached", "view")

    def __init__(self, data: memoryview, given: memoryview | None = None) -> None:
        self.data = data
        self._given = given  # the memoryview that a user handed over,
        self.view: memoryview | None = None  # that of all of it that a user was handed,
        self._views: tuple[memoryview, ...] = ()  # and others
        self.byte_length = data.nbytes
        self.detached = False

    def can_transfer(self) -> bool:
        return not self.detached

    def transfer(self) -> MemoryBuffer:
        if self._given is not None:
            try:
                self._given.release()
            except BufferError as error:
                raise TypeError(
                    "the memoryview can not be detached, as another object holds on to it; drop that one first"
                ) from error
            self._given = None
        return MemoryBuffer(self.hand_over(self.byte_length))

    def hand_over(self, byte_length: int) -> memoryview:
        """Transfer the memory, and return a view of its first bytes, to be handed out.

        The buffer that it is transferred to is nobody's; this one is detached, until it is used again.
        """
        if self.view is not None or self._views:
            self.let_go_of_views()
        data = self.data
        whole = byte_length == self.byte_length
        self.data = NO_DATA
        self.byte_length = 0
        self.detached = True
        return data if whole else data[:byte_length]

    def let_go_of_views(self) -> None:
        """What users were handed is detached."""
        views = self._views if self.view is None else (self.view, *self._views)
        for view in views:
            try:
                view.release()
            except BufferError:  # another object holds on to it, and keeps on seeing the memory
                continue
        self.view = None
        self._views = ()

    def handed_out(self, view: memoryview) -> None:
        """The memoryview is in a user's hands from now on."""
        self._views += (view,)


@final
class _MemoryViewConstructor:
    """Makes memoryviews of one item format."""

    __slots__ = ("element_size", "format")

    def __init__(self, item_format: str, element_size: int) -> None:
        self.format = item_format
        self.element_size = element_size

    def construct(self, buffer: MemoryBuffer, byte_offset: int, length: int) -> memoryview:
        view = buffer.data[byte_offset : byte_offset + length * self.element_size]
        if self.format != "B":
            view = cast("memoryview[int]", view.cast(cast("Any", self.format)))
        buffer._views += (view,)
        return view


UINT8_ARRAY: Final = _MemoryViewConstructor("B", 1)

#: The formats a memoryview can be cast to.
_NATIVE_FORMATS = frozenset("bBhHiIlLqQnNfdc?")


def _constructor_for(item_format: str, element_size: int) -> _MemoryViewConstructor:
    name = item_format.removeprefix("@")
    if name in _NATIVE_FORMATS:
        return _MemoryViewConstructor(name, element_size)
    return UINT8_ARRAY  # of any other format, bytes are handed out


def _view_of_memory(value: Buffer, what: str, *, writable: bool) -> ArrayBufferView:
    try:
        data = memoryview(value)
    except TypeError as error:
        kind = type(value).__name__
        expected = "a bytearray" if writable else "bytes"
        raise TypeError(f"{what}: expected {expected}, a memoryview or another buffer, not {kind}") from error
    except ValueError as error:
        raise TypeError(f"{what}: the memoryview was released, as its memory was handed over before") from error
    if not data.c_contiguous:
        raise TypeError(f"{what}: the buffer is not contiguous")
    if writable and data.readonly:
        raise TypeError(f"{what}: the buffer is read-only; a bytearray can be written to")
    item_format = data.format
    if item_format == "B" and data.ndim == 1:
        constructor = UINT8_ARRAY
    else:
        constructor = _constructor_for(item_format, data.itemsize)
        # An empty or zero-dimensional one can not be cast; nor need it be, for empty views are refused.
        data = data.cast("B") if data.nbytes else memoryview(b"")
    given = value if type(value) is memoryview else None
    return ArrayBufferView(MemoryBuffer(data, given), 0, data.nbytes, constructor, value)


def take_bytes(value: Any, *, writable: bool) -> memoryview | None:
    """What `view_of` and `transfer` do, for the memory of bytes, a bytearray or a memoryview of bytes.

    Returns:
        The memory; None, with nothing done, if it is of another kind, or if they would raise.
    """
    if value.__class__ is not memoryview:
        plain = value.__class__ is bytearray or (value.__class__ is bytes and not writable)
        return MEMORYVIEW(value) if plain and value else None
    try:
        data: memoryview = MEMORYVIEW(value)
        if data.format != "B" or data.ndim != 1 or not data.c_contiguous or (writable and data.readonly):
            return None
        if not data.nbytes:
            return None
        value.release()
    except (ValueError, BufferError):  # it was released; or another object holds on to it
        return None
    return data


def _address(data: memoryview) -> int:
    return ctypes.addressof((ctypes.c_char * data.nbytes).from_buffer(data))


def _view_within(value: Buffer, buffer: MemoryBuffer) -> ArrayBufferView | None:
    """The value as a view of the buffer, if it is a part of the buffer's memory."""
    with memoryview(value) as view:
        if view.obj is not buffer.data.obj or view.readonly or not view.c_contiguous:
            return None
        byte_offset = _address(view) - _address(buffer.data)
        byte_length = view.nbytes
    if byte_offset < 0 or byte_offset + byte_length > buffer.byte_length:
        return None
    if type(value) is memoryview:
        buffer.handed_out(value)
    return ArrayBufferView(buffer, byte_offset, byte_length, UINT8_ARRAY, value)


# Views of any kind -------------------------------------------------------------------------------

#: How to look at views of a foreign kind: `host.register_view`.
_foreign_views: dict[type, Callable[[Any], ArrayBufferView]] = {}


def view_of(value: object, what: str, *, writable: bool = False, part_of: ArrayBuffer | None = None) -> ArrayBufferView:
    """The value, converted to the IDL type ArrayBufferView.

    Nothing is detached yet; that is for the algorithm's own "transfer".

    Args:
        value: a buffer.
        what: the name of the argument, for messages.
        writable: whether it is to be written to.
        part_of: a buffer that the value may be a part of. A memoryview does not tell of which buffer it
            is a view; one of this buffer is recognised by its place in memory.

    Raises:
        TypeError: the value is no buffer, is released, read-only though it is to be written to, or not
            contiguous.
    """
    if type(value) in _foreign_views:
        return _foreign_views[type(value)](value)
    buffer: Any = value  # Python 3.11 can not be asked whether it is a Buffer
    view = _view_of_memory(buffer, what, writable=writable)
    if isinstance(part_of, MemoryBuffer) and not part_of.detached:
        return _view_within(buffer, part_of) or view
    return view


def is_buffer(value: Any) -> bool:
    """Whether the value is a buffer or a view, maybe a detached one."""
    if type(value) in _foreign_views:
        return True
    try:
        memoryview(value).release()
    except TypeError:
        return False
    except (ValueError, BufferError):  # it was released, or can not be looked into
        return True
    return True


def new_array_buffer(byte_length: int) -> ArrayBuffer:
    """Construct(%ArrayBuffer%, « byteLength »).

    Raises:
        RangeError: there is not so much memory.
    """
    try:
        return MemoryBuffer(memoryview(bytearray(byte_length)))
    except (MemoryError, OverflowError) as error:
        raise RangeError(f"there is no memory for a buffer of {byte_length} bytes") from error


#: Replaced by `host.set_array_buffer_constructor`, together with the constructor of the views onto it.
construct_array_buffer: Callable[[int], ArrayBuffer] = new_array_buffer
uint8_array: ViewConstructor = UINT8_ARRAY
