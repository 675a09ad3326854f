"""The identity server is gone in the middle of the morning: who is signed on works on, and nobody else gets in."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.identity.denied import KEPT, DenyEntry, InMemoryDenyList
from shared.identity.keys import SigningKeys, http_fetch
from shared.identity.problems import IdentityUnavailable, SubjectDenied, TokenExpired, TokenInvalid
from shared.identity.tokens import TokenVerifier
from tests.shared.identity_realm import AUDIENCE, ISSUER, OTHER_RSA_KEY, STAFF_ID, START, make_verifier

END = START + 300 + 30
"""When a token of five minutes ends for a clock that may be half a minute off."""
GRACE = 900


@pytest.fixture
def denied():
    return InMemoryDenyList()


@pytest.fixture
def verifier(realm, clock, denied):
    return make_verifier(realm, clock, denied)


def test_work_goes_on_for_a_quarter_of_an_hour_and_not_a_second_longer(verifier, realm, clock):
    token = realm.token()
    verifier.verify(token)
    realm.down = True
    for later in (0, 60, GRACE - 1):
        clock.now = END + later
        actor = verifier.verify(token)
        assert (str(actor.staff_id), actor.posts_at("hq")) == (STAFF_ID, {"registrar"})
    clock.now = END + GRACE
    with pytest.raises(IdentityUnavailable) as refusal:
        verifier.verify(token)
    assert (refusal.value.status, "应急流程" in refusal.value.detail) == (503, True)


def test_while_the_server_answers_a_token_ends_when_it_ends(verifier, realm, clock):
    token = realm.token()
    verifier.verify(token)
    clock.now = END
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_once_the_server_is_back_the_next_token_has_to_be_a_new_one(verifier, realm, clock):
    token = realm.token()
    verifier.verify(token)
    realm.down = True
    clock.now = END + 5
    verifier.verify(token)
    realm.down = False
    clock.now += 10
    with pytest.raises(TokenExpired):
        verifier.verify(token)
    assert verifier.verify(realm.token(iat=int(clock.now), exp=int(clock.now) + 300)).kind == "staff"


@pytest.mark.parametrize("entry", [{}, {"issued_before": START + 1.0}, {"sid": "session-1"}])
def test_who_is_frozen_signed_off_or_out_of_a_post_is_refused_in_the_outage_too(verifier, realm, clock, denied, entry):
    token = realm.token()
    verifier.verify(token)
    realm.down = True
    clock.now = END + 100
    assert verifier.verify(token).kind == "staff"
    denied.replace([DenyEntry(subject=STAFF_ID, **entry)])
    with pytest.raises(SubjectDenied):
        verifier.verify(token)


def test_an_entry_against_issued_tokens_is_kept_as_long_as_any_of_them_opens_anything():
    assert timedelta(seconds=END + GRACE - START) < KEPT


def test_an_outage_makes_no_forged_token_good(verifier, realm, clock):
    verifier.verify(realm.token())
    realm.down = True
    clock.now = END + 100
    for forged in (realm.token(key=OTHER_RSA_KEY), realm.token(aud="account"), realm.token(iss="https://evil.example")):
        with pytest.raises(TokenInvalid):
            verifier.verify(forged)
    with pytest.raises(IdentityUnavailable):
        verifier.verify(realm.token(kid="unknown", key=OTHER_RSA_KEY))


def test_a_crowd_of_ended_tokens_asks_the_server_once_in_ten_seconds(verifier, realm, clock):
    verifier.verify(realm.token())
    realm.down = True
    clock.now = END + 1
    tokens = [realm.token(sid=f"session-{n}") for n in range(64)]
    before = realm.fetches
    with ThreadPoolExecutor(16) as pool:
        assert {actor.session_id for actor in pool.map(verifier.verify, tokens)} == {f"session-{n}" for n in range(64)}
    assert realm.fetches == before + 1
    clock.now += 9
    assert verifier.verify(tokens[0]).kind == "staff"
    assert realm.fetches == before + 1
    clock.now += 2
    assert verifier.verify(tokens[0]).kind == "staff"
    assert realm.fetches == before + 2


def test_a_port_nobody_listens_on_is_an_outage(realm, clock):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    unanswered = http_fetch(f"http://127.0.0.1:{port}/certs")
    keys = SigningKeys(lambda: unanswered() if realm.fetches else realm.document(), ("RS256",), clock=clock)
    verifier = TokenVerifier(ISSUER, AUDIENCE, keys=keys, clock=clock)
    token = realm.token()
    verifier.verify(token)
    clock.now = END + 60
    assert verifier.verify(token).kind == "staff"
