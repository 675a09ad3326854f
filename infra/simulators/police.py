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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from functions.patients.index.client import signature


class PoliceSimulator:
    """The register of citizens of one county."""

    def __init__(self, app_id: str, key: str, *, port: int = 0) -> None:
        self._app_id = app_id
        self._key = key
        self._citizens: dict[str, str] = {}
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        self.mode = "answers"
        """answers, busy, silent, forged."""
        self.asked: list[dict[str, Any]] = []
        """Questions that came with a good signature."""
        simulator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if simulator.mode == "silent":
                    self.close_connection = True
                    return
                status, answer = simulator._answer(self.path, dict(self.headers.items()), body)
                key = "somebody else's" if simulator.mode == "forged" else simulator._key
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("X-Timestamp", "1700000000")
                self.send_header("X-Signature", signature(key, "1700000000", self.headers.get("X-Nonce", ""), answer))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: a request holds names and numbers."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "PoliceSimulator":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

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
