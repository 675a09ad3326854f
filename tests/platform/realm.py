"""The hospital at a real realm: people whose accounts the product made, signed on at the realm's own pages."""

import base64
import hashlib
import hmac
import re
import secrets
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from keycloak import KeycloakAdmin

from functions import registry
from functions.platform.sso import directory
from functions.platform.sso import service as sso
from infra.local.keycloak import Keycloak
from infra.local.process import until
from shared.identity.actor import Actor
from shared.identity.keycloak_admin import connect
from shared.identity.provisioning import provision
from shared.identity.tokens import TokenVerifier
from shared.settings import Settings
from tests.platform.conftest import Consortium, open_consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital

PASSWORD = "Correct-horse-42"
REDIRECT = "http://127.0.0.1:8000/"
APPS = ("organisation/structure", "platform/permissions", "patients/index", "platform/sso")


class BothVerifiers:
    """Officers hold tokens of the tests' own realm, the people under test those of the real one."""

    def __init__(self, ours: TokenVerifier, real: TokenVerifier, issuer: str) -> None:
        self._ours, self.real, self._issuer = ours, real, issuer

    def _of(self, token: str) -> TokenVerifier:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return self._ours
        return self.real if claims.get("iss") == self._issuer else self._ours

    def verify(self, token: str) -> Actor:
        return self._of(token).verify(token)

    def remembers(self, token: str) -> bool:
        return self._of(token).remembers(token)


class Refused(Exception):
    """The login page said no, or wants something first."""


class Browser:
    """A browser at the realm: it keeps cookies and fills in forms."""

    def __init__(self, issuer: str, redirect: str = REDIRECT) -> None:
        self.redirect = redirect
        self._endpoint = f"{issuer}/protocol/openid-connect"
        self._cookies: dict[str, str] = {}
        self._http = httpx.Client(trust_env=False, timeout=30)

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        # Marked Secure; a browser sends them to a loopback address all the same.
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = self._http.request(method, url, headers={"Cookie": cookie} if cookie else {}, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            gone = "Max-Age=0" in line or not value
            self._cookies.pop(name, None) if gone else self._cookies.update({name: value})
        return answer

    def authorise(self, client_id: str = "his-web", redirect: str = "", **more: str) -> tuple[httpx.Response, str]:
        """Ask for a code; gives the first page (or redirect) and the PKCE verifier."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": client_id,
            "redirect_uri": redirect or self.redirect,
            "response_type": "code",
            "scope": "openid",
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return self.ask("GET", f"{self._endpoint}/auth", params=query), verifier

    def tokens(
        self, answer: httpx.Response, verifier: str, client_id: str = "his-web", redirect: str = "", **more: str
    ) -> dict[str, Any]:
        """Exchange the code a redirect carries."""
        reply = parse_qs(urlsplit(answer.headers.get("location", "")).query)
        if "code" not in reply:
            raise Refused(str(reply.get("error")) if reply else f"status {answer.status_code}: {text_of(answer)}")
        form = {
            "grant_type": "authorization_code",
            "code": reply["code"][0],
            "redirect_uri": redirect or self.redirect,
            "client_id": client_id,
            "code_verifier": verifier,
            **more,
        }
        body = self.ask("POST", f"{self._endpoint}/token", data=form).json()
        if "access_token" not in body:
            raise Refused(body.get("error_description", "no token"))
        return dict(body)

    def sign_on(
        self, username: str, password: str = PASSWORD, *, otp: "Totp | None" = None, **more: str
    ) -> dict[str, Any]:
        """Sign on at the page as a person does, binding or typing the dynamic password where the page wants it."""
        page, verifier = self.authorise(**more)
        answer = self.ask("POST", action_of(page), data={"username": username, "password": password})
        for _ in range(3):
            if answer.status_code == 302 and answer.headers["location"].startswith(self.redirect):
                break
            if answer.status_code == 302:
                answer = self.ask("GET", answer.headers["location"])
            elif "totpSecret" in answer.text and otp is not None:
                otp.secret = re.search(r'name="totpSecret"\s+value="([^"]+)"', answer.text)[1]  # type: ignore[index]
                form = {"totp": otp.code(), "totpSecret": otp.secret, "userLabel": "phone"}
                answer = self.ask("POST", action_of(answer), data=form)
            elif 'name="otp"' in answer.text and otp is not None:
                answer = self.ask("POST", action_of(answer), data={"otp": otp.code()})
            else:
                raise Refused(text_of(answer))
        return self.tokens(answer, verifier)


class Totp:
    """The dynamic-password app on somebody's phone. Each code is used once."""

    def __init__(self) -> None:
        self.secret = ""
        self._last = 0

    def code(self) -> str:
        step = max(int(time.time()) // 30, self._last + 1)
        self._last = step
        digest = hmac.digest(self.secret.encode(), struct.pack(">Q", step), "sha256")
        at = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form" and self.action is None:
            self.action = dict(attrs).get("action")


def action_of(page: httpx.Response) -> str:
    form = _Form()
    form.feed(page.text)
    if form.action is None:
        raise Refused(text_of(page))
    return form.action


def text_of(page: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())[:300]


class World:
    """One hospital and its realm."""

    def __init__(self, hospital: Hospital, consortium: Consortium, admin: KeycloakAdmin, settings: Settings) -> None:
        self.hospital = hospital
        self.consortium = consortium
        self.admin = admin
        self.settings = settings
        self.issuer = settings.issuer
        self._browsers: list[Browser] = []

    def settle(self) -> None:
        """Deliver what happened, as the relay does."""
        self.hospital.drain()

    def minute(self, campus: str = "hq") -> None:
        self.hospital.minute("platform/sso", campus)

    def reconcile(self) -> dict[str, Any]:
        """The next comparison with the realm, and what it found."""
        self.hospital.execute("UPDATE platform.reconciliations SET started_at = started_at - interval '5 minutes'")
        self.minute()
        return self.hospital.rows("SELECT * FROM platform.reconciliations ORDER BY started_at DESC LIMIT 1")[0]

    @contextmanager
    def later(self, **by: float) -> Iterator[None]:
        """What happens so much later; the comparison with the realm does not remember it."""
        self.hospital.clock.move(**by)
        try:
            yield
        finally:
            self.hospital.clock.offset = timedelta()
            self.hospital.execute("DELETE FROM platform.reconciliations")

    def browser(self) -> Browser:
        browser = Browser(self.issuer, f"{self.settings.host_url}/")
        self._browsers.append(browser)
        return browser

    def person(self, *posts: str, campus: str = "hq", **fields: Any) -> UUID:
        """Somebody new with posts, an account the product made, and a password of his own."""
        staff_id = self.consortium.posted(*posts, campus=campus, **fields)
        self.hospital.execute(  # PASSWORD is long enough for any post
            "INSERT INTO platform.password_states (staff_id, set_at, least) VALUES (%s, %s, 14)",
            [staff_id, self.hospital.clock()],
        )
        self.settle()
        self.admin.set_user_password(str(staff_id), PASSWORD, temporary=False)
        return staff_id

    def username(self, staff_id: UUID) -> str:
        return str(self.hospital.value("SELECT sign_on_name FROM organisation.staff WHERE staff_id = %s", [staff_id]))

    def sign_on(self, staff_id: UUID, **more: Any) -> dict[str, Any]:
        return self.browser().sign_on(self.username(staff_id), **more)

    def guesses(self, staff_id: UUID) -> dict[str, Any]:
        """What the realm knows of wrong passwords: numFailures, and disabled once they have locked the account."""
        found: dict[str, Any] = self.admin.get_bruteforce_detection_status(str(staff_id))
        return found

    def guess_wrong(self, staff_id: UUID) -> None:
        """Five wrong passwords as somebody types them: the realm counts each after its answer."""
        for tries in range(1, 6):
            with pytest.raises(Refused):
                self.sign_on(staff_id, password="wrong")
            assert until(lambda tries=tries: self.guesses(staff_id)["numFailures"] == tries, 20.0), "not counted"

    def is_locked_out(self, staff_id: UUID) -> bool:
        """Whether wrong passwords have locked an account; a busy realm counts them a moment later."""
        return until(lambda: bool(self.guesses(staff_id)["disabled"]), 20.0)

    def signed_on(self, staff_id: UUID, campus: str = "hq", **more: Any) -> Caller:
        """Sign on until the token is accepted: one of the very second in which a right was withdrawn is not."""
        for _ in range(20):
            self.see_deny_list()
            one = self.caller(self.sign_on(staff_id, **more)["access_token"], campus)
            if one.get("/api/platform/permissions/my/rights").status_code != 401:
                return one
            time.sleep(0.1)
        raise AssertionError("no token is accepted")

    def caller(self, access_token: str, campus: str = "hq") -> Caller:
        claims = jwt.decode(access_token, options={"verify_signature": False})
        staff_id = UUID(claims.get("staff_id", str(UUID(int=0))))
        return Caller(self.hospital.client, access_token, campus, claims["sub"], staff_id)

    def verify(self, access_token: str) -> Actor:
        return self.hospital.runtime.verifier.verify(access_token)

    def see_deny_list(self) -> None:
        """What every process does within 15 seconds."""
        self.hospital.runtime.refresh_deny_list()

    def close(self) -> None:
        for browser in self._browsers:
            browser.close()


@contextmanager
def opened_world(
    keycloak: Keycloak, extra: tuple[str, ...] = (), host_url: str = "http://127.0.0.1:8000"
) -> Iterator[World]:
    """A hospital of two campuses and its realm: the operator provisions it once, as `his identity sync` does; from then
    on the functions keep it with their own account, as in the data centre. They never hold the operator's password."""
    settings = Settings(
        keycloak_url=keycloak.url.rstrip("/"),
        keycloak_realm=f"test-{uuid4().hex[:8]}",
        keycloak_admin_password="",
        host_url=host_url,
    )
    key = secrets.token_urlsafe(24)
    patch = pytest.MonkeyPatch()
    patch.setattr(directory, "settings", lambda: settings)
    patch.setenv("HIS_KEYCLOAK_DIRECTORY_SECRET", key)
    operator = {"keycloak_admin": keycloak.admin_user, "keycloak_admin_password": keycloak.admin_password}
    admin = connect(settings.model_copy(update=operator))
    with cloned_hospital([registry.app(name) for name in (*APPS, *extra)]) as hospital:
        real = TokenVerifier(settings.issuer, "his", settings.jwks_url, denied=hospital.runtime.deny_list)
        hospital.runtime.verifier = BothVerifiers(hospital.verifier, real, settings.issuer)  # type: ignore[assignment]
        world = World(hospital, open_consortium(hospital), admin, settings)
        try:
            with hospital.tx("hq") as tx:
                wanted = sso.declaration(tx, settings)
            assert wanted.directory_secret == key
            provision(admin, wanted)
            world.settle()
            admin.change_current_realm(settings.keycloak_realm)
            yield world
        finally:
            world.close()
            patch.undo()
            admin.change_current_realm("master")
            admin.delete_realm(settings.keycloak_realm)
