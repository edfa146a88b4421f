"""Who grants what, where, and what is refused."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from direct_sockets import _permissions as permissions
from direct_sockets._permissions import (
    PermissionsPolicy,
    current_policy,
    is_allowed,
    not_allowed_error,
    set_default_permissions_policy,
)
from tests.support import ROOT
from whatwg_streams import NotAllowedError

if TYPE_CHECKING:
    from direct_sockets._permissions import Feature

FEATURES: tuple[Feature, ...] = ("direct-sockets", "direct-sockets-private", "direct-sockets-multicast")
SOCKETS, PRIVATE, MULTICAST = FEATURES
ALL = "direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)"
BOTH = "direct-sockets=(self), direct-sockets-private=(self)"
ONE = "direct-sockets=(self)"

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _nothing_granted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither by what the suite was started with, nor by an earlier test."""
    monkeypatch.setattr(permissions, "_environment", PermissionsPolicy(""))
    before = set_default_permissions_policy(None)
    yield
    set_default_permissions_policy(before)


def _granted(policy: PermissionsPolicy | None = None) -> list[str]:
    policy = policy or current_policy()
    return [feature for feature in FEATURES if policy.is_allowed(feature)]


def _in_a_thread(function: Callable[[], T]) -> T:
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


# Syntax


@pytest.mark.parametrize(
    ("header", "granted"),
    [
        ("", []),
        (" \t\r\n", []),
        (ALL, list(FEATURES)),
        ("\n  direct-sockets=(self)  \n", [SOCKETS]),
        ("direct-sockets=self", [SOCKETS]),
        ("direct-sockets=*", [SOCKETS]),
        ("direct-sockets=(*)", [SOCKETS]),
        ('direct-sockets=("https://example.com" self)', [SOCKETS]),
        ("direct-sockets=(self);report-to=here", [SOCKETS]),
        ("direct-sockets=(self;a=1);b", [SOCKETS]),
        ("direct-sockets=self;report-to=here", [SOCKETS]),
        ("direct-sockets-private=(self)", [PRIVATE]),
        ("direct-sockets=(),direct-sockets-multicast=*", [MULTICAST]),
        ("camera=(self), direct-sockets=(self), geolocation=()", [SOCKETS]),
        ("direct-sockets=(), direct-sockets=(self)", [SOCKETS]),
        ("direct-sockets=(self), direct-sockets=()", []),
        # Nothing that grants: other origins, other tokens, quotes, other kinds of items.
        ("direct-sockets=()", []),
        ("direct-sockets", []),
        ("direct-sockets=?1", []),
        ("direct-sockets=1", []),
        ("direct-sockets=none", []),
        ("direct-sockets=(src none)", []),
        ("direct-sockets=Self", []),
        ('direct-sockets="self"', []),
        ('direct-sockets=("self" "*")', []),
        ('direct-sockets=("https://example.com")', []),
        ("direct-sockets=:c2VsZg==:", []),
        ("direct-sockets-=(self)", []),
        ("direct-socketsx=(self)", []),
    ],
)
def test_header(header: str, granted: list[str]) -> None:
    assert _granted(PermissionsPolicy(header)) == granted


@pytest.mark.parametrize(
    "header",
    [
        "direct-sockets=",
        "direct-sockets=(self",
        "direct-sockets=(self),",
        "direct-sockets=(self) direct-sockets-private=(self)",
        "direct-sockets=(self); direct-sockets-private 'self'",
        "direct-sockets 'self'",
        "direct-sockets=('self')",
        "Direct-Sockets=(self)",
        '{"direct-sockets": ["self"]}',
        "direct-sockets=(self),\ndirect-sockets-private=(self)",
        "direct-sockets=(self)\0",
        "\u00e9=(self)",
        "\udcff",
    ],
)
def test_header_of_wrong_syntax(header: str) -> None:
    with pytest.raises(
        ValueError, match=r"(?s)^not the value of a Permissions-Policy header: .*looks like this"
    ) as info:
        PermissionsPolicy(header)
    assert isinstance(info.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("manifest", "granted"),
    [
        ({}, []),
        ({"direct-sockets": ["self"]}, [SOCKETS]),
        ({"direct-sockets": ["*"], "direct-sockets-private": ("self",)}, [SOCKETS, PRIVATE]),
        ({"direct-sockets-multicast": {"https://example.com", "self"}}, [MULTICAST]),
        ({"direct-sockets": iter(["self"])}, [SOCKETS]),
        ({"direct-sockets": []}, []),
        ({"direct-sockets": ["none", "'self'", "src", "Self", "", "https://example.com"]}, []),
        ({"cross-origin-isolated": ["self"], "camera": "whatever", "direct-sockets": ["self"]}, [SOCKETS]),
    ],
)
def test_manifest(manifest: Mapping[str, Any], granted: list[str]) -> None:
    assert _granted(PermissionsPolicy(manifest)) == granted


@pytest.mark.parametrize("allowlist", ["self", "*", None, True, 1, [1], ["self", None], b"*", [b"self"], [["self"]]])
def test_allowlist_of_a_wrong_type(allowlist: Any) -> None:
    with pytest.raises(TypeError, match=r'^the allowlist of "direct-sockets" has to be a list of str, not '):
        PermissionsPolicy({"direct-sockets": allowlist})


@pytest.mark.parametrize("value", [None, 1, b"direct-sockets=(self)", ["direct-sockets"], PermissionsPolicy("")])
def test_policy_of_a_wrong_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^a permissions policy is made of a str or a mapping, not of "):
        PermissionsPolicy(value)


def test_policies_are_values() -> None:
    policy = PermissionsPolicy(BOTH)
    assert policy == PermissionsPolicy({"direct-sockets-private": ["*"], "direct-sockets": ["self"]})
    assert hash(policy) == hash(PermissionsPolicy(BOTH))
    assert policy != PermissionsPolicy(ONE)
    assert policy != BOTH
    assert repr(policy) == f"PermissionsPolicy('{BOTH}')"
    assert repr(PermissionsPolicy("")) == "PermissionsPolicy('')"
    assert copy.deepcopy(policy) == pickle.loads(pickle.dumps(policy)) == policy


def test_policies_have_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        PermissionsPolicy("").granted = "all"  # type: ignore[attr-defined]


def test_unknown_features_are_not_allowed() -> None:
    with PermissionsPolicy("camera=*, direct-sockets=*"):
        assert not is_allowed("camera")  # type: ignore[arg-type]


# Blocks


def test_nothing_is_allowed_by_default() -> None:
    assert [is_allowed(feature) for feature in FEATURES] == [False, False, False]


def test_block_grants_until_it_ends() -> None:
    with PermissionsPolicy(BOTH) as policy:
        assert isinstance(policy, PermissionsPolicy)
        assert current_policy() == policy
        assert [is_allowed(feature) for feature in FEATURES] == [True, True, False]
    assert _granted() == []


def test_block_ends_by_an_exception() -> None:
    with pytest.raises(KeyError), PermissionsPolicy(BOTH):
        raise KeyError
    assert _granted() == []


def test_inner_block_narrows() -> None:
    with PermissionsPolicy(ALL):
        with PermissionsPolicy(BOTH):
            with PermissionsPolicy("direct-sockets-private=*, direct-sockets-multicast=*"):
                assert _granted() == [PRIVATE]
            assert _granted() == [SOCKETS, PRIVATE]
        assert _granted() == list(FEATURES)


def test_inner_block_never_widens() -> None:
    with PermissionsPolicy(ONE):
        with PermissionsPolicy(ALL):
            assert _granted() == [SOCKETS]
            with PermissionsPolicy(ALL):
                assert _granted() == [SOCKETS]
        with PermissionsPolicy(""), PermissionsPolicy(ALL):
            assert _granted() == []


def test_one_policy_in_itself() -> None:
    policy = PermissionsPolicy(BOTH)
    with policy, policy:
        with policy:
            assert current_policy() == policy
        assert current_policy() == policy
    assert _granted() == []


def test_one_policy_one_time_after_the_other() -> None:
    policy = PermissionsPolicy(ONE)
    for _ in range(2):
        with policy:
            assert _granted() == [SOCKETS]
        assert _granted() == []


def test_block_of_a_generator_ends_before_one_that_began_later() -> None:
    def generator() -> Iterator[None]:
        with PermissionsPolicy(BOTH):
            yield

    suspended = generator()
    next(suspended)
    with PermissionsPolicy(ALL):
        assert _granted() == [SOCKETS, PRIVATE]
        assert next(suspended, None) is None
        assert _granted() == list(FEATURES)
    assert _granted() == []


def test_block_ends_only_in_its_own_context() -> None:
    policy = PermissionsPolicy(ONE)
    context = contextvars.Context()
    context.run(policy.__enter__)
    with PermissionsPolicy(ONE), pytest.raises(RuntimeError, match="was not entered in this context"):
        policy.__exit__(None, None, None)
    assert context.run(_granted) == [SOCKETS]
    context.run(policy.__exit__, None, None, None)
    assert context.run(_granted) == []


def test_policy_does_not_decorate() -> None:
    policy: Any = PermissionsPolicy(ONE)
    with pytest.raises(TypeError):
        policy(lambda: None)


def test_policy_once_taken_down_stays() -> None:
    set_default_permissions_policy(ALL)
    with PermissionsPolicy(BOTH):
        taken = current_policy()
        with PermissionsPolicy(ONE):
            inner = current_policy()
    set_default_permissions_policy("")
    assert _granted(taken) == [SOCKETS, PRIVATE]
    assert _granted(inner) == [SOCKETS]
    assert _granted() == []


def test_sole_policy_is_taken_down_as_it_is() -> None:
    policy = PermissionsPolicy(ONE)
    with policy:
        assert current_policy() is policy
    set_default_permissions_policy(policy)
    assert current_policy() is policy


def test_policy_does_not_change() -> None:
    policy = PermissionsPolicy(ONE)
    with policy, pytest.raises(TypeError, match="does not change; make another one"):
        policy.__init__(ALL)
    assert _granted(policy) == [SOCKETS]


def test_what_a_policy_grants_is_not_overridden() -> None:
    with pytest.raises(TypeError, match="has no subclasses"):
        type("Wide", (PermissionsPolicy,), {"is_allowed": lambda self, feature: True})


# Tasks and threads


async def test_task_has_the_policy_of_where_it_was_started() -> None:
    begin = asyncio.Event()

    async def granted_later() -> list[str]:
        await begin.wait()
        return _granted()

    with PermissionsPolicy(BOTH):
        inside = asyncio.create_task(granted_later())
    outside = asyncio.create_task(granted_later())
    begin.set()
    assert await inside == [SOCKETS, PRIVATE]
    assert await outside == []


async def test_block_of_a_task_is_its_own() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def with_a_block() -> list[str]:
        with PermissionsPolicy(ONE):
            entered.set()
            await leave.wait()
            return _granted()

    with PermissionsPolicy(BOTH):
        task = asyncio.create_task(with_a_block())
        await entered.wait()
        assert _granted() == [SOCKETS, PRIVATE]
    leave.set()
    assert await task == [SOCKETS]


async def test_one_policy_in_several_tasks_at_once() -> None:
    policy = PermissionsPolicy(ONE)
    together = asyncio.Barrier(3)

    async def use(rounds: int) -> None:
        await together.wait()
        with policy, policy:
            for _ in range(rounds):
                await asyncio.sleep(0)
                assert _granted() == [SOCKETS]
        assert _granted() == []

    await asyncio.gather(use(1), use(3), use(2))
    assert _granted() == []


async def test_callbacks_have_the_policy_of_where_they_were_scheduled() -> None:
    seen: list[list[str]] = []
    with PermissionsPolicy(ONE):
        asyncio.get_running_loop().call_soon(lambda: seen.append(_granted()))
    await asyncio.sleep(0)
    assert seen == [[SOCKETS]]


def test_blocks_do_not_reach_into_threads() -> None:
    with PermissionsPolicy(ALL):
        assert _in_a_thread(_granted) == []
        set_default_permissions_policy(ONE)
        assert _in_a_thread(_granted) == [SOCKETS]


def test_threads_have_blocks_of_their_own() -> None:
    def with_a_block() -> list[str]:
        with PermissionsPolicy(BOTH):
            return _granted()

    with PermissionsPolicy(ONE):
        assert _in_a_thread(with_a_block) == [SOCKETS, PRIVATE]
        set_default_permissions_policy(ONE)
        assert _in_a_thread(with_a_block) == [SOCKETS]


async def test_executors_have_the_default_and_to_thread_has_the_block() -> None:
    set_default_permissions_policy(BOTH)
    with PermissionsPolicy(ONE), ThreadPoolExecutor() as pool:
        assert await asyncio.get_running_loop().run_in_executor(pool, _granted) == [SOCKETS, PRIVATE]
        assert await asyncio.to_thread(_granted) == [SOCKETS]


# The process's default


@pytest.mark.parametrize("policy", [BOTH, PermissionsPolicy(BOTH), {SOCKETS: ["self"], PRIVATE: ["self"]}])
def test_default_counts_where_there_is_no_block(policy: str | PermissionsPolicy | dict[str, list[str]]) -> None:
    assert set_default_permissions_policy(policy) is None
    assert _granted() == [SOCKETS, PRIVATE]


def test_default_is_a_ceiling() -> None:
    set_default_permissions_policy(ONE)
    with PermissionsPolicy(ALL):
        assert _granted() == [SOCKETS]
    set_default_permissions_policy("")
    with PermissionsPolicy(ALL):
        assert _granted() == []


def test_block_narrows_the_default() -> None:
    set_default_permissions_policy(ALL)
    with PermissionsPolicy(BOTH), PermissionsPolicy(ONE):
        assert _granted() == [SOCKETS]


def test_default_set_inside_a_block_counts_there() -> None:
    with PermissionsPolicy(BOTH):
        set_default_permissions_policy(ONE)
        assert _granted() == [SOCKETS]
        set_default_permissions_policy(None)
        assert _granted() == [SOCKETS, PRIVATE]


def test_setting_the_default_gives_the_one_before() -> None:
    first = PermissionsPolicy(ONE)
    assert set_default_permissions_policy(first) is None
    assert set_default_permissions_policy(ALL) is first
    assert set_default_permissions_policy(None) == PermissionsPolicy(ALL)
    assert _granted() == []


def test_wrong_default_changes_nothing() -> None:
    set_default_permissions_policy(ONE)
    with pytest.raises(ValueError):
        set_default_permissions_policy("direct-sockets=(")
    with pytest.raises(TypeError):
        set_default_permissions_policy(1)  # type: ignore[arg-type]
    assert _granted() == [SOCKETS]


# The environment


def _run(program: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != permissions.ENVIRONMENT_VARIABLE}
    prelude = (
        "import os\n"
        "from direct_sockets._permissions import *\n"
        "from direct_sockets._permissions import not_allowed_error\n"
        f"show = lambda: print(*[feature for feature in {FEATURES} if is_allowed(feature)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + program],
        env={**environment, "PYTHONPATH": str(ROOT / "packages"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_environment_counts_where_nothing_else_is_said() -> None:
    program = f"""
show()
with PermissionsPolicy("{ALL}"):
    show()
with PermissionsPolicy("direct-sockets-multicast=*"):
    show()
set_default_permissions_policy("direct-sockets-private=*")
show()
set_default_permissions_policy(None)
show()
"""
    assert _run(program, DIRECT_SOCKETS_PERMISSIONS_POLICY=ONE).splitlines() == [
        SOCKETS,
        " ".join(FEATURES),
        MULTICAST,
        PRIVATE,
        SOCKETS,
    ]


def test_environment_is_read_once() -> None:
    program = f"""
os.environ["DIRECT_SOCKETS_PERMISSIONS_POLICY"] = "{ALL}"
show()
"""
    assert _run(program).split() == []
    assert _run(program, DIRECT_SOCKETS_PERMISSIONS_POLICY=BOTH).split() == [SOCKETS, PRIVATE]


def test_environment_of_wrong_syntax_grants_nothing_and_the_error_says_so() -> None:
    program = """
show()
print(not_allowed_error("direct-sockets"))
"""
    nothing, message = _run(program, DIRECT_SOCKETS_PERMISSIONS_POLICY="direct-sockets=(self").splitlines()
    assert nothing == ""
    assert "; DIRECT_SOCKETS_PERMISSIONS_POLICY has been ignored, for it is not the value of a" in message


@pytest.mark.parametrize(
    ("environment", "granted", "complains"),
    [
        ({}, [], False),
        ({"DIRECT_SOCKETS_PERMISSIONS_POLICY": ""}, [], False),
        ({"DIRECT_SOCKETS_PERMISSIONS_POLICY": ALL}, list(FEATURES), False),
        ({"DIRECT_SOCKETS_PERMISSIONS_POLICY": "direct-sockets='self'"}, [], True),
        ({"DIRECT_SOCKETS_PERMISSIONS_POLICY": "\udcff"}, [], True),
    ],
)
def test_reading_an_environment(environment: dict[str, str], granted: list[str], complains: bool) -> None:
    policy, complaint = permissions._read_environment(environment)
    assert _granted(policy) == granted
    assert bool(complaint) is complains


# The error


@pytest.mark.parametrize(
    ("feature", "what", "grant"),
    [
        (SOCKETS, "opening sockets", ONE),
        (PRIVATE, "using addresses of a private network", BOTH),
        (MULTICAST, "using multicast", "direct-sockets=(self), direct-sockets-multicast=(self)"),
    ],
)
def test_error_says_what_was_refused_and_how_to_grant_it(feature: Feature, what: str, grant: str) -> None:
    error = not_allowed_error(feature)
    assert type(error) is NotAllowedError
    assert isinstance(error, PermissionError)
    assert error.message.startswith(what)
    assert f"is not allowed without the permission {feature};" in error.message
    assert f'with PermissionsPolicy("{grant}"):' in error.message
    assert f'set_default_permissions_policy("{grant}")' in error.message
    assert f'DIRECT_SOCKETS_PERMISSIONS_POLICY="{grant}"' in error.message
    with PermissionsPolicy(grant):
        assert is_allowed(SOCKETS)
        assert is_allowed(feature)


def test_error_says_what_in_particular_was_refused() -> None:
    error = not_allowed_error(PRIVATE, "connecting to 127.0.0.1")
    assert error.message.startswith("connecting to 127.0.0.1 is not allowed without the permission ")
