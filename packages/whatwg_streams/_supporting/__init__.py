"""§8 Supporting abstract operations: https://streams.spec.whatwg.org/#other-stuff

Rule: what more than one kind of stream needs, and none of them owns.

- `queue_with_sizes`  §8.1
- `transferable`      §8.2, not there yet: streams do not cross realms here
- `miscellaneous`     §8.3
"""
