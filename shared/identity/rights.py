"""What a token says beyond posts: published templates, single grants, the strength and age of the sign-on.

The code's posts are the start set. A template the hospital publishes between two releases rides in the realm's tokens
as its difference to the code (claim `templates`), a single grant (单项授权) of a person as `campus|permission|until`
(claim `grants`). Both are signed by the realm and take effect with the next token; nothing is asked at run time.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType

from shared.identity.posts import EVERY_POST, PERMISSIONS, POSTS, permissions_of

FRESH_WITHIN = timedelta(minutes=5)
FRESH_SIGN_ON: frozenset[str] = frozenset(
    {
        "patients.index.break_glass",
        "payments.billing.approve",
        "payments.billing.approve_large",
        "platform.permissions.approve",
        "platform.permissions.configure",
        "platform.permissions.freeze",
        "platform.permissions.grant",
        "platform.sso.devices",
        "platform.sso.enrol",
    }
)
"""Permissions that ask for the password again (再认证) unless it was given within FRESH_WITHIN (spec 42 no. 6)."""

STRONG_METHODS = frozenset({"otp", "hwk", "swk", "x509"})
"""Authentication methods (RFC 8176) that count as a second factor."""

_GRANT = re.compile(r"([a-z][a-z0-9]{1,9})\|([a-z_]+\.[a-z_]+\.[a-z_]+)\|(\d{10})", re.ASCII)
MAX_GRANTS = 20
"""Single grants one person may hold at a time: they ride in the token, which stays under 4 kB."""
MAX_PROOFS = 5
"""Sessions of a person whose proof rides in the token, the latest: as many as anybody has at a time."""
MAX_CHANGES = 40
"""Permissions by which published templates may differ from the code before a release has to take them up."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A single permission at one campus until a Unix second (单项授权)."""

    campus: str
    permission: str
    until: int

    def __str__(self) -> str:
        return f"{self.campus}|{self.permission}|{self.until}"


def grant_of(text: str) -> Grant:
    """Read a grant as the token carries it. Raises ValueError."""
    match = _GRANT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Grant(match[1], match[2], int(match[3]))


_PROOF = re.compile(r"([A-Za-z0-9_-]{8,64})\|([a-z0-9]{2,8}(?:\+[a-z0-9]{2,8}){0,3})\|(\d{10})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody proved to be it for one session that was opened on this product's word (证书登录): the realm does
    not know such a proof, so it rides in an attribute of the account, which only administrators write.

    methods: as in `amr`. at: Unix second.
    """

    session_id: str
    methods: frozenset[str]
    at: int

    def __str__(self) -> str:
        return f"{self.session_id}|{'+'.join(sorted(self.methods))}|{self.at}"


def proof_of(text: str) -> Proof:
    """Read a proof as the token carries it. Raises ValueError."""
    match = _PROOF.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Proof(match[1], frozenset(match[2].split("+")), int(match[3]))


class Templates:
    """What posts may do now: the code's templates with the published changes. Immutable; results are remembered."""

    __slots__ = ("_contents", "_remembered", "changes")

    def __init__(self, changes: Mapping[str, tuple[frozenset[str], frozenset[str]]]) -> None:
        """`changes`: post -> permissions added, permissions removed. Unknown posts and permissions are passed over."""
        self.changes = MappingProxyType(dict(changes))
        self._contents = {
            post: (POSTS[post].permissions | (added & PERMISSIONS.keys())) - (removed - EVERY_POST)
            for post, (added, removed) in changes.items()
            if post in POSTS
        }
        self._remembered: dict[tuple[str, frozenset[str]], frozenset[str]] = {}

    def of(self, post: str) -> frozenset[str]:
        """Permissions of one post."""
        return self._contents[post] if post in self._contents else permissions_of(frozenset((post,)))

    def permissions_of(self, posts: frozenset[str]) -> frozenset[str]:
        """The union of what these posts may do."""
        if not self._contents:
            return permissions_of(posts)
        return self._remember("all", posts, posts)

    def consortium_wide(self, posts: frozenset[str]) -> frozenset[str]:
        """What of it may be read over all campuses."""
        return self._remember("wide", posts, (code for code in posts if code in POSTS and POSTS[code].consortium_wide))

    def ordinary(self, posts: frozenset[str]) -> frozenset[str]:
        """What of it needs no second factor: what every post has, and the permissions of posts not privileged."""
        return EVERY_POST | self._remember(
            "ordinary", posts, (code for code in posts if code in POSTS and not POSTS[code].privileged)
        )

    def _remember(self, kind: str, posts: frozenset[str], those: Iterable[str]) -> frozenset[str]:
        found = self._remembered.get((kind, posts))
        if found is None:
            if len(self._remembered) > 4096:
                self._remembered.clear()
            found = self._remembered[kind, posts] = frozenset().union(*(self.of(code) for code in those))
        return found


CODE = Templates({})
"""The templates as this release declares them."""


def claim_of(contents: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The claim `templates` that makes these posts hold these permissions: what differs from the code."""
    claim = {}
    for post in sorted(contents):
        wanted, code = frozenset(contents[post]) | EVERY_POST, POSTS[post].permissions
        difference = [*(f"+{one}" for one in sorted(wanted - code)), *(f"-{one}" for one in sorted(code - wanted))]
        if difference:
            claim[post] = difference
    return claim


def templates_of(claim: object) -> Templates:
    """Read the claim `templates`. Raises ValueError for any shape but ours."""
    if not claim:
        return CODE
    if not isinstance(claim, dict):
        raise ValueError("templates")
    return _templates(json.dumps(claim, sort_keys=True))


@lru_cache(maxsize=64)
def _templates(text: str) -> Templates:
    changes = {}
    for post, lines in json.loads(text).items():
        if not isinstance(lines, list) or not all(isinstance(line, str) and line[:1] in {"+", "-"} for line in lines):
            raise ValueError("templates")
        added = frozenset(line[1:] for line in lines if line[0] == "+")
        removed = frozenset(line[1:] for line in lines if line[0] == "-")
        changes[post] = (added, removed)
    return Templates(changes)
