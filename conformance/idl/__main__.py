"""Web IDL: `python -m conformance.idl check`, `extract`.

The status is 0 when all is well, 1 when something is not as the interface definitions say, 2 when nothing could be
looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from conformance.spec import extract as texts
from conformance.spec.model import SpecError

from .check import Check, Result
from .extract import extract
from .model import HERE


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.idl", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("check", help="call the packages, and say what is not as it should be")
    command.add_argument("of", nargs="?", default="", metavar="NAME", help="only what has this in its name")
    command.add_argument("--excused", action="store_true", help="show what the deviations excuse, too")
    texts.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            return _check(options.of, excused=options.excused)
        return texts.run_command(options, extract, HERE)
    except SpecError as error:
        print(f"conformance.idl: {error}", file=sys.stderr)
        return 2


def _check(name: str, *, excused: bool) -> int:
    check = Check()
    chosen = [thing for thing in check.things if name in thing]
    if not chosen:
        raise SpecError(f"no interface, argument or dictionary has {name!r} in its name")

    async def results() -> list[Result]:
        return [await check.of(thing) for thing in chosen]

    found = asyncio.run(results())
    for one in found:
        for deviation, line in one.excused if excused else ():
            print(f"{line} (excused: {deviation.reason})")
        print(*one.problems, sep="\n", end="\n" if one.problems else "")
    unused = [] if name else check.unused(found)
    for deviation in unused:
        print(f"deviations.toml: {deviation.of}: {deviation.case}: is no longer so: {deviation.reason}")
    problems = sum(len(one.problems) for one in found) + len(unused)
    print(f"{len(found)} things, {sum(one.cases for one in found)} cases, {problems} findings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
