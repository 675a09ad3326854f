"""The realm's signing keys: rotation, floods of made-up kids, outages, and what all that costs the identity server."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.identity.keys import SigningKeys, http_fetch
from shared.identity.problems import IdentityUnavailable, TokenInvalid
from shared.identity.tokens import TokenVerifier
from tests.shared.identity_realm import AUDIENCE, ISSUER, OTHER_RSA_KEY, START


def test_many_tokens_cost_one_fetch(verifier, realm):
    for n in range(50):
        verifier.verify(realm.token(sid=f"session-{n}"))
    assert realm.fetches == 1


def test_a_rotated_key_is_accepted_at_first_sight_and_the_old_one_while_published(verifier, realm):
    old = realm.token()
    verifier.verify(old)
    realm.keys["rsa-2"] = OTHER_RSA_KEY
    assert verifier.verify(realm.token(kid="rsa-2")).kind == "staff"
    assert verifier.verify(realm.token(sid="session-2")).kind == "staff"
    assert realm.fetches == 2


def test_rotation_under_load_refuses_nobody_and_costs_one_fetch(realm, clock):
    """The fetch is answered only when all threads stand before the unknown kid (each has then asked for the time)."""
    arrivals = threading.Condition()
    asked_for_time = 0

    def counting_clock():
        nonlocal asked_for_time
        with arrivals:
            asked_for_time += 1
            arrivals.notify_all()
        return clock()

    def document():
        if realm.fetches:
            with arrivals:
                assert arrivals.wait_for(lambda: asked_for_time >= before + 16, timeout=30)
        return realm.document()

    keys = SigningKeys(document, ("RS256", "ES256"), clock=counting_clock)
    verifier = TokenVerifier(ISSUER, AUDIENCE, keys=keys, clock=clock)
    verifier.verify(realm.token())
    realm.keys["rsa-2"] = OTHER_RSA_KEY
    tokens = [realm.token(kid="rsa-2", sid=f"session-{n}") for n in range(16)]
    before = asked_for_time
    with ThreadPoolExecutor(16) as pool:
        seen = {actor.session_id for actor in pool.map(verifier.verify, tokens)}
    assert seen == {f"session-{n}" for n in range(16)}
    assert realm.fetches == 2


def test_a_withdrawn_key_stops_counting_within_the_life_of_the_key_cache(verifier, realm, clock):
    token = realm.token(exp=START + 3600)
    verifier.verify(token)
    del realm.keys["rsa-1"]
    clock.now += 599
    assert verifier.verify(token).kind == "staff"
    clock.now += 60
    with pytest.raises(TokenInvalid):
        verifier.verify(token)


def test_made_up_kids_cannot_hammer_the_identity_server(verifier, realm, clock):
    verifier.verify(realm.token())
    for n in range(300):
        with pytest.raises(TokenInvalid):
            verifier.verify(realm.token(kid=f"made-up-{n}", key=OTHER_RSA_KEY))
    assert realm.fetches == 5
    for n in range(120):
        clock.now += 0.5
        with pytest.raises(TokenInvalid):
            verifier.verify(realm.token(kid=f"again-{n}", key=OTHER_RSA_KEY, exp=START + 600))
    assert realm.fetches <= 5 + 6
    assert verifier.verify(realm.token(exp=START + 600)).kind == "staff"


def test_known_keys_serve_on_while_the_identity_server_is_out_of_reach(verifier, realm, clock):
    verifier.verify(realm.token())
    realm.down = True
    clock.now += 601
    for n in range(100):
        token = realm.token(sid=f"session-{n}", iat=int(clock.now), exp=int(clock.now) + 300)
        assert verifier.verify(token).kind == "staff"
    assert realm.fetches <= 1 + 5
    realm.down = False
    clock.now += 60
    before = realm.fetches
    for n in range(100):
        verifier.verify(realm.token(sid=f"later-{n}", iat=int(clock.now), exp=int(clock.now) + 300))
    assert realm.fetches == before + 1


def test_keys_too_old_to_trust_end_as_unavailable_not_as_signed_off(verifier, realm, clock):
    verifier.verify(realm.token())
    realm.down = True
    clock.now += 600 + 3600
    with pytest.raises(IdentityUnavailable) as refusal:
        verifier.verify(realm.token(iat=int(clock.now), exp=int(clock.now) + 300))
    assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "5")


def test_without_any_key_nobody_is_recognised_until_the_server_answers(verifier, realm, clock):
    realm.down = True
    with pytest.raises(IdentityUnavailable):
        verifier.verify(realm.token())
    realm.down = False
    assert verifier.verify(realm.token()).kind == "staff"


def test_an_unknown_kid_during_an_outage_is_not_called_invalid(verifier, realm):
    verifier.verify(realm.token())
    realm.down = True
    with pytest.raises(IdentityUnavailable):
        verifier.verify(realm.token(kid="rsa-2", key=OTHER_RSA_KEY))


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": None}, {"keys": ["x"]}, {"keys": [{"kty": "RSA"}]}])
def test_a_key_document_of_another_shape_is_an_outage(realm, clock, document):
    keys = SigningKeys(lambda: document, ("RS256",), clock=clock)
    with pytest.raises(IdentityUnavailable):
        TokenVerifier(ISSUER, AUDIENCE, keys=keys, clock=clock).verify(realm.token())


def test_a_slow_refresh_holds_up_nobody_whose_key_is_known(realm, clock):
    asked, release = threading.Event(), threading.Event()

    def slow_document():
        if realm.fetches:
            asked.set()
            assert release.wait(30)
        return realm.document()

    verifier = TokenVerifier(
        ISSUER, AUDIENCE, keys=SigningKeys(slow_document, ("RS256", "ES256"), clock=clock), clock=clock
    )
    verifier.verify(realm.token())
    clock.now += 601
    fresh = [realm.token(sid=f"s-{n}", iat=int(clock.now), exp=int(clock.now) + 300) for n in range(2)]
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(verifier.verify, fresh[0])
        assert asked.wait(30)
        assert verifier.verify(fresh[1]).kind == "staff"
        assert not renewing.done()
        release.set()
        assert renewing.result(30).kind == "staff"


def test_keys_are_fetched_over_http_with_a_bound_on_size(realm, clock):
    answers = [json.dumps(realm.document()).encode(), b"x" * 1_000_000]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers.pop(0))

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/certs"
        verifier = TokenVerifier(ISSUER, AUDIENCE, url, clock=clock)
        assert verifier.verify(realm.token()).kind == "staff"
        with pytest.raises(ValueError, match="Expecting value"):
            http_fetch(url)()
        server.shutdown()
    with pytest.raises(ValueError, match="http"):
        http_fetch("file:///etc/passwd")
