"""What may be said on the command line, and which arguments of the classes it becomes."""

from __future__ import annotations

import pytest

from direct_sockets._command_line.arguments import parse
from direct_sockets._command_line.session import UsageError
from direct_sockets._operating_system import TCPConnectionParameters, TCPServerParameters, UDPSocketParameters
from tests.support.command_line import run_here
from tests.support.operating_system import ALL, FIN, HandmadeSystem


def _opened(*arguments: str) -> tuple[object, ...]:
    """With what the operating system was asked to open a socket."""
    system = HandmadeSystem()
    system.failures["open"] = system.failures["open_server"] = OSError("that is all")
    assert run_here(*arguments, system=system, policy=ALL).status == 1
    return system.calls[-1]


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ((), TCPConnectionParameters()),
        (("--no-delay",), TCPConnectionParameters(no_delay=True)),
        (("--keep-alive-delay", "5000"), TCPConnectionParameters(keep_alive_delay=5000)),
        (
            ("--send-buffer-size", "1000", "--receive-buffer-size", "2000"),
            TCPConnectionParameters(1000, 2000),
        ),
    ],
)
def test_options_of_connect(options: tuple[str, ...], parameters: TCPConnectionParameters) -> None:
    assert _opened("connect", "example.com", "80", *options) == ("open", ("8.8.8.8",), 80, parameters)


@pytest.mark.parametrize("command", ["connect", "udp"])
@pytest.mark.parametrize(
    ("option", "dns_query_type"), [(None, None), ("-4", "ipv4"), ("--ipv6", "ipv6"), ("--ipv4", "ipv4"), ("-6", "ipv6")]
)
def test_addresses_of_one_kind(command: str, option: str | None, dns_query_type: str | None) -> None:
    system = HandmadeSystem()
    system.failures["resolve"] = OSError("that is all")
    run_here(command, "example.com", "80", *([option] if option else []), system=system)
    assert system.calls == [("resolve", "example.com", dns_query_type)]


@pytest.mark.parametrize(
    ("options", "address", "parameters"),
    [
        ((), "127.0.0.1", TCPServerParameters()),
        (("--local-address", "::", "--ipv6-only"), "::", TCPServerParameters(ipv6_only=True)),
        (("--local-address", "::", "--no-ipv6-only"), "::", TCPServerParameters(ipv6_only=False)),
        (("--local-port", "40000", "--backlog", "7"), "127.0.0.1", TCPServerParameters(40000, 7)),
    ],
)
def test_options_of_listen(options: tuple[str, ...], address: str, parameters: TCPServerParameters) -> None:
    assert _opened("listen", *options) == ("open_server", address, parameters)


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("example.com", "53"), ("connected", ("8.8.8.8",), 53, UDPSocketParameters())),
        (
            ("example.com", "53", "--ttl", "3", "--no-loopback", "--send-buffer-size", "1000"),
            ("connected", ("8.8.8.8",), 53, UDPSocketParameters(1000, None, None, 3, False)),
        ),
        (("--local-address", "127.0.0.1"), ("bound", ("127.0.0.1",), 0, UDPSocketParameters())),
        (
            ("--local-address", "::", "--local-port", "5000", "--ipv6-only", "--receive-buffer-size", "2000"),
            ("bound", ("::",), 5000, UDPSocketParameters(None, 2000, True)),
        ),
        (
            ("--local-address", "::", "--share", "--multicast-time-to-live", "9", "--multicast-loopback"),
            ("bound", ("::",), 0, UDPSocketParameters(None, None, None, 9, True, True)),
        ),
    ],
)
def test_options_of_udp(arguments: tuple[str, ...], call: tuple[object, ...]) -> None:
    assert _opened("udp", *arguments) == ("open", *call)


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("239.1.2.3", "5000"), (("0.0.0.0",), 5000, UDPSocketParameters())),
        (("ff02::1", "5000", "--share"), (("::",), 5000, UDPSocketParameters(None, None, None, None, None, True))),
        (("239.1.2.3", "5000", "--count", "0"), (("0.0.0.0",), 0, UDPSocketParameters())),
        (
            ("239.1.2.3", "5000", "--local-address", "127.0.0.1", "--local-port", "6000"),
            (("127.0.0.1",), 6000, UDPSocketParameters()),
        ),
    ],
)
def test_options_of_multicast(arguments: tuple[str, ...], call: tuple[object, ...]) -> None:
    assert _opened("multicast", *arguments) == ("open", "bound", *call)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: COMMAND"),
        (("fly",), "invalid choice: 'fly'"),
        (("connect",), "required: HOST, PORT"),
        (("connect", "localhost", "http"), "invalid port value: 'http'"),
        (("connect", "localhost", "65536"), "a port is from 0 to 65535: '65536'"),
        (("connect", "localhost", "80", "-4", "-6"), "not allowed with argument"),
        (("connect", "localhost", "80", "--no-del"), "unrecognized arguments: --no-del"),
        (("connect", "localhost", "80", "-q", "-v"), "not allowed with argument"),
        (("udp", "localhost", "80", "--count=-1"), "it can not be negative"),
        (("udp", "localhost", "80", "--size", "0"), "at least 1 is needed"),
        (("udp", "localhost", "80", "--idle", "0"), "a positive number of seconds"),
        (("udp", "localhost", "80", "--idle", "nan"), "a positive number of seconds"),
        (("--loop", "trio", "listen"), "invalid choice: 'trio'"),
        (("connect", "example.com", "--", "--"), "PORT: '--' may be given once, before what is no option"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(arguments)
    assert message in str(raised.value)
    result = run_here(*arguments)
    assert result.status == 2
    assert result.error == f"direct_sockets: {raised.value}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("connect", "localhost", "80", "--keep-alive-delay", "999"), "keep_alive_delay: less than 1000"),
        (("connect", "localhost", "80", "--send-buffer-size", "0"), "send_buffer_size: 0 bytes"),
        (("connect", "localhost", "80", "--send-buffer-size=-1"), "send_buffer_size"),
        (("listen", "--local-address", "localhost"), "local_address is not a valid IP address"),
        (("listen", "--local-port", "0"), "local_port: 0 is no port"),
        (("listen", "--backlog", "0"), "backlog: 0 connections"),
        (("listen", "--ipv6-only"), "ipv6_only: only for"),
        (("udp",), "either remote_address and remote_port or local_address"),
        (("udp", "localhost"), "remote_address and remote_port: one of them is missing"),
        (("udp", "localhost", "80", "--local-address", "::"), "either connected or bound"),
        (("udp", "localhost", "80", "--ipv6-only"), "ipv6_only: not in connected mode"),
        (("udp", "localhost", "80", "--to", "localhost", "81"), "--to: only with --local-address"),
        (("udp", "--local-address", "::", "--to", "localhost", "81x"), "--to: '81x' is no port"),
        (("udp", "localhost", "80", "--ttl", "256"), "multicast_time_to_live"),
        (("multicast", "239.1.2", "8000"), "group_address is not a valid IP address"),
        (("multicast", "239.1.2.3", "8000", "--source", "127.0.0.1"), "source_address is a loopback address"),
    ],
)
def test_what_the_classes_refuse_is_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = run_here(*arguments, policy=ALL)
    assert result.status == 2
    assert message in result.error
    assert result.error.count("\n") == 1


@pytest.mark.parametrize("command", [(), ("connect",), ("listen",), ("udp",), ("multicast",)])
def test_help_is_printed(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([*command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m direct_sockets")
    if not command:
        for status in ("0", "1", "2", "3", "4", "130", "141"):
            assert f"\n  {status} " in text


def test_the_multicast_command_joins_the_group_from_each_source() -> None:
    system = HandmadeSystem()
    system.datagrams.feed(b"x")
    sources = ("--source", "192.0.2.1", "--source", "192.0.2.2")
    result = run_here("multicast", "232.1.2.3", "8000", *sources, "--count", "1", system=system, policy=ALL)
    assert result.status == 0
    joined = [call for call in system.datagrams.calls if call[0] == "join"]
    assert joined == [("join", "232.1.2.3", "192.0.2.1"), ("join", "232.1.2.3", "192.0.2.2")]


def test_an_argument_that_ends_the_options() -> None:
    system = HandmadeSystem()
    system.connection.feed(FIN)
    assert run_here("connect", "--", "example.com", "80", system=system).status == 0
