"""Insured settlements, with the test as medical_affairs/insurance: it exchanges, then books each answer here."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.problems import (
    InsuranceStep,
    InsuranceUnderway,
    TendersDiffer,
)
from functions.payments.billing.schemas import TenderInput
from functions.payments.billing.service import InsuranceAnswer, InsuredLine, Settled
from shared.identity.actor import Actor
from tests.payments.conftest import Cashier, cash, refused
from tests.payments.market import SETTLEMENTS, Market
from tests.shared.print_probe import text_of
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


def as_cashier(market: Market, cashier: Cashier) -> Any:
    actor = Actor(kind="staff", subject=cashier.caller.subject, name="刘晓燕", posts={"hq": frozenset({"registrar"})})
    return market.hospital.tx("hq", actor)


def answer(market: Market, cashier: Cashier, settlement: dict[str, Any], **parts: str) -> Settled:
    """2207 was sent and answered."""
    given = InsuranceAnswer(f"setl-{uuid4().hex[:8]}", **{name: Decimal(value) for name, value in parts.items()})
    with as_cashier(market, cashier) as tx:
        return billing.record_insurance_tender(tx, UUID(settlement["settlement_id"]), given)


def begin(market: Market, cashier: Cashier, settlement: dict[str, Any]) -> None:
    with as_cashier(market, cashier) as tx:
        billing.begin_insurance(tx, UUID(settlement["settlement_id"]), "msg-1", "employee")


def insured_sale(market: Market, cashier: Cashier) -> dict[str, Any]:
    """500.00: fund 300.00, WeChat 200.00."""
    started = market.start(cashier, "500.00", ("exam100", 1), ("exam400", 1))
    begin(market, cashier, started)
    after = answer(market, cashier, started, fund="300.00")
    assert (after.settlement.state, after.settlement.tendered) == ("insurance_done", Decimal("300.00"))
    return dict(ok(market.tender(cashier, started, "200.00")))


def insurer(market: Market) -> Decimal:
    return market.booked("insurance_fund")


def valid(market: Market, *settlement_ids: str) -> int:
    """How many of these settlements are in force."""
    return int(
        market.hospital.value(
            "SELECT count(*) FROM payments.settlements WHERE state = 'completed' AND settlement_id = ANY(%s)",
            [[UUID(one) for one in settlement_ids]],
        )
    )


def place_of(settlement: dict[str, Any], code: str) -> int:
    return next(place for place, line in enumerate(settlement["lines"]) if line["item_code"] == code)


# -- settling


def test_the_insurer_pays_first_and_the_patient_the_rest(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "500.00", ("exam100", 1), ("exam400", 1))
    path = f"{SETTLEMENTS}/{started['settlement_id']}"
    begin(market, cashier, started)
    refused(market.tender(cashier, started, "500.00"), 409, "insurance_underway")
    refused(cashier.caller.post(f"{path}/cancel", {"version": 2, "reason": "不付了"}), 409, "insurance_underway")
    after = answer(
        market, cashier, started, fund="250.00", account="30.00", family_account="20.00", medical_aid="50.00"
    )
    assert [(one.method, one.amount) for one in after.tenders] == [
        ("insurance_fund", Decimal("250.00")),
        ("insurance_account", Decimal("30.00")),
        ("insurance_account", Decimal("20.00")),
        ("medical_aid", Decimal("50.00")),
    ]
    done = ok(cashier.caller.post(f"{path}/tenders", cash("150.00")))
    assert (done["state"], done["payer_kind"]) == ("completed", "employee")
    told = market.hospital.events("charges_settled")[-1]["data"]
    assert sum(Decimal(one["amount"]) for one in told["payments"]) == 500


def test_the_insurer_pays_everything(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "100.00", ("exam100", 1))
    begin(market, cashier, started)
    assert answer(market, cashier, started, fund="100.00").settlement.state == "completed"


def test_the_insurer_refuses_and_the_patient_pays(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "100.00", ("exam100", 1))
    begin(market, cashier, started)
    with as_cashier(market, cashier) as tx:
        billing.insurance_refused(tx, UUID(started["settlement_id"]))
    done = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", cash("100.00")))
    assert (done["state"], done["payer_kind"], done["insurance_ref"]) == ("completed", "self_pay", None)


def test_steps_out_of_order_change_nothing(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "100.00", ("exam100", 1))
    settlement_id = UUID(started["settlement_id"])
    census = market.hospital.census()
    with pytest.raises(InsuranceStep), as_cashier(market, cashier) as tx:
        billing.record_insurance_tender(tx, settlement_id, InsuranceAnswer("setl-1", Decimal("50.00")))
    with pytest.raises(InsuranceStep), as_cashier(market, cashier) as tx:
        billing.insurance_refused(tx, settlement_id)
    with pytest.raises(InsuranceStep), as_cashier(market, cashier) as tx:
        billing.insurance_undone(tx, settlement_id, "冲正")
    begin(market, cashier, started)
    with pytest.raises(InsuranceStep), as_cashier(market, cashier) as tx:
        billing.begin_insurance(tx, settlement_id, "msg-2", "employee")
    with pytest.raises(TendersDiffer), as_cashier(market, cashier) as tx:
        billing.record_insurance_tender(tx, settlement_id, InsuranceAnswer("setl-1", Decimal("100.01")))
    with pytest.raises(InsuranceUnderway), as_cashier(market, cashier) as tx:
        billing.add_tender(tx, settlement_id, TenderInput(method="relief", amount=Decimal("1.00"), reference="JM-1"))
    assert market.hospital.census() == census
    paid_first = market.start(cashier, "100.00", ("exam100", 1))
    body = {"method": "relief", "amount": "10.00", "reference": "JM-1"}
    ok(cashier.caller.post(f"{SETTLEMENTS}/{paid_first['settlement_id']}/tenders", body))
    with pytest.raises(InsuranceStep, match="最先"), as_cashier(market, cashier) as tx:
        billing.begin_insurance(tx, UUID(paid_first["settlement_id"]), "msg-3", "employee")


# -- nobody finishes


@pytest.mark.case("01", 10)
@pytest.mark.parametrize("paid", [True, False])
def test_the_browser_closes_after_the_insurers_answer(market: Market, paid: bool) -> None:
    """After 5 minutes it is completed when the payment is found, or undone by 2208: nothing is lost on either path."""
    cashier = market.hall.cashier()
    fund, kept = insurer(market), market.kept()
    started = market.start(cashier, "500.00", ("exam100", 1), ("exam400", 1))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="300.00")
    waiting = market.qr(cashier, started, "200.00")
    if paid:
        market.scan_and_pay(waiting, told=False)
    market.town.clock.move(minutes=5)
    market.hospital.minute("payments/billing")
    after = market.read(cashier.caller, started)
    if paid:
        assert after["state"] == "completed"
        assert (insurer(market), market.kept()) == (fund + 300, kept + 200)
        return
    assert after["state"] == "paying", "billing never gives up what the insurer has booked"
    with market.hospital.tx("hq") as tx:
        stale = [one.settlement_id for one in billing.stale_insured(tx)]
        assert UUID(started["settlement_id"]) in stale
        cancelled, back = billing.insurance_undone(tx, UUID(started["settlement_id"]), "超时冲正")
    assert (cancelled.state, back) == ("cancelled", [])
    assert (insurer(market), market.kept()) == (fund, kept)
    status = market.hospital.value(
        "SELECT status FROM payments.charges WHERE charge_id = %s", [UUID(started["lines"][0]["charge_id"])]
    )
    assert status == "open"
    with market.hospital.tx("hq") as tx:
        assert UUID(started["settlement_id"]) not in [one.settlement_id for one in billing.stale_insured(tx)]


def test_an_undone_settlement_gives_electronic_money_back(market: Market) -> None:
    cashier = market.hall.cashier()
    kept = market.kept()
    started = market.start(cashier, "500.00", ("exam100", 1), ("exam400", 1))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="300.00")
    ok(market.tender(cashier, started, "150.00"))
    with market.hospital.tx("hq") as tx:
        _, back = billing.insurance_undone(tx, UUID(started["settlement_id"]), "患者放弃")
    assert [one.amount for one in back] == [Decimal("150.00")]
    billing.carry_out_refunds(market.town.steps(), back)
    assert market.kept() == kept


@pytest.mark.case("01", 2)
def test_fund_account_and_wechat_make_up_the_last_cent(market: Market) -> None:
    """12.345 x 3 + 0.0333 x 7 = 37.27: fund 20.00, account 10.00, WeChat 7.27; with 7.26 a cent is still due."""
    cashier = market.hall.cashier()
    short, exact = (market.start(cashier, "37.27", ("drug", 3), ("herb", 7)) for _ in range(2))
    for started in (short, exact):
        begin(market, cashier, started)
        answer(market, cashier, started, fund="20.00", account="10.00")
    part = ok(market.tender(cashier, short, "7.26"))
    assert (part["state"], part["due"]) == ("paying", "0.01")
    assert ok(market.tender(cashier, exact, "7.27"))["state"] == "completed"
    with market.hospital.tx("hq") as tx:
        _, back = billing.insurance_undone(tx, UUID(short["settlement_id"]), "差一分未付")
    billing.carry_out_refunds(market.town.steps(), back)


def test_the_list_of_charges_says_what_the_insurer_said_of_each_line(market: Market) -> None:
    """甲/乙/丙 and the shares paid first are known from the insurer's answer; before it nobody claims to know them."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "500.00", ("exam100", 1), ("exam400", 1))
    begin(market, cashier, started)
    first, second = (UUID(line["charge_id"]) for line in started["lines"])
    stranger = market.hall.post(market.hall.patient(), ("lab50", 1))[0].charge_id
    said = [
        InsuredLine(first, "甲", Decimal(0)),
        InsuredLine(second, "乙", Decimal("0.15")),
        InsuredLine(stranger, "丙", Decimal(1)),
    ]
    given = InsuranceAnswer("setl-levels", Decimal("300.00"), lines=said)
    with as_cashier(market, cashier) as tx:
        billing.record_insurance_tender(tx, UUID(started["settlement_id"]), given)
    ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", cash("200.00")))
    kept = {
        charge_id: ok(cashier.caller.get(f"/api/payments/billing/charges/{charge_id}"))
        for charge_id in (first, second, stranger)
    }
    assert [(one["insurance_level"], one["self_pay_ratio"]) for one in kept.values()] == [
        ("甲", "0.0000"),
        ("乙", "0.1500"),
        (None, None),
    ], "only lines of the settlement the answer is about"
    pdf = cashier.caller.get(f"{SETTLEMENTS}/{started['settlement_id']}/fee-list.pdf")
    text = "".join("".join(text_of(pdf.content)).split())
    assert "15%" in text
    assert "按医保等级甲类100.00乙类400.00先行自付60.00" in text
    assert "exam400" in text
    plain = market.hall.sold(cashier, ("lab50", 1), total="50.00")
    bare = cashier.caller.get(f"{SETTLEMENTS}/{plain['settlement_id']}/fee-list.pdf")
    assert "按医保等级" not in "".join("".join(text_of(bare.content)).split())
