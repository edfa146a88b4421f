"""What may be said on the command line.

Options are named as the arguments of the classes that they are for, with hyphens.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final, NoReturn

from typing_extensions import override

from .._permissions import ENVIRONMENT_VARIABLE
from . import connections, datagrams
from .session import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Exit statuses, for scripts.
FINE: Final = 0
NETWORK: Final = 1
USAGE: Final = 2
NOT_ALLOWED: Final = 3
STANDARD_STREAMS: Final = 4
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

_DESCRIPTION = """\
Pipe standard input into a socket, and what the socket receives to standard output.

Nothing is allowed that is not granted, by --policy or by the environment variable
{variable}. To connect to a server on this machine:

  python -m direct_sockets --policy "direct-sockets=(self), direct-sockets-private=(self)" \\
      connect localhost 8080
"""

_EPILOG = f"""\
exit status:
  {FINE}    all went well
  {NETWORK}    the network failed: a name without address, a refused or reset connection, an address in use
  {USAGE}    wrong usage
  {NOT_ALLOWED}    not allowed by the policy
  {STANDARD_STREAMS}    standard input could not be read, or standard output not be written
  {INTERRUPTED}  interrupted (Control-C)
  {BROKEN_PIPE}  standard output was closed by its reader

"python -m direct_sockets COMMAND --help" lists the options of a command.
"""

_CONNECT = """\
Connect to a server. The end of standard input is sent as the end of the connection's one direction (FIN); what the
server sends is received until it ends the other.
"""

_LISTEN = """\
Wait for one connection, and pipe it like "connect" does. The address and port are told on standard error.
"""

_UDP = """\
Send and receive datagrams: to and from one host (HOST PORT); or, with --local-address, from anyone, and to the host
that --to names, without it to whoever has sent last. The end of standard input ends nothing: see --count and
--idle.
"""

_MULTICAST = """\
Join a multicast group, and receive what is sent to it; standard input is sent to the group. With --count 0 it is
not joined. See "udp" for the rest.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, of one line."""

    @override
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; None is the one of this process.

    The result has the attribute `run` for the command, a coroutine function of the result and a `Session`.

    Raises:
        UsageError: it is wrong.
        SystemExit: it asked for help, which has been printed.
    """
    parser = _Parser(
        prog="python -m direct_sockets",
        description=_DESCRIPTION.format(variable=ENVIRONMENT_VARIABLE),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--policy", metavar="POLICY", help="what is granted, as the value of a Permissions-Policy header"
    )
    parser.add_argument(
        "--loop", choices=("asyncio", "uvloop"), default="asyncio", help="the event loop; uvloop has to be installed"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_connect(commands)
    _add_listen(commands)
    _add_udp(commands)
    _add_multicast(commands)
    parsed = parser.parse_args(arguments)
    _refuse_what_argparse_takes_away(parser, parsed)
    return parsed


def _refuse_what_argparse_takes_away(parser: _Parser, parsed: argparse.Namespace) -> None:
    """A second "--" is an argument like others, but it leaves an empty list in the place of one."""
    for name in ("host", "port"):
        if getattr(parsed, name, None) == []:
            parser.error(f"{name.upper()}: '--' may be given once, before what is no option")


def _add_command(commands: Any, name: str, help: str, description: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=description, epilog="Exit statuses: see python -m direct_sockets --help.",
        allow_abbrev=False,
    )  # fmt: skip
    command.set_defaults(run=run)
    telling = command.add_mutually_exclusive_group()
    telling.add_argument("-q", "--quiet", action="store_true", help="tell of errors only")
    telling.add_argument(
        "-p", "--progress", action="store_true",
        help="show progress and rates on standard error; without this, only if that is a terminal, and standard"
        " output is not",
    )  # fmt: skip
    telling.add_argument("-v", "--verbose", action="store_true", help="tell of each connection, and of each datagram")
    return command


def _add_connect(commands: Any) -> None:
    command = _add_command(commands, "connect", "connect to a TCP server", _CONNECT, connections.connect)
    command.add_argument("host", metavar="HOST", help="a name, or an IP address")
    command.add_argument("port", metavar="PORT", type=_port)
    _add_end_with_peer(command)
    _add_dns_query_type(command)
    _add_buffer_sizes(command)
    command.add_argument("--no-delay", action="store_true", help="send small pieces at once (TCP_NODELAY)")
    command.add_argument(
        "--keep-alive-delay", metavar="MILLISECONDS", type=int,
        help="ask after so long a silence whether the other side is still there; 1000 at least",
    )  # fmt: skip


def _add_listen(commands: Any) -> None:
    command = _add_command(commands, "listen", "wait for a TCP connection", _LISTEN, connections.listen)
    command.add_argument(
        "--local-address", metavar="ADDRESS", default="127.0.0.1",
        help="the IP address to listen on; %(default)s without it, :: is all of this host",
    )  # fmt: skip
    command.add_argument(
        "--local-port", metavar="PORT", type=_port, help="32678 at least; without it, the system chooses one"
    )
    command.add_argument("--backlog", metavar="NUMBER", type=int, help="how many connections may wait")
    _add_ipv6_only(command)
    command.add_argument(
        "-k", "--keep-open", action="store_true",
        help="go on with the next connection, one after the other, until interrupted",
    )  # fmt: skip
    _add_end_with_peer(command)


def _add_udp(commands: Any) -> None:
    command = _add_command(commands, "udp", "send and receive datagrams", _UDP, datagrams.udp)
    command.add_argument("host", metavar="HOST", nargs="?", help="a name, or an IP address, to connect to")
    command.add_argument("port", metavar="PORT", nargs="?", type=_port)
    command.add_argument("--local-address", metavar="ADDRESS", help="the IP address to bind to, to hear anyone")
    command.add_argument("--local-port", metavar="PORT", type=_port, help="without it, the system chooses one")
    command.add_argument("--to", metavar=("HOST", "PORT"), nargs=2, help="with --local-address: where to send to")
    _add_ipv6_only(command)
    _add_options_of_datagrams(command)
    _add_dns_query_type(command)


def _add_multicast(commands: Any) -> None:
    command = _add_command(commands, "multicast", "send to, and receive from, a group", _MULTICAST, datagrams.multicast)
    command.add_argument("host", metavar="GROUP", help="the IP address of the group")
    command.add_argument("port", metavar="PORT", type=_port)
    command.add_argument(
        "--source", metavar="ADDRESS", action="append", default=[],
        help="receive from this host only (source-specific multicast); may be given several times",
    )  # fmt: skip
    command.add_argument(
        "--local-address", metavar="ADDRESS", help="the IP address to bind to; all of this host without it"
    )
    command.add_argument(
        "--local-port", metavar="PORT", type=_port, help="PORT without it; with --count 0, the system chooses one"
    )
    _add_options_of_datagrams(command)


def _add_options_of_datagrams(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--lines", action="store_true",
        help="each line of standard input is a datagram, without its end, and each datagram is written as a line",
    )  # fmt: skip
    command.add_argument(
        "--size", metavar="BYTES", type=_at_least_one, default=1400,
        help="without --lines: of what is read at a time, up to so many bytes make a datagram; %(default)s without it",
    )  # fmt: skip
    command.add_argument("--count", metavar="NUMBER", type=_not_negative, help="end when so many have been received")
    command.add_argument(
        "--idle", metavar="SECONDS", type=_seconds, help="end when for so long none was sent or received"
    )
    _add_buffer_sizes(command)
    command.add_argument(
        "--multicast-time-to-live", "--ttl", metavar="NUMBER", type=int,
        help="how many routers multicast may pass, and one",
    )  # fmt: skip
    command.add_argument(
        "--multicast-loopback", "--loopback", action=argparse.BooleanOptionalAction,
        help="whether this host receives what it sends to groups it has joined",
    )  # fmt: skip
    command.add_argument(
        "--multicast-allow-address-sharing", "--share", action=argparse.BooleanOptionalAction,
        help="whether other programs may bind to the same address and port",
    )  # fmt: skip


def _add_end_with_peer(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--end-with-peer", action=argparse.BooleanOptionalAction,
        help="end a connection when the other side has sent its end, whether or not standard input has ended; by"
        " default only where that is a terminal",
    )  # fmt: skip


def _add_ipv6_only(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--ipv6-only", action=argparse.BooleanOptionalAction, help="for the address ::, whether IPv4 is left out"
    )


def _add_dns_query_type(command: argparse.ArgumentParser) -> None:
    types = command.add_mutually_exclusive_group()
    for version in ("4", "6"):
        types.add_argument(
            f"-{version}", f"--ipv{version}", dest="dns_query_type", action="store_const", const=f"ipv{version}",
            help=f"look up addresses of IPv{version} only",
        )  # fmt: skip


def _add_buffer_sizes(command: argparse.ArgumentParser) -> None:
    for what in ("send", "receive"):
        command.add_argument(
            f"--{what}-buffer-size", metavar="BYTES", type=int, help=f"of the system's buffer to {what}"
        )


# Types of arguments ----------------------------------------------------------------------------------
# (argparse names these functions' names in its messages.)


def _port(text: str) -> int:
    # Those that are too large would wrap, as the standard has it.
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"a port is from 0 to 65535: {text!r}")
    return port


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1 is needed: {text!r}")
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"it can not be negative: {text!r}")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"a positive number of seconds is needed: {text!r}")
    return seconds


_port.__name__ = "port"
_at_least_one.__name__ = _not_negative.__name__ = "number"
_seconds.__name__ = "seconds"
