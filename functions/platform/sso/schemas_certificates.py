"""Inputs and outputs of certificates."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, StringConstraints

from shared.schemas import Input, Moment, Text, View

KeyPlace = Literal["usb_key", "mobile"]
CertificateText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=40, max_length=16_000)]
Serial = Annotated[
    str, BeforeValidator(lambda value: str(value).strip()), StringConstraints(pattern=r"^[0-9A-Fa-f: ]{1,80}$")
]


class BindCertificate(Input):
    """The certificate of the medium that lies on the desk: PEM, or DER in base64; never a private key."""

    certificate: CertificateText
    key_place: KeyPlace
    medium_no: Text | None = None


class HandOutCertificate(Input):
    version: int


class RevokeCertificate(Input):
    """Why it counts no longer; the authority is told by the office."""

    reason: Literal["lost", "compromised", "left", "changed", "wrong"]


class CertificateView(View):
    certificate_id: UUID
    campus_id: str
    staff_id: UUID
    staff_no: str
    name: str
    serial: str
    issuer: str
    subject: str
    algorithm: str
    key_bits: int
    key_place: str
    medium_no: str | None
    valid_from: Moment
    valid_to: Moment
    state: str
    bound_at: Moment
    bound_name: str
    handed_at: Moment | None
    """Null: still in the office, counts for nobody."""
    handed_name: str | None
    ended_at: Moment | None
    end_reason: str | None
    version: int


class HolderView(View):
    """Who held a certificate at a moment; `staff_id` null: nobody did."""

    serial: str
    at: Moment
    certificate_id: UUID | None
    staff_id: UUID | None
    staff_no: str | None
    name: str | None
