"""Routes of the steward's desk: duplicates, merges, disputes."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index import service
from functions.patients.index.api.routing import (
    FIRST,
    Cursor,
    Limit,
    moment_cursor,
    read_cursor,
    read_moment_cursor,
    router,
)
from functions.patients.index.queries import stewardship
from functions.patients.index.schemas.stewardship import (
    DecideNotSame,
    DisputeView,
    MergePatients,
    MergeView,
    OpenDispute,
    PairDetails,
    PairView,
    ProposePair,
    RecordSince,
    RejectMerge,
    SettleDispute,
    UnmergePatients,
)
from functions.patients.index.service.duplicates import pair_view
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx

PairStatus = Annotated[str, Parameter(pattern="^(open|merged|not_same|dissolved)$")]
DisputeStatus = Annotated[str, Parameter(pattern="^(open|settled)$")]
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@router.post("/duplicates", status_code=201)
@command("patients.index.write")
def propose_pair(tx: Tx, body: ProposePair) -> PairView:
    """Propose two records as one person (疑似重复)."""
    return service.propose_pair(tx, body)


@router.get("/duplicates")
@query("patients.index.merge")
def list_pairs(tx: Tx, status: PairStatus = "open", limit: Limit = 50, cursor: Cursor = None) -> Page[PairView]:
    """Pairs in the order in which they must be decided."""
    after = read_moment_cursor(cursor) if cursor else (_BEGINNING, FIRST)
    found = service.pairs(tx, status, after, limit)
    return Page[PairView](
        items=[pair_view(pair) for pair in found],
        next=moment_cursor(found[-1].due_at, found[-1].candidate_id) if len(found) == limit else None,
    )


@router.get("/duplicates/{candidate_id}")
@query("patients.index.merge")
def read_pair(tx: Tx, candidate_id: UUID) -> PairDetails:
    """Both records side by side."""
    return service.pair_details(tx, candidate_id)


@router.post("/duplicates/{candidate_id}/not-same")
@command("patients.index.merge")
def mark_not_same(tx: Tx, candidate_id: UUID, body: DecideNotSame) -> PairView:
    """Two people (不是同一人)."""
    return service.mark_not_same(tx, candidate_id, body)


@router.post("/merges", status_code=201)
@command("patients.index.merge")
def merge_patients(tx: Tx, body: MergePatients) -> MergeView:
    """Join two records of one person (合并)."""
    return service.merge_patients(tx, body)


@router.get("/merges")
@query("patients.index.merge")
def list_waiting_merges(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[MergeView]:
    """Merges that wait for a second steward (待复核合并)."""
    found = tx.session.all(stewardship.MERGES_WAITING, after=read_cursor(cursor, FIRST), limit=limit)
    return Page[MergeView](
        items=[MergeView.model_validate(merge) for merge in found],
        next=str(found[-1].merge_id) if len(found) == limit else None,
    )


@router.post("/merges/{merge_id}/confirm")
@command("patients.index.merge")
def confirm_merge(tx: Tx, merge_id: UUID) -> MergeView:
    """Agree as the second steward (复核)."""
    return service.confirm_merge(tx, merge_id)


@router.post("/merges/{merge_id}/reject")
@command("patients.index.merge")
def reject_merge(tx: Tx, merge_id: UUID, body: RejectMerge) -> MergeView:
    """Do not make a merge that waits (驳回, 撤回)."""
    return service.reject_merge(tx, merge_id, body)


@router.get("/merges/{merge_id}/records")
@query("patients.index.unmerge")
def list_records_since(tx: Tx, merge_id: UUID) -> list[RecordSince]:
    """Records written since a merge, each to be assigned before it is taken back."""
    return service.records_since(tx, merge_id)


@router.post("/merges/{merge_id}/unmerge")
@command("patients.index.unmerge")
def unmerge_patients(tx: Tx, merge_id: UUID, body: UnmergePatients) -> MergeView:
    """Take a merge back (拆分)."""
    return service.unmerge_patients(tx, merge_id, body)


@router.get("/patients/{patient_id}/merges")
@query("patients.index.merge")
def list_merges_of(tx: Tx, patient_id: UUID) -> list[MergeView]:
    """Merges a person took part in (合并记录)."""
    return service.merges_of(tx, patient_id)


@router.post("/patients/{patient_id}/disputes", status_code=201)
@command("patients.index.write")
def open_dispute(tx: Tx, patient_id: UUID, body: OpenDispute) -> DisputeView:
    """Open an identity dispute (身份争议)."""
    return service.open_dispute(tx, patient_id, body)


@router.get("/disputes")
@query("patients.index.merge")
def list_disputes(
    tx: Tx, status: DisputeStatus = "open", limit: Limit = 50, cursor: Cursor = None
) -> Page[DisputeView]:
    """Identity disputes, oldest first."""
    found = tx.session.all(stewardship.DISPUTES, status=status, after=read_cursor(cursor, FIRST), limit=limit)
    for dispute in found:
        tx.audit("dispute.listed", "dispute", dispute.dispute_id, patient_id=dispute.patient_id)
    return Page[DisputeView](
        items=[DisputeView.model_validate(dispute) for dispute in found],
        next=str(found[-1].dispute_id) if len(found) == limit else None,
    )


@router.post("/disputes/{dispute_id}/settle")
@command("patients.index.merge")
def settle_dispute(tx: Tx, dispute_id: UUID, body: SettleDispute) -> DisputeView:
    """Decide whose number it is (处理争议)."""
    return service.settle_dispute(tx, dispute_id, body)
