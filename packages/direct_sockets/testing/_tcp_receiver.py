"""The receiving half of a TCP connection: what has come, in order and ahead of it, and how much room there is."""

from __future__ import annotations

from typing import final

from ._packets import Segment


@final
class Receiver:
    """The receiving half of a TCP connection."""

    __slots__ = ("_advertised", "_ahead", "_size", "expected", "has_finished", "unread")

    def __init__(self, expected: int, size: int) -> None:
        self._size = size
        self._ahead: dict[int, Segment] = {}
        self._advertised = 0  # the sequence number up to which the peer knows of room
        self.expected = expected  # the sequence number that comes next
        self.unread = bytearray()
        self.has_finished = False  # the FIN has come, and all before it

    # What comes in -----------------------------------------------------------------------------------

    def take(self, segment: Segment) -> bool:
        """Take the bytes and the FIN of a segment; whether there is more to read now."""
        is_empty = segment.end == segment.sequence
        if is_empty or segment.end <= self.expected or self.has_finished:
            return False
        self._ahead[segment.sequence] = segment
        has_grown = False
        while (following := self._ahead.pop(self.expected, None)) is not None:
            self.unread += following.data
            self.expected = following.end
            self.has_finished = following.fin
            has_grown = True
        return has_grown

    def arrived(self) -> list[tuple[int, int]]:
        """What has come ahead of something that is missing, as ranges of the sequence."""
        ranges: list[tuple[int, int]] = []
        for start in sorted(self._ahead):
            end = self._ahead[start].end
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((start, end))
        return ranges

    def is_within_window(self, sequence: int) -> bool:
        """Whether a sequence number is one that can come next."""
        return self.expected <= sequence <= max(self.expected, self._advertised)

    # What is read ------------------------------------------------------------------------------------

    def read(self, size: int) -> bytes:
        """Take up to so many bytes."""
        data = bytes(self.unread[:size])
        del self.unread[:size]
        return data

    # Room --------------------------------------------------------------------------------------------

    def advertise(self) -> int:
        """How many bytes there is room for, which the peer is told now."""
        window = max(0, self._size - len(self.unread))
        self._advertised = self.expected + window
        return window

    def has_room_to_advertise(self, largest: int) -> bool:
        """Whether there is so much more room than the peer knows of that it has to be told, as Linux has it."""
        known = self._advertised - self.expected
        room = self._size - len(self.unread)
        return 2 * known <= self._size and room >= max(2 * known, min(largest, (self._size + 1) // 2))
