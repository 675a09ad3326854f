"""One question over loopback HTTP, never through a proxy."""

from __future__ import annotations

import urllib.request

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def body(url: str, seconds: float = 5.0) -> bytes | None:
    """What an address answers with status 200; None for every other outcome."""
    try:
        with _OPENER.open(url, timeout=seconds) as answer:
            return bytes(answer.read()) if answer.status == 200 else None
    except (OSError, ValueError):  # HTTP errors are OSErrors, malformed answers are ValueErrors
        return None
