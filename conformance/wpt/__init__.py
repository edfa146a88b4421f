"""The official web-platform-tests, unmodified, against our classes, in a JavaScript engine inside of Python.

    python -m conformance.wpt --wpt path/to/web-platform-tests

- `__main__` and `report`: which files, expectations, denominators, results.
- `process`: one file, in a process of its own.
- `engine`: the engine, its job queue, the virtual clock, the border.
- `values`, `buffers`: JavaScript's values as our packages see them, and ours as JavaScript sees them.
- `bindings`: which of our classes and methods are behind which interfaces and members.
- `shim/`: the JavaScript side. It does what Web IDL bindings do, and knows nothing of streams.
"""
