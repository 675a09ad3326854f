"""What a new data centre gets: roles, databases, buckets, campuses; and that a second run changes nothing."""

import io
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.error import S3Error
from typer.testing import CliRunner

from infra.his import buckets
from infra.his.cli import app
from infra.local.postgres import LOGIN_ROLES, SEARCH_ROLE, Postgres
from infra.local.storage import Storage
from shared.settings import settings
from tests.support.hospital import Hospital

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


# -- the database


def addresses(server: Postgres) -> dict[str, str]:
    return {
        "HIS_ADMIN_DATABASE_URL": server.superuser_dsn(),
        "HIS_OWNER_DATABASE_URL": server.dsn("his_owner"),
        "HIS_DATABASE_URL": server.dsn("his_app"),
        "HIS_WORKER_DATABASE_URL": server.dsn("his_worker"),
        "HIS_AUDITOR_DATABASE_URL": server.dsn("his_auditor"),
    }


def rights(server: Postgres) -> dict[str, tuple[Any, ...]]:
    question = "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication, rolcanlogin"
    with psycopg.connect(server.superuser_dsn()) as connection:
        return {row[0]: row[1:] for row in connection.execute(f"{question} FROM pg_roles WHERE rolname LIKE 'his%'")}


def test_roles_are_what_they_should_be_however_often(postgres: Postgres) -> None:
    for _ in range(2):
        done = RUNNER.invoke(app, ["prepare", "database"], env=addresses(postgres))
        assert done.exit_code == 0, done.output
        for role in LOGIN_ROLES:
            with psycopg.connect(postgres.dsn(role)) as connection:
                assert connection.execute("SELECT current_user").fetchone() == (role,)
    seen = rights(postgres)
    for role in LOGIN_ROLES:
        assert seen[role] == (False, False, False, False, False, True)
    assert seen[SEARCH_ROLE] == (False, False, False, False, False, False)


def test_rights_given_by_hand_are_taken_back(postgres: Postgres) -> None:
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
        connection.execute("ALTER ROLE his_auditor CREATEDB BYPASSRLS")
    done = RUNNER.invoke(app, ["prepare", "database"], env=addresses(postgres))
    assert done.exit_code == 0, done.output
    assert rights(postgres)["his_auditor"] == (False, False, False, False, False, True)


def test_it_says_what_is_not_set(postgres: Postgres) -> None:
    given = addresses(postgres) | {"HIS_ADMIN_DATABASE_URL": "", "HIS_WORKER_DATABASE_URL": ""}
    done = RUNNER.invoke(app, ["prepare", "database"], env=given)
    assert done.exit_code == 1
    assert "HIS_WORKER_DATABASE_URL" in done.output
    assert "HIS_ADMIN_DATABASE_URL" in done.output


# -- the store


@pytest.fixture
def store(object_store: Storage, monkeypatch: pytest.MonkeyPatch) -> Minio:
    monkeypatch.setattr(buckets, "RECORDS", f"records-{uuid.uuid4().hex[:8]}")
    keys = object_store.credentials
    return buckets.client(object_store.endpoint, keys.s3_access_key, keys.s3_secret_key, secure=False)


def test_files_keep_their_versions(store: Minio) -> None:
    name = f"files-{uuid.uuid4().hex[:8]}"
    first = list(buckets.make(store, name, f"{name}-backup"))
    assert any("made" in line for line in first)
    store.put_object(name, "a", io.BytesIO(b"before"), 6)
    store.put_object(name, "a", io.BytesIO(b"after"), 5)
    store.remove_object(name, "a")
    versions = [one for one in store.list_objects(name, include_version=True) if not one.is_delete_marker]
    assert {store.get_object(name, "a", version_id=one.version_id).read() for one in versions} == {b"before", b"after"}
    again = list(buckets.make(store, name, f"{name}-backup"))
    assert not [line for line in again if "made" in line or "now" in line]


def test_a_signed_record_cannot_be_destroyed(store: Minio) -> None:
    name = f"files-{uuid.uuid4().hex[:8]}"
    list(buckets.make(store, name, f"{name}-backup"))
    written = store.put_object(buckets.RECORDS, "record", io.BytesIO(b"signed"), 6)
    kept = store.get_object_retention(buckets.RECORDS, "record")
    assert kept is not None
    assert kept.mode == COMPLIANCE
    assert kept.retain_until_date > datetime.now(UTC) + timedelta(days=365 * buckets.SIGNED_YEARS - 1)
    with pytest.raises(S3Error):
        store.remove_object(buckets.RECORDS, "record", version_id=written.version_id)


# -- a campus

CAMPUS = {
    "code": "tcm",
    "letter": "T",
    "name": "县中医院",
    "short_name": "中医院",
    "price_level": "secondary",
    "address": "建中东路56号",
    "founders": [{"staff_no": "30001", "name": "覃志明", "category": "management", "posts": ["campus_admin"]}],
}
HEAD = CAMPUS | {
    "code": "hq",
    "letter": "H",
    "name": "县人民医院",
    "short_name": "总院",
    "price_level": "tertiary",
    "founders": [{"staff_no": "10001", "name": "张小文", "category": "management", "posts": ["consortium_admin"]}],
}


def opened(hospital: Hospital, document: object) -> Any:
    dsn = hospital.server.dsn
    given = {
        "HIS_DATABASE_URL": dsn("his_app", hospital.database),
        "HIS_AUDITOR_DATABASE_URL": dsn("his_auditor", hospital.database),
        "HIS_CAMPUS": json.dumps(document),
    }
    settings.cache_clear()
    return RUNNER.invoke(app, ["prepare", "campus"], env=given)


def campuses(hospital: Hospital) -> list[dict[str, Any]]:
    return hospital.rows("SELECT code, is_head FROM organisation.campuses ORDER BY code")


def test_campuses_open_once(hospital: Hospital) -> None:
    first = opened(hospital, HEAD)
    assert first.exit_code == 0, first.output
    for said in ("opened", "open already"):
        done = opened(hospital, CAMPUS)
        assert done.exit_code == 0, done.output
        assert said in done.output
    assert campuses(hospital) == [{"code": "hq", "is_head": True}, {"code": "tcm", "is_head": False}]


def test_a_refusal_opens_nothing(hospital: Hospital) -> None:
    before = campuses(hospital)
    done = opened(hospital, CAMPUS | {"code": "third", "price_level": "free of charge"})
    assert done.exit_code == 1
    assert "price_level" in done.output
    done = opened(hospital, CAMPUS | {"code": "third"})
    assert done.exit_code == 1, "its letter belongs to another campus"
    assert campuses(hospital) == before
