"""The realm's public signing keys, kept near and refreshed with restraint."""

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from jwt import PyJWK

from shared.identity.problems import IdentityUnavailable, TokenInvalid

KeyDocument = Mapping[str, Any]
Fetch = Callable[[], KeyDocument]

_MAX_DOCUMENT_BYTES = 262_144
_log = logging.getLogger(__name__)


def http_fetch(url: str, timeout: float = 2.0) -> Fetch:
    """Fetch a JWKS document by HTTP, past any proxy: the identity server stands in the same cluster."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not an http address: {url}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch() -> KeyDocument:
        with opener.open(url, timeout=timeout) as answer:
            document = json.loads(answer.read(_MAX_DOCUMENT_BYTES))
        if not isinstance(document, dict):
            raise ValueError("the key document is not an object")
        return document

    return fetch


class SigningKeys:
    """Public keys by `kid`.

    Keys are fetched on first use, again after `cache_seconds`, and at once for an unknown `kid` (rotation). Fetches
    spend from an allowance of `burst` that regains one every `refill_seconds`, so made-up kids can't hammer the
    identity server. While it is out of reach the known keys serve on for `stale_seconds` more: longer would help
    nobody, since by then every token issued before has ended.
    """

    def __init__(
        self,
        fetch: Fetch,
        algorithms: tuple[str, ...],
        *,
        cache_seconds: float = 600,
        stale_seconds: float = 3600,
        burst: int = 5,
        refill_seconds: float = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._algorithms = algorithms
        self._cache_seconds = cache_seconds
        self._stale_seconds = stale_seconds
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._attempts = 0
        self._asked_at = float("-inf")
        self._last_failed = False
        self._allowance = float(burst)
        self._allowance_at = clock()

    def get(self, kid: str) -> PyJWK:
        """The key a token names. Raises TokenInvalid (no such key) or IdentityUnavailable (keys can't be had)."""
        attempts = self._attempts
        key = self._keys.get(kid)
        age = self._clock() - self._fetched_at
        if key is not None and age < self._cache_seconds:
            return key
        if key is not None and age < self._cache_seconds + self._stale_seconds:
            if self._lock.acquire(blocking=False):  # one request renews, the others go on with what is known
                try:
                    self._renew()
                finally:
                    self._lock.release()
            key = self._keys.get(kid)
        else:
            with self._lock:
                if self._attempts == attempts:  # else another request has just asked, also for this one
                    self._renew()
            key = self._keys.get(kid) if self._usable() else None
        if key is not None:
            return key
        if self._last_failed or not self._usable():
            raise IdentityUnavailable("认证服务暂时无法连接，请稍后重试；持续无法登录时请启用应急流程并联系信息科。")
        raise TokenInvalid("登录凭证无法识别，请重新登录。")

    def out_of_reach(self) -> bool:
        """Whether the identity server did not answer when it was last asked, some seconds ago at most.

        Asks it unless somebody just has, so that an outage is seen, and its end, by those who have to know.
        """
        with self._lock:
            if self._clock() - self._asked_at >= self._refill_seconds:
                self._renew()
            return self._last_failed

    def _usable(self) -> bool:
        return self._clock() - self._fetched_at < self._cache_seconds + self._stale_seconds

    def _renew(self) -> None:
        now = self._clock()
        regained = (now - self._allowance_at) / self._refill_seconds
        self._allowance = min(float(self._burst), self._allowance + regained)
        self._allowance_at = now
        if self._allowance < 1:
            return
        self._allowance -= 1
        self._asked_at = now
        try:
            keys = self._read(self._fetch())
        except Exception:  # whatever the transport throws: the keys at hand serve on
            self._last_failed = True
            _log.warning("signing keys could not be fetched", exc_info=True)
        else:
            self._keys, self._fetched_at, self._last_failed = keys, now, False
        finally:
            self._attempts += 1

    def _read(self, document: KeyDocument) -> dict[str, PyJWK]:
        """Signing keys of the allowed algorithms; encryption keys and foreign kinds are passed over."""
        keys: dict[str, PyJWK] = {}
        for entry in document["keys"]:
            if entry.get("use", "sig") != "sig" or entry.get("alg") not in self._algorithms or not entry.get("kid"):
                continue
            keys[entry["kid"]] = PyJWK.from_dict(entry)
        if not keys:
            raise ValueError("the key document holds no signing key of an allowed algorithm")
        return keys
