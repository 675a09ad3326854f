"""Inputs and outputs of authorities, revocation lists and sign-on by certificate."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from functions.platform.sso.schemas_certificates import CertificateText
from functions.platform.sso.schemas_reset import NewPassword
from shared.schemas import Input, Moment, Text, View

Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=500)]
Campus = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]


class RegisterAnchor(Input):
    """The certificate of an authority as it publishes it: PEM, or DER in base64."""

    certificate: CertificateText
    campuses: Annotated[list[Campus], Field(min_length=1, max_length=20)]
    crl_url: Address | None = None
    """Where the authority publishes its revocation list (CRL); without, lists are uploaded."""


class ConfirmAnchor(Input):
    """The SHA-256 fingerprint as the authority's own paper or site has it, typed by the second person."""

    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f: ]{64,120}$")]
    version: int


class PointAnchor(Input):
    """Where the list is fetched from now on; null: lists are uploaded."""

    crl_url: Address | None
    version: int


class EndAnchor(Input):
    reason: Text
    version: int


class UploadList(Input):
    """A base CRL: PEM, or DER in base64. Larger ones than a request may be are fetched from their address."""

    content: Annotated[str, StringConstraints(strip_whitespace=True, min_length=40, max_length=1_000_000)]


class ListView(View):
    """A revocation list that was taken over. `number` as text: it may have 49 digits."""

    list_id: UUID
    number: str | None
    this_update: Moment
    next_update: Moment
    scope: Literal["all", "users", "authorities"]
    entries: int
    source: Literal["uploaded", "fetched"]
    kept_at: Moment


class AnchorView(View):
    anchor_id: UUID
    fingerprint: str
    subject: str
    issuer: str
    serial: str
    algorithm: str
    key_bits: int
    root: bool
    valid_from: Moment
    valid_to: Moment
    campuses: list[str]
    crl_url: str | None
    state: str
    registered_at: Moment
    registered_name: str
    confirmed_at: Moment | None
    confirmed_name: str | None
    ended_at: Moment | None
    end_reason: str | None
    fetched_at: Moment | None
    fetch_error: str | None
    revocation_list: ListView | None
    refused_from: Moment | None
    """From when certificates of this authority are refused unless a new list comes; null: it never had a list."""
    version: int


class ChallengeView(View):
    """`to_sign`: this very text (UTF-8) is what the key signs, RSA with SHA-256 (PKCS#1 v1.5) or SM2 with SM3."""

    challenge_id: UUID
    to_sign: str
    expires_at: Moment


class SignOnByCertificate(Input):
    """What the control of the USB key gave back. With `password` the sign-on has both factors of privileged posts."""

    challenge_id: UUID
    certificate: CertificateText
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=\s]{80,4000}$")]
    """Base64: the bytes of the RSA signature; of SM2 as DER or as r and s."""
    password: NewPassword | None = None
    end_others: bool = False
