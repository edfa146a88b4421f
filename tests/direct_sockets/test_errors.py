"""From errors of the operating system to NetworkErrors."""

from __future__ import annotations

import errno
import pickle
import socket

import pytest

from direct_sockets._errors import network_error
from whatwg_streams import DOMException, NetworkError


def test_a_network_error_is_an_os_error_and_a_dom_exception() -> None:
    error = network_error(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connecting")
    assert type(error) is NetworkError
    assert isinstance(error, OSError)
    assert isinstance(error, DOMException)
    assert error.name == "NetworkError"


def test_the_number_is_kept_and_the_cause_chained() -> None:
    cause = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    error = network_error(cause, "reading")
    assert error.errno == errno.ECONNRESET
    assert error.__cause__ is cause


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "nobody listens"),
        (errno.ECONNRESET, "reset by the other side"),
        (errno.EPIPE, "takes no more data"),
        (errno.ENOTCONN, "is gone"),
        (errno.ETIMEDOUT, "timed out"),
        (errno.EMFILE, "too many open descriptors"),
    ],
)
def test_common_numbers_are_put_in_words_after_what_was_being_done(number: int, words: str) -> None:
    message = network_error(OSError(number, "?"), "connecting to example.com port 80").message
    assert message.startswith("connecting to example.com port 80: ")
    assert words in message


def test_an_uncommon_number_speaks_for_itself() -> None:
    error = network_error(OSError(errno.EXDEV, "Invalid cross-device link"), "reading")
    assert "Invalid cross-device link" in error.message
    assert error.errno == errno.EXDEV


def test_the_number_of_a_failed_look_up_is_kept() -> None:
    error = network_error(socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "connecting")
    assert error.errno == socket.EAI_NONAME
    assert "Name or service not known" in error.message


def test_an_os_error_without_a_number_has_none() -> None:
    error = network_error(OSError("what is this"), "reading")
    assert error.errno is None
    assert error.message == "reading: what is this"


def test_what_is_no_os_error_is_told_as_it_is() -> None:
    cause = RuntimeError("broken")
    error = network_error(cause, "writing")
    assert (error.errno, error.__cause__, error.message) == (None, cause, "writing: broken")


def test_it_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(network_error(OSError(errno.EPIPE, "Broken pipe"), "writing")))
    assert type(error) is NetworkError
    assert error.errno == errno.EPIPE
    assert error.message.startswith("writing: ")
