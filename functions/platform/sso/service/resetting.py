"""A forgotten password, set anew by its owner with the dynamic password of the bound telephone (自助重置密码)."""

from typing import NamedTuple
from uuid import UUID

from events.platform import LoginFailed, LoginRiskFound, SessionsEnded
from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, queries_reset, rules_passwords
from functions.platform.sso import rules_reset as rules
from functions.platform.sso.problems import NotFromHere
from functions.platform.sso.problems_offline import ResetRefused, ResetThrottled, WeakPassword
from functions.platform.sso.schemas_reset import ResetPassword, ResetView
from functions.platform.sso.service.passwords import password_set, tell_owner, words_of
from functions.platform.sso.service.sessions import refuse_before
from shared.command import Onward
from shared.identity.posts import POSTS
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

_PENDING = ResetView(state="pending")
_NOBODY = "nobody-"
"""Staff numbers have no hyphen: the realm looks for such a name as it does for any, and finds none."""


class _Owner(NamedTuple):
    staff_id: UUID
    name: str
    privileged: bool


def reset_password(tx: Tx, command: ResetPassword) -> Onward[ResetView]:
    """Set a new password at a registered workstation; every session of the person ends.

    The answer is the same for an unknown name, a wrong code, no dynamic password, a locked or disabled account, and
    takes the same way. Each try counts, by name and by workstation, before it is looked at. Raises NotFromHere,
    WeakPassword, KnownPassword, ResetThrottled, ResetRefused, RealmOutOfReach.
    """
    if tx.actor.posts_at(tx.campus) != {"device:workstation"}:
        raise NotFromHere("自助重置密码只能在登记的工作站办理；其他地方请联系安全管理员。")
    rules.check_password(command.password, command.staff_no)
    hour = rules.hour_of(tx.now)
    by_name = tx.session.one(queries_reset.COUNT, counted=rules.counted_name(command.staff_no), hour=hour)
    by_place = tx.session.one(queries_reset.COUNT, counted=f"place:{tx.actor.name}", hour=hour)
    owner = _owner(tx, command.staff_no)
    subject = str(owner.staff_id) if owner else "unknown"
    tx.audit("password.reset_tried", "staff", subject, workstation=tx.actor.name, tries=by_name)
    if by_name > rules.NAME_TRIES or by_place > rules.PLACE_TRIES:
        return Onward(_PENDING, _throttled)
    if by_name == rules.NAME_TRIES or by_place == rules.PLACE_TRIES:
        staff_id = owner.staff_id if owner else None
        tx.emit(LoginRiskFound(subject_key=tx.actor.name, staff_id=staff_id, cause="reset_guessing", score=70))
    return Onward(_PENDING, lambda steps: _go_on(steps, command, owner))


def _go_on(steps: Steps, command: ResetPassword, owner: _Owner | None) -> ResetView:
    door = directory.Directory()
    proved = door.proves_second_factor(owner.name if owner else f"{_NOBODY}{command.staff_no}", command.code)
    if not proved or owner is None:
        steps.step(lambda tx: _failed(tx, owner))
        raise ResetRefused(
            "工号或动态口令不正确，或该账号不能自助重置（未绑定动态口令、已锁定、已停用）。"
            "请等动态口令更换后重试，或联系安全管理员。"
        )
    least = rules_passwords.LEAST_PRIVILEGED if owner.privileged else rules_passwords.LEAST
    try:
        rules_passwords.check_password(command.password, least, steps.step(lambda tx: words_of(tx, owner.staff_id)))
    except WeakPassword as refusal:
        raise WeakPassword(f"{refusal.detail}并等动态口令更换后再提交。") from None
    account_id = door.account_of(owner.name)
    if account_id is None or not door.choose_password(account_id, command.password):
        steps.step(lambda tx: tx.audit("password.not_reset", "staff", owner.staff_id, cause="policy"))
        raise WeakPassword("新密码不能与最近 5 次用过的相同，请换一个，并等动态口令更换后再提交。")
    steps.step(
        lambda tx: password_reset(tx, owner.staff_id, privileged=owner.privileged, way="otp", place=tx.actor.name)
    )
    tell_owner(steps, door, owner.staff_id)
    return ResetView(state="done")


def _owner(tx: Tx, staff_no: str) -> _Owner | None:
    try:
        person = organisation.staff_by_no(tx, staff_no)
    except Problem as refusal:
        if refusal.status != 404:
            raise
        return None  # answered as anybody else who cannot
    privileged = any(
        POSTS[held.post].privileged for held in organisation.posts_of(tx, person.staff_id) if held.post in POSTS
    )
    return _Owner(person.staff_id, person.staff_no.lower(), privileged)


def _failed(tx: Tx, owner: _Owner | None) -> None:
    tx.audit("password.not_reset", "staff", owner.staff_id if owner else "unknown", cause="refused")
    if owner is not None:
        tx.emit(LoginFailed(account_id=owner.staff_id, way="reset", reason="refused"))


def password_reset(tx: Tx, staff_id: UUID, *, privileged: bool, way: str, place: str) -> None:
    """Its owner has set another without knowing the former: every session ends, and for a privileged post the others
    hear of it."""
    password_set(tx, staff_id, rules_passwords.LEAST_PRIVILEGED if privileged else rules_passwords.LEAST)
    refuse_before(tx, str(staff_id), "password reset by its owner")
    tx.audit("password.reset_by_owner", "staff", staff_id, way=way, workstation=place)
    tx.emit(SessionsEnded(subject_key=str(staff_id), sessions=0, cause="password.reset_by_owner"))
    if privileged:
        cause = "privileged_password.reset_by_owner"
        tx.emit(LoginRiskFound(subject_key=str(staff_id), staff_id=staff_id, cause=cause, score=40))


def _throttled(steps: Steps) -> ResetView:
    raise ResetThrottled("尝试次数过多，请一小时后再试，或联系安全管理员重置密码。")
