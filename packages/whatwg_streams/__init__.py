"""The WHATWG Streams Standard for Python: https://streams.spec.whatwg.org/

The folder tree is the standard's table of contents. Chapters build on the ones below them:

    other_specs      §9 using streams in other specifications: public, for those who build on streams
    _transferable    §8.2 transferable streams, and the transfer of each kind
    _transform       §6 transform streams
    _readable        §4 readable streams
    _writable        §5 writable streams
    _strategies      §7 queuing strategies
    _supporting      §8 supporting abstract operations
    _platform        what the standard borrows from ECMAScript, Web IDL, DOM and HTML

This module has the public names, and nothing else.
"""

from . import _transferable as _transferable  # importing it is what makes streams transferable
from ._platform.abort import AbortController as AbortController, AbortEvent as AbortEvent, AbortSignal as AbortSignal
from ._platform.dom_exception import (
    AbortError as AbortError,
    DataCloneError as DataCloneError,
    DOMException as DOMException,
    InvalidStateError as InvalidStateError,
    NetworkError as NetworkError,
    NotAllowedError as NotAllowedError,
    RangeError as RangeError,
    RejectionError as RejectionError,
    TimeoutError as TimeoutError,
)
from ._platform.message_ports import (
    MessageChannel as MessageChannel,
    MessageEvent as MessageEvent,
    MessagePort as MessagePort,
)
from ._platform.promises import Promise as Promise, PromiseWithResolvers as PromiseWithResolvers
from ._platform.structured_clone import structured_clone as structured_clone
from ._readable.async_iterator import ReadableStreamAsyncIterator as ReadableStreamAsyncIterator
from ._readable.byob_reader import ReadableStreamBYOBReader as ReadableStreamBYOBReader
from ._readable.byob_request import ReadableStreamBYOBRequest as ReadableStreamBYOBRequest
from ._readable.byte_controller import ReadableByteStreamController as ReadableByteStreamController
from ._readable.default_controller import ReadableStreamDefaultController as ReadableStreamDefaultController
from ._readable.default_reader import ReadableStreamDefaultReader as ReadableStreamDefaultReader
from ._readable.records import ReadResult as ReadResult
from ._readable.stream import ReadableStream as ReadableStream, ReadableWritablePair as ReadableWritablePair
from ._readable.underlying_source import UnderlyingSource as UnderlyingSource
from ._strategies import (
    ByteLengthQueuingStrategy as ByteLengthQueuingStrategy,
    CountQueuingStrategy as CountQueuingStrategy,
    QueuingStrategy as QueuingStrategy,
)
from ._transform.default_controller import TransformStreamDefaultController as TransformStreamDefaultController
from ._transform.stream import TransformStream as TransformStream
from ._transform.transformer import Transformer as Transformer
from ._writable.default_controller import WritableStreamDefaultController as WritableStreamDefaultController
from ._writable.default_writer import WritableStreamDefaultWriter as WritableStreamDefaultWriter
from ._writable.stream import WritableStream as WritableStream
from ._writable.underlying_sink import UnderlyingSink as UnderlyingSink

__all__ = [
    "AbortController",
    "AbortError",
    "AbortEvent",
    "AbortSignal",
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "DOMException",
    "DataCloneError",
    "InvalidStateError",
    "MessageChannel",
    "MessageEvent",
    "MessagePort",
    "NetworkError",
    "NotAllowedError",
    "Promise",
    "PromiseWithResolvers",
    "QueuingStrategy",
    "RangeError",
    "ReadResult",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamAsyncIterator",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "ReadableWritablePair",
    "RejectionError",
    "TimeoutError",
    "TransformStream",
    "TransformStreamDefaultController",
    "Transformer",
    "UnderlyingSink",
    "UnderlyingSource",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
    "structured_clone",
]
