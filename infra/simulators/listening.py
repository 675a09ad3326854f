"""How a simulator listens: HTTP on a port of this machine, a thread for each connection, nothing logged."""

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from infra.simulators.wire import Cut, Reply


class Listening(ABC):
    """Answers on a port of its own between `start` and `stop`, or within a `with`."""

    protocol = "HTTP/1.0"
    """One request a connection; "HTTP/1.1" keeps it open."""

    def __init__(self, port: int = 0) -> None:
        """Port 0: any that is free."""
        self._port = port
        self._ended = threading.Event()

    @abstractmethod
    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request, of several at once; raises Cut where the connection breaks."""

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End; whoever still waits for an answer gets it at once."""
        self._ended.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def wait(self) -> None:
        """Until somebody stops it."""
        self._ended.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _handler(listening: Listening) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = listening.protocol

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                reply = listening.handle(self.command, self.path, dict(self.headers.items()), body)
            except Cut:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: requests and their addresses hold secrets, names and codes."""

    return Handler
