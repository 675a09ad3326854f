"""The SMS gateway (短信平台), in the wire format of Alibaba Cloud's short messages (Dysmsapi 2017-05-25, SendSms).

POST / with everything in the query and an empty body. Signed by ACS3-HMAC-SHA256: the request in canonical form, its
hash signed with the access key's secret. Answers `{"Code": "OK", "BizId": ...}`; anything else than OK is a refusal,
with status 200 when it is about the message and 4xx or 5xx when it is about the request. Address, keys, signature name
(短信签名) and templates (短信模板) come from the environment (HIS_SMS_*); texts live in the templates the operator has
approved, so only their parameters are sent.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.platform.sso import client
from functions.platform.sso.problems_phones import SmsOutOfReach

ACTION, VERSION, ALGORITHM = "SendSms", "2017-05-25", "ACS3-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
OF_THE_PHONE = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.BUSINESS_LIMIT_CONTROL", "isv.BLACK_KEY_CONTROL_LIMIT"})
"""Refusals that are about one phone and say nothing of the gateway."""


class SmsGateway(BaseSettings):
    """Where messages are sent, and how the hospital signs. Without a secret and a key for codes there are none."""

    model_config = SettingsConfigDict(env_prefix="HIS_SMS_", frozen=True, extra="ignore")

    url: str = "https://dysmsapi.aliyuncs.com"
    access_key_id: str = ""
    access_key_secret: str = Field("", repr=False)
    sign_name: str = ""
    sign_on_template: str = ""
    family_template: str = ""
    family_bound_template: str = ""
    family_ended_template: str = ""
    code_key: str = Field("", repr=False)
    """What codes and phone hashes are made with; 32 characters at least. Another key voids both."""
    timeout: int = 5

    @property
    def is_on(self) -> bool:
        """Whether there is a gateway, and a key."""
        return bool(self.access_key_secret) and len(self.code_key) >= 32

    def template(self, kind: str) -> str:
        """The approved template of a kind of message."""
        return str(getattr(self, f"{kind}_template"))


def gateway() -> SmsGateway:
    """The gateway of this process. Raises SmsOutOfReach where there is none."""
    found = SmsGateway()
    if not found.is_on:
        raise SmsOutOfReach("手机验证码尚未开通，请使用微信登录，或到窗口办理。")
    return found


class Short(NamedTuple):
    """One message: to whom, by which template, with which parameters. `number` is ours and comes back in receipts."""

    phone: str
    template: str
    parameters: Mapping[str, str]
    number: str


class NotSent(Exception):
    """The gateway refused. `code` is its own; `of_the_phone`: the gateway itself works."""

    def __init__(self, code: str) -> None:
        self.code = code[:64]
        self.of_the_phone = code in OF_THE_PHONE
        super().__init__(self.code)


def send(message: Short, at: SmsGateway, now: datetime, nonce: str) -> str:
    """Send once; gives the gateway's receipt number. Raises NotSent, client.NoAnswer."""
    query = {
        "PhoneNumbers": message.phone,
        "SignName": at.sign_name,
        "TemplateCode": message.template,
        "TemplateParam": json.dumps(dict(message.parameters), ensure_ascii=False, sort_keys=True),
        "OutId": message.number,
    }
    headers = {
        "host": client.host_of(at.url),
        "x-acs-action": ACTION,
        "x-acs-version": VERSION,
        "x-acs-date": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": EMPTY,
    }
    headers["Authorization"] = authorization(query, headers, at.access_key_id, at.access_key_secret)
    address = f"{at.url.rstrip('/')}/?{_canonical(query)}"
    answer = client.post(address, b"", headers, seconds=at.timeout, outside=True)
    said = answer.json()
    if said.get("Code") != "OK":
        raise NotSent(str(said.get("Code") or f"status {answer.status}"))
    return str(said.get("BizId", ""))


def authorization(query: Mapping[str, str], headers: Mapping[str, str], key_id: str, secret: str) -> str:
    """The Authorization header of a request with an empty body."""
    names = sorted(name for name in headers if name == "host" or name.startswith("x-acs-"))
    signed = ";".join(names)
    canonical = "\n".join(
        ["POST", "/", _canonical(query), "".join(f"{name}:{headers[name].strip()}\n" for name in names), signed, EMPTY]
    )
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"


def _canonical(query: Mapping[str, str]) -> str:
    return "&".join(f"{client.quoted(name)}={client.quoted(value)}" for name, value in sorted(query.items()))
