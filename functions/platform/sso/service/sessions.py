"""Sessions: signing out everywhere, ending other people's, what the realm reports of sign-ons."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from events.platform import AccountLocked, LoginRiskFound, SessionsEnded
from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, queries, queries_locks, queries_passwords, rules, rules_passwords
from functions.platform.sso.models import LoginEvent
from functions.platform.sso.problems import RealmOutOfReach
from functions.platform.sso.schemas import EndedView, SessionView
from functions.platform.sso.service.holding import over
from functions.platform.sso.service.programs import cas_over
from functions.platform.sso.service.realm import note
from shared.command import Onward
from shared.identity.denied import KEPT
from shared.ids import new_id
from shared.problems import Invalid
from shared.steps import Steps
from shared.tables import DeniedSubject
from shared.tx import Tx

LOOK_BACK = timedelta(minutes=10)
PAGE, PAGES = 500, 20
"""Sign-on events taken over at a time, and how often in one minute: 1,500 patients sign on in the minute in which
numbers are released, and a sign-out among them must count within that minute."""


def sign_out(tx: Tx) -> Onward[EndedView]:
    """Sign out of everything this sign-on opened (单点登出): the token at once, the other programs within seconds."""
    sid = tx.actor.session_id
    deny_session(tx, sid or "", tx.actor.subject, "signed out")
    tx.audit("signed_out", "account", tx.actor.subject)
    tx.emit(SessionsEnded(subject_key=tx.actor.subject, sessions=1, cause="signed_out"))

    def go_on(steps: Steps) -> EndedView:
        if sid is None:
            return EndedView(sessions=0, told=True)
        try:
            return EndedView(sessions=int(directory.Directory().end_session(sid)), told=True)
        except RealmOutOfReach:  # the next one at this desk must not come in by a session that was left behind
            steps.step(lambda tx: note(tx, "session", sid, "signed out"))
            return EndedView(sessions=0, told=False)

    return Onward(EndedView(sessions=0, told=False), go_on)


def end_sessions_of(tx: Tx, staff_id: UUID, reason: str) -> Onward[EndedView]:
    """End every session of a member of staff (强制下线); signing on again is possible. Raises StaffNotFound."""
    person = organisation.staff_member(tx, staff_id)
    refuse_before(tx, str(staff_id), "sessions ended")
    note(tx, "person", staff_id, "sessions ended")
    tx.audit("sessions.ended", "staff", staff_id, reason=reason)
    tx.emit(SessionsEnded(subject_key=str(staff_id), sessions=0, cause="forced"))

    def go_on(steps: Steps) -> EndedView:
        try:
            door = directory.Directory()
            account_id = door.account_of(person.staff_no)
            ended = door.end_sessions(account_id) if account_id else 0
        except RealmOutOfReach:
            steps.step(lambda tx: note(tx, "sessions", staff_id, "forced"))
            return EndedView(sessions=0, told=False)
        return EndedView(sessions=ended, told=True)

    return Onward(EndedView(sessions=0, told=False), go_on)


def end_sessions_here(tx: Tx, campus: str, reason: str) -> EndedView:
    """End every session of everybody with a post at the acting campus but one's own (全院区下线), after a break-in.

    `campus` says once more which. Tokens are refused within a minute, the realm is told in the next; signing on again
    is possible. Raises Invalid for another campus.
    """
    if campus != tx.campus:
        raise Invalid("请填写当前院区代码以确认全院区下线。", errors=[{"field": "campus", "message": "不是当前院区"}])
    people = [
        one.staff_id
        for one in organisation.staff_accounts(tx)
        if one.enabled and campus in one.posts and one.staff_id != tx.actor.staff_id
    ]
    for staff_id in people:
        refuse_before(tx, str(staff_id), "campus signed off")
        note(tx, "sessions", staff_id, "campus signed off")
    tx.audit("sessions.ended_here", "campus", campus, people=len(people), reason=reason)
    tx.emit(SessionsEnded(subject_key=campus, sessions=len(people), cause="campus"))
    return EndedView(sessions=len(people), told=False)


def sessions_of(tx: Tx, staff_id: UUID) -> Onward[list[SessionView]]:
    """The running sessions of a member of staff, as the realm knows them. Raises StaffNotFound, RealmOutOfReach."""
    person = organisation.staff_member(tx, staff_id)
    tx.audit("sessions.read", "staff", staff_id)

    def go_on(steps: Steps) -> list[SessionView]:
        door = directory.Directory()
        account_id = door.account_of(person.staff_no)
        return [
            SessionView(
                session_id=one.session_id,
                address=one.address,
                started_at=one.started_at,
                last_seen_at=one.last_seen_at,
                clients=list(one.clients),
            )
            for one in (door.sessions_of(account_id) if account_id else [])
        ]

    return Onward([], go_on)


class IdleAccount(NamedTuple):
    """Somebody who may sign on and has not for a long time."""

    staff_id: UUID
    staff_no: str
    name: str
    posts: dict[str, list[str]]
    """Campus -> post codes held now."""
    last_login: datetime | None
    """None: never, as far as sign-ons are kept."""


def idle_accounts(tx: Tx, days: int) -> list[IdleAccount]:
    """Staff of the acting campus who hold a post here and have not signed on for so many days, by staff number.

    What one of them can do is either not needed or done under somebody else's name (GB/T 22239-2019, 8.1.4.1).
    """
    people = [one for one in organisation.staff_accounts(tx) if one.enabled and tx.campus in one.posts]
    found = tx.session.all(queries.LAST_SEEN, accounts=[str(one.staff_id) for one in people])
    last = {row.account_id: row.at for row in found}
    since = tx.now - timedelta(days=days)
    idle = [one for one in people if (last[str(one.staff_id)] or datetime.min.replace(tzinfo=UTC)) <= since]
    idle.sort(key=lambda one: one.staff_no)
    tx.audit("accounts.idle_listed", "campus", tx.campus, days=days, people=len(idle))
    return [
        IdleAccount(
            one.staff_id,
            one.staff_no,
            one.name,
            {campus: sorted(posts) for campus, posts in sorted(one.posts.items())},
            last[str(one.staff_id)],
        )
        for one in idle
    ]


def login_history(tx: Tx, account_id: str, before: datetime, limit: int) -> list[LoginEvent]:
    """Successes and failures of an account, latest first."""
    return tx.session.all(queries.EVENTS_OF, account_id=account_id, before=before, limit=limit)


def deny_session(tx: Tx, sid: str, subject: str, reason: str) -> None:
    """Tokens of one session are refused by every function; without a session, all issued until now."""
    tx.session.add(
        DeniedSubject(
            denial_id=new_id(),
            subject=subject,
            login_session=sid or None,
            issued_before=None if sid else tx.now,
            reason=reason,
            expires_at=tx.now + KEPT,
        )
    )


def refuse_before(tx: Tx, subject: str, reason: str) -> None:
    """Tokens issued to somebody until now are refused by every function."""
    tx.session.add(
        DeniedSubject(
            denial_id=new_id(),
            subject=subject,
            login_session=None,
            issued_before=tx.now,
            reason=reason,
            expires_at=tx.now + KEPT,
        )
    )


def collect_events(steps: Steps) -> None:
    """Take over what the realm reports of sign-ons, and raise what looks like an attack."""
    if not directory.available():
        return
    since = steps.step(lambda tx: tx.session.first(queries.LAST_EVENT)) or steps.clock() - LOOK_BACK
    for _ in range(PAGES):
        try:
            events = directory.Directory().events(since, PAGE)
        except RealmOutOfReach:
            return
        if events:
            steps.step(lambda tx, events=events: keep_events(tx, events))  # type: ignore[misc]
        if len(events) < PAGE or events[-1].at == since:
            return
        since = events[-1].at


def keep_events(tx: Tx, events: list[directory.RealmEvent]) -> int:
    """Keep sign-on events not kept before; a session that ended at the realm is refused here too. Returns how many."""
    asked = [
        tx.session.send(
            queries.KEEP_EVENT,
            event_id=new_id(),
            realm_event_id=event.event_id,
            at=event.at,
            kind=event.kind,
            account_id=event.account_id,
            client=event.client,
            address=event.address,
            realm_session=event.session_id,
            error=event.error,
        )
        for event in events
    ]
    fresh = [event for event, kept in zip(events, asked, strict=True) if kept.first() is not None]
    for event in fresh:
        account = _uuid(event.account_id)
        if event.kind == "LOGOUT" and event.session_id and event.account_id:
            deny_session(tx, event.session_id, event.account_id, "signed out")
        elif event.kind in rules.LOCKED_KINDS and account is not None:
            tx.emit(AccountLocked(staff_id=account, way="password", until=None))
            tx.emit(LoginRiskFound(subject_key=str(account), staff_id=account, cause="locked", score=50))
        elif event.kind == "REFRESH_TOKEN_ERROR" and event.error == "invalid_token" and account is not None:
            tx.emit(LoginRiskFound(subject_key=str(account), staff_id=account, cause="refresh_token_reused", score=80))
        elif event.kind == "UPDATE_PASSWORD" and event.error is None and account is not None:
            _set_at_the_realm(tx, account, event.at)
    left = [event.session_id for event in fresh if event.kind == "LOGOUT" and event.session_id]
    if left:
        for lock in tx.session.all(queries_locks.LOCKS_OF, sessions=left):
            over(tx, lock.realm_session)
        cas_over(tx, left)
    if any(event.error for event in fresh):
        recent = tx.session.all(queries.FAILURES_SINCE, since=tx.now - rules.SPRAYING_WITHIN)
        addresses = {event.address for event in fresh if event.error}
        for address, count in rules.spraying(recent, tx.now).items():
            if address in addresses:
                tx.emit(LoginRiskFound(subject_key=address, staff_id=None, cause="spraying", score=min(100, count)))
    return len(fresh)


def _set_at_the_realm(tx: Tx, account: UUID, at: datetime) -> None:
    """Under the realm's own rule, which knows no posts: for a privileged one it may be too short."""
    set_now = tx.session.first(
        queries_passwords.SET_ELSEWHERE,
        whose=account,
        at=at,
        at_least=rules_passwords.LEAST,
        unless_since=at + rules_passwords.CLOCKS_DIFFER,
    )
    if set_now is not None:
        note(tx, "person", account, "password")


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
