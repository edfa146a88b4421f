"""What tests of pipes share: two ends that write into one trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.support import settle
from tests.support.recording import Event, EventTrace, RecordingSink, RecordingSource
from whatwg_streams import Promise, ReadableStream, WritableStream

PREVENT = pytest.mark.parametrize("prevent", [False, True])


class Ends(NamedTuple):
    """A source and a sink, and their streams, that write into one trace."""

    trace: EventTrace
    source: RecordingSource
    stream: ReadableStream[Any]
    sink: RecordingSink
    destination: WritableStream[Any]

    def pipe(self, **options: Any) -> Promise[None]:
        promise = self.stream.pipe_to(self.destination, **options)
        self.trace.watch("pipe", promise)
        return promise

    def unlocked(self) -> bool:
        return not self.stream.locked and not self.destination.locked

    def writes(self) -> list[object]:
        return [event[1] for event in self.trace.events if event[0] == "write" and len(event) == 2]

    def pulls(self) -> int:
        return self.trace.events.count(("pull",))

    def without_pulls(self) -> list[Event]:
        """Return the events, for where a read is begun is the pipe's own business."""
        return [event for event in self.trace.events if event != ("pull",)]

    def last(self) -> Event:
        return self.trace.events[-1]


def ends(*, strategy: object = None, sink_strategy: object = None, **answers: object) -> Ends:
    """Return new ones; answers are named `pull`, `cancel`, `write`, `close`, `abort` or `start_sink`.

    The trace is without the two starts.
    """
    trace = EventTrace()
    source = RecordingSource(trace, pull=answers.pop("pull", None), cancel=answers.pop("cancel", None))
    stream = ReadableStream[Any](source, {"high_water_mark": 0} if strategy is None else strategy)
    sink = RecordingSink(trace, start=answers.pop("start_sink", None), **answers)
    destination = WritableStream[Any](sink, sink_strategy)
    trace.take()
    return Ends(trace, source, stream, sink, destination)


async def started(**options: Any) -> Ends:
    """Return new ones whose source and sink have started."""
    made = ends(**options)
    await settle()
    made.trace.take()
    return made


def counting(last: int) -> Callable[[Any], None]:
    """Return a pull that gives 1, 2, …, last, and then closes."""
    count = 0

    def pull(controller: Any) -> None:
        nonlocal count
        count += 1
        if count > last:
            controller.close()
        else:
            controller.enqueue(count)

    return pull


# Errors are propagated forward

REASONS = pytest.mark.parametrize("reason", [ValueError("broken"), "broken", None, 0, KeyboardInterrupt()])
