"""Rules and wire forms of the CAS Protocol 3.0 (Apereo, 2017): tickets, answers, sign-out. No I/O, no clock.

Of proxy tickets (2.5.4 to 2.7) there are none: a program acts for nobody at another program.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from starlette.datastructures import QueryParams

Code = Literal[
    "INVALID_REQUEST",
    "INVALID_TICKET",
    "INVALID_SERVICE",
    "UNAUTHORIZED_SERVICE_PROXY",
    "INTERNAL_ERROR",
]
SPACE = "http://www.yale.edu/tp/cas"
COOKIE = "TGC-his"
COOKIE_PATH = "/api/platform/sso/cas"
SIGN_ON_WITHIN = timedelta(minutes=10)
"""How long somebody may stand at the login page."""
LONGEST = timedelta(hours=10)
"""No session of the realm lives longer (spec 42): a program that was told of no end is told then."""
FRESH_SKEW = timedelta(seconds=2)
"""The realm counts its moments in whole seconds."""
TRIES = 3
RETRY = timedelta(minutes=1)
ITEMS: Mapping[str, str] = {"工号": "staffNo", "姓名": "name", "院区": "campus", "科室": "department", "岗位": "post"}
"""What a program can be told of a person, by the words of the registration (共享的数据), and its name on the wire."""
ALWAYS = ("工号", "姓名")


def new_ticket() -> str:
    """192 random bits; only characters the protocol allows (3.7), 51 in all."""
    return f"ST-{secrets.token_hex(24)}"


def new_cookie() -> str:
    """What a ticket-granting cookie holds."""
    return f"TGT-{secrets.token_hex(24)}"


def digest(value: str) -> bytes:
    """What a ticket or cookie is found by again. Long and random, it can't be had back from this."""
    return hashlib.sha256(value.encode()).digest()


def items(shared_data: str) -> list[str]:
    """What a registration lists, in its own words. Raises ValueError for a word nobody here knows."""
    words = [word.strip() for word in shared_data.replace("，", "、").replace(",", "、").split("、")]
    if unknown := [word for word in words if word not in ITEMS]:
        raise ValueError("、".join(unknown))
    return [word for word in ITEMS if word in words or word in ALWAYS]


# -- a sign-on on its way to the realm and back


class SignOn(NamedTuple):
    """What was asked for, kept by the browser alone. Whoever alters it asks for something else, and gets what the
    registry allows."""

    state: str
    nonce: str
    verifier: str
    service: str
    renew: bool
    gateway: bool
    asked_at: int
    """Unix second."""
    post: bool = False
    """The program takes its ticket by a form (`method=POST`)."""


def new_sign_on(service: str, *, renew: bool, gateway: bool, now: datetime, post: bool = False) -> SignOn:
    """Begin a sign-on for an address; `renew` wins over `gateway` (2.1.1)."""
    return SignOn(
        state=secrets.token_hex(16),
        nonce=secrets.token_hex(16),
        verifier=secrets.token_urlsafe(48),
        service=service,
        renew=renew,
        gateway=gateway and not renew,
        asked_at=int(now.timestamp()),
        post=post,
    )


def sign_on_cookie(state: str) -> str:
    """Each sign-on of a browser has its own: two windows don't disturb each other."""
    return f"cas-{state[:32]}"


def packed(sign_on: SignOn) -> str:
    """A sign-on as a cookie holds it."""
    return base64.urlsafe_b64encode(json.dumps(sign_on._asdict()).encode()).decode().rstrip("=")


def unpacked(value: str) -> SignOn | None:
    """A sign-on from a cookie; None for anything else."""
    try:
        found = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        sign_on = SignOn(**found)
    except (ValueError, TypeError):
        return None
    texts = (sign_on.state, sign_on.nonce, sign_on.verifier, sign_on.service)
    right = all(isinstance(one, str) for one in texts) and type(sign_on.asked_at) is int
    flags = (sign_on.renew, sign_on.gateway, sign_on.post)
    return sign_on if right and all(isinstance(one, bool) for one in flags) else None


def question(sign_on: SignOn, client_id: str, back: str) -> str:
    """What the browser asks the realm: a code with PKCE (S256)."""
    hashed = hashlib.sha256(sign_on.verifier.encode()).digest()
    asked = {
        "client_id": client_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "openid",
        "state": sign_on.state,
        "nonce": sign_on.nonce,
        "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if sign_on.renew:
        asked |= {"prompt": "login", "max_age": "0"}
    elif sign_on.gateway:
        asked["prompt"] = "none"
    return str(QueryParams(asked))


def with_ticket(service: str, ticket: str) -> str:
    """Where the browser goes: the address with its ticket. What is registered has no fragment."""
    return f"{service}{'&' if '?' in service else '?'}ticket={ticket}"


def set_cookie(
    name: str, value: str, *, secure: bool, seconds: int | None = None, path: str = COOKIE_PATH
) -> tuple[str, str]:
    """A header that sets a cookie of these pages, or takes it away (`seconds` 0). None: until the browser closes."""
    life = "" if seconds is None else f"; Max-Age={seconds}"
    return "set-cookie", (f"{name}={value}; Path={path}{life}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}")


# -- what a program is answered


class Person(NamedTuple):
    """Whom a ticket proves. `told`: attributes on the wire, several values where there are several."""

    username: str
    told: Mapping[str, Sequence[str]]
    signed_on_at: datetime
    fresh: bool


class Failure(NamedTuple):
    """Why a ticket is not believed."""

    code: Code
    text: str


def answer(verdict: Person | Failure, *, attributes: bool, as_json: bool) -> str:
    """The answer of /serviceValidate (2.0) and, with attributes, of /p3/serviceValidate (3.0)."""
    if as_json:
        return json.dumps({"serviceResponse": _document(verdict, attributes)}, ensure_ascii=False)
    return f'<cas:serviceResponse xmlns:cas="{SPACE}">{_element(verdict, attributes)}</cas:serviceResponse>\n'


def plain_answer(verdict: Person | Failure) -> str:
    """The answer of /validate (1.0)."""
    return "no\n\n" if isinstance(verdict, Failure) else f"yes\n{verdict.username}\n"


def proxy_refused(code: str, text: str) -> str:
    """The answer of /proxy: nobody gets a proxy ticket (2.7.3)."""
    return (
        f'<cas:serviceResponse xmlns:cas="{SPACE}"><cas:proxyFailure code={quoteattr(code)}>'
        f"{escape(text)}</cas:proxyFailure></cas:serviceResponse>\n"
    )


def _all_attributes(person: Person) -> Iterable[tuple[str, Sequence[str]]]:
    yield "authenticationDate", [person.signed_on_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]
    yield "longTermAuthenticationRequestTokenUsed", ["false"]
    yield "isFromNewLogin", [str(person.fresh).lower()]
    yield from person.told.items()


def _document(verdict: Person | Failure, attributes: bool) -> dict[str, Any]:
    if isinstance(verdict, Failure):
        return {"authenticationFailure": {"code": verdict.code, "description": verdict.text}}
    success: dict[str, Any] = {"user": verdict.username}
    if attributes:
        success["attributes"] = {
            name: values[0] if len(values) == 1 else list(values) for name, values in _all_attributes(verdict)
        }
    return {"authenticationSuccess": success}


def _element(verdict: Person | Failure, attributes: bool) -> str:
    if isinstance(verdict, Failure):
        return (
            f"<cas:authenticationFailure code={quoteattr(verdict.code)}>"
            f"{escape(verdict.text)}</cas:authenticationFailure>"
        )
    inside = f"<cas:user>{escape(verdict.username)}</cas:user>"
    if attributes:
        told = "".join(
            f"<cas:{name}>{escape(value)}</cas:{name}>" for name, values in _all_attributes(verdict) for value in values
        )
        inside += f"<cas:attributes>{told}</cas:attributes>"
    return f"<cas:authenticationSuccess>{inside}</cas:authenticationSuccess>"


# -- sign-out


def logout_request(ticket: str, number: str, now: datetime) -> str:
    """What a program is told at its address when the sign-on has ended (appendix C). It names the ticket, not the
    person."""
    return (
        '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        f' ID={quoteattr(f"LR-{number}")} Version="2.0"'
        f' IssueInstant="{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}">'
        '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">@NOT_USED@</saml:NameID>'
        f"<samlp:SessionIndex>{escape(ticket)}</samlp:SessionIndex></samlp:LogoutRequest>"
    )
