"""Commands over an operating system whose answers are made by hand, and the exit statuses of errors."""

from __future__ import annotations

import errno
import io
import sys

import pytest

from direct_sockets import PermissionsPolicy
from direct_sockets._operating_system import Destination, Endpoint
from tests.support import LoopFactory
from tests.support.command_line import Terminal, run_here
from tests.support.operating_system import ALL, FIN, HandmadeConnection, HandmadeSystem

NOTHING = PermissionsPolicy("")
SENDER = Endpoint("192.0.2.1", 5000)


def test_connect_pipes_both_ways(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.connection.feed(b"an ", b"answer", FIN)
    result = run_here("connect", "example.com", "80", input=b"a question", system=system, loop_factory=loop_factory)
    assert result == (0, b"an answer", "")
    assert system.connection.written == b"a question"
    assert [call[0] for call in system.connection.calls[-2:]] == ["shut_down", "close"]


def test_connect_goes_on_sending_after_the_other_side_has_finished() -> None:
    system = HandmadeSystem()
    system.connection.feed(FIN)
    assert run_here("connect", "example.com", "80", input=b"late", system=system).status == 0
    assert system.connection.written == b"late"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ("resolve", OSError(-2, "Name or service not known"), "connecting to example.com port 80"),
        ("open", ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nobody listens there"),
    ],
)
def test_what_can_not_be_connected_to(call: str, error: OSError, message: str, loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.failures[call] = error  # type: ignore[index]
    result = run_here("connect", "example.com", "80", system=system, loop_factory=loop_factory)
    assert result.status == 1
    assert message in result.error
    assert result.error.count("\n") == 1


def test_a_connection_that_is_reset(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.connection.feed(b"the beginning", ConnectionResetError(errno.ECONNRESET, "reset"))
    result = run_here("connect", "example.com", "80", system=system, loop_factory=loop_factory)
    assert result.status == 1
    assert result.error == "direct_sockets: reading: the connection was reset by the other side\n"


def test_what_the_other_side_says_when_it_takes_no_more(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.connection.failures["write"] = BrokenPipeError(errno.EPIPE, "broken")
    system.connection.feed(b"413 ", b"too much", FIN)
    result = run_here("connect", "example.com", "80", input=b"a lot", system=system, loop_factory=loop_factory)
    assert result.status == 1
    assert result.output == b"413 too much"
    assert result.error == (
        "direct_sockets: writing: the connection was closed by the other side, it takes no more data\n"
    )


@pytest.mark.parametrize(
    ("arguments", "feature"),
    [
        (("connect", "localhost", "80"), "direct-sockets"),
        (("listen",), "direct-sockets"),
        (("udp", "localhost", "80"), "direct-sockets"),
        (("--policy", "", "connect", "localhost", "80"), "direct-sockets"),
        (("--policy", "direct-sockets=*", "udp", "--local-address", "127.0.0.1"), "direct-sockets-private"),
        (
            ("--policy", "direct-sockets=*, direct-sockets-private=*", "multicast", "239.1.2.3", "8000"),
            "direct-sockets-multicast",
        ),
    ],
)
def test_what_is_not_granted(arguments: tuple[str, ...], feature: str) -> None:
    policy = ALL if arguments[0] == "--policy" else NOTHING
    result = run_here(*arguments, policy=policy)
    assert result.status == 3
    assert f"without the permission {feature};" in result.error
    assert result.error.count("\n") == 1


def test_a_policy_of_wrong_syntax_is_wrong_usage() -> None:
    result = run_here("--policy", "direct-sockets=(", "listen")
    assert result.status == 2
    assert "--policy: not the value of a Permissions-Policy header" in result.error


def test_a_port_that_is_too_low_to_listen_on_is_not_allowed() -> None:
    result = run_here("listen", "--local-port", "80")
    assert result.status == 3
    assert "ports from 32678 are" in result.error


def test_listen_tells_where_and_takes_one_connection(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.connection.feed(b"a question", FIN)
    system.server.come(system.connection)
    result = run_here("listen", input=b"an answer", system=system, loop_factory=loop_factory)
    assert result == (0, b"a question", "listening on 9.9.9.9 port 40000\n")
    assert system.connection.written == b"an answer"
    assert system.server.done("close") == 1


def test_listen_that_is_kept_open_takes_one_connection_after_the_other(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    connections = [HandmadeConnection(), HandmadeConnection(), HandmadeConnection()]
    connections[0].feed(b"one ", FIN)
    connections[1].feed(b"two ", ConnectionResetError(errno.ECONNRESET, "reset"))
    connections[2].feed(b"three", FIN)
    system.server.come(*connections, OSError(errno.EBADF, "the end of the test"))
    result = run_here("listen", "-k", "-v", input=b"for the first", system=system, loop_factory=loop_factory)
    assert result.status == 1
    assert result.output.startswith(b"one ")
    assert result.output.endswith(b"three")
    assert [bytes(connection.written) for connection in connections] == [b"for the first", b"", b""]
    lines = result.error.splitlines()
    assert "direct_sockets: reading: the connection was reset by the other side" in lines
    assert lines[-1].startswith("direct_sockets: accepting connections")
    assert lines.count("connected to 8.8.8.8 port 80 from 9.9.9.9 port 40000") == 3


def test_a_datagram_for_each_line_and_a_line_for_each_datagram(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.datagrams.feed(b"one", b"", b"three", b"more than was asked for")
    result = run_here(
        "udp", "example.com", "53", "--lines", "--count", "3",
        input=b"first\nsecond\n", system=system, loop_factory=loop_factory,
    )  # fmt: skip
    assert result == (0, b"one\n\nthree\n", "")


def test_udp_sends_all_of_its_input_when_nothing_is_to_be_received(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    result = run_here(
        "udp", "example.com", "53", "--count", "0", "--size", "4",
        input=b"some input", system=system, loop_factory=loop_factory,
    )  # fmt: skip
    assert result == (0, b"", "")
    assert system.datagrams.sent == [(b"some", None), (b" inp", None), (b"ut", None)]


def test_udp_ends_when_it_has_been_idle(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    system.datagrams.feed(b"something")
    result = run_here("udp", "example.com", "53", "--idle", "0.01", system=system, loop_factory=loop_factory)
    assert result == (0, b"something", "")


def test_bound_udp_sends_where_it_is_told_to() -> None:
    system = HandmadeSystem()
    result = run_here(
        "udp", "--local-address", "9.9.9.9", "--to", "example.com", "53", "-6", "--count", "0",
        input=b"hello", system=system,
    )  # fmt: skip
    assert result == (0, b"", "bound to 9.9.9.9 port 40000\n")
    assert system.datagrams.sent == [(b"hello", Destination("example.com", 53, "ipv6"))]


def test_bound_udp_answers_whoever_has_sent_last() -> None:
    system = HandmadeSystem()
    system.datagrams.feed((b"hello", SENDER))
    result = run_here(
        "udp", "--local-address", "9.9.9.9", "--idle", "0.05", "-v", "--lines",
        input=b"hello, too\n", system=system,
    )  # fmt: skip
    assert result.status == 0
    assert result.output == b"hello\n"
    assert result.error.splitlines() == ["bound to 9.9.9.9 port 40000", "5 bytes from 192.0.2.1 port 5000"]
    assert system.datagrams.sent == [(b"hello, too", Destination(*SENDER))]


def test_a_refused_datagram_is_a_failure_of_the_network() -> None:
    system = HandmadeSystem()
    system.datagrams.feed(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
    result = run_here("udp", "example.com", "53", system=system)
    assert result.status == 1
    assert result.error.startswith("direct_sockets: receiving: the connection was refused")


def test_a_datagram_that_can_not_be_sent_is_a_failure_of_the_network() -> None:
    system = HandmadeSystem()
    system.datagrams.failures["send"] = OSError(errno.EMSGSIZE, "Message too long")
    result = run_here("udp", "example.com", "53", input=b"x" * 100, system=system)
    assert result.status == 1
    assert "Message too long" in result.error


def test_multicast_joins_and_sends_to_the_group() -> None:
    system = HandmadeSystem()
    system.datagrams.feed((b"hello", SENDER))
    result = run_here("multicast", "239.1.2.3", "5000", "--count", "1", system=system, policy=ALL)
    assert result == (0, b"hello", "joined 239.1.2.3, bound to 9.9.9.9 port 40000\n")
    assert ("join", "239.1.2.3", None) in system.datagrams.calls
    system = HandmadeSystem()
    result = run_here("multicast", "239.1.2.3", "5000", "--count", "0", input=b"hello", system=system)
    assert result == (0, b"", "")
    assert system.datagrams.sent == [(b"hello", Destination("239.1.2.3", 5000))]


@pytest.mark.parametrize(
    ("options", "output_is_a_terminal", "shows"),
    [((), False, True), (("--quiet",), False, False), ((), True, False), (("--progress",), True, True)],
)
def test_progress_is_shown_on_a_terminal(options: tuple[str, ...], output_is_a_terminal: bool, shows: bool) -> None:
    system = HandmadeSystem()
    system.connection.feed(b"an answer", FIN)
    result = run_here(
        "connect", "example.com", "80", *options,
        system=system, error=Terminal(), output_is_a_terminal=output_is_a_terminal,
    )  # fmt: skip
    assert ("sent 0 B, received 9 B in 0." in result.error) == shows


def test_progress_is_not_shown_elsewhere_unless_it_is_asked_for() -> None:
    for options, lines in (((), 0), (("-p",), 1)):
        system = HandmadeSystem()
        system.connection.feed(FIN)
        result = run_here("connect", "example.com", "80", *options, system=system, error=io.StringIO())
        assert result.error.count("\n") == lines


def test_an_event_loop_that_is_not_installed_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    result = run_here("--loop", "uvloop", "listen")
    assert result.status == 2
    assert "uvloop is not installed" in result.error
