"""Access tokens of a test realm: the shape Keycloak gives, signed by a key of this run, checked by the real verifier.

Journeys, conformance and the caller matrix use Keycloak itself; these spare the other tests a log-in for every
combination of posts.
"""

import json
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "http://127.0.0.1/realms/consortium"
AUDIENCE = "his"
KEY_ID = "test-key"


@lru_cache(maxsize=1)
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=1)
def jwks() -> dict[str, Any]:
    """The key document a realm publishes."""
    key = json.loads(RSAAlgorithm.to_jwk(private_key().public_key()))
    return {"keys": [{**key, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}


def sign(claims: Mapping[str, Any], **changes: Any) -> str:
    """A token with these claims over sensible ones."""
    now = int(time.time())
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 300,
        "auth_time": now,
        "typ": "Bearer",
        "azp": "his-web",
        "sid": str(uuid4()),
        **claims,
        **changes,
    }
    return jwt.encode(payload, private_key(), algorithm="RS256", headers={"kid": KEY_ID})


def staff_token(posts: Mapping[str, Sequence[str]], *, subject: str, name: str, staff_id: UUID) -> str:
    """Token of a member of staff with posts by campus."""
    paths = [f"/{campus}/{post}" for campus, codes in posts.items() for post in codes]
    return sign(
        {"sub": subject, "name": name, "preferred_username": subject, "staff_id": str(staff_id), "posts": paths}
    )
