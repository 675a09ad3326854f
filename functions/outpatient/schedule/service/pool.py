"""The number pool: the only place where a number is held, taken, confirmed or given back.

Called by registration and booking in their own transaction. What reading calls free is what a sale gets: releases and
the end of a hold are judged at the moment of the sale, no job has to come first.
"""

from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from events.outpatient import SlotsReleased
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.problems import HoldLost, PoolFrozen
from functions.outpatient.schedule.queries import availability as reading
from functions.outpatient.schedule.queries import pool as queries
from functions.outpatient.schedule.queries.availability import Offer
from functions.outpatient.schedule.queries.pool import Returned, SlotPlace, SlotTaken
from functions.patients.index import service as patients
from shared.problems import NotFound
from shared.tx import Tx

LAST_CALL = timedelta(minutes=30)
"""So long before its band a number that came back is kept for the waiting list."""
OFFERED_DAYS = 7


def take_slot(
    tx: Tx,
    session_id: UUID,
    channel: str,
    owner_id: UUID,
    *,
    owner_kind: str = "visit",
    band_start: datetime | None = None,
    patient_id: UUID | None = None,
    promised: bool = False,
) -> SlotTaken:
    """Take the earliest free number a channel may sell; it belongs to `owner_id` when the transaction commits.

    `band_start` asks for one band; with `patient_id` an extra number (加号) made for that patient goes first.
    `promised`: a patient of the session this one took the place of (`moved_from`) gets the numbers kept for them.
    Raises SessionFull, with the sessions of the same clinic that still have numbers anywhere, SessionNotOnSale or
    PoolFrozen.
    """
    if patient_id is not None:
        extra = tx.session.first(
            queries.TAKE_RESERVED,
            id_=session_id,
            patients=patients.group_ids(tx, patient_id),
            now=tx.now,
            kind=owner_kind,
            owner=owner_id,
        )
        if extra is not None:
            return extra
    wanted = {**_wanted(tx, session_id, channel, band_start), "kind": owner_kind, "owner": owner_id}
    free, contested = (
        (queries.TAKE_PROMISED, queries.TAKE_PROMISED_CONTESTED)
        if promised
        else (queries.TAKE_FREE, queries.TAKE_CONTESTED)
    )
    if promised:
        del wanted["last_call"]
    slot = tx.session.first(free, **wanted) or tx.session.first(contested, **wanted)
    if slot is None:
        _refuse_sale(tx, session_id)
    if promised:
        expect_waiting(tx, session_id, -1)
    return slot


def moved_from(tx: Tx, session_id: UUID) -> UUID | None:
    """The session this one took the place of, if any."""
    state = tx.session.first(reading.SALE_STATE, session_id=session_id)
    return None if state is None else state.moved_from


def hold_slot(
    tx: Tx,
    session_id: UUID,
    channel: str,
    holder: str,
    *,
    band_start: datetime | None = None,
    waiting: bool = False,
    lasting: timedelta = rules.HOLD,
) -> SlotTaken:
    """Hold a number while somebody pays (占号), 15 minutes; `held_until` says until when. Refuses like take_slot.

    `holder` is a hash or key of the caller's own, never a name: with it the hold is confirmed or dropped. `waiting`:
    for the first of the waiting list, who also gets the numbers kept for them.
    """
    free, contested = (
        (queries.HOLD_WAITING, queries.HOLD_WAITING_CONTESTED)
        if waiting
        else (queries.HOLD_FREE, queries.HOLD_CONTESTED)
    )
    wanted = {**_wanted(tx, session_id, channel, band_start), "by": holder, "until": tx.now + lasting}
    if waiting:
        del wanted["last_call"]
    slot = tx.session.first(free, **wanted) or tx.session.first(contested, **wanted)
    if slot is None:
        _refuse_sale(tx, session_id)
    return slot


def confirm_slot(tx: Tx, slot_id: UUID, holder: str, owner_id: UUID, *, owner_kind: str = "booking") -> SlotTaken:
    """The number a payer held becomes theirs.

    A hold that ran out is still confirmed while nobody else has the number or waits for it; otherwise HoldLost says
    which bands of the session are free, and the caller offers them or pays back. Confirming again answers the same.
    """
    slot = tx.session.first(queries.CONFIRM, id_=slot_id, by_=holder, now=tx.now, kind=owner_kind, owner=owner_id)
    if slot is not None:
        return slot
    known = tx.session.first(queries.TAKEN_BY, slot_id=slot_id, owner=owner_id)
    if known is not None:
        return known
    where = tx.session.first(queries.SESSION_OF, slot_id=slot_id)
    bands = [] if where is None else tx.session.all(reading.BANDS_LEFT, session_id=where, **_moments(tx))
    raise HoldLost(
        "占号已超时且该号已被他人取得，请改选其他时段或办理退款。",
        session_id=str(where) if where is not None else None,
        bands=[
            {"band_start": band.band_start.isoformat(), "channel": band.channel, "remaining": band.remaining}
            for band in bands
            if band.remaining
        ],
    )


def drop_hold(tx: Tx, slot_id: UUID, holder: str) -> bool:
    """Let go of a held number; False when it is no longer held by this holder."""
    return _back(tx, tx.session.first(queries.DROP_HOLD, id_=slot_id, by_=holder, now=tx.now))


def return_slot(tx: Tx, slot_id: UUID, owner_id: UUID, *, used: bool = False) -> bool:
    """Give a number back; True when it is on sale again.

    False when nobody else may have it: its band is over (it lapses), it was an extra number (withdrawn), or it was
    withdrawn meanwhile. `used`: also a used number, for a visit that began and was released and cancelled after all.
    """
    states = ["taken", "used"] if used else ["taken"]
    return _back(tx, tx.session.first(queries.RETURN_SLOT, id_=slot_id, owner=owner_id, states=states, now=tx.now))


def hand_over_slot(tx: Tx, slot_id: UUID, from_owner: UUID, owner_id: UUID, *, owner_kind: str = "visit") -> bool:
    """A booking's number becomes its visit's (签到); False when the booking does not have it."""
    found = tx.session.first(queries.HAND_OVER, id_=slot_id, from_=from_owner, kind=owner_kind, to=owner_id)
    return found is not None


def use_slot(tx: Tx, slot_id: UUID, owner_id: UUID, doctor_id: UUID | None = None) -> bool:
    """The consultation has begun: the number is used. False when this owner does not have it.

    With its own doctor's first patient a session nobody signed on for has begun too (开诊), so that nobody who sees
    patients counts as absent.
    """
    used = tx.session.first(queries.USE_SLOT, id_=slot_id, owner=owner_id)
    begins = used is not None and used.session_status == "published" and doctor_id is not None
    if used is not None and begins and used.doctor_id in (None, doctor_id):
        from functions.outpatient.schedule.service.attendance import begin_session

        begin_session(tx, used.session_id)
    return used is not None


def slot_places(tx: Tx, slot_ids: list[UUID]) -> list[SlotPlace]:
    """When and where numbers are seen, and by whom, as their sessions stand now."""
    return tx.session.all(queries.SLOT_PLACES, slots=slot_ids)


def expect_waiting(tx: Tx, session_id: UUID, change: int) -> bool:
    """Booking tells how many more (or fewer) people wait for a session; while any do, what comes back is theirs."""
    return tx.session.first(queries.EXPECT_WAITING, id_=session_id, change=change) is not None


def offers(tx: Tx, session_id: UUID, limit: int = 5) -> list[Offer]:
    """Where the patients of a session could go: same doctor, same clinic, other campus, in that order."""
    state = tx.session.first(reading.SALE_STATE, session_id=session_id)
    if state is None:
        return []
    return tx.session.all(
        reading.OFFERS,
        standard_code=state.standard_code,
        since=max(state.day, tx.today),
        until=max(state.day, tx.today) + timedelta(days=OFFERED_DAYS),
        but=session_id,
        doctor=state.doctor_id,
        campus=tx.campus,
        limit=limit,
        **_moments(tx),
    )


def told_released(tx: Tx, found: list[Returned], cause: str) -> None:
    """Tell, session by session, of numbers that came back while people wait."""
    counts: dict[tuple[UUID, UUID], int] = {}
    for one in found:
        if one.waiting and one.status == "free":
            counts[one.session_id, one.clinic_id] = counts.get((one.session_id, one.clinic_id), 0) + 1
    for (session_id, clinic_id), slots in sorted(counts.items()):
        tx.emit(SlotsReleased(session_id=session_id, clinic_id=clinic_id, slots=slots, cause=cause))


def _back(tx: Tx, returned: Returned | None) -> bool:
    if returned is None:
        return False
    told_released(tx, [returned], "returned")
    return returned.status == "free"


def _moments(tx: Tx) -> dict[str, datetime]:
    return {"now": tx.now, "last_call": tx.now + LAST_CALL}


def _wanted(tx: Tx, session_id: UUID, channel: str, band_start: datetime | None) -> dict[str, object]:
    return {
        "session_id": session_id,
        "channels": list(rules.CHANNELS_OF.get(channel, (channel,))),
        "band": band_start,
        **_moments(tx),
    }


def _refuse_sale(tx: Tx, session_id: UUID) -> NoReturn:
    state = tx.session.first(reading.SALE_STATE, session_id=session_id)
    if state is None or state.campus_id != tx.campus:
        raise NotFound("本院区没有这个班次，请刷新后重新选择。")
    if state.status not in {"published", "open"}:
        name = rules.STATE_NAMES[state.status]
        raise rules.SessionNotOnSale(f"该班次当前为“{name}”，不能挂号，请改选其他班次。", current_status=state.status)
    if state.ends_at <= tx.now:
        raise rules.SessionNotOnSale("该班次出诊时间已过，请改选其他班次。", current_status=state.status)
    alternatives = [
        {
            "session_id": str(other.session_id),
            "campus_id": other.campus_id,
            "clinic_name": other.clinic_name,
            "day": other.day.isoformat(),
            "starts_at": other.starts_at.isoformat(),
            "remaining": other.remaining,
        }
        for other in offers(tx, session_id)
    ]
    if state.frozen:
        raise PoolFrozen(
            "该院区网络中断，当日号源仅由其窗口现场售出，请到该院区窗口或改选其他日期、院区。",
            alternatives=alternatives,
        )
    way_out = "请改选列出的其他班次或院区。" if alternatives else "近日该门诊已无余号，请改约其他日期。"
    raise rules.SessionFull(f"该班次已无余号。{way_out}", alternatives=alternatives)
