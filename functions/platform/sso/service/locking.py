"""The locked screen (锁屏): who is in stays in, and proves it again by PIN, badge or password before work goes on.

The screen itself is the client's, who knows when a key was last touched (`lock_after_minutes` of the post, GET
/my/session) and keeps the drafts. What stands here is that nobody gets past it: `holding` says how the session's tokens
and whatever the realm renews of them are held back. PIN and badge count at the registered workstation the lock stands
at, which asks with its own sign-on; anywhere else only a new sign-on at the login page unlocks.
"""

import hmac
from collections.abc import Callable
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, queries, queries_locks, rules, rules_bounds
from functions.platform.sso.models import Badge
from functions.platform.sso.models_locks import ScreenLock
from functions.platform.sso.problems import (
    AccountShut,
    BadgeLocked,
    DeviceNotFound,
    LockExpired,
    NobodyHere,
    NotFromHere,
    NotLocked,
    RealmOutOfReach,
    UnlockRefused,
)
from functions.platform.sso.schemas import PENDING, TokensView
from functions.platform.sso.schemas_locks import LockScreen, LockView, UnlockWorkstation
from functions.platform.sso.service.admission import end_now
from functions.platform.sso.service.badges import wrong_pin
from functions.platform.sso.service.changing_over import end_former, reopening, shut_out_now
from functions.platform.sso.service.holding import ease, hold, lift, over, station_of
from shared.command import Onward
from shared.identity.realm import DeviceDeclaration
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

AT_ONCE = 100
"""Sessions ended for abandoned screens in one minute."""


def lock_screen(tx: Tx, command: LockScreen) -> LockView:
    """Lock the session one works in; locked already, it stays as it is. Raises NotFromHere, DeviceNotFound."""
    if tx.actor.staff_id is None or tx.actor.session_id is None:
        raise NotFromHere("此功能由职工本人登录后使用。")
    sid, me = tx.actor.session_id, tx.actor.staff_id
    locked = tx.session.send(queries_locks.LOCK_OF, realm_session=sid)
    at = tx.session.send(queries_locks.WORKS_IN, staff_id=me, realm_session=sid)
    found, client = locked.first(), at.first()
    if found is not None:
        return _view(found, tx.actor.name)
    if client is None and command.workstation is not None:
        client = _client(tx, command.workstation)
    station = None if client is None else station_of(client)
    return _view(_lock(tx, sid, me, command.cause, command.place, station), tx.actor.name)


def lock_workstation(tx: Tx, cause: str) -> LockView:
    """The acting workstation locks the screen of whoever is at it by badge or scan. Raises NotFromHere, NobodyHere."""
    station = _station(tx)
    locked = tx.session.send(queries_locks.LOCK_AT, workstation=station)
    here = tx.session.send(queries_locks.LOCKABLE, workstation=tx.actor.name)
    lock, session = locked.first(), here.first()
    if lock is None:
        if session is None or session.realm_session is None:
            raise NobodyHere("此工作站没有人登录，无需锁屏。")
        lock = _lock(tx, session.realm_session, session.staff_id, cause, station, station)
    return _view(lock, organisation.staff_member(tx, lock.staff_id).name)


def workstation_lock(tx: Tx) -> LockView:
    """Who is behind the locked screen of the acting workstation, since when. Raises NotFromHere, NotLocked."""
    lock = tx.session.first(queries_locks.LOCK_AT, workstation=_station(tx))
    if lock is None:
        raise NotLocked("此工作站没有锁屏。")
    return _view(lock, organisation.staff_member(tx, lock.staff_id).name)


def unlock_workstation(tx: Tx, command: UnlockWorkstation) -> Onward[TokensView]:
    """Go on at the acting workstation by PIN or badge: another session takes the place of the locked one.

    It is one of a change of user: what asks for a fresh or strong sign-on wants the password again. A wrong answer
    counts although it is refused: PINs lock the badge as everywhere, five wrong answers end the session. While the
    realm is out of reach the locked session itself goes on (`state` resumed, no tokens: those at hand open again within
    15 seconds). Raises NotFromHere, NotLocked, LockExpired, AccountShut, UnlockRefused, BadgeLocked.
    """
    station = _station(tx)
    lock = tx.session.first(queries_locks.LOCK_TO_OPEN, workstation=station)
    if lock is None:
        raise NotLocked("此工作站没有锁屏，可直接使用或换班登录。")
    _still_waits(tx, lock)
    badge = tx.session.first(queries.BADGE_OF, staff_id=lock.staff_id)
    if badge is None:
        raise UnlockRefused("锁屏的职工没有在用胸卡，请用工号和密码登录后解锁。")
    if badge.locked_until is not None and badge.locked_until > tx.now:
        tx.audit("badge.locked", "staff", badge.staff_id)
        return Onward(PENDING, _badge_locked)
    way = "pin" if command.pin is not None else "badge"
    if not _proves(command, badge):
        return Onward(PENDING, _wrong(tx, lock, badge, way))
    if way == "pin":
        tx.session.execute(queries.PIN_FITTED, id_=badge.badge_id)
    _unlocked(tx, lock, way)
    reopen = reopening(tx, lock.staff_id, lock.realm_session)

    def go_on(steps: Steps) -> TokensView:
        try:
            door = directory.Directory()
            tokens = reopen(steps, door)
        except RealmOutOfReach:
            steps.step(lambda tx: lift(tx, lock))
            return PENDING.model_copy(update={"state": "resumed", "account_id": lock.staff_id})
        steps.step(lambda tx: ease(tx, lock))
        end_former(steps, door, lock.realm_session)
        return tokens

    return Onward(PENDING, go_on)


def unlock_by_password(tx: Tx, lock_id: UUID) -> Onward[LockView]:
    """Go on by a new sign-on at the login page, made after the lock: it takes the place of the locked session.

    To be called before coming in (`enter_session`), so that the locked session takes no room. Raises NotFromHere,
    NotLocked, LockExpired, AccountShut, UnlockRefused (no new sign-on; the locked session's own token).
    """
    if tx.actor.staff_id is None or tx.actor.session_id is None:
        raise NotFromHere("此功能由职工本人登录后使用。")
    sid, me = tx.actor.session_id, tx.actor.staff_id
    lock = tx.session.first(queries_locks.OWN_LOCK, lock_id=lock_id, staff_id=me)
    if lock is None:
        raise NotLocked("本人没有这个锁屏：已经解锁，或会话已结束。")
    _still_waits(tx, lock)
    signed_on = tx.actor.signed_on_at
    if lock.realm_session == sid or signed_on is None or signed_on < lock.locked_at.replace(microsecond=0):
        raise UnlockRefused("请先退出，再用工号和密码重新登录，然后解锁。")
    after = _unlocked(tx, lock, "password")
    tx.session.execute(queries_locks.GOES_ON_IN, who=me, former=lock.realm_session, realm=sid)
    ease(tx, lock)
    view = _view(after, tx.actor.name)

    def go_on(steps: Steps) -> LockView:
        end_former(steps, None, lock.realm_session)
        return view

    return Onward(view, go_on)


def end_abandoned(steps: Steps) -> int:
    """End the sessions whose screens have been locked for half an hour; returns how many."""
    abandoned = steps.step(
        lambda tx: tx.session.all(queries_locks.ABANDONED_LOCKS, before=tx.now - rules_bounds.LOCKED_FOR, limit=AT_ONCE)
    )
    for lock in abandoned:
        message = rules_bounds.MESSAGES["locked_too_long"]
        end_now(steps, lock.realm_session, lock.staff_id, "locked_too_long", message, lock.place)
        session = lock.realm_session
        steps.step(lambda tx, session=session: over(tx, session))  # type: ignore[misc]  # told to end before it was locked
    return len(abandoned)


# -- inside


def _lock(tx: Tx, realm_session: str, staff_id: UUID, cause: str, place: str, station: str | None) -> ScreenLock:
    if station is not None:
        tx.session.execute(queries_locks.LEAVE_WORKSTATION, station=station)
    row = ScreenLock(
        lock_id=new_id(),
        realm_session=realm_session,
        staff_id=staff_id,
        cause=cause,
        place=place,
        workstation=station,
        hold_id=hold(tx, realm_session, staff_id),
        locked_at=tx.now,
    )
    tx.session.add(row)
    tx.audit("screen.locked", "staff", staff_id, cause=cause, place=place)
    return row


def _unlocked(tx: Tx, lock: ScreenLock, way: str) -> ScreenLock:
    row = tx.session.one(queries_locks.UNLOCK, id_=lock.lock_id, now=tx.now, how=way)
    tx.audit("screen.unlocked", "staff", row.staff_id, way=way, place=row.place)
    return row


def _still_waits(tx: Tx, lock: ScreenLock) -> None:
    if tx.now - lock.locked_at >= rules_bounds.LOCKED_FOR:
        raise LockExpired(rules_bounds.MESSAGES["locked_too_long"])
    if shut_out_now(tx, lock.staff_id):
        raise AccountShut("账号已冻结或已停用，不能解锁，请联系信息科。")


def _proves(command: UnlockWorkstation, badge: Badge) -> bool:
    if command.pin is not None:
        return rules.pin_fits(command.pin, badge.pin_salt, badge.pin_hash)
    return hmac.compare_digest(rules.card_hash(command.card_no or ""), badge.card_hash)


def _wrong(tx: Tx, lock: ScreenLock, badge: Badge, way: str) -> Callable[[Steps], TokensView]:
    shut = wrong_pin(tx, badge) if way == "pin" else False
    after = tx.session.one(queries_locks.UNLOCK_FAILED, id_=lock.lock_id)
    tx.audit("screen.unlock_failed", "staff", lock.staff_id, way=way, failures=after.failures)

    def go_on(steps: Steps) -> TokensView:
        if after.failures >= rules_bounds.UNLOCK_FAILURES:
            message = rules_bounds.MESSAGES["unlock_failed"]
            end_now(steps, lock.realm_session, lock.staff_id, "unlock_failed", message, lock.place)
            raise UnlockRefused(message)
        if shut:
            return _badge_locked(steps)
        raise UnlockRefused("口令或胸卡不正确，请重试；他人使用此工作站请换班登录。连续错误 5 次会话结束。")

    return go_on


def _badge_locked(steps: Steps) -> TokensView:
    raise BadgeLocked("口令连续错误，胸卡已锁定 15 分钟；请用工号和密码登录后解锁。")


def _view(row: ScreenLock, name: str) -> LockView:
    return LockView(
        lock_id=row.lock_id,
        name=name,
        place=row.place,
        cause=row.cause,
        by_badge=row.workstation is not None,
        locked_at=row.locked_at,
        session_ends_at=row.locked_at + rules_bounds.LOCKED_FOR,
        unlocked_at=row.unlocked_at,
        way=row.way,
    )


def _station(tx: Tx) -> str:
    if tx.actor.posts_at(tx.campus) != {"device:workstation"}:
        raise NotFromHere("口令和胸卡解锁只能在登记的工作站使用，由工作站程序发起。")
    return station_of(tx.actor.name)


def _client(tx: Tx, code: str) -> str:
    row = tx.session.first(queries_locks.WORKSTATION, campus=tx.campus, code=code)
    if row is None:
        raise DeviceNotFound("本院区没有这个在用的工作站，请核对代码；不是登记的工作站请留空。")
    return DeviceDeclaration(row.code, row.campus_id, row.kind, row.title, row.generation).client_id
