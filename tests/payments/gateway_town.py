"""A small town for the gateway's tests: both campuses with merchants at simulated channels, one clock for all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from functions.organisation.structure import service as organisation
from functions.payments.gateway import client, main, rules, service
from functions.payments.gateway.client import Answer, NoAnswer, Outside, Request
from functions.payments.gateway.service import PaymentInfo, PaymentOrder, RefundInfo
from infra.simulators.server import Channels
from infra.simulators.wire import Cut, Fault, Letter, Payer, Simulator, key_pair
from shared.column_cipher import cipher
from shared.identity.actor import system_actor
from shared.settings import Settings
from shared.steps import Steps
from shared.telemetry import accept_trace
from tests.support.clinic import _opening, ok
from tests.support.hospital import Caller, Clock, Hospital, cloned_hospital

GATEWAY = "/api/payments/gateway"
CIPHER = "0123456789abcdef0123456789abcdef"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
PRODUCTS = {
    "wechat": ["payment_code", "qr", "jsapi", "h5"],
    "alipay": ["payment_code", "qr", "jsapi", "h5"],
    "ecny": ["payment_code", "qr"],
}
APPS = {"wechat": "wx-app", "alipay": "20210001", "ecny": "ecny"}


class StillClock(Clock):
    """Time stands until somebody moves it."""

    def __init__(self, moment: datetime = NOON) -> None:
        super().__init__()
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def move(self, **amount: float) -> None:
        self.moment += timedelta(**amount)

    def set(self, moment: datetime) -> None:
        self.moment = moment


class Town:
    """Hospital, channels, and the ways between them."""

    def __init__(self, hospital: Hospital, folder: Path) -> None:
        self.hospital = hospital
        self.clock = StillClock()
        hospital.clock = self.clock
        hospital.runtime.clock = self.clock
        self.channels = Channels(clock=self.clock)
        self.waits: list[int] = []
        settings = Settings(
            wechat_pay_url="http://wechat.test",
            alipay_url="http://alipay.test/gateway.do",
            ecny_url="http://ecny.test",
            public_url="http://his.test",
            secrets_dir=folder,
        )
        self.outside = Outside(settings, self._carry, self._wait)
        self.folder = folder
        self.merchants: dict[tuple[str, str], str] = {}
        self._serial = count(1)

    # -- the ways out

    def _carry(self, request: Request) -> Answer:
        path = urlsplit(request.url)
        target = path.path + (f"?{path.query}" if path.query else "")
        try:
            reply = self.channels.handle(request.method, target, dict(request.headers), request.body)
        except Cut as cut:
            raise NoAnswer("cut") from cut
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    def _wait(self, seconds: int) -> None:
        self.waits.append(seconds)
        self.clock.move(seconds=seconds)

    @property
    def wechat(self) -> Simulator:
        return self.channels.wechat

    def simulator(self, channel: str) -> Simulator:
        return next(item for item in self.channels.simulators if item.name == channel)

    # -- merchants

    def write_secret(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def propose(self, channel: str, campus: str = "hq", **changes: Any) -> httpx.Response:
        """POST /merchants by information staff."""
        serial = next(self._serial)
        body = {
            "channel": channel,
            "merchant_no": f"1600{serial:06d}",
            "app_id": f"{APPS.get(channel, 'none')}-{campus}-{serial}",
            "name": "安和县医院",
            "bank_name": "农业银行",
            "account_tail": "1234",
            "products": PRODUCTS.get(channel, ["pos"] if channel == "bank_card" else ["transfer"]),
            "limit_per_payment": "50000.00",
            "fee_rate": "0.006",
            **changes,
        }
        return self.technician(campus).post(f"{GATEWAY}/merchants", body)

    def open_merchant(self, channel: str, campus: str = "hq", *, fetched: bool = False, **changes: Any) -> str:
        """A merchant from its proposal to its activation, its account at the channel and its keys; those of the
        channel are `fetched` by us (平台证书), or put in force as a file."""
        technician, finance = self.technician(campus), self.overseer(campus)
        merchant = ok(self.propose(channel, campus, **changes))
        merchant_id = str(merchant["merchant_id"])
        if channel in PRODUCTS:
            key = key_pair(f"{channel}-{campus}")
            simulator = self.simulator(channel)
            mini = merchant["mini_app_id"] or ""
            simulator.open_account(merchant["merchant_no"], merchant["app_id"], key, CIPHER, mini)
            for role, serial, text in (
                ("sign", key.serial, key.private_pem),
                ("verify", simulator.key.serial, simulator.key.public_pem),
                ("cipher", "apiv3", CIPHER),
            ):
                if role != "verify" or not fetched:
                    self.put_key(merchant_id, campus, role, serial, text)
            if fetched:
                ok(technician.post(f"{GATEWAY}/merchants/{merchant_id}/certificates/fetch"))
        tested = ok(technician.post(f"{GATEWAY}/merchants/{merchant_id}/test", {"version": 1}))
        assert tested["state"] == "tested", tested
        body = {"version": tested["version"]}
        ok(finance.post(f"{GATEWAY}/merchants/{merchant_id}/activate", body))
        self.merchants[channel, campus] = merchant_id
        return merchant_id

    def put_key(self, merchant_id: str, campus: str, role: str, serial: str, text: str, **more: Any) -> dict[str, Any]:
        """Propose a key and let another person put it in force."""
        reference = self.write_secret(f"{merchant_id}-{role}-{next(self._serial)}", text)
        body = {"role": role, "serial": serial, "secret_ref": reference, **more}
        key = ok(self.technician(campus).post(f"{GATEWAY}/merchants/{merchant_id}/keys", body))
        approve = {"version": 1, "overlap_minutes": 30}
        return dict(ok(self.overseer(campus).post(f"{GATEWAY}/keys/{key['key_id']}/approve", approve)))

    # -- people

    def technician(self, campus: str = "hq") -> Caller:
        return self.hospital.caller("system_admin", campus=campus, name="信息科")

    def overseer(self, campus: str = "hq") -> Caller:
        return self.hospital.caller("consortium_finance", campus=campus, name="县财务")

    def registrar(self, campus: str = "hq") -> Caller:
        return self.hospital.caller("registrar", campus=campus, name="刘晓燕")

    def finance(self, campus: str = "hq") -> Caller:
        return self.hospital.caller("finance", campus=campus, name="周建国")

    # -- what billing would do

    def steps(self, campus: str = "hq") -> Steps:
        actor = system_actor("payments/billing", campus)
        return Steps(self.hospital.runtime, actor, campus, accept_trace(None), "payments/billing")

    def order(self, amount: str = "100.00", channel: str | None = "wechat", **more: Any) -> PaymentOrder:
        reference = more.pop("ref_id", None) or f"tender-{next(self._serial)}"
        given = {"channel": channel, **more}
        return PaymentOrder("outpatient", "payments/billing", reference, Decimal(amount), **given)

    def intend(self, *given: Any, campus: str = "hq", **more: Any) -> PaymentInfo:
        """The intent only."""
        order = self.order(*given, **more)
        return self.steps(campus).step(lambda tx: service.create_payment(tx, order))

    def start(self, *given: Any, campus: str = "hq", **more: Any) -> PaymentInfo:
        """Intent and order."""
        payment = self.intend(*given, campus=campus, **more)
        return service.carry_out(self.steps(campus), payment.payment_id)

    def scan(self, amount: str = "100.00", code: str | None = None, campus: str = "hq", **payer: Any) -> PaymentInfo:
        """A payment code is scanned; `payer` is how its owner behaves."""
        code = code or f"13{next(self._serial):016d}"
        channel = rules.channel_of_code(code)
        self.simulator(channel).payers[code] = Payer(**payer)
        return self.start(amount, None, auth_code=code, campus=campus)

    def paid(self, amount: str = "100.00", campus: str = "hq") -> PaymentInfo:
        """A QR payment that was paid and notified."""
        payment = self.start(amount, campus=campus)
        assert self.wechat.pay(payment.order_no)
        self.deliver()
        return self.read(payment.payment_id, campus)

    def read(self, payment_id: UUID, campus: str = "hq") -> PaymentInfo:
        return self.steps(campus).step(lambda tx: service.payment_of(tx, payment_id))

    def ask_back(self, payment_id: UUID, amount: str, ref: str | None = None, campus: str = "hq") -> RefundInfo:
        """The intent to refund only."""
        reference = ref or f"refund-{next(self._serial)}"
        return self.steps(campus).step(
            lambda tx: service.request_refund(tx, payment_id, Decimal(amount), reference, "退费")
        )

    def give_back(self, payment_id: UUID, amount: str, ref: str | None = None, campus: str = "hq") -> RefundInfo:
        asked = self.ask_back(payment_id, amount, ref, campus)
        return service.carry_out_refund(self.steps(campus), asked.channel_refund_id)

    def read_refund(self, refund_id: UUID, campus: str = "hq") -> RefundInfo:
        return self.steps(campus).step(lambda tx: service.refund_of(tx, refund_id))

    # -- time and letters

    def deliver(self, letters: list[Letter] | None = None) -> list[int]:
        """Bring notifications to the hospital; their HTTP answers."""
        waiting = self.channels.take_letters() if letters is None else letters
        return [self.post(letter).status_code for letter in waiting]

    def post(self, letter: Letter) -> httpx.Response:
        return self.hospital.client.post(urlsplit(letter.url).path, content=letter.body, headers=letter.headers)

    def minute(self, campus: str = "hq", times: int = 1) -> None:
        """Minutes pass; after each the sweep runs."""
        for _ in range(times):
            self.clock.move(minutes=1)
            self.hospital.minute("payments/gateway", campus=campus)

    # -- the books

    def kept(self, channel: str, campus: str = "hq") -> int:
        """What our books say a channel owes us, in fen."""
        value = self.hospital.value(
            "SELECT coalesce(sum(p.amount), 0) - coalesce((SELECT sum(r.amount) FROM payments.gateway_refunds r"
            " WHERE r.channel = %(channel)s AND r.campus_id = %(campus)s AND r.state = 'succeeded'), 0)"
            " FROM payments.gateway_payments p WHERE p.channel = %(channel)s AND p.campus_id = %(campus)s"
            " AND p.state IN ('succeeded', 'part_refunded', 'refunded')",
            {"channel": channel, "campus": campus},
        )
        return int(Decimal(value) * 100)

    def said(self, payment_id: UUID | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """What was said to channels and by them, opened: of a payment, of an operation, or all."""
        rows = self.hospital.rows("SELECT * FROM payments.gateway_attempts ORDER BY attempt_id")
        wanted = [
            row for row in rows if payment_id in (None, row["payment_id"]) and operation in (None, row["operation"])
        ]
        assert all(row["request"] == {} and row["answer"] is None for row in wanted), "nothing of it stands in clear"
        about = "payments.gateway_attempts"
        return [json.loads(cipher().open(row["sealed"], f"{about}:{row['attempt_id']}")) for row in wanted]

    def events(self, kind: str, payment_id: UUID | None = None) -> list[dict[str, Any]]:
        found = [event["data"] for event in self.hospital.events(f"payments.gateway.{kind}")]
        return [data for data in found if payment_id is None or data["payment_id"] == str(payment_id)]


def settle_the_books(town: Town) -> None:
    """Everything works again, minutes pass until nothing is open; then our books and the channels' must be the same."""
    for simulator in town.channels.simulators:
        simulator.faults.clear()
        simulator.refund_seconds = 0
    for _ in range(40):
        town.deliver()
        for campus in ("hq", "mch"):
            town.minute(campus)
        open_rows = town.hospital.value(
            "SELECT count(*) FROM payments.gateway_payments WHERE state IN ('paying', 'unknown')"
            " AND channel <> 'bank_card'"
        )
        if open_rows == 0 and all(simulator.is_quiet for simulator in town.channels.simulators):
            break
    for simulator in town.channels.simulators:
        ours = town.kept(simulator.name, "hq") + town.kept(simulator.name, "mch")
        assert ours == simulator.ledger.net(), simulator.name


@contextmanager
def open_town(folder: Path, *campuses: str, channels: tuple[str, ...] = ("wechat",)) -> Iterator[Town]:
    """A town whose campuses have a merchant at each channel."""
    with cloned_hospital(apps=[main.app]) as hospital:
        for campus in ("hq", "mch"):
            with hospital.tx(campus) as tx:
                (organisation.bootstrap if campus == "hq" else organisation.open_campus)(tx, _opening(campus))
        town = Town(hospital, folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "outside", lambda: town.outside)
            for campus in campuses or ("hq",):
                for channel in channels:
                    town.open_merchant(channel, campus)
            yield town


__all__ = ["CIPHER", "GATEWAY", "NOON", "Fault", "Town", "open_town", "settle_the_books"]
