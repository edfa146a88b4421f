"""Plain blocking sockets, the limit of the machine: `python -m benchmarks.programs.blocking ROW COUNT`."""

from __future__ import annotations

import socket
import sys

from .other_end import HOST, other_end, port_of
from .stopwatch import stopwatch

KIB = 2**10
MIB = 2**20
PING = bytes(64)


def download(count: int, size: int) -> None:
    buffer = bytearray(size)
    with other_end("source", count) as peer, socket.create_connection((HOST, port_of(peer))) as sock:
        with stopwatch(count, peer):
            received = 0
            while size := sock.recv_into(buffer):
                received += size
        assert received == count


def upload(count: int, size: int) -> None:
    chunk = bytes(size)
    count = count // size * size
    with other_end("sink") as peer, socket.create_connection((HOST, port_of(peer))) as sock, stopwatch(count, peer):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count // size):
            sock.sendall(chunk)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)


def ping_pong(count: int) -> None:
    buffer = bytearray(len(PING))
    with other_end("echo") as peer, socket.create_connection((HOST, port_of(peer))) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with stopwatch(count, peer):
            for _ in range(count):
                sock.sendall(PING)
                sock.recv_into(buffer)


def connect(count: int) -> None:
    with other_end("echo") as peer:
        port = port_of(peer)
        with stopwatch(count, peer):
            for _ in range(count):
                with socket.create_connection((HOST, port)):
                    pass


def receive_datagrams(count: int, size: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        sock.bind((HOST, 0))
        with other_end("flood", sock.getsockname()[1], size) as peer:
            sock.recvfrom(64 * KIB)
            with stopwatch(count, peer):
                for _ in range(count):
                    sock.recvfrom(64 * KIB)


def send_datagrams(count: int) -> None:
    with other_end("datagrams") as peer, socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, port_of(peer)))
        with stopwatch(count, peer):
            for _ in range(count):
                sock.send(PING)


ROWS = {
    "download_64k": lambda count: download(count, 64 * KIB),
    "download_1m": lambda count: download(count, MIB),
    "upload_64k": lambda count: upload(count, 64 * KIB),
    "upload_1m": lambda count: upload(count, MIB),
    "ping_pong_1": ping_pong,
    "connect": connect,
    "receive_64": lambda count: receive_datagrams(count, 64),
    "receive_1200": lambda count: receive_datagrams(count, 1200),
    "send": send_datagrams,
}

if __name__ == "__main__":
    ROWS[sys.argv[1]](int(sys.argv[2]))
