"""The whole house: Keycloak, a host and a worker as processes, and a morning played through HTTP with real tokens."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local import probe
from infra.local.keycloak import Keycloak
from infra.local.process import until
from loadtests import demo
from shared.identity.keycloak_admin import connect
from shared.settings import REPOSITORY, Settings
from tests.support.hospital import Hospital
from tests.support.processes import HostProcess
from tests.support.services import free_port

PASSWORD = "Wander-Kiefer-58"


class House(HostProcess):
    """A host that pays through the town's simulated channels and hears of them."""

    def __init__(self, settings: Settings, keycloak_url: str, outside: dict[str, str]) -> None:
        super().__init__(settings, keycloak_url)
        # Its own: who keeps a realm keeps it as one host declares it, and tests run side by side.
        self.realm = f"house-{uuid4().hex[:8]}"
        self._environment |= {**outside, "HIS_PUBLIC_URL": self.address, "HIS_KEYCLOAK_REALM": self.realm}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, keycloak: Keycloak) -> Iterator[dict[str, str]]:
    """The town as a process: payment channels, the receipt platform, WeChat's sign-on; settings that point to it."""
    folder, port, receipts = tmp_path_factory.mktemp("outside") / "secrets", free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    given = {
        "HIS_SECRETS_DIR": str(folder),
        "HIS_WECHAT_PAY_URL": url,
        "HIS_ALIPAY_URL": f"{url}/gateway.do",
        "HIS_ECNY_URL": url,
        "HIS_RECEIPTS_URL": f"http://127.0.0.1:{receipts}",
        "HIS_RECEIPTS_APP_ID": "hospital",
        "HIS_RECEIPTS_KEY": "shared-by-both",
        "HIS_WECHAT_LOGIN_URL": url,
        "HIS_WECHAT_LOGIN_APPID": "wx-town",
        "HIS_WECHAT_LOGIN_SECRET": "wechat-app-secret-of-the-town",
        # Gateways and patients get accounts in the realm.
        "HIS_KEYCLOAK_ADMIN": keycloak.admin_user,
        "HIS_KEYCLOAK_ADMIN_PASSWORD": keycloak.admin_password,
        "HIS_DEMO_PASSWORD": PASSWORD,
    }
    options = ["--port", str(port), "--receipts-port", str(receipts), "--secrets", str(folder)]
    simulators = subprocess.Popen(
        [sys.executable, "-m", "infra.simulators", *options],
        cwd=REPOSITORY,
        env={**os.environ, **given, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
    )
    try:
        assert until(lambda: probe.body(f"{url}/control/wechat") is not None, 60.0)
        yield given
    finally:
        simulators.terminate()
        simulators.wait(30)


@pytest.fixture(scope="module")
def host(hospital: Hospital, keycloak: Keycloak, outside: dict[str, str]) -> House:
    return House(hospital.settings, keycloak.url, outside)


@pytest.fixture(scope="module")
def house(
    hospital: Hospital,
    host: House,
    outside: dict[str, str],
    keycloak: Keycloak,
    monkeypatch_module: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    settings = Settings(
        **{
            **hospital.settings.model_dump(),
            "keycloak_url": keycloak.url,
            "keycloak_realm": host.realm,
            "keycloak_admin": keycloak.admin_user,
            "keycloak_admin_password": keycloak.admin_password,
            "host_url": host.address,
            "demo_password": PASSWORD,
            "public_url": host.address,
            "secrets_dir": outside["HIS_SECRETS_DIR"],
            "wechat_pay_url": outside["HIS_WECHAT_PAY_URL"],
            "alipay_url": outside["HIS_ALIPAY_URL"],
            "ecny_url": outside["HIS_ECNY_URL"],
        }
    )
    # The log-in helper asks the process's settings where the browser is sent back to.
    monkeypatch_module.setattr("infra.local.login.settings", lambda: settings)
    demo.found(settings)
    from infra.his.identity import synchronise

    synchronise(settings)
    host.start()
    worker = subprocess.Popen(
        [sys.executable, "-m", "events.worker"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "HIS_WORKER_DATABASE_URL": settings.worker_database_url,
            "HIS_DATABASE_URL": settings.database_url,
            "HIS_AUDITOR_DATABASE_URL": settings.auditor_database_url,
            "HIS_HOST_URL": host.address,
            "HIS_WORKER_HOST": "127.0.0.1",
            "HIS_WORKER_PORT": str(free_port()),
        },
        stdout=subprocess.DEVNULL,
    )
    yield settings
    worker.terminate()
    worker.wait(30)
    host.stop()
    connect(settings).delete_realm(host.realm)


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.case("P-organisation", 1)
def test_a_morning_at_both_campuses_adds_up(
    house: Settings, hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    """A branch opened by data, staff engaged and signed on, patients served, shifts closed, events delivered."""
    verdict = demo.play(house, patients=30, seed=7)
    told = capsys.readouterr().out
    assert verdict == 0, told
    assert "30 were served" in told
    scanned = (
        "SELECT count(DISTINCT campus_id) FROM payments.tenders WHERE state = 'received' AND payment_id IS NOT NULL"
    )
    assert hospital.value(scanned) == 2, "patients of both campuses paid by their phones"
    assert hospital.value("SELECT count(*) FROM payments.tenders WHERE method = 'cash'") > 0
    assert hospital.value("SELECT count(DISTINCT campus_id) FROM outpatient.visits") == 2
    assert "0 not yet delivered" in told
    assert hospital.value("SELECT count(*) FROM payments.shifts WHERE state <> 'received' AND kind = 'counter'") == 0


def test_the_audit_chain_of_the_morning_holds(house: Settings, hospital: Hospital) -> None:
    from shared.audit import verify
    from shared.database.engine import Database

    database = Database(house.auditor_database_url, 1)
    try:
        report = verify(database)
    finally:
        database.close()
    assert report.ok, report
    assert {chain.campus_id for chain in report.chains} >= {"hq", "mch"}


def test_a_clinic_hour_under_load_with_kills_adds_up(
    house: Settings, hospital: Hospital, host: HostProcess, outside: dict[str, str], tmp_path: Path
) -> None:
    """Locust replays the busiest minutes while functions are killed: no cent, number or event is missing or doubled.

    Families sign on through WeChat meanwhile and read who opened their records.
    """
    options = ["--headless", "--only-summary", "--html", str(tmp_path / "report.html"), "--seed", "11"]
    options += ["--visits", "680", "--begins", "08:00", "--ends", "08:40", "--speed", "120"]
    given = {f"HIS_{name.upper()}": str(value) for name, value in house.model_dump().items() if value is not None}
    visits = "SELECT count(*) FROM outpatient.visits"
    before = hospital.value(visits)
    with (tmp_path / "locust.log").open("wb") as log:
        locust = subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", *options],
            cwd=REPOSITORY,
            env={**os.environ, **given, **outside, "PYTHONPATH": str(REPOSITORY)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def said() -> str:
        return (tmp_path / "locust.log").read_text()

    def verdict() -> str:
        """What did not add up: the table of calls, which comes after it, would push it out of a long report."""
        return "\n".join(re.findall(r"^(?:\{.*|Events: .*|  wrong: .*)$", said(), re.MULTILINE))

    for served in (5, 20):  # the replay goes on by the clock: a busy machine serves fewer before it ends
        come = until(lambda served=served: hospital.value(visits) >= before + served, 120.0)
        assert come, said()
        host.kill()
        host.start()
    assert locust.wait(300) == 0, verdict() or said()
    assert hospital.value(visits) > before + 20
    assert (tmp_path / "report.html").stat().st_size > 10_000
    patients = re.search(r'^\{"signed_on": .*$', said(), re.MULTILINE)
    assert patients is not None, said()
    seen = json.loads(patients.group())
    assert seen["families"] > 0
    assert seen["registers"] >= 2 * seen["families"], "parent and child, each register read to its end"
    assert seen["entries"] > seen["registers"]
    bound = hospital.rows("SELECT relation, proof FROM platform.account_links")
    assert {(row["relation"], row["proof"]) for row in bound} == {("self", "real_name"), ("child", "guardian")}
    kept = Path(house.secrets_dir) / "load-miniprogram.json"
    assert kept.stat().st_mode & 0o077 == 0, "the gateway's secret is its owner's alone"
