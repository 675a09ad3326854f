"""Routes: what the index prints."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index.api.routing import Reason, router
from functions.patients.index.service import prints
from shared.command import Document, query
from shared.tx import Tx

Number = Annotated[str | None, Parameter(pattern="^[A-Za-z0-9-]{1,32}$", description="就诊号或住院号")]


@router.get("/patients/{patient_id}/visit-card.pdf")
@query("patients.index.write")
def print_visit_card(tx: Tx, patient_id: UUID, reason: Reason = None) -> Document:
    """The face of the visit card (就诊卡面)."""
    return prints.visit_card(tx, patient_id, reason)


@router.get("/patients/{patient_id}/wristband.pdf")
@query("patients.index.read")
def print_wristband(tx: Tx, patient_id: UUID, number: Number = None, reason: Reason = None) -> Document:
    """The wristband (腕带); a newborn's names the mother."""
    return prints.wristband(tx, patient_id, number, reason)


@router.get("/corrections/{correction_id}/application.pdf")
@query("patients.index.write")
def print_change_application(tx: Tx, correction_id: UUID) -> Document:
    """The form of a correction (信息变更申请表)."""
    return prints.change_application(tx, correction_id)


@router.get("/merges/{merge_id}/approval.pdf")
@query("patients.index.merge")
def print_merge_approval(tx: Tx, merge_id: UUID) -> Document:
    """The form of a merge (合并审批单)."""
    return prints.merge_approval(tx, merge_id)
