"""The packages are what the spec index says; and the index's own tools see what is wrong.

The texts of the standards are not in this repository. Where STREAMS_TEXT or DIRECT_SOCKETS_TEXT name them, the
data files are compared with them, too.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.spec import bikeshed, extract, lookup, report, respec
from conformance.spec.__main__ import main
from conformance.spec.check import check_all
from conformance.spec.model import HERE, ROOT, STANDARDS, Entry, Index, Section, SpecError, dump, load, snake_case
from conformance.spec.source import step_comment

# The packages ------------------------------------------------------------------------------------


def test_the_packages_are_what_the_index_says() -> None:
    _, findings = check_all()
    assert "\n".join(map(str, findings)) == ""


@pytest.mark.parametrize("standard", STANDARDS)
def test_every_step_is_transcribed_or_accounted_for(standard: str) -> None:
    checks, _ = check_all()
    check = next(one for one in checks if one.index.standard == standard)
    rows = report.rows(check)
    assert sum(row.steps for row in rows) == sum(row.transcribed + row.steps_left_out for row in rows)


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_data_file_is_what_the_text_says(standard: str) -> None:
    variable = extract.VARIABLES[standard]
    if not os.environ.get(variable):
        pytest.skip(f"{variable} does not say where the text is")
    text = Path(os.environ[variable])
    assert extract.difference(HERE / f"{standard}.toml", text, extract.extract(standard, text)) == ""


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_data_file_is_written_as_it_was_read(standard: str) -> None:
    assert dump(load(standard)) == (HERE / f"{standard}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_data_file_has_no_sentences(standard: str) -> None:
    index = load(standard)
    words = [*(entry.name for entry in index.entries), *(member for one in index.entries for member in one.members)]
    assert max(len(one.split()) for one in words) <= 12
    assert not [one for one in words if one.endswith(".")]


# Extraction --------------------------------------------------------------------------------------

STREAMS = r"""
Text Macro: LATESTRD 2030-01
<h2 id="intro">First</h2>
<h2 id="acks" class="no-num">Uncounted</h2>
<h2 id="things">Things</h2>
<h3 id="thing-class">The {{Thing}} class</h3>
<xmp class="idl">
interface Thing {
  constructor(optional object o = {});
  readonly attribute any plain;
  undefined getIt();
};
dictionary Options { boolean quick = false; };
</xmp>
<table dfn-for="Thing">
 <tr><td><dfn>\[[hiddenState]]</dfn>
</table>
<div algorithm>
 The <dfn id="thing-get" method for="Thing">getIt(|a|)</dfn> method steps are:

 1. One.
    <p class="note">A note, with
    * a bullet in it.
 1. Two:
  1. Two one.
   : [=read request/chunk steps=], given |chunk|
   ::
    1. Deep.
  1. Return:
   - If |p| was fulfilled with value |v|:
    1. Reaction.
   - If |p| was rejected with reason |r|, done.
 1. In any order:
  * <strong>Errors must be propagated forward:</strong> if so,
   1. Named.
</div>
<div algorithm>
 <dfn abstract-op lt="DoTheThing">DoTheThing(|x|)</dfn> performs:

 1. Return.
</div>
<p algorithm>To <dfn export for="Thing" lt="do|doing">do</dfn> a thing, do it.

"""

SOCKETS = """Draft Community Group Report 1 May 2030
Table of Contents
1. Plug interface
1.1 close() method
1.2 opened attribute
2. IDL Index
1. Plug interface
WebIDL
interface Plug {
  readonly attribute Promise<any> opened;
  Promise<undefined> close();
};
Internal slot\tInitial value
[[openedPromise]]\tnew Promise
1.1 close() method
The close() method steps are:
First.
Second:
Inner.
Note
Not a step.
Third.
To handle closing the plug perform the following steps:
Only.
1.2 opened attribute
When called, returns the this.[[openedPromise]].
2. IDL Index
interface Plug {};
A. References
"""


def test_extracts_from_bikeshed() -> None:
    index = bikeshed.extract(STREAMS, {"bullets": {"errors-must-be-propagated-forward": "errors-forward"}})
    entries = {entry.name: entry for entry in index.entries}
    assert index.edition == "2030-01"
    assert list(entries) == [
        "Thing",
        "Thing constructor",
        "Thing.plain",
        "Options",
        "Thing.getIt()",
        "DoTheThing",
        "Thing do",
    ]
    assert entries["Thing"].slots == ("hiddenState",)
    assert entries["Options"].members == ("quick",)
    assert entries["Thing.getIt()"] == Entry(
        name="Thing.getIt()",
        kind="method",
        section="2.1",
        anchor="thing-get",
        of="Thing",
        term="getIt",
        steps=(
            *("1", "2", "2.1", "2.1.chunk.1", "2.2", "2.2.fulfilled.1", "2.2.rejected", "3"),
            "3.errors-forward.1",
        ),
    )
    assert entries["Thing.getIt()"].groups == {"2.1.chunk", "2.2.fulfilled", "3.errors-forward"}
    assert entries["DoTheThing"].anchor == "abstract-opdef-dothething"
    assert entries["Thing do"].anchor == "thing-do"


def test_extracts_from_respec() -> None:
    nesting = {"Plug.close()": "11 2 1", "handle closing the plug": "1"}
    index = respec.extract(SOCKETS, {"nesting": nesting})
    entries = {entry.name: entry for entry in index.entries}
    assert list(entries) == ["Plug", "Plug.close()", "handle closing the plug", "Plug.opened"]
    assert entries["Plug"].slots == ("openedPromise",)
    assert entries["Plug.close()"].steps == ("1", "2", "2.1", "3")
    assert entries["Plug.close()"].section == "1.1"
    assert entries["handle closing the plug"].anchor == "dfn-handle-closing-the-plug"


@pytest.mark.parametrize("nesting", ["11", "1 3 11", "11 2 1 1"])
def test_nesting_that_does_not_fit_the_text_is_an_error(nesting: str) -> None:
    with pytest.raises(SpecError, match=r"Plug\.close"):
        respec.extract(SOCKETS, {"nesting": {"Plug.close()": nesting, "handle closing the plug": "1"}})


@pytest.mark.parametrize("extractor", [bikeshed.extract, respec.extract])
def test_another_text_is_an_error(extractor: object) -> None:
    assert callable(extractor)
    with pytest.raises(SpecError, match="is this"):
        extractor("Not a standard.\n", {"bullets": {}, "nesting": {}})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ReadableStreamBYOBReaderRead", "readable_stream_byob_reader_read"),
        ("strategyHWM", "strategy_hwm"),
        ("CloneAsUint8Array", "clone_as_uint8_array"),
        ("read-into request", "read_into_request"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


@pytest.mark.parametrize(
    ("text", "label", "last"),
    [
        ("3. Do.", "3", ""),
        ("3.2.chunk.1. Do.", "3.2.chunk.1", ""),
        ("15.shutdown-with-an-action.3.1. Wait.", "15.shutdown-with-an-action.3.1", ""),
        (".2.1. Of a helper.", ".2.1", ""),
        ("4. to 7. All of it.", "4", "7"),
        ("7.1.", "7.1", ""),
    ],
)
def test_step_comments(text: str, label: str, last: str) -> None:
    comment = step_comment(1, text)
    assert comment is not None
    assert (comment.label, comment.last) == (label, last)


@pytest.mark.parametrize("text", ["(3. Not this.)", "3 of them.", "15. A heading -----", "2.5 seconds. No."])
def test_what_is_no_step_comment(text: str) -> None:
    assert step_comment(1, text) is None


# The check, on a small standard --------------------------------------------------------------------

GOOD = '''"""§1 The Thing class: https://streams.spec.whatwg.org/#thing-class"""

class Thing:
    """https://streams.spec.whatwg.org/#thing-class"""

    __slots__ = ("_state",)

    def get_it(self, x):
        """https://streams.spec.whatwg.org/#thing-get"""
        # 1. Let there be
        # 2. two steps.
        if x:
            # 2.1. This one is inside.
            return _rest(x)

        # 3. A function:
        def inner():
            # 3.1. Its step.
            return x
            # 3.2. Nothing to do.

        # 4. to 6. Whatever.
        return inner


def _rest(x):
    # 2.2. And this elsewhere.
    return x


def do_the_thing(
    x,
    # 2. By default.
    y=None,
):
    """https://streams.spec.whatwg.org/#do"""
    # 1. Run: 1.1. to 1.2. are those of `helper`.
    return helper(x)


def helper(x):
    # .1. This,
    # .2. and that.
    return x
'''


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    entries = [
        Entry("Thing", "interface", "1", "thing", slots=("state",)),
        Entry(
            "Thing.getIt()",
            "method",
            "1",
            "thing-get",
            "Thing",
            "getIt",
            ("1", "2", "2.1", "2.2", "3", "3.1", "3.2", "4", "5", "5.1", "6", "6.1"),
        ),
        Entry("DoTheThing", "abstract operation", "1", "do", steps=("1", "1.1", "1.2", "2")),
        Entry("Later", "abstract operation", "2", "later", steps=("1",)),
    ]
    sections = [Section("1", "The Thing class", "thing-class"), Section("2", "Later", "later-section")]
    (tmp_path / "streams.toml").write_text(dump(Index("streams", "2030", entries, sections)), encoding="utf-8")
    (tmp_path / "mapping.toml").write_text("", encoding="utf-8")
    (tmp_path / "deviations.toml").write_text(
        '[[streams]]\nwhat = "absent"\nsection = "2"\nreason = "it is early"\n', encoding="utf-8"
    )
    return tmp_path


def problems(spec: Path, source: str) -> list[str]:
    module = spec / "packages" / "whatwg_streams" / "thing.py"
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(source, encoding="utf-8")
    _, findings = check_all(["streams"], spec, spec / "packages")
    return [f"{finding.entry}: {finding.problem}" for finding in findings]


def test_a_good_transcription_has_no_findings(spec: Path) -> None:
    assert problems(spec, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("# 2. two steps.", "# two steps.", "Thing.getIt(): no comment for step 2"),
        ("# 2.2. And", "# 2.3. And", "Thing.getIt(): there is no step 2.3 in the text"),
        ("# 3.1. Its", "# 2.1. Its", "Thing.getIt(): step 2.1 is also at packages/whatwg_streams/thing.py:13"),
        ("# 1. Let there be\n        # 2.", "# 2. Let\n        # 1.", "Thing.getIt(): step 1 comes after step 2"),
        ("# 4. to 6. What", "# 4. What", "Thing.getIt(): no comment for steps 5, 5.1, 6, 6.1"),
        ("# 3.2. Nothing", "# 3.2 Nothing", "Thing.getIt(): no comment for step 3.2"),
        ("#thing-get", "#thing-gets", "Thing.getIt(): the docstring does not name #thing-get, but #thing-gets"),
        ("#thing-get", "#thing-gets", "link: there is no #thing-gets in the text"),
        ("§1 The", "§2 The", "link: #thing-class is §1, not §2"),
        ('("_state",)', '("_stat",)', "Thing: has no slot _state for [[state]]"),
        ("def get_it", "def getit", "Thing.getIt(): is not implemented, or mapping.toml does not say where"),
        ("# .2. and", "# and", "DoTheThing: helper has no step .2"),
        ("# 2. By", "# By", "DoTheThing: no comment for step 2"),
        ("return _rest(x)", "return x", "_rest: step comments (2.2…) of no algorithm that the index knows"),
        (
            "# 3.1. Its step.",
            "# 3.2. Its step.\n            # 3.1. Not",
            "Thing.getIt(): step 3.1 comes after step 3.2",
        ),
        ("# 3. A function:", "# 3.1. A", "Thing.getIt(): step 3.1 is also at packages/whatwg_streams/thing.py:16"),
        ("# 1. Let there be\n        # 2. two", "# two", "Thing.getIt(): no comment for steps 1, 2"),
        ("# 3.2. Nothing", "# 5. Nothing", "Thing.getIt(): no comment for steps 3.2, 4, 5.1, 6, 6.1"),
        ("# 2.1. This one is inside.\n", "\n", "Thing.getIt(): no comment for step 2.1"),
        ("# 3.1. Its step.", "# 6.1. Its step.", "Thing.getIt(): step 3.2 comes after step 6.1"),
        ("def do_the_thing", "def later(): ...\ndef do_the_thing", "deviations.toml: no longer 'absent': it is early"),
    ],
)
def test_what_is_wrong_is_found(spec: Path, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    if problem.startswith("deviations.toml"):
        problem = problem.replace("deviations.toml", "Later")
    assert problem in problems(spec, GOOD.replace(old, new))


def test_deviations_excuse(spec: Path) -> None:
    with (spec / "deviations.toml").open("a", encoding="utf-8") as file:
        file.write('[[streams]]\nwhat = "absent"\nentry = "Thing.getIt()"\nsteps = ["2"]\nreason = "none"\n')
    assert problems(spec, GOOD.replace("# 2. two", "# two")) == []
    assert problems(spec, GOOD) == ["Thing.getIt(): no longer 'absent': none"]


@pytest.mark.parametrize(
    "text",
    [
        '[[streams]]\nwhat = "odd"\nentry = "Thing"\nreason = "none"\n',
        '[[streams]]\nwhat = "absent"\nentry = "Thing"\n',
        '[[streams]]\nwhat = "absent"\nentry = "Nothing"\nreason = "none"\n',
        "[[streams]\n",
    ],
)
def test_bad_deviations_are_an_error(spec: Path, text: str) -> None:
    (spec / "deviations.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"deviations\.toml"):
        problems(spec, GOOD)


# Looking up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Thing.getIt()", "    def get_it(self, x):"),
        ("Thing getIt step 3.1", "            # 3.1. Its step."),
        ("thing.get_it, step 2.2", "    # 2.2. And this elsewhere."),
        ("#thing-get step 5.1", "        # 4. to 6. Whatever."),
        ("Thing.[[state]]", '    __slots__ = ("_state",)'),
        ("DoTheThing step 1.2", "    # .2. and that."),
        ("do_the_thing step 2", "    # 2. By default."),
    ],
)
def test_where(spec: Path, question: str, line: str) -> None:
    assert problems(spec, GOOD) == []
    checks, _ = check_all(["streams"], spec, spec / "packages")
    assert [GOOD.splitlines()[one.line - 1] for one in lookup.where(checks, question)] == [line]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Thing.getIt() step 9", "has no step 9"),
        ("Later step 1", "absent: it is early"),
        ("Thin.getIt", r"no standard defines 'Thin.getIt'; is it one of: Thing\.getIt\(\)"),
        ("", "ask for"),
    ],
)
def test_where_there_is_nothing(spec: Path, question: str, answer: str) -> None:
    assert problems(spec, GOOD) == []
    checks, _ = check_all(["streams"], spec, spec / "packages")
    with pytest.raises(SpecError, match=answer):
        lookup.where(checks, question)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("    def get_it(self, x):", ("Thing.getIt()", ())),
        ("        if x:", ("Thing.getIt()", ("1", "2"))),
        ("            return _rest(x)", ("Thing.getIt()", ("2.1",))),
        ("        def inner():", ("Thing.getIt()", ("3",))),
        ("            # 3.2. Nothing to do.", ("Thing.getIt()", ("3.2",))),
        ("    # 2.2. And this elsewhere.", ("Thing.getIt()", ("2.2",))),
        ("        return inner", ("Thing.getIt()", ("4", "5", "5.1", "6"))),
        ("    return helper(x)", ("DoTheThing", ("1",))),
        ("    # .1. This,", ("DoTheThing", ("1.1",))),
        ('    __slots__ = ("_state",)', ("Thing", ())),
    ],
)
def test_what(spec: Path, line: str, answer: tuple[str, tuple[str, ...]]) -> None:
    assert problems(spec, GOOD) == []
    checks, _ = check_all(["streams"], spec, spec / "packages")
    number = GOOD.splitlines().index(line) + 1
    places = lookup.what(checks, spec / "packages" / "whatwg_streams" / "thing.py", number)
    assert [(place.entry.name, place.steps) for place in places] == [answer]


# The command line ----------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_where_and_what_are_each_others_reverse_for_all_steps() -> None:
    checks, _ = check_all()
    lost = []
    for check in checks:
        for transcription in check.transcriptions.values():
            name = transcription.entry.name
            for step, places in transcription.places.items():
                for path, line in places:
                    found = lookup.what(checks, path, line)
                    if not any(one.entry.name == name and step in one.steps for one in found):
                        lost.append(f"{path}:{line}: {name} step {step}")
    assert lost == []


def test_where_and_what_are_each_others_reverse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", "TCPSocket constructor step 5.2"]) == 0
    place, _, found = capsys.readouterr().out.partition(": ")
    file, _, line = place.partition(":")
    assert "5.2" in (ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert main(["what", f"{ROOT / file}:{line}"]) == 0
    assert capsys.readouterr().out == found


def test_the_report_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--chapters"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| **Streams**") for line in lines)
    assert any(line.startswith("| §1 TCPSocket interface |") for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ["where", "no such thing"],
        ["what", "packages/nothing.py:1"],
        ["what", "nowhere"],
        ["--packages", "/no/such/folder", "check"],
        ["extract", "--streams", "/no/such/text"],
        ["extract"],
    ],
)
def test_what_can_not_be_looked_at_is_said_in_a_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in extract.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_new_edition_shows_as_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "streams.bs"
    text.write_text(STREAMS, encoding="utf-8")
    assert main(["extract", "--check", "--streams", str(text)]) == 1
    assert "+edition = " in capsys.readouterr().out
