"""JavaScript's buffers and views, behind the packages' protocol of a buffer.

A buffer is a pair: the ArrayBuffer there, which is the truth, and a bytearray here for as long as we look at
its bytes. Those come over when `data` is asked for, and go back before control does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whatwg_streams import RangeError
from whatwg_streams._platform import host
from whatwg_streams._platform.buffers import ArrayBufferView

from .values import JSError, JSValue

if TYPE_CHECKING:
    from .values import Values


class JSArrayBuffer(JSValue):
    """An ArrayBuffer."""

    __slots__ = ()
    values: Values

    @property
    def byte_length(self) -> int:
        return int(self.values.engine.calls["bufferByteLength"](self.handle))

    @property
    def detached(self) -> bool:
        return bool(self.values.engine.calls["bufferDetached"](self.handle))

    @property
    def data(self) -> memoryview:
        return memoryview(self.values.buffers.borrow(self))

    def can_transfer(self) -> bool:
        return bool(self.values.engine.calls["bufferTransferable"](self.handle))

    def transfer(self) -> JSArrayBuffer:
        return self.values.buffers.buffer(self.values.checked(self.values.engine.call("bufferTransfer", self.handle)))


class JSView(JSValue):
    """A typed array or a DataView."""

    __slots__ = ()


class JSViewConstructor:
    """%Int8Array% … %DataView%."""

    def __init__(self, buffers: Buffers, name: str, element_size: int) -> None:
        self.buffers = buffers
        self.name = name
        self.element_size = element_size

    def construct(self, buffer: JSArrayBuffer, byte_offset: int, length: int) -> JSView:
        values = self.buffers.values
        handle = values.checked(values.engine.call("constructView", self.name, buffer.handle, byte_offset, length))
        return self.buffers.view(handle)


_ELEMENT_SIZES = {
    "Int8Array": 1, "Uint8Array": 1, "Uint8ClampedArray": 1, "Int16Array": 2, "Uint16Array": 2, "Float16Array": 2,
    "Int32Array": 4, "Uint32Array": 4, "Float32Array": 4, "BigInt64Array": 8, "BigUint64Array": 8, "Float64Array": 8,
    "DataView": 1,
}  # fmt: skip


class Buffers:
    """All pairs of buffers."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.constructors = {name: JSViewConstructor(self, name, size) for name, size in _ELEMENT_SIZES.items()}
        self._buffers: dict[int, JSArrayBuffer] = {}
        self._borrowed: dict[int, tuple[bytearray, bytes]] = {}
        values.buffers = self
        values.engine.before_leaving = self.give_back
        host.register_view(JSView, self._view_of)
        host.set_array_buffer_constructor(self._construct, self.constructors["Uint8Array"])

    def borrow(self, buffer: JSArrayBuffer) -> bytearray:
        """The bytes, until control goes back to JavaScript."""
        borrowed = self._borrowed.get(buffer.handle)
        if borrowed is None:
            data = bytes.fromhex(self.values.engine.calls["readBytes"](buffer.handle))
            borrowed = self._borrowed[buffer.handle] = bytearray(data), data
        return borrowed[0]

    def give_back(self) -> None:
        """Write those bytes back that were changed."""
        while self._borrowed:
            handle, (data, before) = self._borrowed.popitem()
            if data != before:
                self.values.engine.calls["writeBytes"](handle, data.hex())

    def buffer(self, handle: int) -> JSArrayBuffer:
        buffer = self._buffers.get(handle)
        if buffer is None:
            buffer = self._buffers[handle] = JSArrayBuffer(self.values, handle)
        return buffer

    def view(self, handle: int) -> JSView:
        return JSView(self.values, handle)

    def _construct(self, byte_length: int) -> Any:
        try:
            return self.buffer(self.values.checked(self.values.engine.call("newBuffer", byte_length)))
        except JSError as error:
            raise RangeError(f"there is no memory for a buffer of {byte_length} bytes") from error

    def _view_of(self, view: JSView) -> ArrayBufferView:
        name, buffer, offset, length = self.values.engine.call("viewInfo", view.handle).split()
        return ArrayBufferView(self.buffer(int(buffer)), int(offset), int(length), self.constructors[name], view)
