"""One user of a shared workstation after the other, by badge or scan: one goes, the next one's session opens."""

from collections.abc import Callable
from uuid import UUID

from events.platform import LoggedIn, LoginFailed
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, queries, queries_locks
from functions.platform.sso.models import WorkstationSession
from functions.platform.sso.problems import AccountShut, BadgeRefused, RealmOutOfReach, SignOnNotAllowed
from functions.platform.sso.schemas import PENDING, TokensView
from functions.platform.sso.service.admission import admit_here, refusal_now
from functions.platform.sso.service.holding import ease, station_of
from functions.platform.sso.service.proving import Proven, prove
from functions.platform.sso.service.realm import note
from functions.platform.sso.service.sessions import deny_session
from shared.command import Onward
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

WEB_CLIENT = "his-web"


def change_over(tx: Tx, staff_id: UUID, way: str, proven: Proven | None = None) -> Onward[TokensView]:
    """Open the session of somebody who has proved to be it at the acting workstation; the one before is signed out,
    a locked screen there included.

    `way`: badge, scan, certificate; `proven`: the certificate, which counts as a factor.

    Raises AccountShut (frozen, left), SignOnNotAllowed (hours of the post), BadgeRefused (no
    account), RealmOutOfReach; the first two count, so they are raised after the commit.
    """
    if shut_out_now(tx, staff_id):
        tx.audit("user.not_switched", "staff", staff_id, workstation=tx.actor.name)
        tx.emit(LoginFailed(account_id=staff_id, way=way, reason="shut"))
        return Onward(PENDING, _shut)
    posts = posts_now(tx, staff_id)
    if (refusal := refusal_now(tx, posts)) is not None:
        tx.audit("user.not_switched", "staff", staff_id, workstation=tx.actor.name)
        tx.emit(LoginFailed(account_id=staff_id, way=way, reason="wrong_hour"))
        return Onward(PENDING, lambda steps: _not_now(refusal))
    leaving = _leave(tx)
    row = _arrive(tx, staff_id)
    tx.audit("user.switched", "staff", staff_id, workstation=tx.actor.name, way=way)
    tx.emit(LoggedIn(account_id=staff_id, way=way, client=tx.actor.name))
    opening = _opening(tx, staff_id, posts, row.session_id, proven)

    def go_on(steps: Steps) -> TokensView:
        door = directory.Directory()
        tokens = opening(steps, door)
        for session in leaving:
            end_former(steps, door, session)
        return tokens

    return Onward(PENDING, go_on)


def reopening(tx: Tx, staff_id: UUID, locked: str) -> Callable[[Steps, directory.Directory], TokensView]:
    """Open another session, outside the transaction, for whoever goes on at the acting workstation after a lock.

    Whoever is at the workstation by another session than the locked one leaves it.
    """
    here = tx.session.first(queries_locks.WORKS_HERE, workstation=tx.actor.name)
    if here is not None and here.realm_session == locked:
        return _opening(tx, staff_id, posts_now(tx, staff_id), here.session_id)
    leaving = _leave(tx)
    opening = _opening(tx, staff_id, posts_now(tx, staff_id), _arrive(tx, staff_id).session_id)

    def go_on(steps: Steps, door: directory.Directory) -> TokensView:
        tokens = opening(steps, door)
        for session in leaving:
            end_former(steps, door, session)
        return tokens

    return go_on


def shut_out_now(tx: Tx, staff_id: UUID) -> bool:
    """Whether somebody has left or is frozen: neither badge nor scan lets such a person in."""
    return staff_id in permissions.frozen(tx) or organisation.staff_member(tx, staff_id).status != "active"


def posts_now(tx: Tx, staff_id: UUID) -> set[str]:
    """Codes of the posts somebody holds now."""
    return {held.post for held in organisation.posts_of(tx, staff_id)}


def end_former(steps: Steps, door: directory.Directory | None, realm_session: str) -> None:
    """End a session whose tokens are refused already; while the realm is out of reach, as soon as it can be told."""
    try:
        (door or directory.Directory()).end_session(realm_session)
    except RealmOutOfReach:
        steps.step(lambda tx: note(tx, "session", realm_session, "switched"))


# -- inside


def _leave(tx: Tx) -> list[str]:
    """Whoever is at the acting workstation goes, and so does a screen locked there; the sessions to end."""
    leaving = []
    former = tx.session.first(queries.END_WORKSTATION_SESSION, station=tx.actor.name, now=tx.now, why="switched")
    if former is not None and former.realm_session is not None:
        deny_session(tx, former.realm_session, str(former.staff_id), "switched")
        leaving.append(former.realm_session)
    lock = tx.session.first(queries_locks.END_LOCK_AT, station=station_of(tx.actor.name), now=tx.now)
    if lock is not None:
        ease(tx, lock)
        if lock.realm_session not in leaving:
            leaving.append(lock.realm_session)
    return leaving


def _arrive(tx: Tx, staff_id: UUID) -> WorkstationSession:
    row = WorkstationSession(
        session_id=new_id(),
        campus_id=tx.campus,
        workstation=tx.actor.name,
        staff_id=staff_id,
        realm_session=None,
        opened_at=tx.now,
    )
    tx.session.add(row)
    return row


def _opening(
    tx: Tx, staff_id: UUID, posts: set[str], session_id: UUID, proven: Proven | None = None
) -> Callable[[Steps, directory.Directory], TokensView]:
    person = organisation.staff_member(tx, staff_id)

    def open_session(steps: Steps, door: directory.Directory) -> TokensView:
        account_id = door.account_of(person.staff_no)
        if account_id is None:
            raise BadgeRefused("认证服务没有该职工的在用账号，请联系信息科。")

        def before_tokens(sid: str) -> None:
            if proven is not None:
                prove(steps, door, staff_id, account_id, sid, proven)

        session = door.open_session(account_id, WEB_CLIENT, f"{directory.configuration().host_url}/", before_tokens)
        steps.step(lambda tx: tx.session.execute(queries.OPENED_AT_REALM, id_=session_id, realm=session.session_id))
        admit_here(steps, door, staff_id, session.session_id, posts, strong=proven is not None)
        return TokensView(
            state="done",
            account_id=staff_id,
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_in=session.expires_in,
        )

    return open_session


def _shut(steps: Steps) -> TokensView:
    raise AccountShut("账号已冻结或已停用，不能登录，请联系信息科。")


def _not_now(refusal: str) -> TokensView:
    raise SignOnNotAllowed(refusal)
