"""The parts of the table that `python -m conformance run` measures itself."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from conformance.spec import report
from conformance.spec.check import check_all

from .record import Part, RecordError, Row

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.spec.check import Finding

#: A module of one section: "test_4_2_readable_stream".
_SECTION: Final = re.compile(r"test_(\d+(?:_\d+)*)_(\w+)")

_NAMES: Final = {
    "streams": "Streams",
    "direct_sockets": "Direct Sockets",
    "dom": "DOM and DOMException",
    "sockets": "Direct Sockets",
}


def of_spec_index() -> tuple[Part, list[Finding]]:
    """How much of both texts is transcribed, by chapter; and what the check finds."""
    checks, findings = check_all()
    rows: list[Row] = []
    for check in checks:
        name = _NAMES[check.index.standard]
        chapters = report.rows(check, chapters=True)
        total = report.Row("", "")
        for one in chapters:
            total.add(one)
        rows.append(_row(f"{name}: definitions", total.there, total.definitions_left_out, total.definitions))
        for one in chapters:
            title = f"{name} §{one.section} {one.title}: steps"
            rows.append(_row(title, one.transcribed, one.steps_left_out, one.steps))
    editions = ", ".join(f"{_NAMES[check.index.standard]} ({check.index.edition})" for check in checks)
    return Part("spec", "Spec index", editions, tuple(rows)), findings


def _row(name: str, there: int, left_out: int, of: int) -> Row:
    return Row(name, there, of - there - left_out, left_out, of)


def of_tests(junit: Path) -> tuple[Part, Part]:
    """Web IDL, by standard, and the tests, by section or folder; from what pytest writes of its run.

    Raises:
        RecordError: it is nothing of the kind.
    """
    web_idl: dict[str, list[Row]] = defaultdict(list)
    tests: dict[str, list[Row]] = defaultdict(list)
    try:
        cases = list(ET.parse(junit).iter("testcase"))
    except (OSError, ET.ParseError) as error:
        raise RecordError(f"{junit}: no results of pytest: {error}") from error
    for case in cases:
        properties = {one.get("name"): one.get("value") or "" for one in case.iter("property")}
        if standard := properties.get("web_idl_of"):
            of, failed = int(properties["cases"]), int(properties["failed"])
            web_idl[standard].append(Row("", of - failed, failed, 0, of))
            continue
        failed = int(case.find("failure") is not None or case.find("error") is not None)
        not_run = int(case.find("skipped") is not None)
        tests[_section(case.get("classname") or "")].append(Row("", 1 - failed - not_run, failed, not_run, 1))
    return (
        Part("idl", "Web IDL", "", tuple(_sum(_NAMES[name], rows) for name, rows in web_idl.items())),
        Part("own", "Own conformance tests", "", tuple(_sum(name, tests[name]) for name in sorted(tests))),
    )


def _section(module: str) -> str:
    """ "conformance.streams.test_4_2_readable_stream" is §4.2 of streams.

    One without a number is of its folder; one that is in no folder is of the checks themselves.
    """
    parts = module.split(".")
    if len(parts) < 3:
        return "of the checks themselves"
    folder = _NAMES.get(parts[1], parts[1])
    if match := _SECTION.fullmatch(parts[2]):
        return f"{folder} §{match[1].replace('_', '.')} {match[2].replace('_', ' ')}"
    return folder


def _sum(name: str, rows: list[Row]) -> Row:
    total = Part("", name, "", tuple(rows), "", "").total
    return Row(name, total.passed, total.failed, total.not_run, total.of)
