"""A hospital's host behind a real socket, for tests in which requests meet each other."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.support.hospital import Hospital
from tests.support.services import free_port


@contextmanager
def listening(hospital: Hospital) -> Iterator[str]:
    """Serve the hospital's application on a free port; gives its address."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(hospital.api, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the test server does not start")
        threading.Event().wait(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
