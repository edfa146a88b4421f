"""The algorithms of a pair of streams, which are those of one object.

A controller has a slot for each of its algorithms, which most of the time is a callable. Where they all belong to one
object of this class, that object is in each of the slots: so the streams need no others for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._platform.compiled import mypyc_attr

if TYPE_CHECKING:
    from .._platform.promises import Promise


@mypyc_attr(allow_interpreted_subclasses=True)
class PairAlgorithms:
    """What has all algorithms of a readable and of a writable stream."""

    __slots__ = ()

    def _pull_algorithm(self) -> Promise[Any]:
        """[[pullAlgorithm]]"""
        raise NotImplementedError

    def _cancel_algorithm(self, reason: object) -> Promise[Any]:
        """[[cancelAlgorithm]]"""
        raise NotImplementedError

    def _write_algorithm(self, chunk: object) -> Promise[Any] | None:
        """[[writeAlgorithm]]; None, from a fast path, if the steps upon fulfillment will be queued."""
        raise NotImplementedError

    def _close_algorithm(self) -> Promise[Any]:
        """[[closeAlgorithm]]"""
        raise NotImplementedError

    def _abort_algorithm(self, reason: object) -> Promise[Any]:
        """[[abortAlgorithm]]"""
        raise NotImplementedError

    def _move_chunks(self, pipe: Any) -> bool:
        """Move chunks, when a pipe is about to read the next one: see `_readable.fast_pipe.move_chunks`."""
        raise NotImplementedError


def perform_pull(algorithm: Any) -> Promise[Any]:
    """Perform the pull algorithm."""
    return algorithm._pull_algorithm() if isinstance(algorithm, PairAlgorithms) else algorithm()


def perform_cancel(algorithm: Any, reason: object) -> Promise[Any]:
    """Perform the cancel algorithm."""
    return algorithm._cancel_algorithm(reason) if isinstance(algorithm, PairAlgorithms) else algorithm(reason)


def perform_write(algorithm: Any, chunk: object) -> Any:
    """Perform the write algorithm."""
    return algorithm._write_algorithm(chunk) if isinstance(algorithm, PairAlgorithms) else algorithm(chunk)


def perform_close(algorithm: Any) -> Promise[Any]:
    """Perform the close algorithm."""
    return algorithm._close_algorithm() if isinstance(algorithm, PairAlgorithms) else algorithm()


def perform_abort(algorithm: Any, reason: object) -> Promise[Any]:
    """Perform the abort algorithm."""
    return algorithm._abort_algorithm(reason) if isinstance(algorithm, PairAlgorithms) else algorithm(reason)
