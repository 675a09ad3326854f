"""Devices, patients and programs at the realm, and everything that must never be written down."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import jwt

from infra.local.login import device_login
from infra.simulators.wechat_login import WeChatLoginSimulator
from tests.platform.conftest import ok
from tests.platform.realm import World
from tests.support.hospital import Caller

SSO = "/api/platform/sso"


class Listener(logging.Handler):
    """Everything any part of the product writes to a log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.getMessage()} {record.__dict__.get('fields', '')} {record.exc_info}")


def enrolled(world: World, secrets: set[str], code: str, kind: str, campus: str = "hq") -> dict[str, Any]:
    """A device through its administrator, with its secret."""
    body = {"code": code, "kind": kind, "title": code, "owner": "信息科"}
    device = ok(world.hospital.caller("system_admin", campus=campus).post(f"{SSO}/devices", body))
    secrets.add(device["secret"])
    return device


def signed_on(world: World, secrets: set[str], device: dict[str, Any]) -> Caller:
    tokens = device_login(
        world.settings.keycloak_url, world.settings.keycloak_realm, device["client_id"], device["secret"]
    )
    secrets.add(tokens.access)
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    return Caller(world.hospital.client, tokens.access, claims["campus"], claims["sub"], UUID(int=0))


def patient(world: World, secrets: set[str], gateway: Caller, wechat: WeChatLoginSimulator, openid: str) -> Caller:
    """A WeChat user, signed on through the mini-program's gateway."""
    code = wechat.issue(openid)
    answer = ok(gateway.post(f"{SSO}/patient-logins", {"code": code}))
    assert answer["state"] == "done"
    secrets.update({code, openid, answer["access_token"], answer["refresh_token"]})
    return Caller(world.hospital.client, answer["access_token"], "hq", answer["account_id"], UUID(int=0))


def renewed(world: World, secrets: set[str], gateway: Caller, wechat: WeChatLoginSimulator, openid: str) -> Caller:
    """Signed on again until accepted: a token of the very second of a change is refused."""
    for _ in range(20):
        world.see_deny_list()
        one = patient(world, secrets, gateway, wechat, openid)
        if one.get(f"{SSO}/my/persons").status_code == 200:
            return one
        time.sleep(0.1)
    raise AssertionError(f"no token is accepted: {one.get(f'{SSO}/my/persons').text}")


def badge(world: World, secrets: set[str], staff_id: UUID, card: str, pin: str) -> None:
    body = {"card_no": card, "pin": pin}
    ok(world.consortium.security.post(f"{SSO}/staff/{staff_id}/badge", body))
    secrets.update({pin, card})


def written_down(world: World, secrets: set[str], listener: Listener) -> list[tuple[str, str]]:
    """Tables, kept answers and logs that hold a secret, with its first letters."""
    tables = world.hospital.rows(
        "SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables WHERE schemaname <> 'public'"
    )
    assert {"kernel.outbox", "kernel.audit_entries", "kernel.idempotent_answers", "platform.badges"} <= {
        row["name"] for row in tables
    }
    kept = {
        row["name"]: "\n".join(
            one["line"]
            for one in world.hospital.rows(
                f"SELECT encode(convert_to(t::text, 'UTF8'), 'escape') AS line FROM {row['name']} t"
            )
        )
        for row in tables
    }
    answers = world.hospital.rows("SELECT body FROM kernel.idempotent_answers")
    kept["kernel.idempotent_answers"] += "\n".join(bytes(row["body"]).decode() for row in answers)
    kept["log"] = "\n".join(listener.lines)
    return [(name, secret[:6]) for name, text in kept.items() for secret in secrets if secret in text]


@contextmanager
def programs_told() -> Iterator[tuple[str, list[dict[str, Any]], threading.Semaphore]]:
    """Where programs are told that a session has ended: address, what they were told, one permit for each."""
    heard: list[dict[str, Any]] = []
    arrived = threading.Semaphore(0)

    class Program(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            heard.append(jwt.decode(form["logout_token"][0], options={"verify_signature": False}))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            arrived.release()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Program)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", heard, arrived
    server.shutdown()
    thread.join(5)
    server.server_close()
