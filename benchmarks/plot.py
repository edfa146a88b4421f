"""Draws what was recorded, and how cost grows, as pictures for the README."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter

from .all_rows import GROWTH, RESULTS, WHOLE
from .contenders import CACHE, run
from .measured import Results
from .rows_in_memory import ROWS as ROWS_IN_MEMORY
from .rows_of_sockets import ROWS as ROWS_OF_SOCKETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rows import Row

COUNTS = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
STREAMS = (1, 10, 100, 1_000, 10_000)
KINDS = ("read loop", "pipe_to", "three transforms", "tee", "coroutines", "BYOB, filled")
FAIR = 5.0  # milliseconds: what an unrelated task waits at most
ROUNDS = 3
MET, MISSED, NO_AIM = "#2e7d32", "#c62828", "#90a4ae"


def growth() -> dict[str, Any]:
    """Measure it: the median of some rounds for costs, the worst for turns."""
    command = [sys.executable, "-m", "benchmarks.programs.growth"]

    def cost(kind: str, count: int) -> float:
        rounds = 1 if count > 1_000_000 else ROUNDS
        return statistics.median(float(run([*command, kind, str(count)])["ns"]) for _ in range(rounds))

    def turns(kind: str) -> dict[str, float]:
        rounds = [run([*command, "turns", kind]) for _ in range(ROUNDS)]
        return {name: round(max(found[name] for found in rounds), 3) for name in ("median", "p99", "worst")}

    return {
        "chunks": {str(count): round(cost("chunks", count)) for count in COUNTS},
        "streams": {str(count): round(cost("streams", count)) for count in STREAMS},
        "turns": {kind: turns(kind) for kind in KINDS},
    }


def draw_ratios(title: str, rows: Sequence[Row], results: Results, axes: Any) -> None:
    bars = [
        (row, aim, ratio)
        for row in reversed(rows)
        for aim in reversed(row.aims)
        if (ratio := results.ratio(row, aim.peer, aim.of_row)) is not None
    ]
    for place, (_, aim, ratio) in enumerate(bars):
        axes.barh(place, ratio, color=MET if round(ratio, 2) >= aim.at_least else MISSED, height=0.7, left=0)
        axes.plot([aim.at_least] * 2, [place - 0.45, place + 0.45], color="black", linewidth=2)
        axes.text(ratio * 1.05, place, f"{ratio:.2f}", va="center", fontsize=7)
    axes.set_yticks(range(len(bars)))
    axes.set_yticklabels([f"{row.title.replace('`', '')} / {aim.peer}" for row, aim, _ in bars], fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color=NO_AIM, linewidth=0.8)
    axes.margins(x=0.15, y=0.01)
    axes.set_title(title, fontsize=9)


def draw_table(results: Results) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(13, 7.5), layout="constrained")
    draw_ratios("in memory", ROWS_IN_MEMORY, results, axes[0])
    draw_ratios("sockets on loopback", ROWS_OF_SOCKETS, results, axes[1])
    figure.suptitle("times the rate of a peer; the black line is the aim", fontsize=10)
    save(figure, "ratios")


def draw_growth(found: dict[str, Any]) -> None:
    figure, (chunks, streams, turns) = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    for axes, name, title in (
        (chunks, "chunks", "chunks through one pipe"),
        (streams, "streams", "pipes at once, 100 chunks through each"),
    ):
        counts, costs = zip(*((int(count), cost) for count, cost in found[name].items()), strict=True)
        axes.plot(counts, costs, marker="o", color=MET)
        axes.set_xscale("log")
        axes.set_ylim(0, 1.3 * max(costs))
        axes.set_ylabel("ns a chunk", fontsize=8)
        axes.set_title(title, fontsize=9)
    for place, (_kind, values) in enumerate(found["turns"].items()):
        turns.barh(place, values["worst"], color=MET if values["worst"] <= FAIR else MISSED, height=0.6)
        turns.plot([values["median"]], [place], marker="|", color="black")
        turns.text(values["worst"] * 1.05, place, f"{values['worst']:.2f}", va="center", fontsize=7)
    turns.axvline(FAIR, color="black", linewidth=2)
    turns.set_yticks(range(len(found["turns"])))
    turns.set_yticklabels(list(found["turns"]), fontsize=8)
    turns.set_title("ms an unrelated task waits at most; bound 5", fontsize=9)
    save(figure, "growth")


def save(figure: Any, name: str) -> None:
    figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    figure.savefig(CACHE / f"{name}.png", dpi=110)
    print(f"benchmarks/results/{name}.svg, and {CACHE.name}/{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.plot", description=__doc__)
    parser.add_argument("--draw-only", action="store_true", help="how cost grows as recorded, not measured again")
    arguments = parser.parse_args()
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same picture from the same numbers
    if not arguments.draw_only:
        GROWTH.parent.mkdir(exist_ok=True)
        GROWTH.write_text(json.dumps(growth(), indent=1) + "\n")
    draw_growth(json.loads(GROWTH.read_text()))
    if WHOLE.exists():
        draw_table(Results.read(WHOLE))


if __name__ == "__main__":
    main()
