"""What billing asks before a settlement, and what it answers to others."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from functions import wiring
from functions.organisation.structure.gates import UnitToClose
from functions.patients.index.gates import PatientsToMerge
from functions.payments.billing import service as billing
from functions.payments.billing.gates import (
    SettlementToStart,
    answer_before_close_unit,
    answer_before_merge,
    before_settlement,
)
from shared import gates
from shared.gates import Objection
from shared.tx import Tx
from tests.payments.conftest import BILLING, Hall, refused
from tests.support.clinic import ok

answers: list[Objection] = []
asked: list[SettlementToStart] = []


def answer(tx: Tx, question: SettlementToStart) -> list[Objection]:
    """Stands for medical_affairs/insurance and outpatient/doctor."""
    asked.append(question)
    return answers


@pytest.fixture
def insurer(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Objection]]:
    monkeypatch.setitem(wiring.ANSWERS, before_settlement.name, (f"{__name__}:answer",))
    gates._answers.cache_clear()
    asked.clear()
    answers.clear()
    yield answers
    answers.clear()
    monkeypatch.undo()
    gates._answers.cache_clear()


def start_body(charges: list[Any], total: str, **more: Any) -> dict[str, Any]:
    return {"charge_ids": [str(one.charge_id) for one in charges], "expected_total": total, **more}


def test_a_block_stops_the_settlement(hall: Hall, insurer: list[Objection]) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    charges = hall.post(patient, ("lab50", 1), encounter_id=uuid4())
    insurer.append(Objection("block", "identity_disputed", "患者身份存在争议", "请改按自费办理"))
    census = hall.hospital.census()
    refused(hall.settle(cashier, charges, "50.00"), 409, "gate_blocked")
    refused(cashier.caller.post(f"{BILLING}/settlements/start", start_body(charges, "50.00")), 409, "gate_blocked")
    assert hall.hospital.census() == census
    question = asked[0]
    assert (question.patient_id, str(question.total), question.methods) == (patient, "50.00", ("cash",))
    assert [line.charge_id for line in question.lines] == [charges[0].charge_id]


def test_a_warning_goes_on_when_it_is_confirmed(hall: Hall, insurer: list[Objection]) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    insurer.append(Objection("warn", "no_filing", "异地就医未备案", "可自费结算"))
    insurer.append(Objection("inform", "entitled", "享受门诊统筹", ""))
    refused(hall.settle(cashier, charges, "50.00"), 409, "confirmation_required")
    sold = ok(hall.settle(cashier, charges, "50.00", confirmed=["no_filing"]))
    assert [notice["code"] for notice in sold["notices"]] == ["entitled"]
    hall.assert_balanced()


def test_people_are_not_merged_while_their_bill_is_settled(hall: Hall) -> None:
    """Even when the settlement is at another campus; the answer does not say where."""
    cashier, patient = hall.cashier("mch"), hall.patient("mch")
    charges = hall.post(patient, ("lab50", 1), campus="mch")
    question = PatientsToMerge(uuid4(), patient, frozenset({patient}))
    with hall.hospital.tx("hq") as tx:
        assert list(answer_before_merge(tx, question)) == []
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", start_body(charges, "45.00")))
    with hall.hospital.tx("hq") as tx:
        objection = next(iter(answer_before_merge(tx, question)))
    assert (objection.level, objection.code) == ("block", "settlement_open")
    path = f"{BILLING}/settlements/{started['settlement_id']}/cancel"
    ok(cashier.caller.post(path, {"version": 1, "reason": "不付了"}))
    with hall.hospital.tx("hq") as tx:
        assert list(answer_before_merge(tx, question)) == []


@pytest.mark.parametrize("role", ["ordering_unit_id", "executing_unit_id"])
def test_a_unit_with_unsettled_money_stays_open(hall: Hall, role: str) -> None:
    unit, source = uuid4(), str(uuid4())
    question = UnitToClose(unit, "hq", date(2026, 12, 31))

    def objections() -> list[str]:
        with hall.hospital.tx("hq") as tx:
            return [objection.code for objection in answer_before_close_unit(tx, question)]

    assert objections() == []
    hall.post(hall.patient(), ("lab50", 1), source_id=source, **{role: unit})
    assert objections() == ["unit_has_unsettled_money"]
    with hall.hospital.tx("hq") as tx:
        billing.void_source(tx, "tests/source", source, "取消")
    assert objections() == []
