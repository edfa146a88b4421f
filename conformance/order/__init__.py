"""Random ordering programs, on node's own streams and on ours: the logs have to be equal.

    python -m conformance.order [--seed …] [--count …]

- `generate`: the programs, by their seed and number.
- `kit.js`: what a program is run with, on both sides; it writes the log.
- `node.js`, `ours.py` with `ours.js`: the two sides. `text_like.js` mends node where it departs from the text at
  every turn, `node_like.js` has ours make the same detours.
- `hosts`: a batch of programs in one process.
- `compare`, `departures.toml`: what logs have to have in common, and where node is known to depart from the text.
"""
