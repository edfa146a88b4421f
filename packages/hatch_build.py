"""Makes the optional compiled wheel: the same sources, those of `whatwg_streams` that count compiled with mypyc.

It is off unless HATCH_BUILD_HOOK_ENABLE_CUSTOM=true is in the environment of the build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What is compiled: the chapters of the standard, and what they build on.
_COMPILED: Final = (
    "_platform/async_sequence.py",
    "_platform/buffers.py",
    "_platform/event_loop.py",
    "_platform/fast_paths.py",
    "_platform/promises.py",
    "_platform/reactions.py",
    "_platform/reasons.py",
    "_platform/starts.py",
    "_platform/tasks.py",
    "_platform/webidl.py",
    "_readable/**/*.py",
    "_supporting/*.py",
    "_transform/**/*.py",
    "_writable/**/*.py",
)

#: A process of its own, as setuptools and mypyc work in the folder that they are in.
_COMPILE: Final = """
import sys
from mypyc.build import mypycify
from setuptools import setup

options = ["--config-file=", "--strict", "--explicit-package-bases"]
extensions = mypycify(
    [*options, *sys.argv[1:]], opt_level="3", debug_level="0", multi_file=True, group_name="whatwg_streams"
)
setup(name="whatwg_streams", ext_modules=extensions, script_args=["build_ext", "--inplace"])
"""


class CompiledWheel(BuildHookInterface[Any]):  # type: ignore[misc]  # there are no types without hatchling
    """Adds the compiled modules to the wheel; the sources stay in it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a copy of the packages, unless the installation is an editable one."""
        if version == "editable":
            return
        self.folder = Path(tempfile.mkdtemp())
        packages = self.folder / "packages"
        shutil.copytree(Path(self.root, "packages"), packages, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        found = {path for pattern in _COMPILED for path in (packages / "whatwg_streams").glob(pattern)}
        modules = sorted(str(path.relative_to(packages)) for path in found if path.name != "__init__.py")
        subprocess.run([sys.executable, "-c", _COMPILE, *modules], cwd=packages, check=True)  # noqa: S603  # our own
        for path in packages.rglob("*.so"):
            if "build" not in path.relative_to(packages).parts:
                build_data["force_include"][str(path)] = str(path.relative_to(packages))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy."""
        del build_data, artifact_path
        if version != "editable":
            shutil.rmtree(self.folder)
