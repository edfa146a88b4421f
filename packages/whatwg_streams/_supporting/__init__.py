"""§8 Supporting abstract operations: https://streams.spec.whatwg.org/#other-stuff

Rule: what more than one kind of stream needs, and none of them owns.

- `queue_with_sizes`  §8.1
- `miscellaneous`     §8.3
- `algorithms`        those of a pair of streams, in one object

§8.2 is made of streams, and has a room of its own above them: `_transferable`.
"""
