"""What parses or converts is given anything: it takes what it must take, and refuses the rest with a documented error.

Each target is a strategy of Hypothesis and a function that checks one value, against another implementation or the
rules of the standard in other words.
"""

from __future__ import annotations

import contextlib
import math
import re
import signal
import socket
from array import array
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, Final, NoReturn

import quickjs  # type: ignore[import-not-found,import-untyped,unused-ignore]
from hypothesis import HealthCheck, given, settings, strategies as st

from direct_sockets import PermissionsPolicy
from direct_sockets._addresses import canonical, is_private_network_address, parse_ip_address
from direct_sockets._command_line.arguments import parse
from direct_sockets._command_line.session import UsageError
from direct_sockets._options import (
    UDPMessage,
    convert_tcp_server_socket_options,
    convert_tcp_socket_options,
    convert_udp_message,
    convert_udp_socket_options,
)
from direct_sockets._permissions import Feature
from tests.support.recording import outcome
from tests.support.sources import VirtualLoop
from whatwg_streams import CountQueuingStrategy, RangeError, ReadableStream, WritableStream
from whatwg_streams._platform.webidl import convert_unrestricted_double, convert_unsigned_integer

from .leaks import Before
from .table import Row

#: Seconds that one value may take.
PATIENCE: Final = 5.0

FEATURES: tuple[Feature, ...] = ("direct-sockets", "direct-sockets-private", "direct-sockets-multicast")

_ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 70000),
    st.sampled_from([2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**53, 2**64, 10**400]),
    st.floats(),
    st.fractions(),
    st.decimals(),
    st.complex_numbers(),
    st.text(max_size=12),
    st.binary(max_size=12),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(object),
)


# The policy -----------------------------------------------------------------------------------------

_PIECES = (
    *FEATURES, "=", "=", "(", ")", "self", "*", "self", ",", ";", " ", "\t", '"', '"self"', '"a, b=(self)"', "\\", "?0",
    "?1", ":c2VsZg==:", "1", "1.5", "-", "@1", "report-to=x", "none", "SELF", "self/x", "other=(self)", "\n", "é", "%",
)  # fmt: skip

_HEADERS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(_PIECES), max_size=14).map("".join),
    st.lists(
        st.tuples(
            st.sampled_from((*FEATURES, "camera")),
            st.sampled_from(("=(self)", "=self", "=*", "=(*)", "=()", '=("self")', "", ";self", '=("x" self);a="b"')),
        ).map("".join),
        max_size=4,
    ).map(", ".join),
)


def _policy_header(header: str) -> None:
    try:
        policy = PermissionsPolicy(header)
    except ValueError:
        return
    # The header is well-formed: without its strings, commas are between members only, and the last of a name counts.
    members = dict[str, str]()
    for member in re.sub(r'"(\\.|[^"\\])*"', '""', header.strip()).split(","):
        key, _, value = member.strip().partition("=")
        if ";" in key:  # a member without a value, which is true, and its parameters
            key, value = key.partition(";")[0], ""
        members[key.strip()] = value
    for feature in FEATURES:
        value = members.get(feature, "")
        inside = value[1:].partition(")")[0] if value.startswith("(") else value
        tokens = {item.partition(";")[0] for item in re.sub(r";\s*", ";", inside).split()}
        assert policy.is_allowed(feature) == bool(tokens & {"self", "*"}), header


def _policy_manifest(manifest: Any) -> None:
    try:
        policy = PermissionsPolicy(manifest)
    except TypeError:
        return
    except ValueError:
        assert isinstance(manifest, str)
        return
    if isinstance(manifest, Mapping):
        for feature in FEATURES:
            members = list(manifest.get(feature, []))
            assert policy.is_allowed(feature) == ("self" in members or "*" in members)


_MANIFESTS = st.one_of(
    _ANYTHING,
    st.dictionaries(
        st.sampled_from((*FEATURES, "camera")),
        st.one_of(st.lists(st.sampled_from(("self", "*", "SELF", "https://a.example", "", None, 1))), _ANYTHING),
    ),
)


# Addresses ------------------------------------------------------------------------------------------


def _is_read_by_the_system(text: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False


def _address_text(text: str) -> None:
    try:
        address = parse_ip_address(text)
    except TypeError:
        assert not _is_read_by_the_system(text)
    else:
        assert _is_read_by_the_system(text)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        assert address.packed == socket.inet_pton(family, text)
        assert parse_ip_address(canonical(address)) == address


_ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


_SPOILING = ("", "0", ":", ".", "::", "%1", " ", "²", "\0", "g")


def _spoilt(address: object, position: int, character: str, remove: int) -> str:
    text = str(address)
    position %= len(text) + 1
    return text[:position] + character + text[position + remove :]


_ADDRESS_TEXTS = st.one_of(
    st.text(max_size=20),
    st.text("0123456789abcdefx.:%[]/ ", max_size=24),
    st.builds(_spoilt, _ADDRESSES, st.integers(0, 50), st.sampled_from(_SPOILING), st.integers(0, 2)),
)

_PRIVATE_V4 = [
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
    )
]  # fmt: skip
_PRIVATE_V6 = [
    ip_network(block)
    for block in ("::/127", "fc00::/7", "fe80::/10", "2001:db8::/32", "100::/64", "ff01::/16", "ff02::/16", "ff05::/16")
]


def _in(networks: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(networks).flatmap(lambda network: st.ip_addresses(network=network))


def _every_embedding(address: IPv4Address) -> list[IPv4Address | IPv6Address]:
    inside = int(address)
    return [
        address,
        IPv6Address(0xFFFF << 32 | inside),
        IPv6Address(0x64FF9B << 96 | inside),
        IPv6Address(0x2002 << 112 | inside << 80 | 1),
        IPv6Address(0x20010000 << 96 | inside << 64 | 0xF7F7F7F7),
        IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | (inside ^ 0xFFFFFFFF)),
    ]


def _private_v4(address: IPv4Address) -> None:
    for form in _every_embedding(address):
        assert is_private_network_address(form), form
        assert is_private_network_address(canonical(form)), form


def _private_v6(address: IPv6Address) -> None:
    assert is_private_network_address(address)
    assert is_private_network_address(address.exploded)


# Options --------------------------------------------------------------------------------------------

_javascript_number = quickjs.Context().eval("(text) => Number(text)")


def _number(value: Any) -> None:
    """ToNumber of a text is what a JavaScript engine says it is; ConvertToInt by the rules of Web IDL."""
    for bits in (8, 16, 32, 64):
        for enforce_range in (False, True):
            try:
                result = convert_unsigned_integer(value, "value", bits, enforce_range=enforce_range)
            except TypeError:
                continue
            assert type(result) is int
            assert 0 <= result < 1 << bits
            if isinstance(value, int | float):
                whole = math.trunc(value) if isinstance(value, int) or math.isfinite(value) else 0
                assert whole % (1 << bits) == result
                assert not enforce_range or whole == result


def _number_text(text: str) -> None:
    expected = _javascript_number(text)
    result = convert_unrestricted_double(text, "text")
    assert float(result) == float(expected) or (math.isnan(result) and math.isnan(expected)), text


_NUMBER_TEXTS = st.one_of(
    st.text("0123456789abcdefxobABEeINnityf+-._ \t\n\x0b\x1c\x85\xa0\u2003\ufeff", max_size=10),
    st.floats().map(str),
    st.integers().map(str),
).filter(lambda text: "\0" not in text)


def _options(convert: Callable[..., Any], *names: str) -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    def check(values: dict[str, Any]) -> None:
        try:
            result = convert(**values)
        except TypeError:
            return
        for name, value in result._asdict().items():
            assert value is None or type(value) in {bool, int, str}, name
            if type(value) is int:
                assert 0 <= value < 1 << (8 if "time_to_live" in name else 16 if "port" in name else 32), name
            if name == "dns_query_type":
                assert value in {None, "ipv4", "ipv6"}

    return st.fixed_dictionaries(dict.fromkeys(names, st.one_of(_ANYTHING, st.sampled_from(("ipv4", "::", 1))))), check


def _message(value: Any) -> None:
    try:
        message = convert_udp_message(value)
    except TypeError:
        return
    assert isinstance(message, UDPMessage)
    data = message.data
    assert data is None or type(data) is bytes or (data.format == "B" and data.contiguous)
    assert message.remote_address is None or type(message.remote_address) is str
    assert message.remote_port is None or 0 <= message.remote_port < 1 << 16
    assert message.dns_query_type in {None, "ipv4", "ipv6"}


_BUFFERS = st.one_of(
    st.binary(max_size=9),
    st.binary(max_size=9).map(bytearray),
    st.binary(max_size=9).map(lambda data: memoryview(data)),  # noqa: PLW0108  # one that mypy knows
    st.binary(max_size=9).map(lambda data: memoryview(bytearray(data))[::2]),
    st.binary(max_size=9).map(lambda data: memoryview(bytearray(data))[1:-1]),
    st.lists(st.integers(0, 65535), max_size=4).map(lambda items: array("H", items)),
    st.lists(st.floats(), max_size=3).map(lambda items: array("d", items)),
    st.builds(lambda: memoryview(bytearray(6)).cast("B", (2, 3))),
    _ANYTHING,
)

_MESSAGES = st.one_of(
    _ANYTHING,
    st.dictionaries(
        st.sampled_from(("data", "remote_address", "remote_port", "dns_query_type", "other")),
        st.one_of(_BUFFERS, _ANYTHING),
    ),
    st.builds(UDPMessage, _BUFFERS, _ANYTHING, _ANYTHING, _ANYTHING),
)


def _strategy(value: Any) -> None:
    for make in (
        lambda: ReadableStream({}, {"high_water_mark": value}),
        lambda: WritableStream({}, CountQueuingStrategy(high_water_mark=value)),
    ):
        try:
            with VirtualLoop().installed():
                make()
        except (TypeError, RangeError):
            continue
        number = float(convert_unrestricted_double(value, "value")) if value is not None else 0
        assert number >= 0, value


# Buffers --------------------------------------------------------------------------------------------


def _buffers(values: tuple[Any, Any, Any]) -> None:
    """What is enqueued is what is read, or is refused."""
    chunk, view, least = values
    loop = VirtualLoop()
    with loop.installed():
        controllers = list[Any]()
        stream: Any = ReadableStream({"type": "bytes", "start": controllers.append})
        reader = stream.get_reader(mode="byob")
        expected = bytes(chunk) if _is_plain_buffer(chunk) and memoryview(chunk).nbytes else b""
        room = memoryview(view).nbytes if _is_plain_buffer(view) else 0
        try:
            controllers[0].enqueue(chunk)
        except TypeError:
            assert not expected
        else:
            assert expected
        read = reader.read(view, min=least)
        loop.drain()
        state, result = outcome(read)
        if state == "rejected":
            assert isinstance(result, TypeError | RangeError), result
        elif state == "fulfilled":
            got = bytes(read._promise_result.value)
            assert got == expected[: len(got)]
            assert len(got) <= room
        else:
            assert len(expected) < room


def _is_plain_buffer(value: Any) -> bool:
    try:
        return memoryview(value).c_contiguous
    except (TypeError, ValueError):
        return False


# The command line -----------------------------------------------------------------------------------

_WORDS = (
    "connect", "listen", "udp", "multicast", "localhost", "::1", "127.0.0.1", "0", "80", "65536", "-1", "1e3",
    "--policy", "direct-sockets=(self)", "--loop", "asyncio", "--no-delay", "--local-port", "--local-address",
    "--dns-query-type", "ipv4", "--keep-alive-delay", "--send-buffer-size", "--count", "--idle", "--to", "-q", "-v",
    "-p", "--", "", "é", "--x",
)  # fmt: skip


def _command_line(words: list[str]) -> None:
    try:
        arguments = parse(words)
    except UsageError:
        return
    assert callable(arguments.run)
    for name, value in vars(arguments).items():
        if "port" in name and value is not None:
            assert 0 <= int(value) <= 65535


# All of them ----------------------------------------------------------------------------------------

TARGETS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "policy headers": (_HEADERS, _policy_header),
    "policy manifests": (_MANIFESTS, _policy_manifest),
    "texts of IP addresses": (_ADDRESS_TEXTS, _address_text),
    "private IPv4 addresses, in every embedding": (_in(_PRIVATE_V4), _private_v4),
    "private IPv6 addresses": (_in(_PRIVATE_V6), _private_v6),
    "numbers": (_ANYTHING, _number),
    "texts of numbers": (_NUMBER_TEXTS, _number_text),
    "TCP socket options": _options(
        convert_tcp_socket_options,
        "dns_query_type", "keep_alive_delay", "no_delay", "receive_buffer_size", "send_buffer_size",
    ),
    "UDP socket options": _options(
        convert_udp_socket_options,
        "dns_query_type", "ipv6_only", "local_address", "local_port", "multicast_allow_address_sharing",
        "multicast_loopback", "multicast_time_to_live", "receive_buffer_size", "remote_address", "remote_port",
        "send_buffer_size",
    ),
    "TCP server socket options": _options(
        convert_tcp_server_socket_options, "backlog", "ipv6_only", "local_port"
    ),
    "UDP messages": (_MESSAGES, _message),
    "high water marks": (_ANYTHING, _strategy),
    "buffers and views": (st.tuples(_BUFFERS, _BUFFERS, st.one_of(st.integers(0, 5), _ANYTHING)), _buffers),
    "command lines": (st.lists(st.sampled_from(_WORDS), max_size=8), _command_line),
}  # fmt: skip


def property_of(
    name: str, row: Row, examples: int, *, derandomize: bool = True, patience: float | None = None
) -> Callable[[], None]:
    """The target as a test of Hypothesis, which counts its cases in the row; with an alarm for each, if wanted."""
    strategy, check = TARGETS[name]
    return as_test(strategy, check, row, examples, derandomize=derandomize, patience=patience)


def as_test(
    strategy: st.SearchStrategy[Any],
    check: Callable[[Any], object],
    row: Row,
    examples: int,
    *,
    derandomize: bool = True,
    patience: float | None = None,
) -> Callable[[], None]:
    """Such a test of any strategy and check."""

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(value: Any) -> None:
        row.tried += 1
        if patience is not None:
            signal.setitimer(signal.ITIMER_REAL, patience)
        check(value)

    return run


def fuzz(name: str, examples: int, *, derandomize: bool = True) -> Row:
    """Give so many values to the target. Hypothesis makes the one that fails as small as it can.

    What is taken that must not be is let in; where it crashes, or has come to no end in time, something is lost.
    """
    row = Row(name)
    before = Before()
    try:
        with _interrupted_when_it_hangs():
            property_of(name, row, examples, derandomize=derandomize, patience=PATIENCE)()
    except* AssertionError as taken:
        row.let_in += 1
        row.notes += map(_told, taken.exceptions)
    except* Exception as crashed:
        row.lost += 1
        row.notes += map(_told, crashed.exceptions)
    if left := before.left():
        row.leaked += 1
        row.notes.append(f"left {left}")
    return row


def _told(error: BaseException) -> str:
    return f"{error!r} {getattr(error, '__notes__', '')}"


@contextlib.contextmanager
def _interrupted_when_it_hangs() -> Iterator[None]:
    """Raise a TimeoutError where one value takes longer than `PATIENCE`."""

    def interrupt(_: int, frame: object) -> NoReturn:
        raise TimeoutError(f"it took longer than {PATIENCE} seconds, at {frame}")

    others = signal.signal(signal.SIGALRM, interrupt)
    theirs = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, others)
        signal.setitimer(signal.ITIMER_REAL, *theirs)
