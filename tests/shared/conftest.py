"""Fixtures of the kernel's tests: a hospital without functions, a bucket of each file's own, the worker's database, a
realm in memory."""

from collections.abc import Iterator

import pytest

from shared.database.engine import Database
from shared.identity.tokens import TokenVerifier
from shared.storage import ObjectStore
from tests.shared.identity_realm import Clock, Realm, make_verifier
from tests.shared.storage_probe import Bucket
from tests.support.hospital import Hospital, cloned_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """A hospital without functions: what is tested here stands below them."""
    with cloned_hospital([]) as one:
        yield one


@pytest.fixture(scope="module")
def store(bucket: Bucket) -> ObjectStore:
    return bucket.store()


@pytest.fixture(scope="module")
def worker(hospital: Hospital) -> Iterator[Database]:
    database = Database(hospital.settings.worker_database_url, 1, name="storage sweeps")
    yield database
    database.close()


@pytest.fixture
def realm() -> Realm:
    return Realm()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(realm: Realm, clock: Clock) -> TokenVerifier:
    return make_verifier(realm, clock)
