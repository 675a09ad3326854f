"""HTTP routes of the forms of permissions."""

from typing import Annotated
from uuid import UUID

from fastapi import Path

from functions.platform.permissions.service import prints
from shared.command import Document, query
from shared.http import Router
from shared.tx import Tx

router = Router()


@router.get("/requests/{request_id}/form.pdf")
@query("platform.permissions.read")
def print_request(tx: Tx, request_id: UUID) -> Document:
    """用户权限申请审批表 of an application."""
    return prints.request_form(tx, request_id)


@router.get("/attestations/{attestation_id}/form.pdf")
@query("platform.permissions.read")
def print_attestation(tx: Tx, attestation_id: UUID) -> Document:
    """权限复核确认表 of a review."""
    return prints.attestation_form(tx, attestation_id)


@router.get("/templates/{post}/form.pdf")
@query("platform.permissions.read")
def print_post(tx: Tx, post: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$")]) -> Document:
    """岗位权限清单 of the template in force."""
    return prints.post_form(tx, post)


@router.get("/parameter-values/{value_id}/form.pdf")
@query("platform.permissions.packages")
def print_parameter(tx: Tx, value_id: UUID) -> Document:
    """参数变更单 of one change."""
    return prints.parameter_form(tx, value_id)


@router.get("/administrators/form.pdf")
@query("platform.permissions.read")
def print_administrators(tx: Tx) -> Document:
    """三员职责与授权书."""
    return prints.administrators_form(tx)
