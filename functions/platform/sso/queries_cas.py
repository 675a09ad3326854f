"""What is read, locked and changed of CAS tickets."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, case, literal, null, select, update

from functions.platform.sso.models import Partner
from functions.platform.sso.models_cas import CasSession, CasTicket
from shared.database.query import Query, among, constant

_MOMENT = CasTicket.issued_at.type
_NOW = bindparam("now", type_=_MOMENT)

PROGRAMS = Query(
    Partner,
    select(Partner)
    .where(Partner.state == constant("active"), Partner.protocol == constant("cas"), Partner.valid_to > _NOW)
    .order_by(Partner.code),
)
"""A few; the address is looked for among theirs."""
PROGRAM = Query(
    Partner,
    select(Partner).where(
        Partner.partner_id == bindparam("partner_id"), Partner.state == constant("active"), Partner.valid_to > _NOW
    ),
)
SESSION = Query(
    CasSession,
    select(CasSession).where(CasSession.cookie_hash == bindparam("cookie_hash"), CasSession.ended_at.is_(null())),
)
TICKET = Query(CasTicket, select(CasTicket).where(CasTicket.ticket_hash == bindparam("ticket_hash")).with_for_update())
"""Held while it is judged: of two programs at once one is believed."""
USE = Query(
    CasTicket,
    update(CasTicket)
    .where(CasTicket.ticket_id == bindparam("id_"), CasTicket.state == constant("issued"))
    .values(state="used", tried_at=_NOW, ticket=bindparam("text_"), sign_out="open")
    .returning(CasTicket),
)
REFUSE = Query(
    CasTicket,
    update(CasTicket)
    .where(CasTicket.ticket_id == bindparam("id_"), CasTicket.state == constant("issued"))
    .values(state="refused", tried_at=_NOW, outcome=bindparam("code_"))
    .returning(CasTicket),
)
_LATE = (
    select(CasTicket.ticket_id)
    .where(CasTicket.state == constant("issued"), CasTicket.expires_at <= _NOW)
    .order_by(CasTicket.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
LAPSE = Query(object, update(CasTicket).where(CasTicket.ticket_id.in_(_LATE)).values(state="lapsed"))

END_OF_REALM = Query(
    CasSession,
    update(CasSession)
    .where(among(CasSession.realm_session, "sessions"), CasSession.ended_at.is_(null()))
    .values(ended_at=_NOW)
    .returning(CasSession),
)
_OLD = (
    select(CasSession.session_id)
    .where(CasSession.ended_at.is_(null()), CasSession.opened_at <= bindparam("before", type_=_MOMENT))
    .order_by(CasSession.opened_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
END_OLD = Query(
    CasSession,
    update(CasSession).where(CasSession.session_id.in_(_OLD)).values(ended_at=_NOW).returning(CasSession),
)
SIGN_OUT = Query(
    UUID,
    update(CasTicket)
    .where(among(CasTicket.session_id, "sessions"), CasTicket.sign_out == constant("open"))
    .values(sign_out="due", sign_out_due=_NOW)
    .returning(CasTicket.ticket_id),
)
_TELL_NOW = (
    select(CasTicket.ticket_id)
    .where(CasTicket.sign_out == constant("due"), CasTicket.sign_out_due <= _NOW)
    .order_by(CasTicket.sign_out_due)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


class Telling(NamedTuple):
    """A program to be told that a sign-on has ended."""

    ticket_id: UUID
    ticket: str
    service: str
    address: str
    """What is registered for sign-outs; empty for the address of the ticket."""
    tries: int


TAKE_TELLINGS = Query(
    Telling,
    update(CasTicket)
    .where(CasTicket.ticket_id.in_(_TELL_NOW), Partner.partner_id == CasTicket.partner_id)
    .values(sign_out_due=bindparam("again", type_=_MOMENT), sign_out_tries=CasTicket.sign_out_tries + 1)
    .returning(
        CasTicket.ticket_id,
        CasTicket.ticket,
        CasTicket.service,
        Partner.backchannel_logout_url,
        CasTicket.sign_out_tries,
    ),
)
TOLD = Query(
    object,
    update(CasTicket)
    .where(among(CasTicket.ticket_id, "ids"), CasTicket.sign_out == constant("due"))
    .values(sign_out="told"),
)
GIVEN_UP = Query(
    object,
    update(CasTicket)
    .where(among(CasTicket.ticket_id, "ids"), CasTicket.sign_out == constant("due"))
    .values(sign_out=case((CasTicket.sign_out_tries >= bindparam("most"), literal("failed")), else_=literal("due"))),
)
TICKETS_OF = Query(
    CasTicket,
    select(CasTicket)
    .where(and_(CasTicket.partner_id == bindparam("partner_id"), CasTicket.ticket_id < bindparam("before")))
    .order_by(CasTicket.ticket_id.desc())
    .limit(bindparam("limit")),
)
