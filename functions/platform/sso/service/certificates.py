"""Certificates staff sign with (CA 证书): bound by one officer, handed out by another, looked up by every signature."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from events.platform import CertificateExpiring
from functions.organisation.structure import service as organisation
from functions.platform.sso import queries_certificates as queries
from functions.platform.sso import rules_certificates as rules
from functions.platform.sso.models_certificates import CaCertificate
from functions.platform.sso.problems import AccountNotHere, NotFromHere
from functions.platform.sso.problems_certificates import (
    CertificateNotFound,
    CertificateOfAnother,
    CertificateState,
    CertificateUnfit,
)
from functions.platform.sso.schemas_certificates import BindCertificate, CertificateView
from functions.platform.sso.service.proving import end_proofs
from functions.platform.sso.service.revoking import revoke_listed
from functions.platform.sso.service.trusting import check_certificate
from shared.command import Document
from shared.ids import new_id
from shared.problems import Stale
from shared.schemas import SHANGHAI
from shared.tx import SamePerson, Tx


def bind_certificate(tx: Tx, staff_id: UUID, command: BindCertificate) -> CaCertificate:
    """Enter the certificate of a medium for a member of staff of the acting campus; another officer hands it out.

    Raises SamePerson, AccountNotHere, CertificateUnreadable, PrivateKeyShown, CertificateUnfit, CertificateOfAnother,
    CertificateUntrusted, CertificateBound.
    """
    person = organisation.staff_member(tx, staff_id)
    if tx.actor.staff_id == staff_id:
        raise SamePerson("不能为本人登记证书，请由其他人员办理。")
    if person.campus_id != tx.campus or person.status != "active":
        raise AccountNotHere("证书由职工所在院区登记；离职、停职的职工不能登记。")
    found = rules.parse(command.certificate)
    if found.valid_to <= tx.now:
        raise CertificateUnfit(f"证书已于 {_day(found.valid_to)} 到期，请向 CA 机构换发后再登记。")
    if not rules.names_holder(found, person.name):
        raise CertificateOfAnother("证书主体中没有该职工的姓名，请核对所选职工和证书文件。")
    check_certificate(tx, found.content, "signing")
    row = CaCertificate(
        certificate_id=new_id(),
        campus_id=tx.campus,
        staff_id=staff_id,
        serial=found.serial,
        issuer=found.issuer,
        subject=found.subject,
        algorithm=found.algorithm,
        key_bits=found.key_bits,
        key_place=command.key_place,
        medium_no=command.medium_no,
        valid_from=found.valid_from,
        valid_to=found.valid_to,
        content=found.content,
        state="bound",
        bound_at=tx.now,
        bound_by=tx.actor.subject,
        bound_name=tx.actor.name,
    )
    tx.session.add(row)
    tx.audit("certificate.bound", "certificate", row.certificate_id, staff_id=str(staff_id), serial=row.serial)
    return row


def hand_out_certificate(tx: Tx, certificate_id: UUID, version: int) -> CaCertificate:
    """The medium is given to its holder, who signs the form: from now on it counts. A second person does it.

    Raises CertificateNotFound, CertificateState, SamePerson, CertificateUntrusted, Stale.
    """
    row = _own(tx, certificate_id)
    tx.assert_distinct([row.bound_by], "登记人和发放人不能是同一人，请由另一人核对本人后发放。")
    if tx.actor.staff_id == row.staff_id:
        raise SamePerson("不能给本人发放证书，请由其他人员办理。")
    if row.state != "bound" or row.handed_at is not None:
        raise CertificateState("该证书已发放、已吊销或已到期，不能再发放。", state_now=row.state)
    if row.valid_to <= tx.now:
        raise CertificateState("该证书已到期，不能发放，请向 CA 机构换发。", state_now=row.state)
    check_certificate(tx, row.content, "signing")
    after = tx.session.first(
        queries.HAND_OUT, id_=certificate_id, seen=version, now=tx.now, by=tx.actor.subject, name=tx.actor.name
    )
    if after is None:
        raise Stale("该证书已由他人办理，请刷新后再操作。", current_version=row.version)
    tx.audit("certificate.handed_out", "certificate", certificate_id, staff_id=str(row.staff_id))
    return after


def revoke_certificate(tx: Tx, certificate_id: UUID, reason: str) -> CaCertificate:
    """It counts no longer from this moment; what was signed before stands. One that was entered for the wrong person is
    free to be entered again, as long as nobody has it in hand. Raises CertificateNotFound, CertificateState."""
    row = _own(tx, certificate_id)
    if reason == "wrong" and row.handed_at is not None:
        raise CertificateState("证书已发放，可能已用于签名；请按“更换证书”办理。", state_now=row.state)
    return _revoked(tx, row, reason)


def report_certificate_lost(tx: Tx, certificate_id: UUID) -> CaCertificate:
    """The holder reports the own medium lost. Raises NotFromHere, CertificateNotFound, CertificateState."""
    if tx.actor.staff_id is None:
        raise NotFromHere("此功能由职工本人办理。")
    row = tx.session.first(queries.CERTIFICATE, id_=certificate_id)
    if row is None or row.staff_id != tx.actor.staff_id:
        raise CertificateNotFound("您名下没有这张证书，请刷新后核对。")
    if row.campus_id != tx.campus:
        raise CertificateNotFound("证书由登记院区办理，请切换到登记证书的院区再挂失，或联系信息科。")
    return _revoked(tx, row, "lost")


def revoke_of(tx: Tx, staff_id: UUID) -> None:
    """Somebody has left: nothing signed from now on is theirs."""
    ended = tx.session.all(queries.REVOKE_OF, whose=staff_id, now=tx.now, by=tx.actor.subject, why="left")
    end_proofs(tx, ended)
    for certificate_id in ended:
        tx.audit("certificate.revoked", "certificate", certificate_id, staff_id=str(staff_id), reason="left")


def certificates_here(tx: Tx, before: UUID, limit: int) -> list[CaCertificate]:
    """Certificates bound at the acting campus, latest first."""
    return tx.session.all(queries.CERTIFICATES_HERE, campus=tx.campus, before=before, limit=limit)


def certificates_of(tx: Tx, staff_id: UUID) -> list[CaCertificate]:
    """Every certificate a person has had, latest first, at most 50."""
    return tx.session.all(queries.CERTIFICATES_OF, staff_id=staff_id)


def holder_of(tx: Tx, serial: str, at: datetime | None = None) -> CaCertificate | None:
    """Who held the certificate with this serial number at a moment (now): what a signature is judged by.

    None before it was handed out, outside its validity, from its revocation on, and for an unknown number. A signature
    made before a revocation stays that person's.
    """
    return tx.session.first(queries.HOLDER, serial=rules.serial_of(serial), at=at or tx.now)


def signs_with(tx: Tx, staff_id: UUID, at: datetime | None = None) -> list[CaCertificate]:
    """The certificates a person may sign with at a moment (now), the one valid longest first."""
    return tx.session.all(queries.SIGNS_WITH, staff_id=staff_id, at=at or tx.now)


def keep_certificates(tx: Tx) -> None:
    """What is over ends, what its authority has taken back is revoked, what ends within 30 days is announced once; run
    every minute at each campus."""
    revoke_listed(tx)
    over = tx.session.send(queries.EXPIRE, campus=tx.campus, now=tx.now)
    ending = tx.session.send(queries.WARN, campus=tx.campus, now=tx.now, soon=tx.now + rules.WARNED_BEFORE)
    for certificate_id in over.all():
        tx.audit("certificate.expired", "certificate", certificate_id)
    for row in ending.all():
        tx.emit(
            CertificateExpiring(
                certificate_id=row.certificate_id,
                staff_id=row.staff_id,
                campus_code=row.campus_id,
                valid_to=row.valid_to,
            )
        )


def certificate_views(tx: Tx, rows: Sequence[CaCertificate]) -> list[CertificateView]:
    """Certificates with their holders' names."""
    people = organisation.staff_members(tx, sorted({row.staff_id for row in rows}))
    names = [name for name in CertificateView.model_fields if name not in {"staff_no", "name"}]
    return [
        CertificateView(
            staff_no=people[row.staff_id].staff_no,
            name=people[row.staff_id].name,
            **{name: getattr(row, name) for name in names},
        )
        for row in rows
    ]


def certificate_form(tx: Tx, certificate_id: UUID) -> Document:
    """《CA 证书领用登记表》 of one certificate: what was handed to whom by whom, with room to sign.

    Raises CertificateNotFound.
    """
    row = _own(tx, certificate_id)
    person = organisation.staff_member(tx, row.staff_id)
    tx.audit("certificate.printed", "certificate", certificate_id, staff_id=str(row.staff_id))
    data: dict[str, Any] = {
        "form_no": str(row.certificate_id),
        "staff_no": person.staff_no,
        "name": person.name,
        "staff_title": person.title or None,
        "serial": " ".join(row.serial[at : at + 4] for at in range(0, len(row.serial), 4)),
        "issuer": row.issuer,
        "subject": row.subject,
        "algorithm": f"{rules.ALGORITHMS[row.algorithm]}（{row.key_bits} 位）",
        "key_place": rules.KEY_PLACES[row.key_place],
        "medium_no": row.medium_no,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "state": rules.STATES[row.state],
        "end_reason": None if row.end_reason is None else rules.END_REASONS[row.end_reason],
        "ended_at": row.ended_at,
        "steps": [
            {"step": "登记", "name": row.bound_name, "at": row.bound_at},
            {"step": "核对本人并发放", "name": row.handed_name, "at": row.handed_at},
            {"step": "领用", "name": person.name, "at": None},
        ],
    }
    return organisation.office_form(tx, "ca_certificate_form", data, f"CA证书领用登记表-{person.staff_no}.pdf")


def _own(tx: Tx, certificate_id: UUID) -> CaCertificate:
    row = tx.session.first(queries.CERTIFICATE, id_=certificate_id)
    if row is None or row.campus_id != tx.campus:
        raise CertificateNotFound("本院区没有登记这张证书，请刷新后核对。")
    return row


def _revoked(tx: Tx, row: CaCertificate, reason: str) -> CaCertificate:
    after = tx.session.first(queries.REVOKE, id_=row.certificate_id, now=tx.now, by=tx.actor.subject, why=reason)
    if after is None:
        raise CertificateState("该证书已吊销或已到期。", state_now=row.state)
    end_proofs(tx, [row.certificate_id])
    tx.audit("certificate.revoked", "certificate", row.certificate_id, staff_id=str(row.staff_id), reason=reason)
    return after


def _day(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y年%m月%d日")
