"""The pair of transform streams."""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override

from tests.support.sources import VirtualLoop
from whatwg_streams import TransformStream

from .pair import Pair, closed_of, seen_value
from .transform import TransformModel

_MARKS = (0, 1, 2, float("inf"))


class TransformPair(Pair):
    """A transform stream: somebody writes to it, somebody reads from it, and its transformer has its say."""

    operations: ClassVar[tuple[str, ...]] = (
        "drain", "drain", "answer", "settle", "settle", "write", "write", "write", "close", "abort", "read", "read",
        "read", "cancel", "enqueue", "error", "terminate", "release",
    )  # fmt: skip

    def __init__(self, loop: VirtualLoop, setting: int) -> None:
        super().__init__(loop)
        marks = _MARKS[setting % 4], _MARKS[setting // 4 % 4]
        self.answer(setting // 16 % 3)
        self.model = TransformModel(self.jobs, self.callbacks, *marks)
        self.stream: TransformStream[int, int] = TransformStream(
            {"start": self._start, "transform": self._transform, "flush": self._flush, "cancel": self._cancel},
            {"high_water_mark": marks[0]},
            {"high_water_mark": marks[1]},
        )
        self.model.start(self.callbacks.call("start"))
        self.writer, self.writer_model = self.stream.writable.get_writer(), self.model.writable.get_writer()
        self.reader, self.reader_model = self.stream.readable.get_reader(), self.model.readable.get_reader()
        self.chunks = 0

    def _start(self, controller: Any) -> Any:
        self.controller = controller
        return self.real_callbacks.call("start")

    def _transform(self, chunk: int) -> Any:
        answer = self.real_callbacks.call("transform", chunk)
        self.controller.enqueue(chunk)
        return answer

    def _flush(self) -> Any:
        return self.real_callbacks.call("flush")

    def _cancel(self, reason: object) -> Any:
        return self.real_callbacks.call("cancel", seen_value(reason))

    def write(self, _: int) -> None:
        self.chunks += 1
        self.watch("write", self.writer.write(self.chunks), self.writer_model.write(self.jobs, self.chunks))

    def close(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("close", self.writer.close(), self.writer_model.close(self.jobs))

    def abort(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("abort", self.writer.abort(number), self.writer_model.abort(self.jobs, number))

    def read(self, _: int) -> None:
        self.watch("read", self.reader.read(), self.reader_model.read(self.jobs))

    def cancel(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("cancel", self.reader.cancel(number), self.reader_model.cancel(self.jobs, number))

    def enqueue(self, _: int) -> None:
        self.chunks += 1
        self.both(lambda: self.controller.enqueue(self.chunks), lambda: self.model.enqueue(self.chunks))

    def error(self, number: int) -> None:
        if number % 8 == 0:
            self.controller.error(number)
            self.model.error(number)

    def terminate(self, number: int) -> None:
        if number % 8 == 0:
            self.controller.terminate()
            self.model.terminate()

    def release(self, number: int) -> None:
        """Others go on to read and write."""
        if number % 2:
            self.reader.release_lock()
            self.reader_model.release()
            self.reader, self.reader_model = self.stream.readable.get_reader(), self.model.readable.get_reader()
        else:
            self.writer.release_lock()
            self.writer_model.release()
            self.writer, self.writer_model = self.stream.writable.get_writer(), self.model.writable.get_writer()

    @override
    def observations(self) -> list[tuple[str, object, object]]:
        readable, writable = self.model.readable, self.model.writable
        return [
            ("closed of the reader", *closed_of(self.reader, self.reader_model)),
            ("closed of the writer", *closed_of(self.writer, self.writer_model)),
            ("state of the readable side", self.stream.readable._state, readable.state),
            ("state of the writable side", self.stream.writable._state, writable.state),
            ("desired size of the readable side", self.controller.desired_size, readable.desired_size),
            ("desired size of the writable side", self.writer.desired_size, self.writer_model.desired_size),
        ]
