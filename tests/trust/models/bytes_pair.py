"""The pair of byte streams."""

from __future__ import annotations

from array import array
from typing import Any, ClassVar

from typing_extensions import Buffer, override

from tests.support.sources import VirtualLoop
from whatwg_streams import RangeError, ReadableStream

from .bytes import ByteModel
from .pair import Pair, closed_of, seen_value
from .readable import source_of


class BytePair(Pair):
    """A readable byte stream."""

    operations: ClassVar[tuple[str, ...]] = (
        "drain", "drain", "answer", "settle", "settle", "enqueue", "enqueue", "respond", "respond", "respond",
        "close", "end", "error", "get_reader", "get_byob_reader", "get_byob_reader", "read", "read", "read", "read",
        "release", "cancel", "cancel_reader",
    )  # fmt: skip

    def __init__(self, loop: VirtualLoop, setting: int) -> None:
        super().__init__(loop)
        mark = (0, 1, 4, float("inf"))[setting % 4]
        auto = (None, 3)[setting // 4 % 2]
        self.answer(setting // 8 % 3)
        self.model = ByteModel(self.jobs, *source_of(self.callbacks), mark, auto)
        source = {"type": "bytes", "start": self._start, "pull": self._pull, "cancel": self._cancel}
        if auto is not None:
            source["auto_allocate_chunk_size"] = auto
        self.stream: ReadableStream[memoryview] = ReadableStream(source, {"high_water_mark": mark})
        self.model.start(self.callbacks.call("start"))
        self.readers: list[tuple[Any, Any]] = []
        self.given = 0

    def _start(self, controller: Any) -> Any:
        self.controller = controller
        return self.real_callbacks.call("start")

    def _pull(self, _: object) -> Any:
        return self.real_callbacks.call("pull")

    def _cancel(self, reason: object) -> Any:
        return self.real_callbacks.call("cancel", seen_value(reason))

    def _data(self, count: int) -> bytes:
        data = bytes((self.given + index) % 251 for index in range(count))
        self.given += count
        return data

    def enqueue(self, number: int) -> None:
        data = self._data(1 + number % 5)
        self.both(lambda: self.controller.enqueue(data), lambda: self.model.enqueue(data))

    def respond(self, number: int) -> None:
        """Respond to the request, if there is one, with some bytes; with too many, sometimes."""
        request = self.controller.byob_request
        self.same("a request", request is not None, bool(self.model.pull_intos))
        if request is None:
            return
        view = request.view
        first = self.model.pull_intos[0]
        self.same("its room", len(view), first.room - len(first.filled))
        data = self._data(number % (len(view) + 2))
        view[: len(data)] = data[: len(view)]
        try:
            self.both(lambda: request.respond(len(data)), lambda: self.model.respond(data))
        except RangeError:
            assert len(data) > len(view)

    def close(self, number: int) -> None:
        if number % 4 == 0:
            self.both(self.controller.close, self.model.close)

    def end(self, _: int) -> None:
        """Respond with nothing, as has to be done once the stream is closed."""
        if (request := self.controller.byob_request) is not None:
            self.both(lambda: request.respond(0), lambda: self.model.respond(b""))

    def error(self, number: int) -> None:
        if number % 8 == 0:
            self.controller.error(number)
            self.model.error(number)

    def get_reader(self, _: int) -> None:
        self._add(self.both(self.stream.get_reader, self.model.get_reader))

    def get_byob_reader(self, _: int) -> None:
        self._add(self.both(lambda: self.stream.get_reader(mode="byob"), lambda: self.model.get_reader("byob")))

    def _add(self, readers: tuple[Any, Any] | None) -> None:
        if readers is not None:
            self.readers.append(readers)

    def read(self, number: int) -> None:
        for real, model in self.readers[-1:]:
            if model.mode == "default":
                self.watch("read", real.read(), model.read(self.jobs))
            else:
                view, items, size = _view(number)
                least = 1 + number // 4 % items
                self.watch(
                    "read into a view",
                    real.read(view, min=least),
                    model.read_into(self.jobs, items * size, least * size, size),
                )

    def release(self, _: int) -> None:
        for real, model in self.readers[-1:]:
            real.release_lock()
            model.release()

    def cancel(self, number: int) -> None:
        if number % 4 == 0:
            self.watch("cancel", self.stream.cancel(number), self.model.cancel(number))

    def cancel_reader(self, number: int) -> None:
        for real, model in self.readers[-1:] if number % 4 == 0 else []:
            self.watch("cancel of a reader", real.cancel(number), model.cancel(self.jobs, number))

    @override
    def observations(self) -> list[tuple[str, object, object]]:
        return [
            *(("closed", *closed_of(*readers)) for readers in self.readers),
            ("state", self.stream._state, self.model.state),
            ("locked", self.stream.locked, self.model.reader is not None),
            ("desired size", self.controller.desired_size, self.model.desired_size),
        ]


def _view(number: int) -> tuple[Buffer, int, int]:
    """A view, the number of its items, and their size."""
    items = 1 + number % 4
    if number // 2 % 2:
        return array("H", bytes(2 * items)), items, 2
    return bytearray(items), items, 1
