"""Serve the function target: functions-framework's ASGI application under uvicorn, with a drain on SIGTERM.

    python -m shared.serve            # PORT, HOST, HIS_FUNCTIONS, HIS_DRAIN_SECONDS from the environment

On SIGTERM readiness turns false first, so that the gateway sends nobody new; then the listener closes and what is
in flight finishes. A second signal ends at once.
"""

import gc

# Loading makes half a million objects that all stay; looking through them for rubbish costs a quarter of the start.
gc.disable()

import os  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
from pathlib import Path  # noqa: E402
from types import FrameType  # noqa: E402

import uvicorn  # noqa: E402
from functions_framework.aio import create_asgi_app  # noqa: E402

from shared import lazy  # noqa: E402
from shared.application import HOST  # noqa: E402
from shared.settings import settings  # noqa: E402

SOURCE = Path(__file__).with_name("host.py")


class DrainingServer(uvicorn.Server):
    """A server that is unready for a while before it stops listening."""

    def __init__(self, config: uvicorn.Config, delay: float) -> None:
        super().__init__(config)
        self._delay = delay

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        runtime = HOST.runtime
        if sig != signal.SIGTERM or runtime is None or runtime.draining or self._delay <= 0:
            self.should_exit = True
            return
        runtime.draining = True
        stop = threading.Timer(self._delay, self._stop_listening)
        stop.daemon = True
        stop.start()

    def _stop_listening(self) -> None:
        self.should_exit = True


def main() -> None:
    """Run until told to stop."""
    configuration = settings()
    server = DrainingServer(
        uvicorn.Config(
            create_asgi_app("main", str(SOURCE), "http"),  # type: ignore[no-untyped-call]
            host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104  inside its pod; the laptop sets loopback
            port=int(os.environ.get("PORT", "8080")),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=30,
            backlog=1024,
        ),
        delay=configuration.drain_seconds,
    )
    try:
        HOST.load()
        lazy.freeze()
        gc.enable()
        server.run()
    finally:
        HOST.close()


if __name__ == "__main__":
    main()
