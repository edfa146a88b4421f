"""§6 Transform streams: https://streams.spec.whatwg.org/#ts

Rule 1: the classes convert, check and delegate; the algorithms are in `ops`, one function each.
Rule 2: across the border between classes and `ops`, modules are imported, never names.

- `stream`              §6.2 TransformStream
- `transformer`         §6.2.3 the transformer API
- `default_controller`  §6.3 TransformStreamDefaultController
- `ops.streams`               §6.4.1 working with transform streams
- `ops.default_controllers`   §6.4.2 default controllers
- `ops.default_sinks`         §6.4.3 default sinks
- `ops.default_sources`       §6.4.4 default sources

What holds between two microtasks: [[backpressure]] is false exactly while the readable side wants chunks,
or can not get any more; a write waits for [[backpressureChangePromise]] while it is true.
"""
