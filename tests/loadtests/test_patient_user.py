"""Patients of the load test: signed on through a simulated WeChat, judged with the day, left out without one."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.local.keycloak import Keycloak
from infra.simulators.wechat_login import WeChatLoginSimulator
from shared.settings import REPOSITORY, Settings
from tests.journeys.test_morning import PASSWORD, host, house, monkeypatch_module
from tests.journeys.test_morning import outside as channels
from tests.support.hospital import Hospital

__all__ = ["channels", "host", "house", "monkeypatch_module"]

APP, SECRET = "wx-load", "wechat-app-secret-of-the-load-test"


@pytest.fixture(scope="module")
def wechat() -> Iterator[str]:
    """WeChat, and the phones of its users: POST /control/wechat_login/codes gives what wx.login() would."""
    simulator = WeChatLoginSimulator(APP, SECRET)

    class Town(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            pairs = dict(one.partition("=")[::2] for one in query.split("&") if one)
            self._say({} if path == "/control/wechat_login" else simulator.answer(pairs))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._say({"code": simulator.issue(asked["openid"])})

        def _say(self, answer: Mapping[str, object]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: the address of a request holds the secret."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Town)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(5)
    server.server_close()


def told(url: str) -> dict[str, str]:
    return {
        "HIS_WECHAT_LOGIN_URL": url,
        "HIS_WECHAT_LOGIN_APPID": APP,
        "HIS_WECHAT_LOGIN_SECRET": SECRET,
    }


@pytest.fixture(scope="module")
def outside(channels: dict[str, str], wechat: str, keycloak: Keycloak) -> dict[str, str]:
    """What the host is told: the town, WeChat's sign-on among it, and the keys of the realm it keeps."""
    realm = {
        "HIS_KEYCLOAK_ADMIN": keycloak.admin_user,
        "HIS_KEYCLOAK_ADMIN_PASSWORD": keycloak.admin_password,
        "HIS_DEMO_PASSWORD": PASSWORD,
    }
    return {**channels, **told(wechat), **realm}


def played(house: Settings, extra: Mapping[str, str], *options: str) -> tuple[int, str]:
    """A short day under Locust: its verdict and what it printed."""
    given = {f"HIS_{name.upper()}": str(value) for name, value in house.model_dump().items() if value is not None}
    whole = ["--headless", "--only-summary", "--seed", "23", "--speed", "60", *options]
    day = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", *whole],
        cwd=REPOSITORY,
        env={**os.environ, **given, **extra, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    return day.returncode, day.stdout


def test_patients_are_part_of_the_day_and_of_its_verdict(
    house: Settings, hospital: Hospital, outside: dict[str, str]
) -> None:
    verdict, said = played(house, outside, "--visits", "400", "--begins", "08:00", "--ends", "08:20")
    assert verdict == 0, said
    found = re.search(r'^\{"signed_on": .*$', said, re.MULTILINE)
    assert found is not None, said
    visits = json.loads(found.group())
    assert visits["families"] > 0
    assert visits["registers"] >= 2 * visits["families"], "parent and child, each register read to its end"
    assert visits["entries"] > visits["registers"]
    bound = hospital.rows("SELECT relation, proof FROM platform.account_links")
    assert {(row["relation"], row["proof"]) for row in bound} == {("self", "real_name"), ("child", "guardian")}
    kept = Path(house.secrets_dir) / "load-miniprogram.json"
    assert kept.stat().st_mode & 0o077 == 0, "the gateway's secret is its owner's alone"


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({}, "no WeChat log-in simulator behind"),
        (told("https://wechat.example"), "no WeChat log-in simulator behind"),
        (told("http://127.0.0.1:9"), "no WeChat log-in simulator answers at"),
        ({**told("http://127.0.0.1:9"), "HIS_WECHAT_LOGIN_SECRET": ""}, "no WeChat log-in simulator behind"),
    ],
)
def test_without_a_simulator_patients_stay_away_and_the_report_says_why(extra: dict[str, str], reason: str) -> None:
    program = (
        "import loadtests.locustfile as day, sys; print([u.__name__ for u in day._found()], day.Patient.left_out())"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HIS_WECHAT_LOGIN")}
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**clean, "HIS_DATABASE_URL": "postgresql://nowhere", **extra, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Patient" not in said
    assert "Registrar" in said
    assert reason in said
