"""§6 in few lines: a transform stream, of a writable and a readable one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import TYPE_ERROR, Callbacks, Jobs, Later, Refused, fulfilled, rejected
from .readable import ReadableModel
from .writable import WritableModel


class TransformModel:
    """The stream, and its controller. Its transformer passes chunks on, unless its answer is to raise."""

    def __init__(self, jobs: Jobs, callbacks: Callbacks, writable_mark: float, readable_mark: float) -> None:
        self.jobs = jobs
        self.callbacks = callbacks
        self.writable = WritableModel(jobs, self._write, self._close, self._abort, writable_mark)
        self.readable = ReadableModel(jobs, self._pull, self._cancel, readable_mark)
        self.backpressure = True
        self.change = Later(jobs)
        self.finish: Later | None = None
        self.cleared = False

    def start(self, start: Later) -> None:
        self.writable.start(self._resolved_with(start))
        self.readable.start(self._resolved_with(start))

    def _resolved_with(self, promise: Later) -> Later:
        """A promise that is resolved with a promise looks at it in a job of its own."""
        result = Later(self.jobs)
        self.jobs.later(lambda _: promise.then(result.fulfill, result.reject))
        return result

    # The controller

    def enqueue(self, chunk: Any) -> None:
        self.readable.enqueue(chunk)
        if not self.readable.wants_more() and not self.backpressure:
            self._set_backpressure(True)

    def error(self, reason: Any) -> None:
        self.readable.error(reason)
        self._error_writable(reason)

    def terminate(self) -> None:
        if self.readable.is_open():
            self.readable.close()
        self._error_writable(TYPE_ERROR)

    def _error_writable(self, reason: Any) -> None:
        self.cleared = True
        self.writable.error(reason)
        self._unblock()

    def _unblock(self) -> None:
        if self.backpressure:
            self._set_backpressure(False)

    def _set_backpressure(self, value: bool) -> None:
        self.change.fulfill()
        self.change = Later(self.jobs)
        self.backpressure = value

    # The sink

    def _write(self, chunk: Any) -> Later:
        if not self.backpressure:
            return self._transform(chunk)
        result = Later(self.jobs)

        def changed(_: object) -> None:
            if self.writable.state == "erroring":
                result.reject(self.writable.stored_error)
            else:
                self._transform(chunk).then(result.fulfill, result.reject)

        self.change.then(changed, result.reject)
        return result

    def _transform(self, chunk: Any) -> Later:
        result = Later(self.jobs)
        if self.cleared:
            assert self.finish is not None
            over = lambda _: result.reject(self.writable.stored_error)  # noqa: E731
            self.finish.then(over, result.reject)
            return result

        def failed(reason: Any) -> None:
            self.error(reason)
            result.reject(reason)

        answer = self.callbacks.call("transform", chunk)
        if answer.value != "raised":
            try:
                self.enqueue(chunk)
            except Refused:
                answer = rejected(self.jobs)
        answer.then(result.fulfill, failed)
        return result

    def _close(self) -> Later:
        def flushed(_: object) -> None:
            if self.readable.is_open():
                self.readable.close()

        return self._end("flush", (), lambda: self.readable, flushed, self.readable.error)

    def _abort(self, reason: Any) -> Later:
        def cancelled(_: object) -> None:
            self.readable.error(reason)

        return self._end("cancel", (reason,), lambda: self.readable, cancelled, self.readable.error)

    # The source

    def _pull(self) -> Later:
        self._set_backpressure(False)
        return self.change

    def _cancel(self, reason: Any) -> Later:
        def cancelled(_: object) -> None:
            self.writable.error(reason)
            self._unblock()

        def failed(error: Any) -> None:
            self.writable.error(error)
            self._unblock()

        return self._end("cancel", (reason,), lambda: self.writable, cancelled, failed)

    def _end(
        self,
        callback: str,
        arguments: tuple[Any, ...],
        other_side: Callable[[], ReadableModel | WritableModel],
        done: Callable[[Any], None],
        failed: Callable[[Any], None],
    ) -> Later:
        if self.finish is not None:
            return self.finish
        finish = self.finish = Later(self.jobs)
        answer = fulfilled(self.jobs) if self.cleared else self.callbacks.call(callback, *arguments)
        self.cleared = True

        def on_fulfilled(_: object) -> None:
            if other_side().state == "errored":
                finish.reject(other_side().stored_error)
            else:
                done(None)
                finish.fulfill()

        def on_rejected(reason: Any) -> None:
            failed(reason)
            finish.reject(reason)

        answer.then(on_fulfilled, on_rejected)
        return finish
