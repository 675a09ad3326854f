"""Another doctor holds a session (替诊): a lower grade gives every paid patient the difference back, once."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from events.outpatient import DoctorReplaced
from functions.outpatient.registration import service
from functions.payments.billing import service as billing
from shared.money import ZERO
from shared.schemas import SHANGHAI
from tests.outpatient.registering import VISITS, charges_of, visit_row
from tests.outpatient.test_schedule_scene import PATH, engage, new_room
from tests.payments.conftest import BILLING, SOURCE, Cashier, broken_checks, staff
from tests.payments.market import Market, open_market
from tests.payments.test_billing_insured import answer, as_cashier, begin
from tests.support.clinic import ok, pay_cash, register_visit

CHIEF, ASSOCIATE = "231", "232"
CHIEF_FEE, ASSOCIATE_FEE = "110200002", "110200003"
_serial = count(1)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with open_market(tmp_path_factory.mktemp("secrets")) as one:
        one.hall.publish({ASSOCIATE_FEE: ("副主任医师诊查费", "02", "20.0000")})
        yield one


@pytest.fixture(scope="module")
def clinic_id(market: Market) -> str:
    body = {
        "code": "chief",
        "name": "内科主任门诊",
        "unit_id": str(market.hall.desks["hq"].unit_id),
        "grade": "chief",
        "fee_item_code": CHIEF_FEE,
        "standard_code": "internal-chief",
        "grade_fees": {"associate_chief": ASSOCIATE_FEE},
    }
    return str(ok(market.hospital.caller("schedule_clerk").post(f"{PATH}/clinics", body))["clinic_id"])


@pytest.fixture(autouse=True)
def _sound(market: Market) -> Iterator[None]:
    """Whatever a test does, at its end every check of money and numbers holds."""
    yield
    carry_out(market)
    market.assert_sound()


def carry_out(market: Market) -> None:
    """The gateway sends what goes back to the channels, and everybody hears of it."""
    under_way = "SELECT count(*) FROM payments.channel_refunds WHERE state = 'requested'"
    market.news()
    for _ in range(30):
        if not market.hospital.value(under_way):
            break
        market.town.minute()
        market.news()
    assert market.hospital.value(under_way) == 0


class Session:
    """A session of a chief's clinic that is on sale now, held by a 主任医师."""

    def __init__(self, market: Market, clinic_id: str) -> None:
        self.market, self.hospital = market, market.hospital
        self.desk = market.hall.desks["hq"]
        self.office = self.hospital.caller("schedule_approver")
        start = self.hospital.clock().replace(microsecond=0) - timedelta(minutes=1)
        ends = (start + timedelta(minutes=60)).isoformat()
        body = {
            "clinic_id": clinic_id,
            "room_id": str(new_room(self.hospital, self.desk)),
            "doctor_id": str(self.doctor(CHIEF)),
            "day": start.astimezone(SHANGHAI).date().isoformat(),
            "part": "morning",
            "bands": [
                {"starts_at": start.isoformat(), "ends_at": (start + timedelta(minutes=30)).isoformat(), "count": 3},
                {"starts_at": (start + timedelta(minutes=30)).isoformat(), "ends_at": ends, "count": 3},
            ],
            "quotas": {"window": 6},
        }
        made = ok(self.hospital.caller("schedule_clerk").post(f"{PATH}/sessions", body))
        self.path = f"{PATH}/sessions/{made['session_id']}"
        ok(self.hospital.caller("schedule_clerk").post(f"{self.path}/submit", {"version": 1}))
        ok(self.office.post(f"{self.path}/approve", {"version": 2}))
        self.row: dict[str, Any] = ok(self.office.post(f"{self.path}/publish", {"version": 3}))

    def doctor(self, title: str) -> UUID:
        return engage(self.hospital, self.desk, title)

    def replace(self, title: str) -> UUID:
        """Another doctor of this title holds it; everybody is told, twice."""
        doctor = self.doctor(title)
        body = {"version": self.row["version"], "doctor_id": str(doctor), "reason": "医生外出会诊"}
        self.row = ok(self.office.post(f"{self.path}/replace", body))
        self.hospital.drain()
        return doctor

    def visit(self, cashier: Cashier) -> dict[str, Any]:
        return dict(register_visit(cashier.caller, str(self.market.hall.patient()), self.row))

    def told(self) -> list[DoctorReplaced]:
        events = self.hospital.events("doctor_replaced")
        mine = [one["data"] for one in events if one["subject"] == self.row["session_id"]]
        return [DoctorReplaced.model_validate(one) for one in mine]


def pay_wechat(market: Market, cashier: Cashier, visit: dict[str, Any]) -> None:
    body = {"charge_ids": [one["charge_id"] for one in visit["charges"]], "expected_total": visit["fee"]}
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    assert ok(market.tender(cashier, started, visit["fee"]))["state"] == "completed"


OF_VISIT = (
    "EXISTS (SELECT FROM payments.refund_lines l JOIN payments.charges c USING (charge_id)"
    " WHERE l.refund_id = r.refund_id AND c.encounter_id = %s)"
)


def refunds_of(market: Market, visit: dict[str, Any]) -> list[dict[str, Any]]:
    return market.hospital.rows(
        "SELECT r.refund_id::text, r.state, r.amount::text, r.version, r.reason_code, r.approver"
        f" FROM payments.refunds r WHERE {OF_VISIT} ORDER BY r.refund_id",
        [visit["encounter_id"]],
    )


def money_back(market: Market, visit: dict[str, Any]) -> dict[str, Decimal]:
    """What went back to the patient, by means."""
    rows = market.hospital.rows(
        "SELECT p.method, sum(p.amount) AS amount FROM payments.refund_parts p"
        f" JOIN payments.refunds r USING (refund_id) WHERE r.state = 'executed' AND {OF_VISIT} GROUP BY 1",
        [visit["encounter_id"]],
    )
    return {row["method"]: row["amount"] for row in rows}


def receipts_of(market: Market, visit: dict[str, Any]) -> list[tuple[str, str]]:
    rows = market.hospital.rows(
        "SELECT state, amount::text FROM payments.receipts WHERE settlement_id IN"
        " (SELECT settlement_id FROM payments.charges WHERE encounter_id = %s) ORDER BY receipt_no",
        [visit["encounter_id"]],
    )
    return [(row["state"], row["amount"]) for row in rows]


def cancel(cashier: Cashier, market: Market, visit: dict[str, Any]) -> Any:
    body = {"version": visit_row(market.hospital, visit)["version"], "reason": "patient"}
    return ok(cashier.caller.post(f"{VISITS}/{visit['encounter_id']}/cancel", body))


@pytest.mark.case("44", 6)
def test_a_lower_grade_gives_the_difference_back_once(market: Market, clinic_id: str) -> None:
    cashier, other, session = market.hall.cashier(), market.hall.cashier(), Session(market, clinic_id)
    cash, wechat, unpaid, leaves = [session.visit(cashier) for _ in range(4)]
    assert {visit["fee"] for visit in (cash, wechat, unpaid, leaves)} == {"30.00"}
    pay_cash(cashier.caller, cash)
    pay_cash(cashier.caller, leaves)
    pay_wechat(market, cashier, wechat)
    kept, drawers = market.kept(), market.booked("cash")

    other_chief, everybody = session.replace(CHIEF), (cash, wechat, unpaid, leaves)
    assert {visit_row(market.hospital, one)["doctor_id"] for one in everybody} == {other_chief}
    assert [refunds_of(market, one) for one in everybody] == [[], [], [], []], "by a 主任 no money moves"
    assert (market.kept(), market.booked("cash")) == (kept, drawers)
    assert {charges_of(market.hospital, one)[0][0] for one in everybody} == {"30.00"}

    deputy = session.replace(ASSOCIATE)
    assert {visit_row(market.hospital, one)["doctor_id"] for one in everybody} == {deputy}
    same, event = session.told()
    assert (same.old_price, same.new_price, same.refund_each) == (30, 30, 0)
    assert (event.old_price, event.new_price, event.refund_each, len(event.affected)) == (30, 20, 10, 4)
    assert broken_checks(market.hospital) == []

    [electronic] = refunds_of(market, wechat)
    assert (electronic["state"], electronic["amount"], electronic["reason_code"]) == (
        "executed",
        "10.00",
        "doctor_replaced",
    )
    assert money_back(market, wechat) == {"wechat": Decimal("10.00")}
    carry_out(market)
    assert market.kept() == kept - 10, "by the original route"
    assert receipts_of(market, wechat) == [("reversed", "30.00"), ("issued", "20.00")]

    [waiting] = refunds_of(market, cash)
    assert (waiting["state"], waiting["amount"], waiting["approver"]) == ("approved", "10.00", "rule:hospital")
    assert market.booked("cash") == drawers, "cash waits at a window"

    assert charges_of(market.hospital, unpaid) == [("30.00", "voided"), ("20.00", "open")]
    assert visit_row(market.hospital, unpaid)["fee_item_code"] == ASSOCIATE_FEE

    before, versions = market.hospital.census(), [visit_row(market.hospital, one) for one in (cash, wechat, unpaid)]
    with market.hospital.tx("hq") as tx:
        service.follow_replaced_doctor(tx, event)
    assert market.hospital.census() == before, "told anew, nothing changes"
    assert [visit_row(market.hospital, one) for one in (cash, wechat, unpaid)] == versions

    ok(market.hall.execute(other, waiting))
    assert market.booked("cash") == drawers - 10
    assert receipts_of(market, cash) == [("reversed", "30.00"), ("issued", "20.00")]
    pending = market.hospital.rows(
        "SELECT charge_id::text FROM payments.charges WHERE encounter_id = %s AND status = 'open'",
        [unpaid["encounter_id"]],
    )
    ok(market.hall.settle(cashier, [row["charge_id"] for row in pending], "20.00"))

    free = cancel(cashier, market, leaves)
    assert (free["refunded"], free["slot_returned"]) == ("30.00", True), "who leaves pays nothing"
    assert money_back(market, leaves) == {"cash": Decimal("30.00")}
    assert [row["state"] for row in refunds_of(market, leaves)] == ["withdrawn", "executed"]
    cancelled = cancel(cashier, market, wechat)
    assert cancelled["refunded"] == "20.00"
    assert money_back(market, wechat) == {"wechat": Decimal("30.00")}, "the rest of what was paid"


def test_the_same_grade_moves_no_money(market: Market, clinic_id: str) -> None:
    cashier, session = market.hall.cashier(), Session(market, clinic_id)
    paid, unpaid = session.visit(cashier), session.visit(cashier)
    pay_cash(cashier.caller, paid)
    money = "SELECT count(*) FROM payments.money_movements"
    before = (market.hospital.value(money), market.hospital.value("SELECT count(*) FROM payments.refunds"))
    other = session.replace(CHIEF)
    assert session.told()[0].refund_each == ZERO
    assert (market.hospital.value(money), market.hospital.value("SELECT count(*) FROM payments.refunds")) == before
    assert [charges_of(market.hospital, one) for one in (paid, unpaid)] == [[("30.00", "paid")], [("30.00", "open")]]
    assert {visit_row(market.hospital, one)["doctor_id"] for one in (paid, unpaid)} == {other}
    session.replace(ASSOCIATE)
    session.replace(CHIEF)
    assert [row["amount"] for row in refunds_of(market, paid)] == ["10.00"], "a higher grade later takes nothing"


def test_a_stop_takes_the_waiting_difference_in(market: Market, clinic_id: str) -> None:
    cashier, other, session = market.hall.cashier(), market.hall.cashier(), Session(market, clinic_id)
    waits, has = session.visit(cashier), session.visit(cashier)
    pay_cash(cashier.caller, waits)
    pay_cash(cashier.caller, has)
    session.replace(ASSOCIATE)
    ok(market.hall.execute(other, refunds_of(market, has)[0]))
    ok(session.office.post(f"{session.path}/stop", {"version": session.row["version"], "reason": "医生外出急救"}))
    market.hospital.drain()
    assert [(row["state"], row["amount"]) for row in refunds_of(market, waits)] == [
        ("withdrawn", "10.00"),
        ("approved", "30.00"),
    ]
    assert [(row["state"], row["amount"]) for row in refunds_of(market, has)] == [
        ("executed", "10.00"),
        ("approved", "20.00"),
    ]
    for visit in (waits, has):
        ok(market.hall.execute(other, refunds_of(market, visit)[-1]))
        assert money_back(market, visit) == {"cash": Decimal("30.00")}
        assert charges_of(market.hospital, visit) == [("30.00", "refunded")]


def test_who_is_seen_before_collecting_keeps_the_right_to_it(market: Market, clinic_id: str) -> None:
    cashier, other, session = market.hall.cashier(), market.hall.cashier(), Session(market, clinic_id)
    visit, seen = session.visit(cashier), session.visit(cashier)
    pay_cash(cashier.caller, visit)
    pay_cash(cashier.caller, seen)
    with market.hospital.tx("hq") as tx:
        service.start_consultation(tx, UUID(seen["encounter_id"]), session.doctor(CHIEF))
    deputy = session.replace(ASSOCIATE)
    assert refunds_of(market, seen) == [], "the chief saw that patient"
    with market.hospital.tx("hq") as tx:
        service.start_consultation(tx, UUID(visit["encounter_id"]), deputy)
    [waiting] = refunds_of(market, visit)
    ok(market.hall.execute(other, waiting))
    assert money_back(market, visit) == {"cash": Decimal("10.00")}
    charge = visit["charges"][0]["charge_id"]
    left = "SELECT quantity - executed_quantity - refunded_quantity FROM payments.charges WHERE charge_id = %s"
    assert market.hospital.value(left, [charge]) == 0, "the rest of the fee is earned"


def test_a_transfer_reckons_with_the_lowered_fee(market: Market, clinic_id: str) -> None:
    cashier, session = market.hall.cashier(), Session(market, clinic_id)
    visit = session.visit(cashier)
    pay_cash(cashier.caller, visit)
    session.replace(ASSOCIATE)
    body = {
        "version": visit_row(market.hospital, visit)["version"],
        "session_id": Session(market, clinic_id).row["session_id"],
        "reason": "要看主任医师",
    }
    ok(cashier.caller.post(f"{VISITS}/{visit['encounter_id']}/transfer", body))
    assert money_back(market, visit) == {"cash": Decimal("30.00")}
    assert charges_of(market.hospital, visit) == [("30.00", "refunded"), ("30.00", "open")]


def test_a_difference_no_share_expresses_is_exact(market: Market) -> None:
    """A third of 300.00 is no multiple of 0.0001 of it: the money is exact all the same, and so is the rest."""
    market.hall.publish({"dear": ("特需诊查费", "02", "300.0000")})
    cashier = market.hall.cashier()
    source_id = f"dear-{next(_serial)}"
    charges = market.hall.post(market.hall.patient(), ("dear", 1), source_id=source_id)
    started = {"charge_ids": [str(charges[0].charge_id)], "expected_total": "300.00"}
    settlement = ok(cashier.caller.post(f"{BILLING}/settlements/start", started))
    ok(market.tender(cashier, settlement, "300.00"))
    for price, worth in (("200.00", "100.00"), ("200.00", "0.00"), ("33.33", "166.67")):
        with market.hospital.tx("hq") as tx:
            refund = billing.lower_price(tx, SOURCE, source_id, Decimal(price), "doctor_replaced", "替诊退差价")
        assert (refund.amount, refund.executed) == (Decimal(worth), True)
        carry_out(market)
    assert broken_checks(market.hospital) == []
    with market.hospital.tx("hq") as tx:
        assert billing.source_amount(tx, SOURCE, source_id) == Decimal("33.33")
        rest = billing.refund_source(tx, SOURCE, source_id, "session_stopped", "停诊")
    assert rest.amount == Decimal("33.33")
    with market.hospital.tx("hq") as tx:
        assert billing.source_state(tx, SOURCE, source_id) == "refunded"


def test_a_debt_falls(market: Market, clinic_id: str) -> None:
    cashier, session = market.hall.cashier(), Session(market, clinic_id)
    visit = session.visit(cashier)
    [charge] = visit["charges"]
    owing = {"method": "debt", "amount": "30.00", "note": "暂未带钱", "approved_by": str(staff(market.hospital))}
    ok(market.hall.settle(cashier, [charge["charge_id"]], "30.00", owing))
    session.replace(ASSOCIATE)
    [refund] = refunds_of(market, visit)
    assert (refund["state"], refund["amount"]) == ("executed", "10.00")
    outstanding = "SELECT d.outstanding FROM payments.debts d JOIN payments.charges c USING (settlement_id)"
    assert market.hospital.value(f"{outstanding} WHERE c.charge_id = %s", [charge["charge_id"]]) == Decimal("20.00")


def test_an_insured_difference_waits_for_the_insurer(market: Market, clinic_id: str) -> None:
    """30.00 = fund 20 + WeChat 10; 20.00 settled anew gives fund 15, so that the patient gets 5.00 back."""
    cashier, session = market.hall.cashier(), Session(market, clinic_id)
    visit = session.visit(cashier)
    body = {"charge_ids": [visit["charges"][0]["charge_id"]], "expected_total": "30.00"}
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    begin(market, cashier, started)
    answer(market, cashier, started, fund="20.00")
    ok(market.tender(cashier, started, "10.00"))
    kept, fund = market.kept(), market.booked("insurance_fund")
    session.replace(ASSOCIATE)
    [waiting] = refunds_of(market, visit)
    assert (waiting["state"], waiting["amount"]) == ("approved", "10.00")
    assert (market.kept(), market.booked("insurance_fund")) == (kept, fund)
    with as_cashier(market, cashier) as tx:
        billing.begin_reversal(tx, UUID(waiting["refund_id"]))
        undone = billing.insurance_reversed(tx, UUID(waiting["refund_id"]), "msg-2")
    assert undone.successor is not None
    assert undone.successor.total == Decimal("20.00")
    done = answer(market, cashier, {"settlement_id": str(undone.successor.settlement_id)}, fund="15.00")
    assert done.settlement.state == "completed"
    carry_out(market)
    assert (market.kept(), market.booked("insurance_fund")) == (kept - 5, fund - 5)


def test_a_grade_that_costs_nothing_leaves_no_fee(market: Market) -> None:
    body = {
        "code": "chief-free",
        "name": "内科主任义诊",
        "unit_id": str(market.hall.desks["hq"].unit_id),
        "grade": "chief",
        "fee_item_code": CHIEF_FEE,
        "standard_code": "internal-chief-free",
        "grade_fees": {"associate_chief": "free"},
    }
    clinic = ok(market.hospital.caller("schedule_clerk").post(f"{PATH}/clinics", body))
    cashier, session = market.hall.cashier(), Session(market, str(clinic["clinic_id"]))
    paid, unpaid = session.visit(cashier), session.visit(cashier)
    pay_cash(cashier.caller, paid)
    session.replace(ASSOCIATE)
    assert [visit_row(market.hospital, one)["fee_item_code"] for one in (paid, unpaid)] == [None, None]
    assert charges_of(market.hospital, unpaid) == [("30.00", "voided")]
    assert broken_checks(market.hospital) == []
    [waiting] = refunds_of(market, paid)
    ok(market.hall.execute(market.hall.cashier(), waiting))
    assert money_back(market, paid) == {"cash": Decimal("30.00")}
