"""What the Streams Standard borrows from its neighbours: ECMAScript, Web IDL, DOM and HTML.

Rule 1: one module per borrowed subject, and nothing in here knows what a stream is.
Rule 2: only `event_loop`, and `realms` from other threads, speak to asyncio's scheduler; only `buffers`
looks inside memory.

- `event_loop`        microtasks, tasks, timers
- `starts`            microtasks of many streams that are made one after the other
- `promises`          ECMAScript promises and the Web IDL verbs for them
- `until_settled`     waiting for a promise, however it ends
- `webidl`            conversions of arguments, dictionaries and callbacks
- `dom_exception`     DOMException and its named kinds, RangeError
- `event_target`      listeners for events
- `abort`             AbortController and AbortSignal
- `buffers`           ArrayBuffer and its views: transfer, detach, copy, clone
- `structured_clone`  StructuredSerialize and StructuredDeserialize, with transfer
- `realms`            event loops, as the objects of one see those of another
- `message_ports`     MessageChannel and MessagePort
- `host`              the seams through which a foreign engine can drive all of this

Three invariants, kept throughout the chapters that build on this one:

1. Change the slots first, settle promises last.
2. Take an entry out of its queue before running a callback that may re-enter.
3. Read the state anew after anything that may have run a user's code.
"""
