"""DOMException, its named kinds, RangeError and RejectionError."""

from __future__ import annotations

import builtins
import copy
import errno
import pickle
from typing import Any

import pytest

import whatwg_streams
from whatwg_streams import (
    AbortError,
    DataCloneError,
    DOMException,
    InvalidStateError,
    NetworkError,
    NotAllowedError,
    RangeError,
    RejectionError,
    TimeoutError as StreamTimeoutError,
)
from whatwg_streams._platform.dom_exception import NoReasonError

KINDS: list[tuple[type[DOMException], int]] = [
    (AbortError, 20),
    (DataCloneError, 25),
    (InvalidStateError, 11),
    (NetworkError, 19),
    (NotAllowedError, 0),
    (StreamTimeoutError, 23),
]


def _ids(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def test_a_plain_dom_exception_is_called_error() -> None:
    exception = DOMException()
    assert (exception.name, exception.message, exception.code) == ("Error", "", 0)
    assert str(exception) == ""
    assert DOMException("text").message == "text"
    assert repr(DOMException("text")) == "DOMException('text', 'Error')"


def test_a_name_without_a_class_stays_plain() -> None:
    exception = DOMException("text", "SyntaxError")
    assert type(exception) is DOMException
    assert (exception.name, exception.message, exception.code) == ("SyntaxError", "text", 12)
    assert repr(exception) == "DOMException('text', 'SyntaxError')"
    assert DOMException("text", "UnheardOfError").code == 0


@pytest.mark.parametrize("value", [1, b"text", ["text"], ValueError("text")])
def test_the_message_and_the_name_are_strings(value: Any) -> None:
    with pytest.raises(TypeError, match="message: expected a str"):
        DOMException(value)
    with pytest.raises(TypeError, match="message: expected a str"):
        AbortError(value)
    with pytest.raises(TypeError, match="name: expected a str"):
        DOMException("", value)


def test_none_is_no_message() -> None:
    message: Any = None
    assert DOMException(message).message == ""


@pytest.mark.parametrize(("kind", "code"), KINDS, ids=_ids)
def test_a_named_kind_knows_its_name_message_and_code(kind: type[DOMException], code: int) -> None:
    exception = kind("what happened")
    assert (exception.name, exception.message, exception.code) == (kind.__name__, "what happened", code)
    assert str(exception) == "what happened"
    assert repr(exception) == f"{kind.__name__}('what happened')"
    assert isinstance(exception, DOMException)
    assert kind().message == ""


@pytest.mark.parametrize(("kind", "code"), KINDS, ids=_ids)
def test_the_name_chooses_the_class(kind: type[DOMException], code: int) -> None:
    exception = DOMException("what happened", kind.__name__)
    assert type(exception) is kind
    assert (exception.name, exception.message, exception.code) == (kind.__name__, "what happened", code)


def test_a_name_given_to_a_named_kind_changes_nothing() -> None:
    assert AbortError("text", "AbortError").name == "AbortError"
    assert AbortError("text", "SyntaxError").name == "AbortError"


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS], ids=_ids)
def test_the_name_can_not_be_changed(kind: type[DOMException]) -> None:
    for attribute in ("name", "message", "code"):
        with pytest.raises(AttributeError):
            setattr(kind("text"), attribute, "other")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (NetworkError, OSError),
        (NotAllowedError, PermissionError),
        (NotAllowedError, OSError),
        (StreamTimeoutError, builtins.TimeoutError),
        (StreamTimeoutError, OSError),
    ],
    ids=_ids,
)
def test_some_kinds_are_caught_as_what_python_calls_them(
    kind: type[DOMException], builtin: type[BaseException]
) -> None:
    with pytest.raises(builtin) as caught:
        raise kind("caught")
    assert isinstance(caught.value, DOMException)
    assert str(caught.value) == "caught"


@pytest.mark.parametrize("kind", [AbortError, InvalidStateError, DataCloneError], ids=_ids)
def test_the_others_are_plain(kind: type[DOMException]) -> None:
    assert not issubclass(kind, OSError)
    assert issubclass(kind, Exception)


def test_an_abort_error_is_no_cancellation() -> None:
    assert AbortError.__mro__[-4:] == (DOMException, Exception, BaseException, object)


def test_a_network_error_keeps_the_number_of_the_operating_system() -> None:
    exception = NetworkError("refused", errno=errno.ECONNREFUSED)
    assert exception.errno == errno.ECONNREFUSED
    assert str(exception) == "refused"
    assert NetworkError("unknown").errno is None


def test_the_cause_is_chained() -> None:
    cause = ConnectionResetError(errno.ECONNRESET, "reset")
    with pytest.raises(NetworkError) as caught:
        raise NetworkError("reset by the peer", errno=cause.errno) from cause
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    "exception",
    [
        DOMException(),
        DOMException("text"),
        DOMException("text", "SyntaxError"),
        *[kind("text") for kind, _ in KINDS],
        NetworkError("text", errno=errno.EPIPE),
    ],
    ids=repr,
)
def test_exceptions_survive_pickling_and_copying(exception: DOMException) -> None:
    exception.add_note("a note")
    for clone in (pickle.loads(pickle.dumps(exception)), copy.copy(exception), copy.deepcopy(exception)):
        assert type(clone) is type(exception)
        assert (clone.name, clone.message, clone.code) == (exception.name, exception.message, exception.code)
        assert str(clone) == str(exception)
        assert getattr(clone, "errno", None) == getattr(exception, "errno", None)
        assert clone.__notes__ == ["a note"]


def test_a_subclass_of_a_kind_survives_pickling() -> None:
    exception = pickle.loads(pickle.dumps(_Special("text")))
    assert type(exception) is _Special
    assert (exception.name, exception.message) == ("AbortError", "text")


class _Special(AbortError):
    pass


def test_a_range_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="too large"):
        raise RangeError("too large")
    assert not issubclass(RangeError, DOMException)


def test_a_rejection_error_carries_any_reason() -> None:
    reason = object()
    exception = RejectionError(reason)
    assert exception.reason is reason
    assert repr(reason) in str(exception)
    assert pickle.loads(pickle.dumps(RejectionError("why"))).reason == "why"


def test_a_rejection_error_without_a_reason_is_an_abort_error_too() -> None:
    exception = NoReasonError()
    assert exception.reason is None
    assert isinstance(exception, RejectionError)
    assert isinstance(exception, AbortError)
    assert exception.name == "AbortError"
    assert str(exception) == "a promise was rejected with None: no reason was given"
    copy = pickle.loads(pickle.dumps(exception))
    assert type(copy) is NoReasonError
    assert (copy.reason, str(copy)) == (None, str(exception))


def test_the_public_names_are_these_classes() -> None:
    assert whatwg_streams.DOMException is DOMException
    assert whatwg_streams.TimeoutError is StreamTimeoutError
    assert whatwg_streams.TimeoutError is not builtins.TimeoutError
