"""Taking a merge back (拆分): the links, the fields and the records written since."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from events.patients import PatientDeceased, PatientsUnmerged
from functions.patients.index import problems
from functions.patients.index.models import Merge, Patient
from functions.patients.index.queries import people, stewardship
from functions.patients.index.queries.stewardship import Written
from functions.patients.index.schemas.stewardship import Assignment, MergeView, RecordSince, UnmergePatients
from functions.patients.index.service import facts
from functions.patients.index.service.merge import stored
from functions.patients.index.service.verify import change_patient
from shared.database.engine import Retry
from shared.problems import NotFound
from shared.tx import Tx


def unmerge_patients(tx: Tx, merge_id: UUID, command: UnmergePatients) -> MergeView:
    """Part what a merge joined; other merges of either stay.

    Links are restored from the merges that still hold, fields the survivor took over go back unless somebody has
    corrected them since, and each record written since the merge goes where the steward says. Raises MergeNotDone,
    AssignmentsMissing with the records still to be assigned.
    """
    merge = tx.session.first(stewardship.LOCK_MERGE, merge_id=merge_id)
    if merge is None:
        raise NotFound("没有这项合并，请刷新后重新选择。")
    if merge.status != "done":
        raise problems.MergeNotDone("该合并未生效或已拆分，请刷新后核对。")
    root_id = tx.session.one(people.SURVIVOR, patient_id=merge.retired_id).patient_id
    # Whoever joins or parts records of this person locks the root first, so the tree stands still from here.
    rows = tx.session.all(people.LOCK, ids=list({root_id, merge.survivor_id, merge.retired_id}))
    locked = {row.patient_id: row for row in rows}
    if locked[merge.retired_id].survivor_id != root_id:
        raise Retry
    records = tx.session.all(stewardship.SUBTREE, record_id=merge.retired_id)
    written = tx.session.all(stewardship.WRITTEN_SINCE, patient_id=root_id, since=_merged_at(merge))
    decided = _assigned(written, command.assignments)
    kept = _restore_fields(tx, merge, locked[merge.survivor_id])
    tx.session.all(
        people.RELINK,
        ids=records,
        to=merge.retired_id,
        head=merge.retired_id,
        head_status=merge.retired_status,
    )
    for record, owner in decided.items():
        _reassign(tx, record, owner, merge, set(records))
    left = tx.session.all(people.MEMBERS, survivor_id=root_id)
    tx.session.execute(
        stewardship.DECIDE_PAIRS_ACROSS,
        left=left,
        right=records,
        from_status="merged",
        to="not_same",
        at=tx.now,
        by=tx.actor.subject,
        why=str(merge_id),
    )
    undone = tx.session.one(
        stewardship.END_MERGE,
        id_=merge_id,
        from_status="done",
        to="undone",
        at=tx.now,
        by=tx.actor.subject,
        why=command.reason,
        decided={f"{record.kind}:{record.record_id}": owner for record, owner in decided.items()} | {"kept": kept},
    )
    for patient_id in (root_id, merge.retired_id):
        tx.audit("patient.unmerged", "merge", merge_id, patient_id=patient_id)
    tx.emit(
        PatientsUnmerged(
            survivor_id=root_id, retired_id=merge.retired_id, member_ids=sorted(records), merge_id=merge_id
        )
    )
    return MergeView.model_validate(undone)


def records_since(tx: Tx, merge_id: UUID) -> list[RecordSince]:
    """Records of this module written since a merge: each needs a decision before the merge is taken back."""
    merge = tx.session.first(stewardship.MERGE, merge_id=merge_id)
    if merge is None:
        raise NotFound("没有这项合并，请刷新后重新选择。")
    if merge.status != "done":
        raise problems.MergeNotDone("该合并未生效或已拆分，请刷新后核对。")
    written = tx.session.all(stewardship.WRITTEN_SINCE, patient_id=merge.survivor_id, since=_merged_at(merge))
    tx.audit("merge.records_read", "merge", merge_id, patient_id=merge.survivor_id)
    return [RecordSince.model_validate(one) for one in written]


def merges_of(tx: Tx, patient_id: UUID) -> list[MergeView]:
    """Merges a person took part in, newest first."""
    found = tx.session.all(stewardship.MERGES_OF, patient_id=patient_id)
    tx.audit("merge.read", "patient", patient_id, patient_id=patient_id)
    return [MergeView.model_validate(one) for one in found]


def _merged_at(merge: Merge) -> datetime:
    if merge.merged_at is None:
        raise problems.MergeNotDone("该合并未生效，请刷新后核对。")
    return merge.merged_at


def _assigned(written: list[Written], assignments: list[Assignment]) -> dict[Written, str]:
    """Whose each record is. Every one needs a decision, and only those."""
    said = {(one.kind, one.record_id): one.belongs_to for one in assignments}
    open_records = [record for record in written if (record.kind, record.record_id) not in said]
    if open_records:
        raise problems.AssignmentsMissing(
            "合并之后新写入的记录须逐条确认归属，请确认后再拆分。",
            records=[
                {"kind": one.kind, "record_id": str(one.record_id), "summary": one.summary} for one in open_records
            ],
        )
    return {record: said[record.kind, record.record_id] for record in written}


def _reassign(tx: Tx, record: Written, owner: str, merge: Merge, parting: set[UUID]) -> None:
    """Move a record only when it stands on the wrong side."""
    if owner == "retired" and record.patient_id not in parting:
        tx.session.execute(stewardship.REASSIGN[record.kind], id_=record.record_id, owner=merge.retired_id)
    elif owner == "survivor" and record.patient_id in parting:
        tx.session.execute(stewardship.REASSIGN[record.kind], id_=record.record_id, owner=merge.survivor_id)


def _restore_fields(tx: Tx, merge: Merge, survivor: Patient) -> list[str]:
    """Give the survivor its own values back. Returns the fields that keep a later correction.

    A later merge may have taken the same field over again: then what it gives back at its own unmerge is the value
    of before this one.
    """
    later = tx.session.all(
        stewardship.LATER_MERGES_INTO,
        survivor_id=merge.survivor_id,
        merged_at=_merged_at(merge),
        merge_id=merge.merge_id,
    )
    changes: dict[str, Any] = {}
    kept: list[str] = []
    for unit, step in merge.taken.items():
        heir = next((one for one in later if unit in one.taken), None)
        if heir is not None and heir.taken[unit]["before"] == step["after"]:
            heir.taken[unit]["before"] = step["before"]
            tx.session.execute(stewardship.SET_TAKEN, id_=heir.merge_id, fields=heir.taken)
        elif heir is None and stored(survivor, step["after"]) == step["after"]:
            changes |= {column: _typed(column, value) for column, value in step["before"].items()}
        else:
            kept.append(unit)
    if "name" in changes:
        changes |= facts.name_fields(changes["name"])
    change_patient(tx, survivor, changes, "unmerge", evidence=str(merge.merge_id))
    if changes.get("status") == "active":
        tx.emit(PatientDeceased(patient_id=survivor.patient_id, died_at=None, reversed=True))
    return kept


def _typed(field: str, value: Any) -> Any:
    """A value of the history as the column holds it."""
    if value is None or not isinstance(value, str):
        return value
    match field:
        case "birth_date":
            return date.fromisoformat(value)
        case "birth_datetime" | "deceased_at":
            return datetime.fromisoformat(value)
        case "photo_file_id":
            return UUID(value)
        case _:
            return value
