"""The electronic receipt platform (医疗收费电子票据) on the wire: signed JSON in base64, as the provinces' do.

A request is `appid, data, noise, version, sign`: `data` is base64 of the JSON, `sign` the upper-case MD5 of the five
with the shared key. An answer is signed the same way and says `result` S0000, or a code and why not. The business
number (our receipt number) is the key of idempotency: the platform issues one bill for it, and tells which when asked.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import urllib3
from pydantic_settings import BaseSettings, SettingsConfigDict

VERSION = "1.0"
DONE = "S0000"
REPEATED = "E0102"
"""The platform already has a bill for this business number."""


class ReceiptPlatformSettings(BaseSettings):
    """Where the platform is and how the hospital signs (prefix HIS_RECEIPTS_); without `url` receipts wait."""

    model_config = SettingsConfigDict(env_prefix="HIS_RECEIPTS_", frozen=True, extra="ignore")

    url: str = ""
    app_id: str = ""
    key: str = ""
    timeout: int = 10
    """Seconds one call may take."""


class Unreachable(Exception):
    """No answer, or none that can be trusted: nobody knows what the platform did. Ask again."""


class Refused(Exception):
    """The platform understood and said no."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bill:
    """An electronic receipt: code and number of the bill, check code, and what its QR code says."""

    code: str
    number: str
    check_code: str
    url: str


def signature(app_id: str, data: str, noise: str, key: str, version: str = VERSION) -> str:
    """Upper-case MD5 over the named parts and the shared key, as the platform's interface demands."""
    text = f"appid={app_id}&data={data}&noise={noise}&key={key}&version={version}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def packed(content: Any) -> str:
    """JSON in base64."""
    return base64.b64encode(json.dumps(content, ensure_ascii=False).encode()).decode()


def unpacked(text: str) -> Any:
    """The JSON in base64. ValueError when it is none."""
    return json.loads(base64.b64decode(text, validate=True))


class ReceiptPlatform:
    """A client of the platform. Every call is made outside transactions."""

    def __init__(self, configuration: ReceiptPlatformSettings) -> None:
        self._settings = configuration
        self._pool = urllib3.PoolManager(
            num_pools=1, maxsize=2, retries=False, timeout=urllib3.Timeout(total=configuration.timeout)
        )

    def issue(self, bill: dict[str, Any]) -> Bill:
        """Issue a bill (开具). One the platform issued before for the same number is fetched."""
        try:
            answer = self._call("invoiceEBillOutpatient", bill)
        except Refused as refusal:
            if refusal.code != REPEATED:
                raise
            answer = self._call("getEBillByBusNo", {"busNo": bill["busNo"], "placeCode": bill["placeCode"]})
        return self._bill(answer, "billBatchCode", "billNo", "random", "pictureUrl")

    def reverse(self, order: dict[str, Any]) -> Bill:
        """Reverse a bill by a red one (红冲)."""
        answer = self._call("writeOffEBill", order)
        return self._bill(answer, "eScarletBillBatchCode", "eScarletBillNo", "eScarletRandom", "pictureUrl")

    def to_paper(self, order: dict[str, Any]) -> None:
        """Tell that a numbered sheet was printed for a bill (换开纸质)."""
        self._call("turnPaper", order)

    def void_paper(self, order: dict[str, Any]) -> None:
        """Tell that a numbered sheet is spoilt (纸质作废)."""
        self._call("invalidPaper", order)

    def _call(self, operation: str, content: dict[str, Any]) -> dict[str, Any]:
        data, noise, sets = packed(content), secrets.token_hex(16), self._settings
        body = {
            "appid": sets.app_id,
            "data": data,
            "noise": noise,
            "version": VERSION,
            "sign": signature(sets.app_id, data, noise, sets.key),
        }
        try:
            answer = self._pool.request("POST", f"{sets.url.rstrip('/')}/{operation}", json=body)
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(type(error).__name__) from error
        if answer.status != 200:
            raise Unreachable(f"HTTP {answer.status}")
        return self._read(answer.data)

    def _read(self, raw: bytes) -> dict[str, Any]:
        try:
            outer = json.loads(raw)
            expected = signature(self._settings.app_id, outer["data"], outer["noise"], self._settings.key)
            if not hmac.compare_digest(expected, str(outer["sign"])):
                raise Unreachable("answer not signed by the platform")
            inner = unpacked(outer["data"])
            result, message = str(inner["result"]), unpacked(inner["message"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable("answer not readable") from error
        if result != DONE:
            raise Refused(result, str(message))
        return dict(message) if isinstance(message, dict) else {}

    @staticmethod
    def _bill(answer: dict[str, Any], code: str, number: str, check: str, url: str) -> Bill:
        try:
            return Bill(str(answer[code]), str(answer[number]), str(answer[check]), str(answer[url]))
        except KeyError as error:
            raise Unreachable("answer not complete") from error


@lru_cache(maxsize=1)
def receipt_platform() -> ReceiptPlatform | None:
    """The platform this process talks to, or None when none is configured."""
    configuration = ReceiptPlatformSettings()
    return ReceiptPlatform(configuration) if configuration.url else None
