"""The client of the identity check of the police (联网核验公民身份), reached through the regional platform.

POST /v1/identity-checks, JSON `{"request_id", "name", "number"}`. Each way is signed: header `X-Signature` is the
hexadecimal HMAC-SHA256, with the shared key, of timestamp, nonce and body, one under the other; `X-App-Id`,
`X-Timestamp` (Unix seconds) and `X-Nonce` stand beside it. The answer is 200 `{"request_id", "result", "serial"}` with
result match, mismatch or unknown, signed over the nonce of the question. Asked twice with one request id it says the
same. Address and key come from the environment (HIS_IDENTITY_CHECK_*); without them nobody is asked.
"""

import hashlib
import hmac
import json
import secrets
import urllib.request
from datetime import datetime
from http.client import HTTPException
from typing import Literal, NamedTuple
from urllib.error import HTTPError
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

LONGEST_ANSWER = 65_536


class IdentityCheck(BaseSettings):
    """Where the check is made, and how the hospital signs."""

    model_config = SettingsConfigDict(env_prefix="HIS_IDENTITY_CHECK_", frozen=True, extra="ignore")

    url: str = ""
    app_id: str = ""
    key: str = Field("", repr=False)
    timeout: int = 5
    """Seconds one question may take."""

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self.url and self.key)


class OutOfReach(Exception):
    """No answer, or none that can be trusted. Ask again later; the cause is not kept, it holds names and numbers."""


class Verdict(BaseModel):
    """What the police say: the number is this name's, another's, or nobody's they know. `serial` is their reference."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: UUID
    result: Literal["match", "mismatch", "unknown"]
    serial: str = Field(max_length=64)


class Question(NamedTuple):
    """Whom to ask about. `request_id` stays the same however often it is asked."""

    request_id: UUID
    name: str
    number: str


def signature(key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """What both sides write under a message."""
    return hmac.new(key.encode(), b"\n".join((timestamp.encode(), nonce.encode(), body)), hashlib.sha256).hexdigest()


def ask(question: Question, at: IdentityCheck, now: datetime) -> Verdict:
    """Ask once, at this moment. Raises OutOfReach."""
    body = json.dumps(
        {"request_id": str(question.request_id), "name": question.name, "number": question.number}, ensure_ascii=False
    ).encode()
    nonce, timestamp = secrets.token_hex(16), str(int(now.timestamp()))
    request = urllib.request.Request(  # noqa: S310  the address comes from the hospital's own configuration
        f"{at.url.rstrip('/')}/v1/identity-checks",
        data=body,
        headers={
            "Content-Type": "application/json",
            "X-App-Id": at.app_id,
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Signature": signature(at.key, timestamp, nonce, body),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=at.timeout) as answer:  # noqa: S310  as above
            content = answer.read(LONGEST_ANSWER)
            stamp, signed = answer.headers.get("X-Timestamp", ""), answer.headers.get("X-Signature", "")
    except HTTPError as refused:
        raise OutOfReach(f"status {refused.code}") from None
    except (OSError, HTTPException):
        raise OutOfReach("no answer") from None
    if not hmac.compare_digest(signature(at.key, stamp, nonce, content), signed):
        raise OutOfReach("signature")
    try:
        verdict = Verdict.model_validate_json(content)
    except ValidationError:
        raise OutOfReach("unreadable") from None
    if verdict.request_id != question.request_id:
        raise OutOfReach("another question's answer")
    return verdict
