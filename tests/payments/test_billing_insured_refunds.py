"""Refunds of insured settlements: the whole is undone (2208), what remains is settled anew (2207)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.problems import (
    DebtFirst,
    LineBeingRefunded,
    RefundNotWaiting,
)
from functions.payments.billing.service import InsuranceAnswer
from shared.problems import Problem
from shared.tx import Tx
from tests.payments.conftest import BILLING, CASHIER, SOURCE, Cashier, cash, refused, staff
from tests.payments.market import SETTLEMENTS, Market
from tests.payments.test_billing_insured import answer, as_cashier, begin, insured_sale, insurer, place_of, valid
from tests.support.clinic import ok


@pytest.fixture(scope="module")
def market(market: Market) -> Market:
    market.hall.publish({"exam100": ("胸部CT", "03", "100.0000"), "exam400": ("增强磁共振", "03", "400.0000")})
    return market


@pytest.fixture(autouse=True)
def _sound(market: Market) -> Iterator[None]:
    """At the end of each test every law of money holds, and what the insurer paid is what the journal says."""
    yield
    market.come_to_rest()


# -- refunds


@pytest.mark.case("01", 4)
def test_one_line_of_an_insured_settlement_goes_back(market: Market) -> None:
    """500.00 (fund 300, WeChat 200) less a line of 100.00: 2208 whole, new 2207 on 400.00 giving fund 250, due 150."""
    cashier = market.hall.cashier()
    fund, kept = insurer(market), market.kept()
    sold = insured_sale(market, cashier)
    refund = market.hall.approved_refund(sold, (place_of(sold, "exam100"), 1), reason_code="not_done", reason="未做")
    refused(market.hall.execute(cashier, refund), 409, "insured_settlement")
    refund_id = UUID(refund["refund_id"])
    with as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, refund_id)
    assert (insurer(market), valid(market, sold["settlement_id"])) == (fund + 300, 1)
    with as_cashier(market, cashier) as tx:
        undone = billing.insurance_reversed(tx, refund_id, "msg-2")
    assert undone.successor is not None
    successor = market.read(cashier.caller, {"settlement_id": str(undone.successor.settlement_id)})
    both = (sold["settlement_id"], successor["settlement_id"])
    assert (successor["state"], successor["total"], valid(market, *both)) == ("insurance_pending", "400.00", 0)
    assert (insurer(market), market.kept()) == (fund, kept + 200)
    market.assert_sound()
    done = answer(market, cashier, successor, fund="250.00")
    assert (done.settlement.state, valid(market, *both)) == ("completed", 1)
    for _ in range(3):
        market.town.minute()
        market.news()
    assert (insurer(market), market.kept()) == (fund + 250, kept + 150), "the patient got 50.00 back"
    shown = ok(cashier.caller.get(f"{BILLING}/refunds/{refund_id}"))
    assert {part["method"]: part["amount"] for part in shown["parts"]} == {"wechat": "50.00", "insurance_fund": "50.00"}
    old, new = (market.read(cashier.caller, {"settlement_id": one}) for one in both)
    assert (old["state"], old["successor_id"]) == ("reversed", new["settlement_id"])
    assert {line["item_code"]: line["status"] for line in new["lines"]} == {"exam400": "paid"}
    assert (new["carried"], new["receipt"]["amount"], old["receipt_no"]) == ("150.00", "400.00", None)
    replaced = market.hospital.events("settlement_replaced")[-1]["data"]
    assert (replaced["old_settlement_id"], replaced["new_settlement_id"], replaced["new_total"]) == (*both, "400.00")
    settled = [event["data"]["settlement_id"] for event in market.hospital.events("charges_settled")]
    assert new["settlement_id"] not in settled, "lines that stay paid are not announced again"
    assert market.hospital.events("charges_refunded")[-1]["data"]["amount"] == "100.00"
    day = ok(market.hall.finance().get(f"{BILLING}/reports/days/{new['business_day']}"))
    assert day["net_by_method"] == day["net_by_class"]
    # what was carried over goes back as it first came
    last = market.hall.approved_refund(new, (0, 1))
    with as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, UUID(last["refund_id"]))
    with as_cashier(market, cashier) as tx:
        over = billing.insurance_reversed(tx, UUID(last["refund_id"]), "msg-3")
    assert over.successor is None
    billing.carry_out_refunds(market.town.steps(), over.channel_refunds)
    assert (insurer(market), market.kept()) == (fund, kept)


def test_cash_is_carried_over_and_the_difference_paid_out(market: Market) -> None:
    """A part of a line goes back; the drawer pays only what really changes hands."""
    cashier = market.hall.cashier()
    drawer = market.booked("cash")
    started = market.start(cashier, "150.00", ("lab50", 3))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="60.00")
    sold = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", cash("90.00")))
    refund = market.hall.approved_refund(sold, (0, 1))
    successor = _replace(market, cashier, refund)
    assert market.booked("cash") == drawer + 90
    done = answer(market, cashier, successor, fund="40.00")
    assert (done.settlement.state, done.settlement.total) == ("completed", Decimal("100.00"))
    assert market.booked("cash") == drawer + 60
    again = market.read(cashier.caller, successor)
    assert (again["lines"][0]["quantity"], again["lines"][0]["refundable_quantity"]) == ("2.0000", "2.0000")
    second = _replace(market, cashier, market.hall.approved_refund(again, (0, 1)))
    assert answer(market, cashier, second, fund="20.00").settlement.state == "completed"
    assert market.booked("cash") == drawer + 30
    closed = market.hall.close(cashier)
    assert closed["difference"] == "0.00"


def test_the_insurer_pays_less_and_the_patient_more(market: Market) -> None:
    cashier = market.hall.cashier()
    kept = market.kept()
    sold = insured_sale(market, cashier)
    refund = market.hall.approved_refund(sold, (place_of(sold, "exam100"), 1))
    successor = _replace(market, cashier, refund)
    after = answer(market, cashier, successor, fund="150.00")
    assert (after.settlement.state, after.settlement.total - after.settlement.tendered) == ("paying", Decimal("50.00"))
    done = ok(cashier.caller.post(f"{SETTLEMENTS}/{successor['settlement_id']}/tenders", cash("50.00")))
    assert (done["state"], done["carried"]) == ("completed", "200.00")
    assert market.kept() == kept + 200
    shown = ok(cashier.caller.get(f"{BILLING}/refunds/{refund['refund_id']}"))
    assert {part["method"]: part["amount"] for part in shown["parts"]} == {"cash": "-50.00", "insurance_fund": "150.00"}


def test_the_insurer_refuses_the_rest_and_the_patient_leaves(market: Market) -> None:
    """2207 of the rest is refused and the patient does not pay it: everything goes back, the line is open again."""
    cashier = market.hall.cashier()
    fund, kept = insurer(market), market.kept()
    sold = insured_sale(market, cashier)
    successor = _replace(market, cashier, market.hall.approved_refund(sold, (place_of(sold, "exam100"), 1)))
    with as_cashier(market, cashier) as tx:
        billing.insurance_refused(tx, UUID(successor["settlement_id"]))
    shown = market.read(cashier.caller, successor)
    body = {"version": shown["version"], "reason": "患者不付"}
    path = f"{SETTLEMENTS}/{successor['settlement_id']}/cancel"
    assert ok(cashier.caller.post(path, body))["state"] == "cancelled"
    for _ in range(3):
        market.town.minute()
        market.news()
    assert (insurer(market), market.kept()) == (fund, kept)
    open_line = market.hospital.rows(
        "SELECT status, settlement_id FROM payments.charges WHERE charge_id = %s",
        [UUID(next(line["charge_id"] for line in sold["lines"] if line["item_code"] == "exam400"))],
    )
    assert open_line == [{"status": "open", "settlement_id": None}]


def test_the_next_cashier_finishes_what_was_settled_anew(market: Market) -> None:
    """The insurer's answer comes when nobody is at a window: what goes back in cash waits for a cashier."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "150.00", ("lab50", 3))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="60.00")
    sold = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", cash("90.00")))
    refund = market.hall.approved_refund(sold, (0, 1))
    with market.hospital.tx("hq") as tx:
        billing.begin_reversal(tx, UUID(refund["refund_id"]))
        undone = billing.insurance_reversed(tx, UUID(refund["refund_id"]), "msg-9")
    assert undone.successor is not None
    successor_id = undone.successor.settlement_id
    with market.hospital.tx("hq") as tx:
        after = billing.record_insurance_tender(tx, successor_id, InsuranceAnswer("setl-9", Decimal("40.00")))
    assert after.settlement.state == "insurance_done"
    other = market.hall.cashier()
    done = ok(other.caller.post(f"{SETTLEMENTS}/{successor_id}/complete"))
    assert (done["state"], done["carried"]) == ("completed", "60.00")
    assert market.hall.close(other)["difference"] == "0.00"


def test_the_drawer_cannot_pay_what_goes_back(market: Market) -> None:
    """The insurer pays the rest whole and the drawer is empty: its answer is booked, the cash waits for a drawer."""
    cashier = market.hall.cashier(amount="0.00")
    started = market.start(cashier, "150.00", ("lab50", 3))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="60.00")
    sold = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", cash("90.00")))
    body = {"amount": "90.00", "denominations": [{"face": "10", "count": 9}]}
    ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins", body))
    successor = _replace(market, cashier, market.hall.approved_refund(sold, (0, 1)))
    after = answer(market, cashier, successor, fund="100.00")
    assert (after.settlement.state, after.settlement.tendered) == ("insurance_done", Decimal("100.00"))
    path = f"{SETTLEMENTS}/{successor['settlement_id']}/complete"
    refused(cashier.caller.post(path), 422, "cash_insufficient")
    other = market.hall.cashier()
    assert ok(other.caller.post(path))["state"] == "completed"
    assert market.hall.close(other)["difference"] == "0.00"


def test_a_refused_reversal_leaves_the_refund_waiting(market: Market) -> None:
    cashier = market.hall.cashier()
    sold = insured_sale(market, cashier)
    refund = market.hall.approved_refund(sold, (place_of(sold, "exam100"), 1))
    with as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, UUID(refund["refund_id"]))
    problem = refused(
        market.hall.refund(cashier.caller, sold, (place_of(sold, "exam400"), 1)), 409, "line_being_refunded"
    )
    assert problem["refund_id"] == refund["refund_id"]
    with pytest.raises(RefundNotWaiting), as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, UUID(refund["refund_id"]))
    with as_cashier(market, cashier) as tx:
        assert billing.reversal_refused(tx, UUID(refund["refund_id"])).state == "approved"
    with pytest.raises(RefundNotWaiting), as_cashier(market, cashier) as tx:
        billing.insurance_reversed(tx, UUID(refund["refund_id"]), "msg-2")


def test_what_must_come_before_a_reversal(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "500.00", ("exam100", 1), ("exam400", 1))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="300.00")
    owed = {"method": "debt", "amount": "200.00", "note": "绿色通道", "approved_by": str(staff(market.hospital))}
    sold = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", owed))
    refund = market.hall.approved_refund(sold, (0, 1))
    with pytest.raises(DebtFirst), as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, UUID(refund["refund_id"]))
    plain = insured_sale(market, cashier)
    first = market.hall.approved_refund(plain, (0, 1))
    ok(market.hall.refund(market.hospital.caller("registrar"), plain, (1, 1)))
    with pytest.raises(LineBeingRefunded), as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, UUID(first["refund_id"]))


def test_two_desks_book_one_answer(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "100.00", ("exam100", 1))
    begin(market, cashier, started)
    gate = Barrier(2)

    def book() -> str:
        gate.wait()
        try:
            answer(market, cashier, started, fund="100.00")
        except Problem as problem:
            return problem.code
        return "booked"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(one.result() for one in [pool.submit(book) for _ in range(2)])
    assert outcomes[0] == "booked"
    assert outcomes[1] in ("insurance_step_refused", "settlement_not_open")


def test_another_module_cannot_pay_an_insured_source_back(market: Market) -> None:
    cashier, source = market.hall.cashier(), str(uuid4())
    started = market.start(cashier, "100.00", ("exam100", 1), source_id=source)
    begin(market, cashier, started)
    answer(market, cashier, started, fund="100.00")

    def give_back(tx: Tx) -> None:
        billing.refund_source(tx, SOURCE, source, "patient", "退号")

    with pytest.raises(Problem) as caught, as_cashier(market, cashier) as tx:
        give_back(tx)
    assert caught.value.code == "refund_needs_approval"


def _replace(market: Market, cashier: Cashier, refund: dict[str, Any]) -> dict[str, Any]:
    """2208 was sent and answered: the settlement to be settled anew."""
    refund_id = UUID(refund["refund_id"])
    with as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, refund_id)
    with as_cashier(market, cashier) as tx:
        undone = billing.insurance_reversed(tx, refund_id, "msg-2")
    assert undone.successor is not None
    return market.read(cashier.caller, {"settlement_id": str(undone.successor.settlement_id)})
