"""§4 Readable streams: https://streams.spec.whatwg.org/#rs

Rule 1: the classes convert, check and delegate; the algorithms are in `ops`, one function each.
Rule 2: across the border between classes and `ops`, modules are imported, never names.

- `stream`              §4.2 ReadableStream
- `underlying_source`   §4.2.3 the underlying source API
- `async_iterator`      §4.2.5 asynchronous iteration
- `generic_reader`      §4.3 the ReadableStreamGenericReader mixin
- `default_reader`      §4.4 ReadableStreamDefaultReader
- `byob_reader`         §4.5 ReadableStreamBYOBReader
- `default_controller`  §4.6 ReadableStreamDefaultController
- `byte_controller`     §4.7 ReadableByteStreamController
- `byob_request`        §4.8 ReadableStreamBYOBRequest
- `records`             read requests, pull-into descriptors and queue entries of §4.4, §4.5 and §4.7
- `ops.streams`               §4.9.1 working with readable streams, and of that section
- `ops.pipe_to`               ReadableStreamPipeTo, and
- `ops.tee`                   the tee algorithms
- `ops.controller_interface`  §4.9.2 interfacing with controllers
- `ops.readers`               §4.9.3 readers
- `ops.default_controllers`   §4.9.4 default controllers
- `ops.byte_controllers`      §4.9.5 byte stream controllers, and of that section
- `ops.pull_into`             those that deal with pull-into descriptors
- `unread`              beyond the standard: what a cancelled task has read, and nobody saw

What holds between two microtasks: a stream that is closed or errored has no read requests; a stream with
read requests has an empty queue, unless its first one still waits for its minimum; the state only moves
on, from readable to closed or to errored.
"""
