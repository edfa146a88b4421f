"""§5 Writable streams: https://streams.spec.whatwg.org/#ws

Rule 1: the classes convert, check and delegate; the algorithms are in `ops`, one function each.
Rule 2: across the border between classes and `ops`, modules are imported, never names.

- `stream`              §5.2 WritableStream
- `underlying_sink`     §5.2.3 the underlying sink API
- `default_writer`      §5.3 WritableStreamDefaultWriter
- `default_controller`  §5.4 WritableStreamDefaultController
- `ops.streams`               §5.5.1 working with writable streams
- `ops.controller_interface`  §5.5.2 interfacing with controllers
- `ops.writers`               §5.5.3 writers
- `ops.default_controllers`   §5.5.4 default controllers

What holds between two microtasks: [[closeRequest]] and [[inFlightCloseRequest]] are not both there; of
[[queue]] and [[writeRequests]], the entry in flight is still in the first and no longer in the second;
the state only moves on: writable, erroring, errored, or closed from either of the first two.
"""
