"""The runner of web-platform-tests: what files may ask for, what may go wrong, and what is reported.

The files in `fake_wpt` are ours, and so is its small harness. Where WPT names a checkout, they run with the real
testharness.js, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from conformance.wpt import files
from conformance.wpt.__main__ import main
from conformance.wpt.files import BadCheckoutError, FileResult, Subtest
from conformance.wpt.meta import meta_of, path_of
from conformance.wpt.report import Expectation, Expectations, Report

pytestmark = pytest.mark.timeout(60)

FAKE = Path(__file__).parent / "fake_wpt"
GOOD = (
    "dom/abort/events.any.js",
    "dom/abort/signals.any.js",
    "streams/globals.any.js",
    "streams/messages.any.js",
    "streams/meta.any.js",
)


@pytest.fixture(params=["fake", "real"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files of `fake_wpt`, beside either harness."""
    root = tmp_path / "wpt"
    shutil.copytree(FAKE, root)
    if request.param == "real":
        checkout = os.environ.get("WPT")
        if not checkout:
            pytest.skip("WPT does not say where a checkout is")
        shutil.copytree(Path(checkout) / "resources", root / "resources", dirs_exist_ok=True)
    return root


def make_site(root: Path, **tests: str) -> Path:
    """A checkout with these files in `streams`."""
    shutil.copytree(FAKE / "resources", root / "resources")
    (root / "streams").mkdir()
    for name, source in tests.items():
        (root / "streams" / f"{name}.any.js").write_text(source)
    return root


def run_one(root: Path, name: str, *, seconds: float = 30) -> FileResult:
    checkout = files.find(root, name)
    assert len(checkout.files) == 1
    return files.run(checkout, checkout.files[0], seconds=seconds)


# What files ask for ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOOD)
def test_what_a_file_may_ask_for(site: Path, path: str) -> None:
    checkout = files.find(site, path)
    for test in checkout.files:
        result = files.run(checkout, test, seconds=30)
        assert result.error == ""
        assert [one for one in result.subtests if one.status != "PASS"] == []
        assert result.subtests


def test_each_variant_is_a_run_of_its_own() -> None:
    assert [test.name for test in files.find(FAKE, "meta").files] == [
        "streams/meta.any.js?1-2",
        "streams/meta.any.js?3-last",
    ]


def test_a_long_test_is_known() -> None:
    assert all(test.is_long for test in files.find(FAKE, "meta").files)
    assert not files.find(FAKE, "globals").files[0].is_long


def test_only_the_comments_at_the_start_are_read() -> None:
    meta = meta_of("// META: script=a.js\n// a remark\n// META: script=/b.js \nlet x;\n// META: script=c.js")
    assert meta.scripts == ["a.js", "/b.js"]


@pytest.mark.parametrize("made", ["resources/webidl2/lib/webidl2.js", "resources/webidl2.js"])
def test_the_parser_of_web_idl_is_found_where_it_is_kept(tmp_path: Path, made: str) -> None:
    (tmp_path / made).parent.mkdir(parents=True)
    (tmp_path / made).touch()
    assert path_of(tmp_path, tmp_path / "streams", "/resources/WebIDLParser.js") == tmp_path / made


def test_resources_may_be_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(FAKE / "streams", tmp_path / "streams")
    with pytest.raises(BadCheckoutError, match=r"resources/testharness\.js is missing.*--resources"):
        files.find(tmp_path)
    checkout = files.find(tmp_path, "meta", FAKE / "resources")
    assert files.run(checkout, checkout.files[0], seconds=30).error == ""


IDL_TEST = """
// META: script=/resources/WebIDLParser.js
// META: script=/resources/idlharness.js
idl_test(['streams', 'fake-dom'], [], (idl) => {
  const made = {};
  new ReadableStream({ type: 'bytes', async pull(c) {
    self.byteController = c;
    self.byobRequest = c.byobRequest;
  } }).getReader({ mode: 'byob' }).read(new Uint8Array(1));
  new ReadableStream({ start(c) { self.readableController = c; } });
  new WritableStream({ start(c) { self.writableController = c; } });
  new TransformStream({ start(c) { self.transformController = c; } });
  idl.add_objects({
    AbortController: ['new AbortController()'],
    AbortSignal: ['new AbortController().signal'],
    ByteLengthQueuingStrategy: ['new ByteLengthQueuingStrategy({ highWaterMark: 5 })'],
    CountQueuingStrategy: ['new CountQueuingStrategy({ highWaterMark: 5 })'],
    Event: ['new Event("type")'],
    EventTarget: ['new EventTarget()'],
    ReadableByteStreamController: ['self.byteController'],
    ReadableStream: ['new ReadableStream()'],
    ReadableStreamBYOBReader: ['new ReadableStream({ type: "bytes" }).getReader({ mode: "byob" })'],
    ReadableStreamBYOBRequest: ['self.byobRequest'],
    ReadableStreamDefaultController: ['self.readableController'],
    ReadableStreamDefaultReader: ['new ReadableStream().getReader()'],
    TransformStream: ['new TransformStream()'],
    TransformStreamDefaultController: ['self.transformController'],
    WritableStream: ['new WritableStream()'],
    WritableStreamDefaultController: ['self.writableController'],
    WritableStreamDefaultWriter: ['new WritableStream().getWriter()'],
  });
});
"""


def test_idlharness(tmp_path: Path) -> None:
    checkout, text = os.environ.get("WPT"), os.environ.get("STREAMS_TEXT")
    if not checkout or not text:
        pytest.skip("WPT does not say where idlharness.js is, or STREAMS_TEXT where the standard's text is")
    root = make_site(tmp_path, idl=IDL_TEST.lstrip())
    shutil.copytree(Path(checkout) / "resources", root / "resources", dirs_exist_ok=True)
    shutil.copytree(FAKE / "interfaces", root / "interfaces")
    blocks = re.findall(r'<xmp class="idl">(.*?)</xmp>', Path(text).read_text(), re.DOTALL)
    (root / "interfaces/streams.idl").write_text("\n".join(blocks))
    result = run_one(root, "idl")
    assert result.error == ""
    assert [one for one in result.subtests if one.status != "PASS"] == []
    assert len(result.subtests) > 250


# What may go wrong -------------------------------------------------------------------------------


def test_a_file_that_throws_while_loading(tmp_path: Path) -> None:
    root = make_site(tmp_path, bad="test(() => {}, 'one');\nthrow new Error('while loading');")
    result = run_one(root, "bad")
    assert "while loading" in result.error
    report = Report([result], Expectations(), {"streams/bad.any.js": 5})
    assert report.scores[result.file].failed == 4
    assert report.unexpected == [
        f"streams/bad.any.js: 4 subtests are missing: {result.error}",
    ]


def test_a_file_that_can_not_be_parsed(tmp_path: Path) -> None:
    result = run_one(make_site(tmp_path, bad="this is no program"), "bad")
    assert "SyntaxError" in result.error
    assert Report([result], Expectations(), {}).by_folder()["all"].failed == 1


def test_a_script_that_is_missing(tmp_path: Path) -> None:
    result = run_one(make_site(tmp_path, bad="// META: script=/common/none.js\ntest(() => {}, 'one');"), "bad")
    assert result.error.startswith("/common/none.js: ")
    assert "No such file" in result.error


def test_a_file_that_hangs(tmp_path: Path) -> None:
    result = run_one(make_site(tmp_path, bad="test(() => {}, 'one');\nfor (;;);"), "bad", seconds=1.5)
    assert result.error == "still running after 1.5 s"


def in_place_of_python(root: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Have a shell script stand for the process of a file."""
    script = root / "python"
    script.write_text("\n".join(["#!/bin/sh", 'echo \'{"subtest": {"name": "one", "status": "PASS"}}\'', *lines, ""]))
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))


def test_a_file_that_hangs_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_site(tmp_path / "wpt", bad="")
    in_place_of_python(tmp_path, monkeypatch, "exec sleep 60")
    result = run_one(root, "bad", seconds=5)
    assert result.error == "still running after 5 s"
    assert result.subtests == [Subtest("one", "PASS")]


def test_a_file_with_endless_microtasks(tmp_path: Path) -> None:
    source = "const again = () => queueMicrotask(again);\nagain();"
    assert run_one(make_site(tmp_path, bad=source), "bad", seconds=1.5).error == "still running after 1.5 s"


def test_a_file_that_stalls(tmp_path: Path) -> None:
    source = "promise_test(() => new Promise(() => {}), 'never');"
    result = run_one(make_site(tmp_path, bad=source), "bad")
    assert result.subtests == [Subtest("never", "NOTRUN")]
    report = Report([result], Expectations(), {})
    assert report.by_folder()["all"].not_run == 1
    assert report.unexpected


def test_a_file_that_recurses_without_end(tmp_path: Path) -> None:
    result = run_one(make_site(tmp_path, bad="const f = () => f();\nf();"), "bad")
    assert result.error


def test_a_crash_is_the_result_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_site(tmp_path / "wpt", bad="")
    in_place_of_python(tmp_path, monkeypatch, "kill -SEGV $$")
    result = run_one(root, "bad")
    assert result.error == "the process was killed by signal 11"
    assert [one.name for one in result.subtests] == ["one"]


def test_an_error_that_nobody_caught(tmp_path: Path) -> None:
    source = "setTimeout(() => { throw new Error('late'); }, 0);\npromise_test(() => new Promise(() => {}), 'p');"
    assert run_one(make_site(tmp_path, bad=source), "bad").error == "harness status 1: Error: late"


def test_the_rejection_of_a_promise_that_only_we_have(tmp_path: Path) -> None:
    """`closed` was never asked for, and is marked handled; this one is not."""
    source = "test(() => { new WritableStream({ start(c) { c.error(1); } }).getWriter(); }, 'marked');"
    assert run_one(make_site(tmp_path, good=source), "good").error == ""


def test_other_files_run_beside_bad_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stalls = "promise_test(() => new Promise(() => {}), 'never');"
    root = make_site(tmp_path, bad="throw new Error('bad');", good="test(() => {}, 'passes');", stalls=stalls)
    status = main(["--wpt", str(root), "--no-stub"])
    output = capsys.readouterr()
    assert status == 1
    assert "dom/abort" in output.err
    assert "unexpected: streams/bad.any.js: 1 subtests are missing: streams/bad.any.js: Error: bad" in output.out
    assert "unexpected: streams/stalls.any.js: never: NOTRUN" in output.out
    assert output.out.splitlines()[-1].split() == ["all", "1", "1", "1", "3", "-"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--wpt", "no/such/folder"], "no/such/folder: no such folder"),
        (["--wpt", str(FAKE), "--filter", "streams/none"], "no *.any.js with 'streams/none' in its path"),
        (["--wpt", str(FAKE), "--expectations", "none.toml"], "No such file"),
        (["--wpt", str(FAKE.parent)], "resources/testharness.js is missing"),
        (["--wpt", str(FAKE), "--resources", "none"], "none: no such folder"),
    ],
)
def test_nothing_can_be_run(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert why in output.err
    assert len(output.err.splitlines()) == 1


def test_a_checkout_without_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(FAKE / "resources", tmp_path / "resources")
    assert main(["--wpt", str(tmp_path)]) == 2
    assert "no *.any.js in streams or dom/abort" in capsys.readouterr().err
    shutil.copytree(FAKE / "dom", tmp_path / "dom")
    assert main(["--wpt", str(tmp_path), "--no-stub"]) == 1
    output = capsys.readouterr()
    assert "has no streams/" in output.err
    assert "dom/abort" in output.out


def test_the_engine_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["--wpt", str(FAKE)]) == 2
    assert "pip install quickjs-ng" in capsys.readouterr().err


# What is reported --------------------------------------------------------------------------------

MIXED = FileResult("streams/a.any.js", [Subtest("good", "PASS"), Subtest("bad", "FAIL", "why")])


def fails(subtest: str = "bad") -> Expectations:
    return Expectations(fails=[Expectation("streams/*", "a reason", subtest)])


@pytest.mark.parametrize(
    ("expectations", "unexpected"),
    [
        (Expectations(), ["streams/a.any.js: bad: FAIL why"]),
        (fails(), []),
        (Expectations(excluded=[Expectation("streams/a.any.js", "a reason", "b*")]), []),
        (fails("*"), ["streams/a.any.js: good: passes, though it is expected to fail"]),
        (
            fails("gone"),
            ["streams/a.any.js: bad: FAIL why", "streams/*: gone: expected to fail, but there is no such subtest"],
        ),
    ],
)
def test_what_is_unexpected(expectations: Expectations, unexpected: list[str]) -> None:
    assert Report([MIXED], expectations, {}).unexpected == unexpected


def test_more_subtests_than_the_denominator() -> None:
    report = Report([MIXED], fails(), {"streams/a.any.js": 1})
    assert report.unexpected == ["streams/a.any.js: 2 subtests, where the denominator is 1; update it"]


def test_a_file_that_is_excluded_is_not_run(tmp_path: Path) -> None:
    root = make_site(tmp_path, good="test(() => {}, 'one');", slow="throw 1;")
    (tmp_path / "e.toml").write_text('[[excluded]]\nfile = "streams/slow*"\nreason = "it never ends"\n')
    assert main(["--wpt", str(root), "--expectations", str(tmp_path / "e.toml"), "--no-stub"]) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[fails]]\nfile = "a"\n', "has no reason"),
        ('[[fails]]\nfile = "a"\nreason = " "\n', "has no reason"),
        ('[[flaky]]\nfile = "a"\nreason = "r"\n', "neither"),
        ('[[fails]]\nfile = "a"\nreason = "r"\nbug = 1\n', "has a file, a subtest and a reason"),
        ('[[fails]]\nreason = "r"\n', "has a file"),
    ],
)
def test_expectations_that_say_too_little(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(ValueError, match=why):
        Expectations.load(tmp_path / "e.toml")


def test_json_junit_and_the_stub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "test(() => {}, 'vacuous');\ntest(() => { new ReadableStream(); }, 'real');\ntest(() => x, '\\u0001');"
    root = make_site(tmp_path, mixed=source)
    json_file, junit_file = tmp_path / "out.json", tmp_path / "out.xml"
    assert main(["--wpt", str(root), "--json", str(json_file), "--junit", str(junit_file)]) == 1
    data = json.loads(json_file.read_text())
    assert data["folders"]["all"] == {"passed": 2, "failed": 1, "not_run": 0, "total": 3, "stub": 1}
    assert data["files"][0]["vacuous"] == ["vacuous"]
    assert [one["status"] for one in data["files"][0]["subtests"]] == ["PASS", "PASS", "FAIL"]
    suite = ET.parse(junit_file).getroot()[0]
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "1")
    assert [len(case) for case in suite] == [0, 0, 1]
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", "2", "1", "0", "3", "1"]


def test_denominators_are_noted(tmp_path: Path) -> None:
    root = make_site(tmp_path, good="test(() => {}, 'one');", bad="throw 1;")
    noted = tmp_path / "denominators.json"
    main(["--wpt", str(root), "--denominators", str(noted), "--update-denominators", "--no-stub"])
    assert json.loads(noted.read_text()) == {"streams/good.any.js": 1}
