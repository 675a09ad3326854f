"""Changes of a session on sale that keep it going: another doctor, time or room, more numbers, bands off and on."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from events.outpatient import DoctorReplaced, SchedulePublished, SessionMoved, SlotsAdded
from functions.catalogue.prices import service as prices
from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Clinic, Session, Slot
from functions.outpatient.schedule.problems import GradePriceMissing, PlanHasErrors
from functions.outpatient.schedule.queries import plans, session_slots
from functions.outpatient.schedule.schemas.changes import (
    BlockBands,
    ExtendSession,
    MoveSession,
    OpenEmergency,
    ReplaceDoctor,
)
from functions.outpatient.schedule.schemas.plans import PlanSession
from functions.outpatient.schedule.service.checking import check_sessions
from functions.outpatient.schedule.service.sessions import (
    NewSlot,
    bands_given,
    check_room,
    count_numbers,
    draft,
    locked,
    make_slots,
    own_clinic,
    travel,
)
from functions.outpatient.schedule.service.steps import ON_SALE, make_numbers
from functions.outpatient.schedule.service.stops import affected_of, execute_stop, record_change
from shared.ids import new_id
from shared.money import ZERO, round_money
from shared.tx import Tx

LONG_WAIT = 60
"""Minutes of waiting from which a further session may be opened at once."""
CHOICE = timedelta(hours=24)
"""So long the patients of a session that was moved come first in the one that took its place (spec 44)."""


def replace_doctor(tx: Tx, session_id: UUID, command: ReplaceDoctor) -> tuple[Session, int]:
    """Another doctor holds the session (替诊). The same or a higher grade keeps the price; of a lower one the session
    falls to that grade's fee, and the event tells what each paid patient gets back.

    Raises PlanHasErrors (leave, bar, practice place), DoctorBusy, TravelTooShort, GradePriceMissing.
    """
    session = locked(tx, session_id, command.version)
    if command.doctor_id == session.doctor_id:
        raise rules.PlanInvalid("该医生就是本班次医生，请改选其他医生。")
    doctor = organisation.staff_member(tx, command.doctor_id)
    clinic = tx.session.one(plans.CLINIC, clinic_id=session.clinic_id)
    grade = session.grade or clinic.grade
    item = session.fee_item_code or clinic.fee_item_code
    new_grade, new_item = grade, item
    if rules.outranks(grade, doctor.title_code):
        new_grade = rules.grade_of_title(doctor.title_code)
        new_item = _fee_of(tx, clinic, new_grade)
    priced = prices.prices_at(tx, sorted({item, new_item}))
    old_price, new_price = round_money(priced[item].unit_price), round_money(priced[new_item].unit_price)
    slots = tx.session.send(session_slots.LOCK_SLOTS, session_id=session_id)
    changed = tx.session.one(
        plans.CHANGE_SESSION,
        id_=session_id,
        doctor=command.doctor_id,
        travel=travel(session.ends_at, command.doctor_id),
        grade_=new_grade,
        fee_item=new_item,
    )
    _require_fit(tx, changed)
    affected = affected_of(slots.all())
    tx.emit(
        DoctorReplaced(
            session_id=session_id,
            clinic_id=session.clinic_id,
            from_doctor_id=session.doctor_id,
            to_doctor_id=command.doctor_id,
            old_fee_item_code=item,
            new_fee_item_code=new_item,
            old_price=old_price,
            new_price=new_price,
            refund_each=max(ZERO, old_price - new_price),
            affected=affected,
        )
    )
    detail = {
        "from_doctor": str(session.doctor_id) if session.doctor_id else None,
        "to_doctor": str(command.doctor_id),
        "from_grade": grade,
        "to_grade": new_grade,
        "old_price": str(old_price),
        "new_price": str(new_price),
    }
    record_change(tx, session, "replace", command.reason, detail, affected, office_by=tx.actor.subject)
    tx.audit("session.doctor_replaced", "session", session_id)
    return changed, count_numbers(tx, changed)


def move_session(tx: Tx, session_id: UUID, command: MoveSession) -> tuple[Session, int]:
    """Move a session in time or to another room (改时、改诊室).

    Up to 30 minutes, or the room only: patients keep their numbers and are told. Further: the session is stopped and
    one like it opens at the new time, where its patients come first; that one is answered.
    """
    session = locked(tx, session_id, command.version)
    clinic = tx.session.one(plans.CLINIC, clinic_id=session.clinic_id)
    room_id = command.room_id or session.room_id
    if room_id != session.room_id:
        check_room(tx, clinic, room_id)
    desk = command.desk or (session.desk if room_id == session.room_id else 1)
    shift = (command.starts_at or session.starts_at) - session.starts_at
    if not shift and (room_id, desk) == (session.room_id, session.desk):
        raise rules.PlanInvalid("时间和诊室都没有变化。")
    if abs(shift) > rules.SMALL_MOVE:
        return _reopen(tx, session, shift, room_id, desk, command.reason)
    slots = tx.session.all(session_slots.LOCK_SLOTS, session_id=session_id)
    ends_at = session.ends_at + shift
    if shift:
        tx.session.execute(session_slots.SHIFT_SLOTS, id_=session_id, by_=shift)
    changed = tx.session.one(
        plans.CHANGE_SESSION,
        id_=session_id,
        room=room_id,
        desk_=desk,
        start=session.starts_at + shift,
        end=ends_at,
        travel=travel(ends_at, session.doctor_id),
    )
    _require_fit(tx, changed)
    affected = affected_of(slots)
    minutes = int(shift.total_seconds() // 60)
    tx.emit(
        SessionMoved(
            session_id=session_id,
            clinic_id=session.clinic_id,
            shifted_minutes=minutes,
            starts_at=changed.starts_at,
            ends_at=changed.ends_at,
            room_id=room_id,
            rebook=False,
            moved_to=None,
            affected=affected,
        )
    )
    record_change(
        tx,
        session,
        "move" if shift else "room",
        command.reason,
        {"minutes": minutes, "room": str(room_id), "desk": desk},
        affected,
        office_by=tx.actor.subject,
    )
    tx.audit("session.moved", "session", session_id)
    return changed, len(slots)


def extend_session(tx: Tx, session_id: UUID, command: ExtendSession) -> tuple[Session, int]:
    """Add bands after the last one with numbers by channel (增加时段). Doctor and room must be free."""
    session = locked(tx, session_id, command.version)
    bands = bands_given(command.bands)
    if min(band.starts_at for band in bands) < session.ends_at:
        raise rules.PlanInvalid("新增时段须在原班次结束之后开始。")
    quotas = {channel.value: count for channel, count in command.quotas.items()}
    planned = rules.plan_slots(session.day, bands, quotas)
    slots = tx.session.all(session_slots.LOCK_SLOTS, session_id=session_id)
    last = max((slot.number for slot in slots), default=0)
    ends_at = max(band.ends_at for band in bands)
    changed = tx.session.one(
        plans.CHANGE_SESSION, id_=session_id, end=ends_at, travel=travel(ends_at, session.doctor_id)
    )
    make_slots(
        tx,
        [NewSlot(session_id, last + slot.number, slot.band_start, slot.band_end, slot.channel) for slot in planned],
    )
    tx.emit(SlotsAdded(session_id=session_id, clinic_id=session.clinic_id, slots=len(planned), cause="extended"))
    record_change(tx, session, "extend", command.reason, {"slots": len(planned)})
    tx.audit("session.extended", "session", session_id, slots=len(planned))
    return changed, len(slots) + len(planned)


def block_bands(tx: Tx, session_id: UUID, command: BlockBands, *, on: bool) -> tuple[Session, int]:
    """Take the free numbers of bands off sale (医生临时离开), or put them back. Returns how many changed."""
    session = locked(tx, session_id, command.version)
    query = session_slots.BLOCK_BANDS if on else session_slots.UNBLOCK_BANDS
    moment = {"now": tx.now} if on else {}
    slots = tx.session.all(query, id_=session_id, bands=command.bands, **moment)
    changed = tx.session.one(plans.CHANGE_SESSION, id_=session_id)
    record_change(tx, session, "block" if on else "unblock", command.reason, {"slots": len(slots)})
    tx.audit("session.bands_blocked" if on else "session.bands_opened", "session", session_id, slots=len(slots))
    return changed, len(slots)


def open_emergency(tx: Tx, command: OpenEmergency) -> tuple[Session, int]:
    """Open a further general session at once because people wait more than an hour (应急加开)."""
    if command.waiting_minutes < LONG_WAIT:
        raise rules.PlanInvalid(f"候诊超过 {LONG_WAIT} 分钟方可应急加开，当前 {command.waiting_minutes} 分钟。")
    clinic = own_clinic(tx, command.clinic_id)
    if clinic.grade != "general":
        raise rules.PlanInvalid("只有普通门诊可以应急加开。")
    check_room(tx, clinic, command.room_id)
    if command.doctor_id is not None:
        organisation.staff_member(tx, command.doctor_id)
    plan = PlanSession(
        clinic_id=command.clinic_id,
        doctor_id=command.doctor_id,
        room_id=command.room_id,
        desk=command.desk,
        day=tx.today,
        part=command.part,
        bands=command.bands,
        quotas=command.quotas,
    )
    session = draft(tx, clinic, plan)
    numbers = _open_at_once(tx, session, make_numbers(tx, session))
    record_change(
        tx,
        session,
        "emergency",
        command.reason,
        {"waiting_minutes": command.waiting_minutes},
        office_by=tx.actor.subject,
    )
    tx.audit("session.emergency_opened", "session", session.session_id)
    return tx.session.one(plans.SESSION, session_id=session.session_id), numbers


def _reopen(tx: Tx, session: Session, shift: timedelta, room_id: UUID, desk: int, reason: str) -> tuple[Session, int]:
    every = tx.session.all(session_slots.LOCK_SLOTS, session_id=session.session_id)
    slots = [slot for slot in every if slot.extra_no is None and slot.status != "withdrawn"]
    if not slots:
        raise rules.PlanInvalid("该班次已没有可改时的号，请直接停诊。")
    moved = _like(tx, session, slots, shift, room_id, desk)
    affected = affected_of(every)
    execute_stop(tx, session, reason, office_by=tx.actor.subject, moved_to=moved.session_id)
    planned = rules.plan_slots(moved.day, rules.bands_of(moved.bands or []), moved.quotas or {})
    made = [NewSlot(moved.session_id, slot.number, slot.band_start, slot.band_end, slot.channel) for slot in planned]
    _open_at_once(tx, moved, made)
    if affected:
        tx.session.execute(session_slots.GIVE_PRIORITY, id_=moved.session_id, now=tx.now)
        until = min(tx.now + CHOICE, moved.starts_at)
        tx.session.execute(session_slots.PROMISE, id_=moved.session_id, people=len(affected), until=until)
    tx.emit(
        SessionMoved(
            session_id=session.session_id,
            clinic_id=session.clinic_id,
            shifted_minutes=int(shift.total_seconds() // 60),
            starts_at=moved.starts_at,
            ends_at=moved.ends_at,
            room_id=room_id,
            rebook=True,
            moved_to=moved.session_id,
            affected=affected,
        )
    )
    tx.audit("session.moved", "session", session.session_id, to=str(moved.session_id))
    return tx.session.one(plans.SESSION, session_id=moved.session_id), len(made)


def _like(tx: Tx, session: Session, slots: Sequence[Slot], shift: timedelta, room_id: UUID, desk: int) -> Session:
    counts = Counter((slot.band_start + shift, slot.band_end + shift) for slot in slots)
    bands = [rules.Band(start, end, count) for (start, end), count in sorted(counts.items())]
    ends_at = session.ends_at + shift
    return Session(
        session_id=new_id(),
        campus_id=session.campus_id,
        clinic_id=session.clinic_id,
        unit_id=session.unit_id,
        doctor_id=session.doctor_id,
        room_id=room_id,
        desk=desk,
        day=rules.day_of(session.starts_at + shift),
        part=session.part,
        starts_at=session.starts_at + shift,
        ends_at=ends_at,
        travel_until=travel(ends_at, session.doctor_id),
        bands=rules.stored_bands(bands),
        quotas=dict(Counter(slot.channel for slot in slots)),
        extra_cap=session.extra_cap,
        grade=session.grade,
        fee_item_code=session.fee_item_code,
        status="published",
        moved_from=session.session_id,
        made_by=session.made_by,
        approved_by=tx.actor.subject,
        published_at=tx.now,
    )


def _open_at_once(tx: Tx, session: Session, slots: Sequence[NewSlot]) -> int:
    """Store a session that is on sale from this moment, if nothing forbids it."""
    _require_fit(tx, session)
    tx.session.add(session)
    if session.status not in ON_SALE:
        tx.session.execute(plans.PUBLISH_NOW, id_=session.session_id, who=tx.actor.subject, now=tx.now)
    make_slots(tx, slots)
    tx.emit(
        SchedulePublished(
            session_id=session.session_id,
            clinic_id=session.clinic_id,
            unit_id=session.unit_id,
            doctor_id=session.doctor_id,
            day=session.day,
            slots=len(slots),
        )
    )
    return len(slots)


def _require_fit(tx: Tx, session: Session) -> None:
    """Refuse what the check calls an error; overlaps are the database's to refuse."""
    found = [one for one in rules.errors(check_sessions(tx, [session], against=())) if one.other_id is None]
    if found:
        raise PlanHasErrors(found[0].message, findings=[one.document() for one in found])


def _fee_of(tx: Tx, clinic: Clinic, grade: str) -> str:
    if grade == clinic.grade:
        return clinic.fee_item_code
    item = tx.session.first(plans.CLINIC_PRICE, clinic_id=clinic.clinic_id, grade=grade)
    if item is None:
        raise GradePriceMissing("替诊医生级别较低，该门诊尚未设置这一级别的诊查费，请先在门诊设置中补充。", grade=grade)
    return item
