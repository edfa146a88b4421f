"""How to see what the members of the Streams Standard made of a value.

Each observer calls the packages with the value of the trial, and gives what can be seen of it from outside. Its
`algorithm` says what the steps of the standard make of the converted value.
"""

from __future__ import annotations

import math
from typing import Any

from tests.support import settle
from whatwg_streams import (
    AbortSignal,
    ByteLengthQueuingStrategy,
    CountQueuingStrategy,
    RangeError,
    ReadableByteStreamController,
    ReadableStream,
    ReadableStreamBYOBReader,
    ReadableStreamDefaultReader,
    TransformStream,
    WritableStream,
    WritableStreamDefaultWriter,
)
from whatwg_streams._platform.abort import signal_abort

from .conversions import RefusedError
from .trial import ACCEPTED, Algorithm, Trial, observes, settled


class Recorder:
    """Underlying sources, sinks and transformers that keep what they are given."""

    def __init__(self) -> None:
        self.controller: Any = None
        self.reasons: list[object] = []
        self.chunks: list[object] = []
        self.closed = False

    def start(self, controller: object) -> None:
        self.controller = controller

    def cancel(self, reason: object) -> None:
        self.reasons.append(reason)

    def write(self, chunk: object) -> None:
        self.chunks.append(chunk)

    def close(self) -> None:
        self.closed = True

    def abort(self, reason: object) -> None:
        self.reasons.append(reason)


def source_of(recorder: Recorder, **members: Any) -> dict[str, Any]:
    return {"start": recorder.start, "cancel": recorder.cancel, **members}


def sink_of(recorder: Recorder) -> dict[str, Any]:
    return {"start": recorder.start, "write": recorder.write, "close": recorder.close, "abort": recorder.abort}


async def error_of(stream: ReadableStream[Any] | WritableStream[Any]) -> object:
    """The error of a stream, that only those who wait for it are told."""
    other = stream.get_reader() if isinstance(stream, ReadableStream) else stream.get_writer()
    errors: list[object] = []
    other.closed.then(None, errors.append)
    await settle()
    return errors[0]


def accepted(_: object) -> str:
    return ACCEPTED


def refuses(kind: type[Exception], values: Any) -> Algorithm:
    """The steps throw for some values, and take all others as they are."""

    def algorithm(converted: Any) -> Any:
        if values(converted):
            raise RefusedError(kind)
        return converted

    return algorithm


def high_water_mark(default: float) -> Algorithm:
    def algorithm(converted: float | None) -> float:
        if converted is None:
            return default
        if math.isnan(converted) or converted < 0:
            raise RefusedError(RangeError)
        return converted

    return algorithm


# ReadableStream ---------------------------------------------------------------------------------------


@observes("ReadableStream.constructor(underlyingSource)", "ReadableStream.constructor(strategy)", algorithm=accepted)
async def _(trial: Trial) -> object:
    await trial.call(ReadableStream)
    return ACCEPTED


@observes("ReadableStream.constructor(underlyingSource.type)", algorithm=lambda type_: "Byte" if type_ else "Default")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    await trial.call(ReadableStream, underlying_source=source_of(recorder))
    return "Byte" if isinstance(recorder.controller, ReadableByteStreamController) else "Default"


def _allocated(size: int | None) -> int | str | None:
    if size == 0:
        raise RefusedError(TypeError)
    return size if size is None or size < 2**17 else "more"


@observes("ReadableStream.constructor(underlyingSource.autoAllocateChunkSize)", algorithm=_allocated)
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = await trial.call(ReadableStream, underlying_source=source_of(recorder, type="bytes"))
    await settle()
    size = stream._controller._auto_allocate_chunk_size
    if size is not None and size >= 2**17:
        return "more"  # than there may be memory for
    stream.get_reader().read()
    request = recorder.controller.byob_request
    return None if request is None else request.view.nbytes


@observes("ReadableStream.constructor(strategy.highWaterMark)", algorithm=high_water_mark(1))
async def _(trial: Trial) -> object:
    recorder = Recorder()
    await trial.call(ReadableStream, underlying_source=source_of(recorder))
    return recorder.controller.desired_size


@observes("ReadableStream.from(asyncIterable)", algorithm=accepted)
async def _(trial: Trial) -> object:
    await trial.call(ReadableStream.from_)
    return ACCEPTED


@observes("ReadableStream.cancel(reason)", "ReadableStreamDefaultReader.cancel(reason)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = ReadableStream(source_of(recorder))
    await trial.call((stream if trial.place.interface == "ReadableStream" else stream.get_reader()).cancel)
    return recorder.reasons[0]


@observes("ReadableStreamBYOBReader.cancel(reason)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    await trial.call(ReadableStream(source_of(recorder, type="bytes")).get_reader(mode="byob").cancel)
    return recorder.reasons[0]


@observes("ReadableStream.getReader(options.mode)", algorithm=lambda mode: "byob" if mode else None)
async def _(trial: Trial) -> object:
    reader = await trial.call(ReadableStream({"type": "bytes"}).get_reader)
    return "byob" if isinstance(reader, ReadableStreamBYOBReader) else None


@observes("ReadableStream.values(options.preventCancel)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    iterator = await trial.call(ReadableStream(source_of(recorder)).values)
    await iterator.aclose()
    return not recorder.reasons


@observes("ReadableStream.pipeThrough(transform)", algorithm=refuses(TypeError, lambda _: True))
@observes("ReadableStream.pipeThrough(transform.readable)")
async def _(trial: Trial) -> object:
    others = {} if trial.place.member is None else {"transform": {"writable": WritableStream()}}
    return await trial.call(ReadableStream({}).pipe_through, **others)


@observes("ReadableStream.pipeThrough(transform.writable)")
async def _(trial: Trial) -> object:
    await trial.call(ReadableStream({}).pipe_through, transform={"readable": ReadableStream()})
    return trial.value if trial.value.locked else None


@observes("ReadableStream.pipeTo(destination)")
async def _(trial: Trial) -> object:
    await trial.call(ReadableStream({}).pipe_to)
    return trial.value if trial.value.locked else None


class Pipe:
    """A stream that is piped to another by `pipe_to`, or by `pipe_through`."""

    def __init__(self) -> None:
        self.source, self.sink = Recorder(), Recorder()
        self.readable = ReadableStream(source_of(self.source))
        self.writable = WritableStream(sink_of(self.sink))

    async def run(self, trial: Trial) -> None:
        if trial.place.operation == "pipeTo":
            promise = await trial.call(self.readable.pipe_to, destination=self.writable)
            promise.then(None, lambda _: None)
        else:
            transform = {"readable": ReadableStream(), "writable": self.writable}
            await trial.call(self.readable.pipe_through, transform=transform)
        await settle()


@observes("ReadableStream.pipeTo(options.preventClose)", "ReadableStream.pipeThrough(options.preventClose)")
async def _(trial: Trial) -> object:
    pipe = Pipe()
    pipe.source.controller.close()
    await pipe.run(trial)
    return not pipe.sink.closed


@observes("ReadableStream.pipeTo(options.preventAbort)", "ReadableStream.pipeThrough(options.preventAbort)")
async def _(trial: Trial) -> object:
    pipe = Pipe()
    pipe.source.controller.error("why")
    await pipe.run(trial)
    return not pipe.sink.reasons


@observes("ReadableStream.pipeTo(options.preventCancel)", "ReadableStream.pipeThrough(options.preventCancel)")
async def _(trial: Trial) -> object:
    pipe = Pipe()
    pipe.sink.controller.error("why")
    await pipe.run(trial)
    return not pipe.source.reasons


@observes(
    "ReadableStream.pipeTo(options.signal)",
    "ReadableStream.pipeThrough(options.signal)",
    algorithm=lambda signal: signal is not None,
)
async def _(trial: Trial) -> object:
    pipe = Pipe()
    await pipe.run(trial)
    if isinstance(trial.value, AbortSignal):
        signal_abort(trial.value)
        await settle()
    return bool(pipe.sink.reasons)


# Readers ----------------------------------------------------------------------------------------------


@observes("ReadableStreamDefaultReader.constructor(stream)")
async def _(trial: Trial) -> object:
    await trial.call(ReadableStreamDefaultReader)
    return trial.value if trial.value.locked else None


def _is_a_byte_stream(stream: ReadableStream[Any]) -> bool:
    return isinstance(stream._controller, ReadableByteStreamController)


@observes(
    "ReadableStreamBYOBReader.constructor(stream)",
    algorithm=refuses(TypeError, lambda stream: not _is_a_byte_stream(stream)),
)
async def _(trial: Trial) -> object:
    await trial.call(ReadableStreamBYOBReader)
    return trial.value if trial.value.locked else None


def _writable_bytes(view: memoryview) -> tuple[int, str]:
    if view.nbytes == 0 or view.readonly:
        raise RefusedError(TypeError)
    return view.nbytes, view.format


@observes("ReadableStreamBYOBReader.read(view)", algorithm=_writable_bytes)
async def _(trial: Trial) -> object:
    recorder = Recorder()
    reader = ReadableStream(source_of(recorder, type="bytes")).get_reader(mode="byob")
    promise = await trial.call(reader.read)
    recorder.controller.enqueue(bytes(64))
    result = await settled(promise)
    return result.value.nbytes, result.value.format


def _up_to_8(minimum: int) -> int:
    if minimum == 0:
        raise RefusedError(TypeError)
    if minimum > 8:
        raise RefusedError(RangeError)
    return minimum


@observes("ReadableStreamBYOBReader.read(options.min)", algorithm=_up_to_8)
async def _(trial: Trial) -> object:
    recorder = Recorder()
    reader = ReadableStream(source_of(recorder, type="bytes")).get_reader(mode="byob")
    promise = await trial.call(reader.read, view=bytearray(8))
    read: list[object] = []
    promise.then(read.append)
    for count in range(1, 9):
        recorder.controller.enqueue(b"x")
        await settle()
        if read:
            return count
    return None


# Controllers of readable streams ----------------------------------------------------------------------


@observes("ReadableStreamDefaultController.enqueue(chunk)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = ReadableStream(source_of(recorder))
    await trial.call(recorder.controller.enqueue)
    return (await settled(stream.get_reader().read())).value


@observes("ReadableStreamDefaultController.error(e)", "ReadableByteStreamController.error(e)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    type_ = {"type": "bytes"} if trial.place.interface == "ReadableByteStreamController" else {}
    stream = ReadableStream(source_of(recorder, **type_))
    await trial.call(recorder.controller.error)
    return await error_of(stream)


def _content(view: memoryview) -> bytes:
    if view.nbytes == 0:
        raise RefusedError(TypeError)
    return bytes(view)


@observes("ReadableByteStreamController.enqueue(chunk)", algorithm=_content)
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = ReadableStream(source_of(recorder, type="bytes"))
    await trial.call(recorder.controller.enqueue)
    return bytes((await settled(stream.get_reader().read())).value)


def _up_to_4(written: int) -> int:
    if written == 0:
        raise RefusedError(TypeError)
    if written > 4:
        raise RefusedError(RangeError)
    return written


@observes("ReadableStreamBYOBRequest.respond(bytesWritten)", algorithm=_up_to_4)
async def _(trial: Trial) -> object:
    recorder = Recorder()
    reader = ReadableStream(source_of(recorder, type="bytes")).get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    await trial.call(recorder.controller.byob_request.respond)
    return (await settled(promise)).value.nbytes


def _all_4_bytes(view: memoryview) -> bytes:
    if view.nbytes == 0 or view.readonly:
        raise RefusedError(TypeError)
    if view.nbytes != 4:
        raise RefusedError(RangeError)
    return bytes(view)


@observes("ReadableStreamBYOBRequest.respondWithNewView(view)", algorithm=_all_4_bytes)
async def _(trial: Trial) -> object:
    recorder = Recorder()
    reader = ReadableStream(source_of(recorder, type="bytes")).get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    await trial.call(recorder.controller.byob_request.respond_with_new_view)
    return bytes((await settled(promise)).value)


# Writable streams -------------------------------------------------------------------------------------


@observes("WritableStream.constructor(underlyingSink)", "WritableStream.constructor(strategy)", algorithm=accepted)
async def _(trial: Trial) -> object:
    await trial.call(WritableStream)
    return ACCEPTED


def _reserved(type_: object) -> str:
    if type_ is not None:
        raise RefusedError(RangeError)
    return ACCEPTED


@observes("WritableStream.constructor(underlyingSink.type)", algorithm=_reserved)
async def _(trial: Trial) -> object:
    await trial.call(WritableStream)
    return ACCEPTED


@observes("WritableStream.constructor(strategy.highWaterMark)", algorithm=high_water_mark(1))
async def _(trial: Trial) -> object:
    stream = await trial.call(WritableStream)
    return stream.get_writer().desired_size


@observes("WritableStream.abort(reason)", "WritableStreamDefaultWriter.abort(reason)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = WritableStream(sink_of(recorder))
    promise = await trial.call((stream if trial.place.interface == "WritableStream" else stream.get_writer()).abort)
    await settled(promise)
    return recorder.reasons[0]


@observes("WritableStreamDefaultWriter.constructor(stream)")
async def _(trial: Trial) -> object:
    await trial.call(WritableStreamDefaultWriter)
    return trial.value if trial.value.locked else None


@observes("WritableStreamDefaultWriter.write(chunk)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    await settled(await trial.call(WritableStream(sink_of(recorder)).get_writer().write))
    return recorder.chunks[0]


@observes("WritableStreamDefaultController.error(e)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = WritableStream(sink_of(recorder))
    await settle()
    await trial.call(recorder.controller.error)
    await settle()
    return await error_of(stream)


# Transform streams ------------------------------------------------------------------------------------


@observes(
    "TransformStream.constructor(transformer)",
    "TransformStream.constructor(writableStrategy)",
    "TransformStream.constructor(readableStrategy)",
    algorithm=accepted,
)
async def _(trial: Trial) -> object:
    await trial.call(TransformStream)
    return ACCEPTED


@observes(
    "TransformStream.constructor(transformer.readableType)",
    "TransformStream.constructor(transformer.writableType)",
    algorithm=_reserved,
)
async def _(trial: Trial) -> object:
    await trial.call(TransformStream)
    return ACCEPTED


@observes("TransformStream.constructor(writableStrategy.highWaterMark)", algorithm=high_water_mark(1))
async def _(trial: Trial) -> object:
    stream = await trial.call(TransformStream)
    return stream.writable.get_writer().desired_size


@observes("TransformStream.constructor(readableStrategy.highWaterMark)", algorithm=high_water_mark(0))
async def _(trial: Trial) -> object:
    recorder = Recorder()
    await trial.call(TransformStream, transformer={"start": recorder.start})
    return recorder.controller.desired_size


@observes("TransformStreamDefaultController.enqueue(chunk)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = TransformStream({"start": recorder.start}, None, {"high_water_mark": 1})
    await trial.call(recorder.controller.enqueue)
    return (await settled(stream.readable.get_reader().read())).value


@observes("TransformStreamDefaultController.error(reason)")
async def _(trial: Trial) -> object:
    recorder = Recorder()
    stream = TransformStream({"start": recorder.start})
    await trial.call(recorder.controller.error)
    return await error_of(stream.readable)


# Callback functions: what becomes of them, `callbacks` shows ------------------------------------------------

for _interface, _members in {
    ReadableStream: ("underlyingSource.start", "underlyingSource.pull", "underlyingSource.cancel", "strategy.size"),
    WritableStream: (
        *("underlyingSink.start", "underlyingSink.write", "underlyingSink.close", "underlyingSink.abort"),
        "strategy.size",
    ),
    TransformStream: (
        *("transformer.start", "transformer.transform", "transformer.flush", "transformer.cancel"),
        *("writableStrategy.size", "readableStrategy.size"),
    ),
}.items():

    @observes(*(f"{_interface.__name__}.constructor({member})" for member in _members), algorithm=accepted)
    async def _(trial: Trial, interface: Any = _interface) -> object:
        await trial.call(interface)
        return ACCEPTED


# Strategies -------------------------------------------------------------------------------------------


@observes("ByteLengthQueuingStrategy.constructor(init.highWaterMark)")
async def _(trial: Trial) -> object:
    return (await trial.call(ByteLengthQueuingStrategy)).high_water_mark


@observes("CountQueuingStrategy.constructor(init.highWaterMark)")
async def _(trial: Trial) -> object:
    return (await trial.call(CountQueuingStrategy)).high_water_mark
