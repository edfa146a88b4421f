"""The spec index: what the two standards define, where each of it is implemented, and whether all steps are there.

    extract       texts of the standards -> streams.toml, direct_sockets.toml: names, anchors, step numbers
    mapping.toml  where the implementation is, when its name does not say so
    deviations.toml  what is deliberately different, with the reason
    check         all of it against the sources in packages/

Run `python -m conformance.spec --help`.
"""
