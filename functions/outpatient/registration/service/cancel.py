"""Cancel registrations (退号): before the consultation, after it with a release, and when a session is stopped."""

from dataclasses import dataclass
from uuid import UUID

from events.outpatient import SessionStopped, VisitCancelled
from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Release, Visit
from functions.outpatient.registration.problems import (
    NoFeeToReturn,
    NotReleasable,
    OtherDoctor,
    ReleaseNeeded,
    VisitNotCancellable,
)
from functions.outpatient.registration.queries import changes, records
from functions.outpatient.registration.schemas import CancelReason, CancelVisit, ChangeVersion, ReleaseVisit
from functions.outpatient.registration.service.corrections import ask_corrections, settle
from functions.outpatient.registration.service.fees import PAID, fee_lines, fee_not_rendered, give_back
from functions.outpatient.registration.service.reading import own_visit
from functions.outpatient.schedule import service as schedule
from functions.patients.index import service as patients
from shared.function import Onwards
from shared.money import Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancelled visit: whether its number went back on sale, and the money returned now."""

    visit: Visit
    slot_returned: bool
    refunded: Money


def cancel_visit(tx: Tx, encounter_id: UUID, command: CancelVisit) -> Cancelled:
    """Cancel a registration (退号): number back, unpaid fees voided, paid ones refunded.

    Before the consultation anybody at a window may; after its beginning the doctor released the visit and the lead
    approved. A refund that needs another person's approval is refused here with the way to request it; nothing is
    cancelled then.
    """
    visit = own_visit(tx, encounter_id)
    tx.check_version(visit.version, command.version)
    if visit.status in rules.BEGUN:
        _require_release(tx, visit)
    elif visit.status not in rules.CANCELLABLE:
        raise VisitNotCancellable(
            f"该号当前为“{rules.STATUS_NAMES[visit.status]}”，不能退号，请刷新后核对。", current_status=visit.status
        )
    return _cancel(tx, visit, command.reason.value)


def release_visit(tx: Tx, encounter_id: UUID, command: ReleaseVisit) -> Release:
    """Its own doctor lets a visit that began be cancelled (放行): nothing was done that the patient should pay for."""
    visit = own_visit(tx, encounter_id)
    tx.check_version(visit.version, command.version)
    if visit.status not in rules.BEGUN:
        raise NotReleasable(
            f"该号当前为“{rules.STATUS_NAMES[visit.status]}”，不需要医生放行。", current_status=visit.status
        )
    if tx.actor.staff_id != visit.doctor_id:
        raise OtherDoctor("接诊后退号须由接诊医生本人放行，请联系接诊医生。", doctor_id=str(visit.doctor_id))
    release = tx.session.one(
        records.RELEASE_VISIT,
        encounter_id=encounter_id,
        campus_id=tx.campus,
        patient_id=visit.patient_id,
        reason=command.reason,
        released_at=tx.now,
        released_by=tx.actor.subject,
        released_by_name=tx.actor.name,
    )
    tx.audit("visit.released", "visit", encounter_id, patient_id=visit.patient_id)
    return release


def approve_release(tx: Tx, encounter_id: UUID, command: ChangeVersion) -> Release:
    """The lead (收费组长) approves a doctor's release; not the one who gave it."""
    visit = own_visit(tx, encounter_id)
    tx.check_version(visit.version, command.version)
    release = tx.session.first(records.RELEASE, encounter_id=encounter_id)
    if release is None or visit.status not in rules.BEGUN:
        raise NotReleasable("该号没有待审批的放行，请先由接诊医生放行。", current_status=visit.status)
    tx.assert_distinct([release.released_by], "接诊后退号的放行与审批须由不同人员办理。")
    approved = tx.session.first(
        records.APPROVE_RELEASE, id_=encounter_id, at=tx.now, who=tx.actor.subject, name=tx.actor.name
    )
    if approved is None:
        raise NotReleasable("该放行已审批，请到收费窗口办理退号。", current_status=visit.status)
    tx.audit("visit.release_approved", "visit", encounter_id, patient_id=visit.patient_id)
    return approved


def waiting_releases(tx: Tx, after: UUID, limit: int) -> list[Release]:
    """Releases that wait for the lead, oldest first."""
    return tx.session.all(records.RELEASES_WAITING, campus=tx.campus, after=after, limit=limit)


def refund_stopped_session(tx: Tx, event: SessionStopped) -> Onwards | None:
    """A session, or some numbers of it, were stopped (停诊): cancel their visits, then see to each one's money.

    Unpaid fees are voided, paid ones get a refund that needs nobody's approval; a bill that is just being paid is seen
    to when that is over, and keeps nobody else waiting. A redelivery finds nothing to cancel.
    """
    visits = _of_stopped(tx, event)
    if not visits:
        return None
    reason = CancelReason.SESSION_STOPPED.value
    ids = [visit.encounter_id for visit in visits]
    cancelled = tx.session.all(changes.CANCEL_ALL, visits=ids, at=tx.now, who=tx.actor.subject, why=reason)
    asked = ask_corrections(tx, cancelled, "give_back", reason, "停诊退费")
    for visit in cancelled:
        _tell(tx, visit, reason)
    return lambda steps: settle(steps, asked)


def refund_missed(tx: Tx, encounter_id: UUID, command: ChangeVersion | None = None) -> tuple[Visit, Money]:
    """Give the fee of a visit nobody came to back (未到诊退费): no service was given. That it was missed stays.

    At the window on the patient's wish, by outpatient/booking of itself the day after. Raises VisitStateWrong,
    NoFeeToReturn, and what a refund that needs approval says.
    """
    visit = own_visit(tx, encounter_id)
    tx.check_version(visit.version, command.version if command else None)
    rules.require_status(visit.status, ("no_show",), "办理未到诊退费")
    if not any(line.status in PAID for line in fee_lines(tx, visit)):
        raise NoFeeToReturn("该号没有已缴的诊查费可退：可能未缴、已退或本来免费，请核对缴费记录。")
    refunded = give_back(tx, visit, "no_show", "未到诊退费")
    tx.audit("visit.missed_refunded", "visit", encounter_id, patient_id=visit.patient_id, refunded=str(refunded))
    return visit, refunded


def _of_stopped(tx: Tx, event: SessionStopped) -> list[Visit]:
    if event.partial or event.slot_ids:
        return tx.session.all(changes.LOCK_OPEN_OF_SLOTS, slots=event.slot_ids)
    return tx.session.all(changes.LOCK_OPEN_OF_SESSION, session_id=event.session_id)


def _require_release(tx: Tx, visit: Visit) -> None:
    release = tx.session.first(records.RELEASE, encounter_id=visit.encounter_id)
    if release is None:
        raise ReleaseNeeded("该号已接诊，须由接诊医生放行、收费组长审批后退号。", missing="doctor")
    if release.approved_by is None:
        raise ReleaseNeeded("医生已放行，尚待收费组长审批后退号。", missing="lead")
    tx.assert_distinct([release.released_by, release.approved_by], "接诊后退号的放行、审批与办理须由不同人员办理。")
    fee_not_rendered(tx, visit)


def _cancel(tx: Tx, visit: Visit, reason: str) -> Cancelled:
    cancelled = tx.session.first(
        changes.CANCEL_BEGUN if visit.status in rules.BEGUN else changes.CANCEL,
        id_=visit.encounter_id,
        campus=tx.campus,
        seen=visit.version,
        at=tx.now,
        who=tx.actor.subject,
        why=reason,
    )
    if cancelled is None:
        raise VisitNotCancellable("该号刚被他人办理，请刷新后核对。")
    began = visit.status in rules.BEGUN
    returned = visit.slot_id is not None and schedule.return_slot(tx, visit.slot_id, visit.encounter_id, used=began)
    refunded = give_back(tx, visit, reason, "退号")
    _tell(tx, visit, reason)
    return Cancelled(cancelled, returned, refunded)


def _tell(tx: Tx, visit: Visit, reason: str) -> None:
    patients.end_record_access(tx, "registration", visit.encounter_id, tx.now)
    tx.emit(
        VisitCancelled(
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            session_id=visit.session_id,
            slot_id=visit.slot_id,
            reason_code=reason,
            cancelled_at=tx.now,
            booking_id=visit.booking_id,
        )
    )
    tx.audit("visit.cancelled", "visit", visit.encounter_id, patient_id=visit.patient_id, reason=reason)
