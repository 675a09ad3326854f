"""Signing keys of the real realm: rotated in their time without a refusal, and no strange one stays."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.identity.problems import TokenInvalid
from shared.identity.signing import keep_signing_keys
from shared.schemas import SHANGHAI
from tests.conformance.realm import Realm

MONDAY = datetime(2026, 3, 2, 3, tzinfo=SHANGHAI)


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def published(realm: Realm) -> set[str]:
    keys = realm.admin.get_keys()["keys"]
    return {str(key["kid"]) for key in keys if key.get("use") == "SIG" and key["algorithm"] == "RS256"}


@pytest.mark.case("42", 11)
def test_keys_follow_each_other_under_load_and_nobody_is_refused(realm: Realm) -> None:
    """Clerks renew their tokens and use them without a pause while one key takes the other's place, twice."""
    verifier, done = realm.verifier(), threading.Event()
    seen: list[str] = []

    def work(tokens) -> int:
        rounds = 0
        while not done.is_set():
            assert verifier.verify(tokens.access).kind == "staff"
            former, tokens = tokens, realm.refresh(tokens)
            seen.append(kid(tokens.access))
            assert verifier.verify(tokens.access).kind == "staff"
            assert verifier.verify(former.access).kind == "staff"
            rounds += 1
        return rounds

    starts = [realm.login(realm.person()) for _ in range(3)]
    seen += [kid(start.access) for start in starts]
    with ThreadPoolExecutor(3) as pool:
        clerks = [pool.submit(work, one) for one in starts]
        try:
            for later in (0, 0, 1, 89, 90, 90, 91, 92):
                before = len(seen)
                keep_signing_keys(realm.admin, MONDAY + timedelta(days=later))
                while len(seen) < before + 6 and not any(clerk.done() for clerk in clerks):
                    done.wait(0.01)
        finally:
            done.set()
        assert all(clerk.result() for clerk in clerks)
    assert len(set(seen)) == 3
    assert kid(starts[0].access) not in published(realm)


def test_a_key_is_published_a_day_before_it_signs_and_the_former_goes_a_day_after(realm: Realm) -> None:
    start = MONDAY + timedelta(days=400)

    def on(day: int):
        return keep_signing_keys(realm.admin, start + timedelta(days=day))

    def signer() -> str:
        return kid(realm.login(realm.person()).access)

    first, second = (f"signing key his-{start + timedelta(days=day):%Y%m%d}" for day in (0, 90))
    made = on(0)
    assert (made.created, made.updated, made.removed) == ([first], [], [])
    assert on(0).changes == []
    assert len(on(1).updated) == len(on(2).updated) == 1
    [ours] = published(realm)
    assert on(89).changes == []
    assert on(90).created == [second]
    assert len(published(realm)) == 2
    assert on(90).changes == []
    assert signer() == ours, "published, and not signing yet"
    assert on(91).updated == [f"{second} signs"]
    assert signer() != ours
    assert published(realm) > {ours}, "what the former signed is still believed"
    assert on(91).changes == []
    assert on(92).updated == [f"{first} retired"]
    assert on(92).changes == []


def test_after_a_long_silence_the_next_key_is_published_before_it_signs_all_the_same(realm: Realm) -> None:
    start = MONDAY + timedelta(days=600)
    keep_signing_keys(realm.admin, start)
    for day in (1, 2):
        keep_signing_keys(realm.admin, start + timedelta(days=day))
    signed_by = kid(realm.login(realm.person()).access)
    assert keep_signing_keys(realm.admin, start + timedelta(days=250)).created
    assert kid(realm.login(realm.person()).access) == signed_by
    assert keep_signing_keys(realm.admin, start + timedelta(days=251)).updated
    assert kid(realm.login(realm.person()).access) != signed_by


def test_a_key_brought_from_elsewhere_is_taken_out_and_what_it_signed_is_refused(realm: Realm) -> None:
    now = MONDAY + timedelta(days=800)
    keep_signing_keys(realm.admin, now)
    theirs = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = theirs.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    realm.admin.create_component(
        {
            "name": f"his-{now - timedelta(days=1):%Y%m%d}",
            "providerId": "rsa",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["1"], "algorithm": ["RS256"], "privateKey": [pem.decode()]},
        }
    )
    known = realm.login(realm.person()).access
    [foreign] = [
        key for key in realm.admin.get_keys()["keys"] if key["algorithm"] == "RS256" and key["providerPriority"] == 1
    ]
    forged = jwt.encode(
        jwt.decode(known, options={"verify_signature": False}), theirs, "RS256", headers={"kid": foreign["kid"]}
    )
    assert realm.verifier().verify(forged).kind == "staff"  # why it must not stay
    report = keep_signing_keys(realm.admin, now)
    assert report.removed == [f"signing key his-{now - timedelta(days=1):%Y%m%d}"]
    with pytest.raises(TokenInvalid):
        realm.verifier().verify(forged)
    assert realm.verifier().verify(known).kind == "staff"
