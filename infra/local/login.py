"""Signs a person on as the browser does: authorization code with PKCE through the server's own login page.

For the demonstration, tests and load tests. No password grant exists in the realm, so there is no shorter way.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import secrets
import ssl
import threading
import time
from functools import cache
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx

from shared.settings import settings

_RENEW_BEFORE_SECONDS = 60.0
_ERROR = "kc-error-message"


class LoginRefused(Exception):
    """The login page said no, in its own words."""


class SignOnBroken(LoginRefused):
    """An error page instead of the form, as when the realm lost its database half way: a person begins again."""


class RealmDown(httpx.TransportError):
    """The realm failed to answer (5xx), as it does while its database restarts: the same again may go well."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-on yields. `expires_at` is the Unix second at which the access token ends."""

    access: str = dataclasses.field(repr=False)
    refresh: str = dataclasses.field(repr=False)
    expires_at: float


def login(
    keycloak_url: str,
    realm: str,
    username: str,
    password: str,
    client_id: str = "his-web",
    *,
    redirect_uri: str | None = None,
    http: httpx.Client | None = None,
) -> Tokens:
    """Sign on. Raises LoginRefused with the page's message (wrong password, locked, disabled, password to be changed),
    RealmDown when the realm itself failed.

    `redirect_uri` must be one the client may use; nothing listens there, the code is read from the redirect itself.
    """
    if http is None:
        with _client() as own:
            return login(keycloak_url, realm, username, password, client_id, redirect_uri=redirect_uri, http=own)
    redirect_uri = redirect_uri or f"{settings().host_url}/"
    endpoint = _endpoint(keycloak_url, realm)
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    page = _sound(
        http.get(
            f"{endpoint}/auth",
            params={
                "client_id": client_id,
                "redirect_uri": redirect_uri,
                "response_type": "code",
                "scope": "openid",
                "state": state,
                "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
                .rstrip(b"=")
                .decode(),
                "code_challenge_method": "S256",
            },
        )
    )
    form = _Page.read(page)
    if form.action is None:
        raise form.refusal(f"no login form (status {page.status_code})")
    # The cookies are marked Secure; a browser sends them to a loopback address all the same, a cookie jar doesn't.
    cookies = "; ".join(cookie.partition(";")[0] for cookie in page.headers.get_list("set-cookie"))
    answer = _sound(
        http.post(form.action, data={"username": username, "password": password}, headers={"Cookie": cookies})
    )
    if not answer.has_redirect_location:
        asked = _Page.read(answer)
        raise asked.refusal(f"the realm asks: {asked.title} (status {answer.status_code})")
    target = answer.headers["Location"]
    if not target.startswith(redirect_uri):  # a required action: change the password, set up a second factor
        raise LoginRefused(f"sent on to {urlsplit(target).path.rsplit('/', 1)[-1]}")
    reply = parse_qs(urlsplit(target).query)
    if reply.get("state") != [state] or "code" not in reply:
        raise LoginRefused(reply.get("error_description", reply.get("error", ["no code"]))[0])
    return _tokens(
        http,
        endpoint,
        grant_type="authorization_code",
        code=reply["code"][0],
        redirect_uri=redirect_uri,
        client_id=client_id,
        code_verifier=verifier,
    )


def refresh(
    keycloak_url: str, realm: str, tokens: Tokens, client_id: str = "his-web", *, http: httpx.Client | None = None
) -> Tokens:
    """New tokens for old. The refresh token rotates: the old one used again ends the session. Raises LoginRefused."""
    if http is None:
        with _client() as own:
            return refresh(keycloak_url, realm, tokens, client_id, http=own)
    return _tokens(
        http,
        _endpoint(keycloak_url, realm),
        grant_type="refresh_token",
        refresh_token=tokens.refresh,
        client_id=client_id,
    )


def device_login(keycloak_url: str, realm: str, client_id: str, secret: str) -> Tokens:
    """Sign a device on by client credentials. It gets no refresh token."""
    with _client() as http:
        return _tokens(
            http,
            _endpoint(keycloak_url, realm),
            grant_type="client_credentials",
            client_id=client_id,
            client_secret=secret,
        )


class TokenSource:
    """An access token that is always good, for many threads: renewed, or signed on anew, 60 s before its end."""

    def __init__(
        self,
        keycloak_url: str,
        realm: str,
        username: str,
        password: str,
        client_id: str = "his-web",
        *,
        redirect_uri: str | None = None,
    ) -> None:
        self._where = (keycloak_url, realm)
        self._who = (username, password)
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None

    def access_token(self) -> str:
        """The token to send now. Raises LoginRefused, RealmDown."""
        tokens = self._tokens
        if tokens is None or not _lasts(tokens):
            with self._lock:
                tokens = self._tokens
                if tokens is None or not _lasts(tokens):
                    tokens = self._tokens = self._renew(tokens)
        return tokens.access

    def forget(self, access: str) -> None:
        """An access token is taken no longer, as after a second sign-on of the same person: the next one is new."""
        with self._lock:
            if self._tokens is not None and self._tokens.access == access:
                self._tokens = None

    def sign_out(self) -> None:
        """End the session, as who leaves a screen does."""
        with self._lock:
            tokens, self._tokens = self._tokens, None
        if tokens is not None:
            with _client() as http:
                form = {"client_id": self._client_id, "refresh_token": tokens.refresh}
                http.post(f"{_endpoint(*self._where)}/logout", data=form)

    def _renew(self, tokens: Tokens | None) -> Tokens:
        if tokens is not None:
            try:
                return refresh(*self._where, tokens, self._client_id)
            except LoginRefused:  # the session ended meanwhile
                pass
        return login(*self._where, *self._who, self._client_id, redirect_uri=self._redirect_uri)


def _lasts(tokens: Tokens) -> bool:
    return time.time() < tokens.expires_at - _RENEW_BEFORE_SECONDS


def _client() -> httpx.Client:
    return httpx.Client(timeout=30, trust_env=False, verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    """Read once: the authorities take 20 ms of a processor, longer than a sign-on's own work here."""
    return httpx.create_ssl_context(trust_env=False)


def _endpoint(keycloak_url: str, realm: str) -> str:
    return f"{keycloak_url.rstrip('/')}/realms/{realm}/protocol/openid-connect"


def _sound(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 500:
        raise RealmDown(f"the realm answered {answer.status_code}", request=answer.request)
    return answer


def _tokens(http: httpx.Client, endpoint: str, **form: str) -> Tokens:
    asked_at = time.time()
    answer = _sound(http.post(f"{endpoint}/token", data=form))
    body = answer.json()
    if answer.status_code != 200:
        raise LoginRefused(body.get("error_description") or body.get("error") or f"status {answer.status_code}")
    return Tokens(
        access=body["access_token"], refresh=body.get("refresh_token", ""), expires_at=asked_at + body["expires_in"]
    )


class _Page(HTMLParser):
    """The login page, or the error page in its place: where its form goes, what it complains of, what it is called."""

    _MESSAGE_IDS = frozenset({"input-error", "input-error-username", "input-error-password", _ERROR})

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.message = ""
        self.title = ""
        self.is_error = False
        self._inside: str | None = None
        self._names = False

    @classmethod
    def read(cls, answer: httpx.Response) -> _Page:
        page = cls()
        page.feed(answer.text)
        page.message = " ".join(page.message.split())
        page.title = " ".join(page.title.split())
        return page

    def refusal(self, without_words: str) -> LoginRefused:
        """What the page says no with."""
        return (SignOnBroken if self.is_error else LoginRefused)(self.message or without_words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "form" and named.get("id") == "kc-form-login":
            self.action = named.get("action")
        if self._inside is None and named.get("id") in self._MESSAGE_IDS:
            self._inside = tag
        self._names = named.get("id") == "kc-page-title"
        self.is_error |= named.get("id") == _ERROR

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.message += data
        if self._names:
            self.title += data
