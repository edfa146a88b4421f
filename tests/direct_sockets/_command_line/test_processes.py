"""The command line in processes of its own, with plain sockets, curl and shells at the other end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import random
import select
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import on_each_loop, process
from tests.support.operating_system import refusing_port

pytestmark = pytest.mark.timeout(60)  # processes take their time to start, on a machine that is busy

BINARY = random.Random(1).randbytes(3 * 2**20)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(50)
        yield server


def _port(sock: socket.socket) -> str:
    return str(sock.getsockname()[1])


@contextlib.contextmanager
def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(50)
        yield connection


def _receive_all(connection: socket.socket) -> bytes:
    data = bytearray()
    while received := connection.recv(65536):
        data += received
    return bytes(data)


@contextlib.contextmanager
def _echo(listener: socket.socket) -> Iterator[threading.Event]:
    """Send what one connection sends back to it, and finish when it does; or, if that is cleared, at the event."""
    may_finish = threading.Event()
    may_finish.set()

    def echo() -> None:
        with _accepted(listener) as connection:
            while data := connection.recv(65536):
                connection.sendall(data)
            may_finish.wait(50)

    thread = threading.Thread(target=echo)
    thread.start()
    yield may_finish
    thread.join()


@on_each_loop
def test_the_end_of_input_is_a_fin_and_the_answer_still_comes(listener: socket.socket, loop: str) -> None:
    with process("--loop", loop, "connect", "127.0.0.1", _port(listener)) as it:
        with _accepted(listener) as peer:
            it.end_input(b"a question")
            assert _receive_all(peer) == b"a question"
            peer.sendall(b"an answer")
        assert it.result() == (0, b"an answer", "")


@on_each_loop
def test_binary_data_both_ways(listener: socket.socket, loop: str) -> None:
    with _echo(listener), process("--loop", loop, "connect", "127.0.0.1", _port(listener)) as it:
        assert it.result(BINARY) == (0, BINARY, "")


def test_files(listener: socket.socket, tmp_path: Path) -> None:
    source, copy = tmp_path / "in", tmp_path / "out"
    source.write_bytes(BINARY)
    port = _port(listener)
    with (
        _echo(listener),
        source.open("rb") as stdin,
        copy.open("wb") as stdout,
        process("connect", "127.0.0.1", port, stdin=stdin, stdout=stdout) as it,
    ):
        assert it.result() == (0, b"", "")
    assert copy.read_bytes() == BINARY


def test_no_input(listener: socket.socket) -> None:
    with _echo(listener), process("connect", "127.0.0.1", _port(listener), stdin=subprocess.DEVNULL) as it:
        assert it.result() == (0, b"", "")


def test_a_closed_standard_input_is_no_input(listener: socket.socket) -> None:
    port = _port(listener)
    with _echo(listener), process("connect", "127.0.0.1", port, stdin=None, closing="<&-") as it:
        assert it.result() == (0, b"", "")


def test_a_closed_standard_output_is_one_that_can_not_be_written(listener: socket.socket) -> None:
    port = _port(listener)
    with _echo(listener), process("connect", "127.0.0.1", port, stdout=None, closing=">&-") as it:
        assert it.result(b"hello") == (4, b"", "direct_sockets: there is no standard output\n")


def test_a_closed_standard_error_gets_nothing_told() -> None:
    port = str(refusing_port())
    with process("connect", "127.0.0.1", port, stderr=None, closing="2>&-") as it:
        it.end_input()
        assert it.output.read() == b""
        assert it.process.wait() == 1


def test_the_other_side_may_finish_first(listener: socket.socket) -> None:
    with process("connect", "127.0.0.1", _port(listener)) as it, _accepted(listener) as peer:
        peer.shutdown(socket.SHUT_WR)
        it.type(b"still ")
        it.end_input(b"there")
        assert _receive_all(peer) == b"still there"
        assert it.result().status == 0


def test_the_other_side_may_end_it_all(listener: socket.socket) -> None:
    with process("connect", "127.0.0.1", _port(listener), "--end-with-peer") as it:
        with _accepted(listener) as peer:
            peer.sendall(b"goodbye")
        assert it.process.wait() == 0  # in spite of an input that is open
        assert it.output.read() == b"goodbye"


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ends = pty.openpty()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def test_a_terminal_is_typed_into_until_control_d(listener: socket.socket) -> None:
    port = _port(listener)
    with (
        _terminal() as (keyboard, terminal),
        process("connect", "127.0.0.1", port, stdin=terminal) as it,
        _accepted(listener) as peer,
    ):
        os.write(keyboard, b"a line\n")
        assert peer.recv(100) == b"a line\n"
        os.write(keyboard, b"\x04")
        assert peer.recv(100) == b""
        peer.sendall(b"bye")
        peer.close()
        assert it.output.read() == b"bye"
        assert it.process.wait() == 0


def test_a_terminal_does_not_keep_a_connection_that_the_other_side_has_closed(listener: socket.socket) -> None:
    port = _port(listener)
    with _terminal() as (_, terminal), process("connect", "127.0.0.1", port, stdin=terminal) as it:
        with _accepted(listener) as peer:
            peer.sendall(b"bye")
        assert it.process.wait() == 0
        assert it.output.read() == b"bye"


def test_progress_on_a_terminal(listener: socket.socket) -> None:
    with _terminal() as (screen, terminal):
        with _echo(listener), process("connect", "127.0.0.1", _port(listener), stderr=terminal) as it:
            assert it.result(b"hello")[:2] == (0, b"hello")
        shown = b""
        while b"sent 5 B, received 5 B in " not in shown:
            shown += os.read(screen, 1000)


def test_nobody_listens() -> None:
    port = refusing_port()
    with process("connect", "127.0.0.1", str(port)) as it:
        status, output, error = it.result()
    assert (status, output) == (1, b"")
    assert error == (
        f"direct_sockets: connecting to 127.0.0.1 port {port}: the connection was refused: nobody listens there\n"
    )


def test_nothing_is_granted(listener: socket.socket) -> None:
    with process("connect", "127.0.0.1", _port(listener), policy=None) as it:
        status, output, error = it.result()
    assert (status, output) == (3, b"")
    assert error.startswith("direct_sockets: opening sockets is not allowed without the permission direct-sockets; ")
    assert error.count("\n") == 1


def test_the_policy_may_be_given_on_the_command_line(listener: socket.socket) -> None:
    policy = "direct-sockets=(self), direct-sockets-private=(self)"
    with _echo(listener), process("--policy", policy, "connect", "127.0.0.1", _port(listener), policy=None) as it:
        assert it.result(b"hello") == (0, b"hello", "")


@on_each_loop
def test_an_interrupt_ends_it_without_a_word(listener: socket.socket, loop: str) -> None:
    with process("--loop", loop, "connect", "127.0.0.1", _port(listener)) as it, _accepted(listener) as peer:
        it.type(b"hello")
        assert peer.recv(100) == b"hello"
        it.interrupt()
        assert it.process.wait() == 130  # in spite of an input that is open
        assert it.result() == (130, b"", "")


@on_each_loop
def test_an_interrupt_ends_it_when_nobody_reads_its_output(listener: socket.socket, loop: str) -> None:
    with process("--loop", loop, "connect", "127.0.0.1", _port(listener)) as it, _accepted(listener) as peer:
        _send_until_held(peer)
        it.interrupt()
        assert it.process.wait() == 130
        assert it.error.read() == b""


@on_each_loop
def test_a_reader_that_has_gone_ends_it_without_a_word(listener: socket.socket, loop: str) -> None:
    with process("--loop", loop, "connect", "127.0.0.1", _port(listener)) as it, _accepted(listener) as peer:
        peer.sendall(b"hello")
        assert it.output.read(5) == b"hello"
        it.output.close()
        peer.sendall(b"is there anybody?")
        assert it.process.wait() == 141
        assert it.error.read() == b""


def _send_until_held(peer: socket.socket) -> int:
    """Send until the other side takes no more, and return how much it took."""
    data = bytes(2**20)
    sent = 0
    peer.setblocking(False)
    while select.select([], [peer], [], 1)[1]:
        sent += peer.send(data)
        assert sent < 2**30
    return sent


def test_an_output_that_is_not_read_holds_the_other_side_back(listener: socket.socket) -> None:
    options = ("--receive-buffer-size", "65536", "--end-with-peer")
    with process("connect", "127.0.0.1", _port(listener), *options) as it, _accepted(listener) as peer:
        sent = _send_until_held(peer)
        assert sent < 16 * 2**20
        peer.shutdown(socket.SHUT_WR)
        assert len(it.output.read()) == sent
        assert it.process.wait() == 0


@on_each_loop
def test_memory_does_not_grow_with_what_is_sent(listener: socket.socket, loop: str, tmp_path: Path) -> None:
    size = 192 * 2**20
    file = tmp_path / "in"
    file.touch()
    os.truncate(file, size)
    options = ("--loop", loop, "connect", "127.0.0.1", _port(listener))
    with _echo(listener) as may_finish, file.open("rb") as stdin, process(*options, stdin=stdin) as it:
        may_finish.clear()
        left = size
        while left:
            left -= len(it.output.read(min(left, 2**20)))
        assert _highest_memory_of(it.process.pid) < 96 * 1024
        may_finish.set()
        assert it.result() == (0, b"", "")


def _highest_memory_of(pid: int) -> int:
    """How much memory a process has had at most, in KiB; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


@on_each_loop
def test_listen_takes_one_connection(loop: str) -> None:
    with process("--loop", loop, "listen") as it:
        address = ("127.0.0.1", it.port())
        with socket.create_connection(address, 50) as client:
            client.sendall(b"a question")
            client.shutdown(socket.SHUT_WR)
            assert it.output.read(10) == b"a question"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 50)
            it.end_input(b"an answer")
            assert _receive_all(client) == b"an answer"
        assert it.result() == (0, b"", "")


@on_each_loop
def test_listen_goes_on_when_it_is_kept_open(loop: str) -> None:
    with process("--loop", loop, "listen", "--keep-open", "--end-with-peer") as it:
        address = ("127.0.0.1", it.port())
        for word in (b"one", b"two", b"three"):
            with socket.create_connection(address, 50) as client:
                client.sendall(word)
                it.type(word)
                assert client.recv(100) == word
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
            assert it.output.read(len(word)) == word
        it.interrupt()
        assert it.process.wait() == 130


def test_a_port_in_use(listener: socket.socket) -> None:
    with process("listen") as it, process("listen", "--local-port", str(it.port())) as other:
        status, _, error = other.result()
    assert status == 1
    assert error.endswith(": the address is in use\n")


def test_one_command_connects_to_the_other() -> None:
    with process("listen", "--local-address", "::1") as server:
        options = ("--no-delay", "--keep-alive-delay", "60000", "--send-buffer-size", "100000")
        with process("connect", "::1", str(server.port()), *options) as client:
            client.end_input(b"ping")
            assert server.output.read(4) == b"ping"
            assert server.result(b"pong").status == 0
            assert client.result() == (0, b"pong", "")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_is_served() -> None:
    with process("listen") as it:
        url = f"http://127.0.0.1:{it.port()}/path"
        it.end_input(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        curl = subprocess.run(["curl", "-s", "--noproxy", "*", url], capture_output=True, check=True)
        assert curl.stdout == b"hello"
        status, output, _ = it.result()
    assert status == 0
    assert output.startswith(b"GET /path HTTP/1.1\r\n")


# Datagrams ---------------------------------------------------------------------------------------------


@pytest.fixture
def udp_peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(50)
        yield sock


@on_each_loop
def test_udp_to_one_host(udp_peer: socket.socket, loop: str) -> None:
    with process("--loop", loop, "udp", "127.0.0.1", _port(udp_peer), "--lines", "--count", "2") as it:
        it.type(b"one\ntwo\n")
        (first, address), (second, _) = udp_peer.recvfrom(100), udp_peer.recvfrom(100)
        assert (first, second) == (b"one", b"two")
        udp_peer.sendto(b"three", address)
        udp_peer.sendto(b"four", address)
        assert it.process.wait() == 0
        assert it.output.read() == b"three\nfour\n"


@on_each_loop
def test_udp_from_anybody(udp_peer: socket.socket, loop: str) -> None:
    with process("--loop", loop, "udp", "--local-address", "127.0.0.1") as it:
        address = ("127.0.0.1", it.port())
        it.type(b"who is there?")  # goes to the first who sends
        udp_peer.sendto(b"I am", address)
        assert it.output.read(4) == b"I am"
        assert udp_peer.recv(100) == b"who is there?"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
            another.settimeout(50)
            another.sendto(b"and I", address)
            assert it.output.read(5) == b"and I"
            it.type(b"welcome")
            assert another.recv(100) == b"welcome"
        it.interrupt()
        assert it.process.wait() == 130


def test_a_file_is_sent_in_datagrams_of_one_size(udp_peer: socket.socket, tmp_path: Path) -> None:
    data = BINARY[:50_000]
    (tmp_path / "file").write_bytes(data)
    options = ("--local-address", "127.0.0.1", "--to", "localhost", _port(udp_peer), "-4", "--count", "0")
    with (tmp_path / "file").open("rb") as stdin, process("udp", *options, "--size", "1000", stdin=stdin) as it:
        received = [udp_peer.recv(2000) for _ in range(50)]
        assert it.result().status == 0
    assert {len(datagram) for datagram in received} == {1000}
    assert hashlib.sha256(b"".join(received)).digest() == hashlib.sha256(data).digest()


def test_nobody_receives_at_a_udp_port(udp_peer: socket.socket) -> None:
    port = _port(udp_peer)
    udp_peer.close()
    with process("udp", "127.0.0.1", port) as it:
        it.type(b"hello")
        assert it.process.wait() == 1
        assert b"the connection was refused" in it.error.read()


@on_each_loop
def test_multicast_to_two_programs_of_this_host(loop: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("239.192.7.7", 9))
        except OSError as error:
            pytest.skip(f"MULTICAST IS NOT PROVED HERE: this machine has no route for it: {error}")
        probe.close()
    port = str(40000 + random.randrange(20000))
    options = ("--share", "--lines", "--count", "1")
    with contextlib.ExitStack() as stack:
        receivers = [
            stack.enter_context(process("--loop", loop, "multicast", "239.192.7.7", port, *options)) for _ in range(2)
        ]
        for it in receivers:
            assert it.error.readline().startswith(b"joined 239.192.7.7, bound to 0.0.0.0 port ")
        with process("multicast", "239.192.7.7", port, "--lines", "--count", "0", "--ttl", "0") as sender:
            assert sender.result(b"hello, group\n") == (0, b"", "")
        for it in receivers:
            assert it.process.wait() == 0
            assert it.output.read() == b"hello, group\n"


def test_a_termination_is_no_success() -> None:
    with process("listen") as it:
        it.port()
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait() == -signal.SIGTERM
        assert it.error.read() == b""
