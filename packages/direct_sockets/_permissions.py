"""§5.1 Permissions policy, with §5.2 and §5.3: https://wicg.github.io/direct-sockets/#permissions-policy

Three features, each with the default allowlist 'none': nothing is allowed that was not granted. A
grant comes from, in this order,

1. `with PermissionsPolicy("direct-sockets=(self)"):`, for the block and the tasks that it starts.
   Inside another such block it can only narrow: what counts is what all of them grant.
2. `set_default_permissions_policy(…)`, for the process. It is also a ceiling: no block exceeds it.
3. The environment variable DIRECT_SOCKETS_PERMISSIONS_POLICY, read once, when this module is
   imported. It is a mere default, which counts where neither of the others says anything: whoever
   starts a program may grant what the program says nothing about, and takes nothing from it.

All speak the syntax of the Permissions-Policy header; the first two also know the `permissions_policy`
object of an isolated web app's manifest: https://www.w3.org/TR/permissions-policy/

There is one origin here, the process. So `self` and `*` grant, and nothing else does; other origins
and other features are ignored, as browsers do.

This keeps a program to what its author meant, whatever names resolve to. It is no sandbox: code in the
same process can grant itself what it likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast, final

import http_sf
from typing_extensions import override

from whatwg_streams import NotAllowedError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final, Literal, Self, TypeAlias

    from http_sf import InnerListType, ItemType

#: §5.1, §5.2, §5.3: the names of the features.
Feature: TypeAlias = 'Literal["direct-sockets", "direct-sockets-private", "direct-sockets-multicast"]'

# What each feature is for, as the middle of a sentence.
_FEATURES: dict[str, str] = {
    "direct-sockets": "opening sockets",
    "direct-sockets-private": "using addresses of a private network, or receiving datagrams from anywhere,",
    "direct-sockets-multicast": "using multicast",
}

_GRANTING = frozenset({"self", "*"})

ENVIRONMENT_VARIABLE: Final = "DIRECT_SOCKETS_PERMISSIONS_POLICY"


# Policies ------------------------------------------------------------------------------------------


@final
class PermissionsPolicy:
    """What sockets are allowed to do: https://wicg.github.io/direct-sockets/#permissions-policy

    A context manager: inside of the block, and in tasks that are started there, sockets are allowed
    what the policy grants.

        with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
            socket = TCPSocket("localhost", 8080)

    Inside the block of another policy it only narrows, and so it does below the process's default. A
    socket keeps to the policy that it was constructed under, wherever it is used afterwards. Threads
    start outside of every block (those of `asyncio.to_thread` do not).

    Policies do not change. One may be entered any number of times, by any number of tasks. It does
    not decorate functions: a coroutine function's body would run outside of the block.

    Args:
        policy: the value of a Permissions-Policy header, or a mapping of features to the members of
            their allowlists, such as `{"direct-sockets": ["self"]}`. The features are "direct-sockets",
            "direct-sockets-private" and "direct-sockets-multicast"; others are ignored. `self` and `*`
            grant one; other members of an allowlist are ignored.

    Raises:
        ValueError: the header's syntax is wrong. (A browser would ignore such a header.)
        TypeError: it is neither a text nor a mapping of texts to lists of texts.
    """

    __slots__ = ("_granted",)

    _granted: frozenset[str]

    def __init_subclass__(cls) -> None:
        raise TypeError("PermissionsPolicy has no subclasses: what one grants is not to be overridden")

    def __init__(self, policy: str | Mapping[str, Iterable[str]]) -> None:
        if hasattr(self, "_granted"):
            raise TypeError("a PermissionsPolicy does not change; make another one")
        self._granted = _granted_by_header(policy) if isinstance(policy, str) else _granted_by_manifest(policy)

    def _narrowed_by(self, other: PermissionsPolicy) -> PermissionsPolicy:
        policy = PermissionsPolicy("")
        policy._granted = self._granted & other._granted
        return policy

    def is_allowed(self, feature: Feature) -> bool:
        """Tell whether this policy by itself, whatever there is around it, grants a feature."""
        return feature in self._granted

    def __enter__(self) -> Self:
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        # Not a token's reset: blocks of generators may end in another order than they began, and then
        # that would leave a grant behind.
        policies = list(_entered.get())
        for index in reversed(range(len(policies))):
            if policies[index] is self:
                del policies[index]
                _entered.set(tuple(policies))
                return
        raise RuntimeError(f"{self!r} was not entered in this context")

    @override
    def __eq__(self, other: object) -> bool:
        if isinstance(other, PermissionsPolicy):
            return self._granted == other._granted
        return NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self._granted)

    @override
    def __repr__(self) -> str:
        header = ", ".join(f"{feature}=(self)" for feature in _FEATURES if feature in self._granted)
        return f"PermissionsPolicy({header!r})"


def _granted_by_header(header: str) -> frozenset[str]:
    """https://www.w3.org/TR/permissions-policy/#algo-construct-policy"""
    try:
        # White space around a header's value is not part of it.
        dictionary = http_sf.parse(header.strip(" \t\r\n").encode(), tltype="dictionary")
    except ValueError as error:
        raise ValueError(
            f"not the value of a Permissions-Policy header: {header!r}: {error}"
            ' (one looks like this: "direct-sockets=(self), direct-sockets-private=(self)")'
        ) from error
    assert isinstance(dictionary, dict)
    return frozenset(feature for feature in _FEATURES if _grants(dictionary.get(feature)))


def _grants(member: ItemType | InnerListType | None) -> bool:
    """Tell whether a member of the header's dictionary holds the token self or *, bare or in a list."""
    if isinstance(member, tuple):
        member, _parameters = member  # the latter say where to report
    if isinstance(member, list):
        return any(_grants(item) for item in member)
    # A token only: "self" in quotes would be an origin.
    return isinstance(member, http_sf.Token) and str(member) in _GRANTING


def _granted_by_manifest(manifest: object) -> frozenset[str]:
    """https://github.com/WICG/isolated-web-apps/blob/main/Permissions.md"""
    if not isinstance(manifest, Mapping):
        raise TypeError(f"a permissions policy is made of a str or a mapping, not of {manifest!r}")
    allowlists = cast("Mapping[object, object]", manifest)
    return frozenset(
        feature
        for feature in _FEATURES
        if feature in allowlists and not _GRANTING.isdisjoint(_members(feature, allowlists[feature]))
    )


def _members(feature: str, allowlist: object) -> list[object]:
    # A text is iterable too, and would be taken for its letters.
    if isinstance(allowlist, Iterable) and not isinstance(allowlist, str):
        members = list(cast("Iterable[object]", allowlist))
        if all(isinstance(member, str) for member in members):
            return members
    raise TypeError(f'the allowlist of "{feature}" has to be a list of str, not {allowlist!r}')


# Which one counts ----------------------------------------------------------------------------------

#: The policies whose blocks this context is in.
_entered: ContextVar[tuple[PermissionsPolicy, ...]] = ContextVar("direct_sockets permissions policies", default=())

_default: PermissionsPolicy | None = None


def set_default_permissions_policy(
    policy: PermissionsPolicy | str | Mapping[str, Iterable[str]] | None,
) -> PermissionsPolicy | None:
    """Set what the whole process is allowed to do, in all of its threads.

    It counts where no `with PermissionsPolicy(…)` says anything, and limits those that do: inside of
    such a block only what both grant is allowed. The environment variable
    DIRECT_SOCKETS_PERMISSIONS_POLICY no longer counts. Sockets that exist are not concerned.

    A program does this once, when it starts. Doing it again replaces the policy.

    Args:
        policy: a policy, or what one can be made of; None for none: blocks are not limited then, and
            outside of them the environment variable counts again.

    Returns:
        The one before, or None.

    Raises:
        ValueError: the syntax of the policy is wrong.
        TypeError: it is nothing a policy can be made of.
    """
    global _default
    if policy is not None and not isinstance(policy, PermissionsPolicy):
        policy = PermissionsPolicy(policy)
    before, _default = _default, policy
    return before


def _read_environment(environment: Mapping[str, str]) -> tuple[PermissionsPolicy, str]:
    """Return what the environment grants and, where its syntax is wrong, what to say of that.

    Wrong syntax grants nothing, as with a browser's header: an import is no place to raise.
    """
    try:
        return PermissionsPolicy(environment.get(ENVIRONMENT_VARIABLE, "")), ""
    except ValueError as error:
        return PermissionsPolicy(""), f"; {ENVIRONMENT_VARIABLE} has been ignored, for it is {error}"


_environment, _complaint = _read_environment(os.environ)


def current_policy() -> PermissionsPolicy:
    """Return the policy that counts here and now, blocks and ceiling taken together.

    It does not change afterwards: what a constructor takes down for its steps in parallel.
    """
    entered = _entered.get()
    if not entered:
        return _environment if _default is None else _default
    policy = entered[0] if _default is None else _default._narrowed_by(entered[0])
    for inner in entered[1:]:
        policy = policy._narrowed_by(inner)
    return policy


def is_allowed(feature: Feature) -> bool:
    """Tell whether one is allowed, here and now, to use the policy-controlled feature of this name.

    https://www.w3.org/TR/permissions-policy/#algo-is-feature-enabled
    """
    return current_policy().is_allowed(feature)


def not_allowed_error(feature: Feature, what: str | None = None) -> NotAllowedError:
    """Make the error for whoever is not allowed to use a feature: what was refused, how to grant it.

    Args:
        feature: the feature.
        what: what was refused, such as "connecting to 127.0.0.1"; by default what the feature is for.
    """
    # No feature is of use without the first one.
    grant = ", ".join(f"{each}=(self)" for each in dict.fromkeys(("direct-sockets", feature)))
    return NotAllowedError(
        f"{what or _FEATURES[feature]} is not allowed without the permission {feature};"
        f' grant it by `with PermissionsPolicy("{grant}"):`, which only narrows what is around it,'
        f' by set_default_permissions_policy("{grant}"),'
        f' or by {ENVIRONMENT_VARIABLE}="{grant}" in the environment when the program starts{_complaint}'
    )
