"""Record access (调阅授权): grants of a treatment, break-glass and its review, confidentiality, who looked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from events.patients import BreakGlassOpened, BreakGlassReviewed, RecordAccessEnded, RecordAccessGranted
from functions.organisation.structure import service as organisation
from functions.patients.index import problems, rules
from functions.patients.index.models import BreakGlassOpening
from functions.patients.index.queries import care, people
from functions.patients.index.queries.care import LogEntry
from functions.patients.index.queries.people import PatientInfo
from functions.patients.index.schemas.care import (
    AccessLogEntry,
    BreakGlass,
    OpeningView,
    ReviewOpening,
    SetConfidentiality,
)
from functions.patients.index.schemas.people import PatientView
from functions.patients.index.service.read import group_ids, resolve, survivor
from functions.patients.index.service.verify import change_patient
from functions.patients.index.service.views import patient_view
from shared.identity import data_rules
from shared.identity.data_rules import BreakGlassPolicy
from shared.ids import new_id
from shared.problems import NotFound
from shared.record_access import Basis, Grant, end_access, grant_access
from shared.schemas import SHANGHAI
from shared.tables import AccessGrant
from shared.tx import Tx


def grant_record_access(
    tx: Tx, patient: UUID | PatientInfo, basis: Basis, basis_id: object, until: datetime, reason: str = ""
) -> Grant:
    """Let the acting campus read the person's records of other campuses until a moment.

    Called by registration, admission, referral, teleconsultation and the reading centres at the start of a treatment;
    who has the person from access_patient in the same transaction gives that, and nothing is read again.
    """
    owner = patient.patient_id if isinstance(patient, PatientInfo) else survivor(tx, patient).patient_id
    grant = grant_access(tx, owner, basis, basis_id, until, reason)
    tx.audit("record_access.granted", "access_grant", grant.grant_id, patient_id=owner, basis=basis)
    tx.emit(
        RecordAccessGranted(
            patient_id=owner, grant_id=grant.grant_id, reader_campus_id=tx.campus, basis=basis, valid_to=until
        )
    )
    return grant


def extend_record_access(tx: Tx, basis: Basis, basis_id: object, until: datetime) -> list[Grant]:
    """Let the grants of a treatment last longer; those that last as long already stay."""
    rows = tx.session.all(care.EXTEND_GRANTS, of_basis=basis, of_basis_id=str(basis_id), until=until)
    for row, owner in zip(rows, _owners(tx, rows), strict=True):
        tx.audit("record_access.extended", "access_grant", row.grant_id, patient_id=owner, basis=basis)
        tx.emit(
            RecordAccessGranted(
                patient_id=owner,
                grant_id=row.grant_id,
                reader_campus_id=row.reader_campus_id,
                basis=basis,
                valid_to=until,
            )
        )
    return [Grant(row.grant_id, row.valid_to) for row in rows]


def end_record_access(tx: Tx, basis: Basis, basis_id: object, at: datetime) -> None:
    """End the grants of a treatment at a moment, which may lie ahead; the database compares it at each reading."""
    rows = end_access(tx, basis, basis_id, at)
    for row, owner in zip(rows, _owners(tx, rows), strict=True):
        tx.audit("record_access.ended", "access_grant", row.grant_id, patient_id=owner, basis=basis)
        tx.emit(
            RecordAccessEnded(
                patient_id=owner, grant_id=row.grant_id, reader_campus_id=row.reader_campus_id, valid_to=at
            )
        )


def _owners(tx: Tx, rows: Sequence[AccessGrant]) -> list[UUID]:
    survivors = resolve(tx, [row.patient_id for row in rows])
    return [survivors.get(row.patient_id, row.patient_id) for row in rows]


def may_read_record(tx: Tx, patient_id: UUID) -> bool:
    """Whether this actor may read the person's records of other campuses now, by any record of the person."""
    return tx.session.one(care.TREATED_HERE, patient_id=patient_id)


def grants(tx: Tx, patient_id: UUID) -> list[AccessGrant]:
    """Grants for a person that are in force or lie ahead."""
    found = tx.session.all(care.GRANTS, patient_id=patient_id, now=tx.now)
    tx.audit("record_access.read", "patient", patient_id, patient_id=patient_id)
    return found


def break_glass(tx: Tx, patient_id: UUID, command: BreakGlass) -> OpeningView:
    """Open a person's records in an emergency (紧急调阅): some hours, this clinician only, shown to the patient.

    Reasons, hours and days of review are the policy's (shared.identity.data_rules). The clinician signs on anew first.
    Raises FreshSignOnRequired, BreakGlassReasonMissing.
    """
    tx.actor.require_fresh_sign_on(tx.now)
    asked = data_rules.send(tx, "break_glass")
    patient = survivor(tx, patient_id)
    policy = data_rules.Rules(asked.all()).policy()
    code, reason = _stated(command, policy)
    opening_id = new_id()
    grant = grant_access(
        tx,
        patient.patient_id,
        "break_glass",
        opening_id,
        tx.now + policy.lasts,
        code,
        personal=True,
    )
    opening = BreakGlassOpening(
        opening_id=opening_id,
        patient_id=patient.patient_id,
        grant_id=grant.grant_id,
        reader_campus_id=tx.campus,
        reader_subject=tx.actor.subject,
        reader_name=tx.actor.name,
        reason_code=code,
        reason=reason,
        opened_at=tx.now,
        valid_to=grant.valid_to,
        review_due_at=_working_days_after(tx.now, policy.review_working_days),
    )
    tx.session.add(opening)
    tx.audit(
        "record_access.break_glass",
        "break_glass",
        opening_id,
        patient_id=patient.patient_id,
        reason_code=code,
    )
    tx.emit(
        BreakGlassOpened(
            patient_id=patient.patient_id,
            opening_id=opening_id,
            reader_campus_id=tx.campus,
            reason_code=code,
            valid_to=grant.valid_to,
        )
    )
    return OpeningView.model_validate(opening)


def _stated(command: BreakGlass, policy: BreakGlassPolicy) -> tuple[str, str]:
    """Reason code and text of an opening. Raises BreakGlassReasonMissing."""
    reason = command.reason or ""
    errors = []
    if command.reason_code not in policy.reasons:
        errors.append({"field": "reason_code", "message": f"请从这些原因中选择：{'、'.join(policy.reasons.values())}"})
    if len(reason) < policy.shortest_reason:
        errors.append({"field": "reason", "message": f"至少写 {policy.shortest_reason} 个字"})
    if command.reason_code is None or errors:
        raise problems.BreakGlassReasonMissing(
            f"请选择紧急调阅的原因，并写明不少于 {policy.shortest_reason} 个字的说明；本次尝试已留痕。", errors=errors
        )
    return command.reason_code, reason


def _working_days_after(moment: datetime, days: int) -> datetime:
    while days:
        moment += timedelta(days=1)
        days -= moment.astimezone(SHANGHAI).weekday() < 5
    return moment


def review_opening(tx: Tx, opening_id: UUID, command: ReviewOpening) -> OpeningView:
    """The privacy officer of the reader's campus judges an opening. Raises SamePerson, AlreadyReviewed."""
    opening = tx.session.first(care.OPENING, opening_id=opening_id, campus=tx.campus)
    if opening is None:
        raise NotFound("本院区没有这次紧急调阅，请刷新后重新选择。")
    tx.assert_distinct([opening.reader_subject], "本人的紧急调阅须由他人审查。")
    row = tx.session.first(
        care.REVIEW, id_=opening_id, says=command.verdict, follows=command.action, at=tx.now, by=tx.actor.subject
    )
    if row is None:
        raise problems.AlreadyReviewed("这次紧急调阅已有审查结论，请刷新后核对。")
    owner = survivor(tx, row.patient_id).patient_id
    tx.audit("record_access.reviewed", "break_glass", opening_id, patient_id=owner, verdict=command.verdict)
    tx.emit(BreakGlassReviewed(patient_id=owner, opening_id=opening_id, verdict=command.verdict))
    return OpeningView.model_validate(row)


def openings(tx: Tx, *, reviewed_too: bool, before: UUID, limit: int) -> list[BreakGlassOpening]:
    """Emergency openings by staff of the acting campus, newest first."""
    found = tx.session.all(
        care.OPENINGS, campus=tx.campus, before=before, limit=limit, all_="yes" if reviewed_too else "no"
    )
    for one in found:
        tx.audit("record_access.listed", "break_glass", one.opening_id, patient_id=one.patient_id)
    return found


def set_confidentiality(tx: Tx, patient_id: UUID, command: SetConfidentiality) -> PatientView:
    """Restrict a record (受限) or lift it: hidden from lists and name search but where treated. Raises Stale."""
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    disputed = tx.session.send(people.DISPUTED, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    tx.check_version(patient.version, command.version)
    level = "restricted" if command.restricted else "normal"
    changes = {"confidentiality": level, "sensitivity": command.ground if command.restricted else None}
    row = change_patient(tx, patient, changes, "confidentiality", evidence=command.ground)
    tx.audit(f"patient.{level}", "patient", patient.patient_id, patient_id=patient.patient_id, ground=command.ground)
    return patient_view(row, identifiers.all(), tx.now, disputed=disputed.one())


def access_log(tx: Tx, patient_id: UUID, before: datetime, before_id: UUID, limit: int) -> list[LogEntry]:
    """Who read or changed a person's record at any campus (谁查看过我的档案), newest first."""
    ids = group_ids(tx, patient_id)
    return tx.session.all(care.ACCESS_LOG, ids=ids, before=before, before_id=before_id, limit=limit)


def log_views(tx: Tx, found: Sequence[LogEntry]) -> list[AccessLogEntry]:
    """The register in words, campus names among them."""
    names = {code: organisation.campus(tx, code).short_name for code in sorted({entry.campus_id for entry in found})}
    return [
        AccessLogEntry(
            entry_id=entry.entry_id,
            at=entry.at,
            campus_id=entry.campus_id,
            campus_name=names[entry.campus_id],
            actor_name=entry.actor_name,
            own=entry.actor == tx.actor.subject,
            action=entry.action,
            action_label=rules.act_label(entry.action),
            reason=entry.reason,
            reason_label=None if entry.reason is None else rules.reason_label(entry.reason),
        )
        for entry in found
    ]
