"""What a session's changes mean for the visits registered for it.

What holds now is asked of the number pool instead of reckoned from the event: a visit registered between the change and
its telling has the new time already, and an event that comes late or twice changes nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from events.outpatient import DoctorReplaced, SessionMoved
from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.queries import changes, corrections
from functions.outpatient.registration.service.corrections import ask_corrections, settle
from functions.outpatient.registration.service.fees import REPLACED, fee_lines
from functions.outpatient.schedule import service as schedule
from shared.function import Onwards
from shared.money import ZERO, Money
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.outpatient.schedule.service import SlotPlace


def follow_moved_session(tx: Tx, event: SessionMoved) -> None:
    """A session moves by at most 30 minutes or to another room (改时、改诊室): its visits follow their numbers.

    A longer move is a stop: `refund_stopped_session` has seen to it.
    """
    if event.rebook:
        return
    visits = _open_visits(tx, event.session_id)
    places = _places(tx, visits)
    moved = [
        (visit, place)
        for visit in visits
        if (place := places.get(visit.slot_id)) is not None
        and (visit.band_start, visit.band_end, visit.room_id) != (place.band_start, place.band_end, place.room_id)
    ]
    if moved:
        tx.session.execute(
            changes.FOLLOW_SLOTS,
            ids=[visit.encounter_id for visit, _ in moved],
            starts=[place.band_start for _, place in moved],
            ends=[place.band_end for _, place in moved],
            rooms=[place.room_id for _, place in moved],
            until=[rules.valid_until(visit.kind, visit.registered_at, place.band_end) for visit, place in moved],
        )
    tx.audit("visits.moved", "session", event.session_id, minutes=event.shifted_minutes, count=len(moved))


def follow_replaced_doctor(tx: Tx, event: DoctorReplaced) -> Onwards | None:
    """Another doctor holds a session (替诊): the open visits are that doctor's; the patient may cancel free.

    Of a lower grade, each visit costs the new price: who paid gets the difference back by the rules of refunds the
    hospital causes, who did not owes the lower fee. A redelivery changes nothing.
    """
    visits = _open_visits(tx, event.session_id)
    if not visits:
        return None
    doctors = {place.doctor_id for place in _places(tx, visits).values()}
    doctor = doctors.pop() if len(doctors) == 1 else event.to_doctor_id
    tx.session.execute(changes.REPLACE_DOCTOR, visits=[visit.encounter_id for visit in visits], doctor=doctor)
    tx.audit("visits.doctor_replaced", "session", event.session_id, doctor_id=str(doctor), count=len(visits))
    if event.refund_each <= ZERO:
        return None
    dearer = _dearer(tx, visits, event.new_price)
    asked = ask_corrections(
        tx,
        dearer,
        "lower",
        REPLACED,
        "替诊退差价",
        price=event.new_price,
        item_code=event.new_fee_item_code,
        doctor_id=event.to_doctor_id,
    )
    return lambda steps: settle(steps, asked)


def _dearer(tx: Tx, visits: Sequence[Visit], price: Money) -> list[Visit]:
    """Visits that cost more than a price, but for those whose difference is on its way back already."""
    ids = [visit.encounter_id for visit in visits]
    lowered = set(tx.session.all(corrections.LOWERED, visits=ids, to_price=price))
    found = []
    for visit in visits:
        lines = fee_lines(tx, visit)
        waiting = visit.encounter_id in lowered and any(line.status == "refunding" for line in lines)
        if not waiting and sum((line.worth for line in lines), ZERO) > price:
            found.append(visit)
    return found


def _open_visits(tx: Tx, session_id: UUID) -> list[Visit]:
    return tx.session.all(changes.LOCK_OPEN_OF_SESSION, session_id=session_id)


def _places(tx: Tx, visits: Sequence[Visit]) -> "dict[UUID | None, SlotPlace]":
    slots = [visit.slot_id for visit in visits if visit.slot_id is not None]
    return {place.slot_id: place for place in schedule.slot_places(tx, slots)} if slots else {}
