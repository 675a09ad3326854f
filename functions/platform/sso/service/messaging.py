"""Text messages to phones the hospital registered (短信), sent after the commit that decided them; and the alarm when
a way patients sign on by does not work."""

import logging
from collections.abc import Callable
from datetime import timedelta
from secrets import token_hex
from typing import Literal
from uuid import UUID

from events.platform import MessageAsked, SignOnWayFailed, SignOnWayRestored
from functions.patients.index import service as patients
from functions.platform.sso import client, queries_phones, sms
from functions.platform.sso import rules_phones as rules
from functions.platform.sso.models_phones import TextMessage, WayOutage
from functions.platform.sso.problems_phones import SmsOutOfReach
from functions.platform.sso.schemas_phones import WayOutageView
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.identity")
Way = Literal["wechat", "sms"]
WAYS: dict[str, str] = {"wechat": "微信登录", "sms": "短信"}
AT_ONCE = 50
KEPT_DUE = timedelta(days=1)
"""A notice may still go out the next day; a code is over in minutes."""


def put_out(tx: Tx, kind: str, patient_id: UUID, *, code_id: UUID | None = None, asker_id: UUID | None = None) -> None:
    """Have a message sent to the phone a person is registered with."""
    row = TextMessage(
        message_id=new_id(),
        kind=kind,
        patient_id=patient_id,
        code_id=code_id,
        asker_id=asker_id,
        due_at=tx.now,
        until=tx.now + (rules.GOOD_FOR if code_id is not None else KEPT_DUE),
    )
    tx.session.add(row)


def message_asked(tx: Tx, event: MessageAsked) -> Callable[[Steps], None]:
    """A message may be due: send what is."""
    return send_messages


def send_messages(steps: Steps) -> None:
    """Send what is due. One that did not go out is tried again, three times in all while it still helps."""
    try:
        at = sms.gateway()
    except SmsOutOfReach:
        return
    taken = steps.step(
        lambda tx: tx.session.all(queries_phones.TAKE, now=tx.now, again=tx.now + rules.SEND_AGAIN, limit=AT_ONCE)
    )
    for row in taken:
        _send(steps, at, row)


def way_failed(tx: Tx, way: Way) -> None:
    """A way did not work; the third time in a row somebody is called, once."""
    row = tx.session.one(queries_phones.FAILED, outage_id=new_id(), way=way, now=tx.now)
    if row.failures < rules.ALARM_AFTER or row.alarmed_at is not None:
        return
    if tx.session.first(queries_phones.ALARM, id_=row.outage_id, now=tx.now) is not None:
        tx.audit("way.failed", "sign_on_way", way, failures=row.failures)
        tx.emit(SignOnWayFailed(way=way, since=row.since, failures=row.failures))


def way_works(tx: Tx, way: Way) -> None:
    """A way has just worked: an outage of it is over."""
    row = tx.session.first(queries_phones.WORKS, of_way=way, now=tx.now)
    if row is not None and row.alarmed_at is not None:
        tx.audit("way.restored", "sign_on_way", way, failures=row.failures)
        tx.emit(SignOnWayRestored(way=way, since=row.since, failures=row.failures))


def text_messages(tx: Tx, before: UUID, limit: int) -> list[TextMessage]:
    """What was to be sent, latest first."""
    found = tx.session.all(queries_phones.MESSAGES, before=before, limit=limit)
    tx.audit("text_messages.read", "campus", tx.campus, messages=len(found))
    return found


def outages(tx: Tx, before: UUID, limit: int) -> list[WayOutage]:
    """When a way did not work, latest first."""
    return tx.session.all(queries_phones.OUTAGES, before=before, limit=limit)


def outage_view(row: WayOutage) -> WayOutageView:
    """An outage in words."""
    names = [name for name in WayOutageView.model_fields if name != "way_label"]
    return WayOutageView(way_label=WAYS[row.way], **{name: getattr(row, name) for name in names})


# -- inside


def _send(steps: Steps, at: sms.SmsGateway, row: TextMessage) -> None:
    message = steps.step(lambda tx: _written(tx, at, row))
    if message is None:
        return
    try:
        receipt = sms.send(message, at, steps.clock(), token_hex(16))
    except client.NoAnswer:
        steps.step(lambda tx: _not_sent(tx, row, "no_answer", broken=True))
    except sms.NotSent as refusal:
        code, broken = refusal.code, not refusal.of_the_phone
        steps.step(lambda tx: _not_sent(tx, row, code, broken=broken))
    else:
        steps.step(lambda tx: _sent(tx, row, receipt))


def _written(tx: Tx, at: sms.SmsGateway, row: TextMessage) -> sms.Short | None:
    """The message as it goes out; None where nobody can be told any more."""
    if row.until <= tx.now:
        tx.session.execute(queries_phones.NOT_SENT, id_=row.message_id, state_="late", error_=row.error)
        return None
    phone = patients.access_patient(tx, row.patient_id).phone
    if not phone:
        tx.session.execute(queries_phones.NOT_SENT, id_=row.message_id, state_="failed", error_="no_phone")
        return None
    parameters = {}
    if row.code_id is not None:
        parameters["code"] = rules.code_of(row.code_id, at.code_key)
    if row.asker_id is not None:
        parameters["name"] = rules.masked(patients.access_patient(tx, row.asker_id).name)
    return sms.Short(phone, at.template(row.kind), parameters, row.message_id.hex)


def _sent(tx: Tx, row: TextMessage, receipt: str) -> None:
    tx.session.execute(queries_phones.SENT, id_=row.message_id, now=tx.now, receipt_=receipt[:64])
    tx.audit("text_message.sent", "text_message", row.message_id, patient_id=row.patient_id, message_kind=row.kind)
    way_works(tx, "sms")


def _not_sent(tx: Tx, row: TextMessage, code: str, *, broken: bool) -> None:
    again = broken and row.tries < rules.SEND_TRIES
    state = "due" if again else "failed"
    tx.session.execute(queries_phones.NOT_SENT, id_=row.message_id, state_=state, error_=code)
    log.warning("a message did not go out", extra={"fields": {"kind": row.kind, "code": code}})
    if broken:
        way_failed(tx, "sms")
