"""Configuration packages: signed, refused whole, agreed by two, in force as a whole, back as a whole."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from functions.platform.permissions import signing
from integrity.runner import run
from shared.command import kept_as
from shared.settings import Settings
from tests.platform.conftest import BASE, Consortium, ok, refused

PACKAGES = f"{BASE}/packages"
DAYS, PIN, SWITCH = "outpatient.registration.validity_days", "platform.sso.pin_failures", "feature.patient_login"


def private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of secrets with this installation's key; another installation is trusted."""
    (tmp_path / signing.SIGNING_KEY).write_bytes(private_pem(Ed25519PrivateKey.generate()))
    monkeypatch.setattr(signing, "settings", lambda: Settings(secrets_dir=tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_set(consortium: Consortium) -> None:
    consortium.hospital.execute("DELETE FROM platform.config_packages")
    consortium.hospital.execute("DELETE FROM platform.parameter_values")


def put(consortium: Consortium, key: str, value: Any, level: str = "system") -> None:
    asked = ok(
        consortium.system.post(
            f"{BASE}/parameters/{key}/values", {"level": level, "value": value, "reason": "测试环境调好"}
        )
    )
    if asked["state"] == "asked":
        ok(consortium.office.post(f"{BASE}/parameter-values/{asked['value_id']}/approve", {"version": 1}))


def values(consortium: Consortium) -> dict[str, Any]:
    return {key: ok(consortium.system.get(f"{BASE}/parameters/{key}"))["value"] for key in (DAYS, PIN, SWITCH)}


def exported(consortium: Consortium) -> dict[str, Any]:
    put(consortium, DAYS, 7)
    put(consortium, PIN, 4)
    put(consortium, SWITCH, False, "campus")
    return dict(ok(consortium.system.post(f"{PACKAGES}/export", {"note": "十一月版"})))


def imported(consortium: Consortium, file: dict[str, Any]) -> dict[str, Any]:
    return dict(ok(consortium.system.post(PACKAGES, {"file": file, "reason": "测试通过"})))


def in_force(consortium: Consortium, file: dict[str, Any]) -> dict[str, Any]:
    row = imported(consortium, file)
    ok(consortium.office.post(f"{PACKAGES}/{row['package_id']}/review", {"version": 1}))
    return dict(ok(consortium.system.post(f"{PACKAGES}/{row['package_id']}/apply", {"version": 2})))


def test_a_package_carries_what_was_set_and_goes_back_as_a_whole(consortium: Consortium) -> None:
    file = exported(consortium)
    assert {(one["key"], one["level"], one["level_id"]): one["value"] for one in file["lines"]} == {
        (DAYS, "system", ""): 7,
        (PIN, "system", ""): 4,
        (SWITCH, "campus", "hq"): False,
    }
    consortium.hospital.execute("DELETE FROM platform.parameter_values")
    put(consortium, DAYS, 2)
    before = values(consortium)
    row = imported(consortium, file)
    shown = ok(consortium.office.get(f"{PACKAGES}/{row['package_id']}/difference"))
    assert {(one["key"], one["before"], one["after"], one["risky"]) for one in shown["lines"]} == {
        (DAYS, 2, 7, False),
        (PIN, None, 4, True),
        (SWITCH, None, False, False),
    }
    path = f"{PACKAGES}/{row['package_id']}"
    refused(consortium.system.post(f"{path}/apply", {"version": 1}), 409, "permission_state")
    assert values(consortium) == before
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    events = len(consortium.hospital.events("parameter_changed"))
    done = ok(consortium.system.post(f"{path}/apply", {"version": 2}))
    assert values(consortium) == {DAYS: 7, PIN: 4, SWITCH: False}
    checked = run(consortium.hospital.settings.auditor_database_url, {"permissions.package_half_applied"})
    assert [one.holds for one in checked] == [True]
    assert len(consortium.hospital.events("parameter_changed")) == events + 3
    assert len(ok(consortium.office.get(f"{path}/difference"))["lines"]) == 3, "what it changed stays to be seen"
    refused(consortium.system.post(f"{path}/roll-back", {"version": 1, "reason": "x"}), 409, "version_conflict")
    ok(consortium.system.post(f"{path}/roll-back", {"version": done["version"], "reason": "门诊反映不合适"}))
    assert values(consortium) == before
    history = ok(consortium.security.get(f"{BASE}/parameters/{DAYS}/history"))["items"]
    assert [one["value"] for one in history] == [2, 7, 2], "nothing was rewritten"
    [latest] = ok(consortium.security.get(PACKAGES))["items"]
    assert latest["state"] == "rolled_back"


def test_what_was_changed_since_is_not_taken_back_blindly(consortium: Consortium) -> None:
    file = exported(consortium)
    consortium.hospital.execute("DELETE FROM platform.parameter_values")
    first = in_force(consortium, file)
    put(consortium, DAYS, 5)
    path = f"{PACKAGES}/{first['package_id']}/roll-back"
    answer = consortium.system.post(path, {"version": first["version"], "reason": "x"})
    assert refused(answer, 409, "package_overtaken")["keys"] == [DAYS]
    assert values(consortium) == {DAYS: 5, PIN: 4, SWITCH: False}
    second = in_force(consortium, file)
    states = {one["package_id"]: one["state"] for one in ok(consortium.security.get(PACKAGES))["items"]}
    assert states == {first["package_id"]: "superseded", second["package_id"]: "in_force"}
    refused(consortium.system.post(path, {"version": 4, "reason": "x"}), 409, "permission_state")


def test_two_people_and_the_head_hospital(consortium: Consortium) -> None:
    file = exported(consortium)
    mch = consortium.hospital.caller("system_admin", campus="mch")
    refused(mch.post(f"{PACKAGES}/export", {"note": "x"}), 422, "parameter_level")
    refused(mch.post(PACKAGES, {"file": file, "reason": "x"}), 422, "parameter_level")
    draft = f"{PACKAGES}/{imported(consortium, file)['package_id']}"
    foreign = consortium.hospital.caller("owner_office", campus="mch")
    before = consortium.hospital.census()
    refused(foreign.post(f"{draft}/review", {"version": 1}), 422, "parameter_level")
    refused(mch.post(f"{draft}/withdraw", {"version": 1}), 422, "parameter_level")
    assert consortium.hospital.census() == before
    both = consortium.hospital.caller("system_admin", "owner_office")
    row = ok(both.post(PACKAGES, {"file": file, "reason": "x"}))
    path = f"{PACKAGES}/{row['package_id']}"
    refused(both.post(f"{path}/review", {"version": 1}), 422, "same_person")
    reviewer = consortium.hospital.caller("system_admin", "owner_office")
    ok(reviewer.post(f"{path}/review", {"version": 1}))
    refused(reviewer.post(f"{path}/apply", {"version": 2}), 422, "same_person")
    refused(consortium.security.post(f"{path}/apply", {"version": 2}), 403, "permission_denied")
    assert ok(consortium.system.post(f"{path}/withdraw", {"version": 2}))["state"] == "withdrawn"
    refused(consortium.system.post(f"{path}/apply", {"version": 3}), 409, "permission_state")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ({"key": "no.such.key", "level": "system", "level_id": "", "value": 1}, "no.such.key"),
        ({"key": DAYS, "level": "campus", "level_id": "nowhere", "value": 1}, DAYS),
        ({"key": DAYS, "level": "campus", "level_id": "mch", "value": 31}, DAYS),
        ({"key": PIN, "level": "system", "level_id": "", "value": 5}, PIN),
    ],
)
def test_a_package_with_what_nobody_knows_is_refused_whole_and_kept(
    consortium: Consortium, line: dict[str, Any], key: str
) -> None:
    file = exported(consortium)
    changed = signing.signed({**file, "lines": [*file["lines"], line]})
    before = values(consortium)
    answer = consortium.system.post(PACKAGES, {"file": changed, "reason": "x"}, key="one-package-0001")
    problem = refused(answer, 422, "package_unknown_keys")
    assert problem["keys"] == [key]
    [kept] = ok(consortium.security.get(PACKAGES))["items"]
    assert (kept["package_id"], kept["state"], kept["refused_for"]) == (problem["package_id"], "refused", [key])
    path = f"{PACKAGES}/{kept['package_id']}"
    refused(consortium.office.post(f"{path}/review", {"version": 1}), 409, "permission_state")
    assert values(consortium) == before
    kept_as_key = {"key": kept_as("one-package-0001")}
    assert consortium.hospital.execute("DELETE FROM kernel.idempotent_answers WHERE key = %(key)s", kept_as_key) == 1


def test_a_changed_or_foreign_package_is_refused_and_the_attempt_stays(consortium: Consortium, keys: Path) -> None:
    file = exported(consortium)
    before = consortium.hospital.census()
    tampered = {**file, "lines": [{**file["lines"][0], "value": 30}, *file["lines"][1:]]}
    refused(consortium.system.post(PACKAGES, {"file": tampered, "reason": "x"}), 422, "package_forged")
    other = Ed25519PrivateKey.generate()
    (keys / signing.SIGNING_KEY).write_bytes(private_pem(other))
    foreign = signing.signed({name: value for name, value in file.items() if name not in {"key_id", "signature"}})
    (keys / signing.SIGNING_KEY).unlink()
    refused(consortium.system.post(PACKAGES, {"file": foreign, "reason": "x"}), 422, "package_forged")
    assert consortium.hospital.census() == before
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE detail ->> 'code' = 'package_forged'"
    assert consortium.hospital.value(tried) == 2
    refused(consortium.system.post(f"{PACKAGES}/export", {"note": "x"}), 503, "package_key_missing")
    (keys / signing.TRUSTED_KEYS).write_bytes(public_pem(Ed25519PrivateKey.generate()) + public_pem(other))
    assert imported(consortium, foreign)["key_id"] == signing.key_id(other.public_key())


def test_nothing_set_is_nothing_to_export(consortium: Consortium) -> None:
    refused(consortium.system.post(f"{PACKAGES}/export", {"note": "x"}), 422, "package_empty")
