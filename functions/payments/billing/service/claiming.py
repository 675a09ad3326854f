"""Claiming charges for a settlement: one winner between window, phone and machine, at the price in force."""

from collections.abc import Sequence
from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing.gates import LineToSettle, SettlementToStart, before_settlement
from functions.payments.billing.models import Charge
from functions.payments.billing.problems import (
    ChargeExpired,
    ChargeNotOpen,
    ChargeUnknown,
    PriceChanged,
    SeveralPatients,
)
from functions.payments.billing.queries import charges as queries
from functions.payments.billing.service.charges import held
from functions.payments.billing.service.pricing import Priced, price_now, reprice
from shared.gates import Objection
from shared.money import Money
from shared.tx import Tx

STATUS_NAMES = {
    "paid": "已缴费",
    "owed": "已登记欠费，请办理欠费补缴",
    "refunding": "正在退费",
    "refunded": "已退费",
    "voided": "已作废",
}


def one_patient(tx: Tx, charges: Sequence[Charge]) -> UUID:
    """The one person all lines are for; records that were merged are one person. Raises SeveralPatients."""
    found = {charge.patient_id for charge in charges}
    if len(found) > 1:
        found = set(patients.resolve(tx, found).values())
    if len(found) != 1:
        raise SeveralPatients("所选费用不属于同一位患者，请分别结算。")
    return found.pop()


def one_encounter(charges: Sequence[Charge]) -> tuple[UUID | None, str | None]:
    """The one visit of all lines and its number, or nothing when they are of several."""
    found = {charge.encounter_id for charge in charges}
    if len(found) != 1:
        return None, None
    return found.pop(), next((charge.encounter_no for charge in charges if charge.encounter_no), None)


def refuse_missing(tx: Tx, wanted: Sequence[UUID], claimed: Sequence[Charge]) -> None:
    """Say why charges could not be claimed: unknown here, held by somebody, paid, withdrawn or expired.

    A surcharge is paid with the line it belongs to, never alone; it comes with its line by itself.
    """
    known = {charge.charge_id for charge in claimed}
    for charge in claimed:
        if charge.base_charge_id is not None and charge.base_charge_id not in known:
            raise ChargeNotOpen(
                f"“{charge.name}”须与所属项目一并缴费，请同时选择所属的项目。",
                charge_id=str(charge.charge_id),
                base_charge_id=str(charge.base_charge_id),
            )
    missing = sorted(set(wanted) - known)
    if not missing:
        return
    holdings = {holding.charge_id: holding for holding in tx.session.all(queries.HOLDINGS, ids=missing)}
    if locked := [charge_id for charge_id, holding in holdings.items() if holding.status == "locked"]:
        raise held(tx, locked)
    for charge_id in missing:
        holding = holdings.get(charge_id)
        if holding is None:
            raise ChargeUnknown("所选费用在本院区不存在，请刷新待缴清单。", charge_id=str(charge_id))
        if holding.payable_until is not None and holding.payable_until <= tx.now:
            raise ChargeExpired(f"“{holding.name}”已过缴费期限，请患者到开单科室重新开具。", charge_id=str(charge_id))
        state = STATUS_NAMES.get(holding.status, "不在待缴状态")
        raise ChargeNotOpen(
            f"“{holding.name}”{state}，请刷新待缴清单后重新结算。",
            charge_id=str(charge_id),
            charge_status=holding.status,
        )


def settle_at_price_now(
    tx: Tx,
    settlement_id: UUID,
    claimed: Sequence[Charge],
    expected_total: Money,
    fingerprint: str | None,
) -> tuple[list[Charge], Money]:
    """Hold the claimed lines against what the patient was told and put the price in force on them.

    Raises PriceChanged with the new figures when total or fingerprint differ.
    """
    priced = price_now(tx, claimed)
    if priced.total != expected_total or fingerprint not in (None, priced.fingerprint):
        raise price_changed(priced)
    lines = [reprice(tx, charge, priced.changed.get(charge.charge_id), settlement_id) for charge in claimed]
    return sorted(lines, key=lambda charge: charge.charge_id), priced.total


def price_changed(priced: Priced) -> PriceChanged:
    """The refusal that carries the new figures."""
    return PriceChanged(
        f"价格或费用已变，现应收 {priced.total} 元，请告知患者并重新确认后结算。",
        total=str(priced.total),
        fingerprint=priced.fingerprint,
        lines=[
            {
                "charge_id": str(line.charge_id),
                "quantity": str(line.quantity),
                "unit_price": str(line.unit_price),
                "amount": str(line.amount),
            }
            for line in priced.lines
        ],
    )


def ask_gate(
    tx: Tx,
    patient_id: UUID,
    charges: Sequence[Charge],
    total: Money,
    methods: Sequence[str],
    confirmed: Sequence[str],
) -> list[Objection]:
    """Ask before_settlement. Returns the notices."""
    lines = tuple(
        LineToSettle(
            charge.charge_id,
            charge.encounter_id,
            charge.source_module,
            charge.source_id,
            charge.source_line,
            charge.item_code,
            charge.worth,
        )
        for charge in charges
    )
    return before_settlement.ask(tx, SettlementToStart(patient_id, lines, total, tuple(methods)), confirmed)
