"""The own password (修改本人密码), by the rule of one's posts; and what is known of everybody's."""

import logging
from collections.abc import Iterable
from itertools import islice, product
from uuid import UUID

from events.platform import LoginFailed, SessionsEnded
from functions.organisation.structure import service as organisation
from functions.platform.sso import directory
from functions.platform.sso import queries_passwords as queries
from functions.platform.sso import rules_passwords as rules
from functions.platform.sso.problems import NotFromHere, RealmOutOfReach
from functions.platform.sso.problems_offline import WeakPassword
from functions.platform.sso.problems_passwords import PresentPasswordWrong
from functions.platform.sso.schemas_passwords import ChangePassword, PasswordChangedView
from functions.platform.sso.service.realm import asks_second_factor, note, people
from functions.platform.sso.service.sessions import refuse_before
from shared.command import Onward
from shared.identity.posts import POSTS
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.identity")

_READINGS = 32
"""Ways to read a name that are looked for."""


def change_password(tx: Tx, command: ChangePassword) -> Onward[PasswordChangedView]:
    """Set another password for oneself; every session ends, this one too.

    The present one is asked of the realm, wrong ones count towards its lock; holders of privileged posts must have
    signed on with two factors. Raises NotFromHere, FreshSignOnRequired, SecondFactorRequired, WeakPassword,
    KnownPassword, PresentPasswordWrong, RealmOutOfReach.
    """
    me = tx.actor.staff_id
    if me is None or tx.actor.session_id is None:
        raise NotFromHere("此功能由职工本人登录后使用。")
    tx.actor.require_fresh_sign_on(tx.now)
    privileged = is_privileged(held.post for held in organisation.posts_of(tx, me))
    if privileged and asks_second_factor(directory.configuration()):
        tx.actor.require_two_factors()
    least = rules.LEAST_PRIVILEGED if privileged else rules.LEAST
    rules.check_password(command.password, least, words_of(tx, me))
    if command.password == command.present:
        raise WeakPassword("新密码不能与原密码相同，请换一个。")
    username = organisation.staff_member(tx, me).staff_no.lower()
    tx.audit("password.changing", "staff", me)

    def go_on(steps: Steps) -> PasswordChangedView:
        door = directory.Directory()
        if not door.proves_password(username, command.present):
            steps.step(lambda tx: _wrong(tx, me))
            raise PresentPasswordWrong("原密码不正确，或连续输错已锁定，请核对后重试；忘记密码的请重置密码。")
        account_id = door.account_of(username)
        if account_id is None or not door.choose_password(account_id, command.password):
            raise WeakPassword("新密码不能与最近 5 次用过的相同，请换一个。")
        steps.step(lambda tx: password_changed(tx, me, least))
        tell_owner(steps, door, me)
        return PasswordChangedView(state="done")

    return Onward(PasswordChangedView(state="pending"), go_on)


def password_set(tx: Tx, staff_id: UUID, least: int) -> None:
    """Remember under which rule a password was set just now; the account is told whether it is due."""
    tx.session.execute(queries.SET, whose=staff_id, at=tx.now, at_least=least)
    note(tx, "person", staff_id, "password")


def password_changed(tx: Tx, staff_id: UUID, least: int) -> None:
    """Its owner has set another just now: every session ends."""
    password_set(tx, staff_id, least)
    refuse_before(tx, str(staff_id), "password changed")
    tx.audit("password.changed", "staff", staff_id, least=least)
    tx.emit(SessionsEnded(subject_key=str(staff_id), sessions=0, cause="password.changed"))


def tell_owner(steps: Steps, door: directory.Directory, staff_id: UUID) -> None:
    """Let the account know at once that its password is not due any more: the owner signs on again in a moment."""
    try:
        door.keep_staff(steps.step(lambda tx: people(tx, {staff_id})))
    except (RealmOutOfReach, ValueError):
        log.info("the account is told with the next minute")


def age_passwords(tx: Tx) -> None:
    """Whose password has become too old, for a privileged post or for anybody: the account is told. Run every minute at
    the head."""
    before, long_before = tx.now - rules.AGE_PRIVILEGED, tx.now - rules.AGE
    for staff_id in tx.session.all(queries.AGED, now=tx.now, before=before, long_before=long_before):
        note(tx, "person", staff_id, "password due")


def words_of(tx: Tx, staff_id: UUID) -> list[str]:
    """What must not be in somebody's password: number, name, telephone, the hospital's names, names also in pinyin."""
    from pypinyin import Style, lazy_pinyin, pinyin

    person = organisation.staff_member(tx, staff_id)
    names = [name for campus in organisation.open_campuses(tx) for name in (campus.name, campus.short_name)]
    spelt = ["".join(lazy_pinyin(name)) for name in names]
    # Surnames are read in more than one way: 覃 is Qin and Tan.
    readings = product(*pinyin(person.name, style=Style.NORMAL, heteronym=True))
    spelt += ["".join(one) for one in islice(readings, _READINGS)]
    return [person.staff_no, person.office_phone or "", person.name, *names, *spelt]


def is_privileged(posts: Iterable[str]) -> bool:
    """Whether one of these posts is privileged (特权岗位)."""
    return any(POSTS[code].privileged for code in posts if code in POSTS)


# -- inside


def _wrong(tx: Tx, staff_id: UUID) -> None:
    tx.audit("password.not_changed", "staff", staff_id, cause="present")
    tx.emit(LoginFailed(account_id=staff_id, way="password_change", reason="password"))
