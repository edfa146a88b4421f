"""§8.2 Transferable streams: https://streams.spec.whatwg.org/#transferrable-streams

Of the supporting operations these have a room of their own, above the three kinds of streams: they are made
of readable and writable streams, and the transfer steps of any kind need those of the others.

- `cross_realm_transforms`  §8.2: an identity transform with its two sides in two realms
- `transfer_steps`          §4.2.6, §5.2.5, §6.2.5: what is done when a stream is transferred

Realms are event loops here, of one thread or of two: see `_platform.realms`, and `_platform.message_ports`
for what the two sides speak through.
"""

from . import transfer_steps as transfer_steps
