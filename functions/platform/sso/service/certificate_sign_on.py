"""Sign-on by certificate (USB Key 登录): a workstation's challenge, signed by the key in somebody's hand."""

import base64
import binascii
import secrets
from datetime import timedelta
from uuid import UUID

from events.platform import LoginFailed, LoginRiskFound
from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, queries_certificates, rules_bounds, rules_certificates, rules_trust
from functions.platform.sso import queries_trust as queries
from functions.platform.sso.models_certificates import CaCertificate
from functions.platform.sso.models_trust import CertificateChallenge
from functions.platform.sso.problems import NotFromHere
from functions.platform.sso.problems_certificates import CertificateUnreadable
from functions.platform.sso.problems_trust import CertificateRefused, CertificateUntrusted, ChallengeGone
from functions.platform.sso.schemas import PENDING, TokensView
from functions.platform.sso.schemas_trust import ChallengeView, SignOnByCertificate
from functions.platform.sso.service.admission import refusal_now
from functions.platform.sso.service.bounding import settled
from functions.platform.sso.service.changing_over import change_over, posts_now, shut_out_now
from functions.platform.sso.service.proving import Proven
from functions.platform.sso.service.scanning import make_room
from functions.platform.sso.service.trusting import check_certificate
from shared.command import Onward
from shared.ids import new_id
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

TERM = timedelta(minutes=2)
WAY = "certificate"


def ask_challenge(tx: Tx) -> Onward[ChallengeView]:
    """Something new to sign for the acting workstation: two minutes, once, there. Raises NotFromHere."""
    _workstation(tx)
    nonce, expires_at = secrets.token_urlsafe(32), tx.now + TERM
    challenge_id = tx.session.one(
        queries.ASK,
        challenge_id=new_id(),
        campus=tx.campus,
        workstation=tx.actor.name,
        nonce=nonce,
        now=tx.now,
        expires_at=expires_at,
    )
    shown = ChallengeView(challenge_id=challenge_id, to_sign="", expires_at=expires_at)
    text = to_sign(tx.campus, tx.actor.name, challenge_id, nonce)
    full = shown.model_copy(update={"to_sign": text})
    return Onward(shown, lambda steps: full)


def to_sign(campus: str, workstation: str, challenge_id: UUID, nonce: str) -> str:
    """What the key signs. It says what it is for: a signature under it is none under an order."""
    return f"his-sign-on:{campus}:{workstation}:{challenge_id}:{nonce}"


def sign_on_by_certificate(tx: Tx, command: SignOnByCertificate) -> Onward[TokensView]:
    """Open the session of the person whose key has signed the workstation's challenge.

    The challenge is used up whatever comes of it, and a refusal counts as a failed sign-on, so most refusals come after
    the commit. With the right password, too, the session has the two factors of privileged posts; without, it has what
    a sign-on by scan has. Raises NotFromHere, ChallengeGone, CertificateUnreadable, PrivateKeyShown, CertificateUnfit;
    then CertificateRefused, CertificateUntrusted, AccountShut, SignOnNotAllowed, SessionLimitReached, RealmOutOfReach.
    """
    _workstation(tx)
    shown = rules_certificates.parse(command.certificate)
    signature = _bytes(command.signature)
    challenge = tx.session.first(
        queries.USE_CHALLENGE, id_=command.challenge_id, campus=tx.campus, station=tx.actor.name, now=tx.now
    )
    if challenge is None:
        raise ChallengeGone("登录请求超过 2 分钟、已经用过，或不是本工作站的，请重新插入 USB Key 登录。")
    row = tx.session.first(queries_certificates.HOLDER, serial=shown.serial, at=tx.now)
    try:
        holder = _proved(tx, challenge, row, shown.content, signature)
    except (CertificateRefused, CertificateUntrusted) as refusal:
        return _refused(tx, row, refusal)
    staff_id, proven = holder.staff_id, Proven(holder.certificate_id, command.password is not None)
    tx.audit(
        "certificate.proved", "staff", staff_id, certificate_id=str(holder.certificate_id), password=proven.password
    )
    posts = posts_now(tx, staff_id)
    if shut_out_now(tx, staff_id) or refusal_now(tx, posts) is not None:
        return change_over(tx, staff_id, WAY, proven)
    policy = rules_bounds.policy_of(posts, settled(tx))
    username = organisation.staff_member(tx, staff_id).staff_no.lower()

    def go_on(steps: Steps) -> TokensView:
        door = directory.Directory()
        if command.password is not None and not door.proves_password(username, command.password):
            steps.step(lambda tx: _wrong_password(tx, staff_id))
            raise CertificateRefused(
                "密码不正确，或该账号已锁定、须先在登录页改密或绑定动态口令。请重新登录。", cause="password"
            )
        if policy.beyond != "displace":
            make_room(steps, staff_id, policy, end_others=command.end_others)
        return steps.step(lambda tx: change_over(tx, staff_id, WAY, proven)).go_on(steps)

    return Onward(PENDING, go_on)


# -- inside


def _proved(
    tx: Tx, challenge: CertificateChallenge, row: CaCertificate | None, content: bytes, signature: bytes
) -> CaCertificate:
    if row is None or row.content != content or row.state != "bound":
        raise CertificateRefused(
            "这张证书没有发放给本院职工，或已吊销、已到期，不能登录。请改用密码登录，并联系信息科。", cause="not_issued"
        )
    message = to_sign(challenge.campus_id, challenge.workstation, challenge.challenge_id, challenge.nonce)
    if not rules_trust.signed_challenge(content, message.encode(), signature):
        raise CertificateRefused("签名与证书不符，请重新插入 USB Key 登录；仍不行的联系信息科。", cause="signature")
    check_certificate(tx, content, "sign_on")
    return row


def _refused(tx: Tx, row: CaCertificate | None, refusal: Problem) -> Onward[TokensView]:
    cause = str(refusal.extra["cause"])
    subject = "unknown" if row is None else str(row.staff_id)
    tx.audit("certificate.not_signed_on", "staff", subject, workstation=tx.actor.name, cause=cause)
    if row is not None:
        tx.emit(LoginFailed(account_id=row.staff_id, way=WAY, reason=cause))
        if cause in {"revoked", "signature"}:
            risk = f"certificate_{cause}"
            tx.emit(LoginRiskFound(subject_key=tx.actor.name, staff_id=row.staff_id, cause=risk, score=70))

    def go_on(steps: Steps) -> TokensView:
        raise refusal

    return Onward(PENDING, go_on)


def _wrong_password(tx: Tx, staff_id: UUID) -> None:
    tx.audit("certificate.not_signed_on", "staff", staff_id, workstation=tx.actor.name, cause="password")
    tx.emit(LoginFailed(account_id=staff_id, way=WAY, reason="password"))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise CertificateUnreadable("签名不是有效的 Base64，请检查 USB Key 的控件。") from error


def _workstation(tx: Tx) -> None:
    if tx.actor.posts_at(tx.campus) != {"device:workstation"}:
        raise NotFromHere("证书登录只能在登记的共用工作站使用，由工作站程序发起。")
