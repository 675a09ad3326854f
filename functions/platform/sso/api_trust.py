"""HTTP routes of authorities and their revocation lists, and of sign-on by certificate."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import service
from functions.platform.sso.models_trust import TrustAnchor
from functions.platform.sso.schemas import TokensView
from functions.platform.sso.schemas_trust import (
    AnchorView,
    ChallengeView,
    ConfirmAnchor,
    EndAnchor,
    ListView,
    PointAnchor,
    RegisterAnchor,
    SignOnByCertificate,
    UploadList,
)
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)


# -- authorities


@router.get("/trust-anchors")
@query("platform.sso.read")
def list_anchors(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[AnchorView]:
    """Authorities and the revocation list each has, latest first (信任的 CA)."""
    found = service.anchors(tx, cursor or LAST, limit)
    return Page[AnchorView](
        items=service.anchor_views(tx, found), next=str(found[-1].anchor_id) if len(found) == limit else None
    )


@router.post("/trust-anchors", status_code=201)
@command("platform.sso.enrol")
def register_anchor(tx: Tx, body: RegisterAnchor) -> AnchorView:
    """Enter the certificate of an authority (登记 CA)."""
    return _view(tx, service.register_anchor(tx, body))


@router.post("/trust-anchors/{anchor_id}/confirm")
@command("platform.sso.enrol")
def confirm_anchor(tx: Tx, anchor_id: UUID, body: ConfirmAnchor) -> AnchorView:
    """A second person has compared the fingerprint (复核 CA 指纹)."""
    return _view(tx, service.confirm_anchor(tx, anchor_id, body.fingerprint, body.version))


@router.post("/trust-anchors/{anchor_id}/crl-source")
@command("platform.sso.enrol")
def point_anchor(tx: Tx, anchor_id: UUID, body: PointAnchor) -> AnchorView:
    """Where its revocation list is fetched from (吊销列表地址)."""
    return _view(tx, service.point_anchor(tx, anchor_id, body.crl_url, body.version))


@router.post("/trust-anchors/{anchor_id}/end")
@command("platform.sso.enrol")
def end_anchor(tx: Tx, anchor_id: UUID, body: EndAnchor) -> AnchorView:
    """Trust it no longer (停用 CA)."""
    return _view(tx, service.end_anchor(tx, anchor_id, body.reason, body.version))


@router.get("/trust-anchors/{anchor_id}/revocation-lists")
@query("platform.sso.read")
def list_revocation_lists(tx: Tx, anchor_id: UUID, limit: Limit = 50, cursor: UUID | None = None) -> Page[ListView]:
    """The revocation lists an authority has had, latest first (吊销列表)."""
    found = service.revocation_lists(tx, anchor_id, cursor or LAST, limit)
    return Page[ListView](
        items=[service.list_view(row) for row in found], next=str(found[-1].list_id) if len(found) == limit else None
    )


@router.post("/trust-anchors/{anchor_id}/revocation-lists", status_code=201)
@command("platform.sso.enrol")
def upload_list(tx: Tx, anchor_id: UUID, body: UploadList) -> ListView:
    """Take over a revocation list from a file (上传吊销列表)."""
    return service.list_view(service.upload_list(tx, anchor_id, body.content))


# -- signing on


@router.post("/certificate-challenges", status_code=201)
@command("platform.sso.self")
def ask_challenge(tx: Tx) -> ChallengeView:
    """Something for a USB key to sign, for this workstation (证书登录请求)."""
    return service.ask_challenge(tx)  # type: ignore[return-value]


@router.post("/certificate-sign-ons", status_code=201)
@command("platform.sso.self")
def sign_on_by_certificate(tx: Tx, body: SignOnByCertificate) -> TokensView:
    """Sign this workstation on by a USB key, with or without the password (证书登录)."""
    return service.sign_on_by_certificate(tx, body)  # type: ignore[return-value]


def _view(tx: Tx, row: TrustAnchor) -> AnchorView:
    return service.anchor_views(tx, [row])[0]
