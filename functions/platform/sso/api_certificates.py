"""HTTP routes of the certificates staff sign with (CA 证书)."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import service
from functions.platform.sso.models_certificates import CaCertificate
from functions.platform.sso.schemas_certificates import (
    BindCertificate,
    CertificateView,
    HandOutCertificate,
    HolderView,
    RevokeCertificate,
    Serial,
)
from shared.command import Document, command, query
from shared.http import Router
from shared.schemas import Moment, Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)


@router.get("/certificates")
@query("platform.sso.read")
def list_certificates(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[CertificateView]:
    """Certificates bound at the acting campus, latest first (CA 证书台账)."""
    found = service.certificates_here(tx, cursor or LAST, limit)
    tx.audit("certificates.read", "campus", tx.campus, certificates=len(found))
    return Page[CertificateView](
        items=service.certificate_views(tx, found),
        next=str(found[-1].certificate_id) if len(found) == limit else None,
    )


@router.post("/staff/{staff_id}/certificates", status_code=201)
@command("platform.sso.enrol")
def bind_certificate(tx: Tx, staff_id: UUID, body: BindCertificate) -> CertificateView:
    """Enter the certificate of a member of staff (登记 CA 证书)."""
    return _view(tx, service.bind_certificate(tx, staff_id, body))


@router.post("/certificates/{certificate_id}/hand-out")
@command("platform.sso.enrol")
def hand_out_certificate(tx: Tx, certificate_id: UUID, body: HandOutCertificate) -> CertificateView:
    """A second person gives it to its holder (发放 CA 证书)."""
    return _view(tx, service.hand_out_certificate(tx, certificate_id, body.version))


@router.post("/certificates/{certificate_id}/revoke")
@command("platform.sso.enrol")
def revoke_certificate(tx: Tx, certificate_id: UUID, body: RevokeCertificate) -> CertificateView:
    """It counts no longer (吊销登记)."""
    return _view(tx, service.revoke_certificate(tx, certificate_id, body.reason))


@router.get("/certificates/{certificate_id}/form.pdf")
@query("platform.sso.read")
def print_certificate(tx: Tx, certificate_id: UUID) -> Document:
    """《CA 证书领用登记表》."""
    return service.certificate_form(tx, certificate_id)


@router.get("/certificate-holder")
@query("platform.sso.read")
def certificate_holder(
    tx: Tx, serial: Annotated[Serial, Parameter()], at: Annotated[Moment | None, Parameter()] = None
) -> HolderView:
    """Who held a certificate at a moment (证书持有人查询)."""
    row = service.holder_of(tx, serial, at)
    shown = None if row is None else _view(tx, row)
    tx.audit("certificate.looked_up", "certificate", shown.certificate_id if shown else serial)
    return HolderView(
        serial=serial,
        at=at or tx.now,
        certificate_id=shown and shown.certificate_id,
        staff_id=shown and shown.staff_id,
        staff_no=shown and shown.staff_no,
        name=shown and shown.name,
    )


@router.get("/my/certificates")
@query("platform.sso.self")
def my_certificates(tx: Tx) -> list[CertificateView]:
    """My own certificates (我的证书)."""
    staff_id = tx.actor.staff_id
    return [] if staff_id is None else service.certificate_views(tx, service.certificates_of(tx, staff_id))


@router.post("/my/certificates/{certificate_id}/lost")
@command("platform.sso.self")
def report_certificate_lost(tx: Tx, certificate_id: UUID) -> CertificateView:
    """Report the own medium lost (挂失本人证书)."""
    return _view(tx, service.report_certificate_lost(tx, certificate_id))


def _view(tx: Tx, row: CaCertificate) -> CertificateView:
    return service.certificate_views(tx, [row])[0]
