"""The sending half of a TCP connection: its buffer, what is on its way, and what has to be sent again.

Everything that takes part in the sequence, the SYN, the bytes and the FIN, is on its way until it is acknowledged.
It is sent again when three later segments have arrived without it, or when an acknowledgement does not come in time
(RFC 6298, with the constants of Linux): then all of it counts as lost, and is sent again piece by piece as
acknowledgements come, unless these turn out to be those of the first transmission, by their time stamps
(RFC 3522). There is no congestion control: as much is on its way as the peer has room for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, final

from ._clock import MILLISECOND, SECOND, Alarm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._clock import Clock

_FIRST_TIMEOUT: Final = SECOND
_SHORTEST_VARIATION: Final = 200 * MILLISECOND
_LONGEST_TIMEOUT: Final = 120 * SECOND
#: How many later segments have to arrive before one counts as lost.
_OVERTAKEN_BY: Final = 3


class Carrier(Protocol):
    """The connection, as far as its sending half needs it."""

    def _transmit(self, sequence: int, data: bytes, *, syn: bool, fin: bool) -> None:
        """Send a segment."""
        ...

    def _probe(self) -> None:
        """Send what the peer has to answer with an acknowledgement."""
        ...

    def _retries(self) -> int:
        """How often to send something again before the peer counts as gone."""
        ...

    def _nobody_answers(self) -> None:
        """The peer counts as gone."""
        ...

    def _there_is_room(self) -> None:
        """The buffer has room again, or is empty."""
        ...


@final
class _OnItsWay:
    """A piece of the sequence that was sent and not acknowledged yet."""

    __slots__ = ("arrived", "end", "is_lost", "number", "overtaken", "start")

    def __init__(self, start: int, end: int, number: int) -> None:
        self.start = start
        self.end = end
        self.number = number  # of the transmission
        self.is_lost = False  # as far as one knows
        self.arrived = False  # as the peer says, though something before it is missing
        self.overtaken = 0


@final
class Sender:
    """The sending half of a TCP connection."""

    __slots__ = (
        "_alarm",
        "_attempts",
        "_backoff",
        "_buffer",
        "_carrier",
        "_clock",
        "_end",
        "_finishing",
        "_first",
        "_largest",
        "_limit",
        "_next",
        "_no_delay",
        "_number",
        "_on_its_way",
        "_recovering_since",
        "_size",
        "_smoothed",
        "_timeout",
        "_unacknowledged",
        "_variation",
    )

    def __init__(self, carrier: Carrier, clock: Clock, first: int, size: int, *, no_delay: bool) -> None:
        self._carrier = carrier
        self._clock = clock
        self._first = first  # sequence number, of the SYN
        self._size = size
        self._largest = 536  # bytes in a segment; the connection knows better when it is open
        self._no_delay = no_delay
        self._buffer = bytearray()  # the bytes from `_unacknowledged` on
        self._end = first + 1  # of the bytes
        self._unacknowledged = first
        self._next = first  # what is sent next
        self._limit = first  # up to where the peer has room
        self._finishing = False
        self._on_its_way: deque[_OnItsWay] = deque()
        self._number = 0
        self._alarm = Alarm(clock, self._in_vain)
        self._attempts = 0  # to get an answer
        self._backoff = 0  # how often the timeout has been doubled
        self._recovering_since: int | None = None  # when what was on its way was taken for lost
        self._smoothed: int | None = None  # round-trip time
        self._variation = 0
        self._timeout = _FIRST_TIMEOUT

    # What the connection tells it ------------------------------------------------------------------------

    def start(self) -> None:
        """Send the SYN."""
        self._send(1)

    def open(self, largest: int) -> None:
        """The connection is open: bytes may be sent, at most so many in a segment."""
        self._largest = largest
        self._proceed()

    @property
    def room(self) -> int:
        """How many bytes the buffer has room for."""
        return self._size - len(self._buffer)

    @property
    def unsent(self) -> int:
        """How many bytes in the buffer are not acknowledged."""
        return len(self._buffer)

    def take(self, data: memoryview) -> int:
        """Take as many of the bytes as there is room for, and send what can be sent; how many it took."""
        size = min(len(data), self.room)
        self._buffer += data[:size]
        self._end += size
        self._proceed()
        return size

    def finish(self) -> None:
        """Send a FIN after the bytes there are."""
        if not self._finishing:
            self._finishing = True
            self._proceed()

    @property
    def is_done(self) -> bool:
        """Whether the FIN has been acknowledged, and all before it."""
        return self._unacknowledged > self._end

    @property
    def next(self) -> int:
        """The sequence number of what is sent next."""
        return self._next

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing that the peer would have to acknowledge."""
        return not self._on_its_way and not self._buffer

    def stop(self) -> None:
        """Send nothing any more, forget the bytes."""
        self._alarm.stop()
        self._on_its_way.clear()
        self._buffer.clear()

    # Sending -----------------------------------------------------------------------------------------

    def _proceed(self) -> None:
        """Send what the peer has room for."""
        if self._unacknowledged == self._first:  # the SYN goes alone
            return
        while (available := self._end - self._next) > 0:
            size = min(available, self._largest, self._limit - self._next)
            is_last = self._finishing and size == available
            # A small segment waits for what is on its way (Nagle), unless it is the last one.
            is_held = size < self._largest and bool(self._on_its_way) and not (self._no_delay or is_last)
            if size <= 0 or is_held:
                break
            self._send(size + is_last)
        if self._finishing and self._next == self._end:
            self._send(1)
        self._watch()

    def _send(self, length: int) -> None:
        self._number += 1
        piece = _OnItsWay(self._next, self._next + length, self._number)
        self._next = piece.end
        self._on_its_way.append(piece)
        self._transmit(piece)
        if not self._alarm.is_set:
            self._watch()

    def _send_again(self, piece: _OnItsWay) -> None:
        self._number += 1
        piece.number, piece.is_lost, piece.overtaken = self._number, False, 0
        self._transmit(piece)

    def _transmit(self, piece: _OnItsWay) -> None:
        is_syn = piece.start == self._first
        start = piece.start - self._unacknowledged
        end = piece.end - self._unacknowledged
        data = b"" if is_syn else bytes(self._buffer[start:end])
        self._carrier._transmit(piece.start, data, syn=is_syn, fin=piece.end > self._end)

    # What comes back ---------------------------------------------------------------------------------

    def acknowledge(self, until: int, window: int, arrived: Sequence[tuple[int, int]], echo: int) -> None:
        """The peer has everything until there, room for so many bytes after it, and some of those already.

        It says so because of what was sent at the time that it echoes.
        """
        if until > self._next:
            return
        had_room = self.room
        if until + window > self._limit:
            self._limit = until + window
            self._backoff = 0
        if until > self._unacknowledged:
            self._attempts = self._backoff = 0
            self._measure(self._clock.now - echo)
            self._recover(self._forget(until), echo)
        elif not self._on_its_way:  # the answer to a probe
            self._attempts = 0
        self._note_arrived(arrived)
        self._proceed()
        if self.room > had_room or self.is_done:
            self._carrier._there_is_room()

    def _forget(self, until: int) -> int:
        """Drop what has been acknowledged; how many pieces that were."""
        count = 0
        while self._on_its_way and self._on_its_way[0].end <= until:
            self._on_its_way.popleft()
            count += 1
        del self._buffer[: max(0, len(self._buffer) - (self._end - until))]
        self._unacknowledged = until
        self._alarm.stop()  # and start it again, for what is still on its way
        return count

    def _recover(self, count: int, echo: int) -> None:
        """So many pieces have been acknowledged: send twice as many again of those that were lost, if they were."""
        if self._recovering_since is None:
            return
        lost = [piece for piece in self._on_its_way if piece.is_lost and not piece.arrived]
        if echo < self._recovering_since or not lost:
            self._recovering_since = None
            for piece in lost:
                piece.is_lost = False
        for piece in lost[: 2 * count] if self._recovering_since is not None else ():
            self._send_again(piece)

    def _measure(self, sample: int) -> None:
        """RFC 6298, section 2."""
        if self._smoothed is None:
            self._smoothed, self._variation = sample, sample // 2
        else:
            self._variation = (3 * self._variation + abs(self._smoothed - sample)) // 4
            self._smoothed = (7 * self._smoothed + sample) // 8
        self._timeout = min(self._smoothed + max(_SHORTEST_VARIATION, 4 * self._variation), _LONGEST_TIMEOUT)

    def _note_arrived(self, ranges: Sequence[tuple[int, int]]) -> None:
        for start, end in ranges:
            for piece in self._on_its_way:
                if start <= piece.start and piece.end <= end and not piece.arrived:
                    piece.arrived = True
                    self._has_overtaken(piece.number)

    def _has_overtaken(self, number: int) -> None:
        for piece in self._on_its_way:
            if not piece.arrived and piece.number < number:
                piece.overtaken += 1
                if piece.overtaken == _OVERTAKEN_BY:
                    self._send_again(piece)

    # What does not come back -------------------------------------------------------------------------

    def _watch(self) -> None:
        """Wait for an acknowledgement, or, if the peer has had no room, for its word that it has."""
        if self._on_its_way or self._buffer:
            if not self._alarm.is_set:
                self._alarm.set(min(self._timeout << self._backoff, _LONGEST_TIMEOUT))
        else:
            self._alarm.stop()

    def _in_vain(self) -> None:
        self._attempts += 1
        self._backoff += 1
        if self._attempts > self._carrier._retries():
            self._carrier._nobody_answers()
            return
        if self._on_its_way:
            self._recovering_since = self._clock.now
            for piece in self._on_its_way:
                piece.is_lost = True
            self._send_again(self._on_its_way[0])
        else:
            self._carrier._probe()
        self._watch()
