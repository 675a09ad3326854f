"""An old program that speaks CAS, as its maker would build it, and a real address in front of the host."""

import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from starlette.testclient import TestClient

from infra.local.keycloak import Keycloak
from tests.platform.realm import PASSWORD, Browser, Refused, World, action_of, opened_world, text_of

CAS = "/api/platform/sso/cas"
SPACE = {"cas": "http://www.yale.edu/tp/cas"}


class Front:
    """The address people, programs and the realm reach the host by."""

    def __init__(self) -> None:
        self.client: TestClient | None = None
        front = self

        class Handler(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                assert front.client is not None
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                front.client.cookies.clear()
                answer = front.client.request(
                    self.command, self.path, headers=headers, content=body, follow_redirects=False
                )
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name.lower() != "content-length":
                        self.send_header(name, value)
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = _pass

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


class Heard:
    """A program's own web server: it takes logout requests and says what it was sent."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.arrived = threading.Semaphore(0)
        self.status = 200
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                heard.told.append(form["logoutRequest"][0])
                self.send_response(heard.status)
                self.send_header("content-length", "0")
                self.end_headers()
                heard.arrived.release()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/lis/login.jsp"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def tickets(self) -> list[str]:
        """The sessions that were ended, as appendix C names them."""
        names = {"p": "urn:oasis:names:tc:SAML:2.0:protocol"}
        found = []
        for one in self.told:
            root = ET.fromstring(one)  # noqa: S314  our own product's
            assert root.tag == f"{{{names['p']}}}LogoutRequest"
            assert root.get("Version") == "2.0"
            found.append(root.findtext("p:SessionIndex", namespaces=names) or "")
        return found

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


@contextmanager
def listening() -> Iterator[Heard]:
    one = Heard()
    try:
        yield one
    finally:
        one.stop()


class Program:
    """A CAS client: the prefix it is set up with, and its own address."""

    def __init__(self, cas_url: str, service: str) -> None:
        self.cas_url, self.service = cas_url, service
        self._http = httpx.Client(trust_env=False, timeout=30)

    def sign_on(self, browser: Browser, username: str = "", password: str = PASSWORD, **asked: str) -> str:
        """Send a browser to sign on; gives the ticket it comes back with, or nothing. Raises Refused."""
        page = browser.ask("GET", f"{self.cas_url}/login?{urlencode({'service': self.service, **asked})}")
        return self.followed(browser, page, username, password)

    def followed(self, browser: Browser, page: httpx.Response, username: str = "", password: str = PASSWORD) -> str:
        for _ in range(8):
            address = page.headers.get("location", "")
            if page.status_code == 302 and address.startswith(self.service):
                return parse_qs(urlsplit(address).query).get("ticket", [""])[0]
            if page.status_code == 302:
                page = browser.ask("GET", address)
            elif page.status_code == 200 and 'name="password"' in page.text and username:
                page = browser.ask("POST", action_of(page), data={"username": username, "password": password})
            else:
                raise Refused(text_of(page))
        raise Refused("goes round in circles")

    def ask(self, path: str, **asked: str) -> httpx.Response:
        return self._http.get(f"{self.cas_url}/{path}", params=asked)

    def validate(self, ticket: str, path: str = "p3/serviceValidate", **asked: str) -> dict[str, Any]:
        """What the ticket proves: `user` and `attributes`, or `code`. By XML, as programs read it."""
        answer = self.ask(path, service=self.service, ticket=ticket, **asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/xml")
        root = ET.fromstring(answer.text)  # noqa: S314  our own product's
        failure = root.find("cas:authenticationFailure", SPACE)
        if failure is not None:
            assert failure.text
            return {"code": failure.get("code")}
        [success] = root.findall("cas:authenticationSuccess", SPACE)
        told: dict[str, list[str]] = {}
        for one in success.findall("cas:attributes/*", SPACE):
            told.setdefault(one.tag.rpartition("}")[2], []).append(one.text or "")
        return {"user": success.findtext("cas:user", namespaces=SPACE), "attributes": told}

    def close(self) -> None:
        self._http.close()


@contextmanager
def fronted_world(keycloak: Keycloak) -> Iterator[World]:
    """A hospital and its realm with a real address in front."""
    front = Front()
    try:
        with opened_world(keycloak, host_url=front.url) as world:
            front.client = TestClient(world.hospital.api, raise_server_exceptions=False)
            yield world
    finally:
        front.stop()
