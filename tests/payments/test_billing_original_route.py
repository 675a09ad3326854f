"""Electronic money on its way back: by the original route, whoever asks and whatever the channel answers."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import pytest

from functions.payments.billing import service as billing
from infra.simulators.wire import Fault
from tests.payments.conftest import BILLING, SOURCE, refused, staff
from tests.payments.market import Market
from tests.support.clinic import ok


@pytest.fixture(autouse=True)
def _sound(market: Market) -> Iterator[None]:
    yield
    market.come_to_rest()


# -- refunds


@pytest.mark.case("01", 3)
def test_a_refund_goes_back_the_way_it_came(market: Market) -> None:
    """300.00 = WeChat 200 + cash 100; the examination of 250.00 goes back: WeChat 200.00, cash 50.00."""
    cashier = market.hall.cashier()
    before, drawer = market.kept(), market.booked("cash")
    sold = market.sold(cashier, "300.00", "200.00", ("exam250", 1), ("lab50", 1))
    exam = next(place for place, line in enumerate(sold["lines"]) if line["item_code"] == "exam250")
    refund = market.hall.approved_refund(sold, (exam, 1), reason_code="not_done", reason="检查未做")
    done = ok(market.hall.execute(cashier, refund))
    assert [(part["method"], part["amount"]) for part in done["parts"]] == [("cash", "50.00"), ("wechat", "200.00")]
    assert (market.kept(), market.booked("cash")) == (before, drawer + 50)
    market.news()
    shown = ok(cashier.caller.get(f"{BILLING}/refunds/{done['refund_id']}"))
    assert [(one["amount"], one["state"]) for one in shown["channel_refunds"]] == [("200.00", "succeeded")]
    after = market.read(cashier.caller, sold)
    assert {line["item_code"]: line["status"] for line in after["lines"]} == {"exam250": "refunded", "lab50": "paid"}
    receipts = market.hospital.rows(
        "SELECT state, amount FROM payments.receipts WHERE settlement_id = %s ORDER BY receipt_no",
        [sold["settlement_id"]],
    )
    assert [(row["state"], str(row["amount"])) for row in receipts] == [("reversed", "300.00"), ("issued", "50.00")]


def test_the_channel_is_silent_when_money_goes_back(market: Market) -> None:
    """The refund stands; one movement of money however often the channel is asked."""
    cashier = market.hall.cashier()
    before = market.kept()
    sold = market.sold(cashier, "50.00", "50.00", ("lab50", 1))
    market.town.wechat.faults.plan("refund", Fault.LOST_ANSWER, Fault.LOST_REQUEST)
    done = ok(market.hall.refund(cashier.caller, sold, (0, 1)))
    assert (done["state"], [part["method"] for part in done["parts"]]) == ("executed", ["wechat"])
    for _ in range(15):
        market.town.minute()
        market.news()
    assert market.kept() == before
    shown = ok(cashier.caller.get(f"{BILLING}/refunds/{done['refund_id']}"))
    assert [one["state"] for one in shown["channel_refunds"]] == ["succeeded"]


def test_cash_for_electronic_money_is_finances(market: Market) -> None:
    cashier = market.hall.cashier()
    sold = market.sold(cashier, "50.00", "50.00", ("lab50", 1))
    asked = ok(market.hall.refund(market.hospital.caller("registrar"), sold, (0, 1), cash_instead=True))
    assert asked["level"] == "finance"
    path = f"{BILLING}/refunds/{asked['refund_id']}/approve-large"
    approved = ok(market.hall.finance().post(path, {"version": asked["version"]}))
    done = ok(market.hall.execute(cashier, approved))
    assert [(part["method"], part["amount"]) for part in done["parts"]] == [("cash", "50.00")]
    assert done["channel_refunds"] == []


def test_what_the_hospital_causes_goes_back_by_itself(market: Market) -> None:
    """Twenty paid numbers of a stopped session: each by its original route, once, however often it is told."""
    cashier = market.hall.cashier()
    before = market.kept()
    sources = [str(uuid4()) for _ in range(20)]
    for source in sources:
        market.sold(cashier, "12.35", "12.35", ("drug", 1), source_id=source)
    assert market.kept() == before + Decimal("12.35") * 20
    for _ in range(2):
        for source in sources:
            with market.hospital.tx("hq") as tx:
                told = billing.refund_source(tx, SOURCE, source, "session_stopped", "停诊退号")
                assert told.executed
    market.hospital.drain()
    assert market.kept() == before, "asked for as soon as the refund was told, without waiting for the minute"
    market.news()
    states = market.hospital.rows(
        "SELECT f.state, c.state AS channel, count(*) AS n FROM payments.refunds f"
        " JOIN payments.channel_refunds c USING (refund_id) JOIN payments.refund_lines l USING (refund_id)"
        " JOIN payments.charges h USING (charge_id) WHERE h.source_id = ANY(%s) GROUP BY 1, 2",
        [sources],
    )
    assert states == [{"state": "executed", "channel": "succeeded", "n": 20}]


def test_a_refund_the_channel_refuses_is_asked_for_again(market: Market) -> None:
    """The channel says no for good; when what it complained of is mended, finance asks again: one movement of money."""
    cashier = market.hall.cashier()
    before = market.kept()
    sold = market.sold(cashier, "50.00", "50.00", ("lab50", 1))
    sale = market.town.wechat.ledger.sales[sold["tenders"][0]["reference"]]
    state, sale.state = sale.state, "closed"
    done = ok(market.hall.refund(cashier.caller, sold, (0, 1)))
    sale.state = state
    market.news()
    listed = ok(cashier.caller.get(f"{BILLING}/channel-refunds"))["items"]
    row = next(one for one in listed if one["refund_id"] == done["refund_id"])
    assert (row["state"], row["failure"] is not None, market.kept()) == ("failed", True, before + 50)
    path = f"{BILLING}/channel-refunds/{row['channel_refund_id']}/again"
    refused(cashier.caller.post(path), 403, "permission_denied")
    refused(market.hall.finance("mch").post(path), 404, "billing_refund_order_unknown")
    market.town.clock.move(minutes=2)
    finance = market.hall.finance()
    assert ok(finance.post(path))["state"] == "requested"
    refused(finance.post(path), 409, "billing_refund_order_not_failed")
    for _ in range(3):
        market.town.minute()
        market.news()
    assert market.kept() == before
    assert row["channel_refund_id"] not in {
        one["channel_refund_id"] for one in ok(cashier.caller.get(f"{BILLING}/channel-refunds"))["items"]
    }


# -- debts


def test_a_debt_is_paid_by_phone(market: Market) -> None:
    cashier = market.hall.cashier()
    charges = market.hall.post(market.hall.patient(), ("exam250", 1))
    owed = {"method": "debt", "amount": "250.00", "note": "绿色通道", "approved_by": str(staff(market.hospital))}
    settlement = ok(market.hall.settle(cashier, charges, "250.00", owed))
    debt_id = market.hospital.value(
        "SELECT debt_id FROM payments.debts WHERE settlement_id = %s", [settlement["settlement_id"]]
    )
    path = f"{BILLING}/debts/{debt_id}/payments"
    first = ok(cashier.caller.post(path, {"amount": "100.00", "method": "wechat", "auth_code": market.code()}))
    assert (first["outstanding"], first["payment"], first["receipt_no"]) == ("150.00", None, None)
    waiting = ok(cashier.caller.post(path, {"amount": "150.00", "method": "wechat", "product": "qr"}))
    assert (waiting["outstanding"], waiting["payment"]["amount"]) == ("150.00", "150.00")
    refused(cashier.caller.post(path, {"amount": "150.00"}), 409, "payment_underway")
    market.scan_and_pay(waiting)
    last = ok(cashier.caller.get(f"{BILLING}/debts/{debt_id}"))
    assert (last["state"], last["paid"], last["outstanding"]) == ("settled", "250.00", "0.00")
    assert market.read(cashier.caller, settlement)["receipt_no"] is not None
    refund = market.hall.approved_refund(settlement, (0, 1))
    done = ok(market.hall.execute(cashier, refund))
    assert [(part["method"], part["amount"]) for part in done["parts"]] == [("wechat", "250.00")]
