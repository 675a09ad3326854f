"""Offline verification of tokens: what passes, everything that must not, and what it costs the identity server."""

import base64
import hashlib
import hmac
import json
import threading
import timeit
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.identity.denied import DenyEntry, InMemoryDenyList
from shared.identity.keys import SigningKeys, http_fetch
from shared.identity.problems import IdentityUnavailable, SubjectDenied, TokenExpired, TokenInvalid, TokenMissing
from shared.identity.tokens import MAX_TOKEN_BYTES, TokenVerifier, bearer_token

ISSUER = "https://id.example/realms/consortium"
AUDIENCE = "his"
START = 1_800_000_000
STAFF_ID = "0193b0a0-0000-7000-8000-000000000001"

# One pair for all tests: making keys is what takes time here.
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())

STAFF = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": STAFF_ID,
    "typ": "Bearer",
    "azp": "his-web",
    "iat": START,
    "exp": START + 300,
    "auth_time": START - 60,
    "acr": "1",
    "sid": "session-1",
    "name": "王小明",
    "preferred_username": "1001",
    "staff_id": STAFF_ID,
    "posts": ["/hq/registrar", "/mch/registrar", "/mch/schedule_clerk"],
}
_KINDS = ("staff_id", "posts", "sid", "auth_time")
PATIENT = {k: v for k, v in STAFF.items() if k not in _KINDS} | {"patient_ids": [STAFF_ID]}
DEVICE = {k: v for k, v in STAFF.items() if k not in (*_KINDS, "name")} | {"device": "bridge", "campus": "mch"}


class Clock:
    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


class Realm:
    """The identity server's side: keys by kid, a key document that counts its readers and can be out of reach."""

    def __init__(self) -> None:
        self.keys = {"rsa-1": RSA_KEY, "ec-1": EC_KEY}
        self.fetches = 0
        self.down = False

    def document(self):
        self.fetches += 1
        if self.down:
            raise ConnectionRefusedError("the identity server is out of reach")
        return {"keys": [self._entry(kid, key) for kid, key in self.keys.items()] + [self._encryption_key()]}

    @staticmethod
    def _entry(kid, key):
        algorithm, name = (
            (ECAlgorithm, "ES256") if isinstance(key, ec.EllipticCurvePrivateKey) else (RSAAlgorithm, "RS256")
        )
        return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": name}

    @staticmethod
    def _encryption_key():
        entry = RSAAlgorithm.to_jwk(OTHER_RSA_KEY.public_key(), as_dict=True)
        return {**entry, "kid": "enc-1", "use": "enc", "alg": "RSA-OAEP"}

    def token(self, claims=STAFF, *, kid="rsa-1", key=None, algorithm=None, headers=None, **changes):
        key = key or self.keys[kid]
        algorithm = algorithm or ("ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256")
        merged = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
        named = {} if kid is None else {"kid": kid}
        return jwt.encode(merged, key, algorithm, headers={**named, **(headers or {})})


@pytest.fixture
def realm():
    return Realm()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def denied():
    return InMemoryDenyList()


@pytest.fixture
def verifier(realm, clock, denied):
    return make_verifier(realm, clock, denied)


def make_verifier(realm, clock, denied=None, **more):
    keys = SigningKeys(realm.document, ("RS256", "ES256"), clock=clock)
    return TokenVerifier(ISSUER, AUDIENCE, keys=keys, denied=denied, clock=clock, **more)


def segment(value) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# What passes


def test_a_staff_token_becomes_an_actor(verifier, realm):
    actor = verifier.verify(realm.token())
    assert actor.kind == "staff"
    assert (actor.subject, actor.staff_id, actor.name) == (STAFF_ID, UUID(STAFF_ID), "王小明")
    assert actor.posts == {"hq": {"registrar"}, "mch": {"registrar", "schedule_clerk"}}
    assert (actor.session_id, actor.client, actor.acr) == ("session-1", "his-web", "1")
    assert actor.signed_on_at == datetime.fromtimestamp(START - 60, UTC)
    assert actor.may("outpatient.schedule.write", "mch")
    assert not actor.may("outpatient.schedule.write", "hq")


def test_an_elliptic_curve_signature_and_a_list_of_audiences_pass(verifier, realm):
    assert verifier.verify(realm.token(kid="ec-1", aud=["account", AUDIENCE])).kind == "staff"


def test_a_patient_token_names_the_persons_it_is_bound_to(verifier, realm):
    actor = verifier.verify(realm.token(PATIENT))
    assert (actor.kind, actor.patient_ids, actor.staff_id) == ("patient", {UUID(STAFF_ID)}, None)


def test_a_device_token_is_bound_to_its_campus(verifier, realm):
    actor = verifier.verify(realm.token(DEVICE))
    assert (actor.kind, actor.campus, actor.campuses) == ("device", "mch", {"mch"})
    assert actor.may("organisation.structure.read", "mch")


def test_a_person_without_any_post_signs_on_and_may_do_nothing(verifier, realm):
    actor = verifier.verify(realm.token(posts=...))
    assert (actor.kind, actor.campuses) == ("staff", frozenset())


def test_a_post_of_a_later_release_grants_nothing_and_hurts_nobody(verifier, realm):
    actor = verifier.verify(realm.token(posts=["/hq/registrar", "/hq/time_traveller"]))
    assert actor.may("patients.index.read", "hq")
    assert actor.posts["hq"] == {"registrar", "time_traveller"}


@pytest.mark.parametrize("changes", [{"exp": START - 29}, {"iat": START + 29}, {"nbf": START + 29}])
def test_clocks_may_differ_by_less_than_thirty_seconds(verifier, realm, changes):
    assert verifier.verify(realm.token(**changes)).kind == "staff"


# What must not pass: every case is the good token with one thing wrong


def forged_with_public_key(realm):
    """Key confusion: HS256 with the published RSA key as its secret."""
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(STAFF)}"
    return f"{signed}.{segment(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


def unsigned(realm, alg="none"):
    return f"{segment({'alg': alg, 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(STAFF)}."


def named_otherwise_than_signed(realm):
    """A true RS256 signature under a header that says ES256, also an allowed algorithm."""
    signed = f"{segment({'alg': 'ES256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(STAFF)}"
    return f"{signed}.{segment(RSA_KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def with_own_key_in_header(realm):
    own = RSAAlgorithm.to_jwk(OTHER_RSA_KEY.public_key(), as_dict=True)
    return realm.token(key=OTHER_RSA_KEY, headers={"jwk": own})


def claims_replaced(realm):
    header, _, signature = realm.token().split(".")
    return f"{header}.{segment({**STAFF, 'posts': ['/hq/consortium_admin']})}.{signature}"


@pytest.mark.case("42", 3)
@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda realm: realm.token(iss="https://evil.example/realms/consortium"), id="other issuer"),
        pytest.param(lambda realm: realm.token(aud="account"), id="wrong audience"),
        pytest.param(lambda realm: realm.token(aud=["account", "his-web"]), id="wrong audiences"),
        pytest.param(lambda realm: realm.token(aud=...), id="no audience"),
        pytest.param(unsigned, id="alg none"),
        pytest.param(lambda realm: unsigned(realm, "NONE"), id="alg NONE"),
        pytest.param(forged_with_public_key, id="HS256 with the public key"),
        pytest.param(named_otherwise_than_signed, id="alg of the header not that of the key"),
        pytest.param(lambda realm: realm.token(algorithm="RS512"), id="alg not pinned"),
        pytest.param(lambda realm: realm.token(algorithm="PS256"), id="alg of another family"),
        pytest.param(lambda realm: realm.token(kid="ec-1", key=RSA_KEY), id="key of another kind"),
        pytest.param(lambda realm: realm.token(key=OTHER_RSA_KEY), id="foreign key, known kid"),
        pytest.param(lambda realm: realm.token(kid="rsa-9", key=OTHER_RSA_KEY), id="unknown kid"),
        pytest.param(lambda realm: realm.token(kid="enc-1", key=OTHER_RSA_KEY), id="encryption key"),
        pytest.param(lambda realm: realm.token(kid=None, key=RSA_KEY), id="no kid"),
        pytest.param(with_own_key_in_header, id="key in the header"),
        pytest.param(claims_replaced, id="claims replaced"),
        pytest.param(lambda realm: realm.token(headers={"crit": ["b64"], "b64": False}), id="critical header"),
        pytest.param(lambda realm: realm.token() + "==", id="padded"),
        pytest.param(lambda realm: realm.token() + "\n", id="line feed"),
        pytest.param(lambda realm: realm.token() + ".x", id="four parts"),
        pytest.param(lambda realm: realm.token().rsplit(".", 1)[0] + ".", id="signature cut off"),
        pytest.param(lambda realm: realm.token(ballast="x" * MAX_TOKEN_BYTES), id="too long"),
        pytest.param(lambda realm: "not a token", id="not a token"),
        pytest.param(lambda realm: "令牌.令牌.令牌", id="not ascii"),
        pytest.param(lambda realm: f"{segment([])}.{segment(STAFF)}.{segment(b'x')}", id="header no object"),
        pytest.param(lambda realm: realm.token(iat=START + 31), id="issued in the future"),
        pytest.param(lambda realm: realm.token(nbf=START + 31), id="not yet valid"),
    ],
)
def test_a_forged_token_is_refused(verifier, realm, forge):
    assert verifier.verify(realm.token()).kind == "staff"
    forged = forge(realm)
    with pytest.raises(TokenInvalid) as refusal:
        verifier.verify(forged)
    assert not verifier.remembers(forged)
    assert (refusal.value.status, refusal.value.code) == (401, "token_invalid")
    assert "invalid_token" in refusal.value.headers["WWW-Authenticate"]


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat", "typ", "name", "staff_id"])
def test_a_token_lacking_a_claim_is_refused(verifier, realm, name):
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(**{name: ...}))


@pytest.mark.parametrize("typ", ["ID", "Refresh", "Logout", "Offline", "", None, 1])
def test_only_access_tokens_open_doors(verifier, realm, typ):
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(typ=typ))


@pytest.mark.parametrize(
    ("claims", "changes"),
    [
        (STAFF, {"staff_id": "1001"}),
        (STAFF, {"staff_id": None}),
        (STAFF, {"staff_id": [STAFF_ID]}),
        (STAFF, {"patient_ids": [STAFF_ID]}),
        (STAFF, {"device": "bridge", "campus": "mch"}),
        (STAFF, {"posts": "/hq/registrar"}),
        (STAFF, {"posts": {"hq": ["registrar"]}}),
        (STAFF, {"posts": [1]}),
        (STAFF, {"posts": ["/hq"]}),
        (STAFF, {"posts": ["hq/registrar"]}),
        (STAFF, {"posts": ["/hq/registrar/deputy"]}),
        (STAFF, {"posts": ["/hq/device:kiosk"]}),
        (STAFF, {"posts": ["/HQ/registrar"]}),
        (STAFF, {"posts": ["/*/registrar"]}),
        (STAFF, {"posts": ["/hq/registrar\n"]}),
        (STAFF, {"name": ""}),
        (STAFF, {"name": 5}),
        (STAFF, {"sid": 5}),
        (STAFF, {"acr": 1}),
        (STAFF, {"exp": str(START + 300)}),
        (STAFF, {"exp": START + 300.5}),
        (STAFF, {"exp": True}),
        (STAFF, {"exp": 10**30}),
        (STAFF, {"iat": None}),
        (STAFF, {"nbf": "soon"}),
        (STAFF, {"auth_time": 10**15}),
        (STAFF, {"auth_time": -1}),
        (PATIENT, {"patient_ids": ["7"]}),
        (PATIENT, {"patient_ids": STAFF_ID}),
        (PATIENT, {"posts": ["/hq/registrar"]}),
        (DEVICE, {"device": "tank"}),
        (DEVICE, {"device": ["bridge"]}),
        (DEVICE, {"campus": "*"}),
        (DEVICE, {"campus": ...}),
        (DEVICE, {"azp": ...}),
        (DEVICE, {"posts": ["/hq/registrar"]}),
        (DEVICE, {"device": ...}),
    ],
)
def test_claims_of_another_shape_are_refused(verifier, realm, claims, changes):
    assert verifier.verify(realm.token(claims))
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(claims, **changes))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(base=st.sampled_from([STAFF, PATIENT, DEVICE]), changes=st.data())
def test_whatever_the_realm_may_sign_is_an_actor_or_a_refusal(base, changes):
    names = sorted({*STAFF, *PATIENT, *DEVICE, "nbf", "jti"})
    over = changes.draw(st.dictionaries(st.sampled_from(names), json_values, max_size=4))
    realm, clock = Realm(), Clock()
    signed = jwt.PyJWS().encode(json.dumps({**base, **over}).encode(), RSA_KEY, "RS256", headers={"kid": "rsa-1"})
    try:
        actor = make_verifier(realm, clock).verify(signed)
    except (TokenInvalid, TokenExpired):
        return
    assert actor.kind in {"staff", "patient", "device"}
    assert actor.subject


GOOD = Realm().token()


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_mutation_of_a_token_verifies(data):
    kind = data.draw(st.sampled_from(["replace", "delete", "insert", "swap", "cut", "repeat"]))
    at = data.draw(st.integers(0, len(GOOD) - 1))
    mark = data.draw(st.sampled_from("ABCXYZabcxyz0189-_=.+/ \n\x00") | st.characters(max_codepoint=255))
    end = data.draw(st.integers(at, len(GOOD)))
    header, payload, signature = GOOD.split(".")
    mutant = {
        "replace": GOOD[:at] + mark + GOOD[at + 1 :],
        "delete": GOOD[:at] + GOOD[end:],
        "insert": GOOD[:at] + mark + GOOD[at:],
        "swap": f"{payload}.{header}.{signature}",
        "cut": GOOD[:at],
        "repeat": GOOD[:end] + GOOD[at:],
    }[kind]
    verifier = make_verifier(Realm(), Clock())
    if mutant == GOOD:
        assert verifier.verify(mutant).kind == "staff"
    else:
        with pytest.raises((TokenInvalid, TokenMissing)):
            verifier.verify(mutant)


# Expiry, memory and the deny list


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


@pytest.mark.parametrize("missing", [None, ""])
def test_no_token_at_all_is_said_so(verifier, missing):
    with pytest.raises(TokenMissing) as refusal:
        verifier.verify(missing)
    assert refusal.value.code == "token_missing"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token abc"])
def test_a_header_without_bearer_token_is_a_missing_token(header):
    with pytest.raises(TokenMissing):
        bearer_token(header)


def test_the_bearer_scheme_is_read_in_any_case():
    assert bearer_token("bearer abc.def.ghi") == bearer_token("Bearer  abc.def.ghi") == "abc.def.ghi"


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        (DenyEntry(subject=STAFF_ID), True),
        (DenyEntry(subject="somebody else"), False),
        (DenyEntry(sid="session-1"), True),
        (DenyEntry(sid="session-2"), False),
        (DenyEntry(subject=STAFF_ID, sid="session-2"), False),
        (DenyEntry(subject="somebody else", sid="session-1"), False),
        (DenyEntry(subject=STAFF_ID, issued_before=START + 0.5), True),
        (DenyEntry(subject=STAFF_ID, issued_before=START), False),
    ],
)
def test_a_withdrawal_counts_at_once_for_remembered_tokens_too(verifier, realm, denied, entry, refused):
    token = realm.token()
    assert verifier.verify(token).kind == "staff"
    denied.replace([entry])
    if refused:
        with pytest.raises(SubjectDenied) as refusal:
            verifier.verify(token)
        assert (refusal.value.status, refusal.value.code) == (401, "subject_denied")
    else:
        assert verifier.verify(token).kind == "staff"
    denied.replace([])
    assert verifier.verify(token).kind == "staff"


def test_a_person_is_denied_by_staff_id_whatever_the_realm_calls_the_account(verifier, realm, denied):
    token = realm.token(sub="f1e2")
    assert verifier.verify(token).subject == "f1e2"
    denied.replace([DenyEntry(sid="session-9"), DenyEntry(subject=STAFF_ID), DenyEntry(subject=STAFF_ID, sid="x")])
    with pytest.raises(SubjectDenied):
        verifier.verify(token)


def test_a_deny_entry_names_somebody():
    with pytest.raises(ValueError, match="subject"):
        DenyEntry(issued_before=START)


# Keys: rotation, floods, outages


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


def test_rotation_under_load_refuses_nobody(verifier, realm):
    verifier.verify(realm.token())
    realm.keys["rsa-2"] = OTHER_RSA_KEY
    tokens = [realm.token(kid="rsa-2", sid=f"session-{n}") for n in range(64)]
    together = threading.Barrier(16)

    def verify(start):
        together.wait()
        return [verifier.verify(token).session_id for token in tokens[start::16]]

    with ThreadPoolExecutor(16) as pool:
        seen = [sid for sids in pool.map(verify, range(16)) for sid in sids]
    assert sorted(seen) == sorted(f"session-{n}" for n in range(64))
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


def test_a_hot_token_costs_less_than_twenty_microseconds(verifier, realm):
    token = realm.token(posts=[f"/hq/post_{n}" for n in range(60)])
    verifier.verify(token)
    runs = timeit.repeat(lambda: verifier.verify(token), number=1000, repeat=7)
    assert min(runs) / 1000 < 20e-6


def test_a_new_token_costs_less_than_three_tenths_of_a_millisecond(realm, clock):
    verifier = make_verifier(realm, clock, remember_seconds=0)
    token = realm.token()
    verifier.verify(token)
    runs = timeit.repeat(lambda: verifier.verify(token), number=50, repeat=7)
    assert min(runs) / 50 < 300e-6
