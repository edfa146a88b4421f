"""The pairs of streams with default controllers."""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override

from tests.support.sources import VirtualLoop
from whatwg_streams import ReadableStream, ReadableStreamDefaultReader, WritableStream, WritableStreamDefaultWriter

from .pair import Pair, closed_of, seen, seen_value
from .readable import ReadableModel, ReaderModel, source_of
from .writable import WritableModel, WriterModel

_MARKS = (0, 1, 2, 3.5, float("inf"))


def _size(chunk: int) -> float:
    return (0, 1, 2, 0.5)[chunk % 4]


class ReadablePair(Pair):
    """A readable stream."""

    operations: ClassVar[tuple[str, ...]] = (
        "drain", "drain", "answer", "settle", "settle", "enqueue", "enqueue", "enqueue", "close", "error",
        "get_reader", "read", "read", "read", "release", "cancel", "cancel_reader", "desired_size",
    )  # fmt: skip

    def __init__(self, loop: VirtualLoop, setting: int) -> None:
        super().__init__(loop)
        mark = _MARKS[setting % 5]
        self.answer(setting // 5 % 3)
        sizes = {"size": _size} if setting // 16 % 2 else {}
        self.model = ReadableModel(self.jobs, *source_of(self.callbacks), mark, *sizes.values())
        self.stream: ReadableStream[int] = ReadableStream(
            {"start": self._start, "pull": self._pull, "cancel": self._cancel}, {"high_water_mark": mark, **sizes}
        )
        self.model.start(self.callbacks.call("start"))
        self.readers: list[tuple[ReadableStreamDefaultReader[int], ReaderModel]] = []
        self.chunks = 0

    def _start(self, controller: Any) -> Any:
        self.controller = controller
        return self.real_callbacks.call("start")

    def _pull(self, _: object) -> Any:
        return self.real_callbacks.call("pull")

    def _cancel(self, reason: object) -> Any:
        return self.real_callbacks.call("cancel", seen_value(reason))

    def enqueue(self, _: int) -> None:
        self.chunks += 1
        self.both(lambda: self.controller.enqueue(self.chunks), lambda: self.model.enqueue(self.chunks))

    def close(self, number: int) -> None:
        if number % 4 == 0:
            self.both(self.controller.close, self.model.close)

    def error(self, number: int) -> None:
        if number % 8 == 0:
            self.controller.error(number)
            self.model.error(number)

    def get_reader(self, _: int) -> None:
        readers = self.both(self.stream.get_reader, self.model.get_reader)
        if readers is not None:
            self.readers.append(readers)

    def read(self, number: int) -> None:
        for real, model in self._reader(number):
            self.watch("read", real.read(), model.read(self.jobs))

    def release(self, number: int) -> None:
        for real, model in self._reader(number):
            real.release_lock()
            model.release()

    def cancel(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("cancel", self.stream.cancel(number), self.model.cancel(number))

    def cancel_reader(self, number: int) -> None:
        for real, model in self._reader(number) if number % 8 < 2 else []:
            self.watch("cancel of a reader", real.cancel(number), model.cancel(self.jobs, number))

    def desired_size(self, _: int) -> None:
        self.same("desired size", self.controller.desired_size, self.model.desired_size)

    def _reader(self, number: int) -> list[tuple[ReadableStreamDefaultReader[int], ReaderModel]]:
        """The last reader, mostly; one from before, sometimes."""
        if not self.readers:
            return []
        return [self.readers[-1 if number % 4 else number // 4 % len(self.readers)]]

    @override
    def observations(self) -> list[tuple[str, object, object]]:
        for real, model in self.readers:
            self.same("closed", *(closed_of(real, model)))
        return [
            ("state", self.stream._state, self.model.state),
            ("locked", self.stream.locked, self.model.reader is not None),
            ("desired size", self.controller.desired_size, self.model.desired_size),
        ]


class WritablePair(Pair):
    """A writable stream."""

    operations: ClassVar[tuple[str, ...]] = (
        "drain", "drain", "answer", "settle", "settle", "settle", "get_writer", "write", "write", "write", "write",
        "close", "close_writer", "abort", "abort_writer", "release", "error",
    )  # fmt: skip

    def __init__(self, loop: VirtualLoop, setting: int) -> None:
        super().__init__(loop)
        mark = _MARKS[setting % 5]
        self.answer(setting // 5 % 3)
        sizes = {"size": _size} if setting // 16 % 2 else {}
        call = self.callbacks.call
        self.model = WritableModel(
            self.jobs,
            lambda chunk: call("write", chunk),
            lambda: call("close"),
            lambda reason: call("abort", reason),
            mark,
            *sizes.values(),
        )
        self.stream: WritableStream[int] = WritableStream(
            {"start": self._start, "write": self._write, "close": self._close, "abort": self._abort},
            {"high_water_mark": mark, **sizes},
        )
        self.model.start(call("start"))
        self.writers: list[tuple[WritableStreamDefaultWriter[int], WriterModel]] = []
        self.chunks = 0

    def _start(self, controller: Any) -> Any:
        self.controller = controller
        return self.real_callbacks.call("start")

    def _write(self, chunk: int) -> Any:
        return self.real_callbacks.call("write", chunk)

    def _close(self) -> Any:
        return self.real_callbacks.call("close")

    def _abort(self, reason: object) -> Any:
        return self.real_callbacks.call("abort", seen_value(reason))

    def get_writer(self, _: int) -> None:
        writers = self.both(self.stream.get_writer, self.model.get_writer)
        if writers is not None:
            self.writers.append(writers)

    def write(self, number: int) -> None:
        for real, model in self._writer(number):
            self.chunks += 1
            self.watch("write", real.write(self.chunks), model.write(self.jobs, self.chunks))

    def close(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("close", self.stream.close(), self.model.close())

    def close_writer(self, number: int) -> None:
        for real, model in self._writer(number) if number % 8 < 2 else []:
            self.watch("close of a writer", real.close(), model.close(self.jobs))

    def abort(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("abort", self.stream.abort(number), self.model.abort(number))

    def abort_writer(self, number: int) -> None:
        for real, model in self._writer(number) if number % 8 < 2 else []:
            self.watch("abort of a writer", real.abort(number), model.abort(self.jobs, number))

    def release(self, number: int) -> None:
        for real, model in self._writer(number):
            real.release_lock()
            model.release()

    def error(self, number: int) -> None:
        if number % 8 == 0:
            self.controller.error(number)
            self.model.error(number)

    def _writer(self, number: int) -> list[tuple[WritableStreamDefaultWriter[int], WriterModel]]:
        if not self.writers:
            return []
        return [self.writers[-1 if number % 4 else number // 4 % len(self.writers)]]

    @override
    def observations(self) -> list[tuple[str, object, object]]:
        for real, model in self.writers:
            self._compare_writers(real, model)
        return [
            ("state", self.stream._state, self.model.state),
            ("locked", self.stream.locked, self.model.writer is not None),
            ("signal", self.controller.signal.aborted, bool(self.model.signal_aborted)),
        ]

    def _compare_writers(self, real: WritableStreamDefaultWriter[int], model: WriterModel) -> None:
        self.same("closed", *closed_of(real, model))
        self.same("ready", seen(real.ready), (model.ready.state, model.ready.value))
        self.same("desired size", *(self.both(lambda: real.desired_size, lambda: model.desired_size) or (None, None)))
