"""From the operating system's errors to the DOMExceptions of the standard: one table."""

from __future__ import annotations

import errno

from whatwg_streams import NetworkError

#: What the common ones mean, said for those who do not know them by heart.
_IN_WORDS = {
    errno.ECONNREFUSED: "the connection was refused: nobody listens there",
    errno.ECONNRESET: "the connection was reset by the other side",
    errno.EPIPE: "the connection was closed by the other side, it takes no more data",
    errno.ENOTCONN: "the connection is gone: the other side has reset it",
    errno.ECONNABORTED: "the connection was aborted",
    errno.ETIMEDOUT: "the connection timed out",
    errno.EHOSTUNREACH: "the host is unreachable",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EADDRINUSE: "the address is in use",
    errno.EADDRNOTAVAIL: "the address is not available on this machine",
    errno.EMFILE: "this process has too many open descriptors",
    errno.ENFILE: "this machine has too many open descriptors",
    errno.EACCES: "the operating system does not permit it",
}


def network_error(cause: BaseException, doing: str) -> NetworkError:
    """A "NetworkError" DOMException for what the operating system said.

    Args:
        cause: an OSError, or what else went wrong in the system's place; it becomes the `__cause__`, and
            its `errno` is kept.
        doing: what was being done, for the message.
    """
    number = cause.errno if isinstance(cause, OSError) else None
    words = _IN_WORDS.get(number) if number is not None else None
    error = NetworkError(f"{doing}: {words or cause}", errno=number)
    error.__cause__ = cause
    return error
