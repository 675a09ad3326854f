"""Use cases of the clinic schedule, and the number pool that registration and booking call."""

from datetime import date
from typing import NoReturn
from uuid import UUID

from events.outpatient import SchedulePublished, SessionStopped
from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import queries, rules
from functions.outpatient.schedule.gates import SessionToPublish, before_publish
from functions.outpatient.schedule.models import Clinic, Session, Slot
from functions.outpatient.schedule.queries import Available, SlotTaken
from functions.outpatient.schedule.schemas import ChangeState, DefineClinic, PlanSession, StopSession
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx


def define_clinic(tx: Tx, command: DefineClinic) -> Clinic:
    """Define a clinic (诊疗门诊) of the acting campus in one of its units."""
    unit = organisation.unit(tx, command.unit_id)
    if unit.campus_id != tx.campus:
        raise NotFound("本院区没有这个科室，请核对后重新选择。")
    if command.age_from is not None and command.age_to is not None and command.age_from > command.age_to:
        raise rules.PlanInvalid("年龄下限不能大于上限。")
    clinic = Clinic(
        clinic_id=new_id(),
        campus_id=tx.campus,
        code=command.code,
        name=command.name,
        unit_id=command.unit_id,
        grade=command.grade.value,
        fee_item_code=command.fee_item_code,
        standard_code=command.standard_code,
        sex_limit=command.sex_limit,
        age_from=command.age_from,
        age_to=command.age_to,
        follow_up_allowed=command.follow_up_allowed,
        guidance=command.guidance or "",
    )
    tx.session.add(clinic)
    tx.audit("clinic.defined", "clinic", clinic.clinic_id)
    return clinic


def plan_session(tx: Tx, command: PlanSession) -> tuple[Session, int]:
    """Draft a session with its numbers. Returns the session and how many numbers it has."""
    clinic = tx.session.first(queries.CLINIC, clinic_id=command.clinic_id)
    if clinic is None or clinic.campus_id != tx.campus or not clinic.active:
        raise NotFound("本院区没有这个门诊，请核对后重新选择。")
    room = organisation.place(tx, command.room_id)
    if room.campus_id != tx.campus:
        raise NotFound("本院区没有这个诊室，请核对后重新选择。")
    if command.doctor_id is not None:
        organisation.staff_member(tx, command.doctor_id)
    bands = [rules.Band(band.starts_at, band.ends_at, band.count) for band in command.bands]
    planned = rules.plan_slots(command.day, bands, {channel.value: n for channel, n in command.quotas.items()})
    session = Session(
        session_id=new_id(),
        campus_id=tx.campus,
        clinic_id=clinic.clinic_id,
        unit_id=clinic.unit_id,
        doctor_id=command.doctor_id,
        room_id=command.room_id,
        desk=command.desk,
        day=command.day,
        part=command.part.value,
        starts_at=min(band.starts_at for band in bands),
        ends_at=max(band.ends_at for band in bands),
        extra_cap=command.extra_cap,
        made_by=tx.actor.subject,
    )
    tx.session.add(session)
    tx.session.add(
        *(
            Slot(
                slot_id=new_id(),
                campus_id=tx.campus,
                session_id=session.session_id,
                number=slot.number,
                band_start=slot.band_start,
                band_end=slot.band_end,
                channel=slot.channel,
            )
            for slot in planned
        )
    )
    tx.audit("session.planned", "session", session.session_id, slots=len(planned))
    return session, len(planned)


def submit_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """The department hands its draft to the outpatient office (提交)."""
    return _step(tx, session_id, command, "submit")


def approve_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """The outpatient office approves (审批); never the person who drafted it."""
    session = _session(tx, session_id)
    tx.assert_distinct([session.made_by], "排班的编制与审批须由不同人员办理。")
    return _step(tx, session_id, command, "approve", session)


def publish_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """Put the numbers on sale (发布). Overlaps of the doctor or the room are refused here."""
    session = _session(tx, session_id)
    before_publish.ask(tx, SessionToPublish(session.session_id, session.doctor_id, session.starts_at, session.ends_at))
    published, slots = _step(tx, session_id, command, "publish", session)
    tx.emit(
        SchedulePublished(
            session_id=session.session_id,
            clinic_id=session.clinic_id,
            unit_id=session.unit_id,
            doctor_id=session.doctor_id,
            day=session.day,
            slots=slots,
        )
    )
    return published, slots


def stop_session(tx: Tx, session_id: UUID, command: StopSession) -> tuple[Session, int]:
    """Stop a session on sale (停诊): its numbers are withdrawn, registration refunds its visits by event.

    Stopping a stopped session again answers the same and changes nothing.
    """
    session = _session(tx, session_id)
    if session.status == "stopped":
        return session, tx.session.one(queries.COUNT_SLOTS, session_id=session_id)
    stopped, slots = _step(tx, session_id, command, "stop", session, reason=command.reason)
    withdrawn = tx.session.all(queries.WITHDRAW_SLOTS, id_=session_id)
    tx.emit(
        SessionStopped(
            session_id=session_id,
            clinic_id=session.clinic_id,
            reason=command.reason,
            withdrawn_slots=len(withdrawn),
        )
    )
    return stopped, slots


def take_slot(tx: Tx, session_id: UUID, channel: str, owner_id: UUID) -> SlotTaken:
    """Take the earliest free number a channel may sell; it belongs to `owner_id` when the transaction commits.

    Raises SessionFull, with the sessions of the same clinic that still have numbers anywhere, or SessionNotOnSale.
    """
    wanted = {
        "session_id": session_id,
        "channels": list(rules.CHANNELS_OF.get(channel, (channel,))),
        "now": tx.now,
        "owner": owner_id,
    }
    slot = tx.session.first(queries.TAKE_FREE_SLOT, **wanted)
    if slot is None:
        slot = tx.session.first(queries.TAKE_CONTESTED_SLOT, **wanted)
    if slot is None:
        _refuse_sale(tx, session_id)
    return slot


def return_slot(tx: Tx, slot_id: UUID, owner_id: UUID) -> bool:
    """Give a number back to its pool; False when its band is over or it was withdrawn meanwhile."""
    return tx.session.first(queries.RETURN_SLOT, id_=slot_id, owner=owner_id, now=tx.now) is not None


def availability(
    tx: Tx, day: date, campuses: list[str], standard_code: str | None, limit: int, after: UUID
) -> list[Available]:
    """Sessions of a day with the numbers left, at any campuses: the pool is one for the consortium."""
    return tx.session.all(
        queries.AVAILABILITY,
        day=day,
        campuses=campuses,
        standard_code=standard_code,
        limit=limit,
        after=after,
        now=tx.now,
    )


def _refuse_sale(tx: Tx, session_id: UUID) -> NoReturn:
    session = tx.session.first(queries.SESSION, session_id=session_id)
    if session is None or session.campus_id != tx.campus:
        raise NotFound("本院区没有这个班次，请刷新后重新选择。")
    if session.status not in {"published", "open"}:
        state = rules.STATE_NAMES[session.status]
        raise rules.SessionNotOnSale(
            f"该班次当前为“{state}”，不能挂号，请改选其他班次。", current_status=session.status
        )
    if session.ends_at <= tx.now:
        raise rules.SessionNotOnSale("该班次出诊时间已过，请改选其他班次。", current_status=session.status)
    clinic = tx.session.one(queries.CLINIC, clinic_id=session.clinic_id)
    campuses = [campus.code for campus in organisation.open_campuses(tx)]
    others = availability(tx, session.day, campuses, clinic.standard_code, 50, UUID(int=0))
    alternatives = [
        {
            "session_id": str(other.session_id),
            "campus_id": other.campus_id,
            "clinic_name": other.clinic_name,
            "starts_at": other.starts_at.isoformat(),
            "remaining": sum(other.remaining.values()),
        }
        for other in others
        if other.status != "stopped" and sum(other.remaining.values()) > 0
    ]
    way_out = "请改选列出的其他班次或院区。" if alternatives else "今日该门诊已无余号，请改约其他日期。"
    raise rules.SessionFull(f"该班次已无余号。{way_out}", alternatives=alternatives)


def _session(tx: Tx, session_id: UUID) -> Session:
    session = tx.session.first(queries.SESSION, session_id=session_id)
    if session is None or session.campus_id != tx.campus:
        raise NotFound("本院区没有这个班次，请刷新后重试。")
    return session


def _step(
    tx: Tx,
    session_id: UUID,
    command: ChangeState,
    action: str,
    session: Session | None = None,
    reason: str | None = None,
) -> tuple[Session, int]:
    session = session or _session(tx, session_id)
    tx.check_version(session.version, command.version)
    rules.require_state(action, session.status)
    slots = tx.session.send(queries.COUNT_SLOTS, session_id=session_id)
    changed = tx.session.first(
        queries.CHANGE_STATE,
        id_=session_id,
        seen=session.version,
        to=rules.RESULT[action],
        approver=tx.actor.subject if action == "approve" else None,
        published=tx.now if action == "publish" else None,
        reason=reason,
    )
    if changed is None:
        raise Stale("该班次刚被他人修改，请刷新后再操作。")
    tx.audit(f"session.{action}", "session", session_id)
    return changed, slots.one()
