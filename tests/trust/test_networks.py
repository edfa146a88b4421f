"""Networks of namespaces: several at a time, and nothing left of those whose process was killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.namespaces import NoNamespacesError, ip, network_of_hosts


@pytest.fixture
def networks() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_process_has_several_networks(networks: ExitStack) -> None:
    try:
        one, other = (networks.enter_context(network_of_hosts()) for _ in range(2))
    except NoNamespacesError as error:
        if "File exists" in str(error):
            raise
        pytest.skip(str(error))
    assert one.sender.namespace != other.sender.namespace


def test_what_a_killed_process_left_is_removed(networks: ExitStack) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    left = f"mc{process.pid}-0-hub"
    try:
        ip("netns", "add", left)
        mine = networks.enter_context(network_of_hosts())
    except (NoNamespacesError, FileNotFoundError) as error:
        pytest.skip(str(error))
    names = ip("netns", "list")
    assert left not in names
    assert mine.sender.namespace in names
