"""The other ends, in processes of their own, of plain sockets: nothing of what is shown is in them.

    python peers.py tcp-echo
    python peers.py tcp-clients PORT COUNT SIZE
    python peers.py udp-echo
    python peers.py udp-clients PORT COUNT BURSTS BURST SIZE
    python peers.py multicast-echo GROUP PORT

A server prints its port and ends with its standard input; clients print what they have seen, as JSON.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import random
import select
import socket
import struct
import sys
import threading
import time
from typing import Any

TIME_LIMIT = 30
#: How long a connection has to take nothing for the other side to be holding it back, in seconds.
HELD = 0.2


def tcp_echo() -> None:
    """It takes its time before it reads at first, and then little at a time: so that it holds the other side back."""

    def echo(connection: socket.socket) -> None:
        with connection:
            time.sleep(HELD / 4)
            while data := connection.recv(65536):
                connection.sendall(data)

    def serve() -> None:
        while True:
            threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        print(server.getsockname()[1], flush=True)
        threading.Thread(target=serve, daemon=True).start()
        sys.stdin.read()


def tcp_clients(port: int, count: int, size: int) -> None:
    """All at once, each with other bytes; first they do not read what is sent back, until they are held."""
    results: list[dict[str, Any]] = []

    def run(seed: int) -> None:
        results.append(tcp_client(port, random.Random(seed).randbytes(size)))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(results))


def tcp_client(port: int, data: bytes) -> dict[str, Any]:
    received = hashlib.blake2b()
    with socket.create_connection(("127.0.0.1", port), TIME_LIMIT) as connection:
        name = connection.getsockname()[1]
        connection.setblocking(False)
        unsent = memoryview(data)
        while unsent and select.select([], [connection], [], HELD)[1]:
            unsent = unsent[connection.send(unsent) :]
        held_after = len(data) - len(unsent)
        finished = False
        while True:
            readable, writable, _ = select.select([connection], [connection] if not finished else [], [], TIME_LIMIT)
            if writable:
                unsent = unsent[connection.send(unsent) :]
                if not unsent:
                    connection.shutdown(socket.SHUT_WR)
                    finished = True
            if readable:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                received.update(chunk)
    return {
        "port": name,
        "sent": hashlib.blake2b(data).hexdigest(),
        "received": received.hexdigest(),
        "held_after": held_after,
    }


def udp_echo() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**21)
        sock.bind(("127.0.0.1", 0))
        print(sock.getsockname()[1], flush=True)
        send_back(sock)


def multicast_echo(group: str, port: int) -> None:
    address = ipaddress.ip_address(group)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", port))
        if address.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, address.packed + bytes(4))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, address.packed + struct.pack("@I", 0))
        print(port, flush=True)
        send_back(sock)


def send_back(sock: socket.socket) -> None:
    while True:
        readable, _, _ = select.select([sock, sys.stdin], [], [])
        if sock in readable:
            data, address = sock.recvfrom(65536)
            sock.sendto(data, address)
        elif sys.stdin in readable:
            return


def udp_clients(port: int, count: int, bursts: int, burst: int, size: int) -> None:
    """Each sends bursts of datagrams, and then waits for as many answers."""
    results: list[dict[str, Any]] = []

    def run(seed: int) -> None:
        sent, received = hashlib.blake2b(), hashlib.blake2b()
        source = random.Random(seed)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(TIME_LIMIT)
            sock.connect(("127.0.0.1", port))
            for _ in range(bursts):
                for _ in range(burst):
                    data = source.randbytes(size)
                    sent.update(data)
                    sock.send(data)
                for _ in range(burst):
                    received.update(sock.recv(65536))
            name = sock.getsockname()[1]
        results.append({"port": name, "sent": sent.hexdigest(), "received": received.hexdigest()})

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(results))


PROGRAMS: dict[str, Any] = {
    "tcp-echo": tcp_echo,
    "tcp-clients": tcp_clients,
    "udp-echo": udp_echo,
    "udp-clients": udp_clients,
    "multicast-echo": multicast_echo,
}

if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    PROGRAMS[name](*(int(argument) if argument.isdecimal() else argument for argument in rest))
