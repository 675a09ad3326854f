"""Stopping (停诊): asked, agreed to, done once; what it means for those who have a number goes out as an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from events.outpatient import AffectedNumber, SessionStopped
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.gates import SessionToStop, stop_considered
from functions.outpatient.schedule.models import ChangedNumber, Session, SessionChange, Slot
from functions.outpatient.schedule.problems import RequestStateWrong
from functions.outpatient.schedule.queries import changes, plans, session_slots
from functions.outpatient.schedule.queries.availability import Offer
from functions.outpatient.schedule.schemas.changes import StopSession
from functions.outpatient.schedule.service.pool import offers
from functions.outpatient.schedule.service.sessions import count_numbers, locked, own_session
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx

Side = Literal["head", "office", "medical"]
SIDE_NAMES = {"head": "科主任", "office": "门诊部", "medical": "医务科"}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a stop would do."""

    taken: int
    held: int
    free: int
    visits: int
    bookings: int
    notes: list[str]
    """What it would touch elsewhere, as the modules concerned say."""
    urgent: bool
    consents: list[str]
    offers: list[Offer]


def preview_stop(tx: Tx, session_id: UUID) -> Preview:
    """Numbers taken, held and free of a session, whose consent a stop needs now, and where its patients could go."""
    session = own_session(tx, session_id)
    slots = tx.session.all(session_slots.SLOTS, session_id=session_id)
    urgent = rules.is_urgent(session.starts_at, tx.now)
    visits = tuple(
        slot.owner_id for slot in slots if slot.status == "taken" and slot.owner_kind == "visit" and slot.owner_id
    )
    told = stop_considered.ask(tx, SessionToStop(session_id, visits))
    return Preview(
        taken=sum(slot.status == "taken" for slot in slots),
        held=sum(slot.status == "held" for slot in slots),
        free=sum(slot.status == "free" for slot in slots),
        visits=len(visits),
        bookings=sum(slot.status == "taken" and slot.owner_kind == "booking" for slot in slots),
        notes=[f"{one.message}，{one.way_out}" for one in told],
        urgent=urgent,
        consents=rules.missing_consents(urgent=urgent, head=False, office=False, medical=False),
        offers=offers(tx, session_id, 10),
    )


def stop_session(tx: Tx, session_id: UUID, command: StopSession) -> tuple[Session, int]:
    """门诊部 stops a session on sale at once (停诊): numbers are withdrawn, visits refunded by event.

    Inside 24 hours a task asks 医务科 to countersign. With `bands` only those are stopped. Stopping a stopped session
    again answers the same and changes nothing.
    """
    session = own_session(tx, session_id)
    if session.status == "stopped":
        return session, count_numbers(tx, session)
    session = locked(tx, session_id, command.version, "stop")
    stopped = execute_stop(tx, session, command.reason, command.bands, office_by=tx.actor.subject)
    return stopped, count_numbers(tx, stopped)


def request_stop(tx: Tx, session_id: UUID, command: StopSession) -> SessionChange:
    """The department asks for a stop; it is done when those who must have agreed."""
    session = own_session(tx, session_id)
    tx.check_version(session.version, command.version)
    rules.require_state("stop", session.status)
    slots = tx.session.all(session_slots.SLOTS, session_id=session_id)
    chosen = _chosen(slots, command.bands)
    change = SessionChange(
        change_id=new_id(),
        campus_id=tx.campus,
        session_id=session_id,
        kind="part_stop" if command.bands else "stop",
        status="requested",
        reason=command.reason,
        urgent=rules.is_urgent(session.starts_at, tx.now),
        detail={"bands": [band.isoformat() for band in command.bands]} if command.bands else {},
        affected=len(affected_of(chosen)),
        requested_by=tx.actor.subject,
        requested_at=tx.now,
    )
    tx.session.add(change)
    tx.audit("session.stop_requested", "session", session_id, change=str(change.change_id))
    return change


def consent_to_stop(tx: Tx, change_id: UUID, side: Side) -> SessionChange:
    """Agree to a stop: the head of department 24 hours ahead, 门诊部 and 医务科 together inside them; then it is done.

    医务科 also countersigns here what 门诊部 stopped at once. Nobody agrees for two sides or to an own request.
    """
    change = own_change(tx, change_id)
    if change.status == "done" and side == "medical" and change.medical_by is None:
        return _countersign(tx, change)
    if change.status != "requested":
        raise RequestStateWrong("该申请已办结，请刷新后核对。", current_status=change.status)
    signed = {"head": change.head_by, "office": change.office_by, "medical": change.medical_by}
    others = [change.requested_by, *(who for name, who in signed.items() if name != side)]
    tx.assert_distinct(others, "停诊的申请与各方审签须由不同人员办理。")
    session = own_session(tx, change.session_id, plans.LOCK_SESSION)
    urgent = rules.is_urgent(session.starts_at, tx.now)
    given = {name: who is not None or name == side for name, who in signed.items()}
    missing = rules.missing_consents(
        urgent=urgent, head=given["head"], office=given["office"], medical=given["medical"]
    )
    if session.status != "stopped":
        rules.require_state("stop", session.status)
    affected: list[AffectedNumber] | None = None
    if not missing and session.status != "stopped":
        bands = [datetime.fromisoformat(band) for band in change.detail.get("bands", [])]
        _, affected = _carry_out(tx, session, change.reason, bands or None)
        keep_numbers(tx, change_id, affected)
    decided = tx.session.first(
        changes.DECIDE_CHANGE,
        id_=change_id,
        seen=change.version,
        to="requested" if missing else "done",
        urgent_=urgent,
        head=tx.actor.subject if side == "head" else None,
        office=tx.actor.subject if side == "office" else None,
        medical=tx.actor.subject if side == "medical" else None,
        affected_=change.affected if affected is None else len(affected),
        at=None if missing else tx.now,
    )
    if decided is None:
        raise Stale("该申请刚被他人处理，请刷新后再操作。")
    tx.audit("session.stop_consented", "session_change", change_id, side=side)
    return decided


def refuse_stop(tx: Tx, change_id: UUID, reason: str) -> SessionChange:
    """Refuse a stop that was asked for; the session goes on."""
    change = own_change(tx, change_id)
    decided = tx.session.first(
        changes.DECIDE_CHANGE,
        id_=change_id,
        seen=change.version,
        to="refused",
        urgent_=change.urgent,
        head=None,
        office=None,
        medical=None,
        affected_=change.affected,
        at=tx.now,
    )
    if decided is None:
        raise RequestStateWrong("该申请已办结，请刷新后核对。", current_status=change.status)
    tx.audit("session.stop_refused", "session_change", change_id, reason=reason)
    return decided


def execute_stop(
    tx: Tx,
    session: Session,
    reason: str,
    bands: Sequence[datetime] | None = None,
    *,
    office_by: str | None = None,
    moved_to: UUID | None = None,
) -> Session:
    """Stop a locked session now and write the change down; inside 24 hours 医务科 is asked to countersign.

    Bands of which nothing is left to stop are stopped already: nothing changes and nobody is told.
    """
    stopped, affected = _carry_out(tx, session, reason, bands, moved_to)
    if stopped.version == session.version:
        return stopped
    urgent = rules.is_urgent(session.starts_at, tx.now)
    record_change(
        tx,
        session,
        "part_stop" if bands else "stop",
        reason,
        {"moved_to": str(moved_to)} if moved_to else {},
        affected,
        office_by=office_by,
    )
    if urgent and office_by is not None:
        open_task(tx, session.session_id, "countersign", f"24 小时内停诊须医务科补签：{reason}")
    tx.audit("session.stop", "session", session.session_id)
    return stopped


def _carry_out(
    tx: Tx, session: Session, reason: str, bands: Sequence[datetime] | None, moved_to: UUID | None = None
) -> tuple[Session, list[AffectedNumber]]:
    slots = tx.session.all(session_slots.LOCK_SLOTS, session_id=session.session_id)
    chosen = _chosen(slots, bands)
    if bands is not None and not chosen:
        return session, []
    affected = affected_of(chosen)
    open_left = {slot.slot_id for slot in slots if slot.status in _OPEN} - {slot.slot_id for slot in chosen}
    whole = bands is None or not open_left
    withdrawn = tx.session.all(session_slots.WITHDRAW, ids=[slot.slot_id for slot in chosen])
    if whole:
        stopped = tx.session.first(plans.STOP_SESSION, id_=session.session_id, reason=reason)
    else:
        stopped = tx.session.first(plans.CHANGE_SESSION, id_=session.session_id, partly=tx.now)
    if stopped is None:
        raise Stale("该班次刚被他人修改，请刷新后再操作。")
    tx.emit(
        SessionStopped(
            session_id=session.session_id,
            clinic_id=session.clinic_id,
            reason=reason,
            withdrawn_slots=len(withdrawn),
            slot_ids=[] if whole else withdrawn,
            partial=not whole,
            affected=affected,
            moved_to=moved_to,
        )
    )
    return stopped, affected


_OPEN = ("free", "held", "taken", "blocked")


def _chosen(slots: Sequence[Slot], bands: Sequence[datetime] | None) -> list[Slot]:
    if bands is None:
        return [slot for slot in slots if slot.status in _OPEN]
    if not {slot.band_start for slot in slots}.issuperset(bands):
        raise rules.PlanInvalid("所选时段不在该班次内，请刷新后重新选择。")
    return [slot for slot in slots if slot.status in _OPEN and slot.band_start in bands]


def affected_of(slots: Sequence[Slot]) -> list[AffectedNumber]:
    """Numbers somebody has, with whose they are: visits, bookings, and patients an extra number still waits for."""
    found = []
    for slot in sorted(slots, key=lambda slot: slot.number):
        if slot.status == "taken" and slot.owner_kind is not None and slot.owner_id is not None:
            found.append((slot, slot.owner_kind, slot.owner_id))
        elif slot.status == "held" and slot.for_patient is not None:
            found.append((slot, "patient", slot.for_patient))
    return [
        AffectedNumber(slot_id=slot.slot_id, number=slot.number, owner_kind=kind, owner_id=owner)
        for slot, kind, owner in found
    ]


def record_change(
    tx: Tx,
    session: Session,
    kind: str,
    reason: str,
    detail: dict[str, Any],
    affected: Sequence[AffectedNumber] = (),
    *,
    office_by: str | None = None,
    head_by: str | None = None,
) -> SessionChange:
    """Write down a change that was done, and whose numbers it concerned."""
    change = SessionChange(
        change_id=new_id(),
        campus_id=tx.campus,
        session_id=session.session_id,
        kind=kind,
        status="done",
        reason=reason,
        urgent=rules.is_urgent(session.starts_at, tx.now),
        detail=detail,
        affected=len(affected),
        requested_by=tx.actor.subject,
        requested_at=tx.now,
        office_by=office_by,
        head_by=head_by,
        decided_at=tx.now,
    )
    tx.session.add(change)
    keep_numbers(tx, change.change_id, affected)
    return change


def keep_numbers(tx: Tx, change_id: UUID, affected: Sequence[AffectedNumber]) -> None:
    """Keep whose numbers a change concerned: once withdrawn, the pool no longer knows."""
    tx.session.add_many(
        [
            ChangedNumber(
                campus_id=tx.campus,
                change_id=change_id,
                number=one.number,
                slot_id=one.slot_id,
                owner_kind=one.owner_kind,
                owner_id=one.owner_id,
            )
            for one in affected
        ]
    )


def changed_numbers(tx: Tx, change_id: UUID, after: int, limit: int) -> list[ChangedNumber]:
    """Whose numbers a change of the acting campus concerned (受影响名单), in the order of the numbers."""
    own_change(tx, change_id)
    return tx.session.all(changes.CHANGED_NUMBERS, change_id=change_id, after=after, limit=limit)


def own_change(tx: Tx, change_id: UUID) -> SessionChange:
    """A change of the acting campus."""
    change = tx.session.first(changes.CHANGE, change_id=change_id)
    if change is None or change.campus_id != tx.campus:
        raise NotFound("本院区没有这条变更，请刷新后重试。")
    return change


def open_task(tx: Tx, session_id: UUID, kind: str, reason: str) -> None:
    """Ask a person to decide; once for a session and a kind."""
    tx.session.execute(
        changes.OPEN_TASK, task=new_id(), campus=tx.campus, session=session_id, kind_=kind, why=reason, now=tx.now
    )


def _countersign(tx: Tx, change: SessionChange) -> SessionChange:
    tx.assert_distinct([change.requested_by, change.office_by], "停诊与医务科补签须由不同人员办理。")
    signed = tx.session.first(changes.COUNTERSIGN, id_=change.change_id, who=tx.actor.subject)
    if signed is None:
        raise Stale("该变更刚由他人补签，请刷新后核对。")
    tx.session.execute(
        changes.RESOLVE_KIND,
        session=change.session_id,
        kind_="countersign",
        now=tx.now,
        who=tx.actor.subject,
        how="医务科已补签",
    )
    tx.audit("session.stop_countersigned", "session_change", change.change_id)
    return signed
