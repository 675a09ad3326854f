"""Price complaints (价格投诉): registered, answered within five working days."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import islice
from uuid import UUID

from functions.catalogue.prices.models import PriceComplaint
from functions.catalogue.prices.problems import CaseClosed
from functions.catalogue.prices.queries import procedures as queries
from functions.catalogue.prices.schemas.procedures import AnswerComplaint, RegisterComplaint
from functions.catalogue.prices.service.rules import require_known
from functions.organisation.structure import service as organisation
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx

WORKING_DAYS = 5
LONGEST_REST = 31
"""Days among which five working days are looked for: no holiday is as long."""


def register_complaint(tx: Tx, command: RegisterComplaint) -> PriceComplaint:
    """Take a complaint down; it is due in five working days. Raises ItemUnknown."""
    if command.item_codes:
        require_known(tx, set(command.item_codes))
    row = PriceComplaint(
        complaint_id=new_id(),
        campus_id=tx.campus,
        channel=command.channel,
        patient_id=command.patient_id,
        content=command.content,
        item_codes=command.item_codes,
        received_at=tx.now,
        received_by=tx.actor.subject,
        due_on=_due_on(tx),
    )
    tx.session.add(row)
    tx.audit("price_complaint.registered", "price_complaint", row.complaint_id, patient_id=command.patient_id)
    return row


def answer_complaint(tx: Tx, complaint_id: UUID, command: AnswerComplaint) -> PriceComplaint:
    """Answer a complaint; one that was right names its refund, if money goes back. Raises CaseClosed, Stale."""
    found = tx.session.first(queries.COMPLAINT, complaint_id=complaint_id)
    if found is None or found.campus_id != tx.campus:
        raise NotFound("本院区没有这件投诉，请刷新后核对。")
    tx.check_version(found.version, command.version)
    answered = tx.session.first(
        queries.ANSWER_COMPLAINT,
        id_=complaint_id,
        seen=found.version,
        right=command.founded,
        text=command.answer,
        at=tx.now,
        who=tx.actor.subject,
        refund=command.refund_id,
    )
    if answered is None:
        raise CaseClosed("该投诉已答复，请刷新后核对。")
    tx.audit("price_complaint.answered", "price_complaint", complaint_id, founded=command.founded)
    return answered


def complaints(tx: Tx, status: str, after: UUID, limit: int) -> list[PriceComplaint]:
    """Complaints of this campus in a state, oldest first."""
    tx.audit("price_complaints.read", "campus", tx.campus, status=status)
    return tx.session.all(queries.COMPLAINTS, campus=tx.campus, status=status, after=after, limit=limit)


def _due_on(tx: Tx) -> date:
    """The fifth working day after today, by the calendar of holidays and swapped days (节假日、调休) of this campus."""
    ahead = organisation.calendar(tx, tx.today + timedelta(days=1), tx.today + timedelta(days=LONGEST_REST))
    return last_of(WORKING_DAYS, (one.day for one in ahead if one.workday), tx.today + timedelta(days=LONGEST_REST))


def last_of(count: int, workdays: Iterable[date], latest: date) -> date:
    """The last of the first so many working days, or the latest day looked at where there are fewer."""
    first = list(islice(workdays, count))
    return first[-1] if len(first) == count else latest
