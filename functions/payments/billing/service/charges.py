"""Charges: posted at the price in force, entered at the window, withdrawn while unpaid, looked up by source."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from events.payments import ChargesPosted, ChargesVoided, PostedLine
from functions.patients.index import service as patients
from functions.payments.billing import rules
from functions.payments.billing.models import Charge
from functions.payments.billing.problems import (
    ChargeHeld,
    ChargeNotVoidable,
    ChargeRepeated,
    ChargeUnknown,
    NotDirectEntry,
    NothingToCharge,
)
from functions.payments.billing.queries import charges as queries
from functions.payments.billing.schemas import EnterCharges, VoidCharge
from functions.payments.billing.service.orders import ChargeInfo, ChargeLine, ChargeOrder, charge_info
from functions.payments.billing.service.pricing import quote_order
from functions.payments.billing.service.quoted import QuotedCharge
from functions.payments.billing.service.regrouping import follow_removal
from functions.payments.billing.service.unpacking import package_parts
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.schemas import SHANGHAI
from shared.tx import Tx

DIRECT = "payments/billing"
"""Source module of what was entered at the window."""


def post_charges(tx: Tx, order: ChargeOrder) -> list[ChargeInfo]:
    """Put lines on a patient's account at what the price list and its rules say now (记费), in one round trip unless a
    rule asks for more. A surcharge (加收) is a line of its own behind the one it belongs to.

    Refuses an item that is stopped or has no price, quantities and neighbours the rules forbid (catalogue/prices), and
    a line charged before (ChargeRepeated).
    """
    return [charge_info(charge) for charge in _post(tx, order, direct_entry=False)]


def quote_charges(tx: Tx, order: ChargeOrder) -> list[QuotedCharge]:
    """What an order would cost (明码标价): exactly the lines `post_charges` would post, and its refusals."""
    return _quoted(tx, order, direct_entry=False)


def enter_charges(tx: Tx, command: EnterCharges) -> list[Charge]:
    """Enter charges at the cashier's (划价): only items the price list allows there (NotDirectEntry)."""
    return _post(tx, _entry(tx, command), direct_entry=True)


def quote_entry(tx: Tx, command: EnterCharges) -> list[QuotedCharge]:
    """What an entry at the cashier's would cost, before it is made."""
    return _quoted(tx, _entry(tx, command), direct_entry=True)


def _entry(tx: Tx, command: EnterCharges) -> ChargeOrder:
    patient = patients.access_patient(tx, command.patient_id)
    return ChargeOrder(
        patient_id=patient.patient_id,
        encounter_id=command.encounter_id,
        encounter_no=command.encounter_no,
        source_module=DIRECT,
        source_id=str(new_id()),
        lines=[
            ChargeLine(str(number), line.item_code, line.quantity, None, line.executing_unit_id)
            for number, line in enumerate(command.lines, 1)
        ],
    )


def void_source(tx: Tx, source_module: str, source_id: str, reason: str) -> list[ChargeInfo]:
    """Withdraw the unpaid lines of a source; paid ones are left to a refund. Returns what was withdrawn.

    Only the module that posted them calls this. ChargeHeld while somebody settles one of them, ChargeNotVoidable when
    one was carried out.
    """
    found = [charge for charge in _of_source(tx, source_module, source_id) if charge.campus_id == tx.campus]
    if any(charge.status == "locked" for charge in found):
        raise held(tx, [charge.charge_id for charge in found if charge.status == "locked"])
    unpaid = [charge for charge in found if charge.status == "open"]
    return [charge_info(charge) for charge in _void(tx, unpaid, reason)] if unpaid else []


def void_charge(tx: Tx, charge_id: UUID, command: VoidCharge) -> Charge:
    """Withdraw an unpaid line that was entered at the window, its surcharges with it; of a package of its own price,
    all of it."""
    found = tx.session.all(queries.LOCK_WITH_SURCHARGES, ids=[charge_id], campus=tx.campus)
    if not found:
        raise ChargeUnknown("本院区没有这笔费用，请刷新后核对。")
    charge = next(one for one in found if one.charge_id == charge_id)
    tx.check_version(charge.version, command.version)
    if not charge.direct_entry:
        raise ChargeNotVoidable("该费用由开单科室记账，请通知开单科室撤销。")
    if charge.base_charge_id is not None:
        raise ChargeNotVoidable("加收随所属项目一并作废，请作废所属的项目。", base_charge_id=str(charge.base_charge_id))
    if charge.status == "locked":
        raise held(tx, [charge_id])
    if charge.status != "open":
        raise ChargeNotVoidable("该费用已缴费或已作废，不能作废；已缴费的请办理退费。")
    if charge.package_code is not None:
        found = _whole_package(tx, charge)
    voided = _void(tx, [one for one in found if one.status == "open"], command.reason)
    return next(one for one in voided if one.charge_id == charge_id)


def _whole_package(tx: Tx, charge: Charge) -> list[Charge]:
    """All shares of a package, none of them paid. Raises ChargeNotVoidable."""
    [parts] = package_parts(tx, [charge])
    found = tx.session.all(queries.LOCK_WITH_SURCHARGES, ids=[one.charge_id for one in parts], campus=tx.campus)
    if any(one.status not in ("open", "voided") for one in found):
        raise ChargeNotVoidable("该套餐已有项目缴费或正在结算，不能作废其余项目；请先办理退费。")
    return found


def source_state(tx: Tx, source_module: str, source_id: str) -> str:
    """State of a source's lines together: none, open, locked, paid, owed, refunding, refunded, voided or mixed."""
    return rules.source_state(charge.status for charge in _of_source(tx, source_module, source_id))


def source_charges(tx: Tx, source_module: str, source_id: str) -> list[ChargeInfo]:
    """The lines of a source."""
    return [charge_info(charge) for charge in _of_source(tx, source_module, source_id)]


def source_amount(tx: Tx, source_module: str, source_id: str) -> Money:
    """What a source costs: its lines that were not withdrawn, less what was refunded of them."""
    return sum(
        (charge.worth for charge in _of_source(tx, source_module, source_id) if charge.status != "voided"),
        ZERO,
    )


def held(tx: Tx, charge_ids: list[UUID]) -> ChargeHeld:
    """The refusal that says who is settling a charge, where and since when."""
    holding = tx.session.all(queries.HOLDINGS, ids=charge_ids)[0]
    since = holding.started_at.astimezone(SHANGHAI) if holding.started_at else None
    place = {"miniprogram": "手机", "kiosk": "自助机"}.get(holding.channel or "", "收费窗口")
    return ChargeHeld(
        f"“{holding.name}”正在{place}由{holding.holder_name}办理结算（{since:%H:%M} 开始），请等其完成或取消后再办理。",
        charge_id=str(holding.charge_id),
        settlement_id=str(holding.settlement_id),
        holder_name=holding.holder_name,
        channel=holding.channel,
        held_since=since.isoformat() if since else None,
    )


def name_encounter(tx: Tx, encounter_id: UUID, encounter_no: str) -> None:
    """Tell the number people read of a visit whose fees were posted before it was taken; slips show it."""
    tx.session.execute(queries.NAME_ENCOUNTER, encounter=encounter_id, number=encounter_no)


def charges_at_version(tx: Tx, version_id: UUID, after: UUID, limit: int) -> list[Charge]:
    """Settled lines at one version of a price: whom a correction concerns (价格更正)."""
    return tx.session.all(queries.AT_VERSION, price_version=version_id, campus=tx.campus, after=after, limit=limit)


def _of_source(tx: Tx, source_module: str, source_id: str) -> list[Charge]:
    return tx.session.all(queries.SOURCE, source_module=source_module, source_id_=source_id)


def _quoted(tx: Tx, order: ChargeOrder, *, direct_entry: bool) -> list[QuotedCharge]:
    if not order.lines:
        raise NothingToCharge("没有可记费的项目，请先录入项目。")
    if len({line.source_line for line in order.lines}) != len(order.lines):
        raise ChargeRepeated("同一来源行不能重复记费，请核对录入的项目。")
    quoted = quote_order(tx, order)
    for one in quoted:
        entered = one.package.item if one.package is not None else one.item
        if direct_entry and one.quoted.base_line is None and not entered.direct_entry:
            raise NotDirectEntry(f"“{entered.name}”须由科室开单，收费处不能直接录入；请患者到开单科室办理。")
    return quoted


def _post(tx: Tx, order: ChargeOrder, *, direct_entry: bool) -> list[Charge]:
    quoted = _quoted(tx, order, direct_entry=direct_entry)
    ids = sorted(new_id() for _ in quoted)  # ids of one millisecond have no order of their own
    by_line = {one.quoted.line_no: charge_id for charge_id, one in zip(ids, quoted, strict=True)}
    charges = [
        _charge(tx, order, one, charge_id, by_line, direct_entry=direct_entry)
        for charge_id, one in zip(ids, quoted, strict=True)
    ]
    tx.session.add(*charges)
    _tell_posted(tx, order, charges)
    return charges


def _charge(
    tx: Tx,
    order: ChargeOrder,
    one: QuotedCharge,
    charge_id: UUID,
    by_line: Mapping[str, UUID],
    *,
    direct_entry: bool,
) -> Charge:
    item, line, quoted = one.item, one.line, one.quoted
    if quoted.version_id is None:
        raise ValueError("a quoted line has its price")
    return Charge(
        charge_id=charge_id,
        campus_id=tx.campus,
        patient_id=order.patient_id,
        encounter_id=order.encounter_id,
        encounter_no=order.encounter_no,
        source_module=order.source_module,
        source_id=order.source_id,
        source_line=quoted.line_no,
        item_id=item.item_id,
        item_code=item.code,
        national_code=item.national_code,
        name=quoted.name,
        unit=item.unit,
        item_kind=item.kind,
        fee_class=item.fee_class,
        price_version_id=quoted.version_id,
        list_price=one.list_price,
        unit_price=quoted.unit_price,
        quantity=quoted.quantity,
        amount=quoted.amount,
        taken_off=one.taken_off,
        by_rule=one.by_rule,
        emergency=one.emergency,
        base_charge_id=by_line[quoted.base_line] if quoted.base_line is not None else None,
        rule_id=quoted.rule_id,
        package_code=one.package.item.code if one.package is not None else None,
        package_line=one.package.line if one.package is not None else None,
        package_quantity=one.package.quantity if one.package is not None else None,
        package_refund_rule=one.package.refund_rule if one.package is not None else None,
        repriced_at=None,
        ordering_unit_id=line.ordering_unit_id,
        executing_unit_id=line.executing_unit_id,
        doctor_id=line.doctor_id,
        payable_until=line.payable_until,
        direct_entry=direct_entry,
        status="open",
        execution="none",
        executed_quantity=ZERO,
        executed_at=None,
        executed_by_name=None,
        refunding_quantity=ZERO,
        refunded_quantity=ZERO,
        refunded_amount=ZERO,
        settlement_id=None,
        posted_at=tx.now,
        posted_by=tx.actor.subject,
    )


def _tell_posted(tx: Tx, order: ChargeOrder, charges: Iterable[Charge]) -> None:
    tx.emit(
        ChargesPosted(
            source_module=order.source_module,
            source_id=order.source_id,
            patient_id=order.patient_id,
            encounter_id=order.encounter_id,
            lines=[
                PostedLine(
                    charge_id=charge.charge_id,
                    source_line=charge.source_line,
                    item_code=charge.item_code,
                    fee_class=charge.fee_class,
                    quantity=charge.quantity,
                    unit_price=charge.unit_price,
                    amount=charge.amount,
                    price_version_id=charge.price_version_id,
                    ordering_unit_id=charge.ordering_unit_id,
                    executing_unit_id=charge.executing_unit_id,
                    taken_off=charge.taken_off,
                    base_charge_id=charge.base_charge_id,
                )
                for charge in charges
            ],
        )
    )
    tx.audit(
        "charges.posted", "source", order.source_id, patient_id=order.patient_id, source_module=order.source_module
    )


def _void(tx: Tx, charges: list[Charge], reason: str) -> list[Charge]:
    voided = tx.session.all(
        queries.VOID, ids=[charge.charge_id for charge in charges], at=tx.now, who=tx.actor.subject, why=reason
    )
    if len(voided) != len(charges):
        raise ChargeNotVoidable("费用刚被收费，或对应的项目已执行，不能作废；请刷新后核对，已执行的先由执行科室撤销。")
    first = charges[0]
    tx.emit(
        ChargesVoided(
            source_module=first.source_module,
            source_id=first.source_id,
            patient_id=first.patient_id,
            charge_ids=[charge.charge_id for charge in voided],
            reason=reason,
        )
    )
    tx.audit("charges.voided", "source", first.source_id, patient_id=first.patient_id, count=len(voided))
    follow_removal(tx, voided)
    return voided
