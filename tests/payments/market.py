"""A cashier's hall with real channels: the hall of billing and the gateway's town in one hospital, on one clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from functions.payments.gateway import client
from infra.simulators.wire import Payer
from tests.payments.conftest import BILLING, Cashier, Hall, broken_checks
from tests.payments.gateway_town import Town
from tests.support.clinic import ok
from tests.support.hospital import Caller, cloned_hospital

SETTLEMENTS = f"{BILLING}/settlements"


class Market:
    """What the tests of electronic money share."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.hospital = town.hospital
        self.hall = Hall(town.hospital)
        self._serial = count(1)

    def code(self, channel: str = "wechat", **payer: Any) -> str:
        """A payment code whose owner behaves like this."""
        number = next(self._serial)
        code = f"13{number:016d}" if channel == "wechat" else f"28{number:016d}"
        self.town.simulator(channel).payers[code] = Payer(**payer)
        return code

    def start(self, cashier: Cashier, total: str, *items: tuple[str, str | int], **more: Any) -> dict[str, Any]:
        """Charge items to a new patient and start to settle them."""
        charges = self.hall.post(self.hall.patient(), *items, **more)
        body = {"charge_ids": [str(one.charge_id) for one in charges], "expected_total": total}
        return dict(ok(cashier.caller.post(f"{SETTLEMENTS}/start", body)))

    def tender(self, cashier: Cashier, settlement: dict[str, Any], amount: str, **more: Any) -> httpx.Response:
        """Add an electronic tender: a payment code unless told otherwise."""
        method = more.pop("method", "wechat")
        given = more or {"auth_code": self.code(method)}
        body = {"method": method, "amount": amount, **given}
        return cashier.caller.post(f"{SETTLEMENTS}/{settlement['settlement_id']}/tenders", body)

    def sold(
        self, cashier: Cashier, total: str, wechat: str, *items: tuple[str, str | int], **more: Any
    ) -> dict[str, Any]:
        """A completed sale, so much of it by WeChat and the rest in cash."""
        started = self.start(cashier, total, *items, **more)
        done = dict(ok(self.tender(cashier, started, wechat)))
        rest = Decimal(total) - Decimal(wechat)
        if rest:
            body = {"method": "cash", "amount": str(rest)}
            done = dict(ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", body)))
        assert done["state"] == "completed", done
        return done

    def qr(self, cashier: Cashier, settlement: dict[str, Any], amount: str) -> dict[str, Any]:
        """A QR code is on the screen; nobody has paid yet."""
        return dict(ok(self.tender(cashier, settlement, amount, product="qr")))

    def scan_and_pay(self, settlement: dict[str, Any], *, told: bool = True) -> None:
        """The patient pays the QR code; `told`: the channel's letter and our event arrive."""
        assert self.town.wechat.pay(settlement["payment"]["order_no"])
        if told:
            self.news()

    def news(self) -> None:
        """Letters of the channels and every event arrive, each twice."""
        self.town.deliver()
        self.hospital.drain()

    def read(self, caller: Caller, settlement: dict[str, Any]) -> dict[str, Any]:
        return dict(ok(caller.get(f"{SETTLEMENTS}/{settlement['settlement_id']}")))

    def kept(self, channel: str = "wechat") -> Decimal:
        """What the channel holds of ours."""
        return Decimal(self.town.simulator(channel).ledger.net()) / 100

    def booked(self, method: str = "wechat") -> Decimal:
        """What the journal says of a means of payment."""
        value = self.hospital.value(
            "SELECT coalesce(sum(CASE direction WHEN 'in' THEN amount ELSE -amount END), 0)"
            " FROM payments.money_movements WHERE method = %s",
            [method],
        )
        return Decimal(value)

    def assert_sound(self) -> None:
        """The books balance, and the journal holds of each channel what the channel holds of ours."""
        assert broken_checks(self.hospital) == []
        for channel in ("wechat", "alipay"):
            carried = self.hospital.value(
                "SELECT coalesce(sum(t.amount - t.returned), 0) FROM payments.tenders t"
                " JOIN payments.settlements s USING (settlement_id)"
                " WHERE t.method = %s AND t.state = 'received' AND t.debt_id IS NULL"
                " AND s.state IN ('draft', 'insurance_pending', 'insurance_done', 'paying')",
                [channel],
            )
            assert self.booked(channel) + Decimal(carried) == self.kept(channel), channel

    def come_to_rest(self) -> None:
        """Whatever a test did, the channels work again and have answered; our books and theirs are the same."""
        simulators = self.town.channels.simulators
        for simulator in simulators:
            simulator.faults.clear()
        for _ in range(20):
            self.news()
            self.town.minute()
            if all(simulator.is_quiet for simulator in simulators):
                break
        self.news()
        self.assert_sound()


@contextmanager
def open_market(folder: Path) -> Iterator[Market]:
    """A hospital with every function and a merchant at WeChat and Alipay."""
    with cloned_hospital() as hospital, mock.patch.object(client, "outside") as outside:
        town = Town(hospital, folder)
        outside.side_effect = lambda: town.outside
        market = Market(town)
        for channel in ("wechat", "alipay"):
            town.open_merchant(channel)
        yield market
