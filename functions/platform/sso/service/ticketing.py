"""Sign-on of old programs by tickets (CAS 3.0): the person signs on at the realm, the program gets a ticket for one
address, once, within seconds.

A program is a client of the realm like any other maker's; only that the realm's answer comes here, and the program is
told in its own protocol. So bounds, second factors, sign-outs and the log of sign-ons are the realm's.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from events.platform import LoginFailed, SessionsEnded
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, pages, pages_cas, queries, queries_cas
from functions.platform.sso import rules_cas as rules
from functions.platform.sso.models import Partner
from functions.platform.sso.models_cas import CasSession, CasTicket
from functions.platform.sso.problems import AccountShut, PartnerNotFound, RealmOutOfReach, SignOnNotAllowed
from functions.platform.sso.problems_cas import NotFresh, ServiceUnknown, SignOnBroken, SignOnLost
from functions.platform.sso.service.admission import refusal_now
from functions.platform.sso.service.answering import realm_answer, verified
from functions.platform.sso.service.changing_over import posts_now, shut_out_now
from functions.platform.sso.service.programs import cas_over, tell_programs
from functions.platform.sso.service.realm import note
from functions.platform.sso.service.sessions import deny_session
from functions.platform.sso.visitors import Asked, Reply
from shared.identity.posts import POSTS
from shared.identity.realm import PartnerDeclaration
from shared.ids import new_id
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.identity")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_UNKNOWN = "“{service}”没有登记接入统一身份认证，或接入已停用、已到期。请核对地址；仍不行请联系信息科。"


def cas_prefix() -> str:
    """What a program is told to call: the address of these pages."""
    return f"{directory.configuration().host_url.rstrip('/')}{rules.COOKIE_PATH}"


# -- the browser


def cas_login(steps: Steps, asked: Asked) -> Reply:
    """Send the browser to the realm's login page for a registered address. Raises ServiceUnknown."""
    service = asked.text("service")
    if not service:
        return pages.page("统一身份认证", "请从要使用的业务系统进入；登录后自动回到该系统。")
    program = steps.step(lambda tx: _program(tx, service))
    now = steps.clock()
    post = asked.text("method").upper() == "POST"
    sign_on = rules.new_sign_on(service, renew=asked.flag("renew"), gateway=asked.flag("gateway"), now=now, post=post)
    address = f"{directory.configuration().issuer}/protocol/openid-connect/auth"
    query = rules.question(sign_on, _client(program), f"{cas_prefix()}/back")
    seconds = int(rules.SIGN_ON_WITHIN.total_seconds())
    cookie = rules.set_cookie(
        rules.sign_on_cookie(sign_on.state), rules.packed(sign_on), secure=_secure(), seconds=seconds
    )
    return pages.onward(f"{address}?{query}", (cookie,))


def cas_back(steps: Steps, asked: Asked) -> Reply:
    """The realm sends the browser back: the person is known, a ticket is made and the browser goes to the program.

    Raises SignOnLost, ServiceUnknown, SignOnBroken, NotFresh, AccountShut, SignOnNotAllowed, RealmOutOfReach.
    """
    state = asked.text("state")
    name = rules.sign_on_cookie(state)
    sign_on = rules.unpacked(asked.cookies.get(name, ""))
    asked_at = datetime.fromtimestamp(sign_on.asked_at, UTC) if sign_on else None
    now = steps.clock()
    if sign_on is None or asked_at is None or sign_on.state != state or not now - asked_at < rules.SIGN_ON_WITHIN:
        raise SignOnLost("登录已超过 10 分钟，或浏览器没有保存 Cookie。请从业务系统重新进入。")
    gone = rules.set_cookie(name, "", secure=_secure(), seconds=0)
    program = steps.step(lambda tx: _program(tx, sign_on.service))
    if error := asked.text("error"):
        if sign_on.gateway and error in {"login_required", "interaction_required", "consent_required"}:
            return pages.onward(sign_on.service, (gone,))
        raise SignOnBroken("认证服务没有完成登录，请从业务系统重新进入；仍不行请联系信息科。")
    told = _claims(steps, program, sign_on, asked.text("code"))
    if sign_on.renew and told.signed_on_at < asked_at - rules.FRESH_SKEW:
        raise NotFresh("该系统要求重新输入密码，请从业务系统重新进入并输入密码。")
    if asked.denied(str(told.staff_id), told.realm_session, told.issued_at):
        raise AccountShut("账号已停用、已退出或屏幕已锁定，请重新登录或联系信息科。")
    cookie = asked.cookies.get(rules.COOKIE, "")
    issued = steps.step(lambda tx: _issue(tx, program, sign_on, told, cookie))
    if isinstance(issued, Problem):
        raise issued
    cookies = [gone]
    if issued.cookie:
        cookies.append(rules.set_cookie(rules.COOKIE, issued.cookie, secure=_secure()))
    if sign_on.post:
        return pages_cas.posted(sign_on.service, issued.ticket, tuple(cookies))
    return pages.onward(rules.with_ticket(sign_on.service, issued.ticket), tuple(cookies))


def cas_logout(steps: Steps, asked: Asked) -> Reply:
    """End the sign-on this browser has: here, at the realm and at every program (单点退出)."""
    cookie, service = asked.cookies.get(rules.COOKIE, ""), asked.text("service")
    row = steps.step(lambda tx: _leave(tx, cookie)) if cookie else None
    if row is not None:
        try:
            directory.Directory().end_session(row.realm_session)
        except RealmOutOfReach:
            steps.step(lambda tx: note(tx, "session", row.realm_session, "signed out"))
        tell_programs(steps)
    gone = (rules.set_cookie(rules.COOKIE, "", secure=_secure(), seconds=0),)
    if service and any(service in one.redirect_uris for one in steps.step(_programs)):
        return pages.onward(service, gone)
    return pages.page("已退出", "已退出统一身份认证及由此进入的各系统。共用电脑请关闭浏览器。", cookies=gone)


# -- the program


def cas_validate(steps: Steps, asked: Asked) -> rules.Person | rules.Failure:
    """Whether a ticket is good for an address: tried once, whatever the answer."""
    ticket, service = asked.text("ticket"), asked.text("service")
    return steps.step(lambda tx: _judge(tx, asked, ticket, service))


def cas_told(steps: Steps, asked: Asked) -> Reply:
    """The realm tells that a session has ended (OpenID Connect back-channel logout): programs are told in turn."""
    sid = _ended_session(asked.text("logout_token"))
    if sid is None:
        return Reply(400, '{"error":"invalid_request"}', "application/json")
    if steps.step(lambda tx: cas_over(tx, [sid])):
        tell_programs(steps)
    return Reply(200, "", "text/plain")


def cas_tickets(tx: Tx, partner_id: UUID, before: UUID, limit: int) -> list[CasTicket]:
    """Whom a program let in, latest first. Raises PartnerNotFound."""
    if tx.session.first(queries.PARTNER, partner_id=partner_id) is None:
        raise PartnerNotFound("没有这个第三方系统。")
    found = tx.session.all(queries_cas.TICKETS_OF, partner_id=partner_id, before=before, limit=limit)
    tx.audit("cas.tickets_read", "partner", partner_id, tickets=len(found))
    return found


# -- inside


class _Told(NamedTuple):
    """What the realm says of whoever signed on."""

    staff_id: UUID
    realm_session: str
    signed_on_at: datetime
    issued_at: int


class _Issued(NamedTuple):
    ticket: str
    cookie: str
    """Empty: the browser has it already."""


def _client(program: Partner) -> str:
    return PartnerDeclaration(program.code, program.title, ()).client_id


def _secure() -> bool:
    return directory.configuration().host_url.startswith("https:")


def _programs(tx: Tx) -> list[Partner]:
    return tx.session.all(queries_cas.PROGRAMS, now=tx.now)


def _program(tx: Tx, service: str) -> Partner:
    found = next((one for one in _programs(tx) if service in one.redirect_uris), None)
    if found is None:
        raise ServiceUnknown(_UNKNOWN.format(service=service[:120]))
    return found


def _claims(steps: Steps, program: Partner, sign_on: rules.SignOn, code: str) -> _Told:
    """Change the code for what it stands for. Raises SignOnBroken, RealmOutOfReach."""
    claims = realm_answer(_client(program), code, sign_on.verifier, f"{cas_prefix()}/back")
    try:
        if claims["nonce"] != sign_on.nonce:
            raise ValueError("nonce")
        return _Told(
            UUID(claims["sub"]),
            str(claims["sid"]),
            datetime.fromtimestamp(claims["auth_time"], UTC),
            int(claims["iat"]),
        )
    except (KeyError, TypeError, ValueError):
        raise SignOnBroken("认证服务没有确认本次登录，请从业务系统重新进入；仍不行请联系信息科。") from None


def _ended_session(token: str) -> str | None:
    claims = verified(token, None)
    events, sid = claims.get("events"), claims.get("sid")
    ours = str(claims.get("aud", "")).startswith("partner-")
    if not isinstance(events, dict) or LOGOUT_EVENT not in events or "nonce" in claims or not ours:
        return None
    return sid if isinstance(sid, str) and sid else None


def _issue(tx: Tx, program: Partner, sign_on: rules.SignOn, told: _Told, cookie: str) -> _Issued | Problem:
    """A ticket, or why not; a refusal counts, so it is raised after the commit."""
    staff_id = told.staff_id
    refusal = _unfit(tx, staff_id)
    if refusal is not None:
        tx.audit("cas.refused", "staff", staff_id, partner=program.code, code=refusal.code)
        tx.emit(LoginFailed(account_id=staff_id, way="cas", reason=refusal.code))
        return refusal
    session = tx.session.first(queries_cas.SESSION, cookie_hash=rules.digest(cookie)) if cookie else None
    fresh_cookie = ""
    if session is None or session.realm_session != told.realm_session:
        fresh_cookie = rules.new_cookie()
        session = CasSession(
            session_id=new_id(),
            cookie_hash=rules.digest(fresh_cookie),
            realm_session=told.realm_session,
            staff_id=staff_id,
            opened_at=tx.now,
        )
        tx.session.add(session)
    ticket = rules.new_ticket()
    seconds = int(permissions.parameter(tx, "platform.sso.cas_ticket_seconds").value)
    asked_at = datetime.fromtimestamp(sign_on.asked_at, UTC)
    row = CasTicket(
        ticket_id=new_id(),
        ticket_hash=rules.digest(ticket),
        session_id=session.session_id,
        partner_id=program.partner_id,
        service=sign_on.service,
        staff_id=staff_id,
        signed_on_at=told.signed_on_at,
        fresh=told.signed_on_at >= asked_at - rules.FRESH_SKEW,
        issued_at=tx.now,
        expires_at=tx.now + timedelta(seconds=seconds),
    )
    tx.session.add(row)
    tx.audit("cas.ticket_issued", "cas_ticket", row.ticket_id, partner=program.code, staff_id=str(staff_id))
    return _Issued(ticket, fresh_cookie)


def _unfit(tx: Tx, staff_id: UUID) -> Problem | None:
    """Why somebody the realm let in is not let into an old program."""
    try:
        if shut_out_now(tx, staff_id):
            return AccountShut("账号已冻结或已停用，不能登录，请联系信息科。")
    except Problem as refusal:
        if refusal.status != 404:
            raise
        return AccountShut("只有在册职工能进入该系统；应急账号和患者账号不能。")
    note_now = refusal_now(tx, posts_now(tx, staff_id))
    return SignOnNotAllowed(note_now) if note_now is not None else None


def _judge(tx: Tx, asked: Asked, ticket: str, service: str) -> rules.Person | rules.Failure:
    row = tx.session.first(queries_cas.TICKET, ticket_hash=rules.digest(ticket)) if ticket else None
    failure = _fault(tx, row, asked, ticket, service)
    if failure is None and row is not None:
        program = tx.session.first(queries_cas.PROGRAM, partner_id=row.partner_id, now=tx.now)
        if program is None:
            failure = rules.Failure("INVALID_SERVICE", "the program is no longer registered, or its term is over")
        elif _unfit(tx, row.staff_id) is not None:
            failure = rules.Failure("INVALID_TICKET", "the account is shut, or may not sign on at this hour")
        elif tx.session.first(queries_cas.USE, id_=row.ticket_id, now=tx.now, text_=ticket) is not None:
            tx.audit("cas.ticket_used", "cas_ticket", row.ticket_id, partner=program.code, staff_id=str(row.staff_id))
            return _person(tx, row, program)
    failure = failure or rules.Failure("INVALID_TICKET", "the ticket was used before")
    if row is not None:
        tx.session.first(queries_cas.REFUSE, id_=row.ticket_id, now=tx.now, code_=failure.code)
        tx.audit("cas.ticket_refused", "cas_ticket", row.ticket_id, code=failure.code, was=row.state)
    return failure


def _fault(tx: Tx, row: CasTicket | None, asked: Asked, ticket: str, service: str) -> rules.Failure | None:
    if not ticket or not service:
        return rules.Failure("INVALID_REQUEST", "'service' and 'ticket' parameters are both required")
    if asked.text("format").upper() not in {"", "XML", "JSON"}:
        return rules.Failure("INVALID_REQUEST", "'format' is XML or JSON")
    if ticket.startswith(("PT-", "PGT-")):
        return rules.Failure("INVALID_TICKET", "proxy tickets are not issued here")
    if row is None or row.state != "issued":
        return rules.Failure("INVALID_TICKET", "the ticket is unknown, or was used before")
    if row.expires_at <= tx.now:
        return rules.Failure("INVALID_TICKET", "the ticket has expired")
    if row.service != service:
        return rules.Failure("INVALID_SERVICE", "the ticket was issued for another service")
    if "pgtUrl" in asked.parameters:
        return rules.Failure("UNAUTHORIZED_SERVICE_PROXY", "no service may act for a person at another one")
    if asked.flag("renew") and not row.fresh:
        return rules.Failure("INVALID_TICKET", "the ticket did not come from an initial login and renew was set")
    return None


def _person(tx: Tx, row: CasTicket, program: Partner) -> rules.Person:
    person = organisation.staff_member(tx, row.staff_id)
    held = organisation.posts_of(tx, row.staff_id)
    wanted = rules.items(program.shared_data)
    known: dict[str, list[str]] = {"工号": [person.staff_no], "姓名": [person.name]}
    if "院区" in wanted:
        known["院区"] = sorted({one.campus_id for one in held} or {person.campus_id})
    if "科室" in wanted:
        known["科室"] = sorted({organisation.unit(tx, one.unit_id).name for one in held})
    if "岗位" in wanted:
        known["岗位"] = sorted({POSTS[one.post].title for one in held if one.post in POSTS})
    told = {rules.ITEMS[word]: known[word] for word in wanted}
    return rules.Person(person.staff_no.lower(), told, row.signed_on_at, row.fresh)


def _leave(tx: Tx, cookie: str) -> CasSession | None:
    row = tx.session.first(queries_cas.SESSION, cookie_hash=rules.digest(cookie))
    if row is None:
        return None
    cas_over(tx, [row.realm_session])
    deny_session(tx, row.realm_session, str(row.staff_id), "signed out")
    tx.audit("signed_out", "account", row.staff_id, way="cas")
    tx.emit(SessionsEnded(subject_key=str(row.staff_id), sessions=1, cause="signed_out"))
    return row
