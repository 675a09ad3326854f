"""A stand-in for the identity check of the police: the same address, signatures, answers and errors.

    with PoliceSimulator("hospital", "shared-key") as police:
        police.knows("450223199003074516", "韦建国")
        HIS_IDENTITY_CHECK_URL=police.url

It says match, mismatch or unknown; 401 for a wrong or repeated signature, 503 while `busy`, nothing at all while
`silent`, and with `forged` an answer somebody else has signed.
"""

import hashlib
import json
import threading
from typing import Any

from functions.patients.index.client import signature
from infra.simulators.listening import Listening
from infra.simulators.wire import Cut, Reply


class PoliceSimulator(Listening):
    """The register of citizens of one county."""

    def __init__(self, app_id: str, key: str, *, port: int = 0) -> None:
        super().__init__(port)
        self._app_id = app_id
        self._key = key
        self._citizens: dict[str, str] = {}
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        self.mode = "answers"
        """answers, busy, silent, forged."""
        self.asked: list[dict[str, Any]] = []
        """Questions that came with a good signature."""

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a question, signed."""
        if self.mode == "silent":
            raise Cut
        status, answer = self._answer(path, headers, body)
        key, moment = "somebody else's" if self.mode == "forged" else self._key, "1700000000"
        signed = {"X-Timestamp": moment, "X-Signature": signature(key, moment, headers.get("X-Nonce", ""), answer)}
        return Reply(status, {"Content-Type": "application/json", **signed}, answer)

    def knows(self, number: str, name: str) -> None:
        """A citizen."""
        self._citizens[number] = name

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if path != "/v1/identity-checks":
            return 404, b"{}"
        nonce, signed = headers.get("X-Nonce", ""), headers.get("X-Signature", "")
        expected = signature(self._key, headers.get("X-Timestamp", ""), nonce, body)
        with self._lock:
            if headers.get("X-App-Id") != self._app_id or signed != expected or nonce in self._nonces:
                return 401, b"{}"
            self._nonces.add(nonce)
            question = json.loads(body)
            self.asked.append(question)
        if self.mode == "busy":
            return 503, b"{}"
        known = self._citizens.get(question["number"])
        result = "unknown" if known is None else "match" if known == question["name"] else "mismatch"
        serial = hashlib.sha256(question["request_id"].encode()).hexdigest()[:16]
        return 200, json.dumps({"request_id": question["request_id"], "result": result, "serial": serial}).encode()
