"""Patients: WeChat sign-on, real-name check, persons bound to an account (就诊人)."""

from uuid import UUID

from events.platform import LoggedIn
from functions.patients.index import service as patients
from functions.platform.permissions import service as permissions
from functions.platform.sso import client, queries, rules
from functions.platform.sso.models import AccountLink
from functions.platform.sso.problems import (
    GuardianProofMissing,
    LinkNotFound,
    NoAccount,
    NotFromHere,
    RealNameMismatch,
    SelfMissing,
    SwitchedOff,
    TooManyPersons,
    WeChatOutOfReach,
)
from functions.platform.sso.schemas import PENDING, BindChild, BindSelf, LinkView, SignPatientOn, TokensView
from functions.platform.sso.service.consenting import consents_ended, owner_gone
from functions.platform.sso.service.messaging import way_failed, way_works
from functions.platform.sso.service.phones import drop_phone, follow_phone, keep_phone, opened
from functions.platform.sso.service.realm import note
from shared.command import Onward
from shared.identity.realm import PATIENT_CLIENT
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

RELATIONS = {"self": "本人", "child": "子女", "parent": "父母", "spouse": "配偶", "other": "其他亲属"}


def sign_patient_on(tx: Tx, command: SignPatientOn) -> Onward[TokensView]:
    """Sign a WeChat user on for the mini-program's gateway.

    Raises NotFromHere, SwitchedOff, WeChatCodeRefused, WeChatOutOfReach, RealmOutOfReach. The tokens are in this one
    answer; the answer kept for a repeated command has none.
    """
    if tx.actor.posts_at(tx.campus) != {"device:miniprogram"}:
        raise NotFromHere("请在小程序内登录。")
    if not permissions.parameter(tx, "feature.patient_login").value:
        raise SwitchedOff("微信登录暂未开放，请到窗口办理。")
    tx.audit("patient.signing_on", "request", tx.actor.subject)

    def go_on(steps: Steps) -> TokensView:
        account = client.WeChatLogin()
        try:
            openid = client.openid_of(command.code, account)
        except WeChatOutOfReach:
            if account.secret:  # it is set up, and does not work
                steps.step(lambda tx: way_failed(tx, "wechat"))
            raise
        account_id = steps.step(lambda tx: _recognised(tx, rules.openid_hash(account.appid, openid)))
        return opened(steps, account_id, _signed_on)

    return Onward(PENDING, go_on)


def bind_self(tx: Tx, command: BindSelf) -> LinkView:
    """Bind the account's owner after the real-name check: number, name and phone are those of the index.

    Raises RealNameMismatch, SelfBound, BoundAlready, NoAccount.
    """
    account_id = account_of_patient(tx)
    person = person_of_number(tx, command.document_no)
    if person is None or person.name != command.name or person.phone != command.phone:
        raise RealNameMismatch("证件号码、姓名、手机号与医院登记不一致，请核对；仍不一致请到窗口更正登记信息。")
    link = _bind(tx, account_id, person, "self", "real_name")
    keep_phone(tx, account_id, person.phone)
    return link


def bind_child(tx: Tx, command: BindChild) -> LinkView:
    """Bind a child of whom the account's owner is a guardian by the index, until the 18th birthday.

    Raises SelfMissing, GuardianProofMissing, RealNameMismatch, TooManyPersons, BoundAlready.
    """
    account_id = account_of_patient(tx)
    links = tx.session.all(queries.LINKS, account_id=account_id, now=tx.now)
    own = next((link for link in links if link.relation == "self"), None)
    if own is None:
        raise SelfMissing("请先完成本人实名绑定，再绑定子女。")
    limit = int(permissions.parameter(tx, "platform.sso.persons_per_wechat").value)
    if len(links) >= limit:
        raise TooManyPersons(f"一个微信最多绑定 {limit} 名就诊人，请先解除不再需要的绑定。")
    child = person_of_number(tx, command.document_no)
    if child is None or child.name != command.name:
        raise RealNameMismatch("证件号码、姓名与医院登记不一致，请核对；仍不一致请到窗口更正登记信息。")
    owner = patients.resolve(tx, [own.patient_id]).get(own.patient_id, own.patient_id)
    named = [one.related_patient_id for one in patients.guardians(tx, child.patient_id) if one.related_patient_id]
    if owner not in patients.resolve(tx, named).values():
        raise GuardianProofMissing("医院没有登记您是该儿童的监护人。请带户口本或出生医学证明到窗口登记后再绑定。")
    return _bind(tx, account_id, child, "child", "guardian")


def my_persons(tx: Tx) -> list[LinkView]:
    """Persons bound to the account, the owner first."""
    rows = tx.session.all(queries.LINKS, account_id=account_of_patient(tx), now=tx.now)
    return sorted((_view(tx, row) for row in rows), key=lambda one: (one.relation != "self", one.link_id))


def end_link(tx: Tx, link_id: UUID, reason: str) -> None:
    """Unbind a person; the tokens at hand are refused within a minute. Raises LinkNotFound."""
    account_id = account_of_patient(tx)
    row = tx.session.first(queries.END_LINK, id_=link_id, account=account_id, now=tx.now, why=reason)
    if row is None:
        raise LinkNotFound("没有这个绑定，请刷新后核对。")
    tx.audit("person.unbound", "patient_account", account_id, patient_id=row.patient_id)
    note(tx, "patient", account_id, "unbound")
    consents_ended(tx, [row], reason)
    if row.relation == "self":
        drop_phone(tx, account_id)
        owner_gone(tx, account_id)


def follow_merge(tx: Tx, patient_ids: list[UUID]) -> None:
    """Accounts bound to any of these records must be told again whom they speak for."""
    for account_id in tx.session.all(queries.ACCOUNTS_OF, patient_ids=patient_ids):
        note(tx, "patient", account_id, "merged")


# -- inside


def _recognised(tx: Tx, openid_hash: bytes) -> UUID:
    way_works(tx, "wechat")
    return tx.session.one(queries.OPEN_ACCOUNT, account_id=new_id(), openid_hash=openid_hash, now=tx.now)


def account_of_patient(tx: Tx) -> UUID:
    """The account of the signed-on patient. Raises NotFromHere, NoAccount."""
    if tx.actor.kind != "patient":
        raise NotFromHere("此功能由患者在小程序内办理。")
    try:
        account_id = UUID(tx.actor.subject)
    except ValueError:
        account_id = UUID(int=0)
    if tx.session.first(queries.LOCK_ACCOUNT, account_id=account_id) is None:
        raise NoAccount("没有患者账号，请重新打开小程序登录。")
    return account_id


def person_of_number(tx: Tx, number: str) -> patients.PatientInfo | None:
    """Whom the hospital registered with a document."""
    found = patients.resolve_numbers(tx, [("resident_id", number.upper()), ("birth_certificate", number.upper())])
    return patients.access_patient(tx, found[0].patient_id) if found else None


def _bind(tx: Tx, account_id: UUID, person: patients.PatientInfo, relation: str, proof: str) -> LinkView:
    row = AccountLink(
        link_id=new_id(),
        account_id=account_id,
        patient_id=person.patient_id,
        relation=relation,
        proof=proof,
        bound_at=tx.now,
        until=rules.until_of_age(person.birth_date) if proof == "guardian" else None,
    )
    tx.session.add(row)
    tx.audit("person.bound", "patient_account", account_id, patient_id=person.patient_id, relation=relation)
    note(tx, "patient", account_id, "bound")
    return _shown(row, person)


def _view(tx: Tx, row: AccountLink) -> LinkView:
    return _shown(row, patients.access_patient(tx, row.patient_id))


def _shown(row: AccountLink, person: patients.PatientInfo) -> LinkView:
    return LinkView(
        link_id=row.link_id,
        patient_id=person.patient_id,
        relation=row.relation,
        relation_label=RELATIONS[row.relation],
        name=person.name,
        bound_at=row.bound_at,
        until=row.until,
    )


def _signed_on(tx: Tx, account_id: UUID) -> None:
    follow_phone(tx, account_id)
    tx.audit("patient.signed_on", "patient_account", account_id)
    tx.emit(LoggedIn(account_id=account_id, way="wechat", client=PATIENT_CLIENT))
