"""Sends so many bytes to whoever connects, one after the other; it prints its port, and is ended from outside."""

from __future__ import annotations

import socket
import sys


def main() -> None:
    size = int(sys.argv[1])
    data = memoryview(bytes(2**20))
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                left = size
                while left:
                    left -= connection.send(data[:left])
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)


if __name__ == "__main__":
    main()
