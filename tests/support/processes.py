"""Real processes of the product under test: hosts that can be killed, and the keys they check tokens with."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.local import probe
from shared.settings import REPOSITORY, Settings
from tests.support import tokens
from tests.support.services import free_port


@contextmanager
def key_server() -> Iterator[str]:
    """Publishes the keys of tests.support.tokens where a realm would; gives the address to use as keycloak_url."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(tokens.jwks()).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


class HostProcess:
    """`python -m shared.serve` on a port of its own; may be killed and started again."""

    def __init__(self, settings: Settings, keycloak_url: str, module: str = "shared.serve") -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._module = module
        self._environment = {
            **os.environ,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "HIS_FUNCTIONS": "all",
            "HIS_DATABASE_URL": settings.database_url,
            "HIS_WORKER_DATABASE_URL": settings.worker_database_url,
            "HIS_AUDITOR_DATABASE_URL": settings.auditor_database_url,
            "HIS_KEYCLOAK_URL": keycloak_url,
            "HIS_HOST_URL": self.address,
            "HIS_DRAIN_SECONDS": "0.2",
            "PYTHONPATH": str(REPOSITORY),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 240.0) -> None:
        """Start and wait until it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", self._module], env=self._environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + patience
        while True:
            if probe.body(f"{self.address}/readyz", 2) is not None:
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._module} does not get ready")
            threading.Event().wait(0.05)

    def kill(self) -> None:
        """kill -9: nothing is tidied up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and wait for the drain; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)
