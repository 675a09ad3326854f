"""Execution of charged lines, told by the modules that carry them out: it decides what may still be refunded."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from functions.payments.billing.models import Charge
from functions.payments.billing.problems import ChargeUnknown, ExecutionRefused
from functions.payments.billing.queries import charges as queries
from functions.payments.billing.service.orders import ChargeInfo, charge_info
from shared.database.query import Query
from shared.money import ZERO
from shared.tx import Tx

_STATUS = {"voided": "已作废", "refunded": "已退费", "refunding": "正在退费"}


@dataclass(frozen=True, slots=True)
class Executed:
    """So much of a line was carried out, handed out or brought back, in its 计价单位."""

    source_line: str
    quantity: Decimal


def begin_execution(tx: Tx, source_module: str, source_id: str, source_lines: Sequence[str]) -> list[ChargeInfo]:
    """The lines are begun (infusion started, patient called in): nothing of them can be refunded now."""
    found = _lock(tx, source_module, source_id, source_lines)
    return [_step(tx, queries.BEGIN, source_module, source_id, charge.source_line) for charge, _ in found]


def undo_begin(tx: Tx, source_module: str, source_id: str, source_lines: Sequence[str]) -> list[ChargeInfo]:
    """Begun lines are given up before anything was done."""
    found = _lock(tx, source_module, source_id, source_lines)
    return [_step(tx, queries.UNDO_BEGIN, source_module, source_id, charge.source_line) for charge, _ in found]


def record_execution(tx: Tx, source_module: str, source_id: str, parts: Sequence[Executed]) -> list[ChargeInfo]:
    """Lines, or parts of them, were carried out or handed out. ExecutionRefused for what was or is being refunded.

    A surcharge (加收) follows the line it belongs to by itself. Whether unpaid lines may be executed (emergency, green
    channel) is the calling module's decision.
    """
    quantities = {part.source_line: part.quantity for part in parts}
    return [
        _step(
            tx,
            queries.EXECUTE,
            source_module,
            source_id,
            charge.source_line,
            part=quantities[line] if line == charge.source_line else min(quantities[line], _left(charge)),
            at=tx.now,
            name=tx.actor.name,
        )
        for charge, line in _lock(tx, source_module, source_id, list(quantities))
        if line == charge.source_line or _left(charge)
    ]


def record_return(tx: Tx, source_module: str, source_id: str, parts: Sequence[Executed]) -> list[ChargeInfo]:
    """What was handed out came back (退药), or what was recorded done was not: it can be refunded again."""
    quantities = {part.source_line: part.quantity for part in parts}
    return [
        _step(
            tx,
            queries.RETURN,
            source_module,
            source_id,
            charge.source_line,
            part=quantities[line] if line == charge.source_line else min(quantities[line], charge.executed_quantity),
        )
        for charge, line in _lock(tx, source_module, source_id, list(quantities))
        if line == charge.source_line or charge.executed_quantity
    ]


def _left(charge: Charge) -> Decimal:
    """What of a line can still be carried out."""
    return charge.refundable_quantity if charge.status not in ("voided", "refunded") else ZERO


def _lock(tx: Tx, source_module: str, source_id: str, source_lines: Sequence[str]) -> list[tuple[Charge, str]]:
    """The named lines, each followed by the surcharges that belong to it unless they are named themselves."""
    found = tx.session.all(queries.LOCK_SOURCE, source_module=source_module, source_id_=source_id, campus=tx.campus)
    known = {charge.source_line: charge for charge in found}
    if missing := [line for line in source_lines if line not in known]:
        raise ChargeUnknown(f"没有对应的费用（{'、'.join(missing)}），请核对申请或处方是否已记费。")
    return [
        (charge, line)
        for line in source_lines
        for charge in found
        if charge.source_line == line
        or (charge.base_charge_id == known[line].charge_id and charge.source_line not in source_lines)
    ]


def _step(tx: Tx, step: Query[Charge], source_module: str, source_id: str, line: str, **values: Any) -> ChargeInfo:
    changed = tx.session.first(
        step, source_module=source_module, source_id_=source_id, campus=tx.campus, line=line, **values
    )
    if changed is None:
        raise _refusal(tx, source_module, source_id, line)
    tx.audit(
        f"charge.{changed.execution}",
        "charge",
        changed.charge_id,
        patient_id=changed.patient_id,
        quantity=str(changed.executed_quantity),
    )
    return charge_info(changed)


def _refusal(tx: Tx, source_module: str, source_id: str, line: str) -> ExecutionRefused:
    found = tx.session.all(queries.SOURCE, source_module=source_module, source_id_=source_id)
    charge = next(charge for charge in found if charge.source_line == line)
    state = _STATUS.get(charge.status)
    if state is not None:
        return ExecutionRefused(f"“{charge.name}”{state}，不能执行；请核对收费状态。", charge_status=charge.status)
    return ExecutionRefused(
        f"“{charge.name}”共 {charge.quantity.normalize():f}{charge.unit}，"
        f"已执行 {charge.executed_quantity.normalize():f}、已退 {charge.refunded_quantity.normalize():f}，"
        "数量不符，请核对。",
        execution=charge.execution,
    )
