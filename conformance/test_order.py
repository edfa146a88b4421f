"""Ordering programs: how they are made, run, compared and shown. Node is needed by some of these tests only."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from conformance.order import hosts
from conformance.order.__main__ import main, part_of
from conformance.order.compare import Departure, Difference, first_difference, load_departures
from conformance.order.generate import KINDS, Program, generate
from conformance.order.hosts import HostError, run_on_ours
from conformance.record import Row

pytestmark = pytest.mark.timeout(60)

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def program(*codes: str, kind: str = "default") -> Program:
    return Program(kind, 0, [[[(number, 0, code) for number, code in enumerate(codes)]]])


# Making ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_is_the_same_for_the_same_seed(kind: str) -> None:
    assert generate(1, 5, [kind]).as_json() == generate(1, 5, [kind]).as_json()
    assert generate(1, 5, [kind]).as_json() != generate(2, 5, [kind]).as_json()
    assert generate(1, 5, [kind]).kind == kind


def test_all_kinds_are_made() -> None:
    assert {generate(0, index).kind for index in range(300)} == set(KINDS)


def test_a_statement_is_left_out_with_its_empty_track() -> None:
    one = Program("default", 0, [[[(1, 0, "a"), (2, 1, "b")], [(3, 0, "c")]]])
    assert one.without(3).phases == [[[(1, 0, "a"), (2, 1, "b")]]]
    assert "s2: after 1 microtasks, b" in str(one)


# Running -----------------------------------------------------------------------------------------


def test_a_log_has_the_microtasks_and_the_callbacks_in_their_order() -> None:
    one = program(
        "v.rs = new ReadableStream({ start: kit.cb('rs', 'start', (c) => { v.c = c; }), pull: kit.cb('rs', 'pull') })",
        "v.rd = v.rs.getReader()",
        "v.rd.read()",
        "v.c.enqueue('a')",
    )
    (log,) = run_on_ours([one])
    assert not isinstance(log, HostError)
    assert log[0][:7] == [
        ["rs", "start()"],
        ["s0", "a ReadableStream"],
        ["s1", "a ReadableStreamDefaultReader"],
        ["s3", "undefined"],
        ["rs", "pull()"],
        ["s2", 'fulfilled {value: "a", done: false}'],
        ["tick", "1"],
    ]


def test_rejections_that_nobody_handled_are_told() -> None:
    left = program(
        "v.rs = new ReadableStream({ start(c) { v.c = c; } })",
        "v.rd = v.rs.getReader()",
        "leave: v.rd.read()",
        "v.c.error(kit.e('x'))",
    )
    watched = program(*(statement[2].removeprefix("leave: ") for statement in left.statements()))
    logs = run_on_ours([left, watched])
    assert [log[-1] for log in logs if not isinstance(log, HostError)] == [[["unhandled", "<x>"]], []]


def test_a_program_that_never_ends_is_its_own_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_TIME_LIMIT", 5)
    answers = 'while read line; do case "$line" in *forever*) exec sleep 60;; esac; echo "[]"; done'
    logs = hosts._run(["sh", "-c", answers], [program("1"), program("forever"), program("2")], {})
    assert [isinstance(log, HostError) for log in logs] == [False, True, False]
    assert str(logs[1]) == "sh still running after 5 s"


def test_a_program_that_ends_its_host_is_its_own_result() -> None:
    answers = 'while read line; do case "$line" in *fatal*) exit 3;; esac; echo "[]"; done'
    logs = hosts._run(["sh", "-c", answers], [program("fatal"), program("2")], {})
    assert [isinstance(log, HostError) for log in logs] == [True, False]
    assert str(logs[0]) == "sh ended with status 3: "


@needs_node
def test_both_sides_see_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "counts.json"
    status = main(["--count", "40", "--seed", "tests", "--json", str(written)])
    output = capsys.readouterr().out
    assert status == 0, output
    counts = json.loads(written.read_text())
    assert sum(sum(one.values()) for one in counts["kinds"].values()) == 40


@needs_node
def test_a_difference_is_made_small_and_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Ours tells its own name.
    told = "typeof process === 'undefined' ? 'ours' : 'node'"
    monkeypatch.setattr("conformance.order.__main__.generate", lambda seed, index, kinds: program("1", told, "2"))
    assert main(["--count", "1"]) == 1
    output = capsys.readouterr().out
    assert "differs: a default program, --seed 0 --only 0" in output
    assert "s1: typeof" in output
    assert "s0: 1" not in output
    assert 's1 "node"' in output
    assert 's1 "ours"' in output


def test_node_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert main([]) == 2
    assert "node was not found" in capsys.readouterr().err


@needs_node
def test_what_takes_too_long_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "5", "--seconds", "0"]) == 1
    assert "5 programs were not run within 0 s" in capsys.readouterr().err


def test_what_is_recorded_adds_up() -> None:
    part = part_of({"tee": Counter(equal=5, differs=1, known=2), "pipe": Counter(equal=3)}, "v20", "0")
    assert part.rows == (Row("pipe", 3, 0, 0, 3), Row("tee", 5, 1, 2, 8))


@needs_node
def test_a_part_of_the_programs_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "2", "--record"]) == 0
    assert "not recorded" in capsys.readouterr().err


# Comparing ---------------------------------------------------------------------------------------

A, B = ["a", "1"], ["b", "2"]


def test_logs_are_compared_event_by_event() -> None:
    assert first_difference(program(), [[A, B]], [[A, B]]) is None
    assert first_difference(program(), [[A], [A, B]], [[A], [B, A]]) == Difference(1, ["a 1", "b 2"], ["b 2", "a 1"])
    assert first_difference(program(), [[A, B]], [[A]]) == Difference(0, ["b 2"], [])
    assert first_difference(program(), [[A]], [[A], [B]]) == Difference(1, [], ["b 2"])


def test_pipes_are_compared_object_by_object() -> None:
    pipe = Program("pipe", 0, [], only_by_object=True)
    assert first_difference(pipe, [[A, B]], [[B, A]]) is None
    assert first_difference(pipe, [[A, B, ["a", "3"]]], [[A, B]]) == Difference(0, ["a 3"], [])
    assert first_difference(pipe, [[A, ["rs", "pull()"]]], [[A]]) is None, "how often is not determined"


def test_a_departure_needs_all_of_its_patterns() -> None:
    difference = Difference(0, ["a 1", "b 2"], ["b 2"])
    one = Departure("name", "reason", kinds=["tee"], program="close", node=r"\Aa", ours=r"\Ab")
    assert one.covers(program("v.c.close()", kind="tee"), [], difference)
    assert not one.covers(program("v.c.close()"), [], difference)
    assert not one.covers(program("v.c.error()", kind="tee"), [], difference)
    assert not one.covers(program("v.c.close()", kind="tee"), [], Difference(0, ["b 2"], ["b 2"]))


def test_every_departure_has_its_reason(tmp_path: Path) -> None:
    assert all(one.reason for one in load_departures())
    (tmp_path / "d.toml").write_text('[[departure]]\nname = "n"\nreason = ""\n')
    with pytest.raises(ValueError, match="'n' has no reason"):
        load_departures(tmp_path / "d.toml")
