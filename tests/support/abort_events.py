"""A listener of abort signals that keeps their events."""

from __future__ import annotations

from whatwg_streams import AbortEvent


class AbortLog(list[AbortEvent]):
    """A listener that keeps the events it gets; two of them are never equal."""

    def __call__(self, event: AbortEvent) -> None:
        self.append(event)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None
