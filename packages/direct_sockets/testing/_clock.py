"""Virtual time: events in their order, and when the clock may go on to the next one.

Time is a whole number of nanoseconds, so that it adds up exactly. It stands still while the code under test is at
work, and jumps to the next event when that code has come to rest. No loop tells whether it has anything to do, so
rest is what can be counted on every loop: so many turns of the loop, one after the other, in which nobody has
touched the network. A touch is every call of a socket's, of a timer's, and every answer that the network
gives. What takes turns without touching anything (`await asyncio.sleep(0)`, queues, events) has that many of them,
and then time goes on as if the machine were slow; nothing worse than that can happen. What the network can not see,
threads, timers of the loop and real descriptors, it does not wait for.

An event that wakes nobody is no reason to wait for rest again: the next one follows at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from typing import TYPE_CHECKING, Final, final

from whatwg_streams import Promise
from whatwg_streams.other_specs import perform_a_microtask_checkpoint, resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Entry: TypeAlias = "tuple[int, int, Alarm]"  # the time, the order among those of one time

MILLISECOND: Final = 1_000_000
SECOND: Final = 1000 * MILLISECOND

#: How many events that wake nobody may follow one another before the loop gets a turn.
_EVENTS_PER_TURN: Final = 1000


def nanoseconds(milliseconds: float) -> int:
    """Convert a duration.

    Raises:
        ValueError: it is negative.
    """
    if milliseconds < 0:
        raise ValueError(f"a duration can not be negative: {milliseconds} milliseconds")
    return round(milliseconds * MILLISECOND)


@final
class Alarm:
    """Something that happens once, at a time that can be moved."""

    __slots__ = ("_clock", "_entry", "_steps", "_when")

    def __init__(self, clock: Clock, steps: Callable[[], object]) -> None:
        self._clock = clock
        self._steps = steps
        self._when: int | None = None
        self._entry: _Entry | None = None  # what the clock has of it, which may be for an earlier time

    @property
    def is_set(self) -> bool:
        """Whether it is still to happen."""
        return self._when is not None

    def set(self, delay: int) -> None:
        """Have it happen after so many nanoseconds, and not when it would have otherwise."""
        self._when = self._clock.now + delay
        if self._entry is None or self._when < self._entry[0]:
            self._clock._enter(self)
        self._clock._keep_turning()

    def stop(self) -> None:
        """Have it not happen."""
        self._when = None

    def _happen(self) -> None:
        self._when = self._entry = None
        self._steps()


@final
class Clock:
    """The time of a network."""

    __slots__ = (
        "_entries",
        "_order",
        "_quiet_turns",
        "_resting",
        "_runs",
        "_turning_on",
        "_turns_until_rest",
        "flows",
        "now",
    )

    def __init__(self, turns_until_rest: int, *, flows: bool) -> None:
        self.now = 0  # in nanoseconds
        self.flows = flows
        self._turns_until_rest = turns_until_rest
        self._quiet_turns = 0
        self._entries: list[_Entry] = []
        self._order = 0
        self._runs: list[int] = []  # until when it may go on even if it does not flow
        self._resting: list[Promise[None]] = []  # who waits for rest
        self._turning_on: asyncio.AbstractEventLoop | None = None

    # What the network uses ---------------------------------------------------------------------------

    def touch(self) -> None:
        """Note that the code under test has been here, or is going to be woken."""
        self._quiet_turns = 0
        self._keep_turning()

    def after(self, delay: int, steps: Callable[[], object]) -> Alarm:
        """Have steps happen after so many nanoseconds."""
        alarm = Alarm(self, steps)
        alarm.set(delay)
        return alarm

    def _enter(self, alarm: Alarm) -> None:
        assert alarm._when is not None
        self._order += 1
        alarm._entry = (alarm._when, self._order, alarm)
        heapq.heappush(self._entries, alarm._entry)

    # What users use ----------------------------------------------------------------------------------

    async def sleep(self, delay: int) -> None:
        """Wait for so many nanoseconds."""
        promise: Promise[None] = Promise()
        alarm = self.after(delay, lambda: self.answer(promise))
        self.touch()
        try:
            await promise
        finally:
            alarm.stop()

    def answer(self, promise: Promise[None]) -> None:
        """Resolve a promise that the code under test waits for."""
        self.touch()
        resolve(promise)

    async def run_for(self, duration: int) -> None:
        """Let so many nanoseconds pass, and the code come to rest after the last of them."""
        until = self.now + duration
        promise: Promise[None] = Promise()
        alarm = self.after(duration, lambda: self._resting.append(promise))
        self._runs.append(until)
        self.touch()
        try:
            await promise
        finally:
            alarm.stop()
            self._runs.remove(until)
            with contextlib.suppress(ValueError):
                self._resting.remove(promise)

    def advance(self, duration: int) -> None:
        """Let so many nanoseconds pass at once."""
        until = self.now + duration
        while (when := self._next()) is not None and when <= until:
            self._go_to(when)
        self.now = until
        self.touch()

    # Going on ----------------------------------------------------------------------------------------

    def _next(self) -> int | None:
        """When the next event is; entries of what was moved or stopped are put right on the way."""
        while self._entries:
            entry = self._entries[0]
            when, _, alarm = entry
            if alarm._entry is entry and alarm._when == when:
                return when
            heapq.heappop(self._entries)
            if alarm._entry is entry:
                alarm._entry = None
                if alarm._when is not None:
                    self._enter(alarm)
        return None

    def _go_to(self, when: int) -> None:
        """Go to the time of the next event, and have everything happen that happens then."""
        self.now = when
        while self._next() == when:
            heapq.heappop(self._entries)[2]._happen()

    def _may_go_on(self) -> bool:
        when = self._next()
        return when is not None and (self.flows or any(when <= until for until in self._runs))

    def _keep_turning(self) -> None:
        """Have the running loop, if there is one, give the clock its turns as long as there is a use for them."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if loop is not self._turning_on and (self._resting or self._may_go_on()):
            self._turning_on = loop
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning_on = None
        try:
            if self._quiet_turns < self._turns_until_rest:
                self._quiet_turns += 1
            elif self._resting:
                for promise in self._resting:
                    self.answer(promise)
                self._resting.clear()
            else:
                self._go_on()
        finally:
            perform_a_microtask_checkpoint()
            self._keep_turning()

    def _go_on(self) -> None:
        for _ in range(_EVENTS_PER_TURN):
            if not self._may_go_on():
                return
            when = self._next()
            assert when is not None
            self._go_to(when)
            if self._quiet_turns < self._turns_until_rest or self._resting:  # somebody was woken
                return
