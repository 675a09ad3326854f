"""A realm without an identity server: signs access tokens with a key of its own and publishes the key.

The hospital checks a token offline, so its work is the same as with Keycloak.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import NAMESPACE_URL, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from loadtests.desk import Desk
from loadtests.founding import SEED
from loadtests.front_desk import FrontDesk
from loadtests.population.hospital import staff
from shared.settings import Settings

KEY_ID = "bench"
LASTS = 3600


class Realm:
    """Issuer `<url>/realms/consortium`, its keys where Keycloak has them."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        document = json.dumps({"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}).encode()

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self, name: str, posts: Mapping[str, Sequence[str]]) -> str:
        """Access token of the member of staff of this name, with posts by campus."""
        now = int(time.time())
        subject = str(uuid5(NAMESPACE_URL, f"bench:{name}"))
        return jwt.encode(
            {
                "iss": f"{self.url}/realms/consortium",
                "aud": "his",
                "iat": now,
                "exp": now + LASTS,
                "auth_time": now,
                "typ": "Bearer",
                "azp": "his-web",
                "sid": subject,
                "sub": subject,
                "name": name,
                "staff_id": subject,
                "posts": [f"/{campus}/{post}" for campus, codes in posts.items() for post in codes],
            },
            self._key,
            algorithm="RS256",
            headers={"kid": KEY_ID},
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class BenchFront(FrontDesk):
    """The front desk of the demonstration, signed on by this realm."""

    def __init__(self, settings: Settings, realm: Realm) -> None:
        super().__init__(settings)
        self._realm = realm
        self._posts = {member.staff_no: (member.campus, member.post) for member in staff(SEED)}

    def desk(self, staff_no: str, campus: str) -> Desk:
        home, post = self._posts[staff_no]
        token = self._realm.token(staff_no, {home: [post]})
        return Desk(self.http, campus, lambda: token, self._watch)
