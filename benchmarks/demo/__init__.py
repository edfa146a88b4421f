"""The demo: what sockets do, on real ones of this machine."""
