"""Hosts in network namespaces, for the tests that ask for them; where there are none, that is said loudly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.namespaces import Network, NoNamespacesError, network_of_hosts

_reasons: list[str] = []


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Three hosts on one network."""
    hosts = network_of_hosts()
    try:
        made = hosts.__enter__()
    except NoNamespacesError as error:
        _reasons.append(str(error))
        pytest.skip(f"MULTICAST IS NOT PROVED HERE: {error}")
    yield made
    hosts.__exit__(None, None, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in _reasons[:1]:
        terminalreporter.section("MULTICAST BETWEEN HOSTS IS NOT PROVED HERE", sep="!", red=True, bold=True)
        terminalreporter.line(f"This machine makes no network namespaces: {reason}")
