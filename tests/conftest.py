"""Fixtures of every test.

hospital       one per test file: a cloned database, every function in one host, callers with tokens
postgres       the running test server (infra.local.postgres.Postgres)
object_store   the running S3 server (infra.local.storage.Storage)
keycloak       the running Keycloak (infra.local.keycloak.Keycloak), without a realm of ours
"""

import gc
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import hypothesis
import pytest

from infra.local.keycloak import Keycloak
from infra.local.postgres import Postgres
from infra.local.storage import Storage
from tests.shared.storage_probe import Bucket
from tests.support import services
from tests.support.hospital import Hospital, cloned_hospital

gc.disable()  # until everything is imported
os.environ.setdefault("HIS_COLUMN_KEYS", "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    return services.postgres()


@pytest.fixture(scope="session")
def object_store() -> Storage:
    return services.object_store()


@pytest.fixture(scope="module")
def bucket(object_store: Storage) -> Iterator[Bucket]:
    """A bucket of a test file's own in the real object store."""
    keys = object_store.credentials
    own = Bucket(object_store.address, keys.s3_access_key, keys.s3_secret_key)
    yield own
    own.drop()


@pytest.fixture
def pictures_store(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The organisation keeps its pictures in the bucket of this file."""
    from functions.organisation.structure import client

    store = bucket.store()
    monkeypatch.setattr(client, "object_store", lambda: store)


@pytest.fixture(scope="session")
def keycloak() -> Keycloak:
    return services.keycloak()


@pytest.fixture(scope="module")
def hospital(request: pytest.FixtureRequest) -> Iterator[Hospital]:
    """A hospital of the file's own; its clock begins at the file's BEGINS, or now."""
    with cloned_hospital() as one:
        if begins := getattr(request.module, "BEGINS", None):
            one.clock.set(begins)
        yield one


def _stay_on_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    """No test talks to anybody outside: a connection beyond the loopback is an error wherever it is made."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if host != "localhost" and not ip_address(host.partition("%")[0]).is_loopback:
            raise PermissionError(f"a test wanted to connect to {host}")


sys.addaudithook(_stay_on_this_machine)

# A busy machine makes examples slowly; that says nothing about the code they try.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
hypothesis.settings.load_profile("house")

RUN = pytest.StashKey[services.Run]()
LONG = (
    "patients/test_index_legacy.py",
    "contracts/test_openapi.py",
    "platform/test_sso_staff.py",
    "journeys/test_morning.py",
    "operations/test_adding_a_module.py",
    "journeys/test_kill.py",
    "payments/test_billing_machine_fails.py",
)
"""Files that take a minute or more: they begin first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))


def pytest_collection_finish() -> None:
    """What was imported by now stays: the collector need not look through it again and again, a fifth of all time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(5_000, 20, 50)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = services.Run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].leave()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many acceptance cases of each specification ran, and how many passed."""
    outcomes: dict[str, dict[int, bool]] = defaultdict(dict)
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for spec, number in dict(getattr(report, "user_properties", ())).get("cases", []):
                passed = outcome == "passed" and outcomes[spec].get(number, True)
                outcomes[spec][number] = passed
    if outcomes:
        terminalreporter.section("acceptance cases")
        for spec, cases in sorted(outcomes.items()):
            passed = sorted(number for number, good in cases.items() if good)
            terminalreporter.write_line(f"{spec}: {len(passed)} of {len(cases)} passing ({passed})")


@pytest.fixture(autouse=True)
def _record_cases(request: pytest.FixtureRequest, record_property: Any) -> None:
    cases = [tuple(mark.args) for mark in request.node.iter_markers("case")]
    if cases:
        record_property("cases", cases)
