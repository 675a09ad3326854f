"""Numbers added and moved by hand: extra numbers (加号), quotas (调配), releases (手工放号), return rules (回收)."""

from collections import Counter
from uuid import UUID

from events.outpatient import QuotaMoved, SlotsAdded, SlotsReleased
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Session, Slot
from functions.outpatient.schedule.problems import (
    ExtraCapReached,
    ExtraForPatientExists,
    NotYourSession,
    QuotaTooSmall,
)
from functions.outpatient.schedule.queries import plans, session_slots, upkeep
from functions.outpatient.schedule.schemas.pool import AddExtra, ExtraCap, MoveQuota, ReleaseByHand, SetReturn
from functions.outpatient.schedule.service.sessions import locked
from functions.outpatient.schedule.service.stops import record_change
from functions.patients.index import service as patients
from shared.ids import new_id
from shared.tx import Tx


def require_own(tx: Tx, session: Session) -> None:
    """Refuse a doctor who acts on somebody else's session; the schedule clerk acts on any."""
    mine = session.doctor_id is not None and session.doctor_id == tx.actor.staff_id
    if not mine and not tx.actor.may("outpatient.schedule.write", tx.campus):
        raise NotYourSession("这不是您的班次，请由该班次医生或排班员办理。")


def add_extra(tx: Tx, session_id: UUID, command: AddExtra) -> Slot:
    """An extra number (加号) for a named patient, after the last band; it waits until the session ends.

    By the session's doctor or the clerk, up to the session's cap. Raises ExtraCapReached, ExtraForPatientExists,
    NotYourSession.
    """
    session = locked(tx, session_id, None)
    require_own(tx, session)
    if session.ends_at <= tx.now:
        raise rules.SessionNotOnSale("该班次出诊时间已过，不能加号。", current_status=session.status)
    patient = patients.access_patient(tx, command.patient_id)
    slots = tx.session.all(session_slots.SLOTS, session_id=session_id)
    extras = [slot for slot in slots if slot.extra_no is not None]
    alive = [slot for slot in extras if slot.status != "withdrawn"]
    if any(slot.for_patient == patient.patient_id and slot.status == "held" for slot in alive):
        raise ExtraForPatientExists("已在本班次为该患者加号，请患者直接挂号。")
    if len(alive) >= session.extra_cap:
        raise ExtraCapReached(
            f"本班次加号上限 {session.extra_cap} 个，已加满；如确有需要请科主任调整上限。", cap=session.extra_cap
        )
    last = max(slots, key=lambda slot: slot.band_end)
    extra = Slot(
        slot_id=new_id(),
        campus_id=tx.campus,
        session_id=session_id,
        number=max(slot.number for slot in slots) + 1,
        band_start=last.band_start,
        band_end=max(last.band_end, session.ends_at),
        channel="window",
        status="held",
        holder=f"patient:{patient.patient_id}",
        held_until=max(last.band_end, session.ends_at),
        extra_no=max((slot.extra_no or 0 for slot in extras), default=0) + 1,
        for_patient=patient.patient_id,
    )
    tx.session.add(extra)
    record_change(tx, session, "extra", command.reason, {"extra_no": extra.extra_no, "slot": str(extra.slot_id)})
    tx.emit(SlotsAdded(session_id=session_id, clinic_id=session.clinic_id, slots=1, cause="extra"))
    tx.audit("session.extra_added", "session", session_id, patient_id=patient.patient_id)
    return extra


def set_extra_cap(tx: Tx, session_id: UUID, command: ExtraCap) -> tuple[Session, int]:
    """The head of department sets how many extra numbers a session may have."""
    session = locked(tx, session_id, command.version)
    changed = tx.session.one(plans.CHANGE_SESSION, id_=session_id, cap=command.cap)
    detail = {"from": session.extra_cap, "to": command.cap}
    record_change(tx, session, "extra_cap", command.reason, detail, head_by=tx.actor.subject)
    tx.audit("session.extra_cap_set", "session", session_id, cap=command.cap)
    return changed, tx.session.one(plans.COUNT_SLOTS, session_id=session_id)


def move_quota(tx: Tx, session_id: UUID, command: MoveQuota) -> tuple[int, dict[str, int]]:
    """Give unsold numbers of one channel to another, the latest ones (调配). Refuses more than are free."""
    if command.from_channel == command.to_channel:
        raise rules.PlanInvalid("转出与转入渠道相同。")
    session = locked(tx, session_id, None)
    moved = tx.session.all(
        session_slots.MOVE_QUOTA,
        id_=session_id,
        from_=command.from_channel.value,
        to=command.to_channel.value,
        now=tx.now,
        limit=command.count,
    )
    if len(moved) < command.count:
        name = rules.CHANNEL_NAMES[command.from_channel.value]
        raise QuotaTooSmall(f"“{name}”只剩 {len(moved)} 个未售的号可调，请减少数量。", free=len(moved))
    tx.emit(
        QuotaMoved(
            session_id=session_id,
            from_channel=command.from_channel.value,
            to_channel=command.to_channel.value,
            slots=len(moved),
            cause="by_hand",
        )
    )
    detail = {"from": command.from_channel.value, "to": command.to_channel.value, "slots": len(moved)}
    record_change(tx, session, "quota", command.reason, detail)
    tx.audit("session.quota_moved", "session", session_id, channels=detail)
    totals = Counter(
        slot.channel for slot in tx.session.all(session_slots.SLOTS, session_id=session_id) if slot.extra_no is None
    )
    return len(moved), dict(totals)


def release_by_hand(tx: Tx, session_id: UUID, command: ReleaseByHand) -> int:
    """Put numbers kept back for a person's hand on sale (手工放号): so many, or all of them."""
    session = locked(tx, session_id, None)
    slots = tx.session.all(session_slots.RELEASE_WITHHELD, id_=session_id, limit=command.count or 500)
    if len(slots) < (command.count or 1):
        raise QuotaTooSmall(f"该班次待手工放出的号只有 {len(slots)} 个。", free=len(slots))
    left = tx.session.one(session_slots.COUNT_WITHHELD, session_id=session_id)
    if not left:
        tx.session.execute(plans.RELEASE_MANUAL, id_=session_id, now=tx.now, who=tx.actor.subject)
    tx.emit(SlotsReleased(session_id=session_id, clinic_id=session.clinic_id, slots=len(slots), cause="manual"))
    record_change(tx, session, "release", command.reason, {"slots": len(slots)})
    tx.audit("session.released", "session", session_id, slots=len(slots))
    return len(slots)


def return_rules(tx: Tx) -> list[tuple[rules.Return, bool]]:
    """Where unsold numbers of each channel go at this campus: its own rules (True) and the defaults it left alone."""
    own = {
        (row.channel, row.moment): rules.Return(row.channel, row.moment, row.minute, tuple(row.to_channels))
        for row in tx.session.all(upkeep.RETURN_RULES, campus=tx.campus)
    }
    defaults = {(rule.channel, rule.moment): rule for rule in rules.DEFAULT_RETURNS}
    return [(rule, key in own) for key, rule in sorted({**defaults, **own}.items())]


def set_return_rule(tx: Tx, channel: str, command: SetReturn) -> None:
    """Set where a channel's unsold numbers go, for a time of the day before or some minutes before the band."""
    if (command.day_before_time is None) == (command.before_band_minutes is None):
        raise rules.PlanInvalid("请填写前一日回收时刻，或时段前回收分钟数，二者填其一。")
    to = list(dict.fromkeys(one.value for one in command.to_channels))
    if channel in to:
        raise rules.PlanInvalid("不能回收到本渠道。")
    if command.day_before_time is not None:
        hour, minute = (int(part) for part in command.day_before_time.split(":"))
        moment, value = "day_before", hour * 60 + minute
    else:
        moment, value = "before_band", command.before_band_minutes or 0
    tx.session.execute(upkeep.SET_RETURN, campus=tx.campus, channel_=channel, moment_=moment, minute_=value, to=to)
    tx.audit("return_rule.set", "return_rule", f"{channel}/{moment}", minute=value, to=to)
