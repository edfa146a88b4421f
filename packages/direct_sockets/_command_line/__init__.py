"""The command line: `python -m direct_sockets connect`, `listen`, `udp` and `multicast`.

Standard input is a ReadableStream, standard output a WritableStream, and what a command does is pipe the one into
a socket and the socket into the other, so that whoever is slower slows the other down.

    arguments         what may be said on the command line
    main              the event loop, the policy, and the exit status that errors become
    connections       the commands connect and listen
    datagrams         the commands udp and multicast
    framing           where in a stream of bytes datagrams begin and end
    standard_streams  standard input and output as streams
    worker            the thread that makes calls which block
    console           standard error: messages, and the progress

Rule 1: only what users of the two packages have is used: their public names.
Rule 2: standard output is for what was received; everything else goes to standard error, one line a message.
"""

from .main import main as main
