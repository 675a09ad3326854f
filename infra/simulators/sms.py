"""A stand-in for the SMS gateway (Alibaba Cloud Dysmsapi, SendSms): the same address, signature, answers and errors.

    with SmsSimulator("key-id", "key-secret") as gateway:
        HIS_SMS_URL=gateway.url
        gateway.to("13800001111")      # what that phone received

GET /control/phones/13800001111 answers what that phone received, for people who try the hospital out.

POST / with the parameters in the query. 400 for a wrong signature, key, moment (15 minutes) or a nonce used before;
200 with a code of its own for a number that is none (isv.MOBILE_NUMBER_ILLEGAL), an unknown signature name or template;
`refuse(code)` answers with any other, `busy()` with 503, `silent()` not at all, `slow(seconds)` later.
"""

import json
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from functions.platform.sso.sms import ACTION, ALGORITHM, EMPTY, VERSION, authorization
from infra.simulators.listening import Listening
from infra.simulators.wire import Cut, Reply

SKEW = timedelta(minutes=15)
CONTENT_TYPE = "application/json;charset=utf-8"
_PHONE = re.compile(r"1[3-9]\d{9}")


class Received(NamedTuple):
    """A message as it lies on a phone."""

    template: str
    parameters: dict[str, str]


class SmsSimulator(Listening):
    """One account at the gateway, and the phones of one county."""

    def __init__(
        self,
        key_id: str,
        secret: str,
        *,
        sign_name: str = "",
        port: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(port)
        self._clock = clock
        self._key_id = key_id
        self._secret = secret
        self._sign_name = sign_name
        self._nonces: set[str] = set()
        self._phones: dict[str, list[Received]] = {}
        self._refusals: list[str] = []
        self._busy = 0
        self._silent = False
        self._seconds = 0
        self._lock = threading.Lock()
        self.asked = 0
        """Requests so far, refused ones too."""

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Take a message, or show a phone."""
        if method == "GET":
            received = [one._asdict() for one in self.to(path.removeprefix("/control/phones/"))]
            return Reply.json(200, received, CONTENT_TYPE)
        if self._silent:
            raise Cut
        self._ended.wait(self._seconds)
        status, said = self._answer(path, {name.lower(): value for name, value in headers.items()})
        return Reply.json(status, {**said, "RequestId": secrets.token_hex(16).upper()}, CONTENT_TYPE)

    def to(self, phone: str) -> list[Received]:
        """What a phone received, oldest first."""
        with self._lock:
            return list(self._phones.get(phone, []))

    def refuse(self, code: str, times: int = 1) -> None:
        """Answer the next messages with a code of the gateway, such as isv.AMOUNT_NOT_ENOUGH."""
        with self._lock:
            self._refusals += [code] * times

    def busy(self, times: int = 1) -> None:
        """Answer the next requests with 503."""
        with self._lock:
            self._busy = times

    def silent(self, on: bool = True) -> None:
        """Close connections without a word."""
        self._silent = on

    def slow(self, seconds: int) -> None:
        """Answer so many seconds later."""
        self._seconds = seconds

    def _answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        query = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
        with self._lock:
            self.asked += 1
            if self._busy:
                self._busy -= 1
                return 503, {"Code": "ServiceUnavailable", "Message": "busy"}
            if fault := self._fault(query, headers):
                return 400, {"Code": fault, "Message": fault}
            if self._refusals:
                code = self._refusals.pop(0)
                return 200, {"Code": code, "Message": code}
            return 200, self._taken(query)

    def _fault(self, query: dict[str, str], headers: dict[str, str]) -> str:
        given = headers.get("authorization", "")
        if not given.startswith(f"{ALGORITHM} Credential={self._key_id},"):
            return "InvalidAccessKeyId.NotFound"
        if headers.get("x-acs-action") != ACTION or headers.get("x-acs-version") != VERSION:
            return "InvalidAction.NotFound"
        signed = {name: value for name, value in headers.items() if name == "host" or name.startswith("x-acs-")}
        if headers.get("x-acs-content-sha256") != EMPTY:
            return "SignatureDoesNotMatch"
        if not secrets.compare_digest(given, authorization(query, signed, self._key_id, self._secret)):
            return "SignatureDoesNotMatch"
        try:
            at = datetime.fromisoformat(headers.get("x-acs-date", "").replace("Z", "+00:00"))
        except ValueError:
            return "InvalidTimeStamp.Format"
        if abs(self._clock() - at) > SKEW:
            return "InvalidTimeStamp.Expired"
        nonce = headers.get("x-acs-signature-nonce", "")
        if not nonce or nonce in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(nonce)
        return ""

    def _taken(self, query: dict[str, str]) -> dict[str, Any]:
        phone, template = query.get("PhoneNumbers", ""), query.get("TemplateCode", "")
        if not _PHONE.fullmatch(phone):
            return {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "illegal number"}
        if self._sign_name and query.get("SignName") != self._sign_name:
            return {"Code": "isv.SMS_SIGNATURE_ILLEGAL", "Message": "unknown signature name"}
        if not template.startswith("SMS_"):
            return {"Code": "isv.SMS_TEMPLATE_ILLEGAL", "Message": "unknown template"}
        try:
            parameters = json.loads(query.get("TemplateParam", "{}"))
        except ValueError:
            return {"Code": "isv.INVALID_JSON_PARAM", "Message": "parameters are no JSON"}
        self._phones.setdefault(phone, []).append(Received(template, parameters))
        return {"Code": "OK", "Message": "OK", "BizId": f"{len(self._nonces)}^0"}
