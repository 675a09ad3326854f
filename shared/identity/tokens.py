"""Access tokens of the realm, verified offline and read into an Actor."""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import jwt
from jwt.exceptions import PyJWTError

from shared.identity.actor import AGED, EXPIRED, Actor
from shared.identity.denied import DenyList, InMemoryDenyList
from shared.identity.keys import Fetch, SigningKeys, http_fetch
from shared.identity.posts import DEVICES
from shared.identity.problems import IdentityUnavailable, SubjectDenied, TokenExpired, TokenInvalid, TokenMissing
from shared.identity.rights import MAX_GRANTS, MAX_PROOFS, Grant, Proof, Templates, grant_of, proof_of, templates_of

MAX_TOKEN_BYTES = 8192
"""Twice what the largest person needs. Longer ones are refused unread."""

GROUP_PATH = re.compile(r"/([a-z][a-z0-9]{1,9})/([a-z][a-z0-9_]{0,39})")
"""A post in a token: `/<campus>/<post>`."""

_LOOK_AGAIN = 10.0
"""Seconds after which a token beyond its end is judged anew: the identity server may be back."""
log = logging.getLogger("his.identity")

_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_CAMPUS = re.compile(r"[a-z][a-z0-9]{1,9}")
_LAST_SECOND = 253_402_300_799  # of the year 9999: what a datetime can hold
_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "typ"]


class _Verified(NamedTuple):
    actor: Actor
    issued_at: float
    fresh_until: float
    """Unix second from which it is verified anew: never later than its expiry."""


class TokenVerifier:
    """Tells who a bearer token stands for, without asking the identity server.

    Checked: signature by a key of the realm with a pinned algorithm (so `none`, and HS256 signed with the public key,
    are refused), issuer, audience, exp, nbf and iat with `leeway` seconds of clock difference, that it is an access
    token, the exact shape of our claims, and the deny list. A verified token is remembered by its hash for at most
    `remember_seconds`; expiry and the deny list are still checked every time.

    While the identity server is out of reach nobody can renew a token, so work goes on for `grace` seconds beyond its
    end (spec 42), under the same deny list: whoever is frozen or signed off is refused as ever. After that the answer
    is IdentityUnavailable and the contingency, not a sign-on page that can't be reached.

    Thread-safe. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        jwks_url: str = "",
        algorithms: tuple[str, ...] = ("RS256", "ES256"),
        leeway: float = 30,
        cache_seconds: float = 600,
        *,
        grace: float = 900,
        fetch: Fetch | None = None,
        denied: DenyList | None = None,
        remember: int = 2_000,
        remember_seconds: float = 60,
        clock: Callable[[], float] = time.time,
        keys: SigningKeys | None = None,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._algorithms = list(algorithms)
        self._leeway = leeway
        self._grace = grace
        self._denied = InMemoryDenyList() if denied is None else denied
        self._remember = remember
        self._remember_seconds = remember_seconds
        self._clock = clock
        self._keys = keys or SigningKeys(fetch or http_fetch(jwks_url), algorithms, cache_seconds=cache_seconds)
        self._known: dict[bytes, _Verified] = {}
        self._lock = threading.Lock()

    def verify(self, token: str | None) -> Actor:
        """Who this token stands for.

        Raises TokenMissing, TokenExpired, TokenInvalid or SubjectDenied (401), IdentityUnavailable (503).
        """
        if not token:
            raise TokenMissing("请先登录。")
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise _unreadable()
        digest = hashlib.sha256(token.encode("ascii")).digest()
        now = self._clock()
        verified = self._known.get(digest)
        if verified is None or now >= verified.fresh_until:
            verified = self._verify(token, now)
            self._keep(digest, verified)
        actor = verified.actor
        known_as = actor.name if actor.kind == "device" else str(actor.staff_id or actor.subject)
        subjects = (actor.subject, known_as)
        if any(self._denied.is_denied(subject, actor.session_id, verified.issued_at) for subject in subjects):
            raise SubjectDenied("账号已停用或已被强制下线，请联系信息科。")
        return actor

    def remembers(self, token: str) -> bool:
        """Whether `verify` would answer from memory, in microseconds and without ever waiting for the network."""
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            return False
        verified = self._known.get(hashlib.sha256(token.encode("ascii")).digest())
        return verified is not None and self._clock() < verified.fresh_until

    def _verify(self, token: str, now: float) -> _Verified:
        if not _COMPACT.fullmatch(token):  # PyJWT would also take padded segments: another spelling of the same token
            raise _unreadable()
        try:
            header = jwt.get_unverified_header(token)
        except PyJWTError as error:
            raise _unreadable() from error
        kid = header.get("kid")
        if header.get("alg") not in self._algorithms or not isinstance(kid, str):
            raise _unreadable()
        key = self._keys.get(kid)
        try:
            # Times are checked below, against the verifier's own clock.
            claims = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except PyJWTError as error:
            raise _unreadable() from error
        issued_at = _seconds(claims, "iat")
        expires_at = _seconds(claims, "exp") + self._leeway
        not_before = _seconds(claims, "nbf") if "nbf" in claims else issued_at
        if max(issued_at, not_before) > now + self._leeway:
            raise TokenInvalid("登录凭证尚未生效，请校准本机时间后重新登录。")
        if now >= expires_at:
            if not self._keys.out_of_reach():
                raise TokenExpired("登录已过期，请重新登录。")
            expires_at += self._grace
            if now >= expires_at:
                raise IdentityUnavailable("认证服务无法连接，登录已到期不能延长。请按应急流程办理业务，并联系信息科。")
            log.warning("a token is taken beyond its end: the identity server is out of reach")
            return _Verified(actor_of(claims, self._clock), issued_at, min(expires_at, now + _LOOK_AGAIN))
        actor = actor_of(claims, self._clock)
        return _Verified(actor, issued_at, min(expires_at, now + self._remember_seconds))

    def _keep(self, digest: bytes, verified: _Verified) -> None:
        with self._lock:
            self._known.pop(digest, None)
            self._known[digest] = verified
            if len(self._known) > self._remember:
                del self._known[next(iter(self._known))]


def bearer_token(authorization: str | None) -> str:
    """The token of an Authorization header. Raises TokenMissing when there is none of the Bearer scheme."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing("请先登录。")
    return token.strip()


def actor_of(claims: Mapping[str, Any], clock: Callable[[], float] = time.time) -> Actor:
    """Read verified claims into an Actor. Raises TokenInvalid for any shape but ours.

    Exactly one of `staff_id`, `patient_ids` and `device` says of which kind the account is.
    """
    if claims.get("typ") != "Bearer":  # ID, refresh and logout tokens carry the same signature
        raise _unreadable()
    if "patient" in claims:  # of the mini-program's client; an account nobody is bound to yet carries no ids
        claims = {"patient_ids": [], **claims}
    kinds = [kind for kind in ("staff_id", "patient_ids", "device") if kind in claims]
    if len(kinds) != 1:
        raise _unreadable()
    common: dict[str, Any] = {
        "subject": _text(claims, "sub"),
        "session_id": _optional_text(claims, "sid"),
        "client": _optional_text(claims, "azp"),
        "acr": _optional_text(claims, "acr"),
        "signed_on_at": datetime.fromtimestamp(_seconds(claims, "auth_time"), UTC) if "auth_time" in claims else None,
    }
    if kinds == ["staff_id"]:
        methods = frozenset(_texts(claims, "amr")) if "amr" in claims else frozenset()
        proof = _proof(claims)
        if proof is not None:
            methods |= proof.methods
            proved_at = datetime.fromtimestamp(proof.at, UTC)
            common["signed_on_at"] = max(common["signed_on_at"] or proved_at, proved_at)
        return Actor(
            kind="staff",
            name=_text(claims, "name"),
            staff_id=_uuid(claims["staff_id"]),
            posts=_posts(claims),
            methods=methods,
            asks_second_factor="second_factor" in claims,
            password_due=_password_due(claims, common["signed_on_at"]),
            grants=_grants(claims),
            templates=_templates(claims),
            clock=clock,
            **common,
        )
    if claims.get("posts"):
        raise _unreadable()
    if kinds == ["patient_ids"]:
        ids = frozenset(_uuid(value) for value in _texts(claims, "patient_ids"))
        return Actor(kind="patient", name=_text(claims, "name"), patient_ids=ids, **common)
    device, campus = f"device:{_text(claims, 'device')}", _text(claims, "campus")
    if device not in DEVICES or not _CAMPUS.fullmatch(campus):
        raise _unreadable()
    return Actor(
        kind="device", name=_text(claims, "azp"), campus=campus, posts={campus: frozenset((device,))}, **common
    )


def _password_due(claims: Mapping[str, Any], signed_on_at: datetime | None) -> str:
    """Why another password is due. Nobody is stopped at work by its age: who signed on before keeps what the posts ask
    no strong password for."""
    due, _, since = (_optional_text(claims, "password_due") or "").partition(":")
    if due != AGED:
        return due
    try:
        aged_at = datetime.fromtimestamp(int(since), UTC)
    except (ValueError, OverflowError, OSError):
        raise _unreadable() from None
    return EXPIRED if signed_on_at is not None and signed_on_at < aged_at else AGED


def _posts(claims: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    held: dict[str, set[str]] = {}
    for path in _texts(claims, "posts") if "posts" in claims else ():  # nobody's posts: the claim is left out
        match = GROUP_PATH.fullmatch(path)
        if match is None:
            raise _unreadable()
        held.setdefault(match[1], set()).add(match[2])
    return {campus: frozenset(codes) for campus, codes in held.items()}


def _grants(claims: Mapping[str, Any]) -> tuple[Grant, ...]:
    texts = _texts(claims, "grants") if "grants" in claims else []
    if len(texts) > MAX_GRANTS:
        raise _unreadable()
    try:
        return tuple(grant_of(text) for text in texts)
    except ValueError as error:
        raise _unreadable() from error


def _proof(claims: Mapping[str, Any]) -> Proof | None:
    """How this very session was proved, where it was opened on our word; others of the person don't count."""
    texts = _texts(claims, "proofs") if "proofs" in claims else []
    if len(texts) > MAX_PROOFS:
        raise _unreadable()
    try:
        proofs = [proof_of(text) for text in texts]
    except ValueError as error:
        raise _unreadable() from error
    return next((one for one in proofs if one.session_id == claims.get("sid")), None)


def _templates(claims: Mapping[str, Any]) -> Templates:
    try:
        return templates_of(claims.get("templates"))
    except ValueError as error:
        raise _unreadable() from error


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _unreadable()
    return value


def _optional_text(claims: Mapping[str, Any], name: str) -> str | None:
    return _text(claims, name) if name in claims else None


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    values = claims.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _unreadable()
    return values


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_SECOND:
        raise _unreadable()
    return float(value)


def _uuid(value: object) -> UUID:
    if not isinstance(value, str):
        raise _unreadable()
    try:
        return UUID(value)
    except ValueError as error:
        raise _unreadable() from error


def _unreadable() -> TokenInvalid:
    """One answer for every fault, so that a forger learns nothing."""
    return TokenInvalid("登录凭证无效，请重新登录。")
