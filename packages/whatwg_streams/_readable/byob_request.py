"""§4.8 The ReadableStreamBYOBRequest class: https://streams.spec.whatwg.org/#rs-byob-request-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from typing_extensions import override

from .._platform.buffers import view_of
from .._platform.compiled import Unchecked, mypyc_attr
from .._platform.fast_paths import fast_paths
from .._platform.webidl import convert_unsigned_long_long, maker_of
from . import fast_read_into
from .ops import pull_into

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._platform.buffers import ArrayBufferView
    from .byte_controller import ReadableByteStreamController


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class ReadableStreamBYOBRequest:
    """A buffer that a reader waits to have filled.

    https://streams.spec.whatwg.org/#rs-byob-request-class
    """

    __slots__ = ("__weakref__", "_controller", "_view")

    _controller: ReadableByteStreamController | None
    _view: ArrayBufferView | None

    def __init__(self) -> None:
        raise TypeError("a BYOB request is made by its controller")

    @property
    def view(self) -> memoryview | None:
        """Where to write the bytes to; None once it was responded to.

        https://streams.spec.whatwg.org/#rs-byob-request-view
        """
        # 1. Return this.[[view]].
        view = self._view
        if view is None:
            return None
        return view.object if view._object is None else view._object  # type: ignore[return-value]

    def respond(self, bytes_written: int | Unchecked) -> None:
        """Tell how many bytes were written: https://streams.spec.whatwg.org/#rs-byob-request-respond

        The view is released.

        Args:
            bytes_written: how many bytes, from the start of the view; 0 only for a stream that is closed.

        Raises:
            TypeError: it is 0, or not 0 for a stream that is closed, or no integer; or it was responded
                to before.
            RangeError: there are more bytes than the view has room for.
        """
        controller = self._controller
        if controller is not None and fast_paths.enabled and fast_read_into.respond(controller, bytes_written):
            return
        written = convert_unsigned_long_long(bytes_written, "bytes_written")
        # 1. It can not be responded to twice,
        if self._controller is None:
            raise TypeError("the request was responded to before, or its reader is gone")
        assert self._view is not None
        # 2. nor with a buffer that is detached.
        if self._view.buffer.detached:
            raise TypeError("the buffer of the view is detached")
        # 3. Assert: the view is not empty.
        assert self._view.byte_length > 0
        # 4. Assert: nor is its buffer.
        assert self._view.buffer.byte_length > 0
        # 5. Respond; this may throw.
        pull_into.readable_byte_stream_controller_respond(self._controller, written)

    def respond_with_new_view(self, view: Buffer) -> None:
        """Tell what was written, by a view of it: https://streams.spec.whatwg.org/#rs-byob-request-respond-with-new-view

        Args:
            view: a view of the same memory, from its start, as long as what was written; or another
                buffer, of the same length as the whole one, to be used instead. It is released.

        Raises:
            TypeError: it is empty, or not empty for a stream that is closed, released, read-only or no
                buffer; or the request was responded to before.
            RangeError: it starts or ends elsewhere.
        """
        # 1. It can not be responded to twice,
        if self._controller is None:
            raise TypeError("the request was responded to before, or its reader is gone")
        assert self._view is not None
        new_view = view_of(view, "view", writable=True, part_of=self._view.buffer)
        # 2. nor with a buffer that is detached.
        if new_view.buffer.detached:
            raise TypeError("the buffer of the view is detached")
        # 3. Respond; this may throw.
        pull_into.readable_byte_stream_controller_respond_with_new_view(self._controller, new_view)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'done' if self._view is None else f'of {self._view.byte_length} bytes'}>"


#: Makes a new request, as its constructor raises.
new_request: Final = maker_of(ReadableStreamBYOBRequest)
