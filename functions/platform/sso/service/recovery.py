"""Somebody who cannot get in: new here, password forgotten, locked out, telephone lost. Never done for oneself."""

import secrets
from collections.abc import Callable
from uuid import UUID

from events.platform import LoginRiskFound, SessionsEnded
from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, rules_passwords
from functions.platform.sso.problems import AccountNotHere
from functions.platform.sso.schemas import RecoveryView
from functions.platform.sso.service.passwords import is_privileged, password_set
from functions.platform.sso.service.sessions import refuse_before
from shared.command import Onward
from shared.tx import SamePerson, Tx

_EASY = "abcdefghjkmnpqrstuvwxyz"
"""Letters nobody takes for another on paper."""
_DIGITS = "23456789"


def give_password(tx: Tx, staff_id: UUID, reason: str) -> Onward[RecoveryView]:
    """A first or new password for one sign-on, in this one answer; sessions end, a lock is taken off.

    Raises SamePerson, AccountNotHere, StaffNotFound, RealmOutOfReach.
    """
    return _recover(tx, staff_id, "password.given", reason, _giving(tx, staff_id, first_password()))


def unlock_account(tx: Tx, staff_id: UUID, reason: str) -> Onward[RecoveryView]:
    """Let somebody try again whom five wrong passwords locked out. Raises as `give_password`."""
    return _recover(tx, staff_id, "account.unlocked", reason, lambda door, account: (None, int(door.unlock(account))))


def forget_second_factor(tx: Tx, staff_id: UUID, reason: str) -> Onward[RecoveryView]:
    """The telephone with the dynamic password is lost: the next sign-on binds another. Raises as `give_password`."""
    return _recover(
        tx, staff_id, "second_factor.reset", reason, lambda door, account: (None, door.forget_second_factor(account))
    )


def first_password() -> str:
    """Such as `Kqm7-x3hp-9wtd`: typed once from a sealed slip, some 2^55 of them."""

    def group(letters: int, digits: int) -> str:
        drawn = [secrets.choice(_EASY) for _ in range(letters)] + [secrets.choice(_DIGITS) for _ in range(digits)]
        secrets.SystemRandom().shuffle(drawn)
        return "".join(drawn)

    return f"{secrets.choice(_EASY).upper()}{group(3, 0)}-{group(2, 2)}-{group(2, 2)}"


def giving_password(tx: Tx, staff_id: UUID, act: str, reason: str, password: str) -> Callable[[], RecoveryView]:
    """What `give_password` does, with this password, to be run after the commit. Raises as it."""
    return _prepared(tx, staff_id, act, reason, _giving(tx, staff_id, password))[1]


# -- inside


def _giving(tx: Tx, staff_id: UUID, password: str) -> Callable[[directory.Directory, str], tuple[str | None, int]]:
    """Its owner sets another by `change_password` or at our page: the realm's own would know no names."""
    password_set(tx, staff_id, rules_passwords.GIVEN)

    def do(door: directory.Directory, account_id: str) -> tuple[str | None, int]:
        door.give_password(account_id, password)
        return password, 0

    return do


def _recover(
    tx: Tx, staff_id: UUID, act: str, reason: str, do: Callable[[directory.Directory, str], tuple[str | None, int]]
) -> Onward[RecoveryView]:
    answer, act_now = _prepared(tx, staff_id, act, reason, do)
    return Onward(answer, lambda steps: act_now())


def _prepared(
    tx: Tx, staff_id: UUID, act: str, reason: str, do: Callable[[directory.Directory, str], tuple[str | None, int]]
) -> tuple[RecoveryView, Callable[[], RecoveryView]]:
    person = organisation.staff_member(tx, staff_id)
    if tx.actor.staff_id == staff_id:
        raise SamePerson("不能为本人办理，请由另一名安全管理员办理。")
    if person.campus_id != tx.campus or person.status != "active":
        raise AccountNotHere("账号由职工所在院区办理；离职、停职的职工没有可用账号。")
    answer = RecoveryView(staff_id=staff_id, username=person.staff_no.lower(), password=None, found=0)
    tx.audit(act, "staff", staff_id, reason=reason)
    if act != "account.unlocked":
        refuse_before(tx, str(staff_id), act)
        tx.emit(SessionsEnded(subject_key=str(staff_id), sessions=0, cause=act))
    if is_privileged(held.post for held in organisation.posts_of(tx, staff_id)):
        # One administrator letting himself in as another is what the others must hear of.
        tx.emit(LoginRiskFound(subject_key=str(staff_id), staff_id=staff_id, cause=f"privileged_{act}", score=60))

    def act_now() -> RecoveryView:
        door = directory.Directory()
        account_id = door.account_of(person.staff_no)
        if account_id is None:
            raise AccountNotHere("认证服务还没有这个账号，请稍后再试。")
        password, found = do(door, account_id)
        return answer.model_copy(update={"password": password, "found": found})

    return answer, act_now
