"""What a session's changes mean for the visits registered for it."""

from datetime import timedelta

from events.outpatient import DoctorReplaced, SessionMoved
from functions.outpatient.registration.queries import changes
from functions.outpatient.registration.service.fees import lower_fee
from shared.money import ZERO
from shared.tx import Tx


def follow_moved_session(tx: Tx, event: SessionMoved) -> None:
    """A session moves by at most 30 minutes or to another room (改时、改诊室): band and room of its visits follow.

    A longer move is a stop: `refund_stopped_session` has seen to it.
    """
    if event.rebook:
        return
    tx.session.execute(
        changes.SHIFT_OPEN,
        session=event.session_id,
        by=timedelta(minutes=event.shifted_minutes),
        room=event.room_id,
    )
    tx.audit("visits.moved", "session", event.session_id, minutes=event.shifted_minutes)


def follow_replaced_doctor(tx: Tx, event: DoctorReplaced) -> None:
    """Another doctor holds a session (替诊): the open visits are that doctor's; the patient may cancel free.

    Of a lower grade, each visit costs the new price: who paid gets the difference back by the rules of refunds the
    hospital causes, who did not owes the lower fee. A redelivery changes nothing.
    """
    visits = tx.session.all(changes.LOCK_OPEN_OF_SESSION, session_id=event.session_id)
    tx.session.execute(changes.REPLACE_DOCTOR, session=event.session_id, doctor=event.to_doctor_id)
    if event.refund_each > ZERO:
        for visit in visits:
            lower_fee(tx, visit, event.new_fee_item_code, event.new_price, event.to_doctor_id)
    tx.audit("visits.doctor_replaced", "session", event.session_id, doctor_id=str(event.to_doctor_id))
