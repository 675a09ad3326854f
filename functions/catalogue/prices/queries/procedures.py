"""Selects and guarded updates of corrections, applications, complaints, and of what is watched."""

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Date, DateTime, Text, Uuid, and_, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array_agg, insert

from functions.catalogue.prices.models import (
    ApplicationDecision,
    ChargedLine,
    ItemApplication,
    MonitoredDay,
    MonitorRule,
    PriceComplaint,
    PriceCorrection,
    PriceFinding,
    PriceVersion,
)
from shared.database.model import MONEY
from shared.database.query import Query, among, constant

MOMENT = DateTime(timezone=True)

# -- corrections

LOCK_CORRECTION = Query(
    PriceCorrection,
    select(PriceCorrection).where(PriceCorrection.correction_id == bindparam("correction_id")).with_for_update(),
)
CORRECTION = Query(
    PriceCorrection, select(PriceCorrection).where(PriceCorrection.correction_id == bindparam("correction_id"))
)
CORRECTIONS = Query(
    PriceCorrection,
    select(PriceCorrection)
    .where(PriceCorrection.correction_id < bindparam("before"))
    .order_by(PriceCorrection.correction_id.desc())
    .limit(bindparam("limit")),
)
DECIDE_CORRECTION = Query(
    PriceCorrection,
    update(PriceCorrection)
    .where(
        PriceCorrection.correction_id == bindparam("id_"),
        PriceCorrection.version == bindparam("seen"),
        PriceCorrection.status == constant("proposed"),
    )
    .values(
        approved_price=bindparam("price_office", type_=Text),
        approved_finance=bindparam("finance", type_=Text),
        approved_director=bindparam("director", type_=Text),
        status=bindparam("to"),
        affected_to=bindparam("until", type_=MOMENT),
        right_version_id=bindparam("right_version", type_=Uuid),
        decided_at=bindparam("at", type_=MOMENT),
        version=PriceCorrection.version + 1,
    )
    .returning(PriceCorrection),
)
END_WRONG = Query(
    PriceVersion,
    update(PriceVersion)
    .where(PriceVersion.version_id == bindparam("id_"))
    .values(valid_to=bindparam("until", type_=MOMENT), succeeded_by=bindparam("successor", type_=Uuid))
    .returning(PriceVersion),
)

# -- applications

APPLICATION = Query(
    ItemApplication, select(ItemApplication).where(ItemApplication.application_id == bindparam("application_id"))
)
APPLICATIONS = Query(
    ItemApplication,
    select(ItemApplication)
    .where(ItemApplication.application_id < bindparam("before"))
    .order_by(ItemApplication.application_id.desc())
    .limit(bindparam("limit")),
)
DECISIONS = Query(
    ApplicationDecision,
    select(ApplicationDecision)
    .where(among(ApplicationDecision.application_id, "ids"))
    .order_by(ApplicationDecision.decided_at, ApplicationDecision.decision_id),
)

# -- complaints

COMPLAINT = Query(
    PriceComplaint, select(PriceComplaint).where(PriceComplaint.complaint_id == bindparam("complaint_id"))
)
COMPLAINTS = Query(
    PriceComplaint,
    select(PriceComplaint)
    .where(
        PriceComplaint.campus_id == bindparam("campus"),
        PriceComplaint.status == bindparam("status"),
        PriceComplaint.complaint_id > bindparam("after"),
    )
    .order_by(PriceComplaint.complaint_id)
    .limit(bindparam("limit")),
)
ANSWER_COMPLAINT = Query(
    PriceComplaint,
    update(PriceComplaint)
    .where(
        PriceComplaint.complaint_id == bindparam("id_"),
        PriceComplaint.version == bindparam("seen"),
        PriceComplaint.status == constant("open"),
    )
    .values(
        status="answered",
        founded=bindparam("right"),
        answer=bindparam("text"),
        answered_at=bindparam("at", type_=MOMENT),
        answered_by=bindparam("who"),
        refund_id=bindparam("refund", type_=Uuid),
        version=PriceComplaint.version + 1,
    )
    .returning(PriceComplaint),
)

# -- what is watched

KEEP_LINES = Query(
    object,
    insert(ChargedLine)
    .values(
        {
            column.key: bindparam(column.key, type_=column.type)
            for column in ChargedLine.__table__.columns
            if column.key != "voided"
        }
        | {"voided": False}
    )
    .on_conflict_do_nothing(),
)
VOID_LINES = Query(object, update(ChargedLine).where(among(ChargedLine.charge_id, "ids")).values(voided=true()))
MONITOR_RULES = Query(
    MonitorRule, select(MonitorRule).where(MonitorRule.active).order_by(MonitorRule.rule_id).limit(500)
)
MONITOR_RULE = Query(MonitorRule, select(MonitorRule).where(MonitorRule.rule_id == bindparam("rule_id")))
STOP_MONITOR_RULE = Query(
    MonitorRule,
    update(MonitorRule)
    .where(MonitorRule.rule_id == bindparam("id_"), MonitorRule.version == bindparam("seen"), MonitorRule.active)
    .values(active=False, version=MonitorRule.version + 1)
    .returning(MonitorRule),
)
LOOKED_AT = Query(
    MonitoredDay,
    select(MonitoredDay).where(MonitoredDay.campus_id == bindparam("campus"), MonitoredDay.day == bindparam("day")),
)


class PatientDay(NamedTuple):
    """What one patient was charged of one item in a day."""

    patient_id: UUID
    item_code: str
    lines: int
    quantity: Decimal
    amount: Decimal
    charge_ids: list[UUID]
    units: list[UUID | None]


_in_order = ChargedLine.charge_id
PATIENT_DAYS = Query(
    PatientDay,
    select(
        ChargedLine.patient_id,
        ChargedLine.item_code,
        func.count(),
        func.sum(ChargedLine.quantity),
        func.sum(ChargedLine.amount),
        array_agg(aggregate_order_by(ChargedLine.charge_id, _in_order), type_=ARRAY(Uuid)),
        array_agg(aggregate_order_by(ChargedLine.executing_unit_id, _in_order), type_=ARRAY(Uuid)),
    )
    .where(
        ChargedLine.campus_id == bindparam("campus"),
        ChargedLine.day == bindparam("day", type_=Date),
        among(ChargedLine.item_code, "codes"),
        ChargedLine.voided.is_(False),
    )
    .group_by(ChargedLine.patient_id, ChargedLine.item_code)
    .order_by(ChargedLine.patient_id, ChargedLine.item_code),
)


class Volume(NamedTuple):
    """How much of an item was charged over a time."""

    item_code: str
    quantity: Decimal


VOLUMES = Query(
    Volume,
    select(ChargedLine.item_code, func.sum(ChargedLine.quantity))
    .where(
        ChargedLine.campus_id == bindparam("campus"),
        among(ChargedLine.item_code, "codes"),
        ChargedLine.day >= bindparam("since", type_=Date),
        ChargedLine.day < bindparam("until", type_=Date),
        ChargedLine.voided.is_(False),
    )
    .group_by(ChargedLine.item_code),
)
FINDINGS = Query(
    PriceFinding,
    select(PriceFinding)
    .where(
        PriceFinding.campus_id == bindparam("campus"),
        PriceFinding.status == bindparam("status"),
        PriceFinding.finding_id > bindparam("after"),
    )
    .order_by(PriceFinding.finding_id)
    .limit(bindparam("limit")),
)


class Inspected(NamedTuple):
    """What a monitoring rule found over some days, and what became of it."""

    title: str
    found: int
    amount: Decimal
    waiting: int
    overdue: int
    answered: int
    closed: int
    refund: Decimal


_waits = PriceFinding.status == constant("open")
INSPECTED = Query(
    Inspected,
    select(
        MonitorRule.title,
        func.count(),
        func.sum(PriceFinding.amount),
        func.count().filter(_waits),
        func.count().filter(_waits, PriceFinding.due_on < bindparam("today", type_=Date)),
        func.count().filter(PriceFinding.status == constant("answered")),
        func.count().filter(PriceFinding.status == constant("closed")),
        func.coalesce(func.sum(PriceFinding.refund_proposed), 0),
    )
    .join(MonitorRule, MonitorRule.rule_id == PriceFinding.rule_id)
    .where(
        PriceFinding.campus_id == bindparam("campus"),
        PriceFinding.day >= bindparam("first", type_=Date),
        PriceFinding.day <= bindparam("last", type_=Date),
    )
    .group_by(MonitorRule.rule_id, MonitorRule.title)
    .order_by(func.count().desc(), MonitorRule.title),
)
DAYS_LOOKED_AT = Query(
    int,
    select(func.count())
    .select_from(MonitoredDay)
    .where(
        MonitoredDay.campus_id == bindparam("campus"),
        MonitoredDay.day >= bindparam("first", type_=Date),
        MonitoredDay.day <= bindparam("last", type_=Date),
    ),
)
CHARGED_BY_UNIT = Query(
    str,
    select(ChargedLine.item_code)
    .where(
        ChargedLine.campus_id == bindparam("campus"),
        ChargedLine.executing_unit_id == bindparam("unit", type_=Uuid),
        ChargedLine.day >= bindparam("since", type_=Date),
        ChargedLine.voided.is_(False),
    )
    .distinct()
    .order_by(ChargedLine.item_code)
    .limit(bindparam("most")),
)
FINDING = Query(PriceFinding, select(PriceFinding).where(PriceFinding.finding_id == bindparam("finding_id")))


def _finding_step(came_from: str, **values: object) -> Query[PriceFinding]:
    return Query(
        PriceFinding,
        update(PriceFinding)
        .where(
            and_(
                PriceFinding.finding_id == bindparam("id_"),
                PriceFinding.version == bindparam("seen"),
                PriceFinding.status == constant(came_from),
            )
        )
        .values(**values, version=PriceFinding.version + 1)
        .returning(PriceFinding),
    )


ANSWER_FINDING = _finding_step(
    "open",
    status="answered",
    answer=bindparam("text"),
    answered_at=bindparam("at", type_=MOMENT),
    answered_by=bindparam("who"),
    refund_proposed=bindparam("refund", type_=MONEY),
)
CLOSE_FINDING = _finding_step(
    "answered", status="closed", closed_at=bindparam("at", type_=MOMENT), closed_by=bindparam("who")
)
