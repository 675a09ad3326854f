"""Tokens end on the second, are remembered for a minute, and cost next to nothing while they are."""

import jwt
import pytest

from shared.identity.problems import TokenExpired
from tests.shared.identity_realm import START, make_verifier


@pytest.mark.case("42", 3)
def test_an_expired_token_is_refused_with_its_own_code(verifier, realm):
    with pytest.raises(TokenExpired) as refusal:
        verifier.verify(realm.token(iat=START - 400, exp=START - 30))
    assert (refusal.value.status, refusal.value.code) == (401, "token_expired")


def test_a_remembered_token_ends_on_the_second(verifier, realm, clock):
    token = realm.token(exp=START + 20)
    clock.now = START + 49.9
    assert verifier.verify(token).kind == "staff"
    clock.now = START + 50
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_a_token_is_remembered_for_a_minute_and_then_proven_anew(verifier, realm, clock):
    token = realm.token()
    assert not verifier.remembers(token)
    first = verifier.verify(token)
    assert verifier.remembers(token)
    assert verifier.verify(token) is first
    clock.now += 60
    assert not verifier.remembers(token)
    again = verifier.verify(token)
    assert again is not first
    assert again == first


def test_memory_is_bounded(realm, clock):
    verifier = make_verifier(realm, clock, remember=2)
    first, second, third = (realm.token(sid=f"session-{n}") for n in range(3))
    oldest = verifier.verify(first)
    kept = verifier.verify(second)
    verifier.verify(third)
    assert verifier.verify(second) is kept
    assert verifier.verify(first) is not oldest


@pytest.fixture
def signature_checks(monkeypatch):
    """How many signatures were checked."""
    checks = []
    decode = jwt.decode
    monkeypatch.setattr("shared.identity.tokens.jwt.decode", lambda *a, **k: checks.append(1) or decode(*a, **k))
    return checks


def test_a_hot_token_costs_no_signature_and_no_key(verifier, realm, signature_checks):
    token = realm.token(posts=[f"/hq/post_{n}" for n in range(60)])
    first = verifier.verify(token)
    assert all(verifier.verify(token) is first for _ in range(100))
    assert (len(signature_checks), realm.fetches) == (1, 1)


def test_a_new_token_costs_one_signature_and_no_key(realm, clock, signature_checks):
    verifier = make_verifier(realm, clock, remember_seconds=0)
    for _ in range(10):
        verifier.verify(realm.token())
    assert (len(signature_checks), realm.fetches) == (10, 1)
