"""Charges: posted at the price in force, entered at the window, withdrawn, executed, looked up."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeLine, ChargeOrder, Executed
from functions.payments.billing.service.execution import undo_begin
from shared.problems import Problem
from tests.payments.conftest import BILLING, SOURCE, Hall, refused
from tests.support.clinic import ok


def refusal(hall: Hall, code: str, act, campus: str = "hq") -> Problem:
    """What a service call refuses; nothing is written."""
    census = hall.hospital.census()
    with pytest.raises(Problem) as caught, hall.hospital.tx(campus) as tx:
        act(tx)
    assert caught.value.code == code, caught.value
    assert hall.hospital.census() == census
    return caught.value


def order(patient: UUID, *lines: ChargeLine, source_id: str | None = None) -> ChargeOrder:
    return ChargeOrder(patient, None, SOURCE, source_id or str(uuid4()), list(lines))


def test_lines_are_priced_and_rounded_once(hall: Hall) -> None:
    patient, encounter = hall.patient(), uuid4()
    drug, herb = hall.post(patient, ("drug", 3), ("herb", 7), encounter_id=encounter)
    assert (drug.unit_price, drug.amount, drug.status, drug.execution) == (
        Decimal("12.3450"),
        Decimal("37.04"),
        "open",
        "none",
    )
    assert herb.amount == Decimal("0.23")
    told = hall.hospital.events("charges_posted")[-1]["data"]
    assert (told["patient_id"], told["encounter_id"]) == (str(patient), str(encounter))
    assert [line["amount"] for line in told["lines"]] == ["37.04", "0.23"]
    hall.assert_balanced()


def test_each_campus_charges_its_own_price(hall: Hall) -> None:
    assert hall.post(hall.patient("mch"), ("lab50", 1), campus="mch")[0].amount == Decimal("45.00")


def test_a_source_line_is_charged_once(hall: Hall) -> None:
    patient, source = hall.patient(), str(uuid4())
    hall.post(patient, ("drug", 1), source_id=source)
    refusal(
        hall,
        "charge_repeated",
        lambda tx: billing.post_charges(tx, order(patient, ChargeLine("1", "drug", 1), source_id=source)),
    )
    twice = order(patient, ChargeLine("1", "drug", 1), ChargeLine("1", "herb", 1))
    refusal(hall, "charge_repeated", lambda tx: billing.post_charges(tx, twice))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (ChargeLine("1", "nothing-like-it", 1), "charge_item_unknown"),
        (ChargeLine("1", "drug", 0), "invalid"),
        (ChargeLine("1", "drug", Decimal("0.00001")), "invalid"),
    ],
)
def test_what_cannot_be_charged(hall: Hall, line: ChargeLine, code: str) -> None:
    patient = hall.patient()
    refusal(hall, code, lambda tx: billing.post_charges(tx, order(patient, line)))


def test_an_order_without_lines_is_refused(hall: Hall) -> None:
    patient = hall.patient()
    refusal(hall, "nothing_to_charge", lambda tx: billing.post_charges(tx, order(patient)))


def test_a_stopped_item_is_refused(hall: Hall) -> None:
    hall.publish({"stopping": ("将停用", "05", "5.0000")})
    hall.hospital.execute(
        "UPDATE catalogue.charge_items SET status = 'suspended', stopped_from = now() WHERE code = 'stopping'"
    )
    patient = hall.patient()
    refusal(
        hall, "charge_item_stopped", lambda tx: billing.post_charges(tx, order(patient, ChargeLine("1", "stopping", 1)))
    )


def test_only_items_of_the_window_are_entered_there(hall: Hall) -> None:
    caller, patient = hall.hospital.caller("registrar"), hall.patient()
    body = {"patient_id": str(patient), "lines": [{"item_code": "booklet", "quantity": "2"}]}
    entered = ok(caller.post(f"{BILLING}/charges", body, key="enter-once"))
    assert [(one["amount"], one["source_module"]) for one in entered] == [("2.00", "payments/billing")]
    assert ok(caller.post(f"{BILLING}/charges", body, key="enter-once")) == entered
    census = hall.hospital.census()
    forbidden = body | {"lines": [{"item_code": "exam250", "quantity": "1"}]}
    refused(caller.post(f"{BILLING}/charges", forbidden), 422, "not_direct_entry")
    refused(caller.post(f"{BILLING}/charges", body | {"patient_id": str(uuid4())}), 404, "not_found")
    refused(hall.lead().post(f"{BILLING}/charges", body), 403, "permission_denied")
    assert hall.hospital.census() == census


def test_an_entry_of_the_window_is_withdrawn_unpaid(hall: Hall) -> None:
    cashier = hall.cashier()
    body = {"patient_id": str(hall.patient()), "lines": [{"item_code": "booklet", "quantity": "1"}] * 2}
    first, second = ok(cashier.caller.post(f"{BILLING}/charges", body))
    path = f"{BILLING}/charges/{first['charge_id']}/void"
    refused(cashier.caller.post(path, {"version": 9, "reason": "录错"}), 409, "version_conflict")
    refused(
        hall.hospital.caller("registrar", campus="mch").post(path, {"version": 1, "reason": "录错"}),
        404,
        "charge_unknown",
    )
    assert ok(cashier.caller.post(path, {"version": 1, "reason": "录错"}))["status"] == "voided"
    refused(cashier.caller.post(path, {"version": 2, "reason": "录错"}), 409, "charge_not_voidable")
    ok(hall.settle(cashier, [second["charge_id"]], "1.00"))
    paid = f"{BILLING}/charges/{second['charge_id']}/void"
    refused(cashier.caller.post(paid, {"version": 2, "reason": "录错"}), 409, "charge_not_voidable")
    posted = hall.post(hall.patient(), ("drug", 1))[0]
    path = f"{BILLING}/charges/{posted.charge_id}/void"
    refused(cashier.caller.post(path, {"version": 1, "reason": "录错"}), 409, "charge_not_voidable")


def test_a_module_withdraws_its_unpaid_lines(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    drug, herb = hall.post(hall.patient(), ("drug", 1), ("herb", 100), source_id=source)
    ok(hall.settle(cashier, [drug], "12.35"))
    with hall.hospital.tx("hq") as tx:
        voided = billing.void_source(tx, SOURCE, source, "医生取消")
        assert [one.charge_id for one in voided] == [herb.charge_id]
        assert billing.void_source(tx, SOURCE, source, "医生取消") == []
        assert billing.source_state(tx, SOURCE, source) == "paid"
        assert billing.source_amount(tx, SOURCE, source) == Decimal("12.35")
    told = hall.hospital.events("charges_voided")[-1]["data"]
    assert told["charge_ids"] == [str(herb.charge_id)]


def test_states_of_a_source(hall: Hall) -> None:
    source = str(uuid4())
    with hall.hospital.tx("hq") as tx:
        assert billing.source_state(tx, SOURCE, source) == "none"
    drug, _ = hall.post(hall.patient(), ("drug", 1), ("herb", 100), source_id=source)
    with hall.hospital.tx("hq") as tx:
        assert billing.source_state(tx, SOURCE, source) == "open"
    ok(hall.settle(hall.cashier(), [drug], "12.35"))
    with hall.hospital.tx("hq") as tx:
        assert billing.source_state(tx, SOURCE, source) == "mixed"
    with hall.hospital.tx("mch") as tx:
        assert billing.source_state(tx, SOURCE, source) == "none"
        assert billing.void_source(tx, SOURCE, source, "另一院区") == []


def test_execution_stands_beside_payment(hall: Hall) -> None:
    source = str(uuid4())
    hall.post(hall.patient(), ("tablet", 12), ("exam250", 1), source_id=source)
    with hall.hospital.tx("hq") as tx:
        begun = billing.begin_execution(tx, SOURCE, source, ["2"])[0]
        assert begun.execution == "executing"
        assert undo_begin(tx, SOURCE, source, ["2"])[0].execution == "none"
        done = billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(12))])[0]
        assert (done.execution, done.executed_quantity) == ("executed", Decimal("12.0000"))
        back = billing.record_return(tx, SOURCE, source, [Executed("1", Decimal(5))])[0]
        assert (back.execution, back.executed_quantity) == ("returned", Decimal("7.0000"))
    refusal(
        hall, "execution_refused", lambda tx: billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(6))])
    )
    refusal(
        hall, "execution_refused", lambda tx: billing.record_return(tx, SOURCE, source, [Executed("1", Decimal(8))])
    )
    refusal(hall, "charge_unknown", lambda tx: billing.begin_execution(tx, SOURCE, source, ["9"]))
    refusal(hall, "charge_not_voidable", lambda tx: billing.void_source(tx, SOURCE, source, "取消"))
    refusal(hall, "charge_unknown", lambda tx: billing.begin_execution(tx, SOURCE, source, ["2"]), campus="mch")


def test_pending_charges_by_source(hall: Hall) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    one = hall.post(patient, ("drug", 1), ("herb", 100))
    two = hall.post(patient, ("lab50", 1))
    expired = hall.hospital.clock() - timedelta(minutes=1)
    hall.post(patient, ("lab50", 1), payable_until=expired)
    hall.post(patient, ("lab50", 1), campus="mch")
    reader = hall.hospital.caller("outpatient_doctor")
    pending = ok(reader.get(f"{BILLING}/charges/pending", patient_id=str(patient)))
    assert [[line["charge_id"] for line in group["charges"]] for group in pending["groups"]] == [
        [str(line.charge_id) for line in one],
        [str(line.charge_id) for line in two],
    ]
    assert pending["total"] == "65.68"
    started = ok(
        cashier.caller.post(
            f"{BILLING}/settlements/start", {"charge_ids": [str(two[0].charge_id)], "expected_total": "50.00"}
        )
    )
    pending = ok(reader.get(f"{BILLING}/charges/pending", patient_id=str(patient)))
    assert len(pending["groups"]) == 1
    assert [(held["settlement_id"], held["holder_name"]) for held in pending["held"]] == [
        (started["settlement_id"], "刘晓燕")
    ]


def test_an_expired_line_is_not_settled(hall: Hall) -> None:
    until = hall.hospital.clock() + timedelta(days=3)
    charges = hall.post(hall.patient(), ("lab50", 1), payable_until=until)
    try:
        hall.hospital.clock.move(days=3, minutes=1)
        refused(hall.settle(hall.cashier(), charges, "50.00"), 422, "charge_expired")
    finally:
        hall.hospital.clock.move(days=-3, minutes=-1)


def test_lists_have_a_window(hall: Hall) -> None:
    reader, patient = hall.hospital.caller("registrar"), hall.patient()
    posted = hall.post(patient, ("drug", 1), ("herb", 10), ("lab50", 1))
    page = ok(reader.get(f"{BILLING}/charges", patient_id=str(patient), limit=2))
    assert [row["charge_id"] for row in page["items"]] == [str(one.charge_id) for one in posted[:0:-1]]
    rest = ok(reader.get(f"{BILLING}/charges", patient_id=str(patient), limit=2, cursor=page["next"]))
    assert [row["charge_id"] for row in rest["items"]] == [str(posted[0].charge_id)]
    assert rest["next"] is None
    refused(reader.get(f"{BILLING}/charges"), 422, "invalid")
    one = ok(reader.get(f"{BILLING}/charges/{posted[0].charge_id}"))
    assert one["fee_class_name"] == "西药费"
    foreign = hall.hospital.caller("registrar", campus="mch")
    refused(foreign.get(f"{BILLING}/charges/{posted[0].charge_id}"), 404, "charge_unknown")
    assert ok(foreign.get(f"{BILLING}/charges", patient_id=str(patient)))["items"] == []


@pytest.mark.case("01", 14)
def test_outpatient_prepayments_have_stopped(hall: Hall) -> None:
    cashier = hall.cashier()
    body = {"patient_id": str(hall.patient()), "amount": "200.00"}
    census = hall.hospital.census()
    problem = refused(cashier.caller.post(f"{BILLING}/course-prepayments", body), 422, "outpatient_prepayment_stopped")
    assert problem["title"] == "已停止收取门诊预交金"
    other = body | {"course": "card_top_up"}
    refused(cashier.caller.post(f"{BILLING}/course-prepayments", other), 422, "outpatient_prepayment_stopped")
    allowed = body | {"course": "dialysis"}
    refused(cashier.caller.post(f"{BILLING}/course-prepayments", allowed), 422, "tender_incomplete")
    assert hall.hospital.census() == census
