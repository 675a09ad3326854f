"""Patients with phones: a gateway for messages, and people bound to WeChat accounts of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from infra.simulators.sms import SmsSimulator
from infra.simulators.wechat_login import WeChatLoginSimulator
from tests.platform.beyond import SSO, patient, renewed
from tests.platform.conftest import ok
from tests.platform.realm import World
from tests.support.clinic import register_person, resident_id
from tests.support.hospital import Caller

KEY = "a-key-for-codes-of-32-characters-or-more"
NAMES = iter(range(10, 400))


@contextmanager
def messages_of(world: World) -> Iterator[SmsSimulator]:
    """The SMS gateway, on the hospital's own clock."""
    made = SmsSimulator("key-id", "key-secret", sign_name="安和县医院", clock=world.hospital.clock)
    with made as simulator, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "URL": simulator.url,
            "ACCESS_KEY_ID": "key-id",
            "ACCESS_KEY_SECRET": "key-secret",
            "SIGN_NAME": "安和县医院",
            "SIGN_ON_TEMPLATE": "SMS_1",
            "FAMILY_TEMPLATE": "SMS_2",
            "FAMILY_BOUND_TEMPLATE": "SMS_3",
            "FAMILY_ENDED_TEMPLATE": "SMS_4",
            "CODE_KEY": KEY,
        }.items():
            patch.setenv(f"HIS_SMS_{name}", value)
        yield simulator


@contextmanager
def wechat_here() -> Iterator[WeChatLoginSimulator]:
    with WeChatLoginSimulator("wx-test", "wechat-app-secret") as one, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIS_WECHAT_LOGIN_URL", one.url)
        patch.setenv("HIS_WECHAT_LOGIN_APPID", "wx-test")
        patch.setenv("HIS_WECHAT_LOGIN_SECRET", "wechat-app-secret")
        yield one


class Somebody:
    """A patient with a phone the hospital registered, bound to a WeChat account as its owner unless told not to be."""

    def __init__(
        self, world: World, gateway: Caller, wechat: WeChatLoginSimulator, *, bound: bool = True, phone: str = ""
    ) -> None:
        self._world, self._gateway, self._wechat = world, gateway, wechat
        place = next(NAMES)
        self.phone = phone or f"138{uuid4().int % 10**8:08d}"
        self.number = resident_id(place % 50, born=f"19{60 + place // 50:02d}0315")
        self.name, self.openid = f"韦建{chr(0x4E00 + place)}", f"openid-{uuid4().hex}"
        desk = world.hospital.caller("registrar")
        self.patient_id = register_person(desk, self.number, name=self.name, phone=self.phone)
        if bound:
            self.account = patient(world, set(), gateway, wechat, self.openid)
            body = {"document_no": self.number, "name": self.name, "phone": self.phone}
            self.link = ok(self.account.post(f"{SSO}/my/persons/self", body))

    def again(self) -> Caller:
        """Signed on anew: the token names whom the account is bound to now."""
        self._world.minute()
        self.account = renewed(self._world, set(), self._gateway, self._wechat, self.openid)
        return self.account
