"""Joining two records of one person (合并): a link that leaves every row where it is and can be taken back."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from events.patients import PatientDeceased, PatientsMerged
from functions.patients.index import problems, rules
from functions.patients.index.gates import PatientsToMerge, before_merge
from functions.patients.index.models import Identifier, Merge, Patient
from functions.patients.index.queries import care, people, stewardship
from functions.patients.index.schemas.stewardship import MERGEABLE, MergePatients, MergeView, RejectMerge
from functions.patients.index.schemas.values import IdentityLevel
from functions.patients.index.service import facts
from functions.patients.index.service.numbers import number_of
from functions.patients.index.service.verify import change_patient, plain
from shared.ids import new_id
from shared.problems import Invalid, NotFound
from shared.tx import Tx


def merge_patients(tx: Tx, command: MergePatients) -> MergeView:
    """Join the retired record, and all merged into it, to the survivor.

    When both have records of treatment the merge waits for another steward. Raises SameRecord, Stale, what speaks
    for two people (_Pair.refuse), GateBlocked while a settlement of either is open, MergePending.
    """
    if unknown := set(command.chosen) - set(MERGEABLE):
        raise Invalid(
            "所选字段不能合并，请重新选择。", errors=[{"field": "chosen", "message": "、".join(sorted(unknown))}]
        )
    pair = _Pair(tx, command.survivor_id, command.retired_id)
    tx.check_version(pair.survivor.version, command.survivor_version)
    tx.check_version(pair.retired.version, command.retired_version)
    pair.refuse(command.evidence_file_id is not None)
    pair.ask(command.confirmed)
    waiting = {"survivor_id": command.survivor_id, "retired_id": command.retired_id}
    if tx.session.first(stewardship.PENDING_MERGE, **waiting) is not None:
        raise problems.MergePending()
    merge = Merge(
        merge_id=new_id(),
        survivor_id=pair.survivor.patient_id,
        retired_id=pair.retired.patient_id,
        survivor_version=pair.survivor.version,
        retired_version=pair.retired.version,
        chosen_fields=list(dict.fromkeys(command.chosen)),
        members=[],
        taken={},
        retired_status=pair.retired.status,
        reason=command.reason,
        evidence_file_id=command.evidence_file_id,
        status="pending",
        acting_campus_id=tx.campus,
        requested_at=tx.now,
        requested_by=tx.actor.subject,
    )
    tx.session.add(merge)
    if pair.both_treated():
        _trace(tx, merge, "merge.requested")
        return MergeView.model_validate(merge)
    return MergeView.model_validate(_complete(tx, merge, pair, None))


def confirm_merge(tx: Tx, merge_id: UUID) -> MergeView:
    """Another steward has looked and agrees. Raises SamePerson, MergeNotPending, Stale, and all that a merge may."""
    merge = tx.session.first(stewardship.LOCK_MERGE, merge_id=merge_id)
    if merge is None:
        raise NotFound("没有这项合并，请刷新后重新选择。")
    tx.assert_distinct([merge.requested_by], "合并的提交与复核须由不同的主索引管理员办理。")
    if merge.status != "pending":
        raise problems.MergeNotPending("该合并已办结，请刷新后核对。")
    pair = _Pair(tx, merge.survivor_id, merge.retired_id)
    tx.check_version(pair.survivor.version, merge.survivor_version)
    tx.check_version(pair.retired.version, merge.retired_version)
    pair.refuse(merge.evidence_file_id is not None)
    pair.ask(())
    return MergeView.model_validate(_complete(tx, merge, pair, tx.actor.subject))


def reject_merge(tx: Tx, merge_id: UUID, command: RejectMerge) -> MergeView:
    """A merge that waits is not made: by the second steward, or withdrawn by the first. Raises MergeNotPending."""
    row = tx.session.first(
        stewardship.END_MERGE,
        id_=merge_id,
        from_status="pending",
        to="rejected",
        at=tx.now,
        by=tx.actor.subject,
        why=command.reason,
        decided=None,
    )
    if row is None:
        raise problems.MergeNotPending("该合并不存在或已办结，请刷新后核对。")
    _trace(tx, row, "merge.rejected")
    return MergeView.model_validate(row)


class _Pair:
    """Two people under lock: their survivors and every record of either."""

    def __init__(self, tx: Tx, survivor_id: UUID, retired_id: UUID) -> None:
        self._tx = tx
        if survivor_id == retired_id:
            raise problems.SameRecord("两份档案是同一份，无需合并。")
        rows = {row.patient_id: row for row in tx.session.all(people.LOCK, ids=[survivor_id, retired_id])}
        if len(rows) < 2:
            raise NotFound("没有这位患者，请重新查询后选择。")
        self.survivor, self.retired = rows[survivor_id], rows[retired_id]
        if self.survivor.survivor_id == self.retired.survivor_id:
            raise problems.SameRecord("两份档案已是同一人，无需合并。")
        if "merged" in (self.survivor.status, self.retired.status):
            raise problems.SameRecord("其中一份档案已并入他人，请刷新后以现行档案办理。")
        numbers = [tx.session.send(people.IDENTIFIERS, patient_id=one) for one in (survivor_id, retired_id)]
        members = [tx.session.send(people.MEMBERS, survivor_id=one) for one in (survivor_id, retired_id)]
        disputes = [tx.session.send(people.DISPUTED, patient_id=one) for one in (survivor_id, retired_id)]
        self.survivor_records, self.retired_records = (pending.all() for pending in members)
        self._numbers: list[list[Identifier]] = [pending.all() for pending in numbers]
        self._disputed = any(pending.one() for pending in disputes)

    def refuse(self, has_document: bool) -> None:
        """Refuse what speaks for two people. A document settles sex and blood group, nothing settles two ID numbers."""
        one, other = self.survivor, self.retired
        if self._disputed:
            raise problems.MergeDisputed("其中一份档案有未处理的身份争议，请先处理争议再合并。")
        citizens = [self._values("resident_id", side) for side in (0, 1)]
        if all(citizens) and citizens[0] != citizens[1]:
            raise problems.MergeResidentIdsDiffer("两份档案的有效身份证号不同，不能合并；登记有误的请先更正证件号。")
        confirmed = all(level != IdentityLevel.UNVERIFIED.value for level in (one.identity_level, other.identity_level))
        known = {rules.Sex.MALE.value, rules.Sex.FEMALE.value}
        if {one.sex, other.sex} == known and confirmed and not has_document:
            raise problems.MergeSexConflict("两份档案经核实的性别不同，请上传证明文件后再合并。")
        blood = [(side.abo, side.rh) for side in (one, other) if side.blood_group_status == "confirmed"]
        if len(set(blood)) > 1 and not has_document:
            raise problems.MergeBloodConflict("两份档案经确认的血型不同，请上传证明文件后再合并。")
        siblings = one.mother_id is not None and (one.mother_id, one.birth_date) == (other.mother_id, other.birth_date)
        if siblings and not all(self._values("birth_certificate", side) for side in (0, 1)):
            raise problems.MergeTwins("同母同日出生，疑似多胞胎；请先绑定双方出生医学证明编号再合并。")

    def _values(self, kind: str, side: int) -> set[str]:
        return {number_of(one) for one in self._numbers[side] if one.type == kind}

    def ask(self, confirmed: list[str] | tuple[str, ...]) -> None:
        """Ask whoever may object: an open settlement blocks."""
        records = frozenset((*self.survivor_records, *self.retired_records))
        question = PatientsToMerge(self.survivor.patient_id, self.retired.patient_id, records)
        before_merge.ask(self._tx, question, confirmed)

    def both_treated(self) -> bool:
        """Whether both have records of treatment."""
        asked = [
            self._tx.session.send(care.HAS_RECORD, ids=ids) for ids in (self.survivor_records, self.retired_records)
        ]
        return all(pending.one() for pending in asked)


def _complete(tx: Tx, merge: Merge, pair: _Pair, confirmed_by: str | None) -> Merge:
    survivor, retired = pair.survivor, pair.retired
    units = taken_over(survivor, retired, merge.chosen_fields)
    changes = {column: value for unit in units.values() for column, value in unit.items()}
    taken = {
        unit: {"before": stored(survivor, columns), "after": {name: plain(columns[name]) for name in columns}}
        for unit, columns in units.items()
    }
    if "name" in changes:
        changes |= facts.name_fields(changes["name"])
    change_patient(
        tx,
        survivor,
        changes,
        "merge",
        evidence=str(merge.merge_id),
        changed_by=merge.requested_by,
        confirmed_by=confirmed_by,
    )
    tx.session.all(
        people.RELINK,
        ids=pair.retired_records,
        to=survivor.patient_id,
        head=retired.patient_id,
        head_status="merged",
    )
    tx.session.execute(
        stewardship.DECIDE_PAIRS_ACROSS,
        left=pair.survivor_records,
        right=pair.retired_records,
        from_status="open",
        to="merged",
        at=tx.now,
        by=tx.actor.subject,
        why=str(merge.merge_id),
    )
    done = tx.session.first(
        stewardship.COMPLETE_MERGE,
        id_=merge.merge_id,
        records=pair.retired_records,
        fields=taken,
        was=retired.status,
        at=tx.now,
        by=confirmed_by,
    )
    if done is None:
        raise problems.MergeNotPending("该合并已办结，请刷新后核对。")
    _trace(tx, done, "patient.merged")
    tx.emit(
        PatientsMerged(
            survivor_id=survivor.patient_id,
            retired_id=retired.patient_id,
            member_ids=pair.retired_records,
            merge_id=merge.merge_id,
        )
    )
    if "death" in units:
        tx.emit(PatientDeceased(patient_id=survivor.patient_id, died_at=retired.deceased_at, reversed=False))
    return done


_TOGETHER = {
    "birth_date": ("birth_date", "birth_datetime", "birth_precision"),
    "blood_group": ("abo", "rh", "blood_group_status"),
    "death": ("status", "deceased_at", "death_certificate_no"),
}
"""Columns that only change together."""
_BLOOD_PROOF = {None: 0, "stated": 1, "confirmed": 2}


def taken_over(survivor: Patient, retired: Patient, chosen: list[str]) -> dict[str, dict[str, Any]]:
    """What the retired record gives the survivor, in units that only change together: unit -> column -> value.

    Besides the chosen fields the better proof, the stricter secrecy, the better proven blood group and a death: what
    one record knows of them must not be lost because the other one speaks.
    """
    fields = list(chosen)
    if _BLOOD_PROOF[retired.blood_group_status] > _BLOOD_PROOF[survivor.blood_group_status]:
        fields.append("blood_group")
    if retired.status == "deceased" and survivor.status == "active":
        fields.append("death")
    units: dict[str, dict[str, Any]] = {}
    for field in fields:
        units[field] = {column: getattr(retired, column) for column in _TOGETHER.get(field, (field,))}
    if "name" in units:
        former = [one for one in survivor.former_names if one != retired.name]
        units["name"]["former_names"] = former if retired.name == survivor.name else [*former, survivor.name]
    if IdentityLevel(retired.identity_level).rank >= IdentityLevel(survivor.identity_level).rank:
        units["identity_level"] = {"identity_level": retired.identity_level}
    if retired.confidentiality == "restricted":
        units["confidentiality"] = {
            "confidentiality": "restricted",
            "sensitivity": survivor.sensitivity or retired.sensitivity,
        }
    return units


def stored(patient: Patient, columns: Iterable[str]) -> dict[str, Any]:
    """Columns of a person as the history of merges keeps them."""
    return {column: plain(getattr(patient, column)) for column in columns}


def _trace(tx: Tx, merge: Merge, act: str) -> None:
    for patient_id in (merge.survivor_id, merge.retired_id):
        tx.audit(act, "merge", merge.merge_id, patient_id=patient_id)
