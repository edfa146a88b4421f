"""Web IDL: the interface definitions of the two standards, against the Python classes, by calling them.

    extract          texts of the standards -> streams.toml, direct_sockets.toml: what they define, no sentences
    dom.toml         what the packages have of DOM's and Web IDL's own interfaces; made by hand
    model            the definitions, and how Python spells them
    conversions      what Web IDL makes of a value, by its rules alone, whatever the packages do
    values           the values that are tried, for each type
    observers        how to see, from outside, what a method made of an argument
    surface          what can be seen without arguments: members, defaults, read-only attributes, receivers
    deviations.toml  what is deliberately different, with the reason
    check            all of it, interface by interface

Run `python -m conformance.idl --help`.
"""
