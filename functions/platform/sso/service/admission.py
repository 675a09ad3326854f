"""Coming in after a sign-on: counted, its hour and place judged; what is one too many is told why and ended.

The realm knows nothing of posts' hours and asks nobody before it ends a session, so the product does both: at once for
a client that comes in by `enter_session`, within minutes for one that does not, from the sign-ons the realm reports.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from events.platform import LoginRiskFound, SessionsEnded
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, queries_passwords, rules_passwords
from functions.platform.sso import queries_bounds as queries
from functions.platform.sso import queries_locks as locks
from functions.platform.sso import rules_bounds as rules
from functions.platform.sso.models_limits import SessionEntry, SessionNotice, SignOnRule
from functions.platform.sso.problems import (
    NotFromHere,
    RealmOutOfReach,
    SessionLimitReached,
    SessionLocked,
    SignOnNotAllowed,
)
from functions.platform.sso.schemas_bounds import SessionStateView
from functions.platform.sso.service.bounding import settled
from functions.platform.sso.service.holding import over
from functions.platform.sso.service.realm import note
from functions.platform.sso.service.sessions import deny_session
from shared.command import Onward
from shared.identity.posts import POSTS
from shared.identity.rights import STRONG_METHODS
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.steps import Steps
from shared.tx import Tx

COLLECTED_WITHIN_MS = 5 * 60_000
"""Sign-ons collected since then are judged again each minute: a newcomer may still show the second factor or agree."""
REACHING_BACK = timedelta(days=2)
AT_ONCE = 500


class _Ending(NamedTuple):
    """A session that has to go."""

    realm_session: str
    account_id: UUID
    cause: rules.Cause
    message: str
    address: str
    ends_at: datetime


def enter_session(tx: Tx, end_others: bool) -> Onward[SessionStateView]:
    """Come in with a session the realm has opened: the clients' first call after a sign-on.

    Raises NotFromHere, SessionLocked, SignOnNotAllowed (the session ends), SessionLimitReached (others are running;
    with `end_others` the oldest of them end a minute later, told why), RealmOutOfReach.
    """
    sid, me = _own_session(tx)
    posts = _posts(tx)
    policy = rules.policy_of(posts, settled(tx))
    bounds = tx.session.all(queries.RULES)
    strong = not tx.actor.methods.isdisjoint(STRONG_METHODS)
    tx.audit("session.entering", "staff", me)
    subject, state = tx.actor.subject, _state(tx, sid, policy, posts)
    if state.locked_at is not None:
        raise SessionLocked("屏幕已锁定，请先解锁：在登记的工作站输入口令或刷本人胸卡，或重新输入工号和密码。")

    def go_on(steps: Steps) -> SessionStateView:
        door = directory.Directory()
        running = door.sessions_of(subject)
        own = next((one for one in running if one.session_id == sid), None)
        if own is None:
            raise SignOnNotAllowed("会话已结束，请重新登录。")
        ids = [one.session_id for one in running]
        entries, told = steps.step(lambda tx: _known(tx, ids))
        here = sid in entries and entries[sid].opened_here
        verdict = rules.judge(bounds, posts, steps.clock(), None if here else own.address, strong)
        if verdict is not None:
            message = rules.MESSAGES[verdict.cause].format(note=verdict.note)
            end_now(steps, sid, me, verdict.cause, message, own.address, door)
            raise SignOnNotAllowed(message, post=verdict.post)
        if sid in told:
            raise SignOnNotAllowed(told[sid].message)
        free = [one for one in running if one.session_id not in told]
        judged = [rules.Session(one.session_id, one.started_at, one.session_id in entries) for one in free]
        # Whoever is in stays in: a page loaded anew does not ask again.
        surplus = [] if sid in entries else rules.one_too_many(judged, policy, steps.clock(), keep=sid)
        if surplus and policy.beyond == "refuse":
            end_now(steps, sid, me, "refused", rules.MESSAGES["refused"], own.address, door)
            raise SessionLimitReached(rules.MESSAGES["refused"], max_sessions=policy.max_sessions, others=[])
        if surplus and policy.beyond == "confirm" and not end_others:
            others = [
                {"address": one.address, "started_at": one.started_at.astimezone(SHANGHAI).isoformat()}
                for one in free
                if one.session_id != sid
            ]
            raise SessionLimitReached(
                "您的账号已在其他电脑登录。确认结束其他会话的，请再次提交并选择“结束其他会话”；"
                "两分钟内不确认的，本次登录自动退出。",
                max_sessions=policy.max_sessions,
                others=others,
            )
        addresses = {one.session_id: one.address for one in free}
        leaving = [_displaced(one.session_id, me, addresses, own.address, steps.clock()) for one, _ in surplus]

        def book(tx: Tx) -> SessionStateView:
            _admit(tx, sid, me, own.address, strong=strong, opened_here=here)
            _raise_notices(tx, leaving)
            tx.audit("session.entered", "staff", me, displaced=len(leaving))
            return state.model_copy(update={"entered": True})

        return steps.step(book)

    return Onward(state, go_on)


def session_state(tx: Tx) -> SessionStateView:
    """The session one works in: whether it is locked or about to end, and why. Raises NotFromHere."""
    sid, _ = _own_session(tx)
    posts = _posts(tx)
    return _state(tx, sid, rules.policy_of(posts, settled(tx)), posts)


def refusal_now(tx: Tx, posts: Iterable[str]) -> str | None:
    """Why holders of these posts may not sign on at a registered workstation at this hour; None when they may."""
    bounds = tx.session.all(queries.RULES)
    verdict = rules.judge(bounds, set(posts), tx.now, None, strong=False)
    return None if verdict is None else rules.MESSAGES[verdict.cause].format(note=verdict.note)


def told_already(tx: Tx, sessions: list[str]) -> set[str]:
    """Which of these sessions are to end: they take no room any more."""
    return {row.realm_session for row in tx.session.all(queries.NOTICES, sessions=sessions)}


def admit_here(
    steps: Steps,
    door: directory.Directory,
    account_id: UUID,
    realm_session: str,
    posts: set[str],
    *,
    strong: bool = False,
) -> None:
    """A session the product opened itself at a workstation is in; the oldest others of the person make room."""
    running = door.sessions_of(str(account_id))
    address = next((one.address for one in running if one.session_id == realm_session), "")

    def book(tx: Tx) -> None:
        _admit(tx, realm_session, account_id, address, strong=strong, opened_here=True)
        _, told = _known(tx, [one.session_id for one in running])
        free = [one for one in running if one.session_id not in told]
        judged = [rules.Session(one.session_id, one.started_at, True) for one in free]
        policy = rules.policy_of(posts, settled(tx))
        addresses = {one.session_id: one.address for one in free}
        surplus = rules.one_too_many(judged, policy, tx.now, keep=realm_session)
        _raise_notices(
            tx, [_displaced(one.session_id, account_id, addresses, "共用工作站", tx.now) for one, _ in surplus]
        )

    steps.step(book)


def judge_sign_ons(steps: Steps) -> int:
    """Judge the sign-ons of the last minutes whose clients did not come in; returns how many sessions must go."""
    collected = UUID(int=max(0, (new_id().int >> 80) - COLLECTED_WITHIN_MS) << 80)
    since = steps.clock() - REACHING_BACK
    logins = steps.step(
        lambda tx: tx.session.all(queries.RECENT_LOGINS, collected_after=collected, since=since, limit=AT_ONCE)
    )
    if not logins:
        return 0
    by_account: dict[UUID, list[queries.Login]] = {}
    for login in logins:
        if (account := _uuid(login.account_id)) is not None:
            by_account.setdefault(account, []).append(login)
    look = steps.step(lambda tx: _context(tx, list(by_account)))
    door = directory.Directory()
    found = 0
    for account, theirs in by_account.items():
        posts = look.posts.get(account)
        policy = look.policy(account, posts)
        if policy is None:
            continue
        running = door.sessions_of(str(account))
        ids = [one.session_id for one in running]
        entries, told = steps.step(lambda tx, ids=ids: _known(tx, ids))  # type: ignore[misc]
        ending = [
            *_out_of_bounds(account, theirs, posts or frozenset(), look.bounds, set(ids) - told.keys(), entries, steps)
        ]
        gone = told.keys() | {one.realm_session for one in ending}
        free = {one.session_id: one for one in running if one.session_id not in gone}
        judged = [rules.Session(sid, one.started_at, sid in entries) for sid, one in free.items()]
        newest = max(theirs, key=lambda one: one.at).address or ""
        for session, cause in rules.one_too_many(judged, policy, steps.clock()):
            addresses = {sid: one.address for sid, one in free.items()}
            leaving = _displaced(session.session_id, account, addresses, newest, steps.clock())
            if cause != "displaced":
                leaving = leaving._replace(cause=cause, message=rules.MESSAGES[cause], ends_at=steps.clock())
            ending.append(leaving)
        if ending:
            steps.step(lambda tx, ending=ending: _raise_notices(tx, ending))  # type: ignore[misc]
            found += len(ending)
    return found


def carry_out(steps: Steps, door: directory.Directory | None = None) -> int:
    """End the sessions whose notice is due: tokens are refused within a minute, the realm is told now or later."""
    due = steps.step(lambda tx: tx.session.all(queries.NOTICES_DUE, now=tx.now, limit=AT_ONCE))
    for row in due:
        try:
            (door or directory.Directory()).end_session(row.realm_session)
            told = True
        except RealmOutOfReach:
            told = False
        steps.step(_ended(row, told))
    return len(due)


def end_now(
    steps: Steps,
    realm_session: str,
    account_id: UUID,
    cause: rules.Cause,
    message: str,
    address: str = "",
    door: directory.Directory | None = None,
) -> None:
    """End one session at once, with the reason on record."""
    ending = _Ending(realm_session, account_id, cause, message, address, steps.clock())
    steps.step(lambda tx: _raise_notices(tx, [ending]))
    carry_out(steps, door)


# -- inside


class _Look(NamedTuple):
    posts: dict[UUID, frozenset[str]]
    patients: frozenset[UUID]
    policies: dict[str, rules.Policy]
    bounds: list[SignOnRule]

    def policy(self, account: UUID, posts: frozenset[str] | None) -> rules.Policy | None:
        if posts is not None:
            return rules.policy_of(posts, self.policies)
        return self.policies.get("patient") if account in self.patients else None


def _context(tx: Tx, accounts: list[UUID]) -> _Look:
    bounds = tx.session.send(queries.RULES)
    patients = tx.session.send(queries.PATIENTS_AMONG, accounts=accounts)
    asked = set(accounts)
    posts = {
        one.staff_id: frozenset(code for held in one.posts.values() for code in held)
        for one in organisation.staff_accounts(tx)
        if one.staff_id in asked
    }
    return _Look(posts, frozenset(patients.all()), settled(tx), bounds.all())


def _out_of_bounds(
    account: UUID,
    logins: list[queries.Login],
    posts: frozenset[str],
    bounds: list[SignOnRule],
    running: set[str],
    entries: dict[str, SessionEntry],
    steps: Steps,
) -> Iterable[_Ending]:
    seen: set[str] = set()
    for login in logins:
        entry = entries.get(login.realm_session)
        if login.realm_session not in running or login.realm_session in seen or (entry and entry.opened_here):
            continue
        waiting = entry is None and steps.clock() - login.at < rules.CONFIRM_WITHIN
        strong = entry.strong if entry is not None else waiting
        verdict = rules.judge(bounds, posts, login.at, login.address or "", strong)
        if verdict is not None:
            seen.add(login.realm_session)
            message = rules.MESSAGES[verdict.cause].format(note=verdict.note)
            yield _Ending(login.realm_session, account, verdict.cause, message, login.address or "", steps.clock())


def _displaced(sid: str, account: UUID, addresses: dict[str, str], by: str, now: datetime) -> _Ending:
    at = f"{now.astimezone(SHANGHAI):%m-%d %H:%M}"
    message = rules.MESSAGES["displaced"].format(address=by or "地址不详", at=at)
    return _Ending(sid, account, "displaced", message, addresses.get(sid, ""), now + rules.TOLD)


def _raise_notices(tx: Tx, endings: Iterable[_Ending]) -> None:
    for one in endings:
        row = tx.session.first(queries.RAISE_NOTICE, notice_id=new_id(), now=tx.now, **one._asdict())
        if row is None:
            continue
        tx.audit("session.ending", "account", row.account_id, cause=row.cause, realm_session=row.realm_session)
        if row.cause in {"wrong_hour", "wrong_place", "second_factor"}:
            tx.emit(
                LoginRiskFound(
                    subject_key=row.address or row.realm_session,
                    staff_id=row.account_id,
                    cause=f"sign_on_{row.cause}",
                    score=70,
                )
            )


def _ended(row: SessionNotice, told: bool) -> Callable[[Tx], None]:
    def book(tx: Tx) -> None:
        if tx.session.first(queries.CARRY_OUT, id_=row.notice_id, now=tx.now) is None:
            return
        deny_session(tx, row.realm_session, str(row.account_id), row.cause)
        over(tx, row.realm_session)
        if not told:
            note(tx, "session", row.realm_session, row.cause)
        tx.audit("session.ended", "account", row.account_id, cause=row.cause, realm_session=row.realm_session)
        tx.emit(SessionsEnded(subject_key=str(row.account_id), sessions=1, cause=row.cause))

    return book


def _admit(tx: Tx, sid: str, account: UUID, address: str, *, strong: bool, opened_here: bool) -> None:
    tx.session.execute(
        queries.ENTER,
        realm_session=sid,
        account_id=account,
        address=address,
        strong=strong,
        opened_here=opened_here,
        now=tx.now,
    )


def _known(tx: Tx, sessions: list[str]) -> tuple[dict[str, SessionEntry], dict[str, SessionNotice]]:
    entries = tx.session.send(queries.ENTRIES, sessions=sessions)
    notices = tx.session.send(queries.NOTICES, sessions=sessions)
    return (
        {row.realm_session: row for row in entries.all()},
        {row.realm_session: row for row in notices.all()},
    )


def _state(tx: Tx, sid: str, policy: rules.Policy, posts: frozenset[str]) -> SessionStateView:
    notice = tx.session.send(queries.NOTICE_OF, realm_session=sid)
    entries = tx.session.send(queries.ENTRIES, sessions=[sid])
    locked = tx.session.send(locks.LOCK_OF, realm_session=sid)
    password = tx.session.send(queries_passwords.STATE, whose=tx.actor.staff_id)
    minutes = permissions.parameter(tx, f"platform.sso.idle_{rules.workplace_of(posts)}").value
    ending, lock, known = notice.first(), locked.first(), password.first()
    privileged = any(POSTS[code].privileged for code in posts if code in POSTS)
    return SessionStateView(
        session_id=sid,
        entered=entries.first() is not None,
        max_sessions=policy.max_sessions,
        beyond=policy.beyond,
        lock_after_minutes=int(minutes),
        end_after_minutes=int(rules.LOCKED_FOR.total_seconds()) // 60,
        locked_at=lock.locked_at if lock is not None else None,
        ending_cause=ending.cause if ending is not None else None,
        ending_message=ending.message if ending is not None else None,
        ends_at=ending.ends_at if ending is not None else None,
        password_due=tx.actor.password_due or None,
        password_due_at=rules_passwords.due_at(privileged, None if known is None else known.set_at, tx.now),
    )


def _own_session(tx: Tx) -> tuple[str, UUID]:
    if tx.actor.staff_id is None or tx.actor.session_id is None:
        raise NotFromHere("此功能由职工本人登录后使用。")
    return tx.actor.session_id, tx.actor.staff_id


def _posts(tx: Tx) -> frozenset[str]:
    return frozenset(code for held in tx.actor.posts.values() for code in held)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
