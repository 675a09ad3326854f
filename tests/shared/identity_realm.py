"""A realm in memory for tests of tokens: its keys, its key document, the tokens it would sign."""

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.identity.keys import SigningKeys
from shared.identity.tokens import TokenVerifier

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
        return {"keys": [self._entry(kid, key) for kid, key in self.keys.items()] + self._encryption_keys()}

    @staticmethod
    def _entry(kid, key):
        algorithm, name = (
            (ECAlgorithm, "ES256") if isinstance(key, ec.EllipticCurvePrivateKey) else (RSAAlgorithm, "RS256")
        )
        return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": name}

    @staticmethod
    def _encryption_keys():
        entry = RSAAlgorithm.to_jwk(OTHER_RSA_KEY.public_key(), as_dict=True)
        return [{**entry, "kid": f"enc-{alg}", "use": "enc", "alg": alg} for alg in ("RSA-OAEP", "RS256")]

    def token(self, claims=STAFF, *, kid="rsa-1", key=None, algorithm=None, headers=None, **changes):
        key = key or self.keys[kid]
        algorithm = algorithm or ("ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256")
        merged = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
        named = {} if kid is None else {"kid": kid}
        return jwt.encode(merged, key, algorithm, headers={**named, **(headers or {})})


def make_verifier(realm, clock, denied=None, **more):
    keys = SigningKeys(realm.document, ("RS256", "ES256"), clock=clock)
    return TokenVerifier(ISSUER, AUDIENCE, keys=keys, denied=denied, clock=clock, **more)
