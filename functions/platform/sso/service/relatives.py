"""Adult relatives (成年家属绑定): one asks in the mini-program, the adult agrees by a code sent to the phone the
hospital registered, or at the window in person, and may take it back at any time.

Whether the hospital knows the person shows in nothing the asker is told. A phone registered for both agrees to nothing:
the code would come to the asker.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from events.platform import LoginFailed, MessageAsked
from functions.patients.index import service as patients
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, queries, queries_family, queries_phones, rules, sms
from functions.platform.sso import rules_phones as codes
from functions.platform.sso.models import AccountLink
from functions.platform.sso.models_phones import FamilyRequest, PhoneCode
from functions.platform.sso.problems import (
    BoundAlready,
    LinkNotFound,
    RealmOutOfReach,
    RealNameMismatch,
    SelfMissing,
    TooManyPersons,
)
from functions.platform.sso.problems_phones import (
    CodeRefused,
    CodeTooSoon,
    FamilyNotPossible,
    FamilyRequestNotFound,
    FamilyRequestOver,
    TooManyFailures,
)
from functions.platform.sso.schemas_family import (
    AgreeAtWindow,
    AskFamily,
    EndAtWindow,
    EndedRelativeView,
    FamilyRequestView,
    FindRelatives,
    RelativeView,
)
from functions.platform.sso.service.consenting import consents_ended
from functions.platform.sso.service.messaging import put_out
from functions.platform.sso.service.patients import account_of_patient, person_of_number
from functions.platform.sso.service.phones import make_room
from functions.platform.sso.service.realm import keep_patient, note
from shared.command import Onward
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.steps import Steps
from shared.tx import Tx

OPEN_FOR = timedelta(hours=24)
TEXT_VERSION = "family-1"
"""The consent's text, as the message and the form at the window word it."""
_ASKED = (
    "申请已提交。证件号、姓名与医院登记一致，且登记了本人手机号的，验证码已发到该手机，5 分钟内有效，请本人告知后填写。"
    "没有收到的、登记手机号与您相同的，请双方带身份证在 24 小时内到窗口办理。"
)
_REFUSED = "验证码不正确、已过期或已使用。请核对，或一分钟后重新申请；也可双方带身份证到窗口办理。"
_TO_THEM = {"parent": "child", "spouse": "spouse", "other": "other_relative"}
"""What the asker is to the adult."""


class _Asker(NamedTuple):
    account_id: UUID
    person: patients.PatientInfo
    links: list[AccountLink]


def ask_family(tx: Tx, command: AskFamily) -> FamilyRequestView:
    """Ask to act for an adult relative; five times an hour at most.

    Raises NotFromHere, NoAccount, SelfMissing, TooManyPersons, FamilyNotPossible (a minor, oneself), BoundAlready,
    CodeTooSoon.
    """
    asker = _asker(tx)
    _room(tx, asker.links)
    number = command.document_no.upper()
    born = codes.born_by(number)
    if born is not None and rules.until_of_age(born) > tx.now:
        raise FamilyNotPossible("未满 18 周岁的请用“绑定子女”，由医院登记的监护人绑定。")
    earlier = tx.session.all(
        queries_family.ASKED_BY, account_id=asker.account_id, since=tx.now - codes.AN_HOUR, limit=codes.AT_MOST
    )
    if len(earlier) >= codes.AT_MOST:
        raise CodeTooSoon("一小时内最多申请 5 次，请稍后再试，或双方带身份证到窗口办理。")
    at, code_id = sms.SmsGateway(), new_id()
    hashed = codes.phone_hash(f"family:{number}", at.code_key) if at.is_on else code_id.bytes
    make_room(tx, hashed)
    found = person_of_number(tx, number)
    relative = found if found is not None and found.name == command.name else None
    if relative is not None:
        if relative.patient_id == asker.person.patient_id:
            raise FamilyNotPossible("这是您本人，无需绑定。")
        _not_bound(tx, asker.links, relative.patient_id)
        if relative.status != "active" or rules.until_of_age(relative.birth_date) > tx.now:
            relative = None
    row = FamilyRequest(
        request_id=new_id(),
        account_id=asker.account_id,
        owner_id=asker.person.patient_id,
        patient_id=relative.patient_id if relative else None,
        relation=command.relation,
        code_id=code_id,
        asked_at=tx.now,
        expires_at=tx.now + OPEN_FOR,
    )
    tx.session.add(
        PhoneCode(
            code_id=code_id,
            purpose="family",
            phone_hash=hashed,
            account_id=asker.account_id,
            asked_at=tx.now,
            expires_at=tx.now + codes.GOOD_FOR,
        ),
        row,
    )
    if relative is not None and relative.phone and relative.phone != asker.person.phone and at.is_on:
        put_out(tx, "family", relative.patient_id, code_id=code_id, asker_id=asker.person.patient_id)
    tx.audit("family.asked", "family_request", row.request_id, patient_id=row.patient_id)
    tx.emit(MessageAsked(code_id=code_id))
    return _request_view(row)


def confirm_family(tx: Tx, request_id: UUID, code: str) -> Onward[FamilyRequestView]:
    """The adult has told the asker the code: the binding stands.

    Raises NotFromHere, NoAccount, SelfMissing, FamilyRequestNotFound, FamilyRequestOver, TooManyFailures, CodeRefused
    (after the commit: a wrong code counts), TooManyPersons, BoundAlready, SmsOutOfReach.
    """
    asker = _asker(tx)
    request = tx.session.first(queries_family.REQUEST, request_id=request_id, account_id=asker.account_id)
    if request is None:
        raise FamilyRequestNotFound("没有这个申请，请刷新后核对。")
    if request.state != "asked" or request.expires_at <= tx.now:
        raise FamilyRequestOver("该申请已办理或已过期，请重新申请。")
    key, minute = sms.gateway().code_key, codes.minute_of(tx.now)
    counted = f"family:{asker.account_id}"
    if (tx.session.first(queries_phones.COUNTED, counted=counted, since=minute) or 0) >= codes.FAILURES:
        raise TooManyFailures("连续输错过多，请一分钟后再试，或双方带身份证到窗口办理。")
    row = tx.session.first(queries_phones.CODE, code_id=request.code_id, now=tx.now)
    if row is None or request.patient_id is None or not codes.fits(code, row.code_id, key):
        tx.session.one(queries_phones.COUNT, counted=counted, since=minute)
        if row is not None:
            tx.session.execute(queries_phones.TRIED, id_=row.code_id, most=codes.TRIES)
        tx.audit("family.refused", "family_request", request_id)
        tx.emit(LoginFailed(account_id=asker.account_id, way="family", reason="code"))
        return Onward(_request_view(request), _refuse)
    if not _was_sent(tx, request.code_id, request.patient_id, asker):
        return Onward(_request_view(request), _refuse)
    tx.session.first(queries_phones.USE_CODE, id_=row.code_id, now=tx.now)
    after = _bind(tx, asker, request, request.patient_id, "phone")
    return Onward(_request_view(after), lambda steps: _request_view(after))


def agree_at_window(tx: Tx, command: AgreeAtWindow) -> FamilyRequestView:
    """A registrar has seen both with their documents: the request the relative has made stands.

    Raises RealNameMismatch, FamilyRequestNotFound, TooManyPersons, BoundAlready, SelfMissing.
    """
    owner = person_of_number(tx, command.owner_document_no)
    relative = _shown_at_window(tx, command)
    if owner is None:
        raise RealNameMismatch("医院没有登记申请人的证件号，请核对证件。")
    request = tx.session.first(
        queries_family.OPEN_BETWEEN,
        relatives=list(patients.group_ids(tx, relative.patient_id)),
        owners=list(patients.group_ids(tx, owner.patient_id)),
        now=tx.now,
    )
    if request is None:
        raise FamilyRequestNotFound("24 小时内没有这两人之间的申请。请申请人先在小程序“添加家属”中提交，再到窗口确认。")
    tx.session.one(queries.LOCK_ACCOUNT, account_id=request.account_id)
    links = tx.session.all(queries.LINKS, account_id=request.account_id, now=tx.now)
    asker = _Asker(request.account_id, owner, links)
    if not any(link.relation == "self" for link in links):
        raise SelfMissing("申请人的账号已解除本人绑定，请重新绑定本人后再申请。")
    after = _bind(tx, asker, request, relative.patient_id, "window", tx.actor.subject, command.evidence)
    return _request_view(after)


def my_relatives(tx: Tx) -> list[RelativeView]:
    """Who may act for me by my consent. Raises NotFromHere, NoAccount, SelfMissing."""
    me = _asker(tx).person.patient_id
    tx.audit("relatives.read", "patient", me, patient_id=me)
    return _relatives(tx, me)


def relatives_at_window(tx: Tx, command: FindRelatives) -> list[RelativeView]:
    """The same, for the adult who stands at the window. Raises RealNameMismatch."""
    adult = _shown_at_window(tx, command).patient_id
    tx.audit("relatives.read", "patient", adult, patient_id=adult)
    return _relatives(tx, adult)


def end_relative(tx: Tx, link_id: UUID, reason: str) -> Onward[EndedRelativeView]:
    """The adult takes the consent back, at once. Raises NotFromHere, NoAccount, SelfMissing, LinkNotFound."""
    return _take_back(tx, link_id, _asker(tx).person.patient_id, reason)


def end_relative_at_window(tx: Tx, link_id: UUID, command: EndAtWindow) -> Onward[EndedRelativeView]:
    """The same at the window, for an adult without the mini-program. Raises RealNameMismatch, LinkNotFound."""
    return _take_back(tx, link_id, _shown_at_window(tx, command).patient_id, command.reason)


# -- inside


def _asker(tx: Tx) -> _Asker:
    account_id = account_of_patient(tx)
    links = tx.session.all(queries.LINKS, account_id=account_id, now=tx.now)
    own = next((link for link in links if link.relation == "self"), None)
    if own is None:
        raise SelfMissing("请先完成本人实名绑定。")
    return _Asker(account_id, patients.access_patient(tx, own.patient_id), links)


def _room(tx: Tx, links: list[AccountLink]) -> None:
    limit = int(permissions.parameter(tx, "platform.sso.persons_per_wechat").value)
    if len(links) >= limit:
        raise TooManyPersons(f"一个微信最多绑定 {limit} 名就诊人，请先解除不再需要的绑定。")


def _not_bound(tx: Tx, links: list[AccountLink], patient_id: UUID) -> None:
    bound = patients.resolve(tx, [link.patient_id for link in links])
    if patient_id in bound.values():
        raise BoundAlready("该就诊人已在您的名下，无需重复绑定。")


def _shown_at_window(tx: Tx, shown: FindRelatives | AgreeAtWindow) -> patients.PatientInfo:
    found = person_of_number(tx, shown.document_no)
    if found is None or found.name != shown.name:
        raise RealNameMismatch("证件号、姓名与医院登记不一致，请核对证件，或先更正登记信息。")
    return found


def _was_sent(tx: Tx, code_id: UUID, patient_id: UUID, asker: _Asker) -> bool:
    """Whether the code went to a phone that is still the relative's and not the asker's: digits hit upon by chance, or
    read on one's own phone, are nobody's consent."""
    phone = patients.access_patient(tx, patient_id).phone
    sent = tx.session.first(queries_phones.SENT_CODE, code_id=code_id)
    return sent is not None and bool(phone) and phone != asker.person.phone


def _bind(
    tx: Tx,
    asker: _Asker,
    request: FamilyRequest,
    patient_id: UUID,
    way: str,
    registrar: str | None = None,
    evidence: str | None = None,
) -> FamilyRequest:
    _room(tx, asker.links)
    _not_bound(tx, asker.links, patient_id)
    months = int(permissions.parameter(tx, "platform.sso.family_months").value)
    relation = patients.relate(
        tx,
        patient_id,
        patients.RelateInput(
            kind=patients.RelationKind(_TO_THEM[request.relation]),
            name=asker.person.name,
            related_patient_id=asker.person.patient_id,
            shares_account=True,
        ),
    )
    if not patients.has_consent(tx, patient_id, patients.ConsentKind.SHARING):
        consent = patients.GiveConsent(kind=patients.ConsentKind.SHARING, text_version=TEXT_VERSION, given_by="patient")
        patients.give_consent(tx, patient_id, consent)
    link = AccountLink(
        link_id=new_id(),
        account_id=asker.account_id,
        patient_id=patient_id,
        relation=request.relation,
        proof="consent",
        bound_at=tx.now,
        until=codes.months_later(tx.now.astimezone(SHANGHAI), months),
        relation_id=relation.relation_id,
    )
    tx.session.add(link)
    after = tx.session.first(
        queries_family.AGREED,
        id_=request.request_id,
        now=tx.now,
        way_=way,
        registrar_=registrar,
        evidence_=evidence,
        link=link.link_id,
    )
    if after is None:
        raise FamilyRequestOver("该申请已办理或已过期，请重新申请。")
    put_out(tx, "family_bound", patient_id, asker_id=asker.person.patient_id)
    tx.audit(
        "person.bound", "patient_account", asker.account_id, patient_id=patient_id, relation=link.relation, way=way
    )
    tx.emit(MessageAsked(code_id=link.link_id))
    note(tx, "patient", asker.account_id, "relative bound")
    return after


def _relatives(tx: Tx, patient_id: UUID) -> list[RelativeView]:
    ids = list(patients.group_ids(tx, patient_id))
    rows = tx.session.all(queries_family.RELATIVES_OF, patients=ids, now=tx.now)
    owners = tx.session.all(queries_family.OWNERS, accounts=[row.account_id for row in rows])
    names = {one.account_id: codes.masked(patients.access_patient(tx, one.patient_id).name) for one in owners}
    return [
        RelativeView(
            link_id=row.link_id,
            name=names.get(row.account_id, "微信用户"),
            relation=row.relation,
            bound_at=row.bound_at,
            until=row.until or row.bound_at,
        )
        for row in rows
    ]


def _take_back(tx: Tx, link_id: UUID, patient_id: UUID, reason: str) -> Onward[EndedRelativeView]:
    ids = list(patients.group_ids(tx, patient_id))
    row = tx.session.first(queries_family.END_CONSENT, id_=link_id, patients=ids, now=tx.now, why=reason)
    if row is None:
        raise LinkNotFound("没有这个绑定，或已解除，请刷新后核对。")
    consents_ended(tx, [row], reason)
    account_id = row.account_id

    def go_on(steps: Steps) -> EndedRelativeView:
        try:
            keep_patient(steps, directory.Directory(), account_id)
        except RealmOutOfReach:
            return EndedRelativeView(link_id=link_id, told=False)
        return EndedRelativeView(link_id=link_id, told=True)

    return Onward(EndedRelativeView(link_id=link_id, told=False), go_on)


def _request_view(row: FamilyRequest) -> FamilyRequestView:
    message = "已绑定，到期自动解除；本人可随时解除。" if row.state == "agreed" else _ASKED
    return FamilyRequestView(
        request_id=row.request_id,
        state=row.state,
        expires_at=row.expires_at,
        message=message,
        link_id=row.link_id,
    )


def _refuse(steps: Steps) -> FamilyRequestView:
    raise CodeRefused(_REFUSED)
