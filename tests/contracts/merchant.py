"""A merchant with every simulated payment channel over real HTTP, and the ways it speaks to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from functions.payments.gateway import client
from functions.payments.gateway.channels import Channel, Credentials, Order, open_channel
from functions.payments.gateway.client import Outside
from infra.simulators.server import Channels, Server
from infra.simulators.wire import Simulator, key_pair
from shared.settings import Settings

if TYPE_CHECKING:
    from wechatpayv3 import WeChatPay

CIPHER = "abcdef0123456789abcdef0123456789"
MERCHANT = UUID("01900000-0000-7000-8000-000000000056")
MERCHANT_NO, APP = "16000001", "app-1"
NAMES = ("wechat", "alipay", "ecny")


def clock() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened_town() -> Iterator[Server]:
    """All channels, which know the merchant and send no letter by themselves."""
    with Server(Channels(), post_letters=False) as server:
        for simulator in server.channels.simulators:
            simulator.open_account(MERCHANT_NO, APP, key_pair("contract"), CIPHER)
        yield server


def outside_of(town: Server) -> Outside:
    settings = Settings(
        wechat_pay_url=town.url,
        alipay_url=f"{town.url}/gateway.do",
        ecny_url=town.url,
        public_url="http://his.test",
    )
    return Outside(settings, client._http(), lambda seconds: None)


def simulator_of(town: Server, name: str) -> Simulator:
    return next(item for item in town.channels.simulators if item.name == name)


def credentials(simulator: Simulator, **changes: Any) -> Credentials:
    key = key_pair("contract")
    given = Credentials(
        merchant_id=MERCHANT,
        campus="hq",
        channel=simulator.name,
        merchant_no=MERCHANT_NO,
        app_id=APP,
        sign_serial=key.serial,
        sign_key=key.private_pem,
        verify_keys=((simulator.key.serial, simulator.key.public_pem),),
        cipher_keys=(CIPHER,),
    )
    return given._replace(**changes)


def open_one(simulator: Simulator, outside: Outside, **changes: Any) -> Channel:
    return open_channel(credentials(simulator, **changes), outside, clock)


def order(product: str = "qr", **changes: Any) -> Order:
    expires = clock() + timedelta(minutes=3)
    return Order(uuid4().hex[:31], 727, product, "门诊费用", "", "W3", expires)._replace(**changes)


def kept_wechat_library(town: Server, **trust: Any) -> "WeChatPay":
    """The kept library itself as the merchant; `trust` says by what it knows WeChat."""
    from wechatpayv3 import WeChatPay, WeChatPayType

    key = key_pair("contract")
    library = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=MERCHANT_NO,
        private_key=key.private_pem,
        cert_serial_no=key.serial,
        appid=APP,
        apiv3_key=CIPHER,
        notify_url="http://his.test/n",
        timeout=(3, 5),
        **trust,
    )
    library._core._gate_way = town.url
    return library
