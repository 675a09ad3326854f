"""The way out of the house: HTTP to the channels, waiting, and the files of the secret store.

The only file of the gateway that touches the network. What goes out and how long one waits are values (`Outside`), so
that the same code runs against simulators in milliseconds.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from functions.payments.gateway.problems import KeyMissing, KeyRefInvalid
from shared.settings import Settings, settings

CONNECT_SECONDS = 3
ANSWER_SECONDS = 10
_LARGEST_SECRET = 16_384


class Request(NamedTuple):
    """A request to a channel."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What a channel answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            document = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


class NoAnswer(Exception):
    """The channel did not answer. It may have done what it was asked all the same."""


Transport = Callable[[Request], Answer]


@dataclass(frozen=True)
class Outside:
    """What lies outside: how to reach the channels, how to wait, where addresses and keys are."""

    settings: Settings
    transport: Transport
    wait: Callable[[int], None]
    """Wait so many seconds."""

    def notify_url(self, channel: str, merchant_id: object) -> str:
        """Where a channel sends what happened to a merchant's orders."""
        return f"{self.settings.public_url}/api/payments/gateway/notifications/{channel}/{merchant_id}"

    def secret(self, reference: str) -> str:
        """The text of a key file. KeyRefInvalid for a name that leaves the store, KeyMissing when it is not there."""
        folder = Path(self.settings.secrets_dir)
        path = folder / reference
        if path.parent != folder or reference.startswith("."):
            raise KeyRefInvalid("密钥引用只能是密钥库中的文件名，请核对。")
        try:
            if path.stat().st_size > _LARGEST_SECRET:
                raise KeyRefInvalid(f"密钥文件 {reference} 过大，请核对引用。")
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise KeyMissing(f"密钥库中没有可读的 {reference}，请信息科核对密钥存放位置。") from error


@cache
def outside() -> Outside:
    """The real outside of this process."""
    return Outside(settings(), _http(), time.sleep)


def _http() -> Transport:
    import urllib3

    pool = urllib3.PoolManager(
        num_pools=8, maxsize=8, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS), retries=False
    )

    def send(request: Request) -> Answer:
        try:
            answer = pool.request(
                request.method, request.url, body=request.body or None, headers=request.headers, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(type(error).__name__) from error
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    return send
