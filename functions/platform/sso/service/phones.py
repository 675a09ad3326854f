"""Patients sign on by a code sent to their phone (手机验证码登录), when WeChat does not answer.

Whether an account belongs to a phone shows in nothing: unknown phones have their code, their limits and their tries;
only the message is missing. It goes out after the answer, so the time taken says nothing either.
"""

from collections.abc import Callable
from uuid import UUID

from events.platform import LoggedIn, LoginFailed, MessageAsked
from functions.patients.index import service as patients
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, queries_phones, sms
from functions.platform.sso import rules_phones as rules
from functions.platform.sso.models_phones import AccountPhone, PhoneCode
from functions.platform.sso.problems import NotFromHere, SwitchedOff
from functions.platform.sso.problems_phones import CodeRefused, CodeTooSoon, TooManyFailures
from functions.platform.sso.schemas import PENDING, TokensView
from functions.platform.sso.schemas_phones import AskPhoneCode, PhoneCodeView, SignOnByPhone
from functions.platform.sso.service.messaging import put_out
from functions.platform.sso.service.realm import keep_patient
from shared.command import Onward
from shared.identity.realm import PATIENT_CLIENT, PATIENT_REDIRECT_URI
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

_ASKED = (
    "该手机号已完成本人绑定的，验证码已发送，5 分钟内有效。没有收到的，请用微信登录；从未绑定的，请先在微信小程序内"
    "完成本人绑定，或带身份证到窗口办理。"
)
_REFUSED = (
    "验证码不正确、已过期或已使用，或该手机号没有绑定账号。请核对或一分钟后重新获取；从未绑定的，请在微信小程序内"
    "完成本人绑定，或带身份证到窗口办理。"
)


def ask_phone_code(tx: Tx, command: AskPhoneCode) -> PhoneCodeView:
    """Have a code sent to a phone, for the mini-program's gateway: one a minute, five an hour; the one before is void.

    Raises NotFromHere, SwitchedOff, SmsOutOfReach (not set up), TooManyFailures (by address), CodeTooSoon.
    """
    _from_gateway(tx)
    key = sms.gateway().code_key
    asked_from = tx.session.one(queries_phones.COUNT, counted=f"asked:{command.address}", since=rules.minute_of(tx.now))
    if asked_from > rules.ASKED_FROM:
        raise TooManyFailures("此网络一分钟内获取验证码过多，请一分钟后再试。")
    hashed = rules.phone_hash(command.phone, key)
    make_room(tx, hashed)
    owner = tx.session.first(queries_phones.OWNER_OF_PHONE, phone_hash=hashed)
    row = PhoneCode(
        code_id=new_id(),
        purpose="sign_on",
        phone_hash=hashed,
        account_id=owner.account_id if owner else None,
        asked_at=tx.now,
        expires_at=tx.now + rules.GOOD_FOR,
    )
    tx.session.add(row)
    if owner is not None:
        put_out(tx, "sign_on", owner.patient_id, code_id=row.code_id)
    tx.audit("phone_code.asked", "phone_code", row.code_id)
    tx.emit(MessageAsked(code_id=row.code_id))
    return PhoneCodeView(
        valid_seconds=int(rules.GOOD_FOR.total_seconds()),
        wait_seconds=int(rules.APART.total_seconds()),
        message=_ASKED,
    )


def sign_on_by_phone(tx: Tx, command: SignOnByPhone) -> Onward[TokensView]:
    """Sign a patient on by the code, as WeChat does; the tokens are in this one answer.

    Raises NotFromHere, SwitchedOff, SmsOutOfReach, TooManyFailures, CodeRefused, RealmOutOfReach. A wrong code counts,
    so it is refused after the commit.
    """
    _from_gateway(tx)
    key = sms.gateway().code_key
    counted, minute = f"failed:{command.address}", rules.minute_of(tx.now)
    if (tx.session.first(queries_phones.COUNTED, counted=counted, since=minute) or 0) >= rules.FAILURES:
        raise TooManyFailures("此网络连续输错过多，请一分钟后再试，或使用微信登录。")
    hashed = rules.phone_hash(command.phone, key)
    row = tx.session.first(queries_phones.OPEN_CODE, phone_hash=hashed, since=tx.now - rules.GOOD_FOR, now=tx.now)
    if row is None or not rules.fits(command.code, row.code_id, key):
        return _wrong(tx, row, counted)
    tx.session.first(queries_phones.USE_CODE, id_=row.code_id, now=tx.now)
    account_id = _still_theirs(tx, hashed, row, command.phone)
    if account_id is None:
        return _wrong(tx, row, counted)
    tx.session.execute(queries_phones.SEEN, of_account=account_id, now=tx.now)
    tx.audit("patient.signing_on", "patient_account", account_id, way="phone")

    return Onward(PENDING, lambda steps: opened(steps, account_id, _signed_on))


def opened(steps: Steps, account_id: UUID, signed_on: Callable[[Tx, UUID], None]) -> TokensView:
    """A session of a patient's account, whichever way it was recognised; `signed_on` books it."""
    door = directory.Directory()
    keep_patient(steps, door, account_id)
    session = door.open_session(str(account_id), PATIENT_CLIENT, PATIENT_REDIRECT_URI)
    steps.step(lambda tx: signed_on(tx, account_id))
    return TokensView(
        state="done",
        account_id=account_id,
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        expires_in=session.expires_in,
    )


def make_room(tx: Tx, hashed: bytes) -> None:
    """One code a minute, five an hour; whatever was sent before is void. Raises CodeTooSoon."""
    tx.session.one(queries_phones.COUNT, counted=f"phone:{hashed.hex()}", since=rules.EVER)  # one at a time
    asked = tx.session.all(queries_phones.ASKED, phone_hash=hashed, since=tx.now - rules.AN_HOUR, limit=rules.AT_MOST)
    if asked and asked[0] > tx.now - rules.APART:
        raise CodeTooSoon("一分钟内只能获取一次验证码，请稍候再试。")
    if len(asked) >= rules.AT_MOST:
        raise CodeTooSoon("一小时内最多获取 5 次验证码，请稍后再试，或使用微信登录、到窗口办理。")
    tx.session.execute(queries_phones.VOID, of_phone=hashed, since=tx.now - rules.GOOD_FOR)


def keep_phone(tx: Tx, account_id: UUID, phone: str | None) -> None:
    """The phone an account's owner is registered with signs on to it from now on, and to no other account: a number
    given to somebody else by its operator goes with whom the hospital registers it for."""
    at = sms.SmsGateway()
    if not phone or not at.is_on:
        return
    hashed = rules.phone_hash(phone, at.code_key)
    former = tx.session.all(
        queries_phones.END_PHONE, of_phone=hashed, of_account=account_id, now=tx.now, why="bound anew"
    )
    tx.session.add(AccountPhone(phone_id=new_id(), account_id=account_id, phone_hash=hashed, linked_at=tx.now))
    moved = [str(row.account_id) for row in former if row.account_id != account_id]
    tx.audit("phone.linked", "patient_account", account_id, taken_from=moved)


def follow_phone(tx: Tx, account_id: UUID) -> None:
    """The hospital may have registered another phone since the binding, or had no gateway then: seen at a sign-on by
    WeChat, so that the phone is there on the day WeChat is not."""
    at = sms.SmsGateway()
    if not at.is_on:
        return
    owner = tx.session.first(queries_phones.OWNER, account_id=account_id)
    phone = patients.access_patient(tx, owner.patient_id).phone if owner is not None else None
    if owner is not None and phone and owner.phone_hash != rules.phone_hash(phone, at.code_key):
        keep_phone(tx, account_id, phone)


def drop_phone(tx: Tx, account_id: UUID) -> None:
    """An account whose owner is unbound is nobody's phone's."""
    rows = tx.session.all(
        queries_phones.END_PHONE, of_phone=b"", of_account=account_id, now=tx.now, why="owner unbound"
    )
    if rows:
        tx.audit("phone.unlinked", "patient_account", account_id)


# -- inside


def _still_theirs(tx: Tx, hashed: bytes, row: PhoneCode, phone: str) -> UUID | None:
    """The account, while its owner is still registered with this phone."""
    owner = tx.session.first(queries_phones.OWNER_OF_PHONE, phone_hash=hashed)
    if owner is None or owner.account_id != row.account_id:
        return None
    if patients.access_patient(tx, owner.patient_id).phone != phone:
        drop_phone(tx, owner.account_id)
        return None
    return owner.account_id


def _wrong(tx: Tx, row: PhoneCode | None, counted: str) -> Onward[TokensView]:
    tx.session.one(queries_phones.COUNT, counted=counted, since=rules.minute_of(tx.now))
    if row is not None:
        tx.session.execute(queries_phones.TRIED, id_=row.code_id, most=rules.TRIES)
        tx.audit("phone_code.refused", "phone_code", row.code_id)
        if row.account_id is not None:
            tx.emit(LoginFailed(account_id=row.account_id, way="phone", reason="code"))
    return Onward(PENDING, _refuse)


def _refuse(steps: Steps) -> TokensView:
    raise CodeRefused(_REFUSED)


def _signed_on(tx: Tx, account_id: UUID) -> None:
    tx.audit("patient.signed_on", "patient_account", account_id, way="phone")
    tx.emit(LoggedIn(account_id=account_id, way="phone", client=PATIENT_CLIENT))


def _from_gateway(tx: Tx) -> None:
    if tx.actor.posts_at(tx.campus) != {"device:miniprogram"}:
        raise NotFromHere("请在小程序内登录。")
    if not permissions.parameter(tx, "feature.patient_login").value:
        raise SwitchedOff("患者登录暂未开放，请到窗口办理。")
