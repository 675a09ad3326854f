"""Changing users at a shared workstation by badge and PIN (换班登录)."""

import secrets
from collections.abc import Callable
from uuid import UUID

from events.platform import AccountLocked, LoginFailed
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import queries, rules
from functions.platform.sso.models import Badge, WorkstationSession
from functions.platform.sso.problems import (
    BadgeLocked,
    BadgeNotFound,
    BadgeRefused,
    NotFromHere,
    SwitchedOff,
)
from functions.platform.sso.schemas import PENDING, IssueBadge, SwitchUser, TokensView
from functions.platform.sso.service.changing_over import change_over
from shared.command import Onward
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import SamePerson, Tx


def issue_badge(tx: Tx, staff_id: UUID, command: IssueBadge) -> Badge:
    """Give a member of staff a card with a PIN chosen in person. Raises WeakPin, BadgeTaken, BadgeHeld, SamePerson."""
    person = organisation.staff_member(tx, staff_id)
    if tx.actor.staff_id == staff_id:
        raise SamePerson("不能给本人发卡，请由其他人员办理。")
    if person.campus_id != tx.campus:
        raise BadgeNotFound("胸卡由职工所在院区发放。")
    rules.check_pin(command.pin, person.staff_no)
    salt = secrets.token_bytes(16)
    row = Badge(
        badge_id=new_id(),
        campus_id=tx.campus,
        staff_id=staff_id,
        card_hash=rules.card_hash(command.card_no),
        pin_salt=salt,
        pin_hash=rules.pin_hash(command.pin, salt),
        issued_at=tx.now,
        issued_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("badge.issued", "staff", staff_id, badge_id=str(row.badge_id))
    return row


def end_badge(tx: Tx, staff_id: UUID) -> Badge:
    """A card is lost or given back: it opens nothing from this moment. Raises BadgeNotFound."""
    row = tx.session.first(queries.END_BADGE, id_=staff_id, now=tx.now, by=tx.actor.subject)
    if row is None:
        raise BadgeNotFound("该职工没有在用胸卡。")
    tx.audit("badge.ended", "staff", staff_id, badge_id=str(row.badge_id))
    return row


def report_own_badge_lost(tx: Tx) -> Badge:
    """The holder reports the own card lost. Raises NotFromHere, BadgeNotFound."""
    if tx.actor.staff_id is None:
        raise NotFromHere("此功能由职工本人办理。")
    return end_badge(tx, tx.actor.staff_id)


def switch_user(tx: Tx, command: SwitchUser) -> Onward[TokensView]:
    """Change the user of a shared workstation: the one before is signed out, the new one's session is opened.

    A failure counts although it is refused. Raises NotFromHere, SwitchedOff, BadgeRefused, BadgeLocked,
    SignOnNotAllowed, RealmOutOfReach.
    """
    if tx.actor.posts_at(tx.campus) != {"device:workstation"}:
        raise NotFromHere("胸卡登录只能在登记的共用工作站使用。")
    if not permissions.parameter(tx, "feature.badge_switch").value:
        raise SwitchedOff("胸卡换班登录未开启，请用工号和密码登录。")
    badge = tx.session.first(queries.BADGE_OF_CARD, card_hash=rules.card_hash(command.card_no))
    if badge is None:
        rules.pin_hash(command.pin, b"\0" * 16)  # an unknown card takes as long as a wrong PIN
        tx.audit("badge.unknown", "workstation", tx.actor.name)
        return Onward(PENDING, _refuse)
    if badge.locked_until is not None and badge.locked_until > tx.now:
        tx.audit("badge.locked", "staff", badge.staff_id)
        return Onward(PENDING, _locked)
    if not rules.pin_fits(command.pin, badge.pin_salt, badge.pin_hash):
        return Onward(PENDING, _failed(tx, badge))
    tx.session.execute(queries.PIN_FITTED, id_=badge.badge_id)
    return change_over(tx, badge.staff_id, "badge")


def wrong_pin(tx: Tx, badge: Badge) -> bool:
    """Count a wrong PIN; whether the card is locked by it."""
    limit = int(permissions.parameter(tx, "platform.sso.pin_failures").value)
    locks = (badge.failures + 1) % limit == 0
    until = tx.now + rules.BADGE_LOCK if locks else None
    tx.session.execute(queries.PIN_FAILED, id_=badge.badge_id, until=until)
    tx.audit("badge.failed", "staff", badge.staff_id, locked=locks)
    tx.emit(LoginFailed(account_id=badge.staff_id, way="badge", reason="locked" if locks else "wrong_pin"))
    if locks:
        tx.emit(AccountLocked(staff_id=badge.staff_id, way="badge", until=until))
    return locks


def workstation_sessions(tx: Tx, before: UUID, limit: int) -> list[WorkstationSession]:
    """Who worked at the shared workstations of the acting campus, latest first."""
    return tx.session.all(queries.WORKSTATION_SESSIONS, campus=tx.campus, before=before, limit=limit)


# -- inside


def _refuse(steps: Steps) -> TokensView:
    raise BadgeRefused("胸卡或口令不正确，请重试；胸卡遗失请联系护士长或信息科。")


def _locked(steps: Steps) -> TokensView:
    raise BadgeLocked("口令连续错误，胸卡已锁定 15 分钟；期间可用工号和密码登录。")


def _failed(tx: Tx, badge: Badge) -> Callable[[Steps], TokensView]:
    return _locked if wrong_pin(tx, badge) else _refuse
