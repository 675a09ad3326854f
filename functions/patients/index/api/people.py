"""Routes: register, find, read and correct people, and their numbers."""

from uuid import UUID

from functions.patients.index import service
from functions.patients.index.api.routing import FIRST, LAST, Cursor, Limit, Reason, read_cursor, router
from functions.patients.index.queries import care
from functions.patients.index.schemas.people import (
    BindIdentifier,
    ChangeView,
    CorrectionView,
    CorrectPatient,
    DecideCorrection,
    FindPatients,
    FoundPatients,
    IdentifierView,
    PatientDetails,
    PatientView,
    PendingCorrection,
    RecordDeath,
    RegisterPatient,
    RegisterUndocumented,
    RegisterUnidentified,
    ReplaceIdentifier,
    Resolved,
    ResolveIds,
    ReverseDeath,
    StopIdentifier,
    VerifyIdentity,
)
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/patients")
@command("patients.index.write")
def register_patient(tx: Tx, body: RegisterPatient) -> PatientView:
    """Register a person by document (建档), or find the one who has it."""
    return service.register_patient(tx, body)


@router.post("/patients/unidentified", status_code=201)
@command("patients.index.write")
def register_unidentified(tx: Tx, body: RegisterUnidentified) -> PatientView:
    """Register a person nobody can name (无名氏)."""
    return service.register_unidentified(tx, body)


@router.post("/patients/undocumented", status_code=201)
@command("patients.index.write")
def register_undocumented(tx: Tx, body: RegisterUndocumented) -> PatientView:
    """Register a person without document."""
    return service.register_undocumented(tx, body)


@router.post("/patients/find")
@query("patients.index.read")
def find_patients(tx: Tx, body: FindPatients) -> FoundPatients:
    """Find people (检索). A body, so that names and numbers stay out of addresses and their logs."""
    return service.find(tx, body)


@router.post("/patients/resolve")
@query("patients.index.read")
def resolve_patients(tx: Tx, body: ResolveIds) -> Resolved:
    """Survivors of ids and numbers, up to 1,000 each."""
    return service.resolve_many(tx, body)


@router.get("/patients/{patient_id}")
@query("patients.index.read")
def read_patient(tx: Tx, patient_id: UUID, reason: Reason = None) -> PatientView:
    """A person for the counter, phone and numbers masked."""
    return service.view(tx, patient_id, reason)


@router.get("/patients/{patient_id}/details")
@query("patients.index.write")
def read_details(tx: Tx, patient_id: UUID, reason: Reason = None) -> PatientDetails:
    """Everything of a person unmasked; the reading is logged (显示完整信息)."""
    return service.details(tx, patient_id, reason)


@router.get("/patients/{patient_id}/history")
@query("patients.index.write")
def read_history(
    tx: Tx, patient_id: UUID, limit: Limit = 50, cursor: Cursor = None, reason: Reason = None
) -> Page[ChangeView]:
    """Changes of identity, newest first (变更记录)."""
    found = service.history(tx, patient_id, read_cursor(cursor, LAST), limit, reason)
    return Page[ChangeView](
        items=[ChangeView.model_validate(change) for change in found],
        next=str(found[-1].change_id) if len(found) == limit else None,
    )


@router.post("/patients/{patient_id}/corrections")
@command("patients.index.write")
def correct_patient(tx: Tx, patient_id: UUID, body: CorrectPatient) -> CorrectionView:
    """Complete or correct a person's data (更正)."""
    return service.correct_patient(tx, patient_id, body)


@router.get("/corrections")
@query("patients.index.write")
def list_corrections(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[PendingCorrection]:
    """Corrections that wait for a second person (待核对更正)."""
    found = tx.session.all(care.CORRECTIONS, after=read_cursor(cursor, FIRST), limit=limit)
    for correction in found:
        tx.audit("patient.correction_read", "correction", correction.correction_id, patient_id=correction.patient_id)
    return Page[PendingCorrection](
        items=[service.pending_correction(correction) for correction in found],
        next=str(found[-1].correction_id) if len(found) == limit else None,
    )


@router.post("/corrections/{correction_id}/confirm")
@command("patients.index.write")
def confirm_correction(tx: Tx, correction_id: UUID) -> CorrectionView:
    """Agree as the second person (双人核对)."""
    return service.confirm_correction(tx, correction_id)


@router.post("/corrections/{correction_id}/reject", status_code=204)
@command("patients.index.write")
def reject_correction(tx: Tx, correction_id: UUID, body: DecideCorrection) -> None:
    """Disagree as the second person, with the reason."""
    service.reject_correction(tx, correction_id, body)


@router.post("/patients/{patient_id}/identity-level")
@command("patients.index.write")
def verify_identity(tx: Tx, patient_id: UUID, body: VerifyIdentity) -> PatientView:
    """Raise the identity level on evidence (核实身份)."""
    return service.verify_identity(tx, patient_id, body)


@router.post("/patients/{patient_id}/identifiers", status_code=201)
@command("patients.index.write")
def bind_identifier(tx: Tx, patient_id: UUID, body: BindIdentifier) -> IdentifierView:
    """Bind a card or number (绑定)."""
    return service.bind_identifier(tx, patient_id, body)


@router.post("/identifiers/{identifier_id}/lost")
@command("patients.index.write")
def report_lost(tx: Tx, identifier_id: UUID, body: StopIdentifier) -> IdentifierView:
    """Report a card lost (挂失); every campus refuses it at once."""
    return service.report_lost(tx, identifier_id, body)


@router.post("/identifiers/{identifier_id}/revoke")
@command("patients.index.write")
def revoke_identifier(tx: Tx, identifier_id: UUID, body: StopIdentifier) -> IdentifierView:
    """End the use of a card or number for good (注销)."""
    return service.revoke_identifier(tx, identifier_id, body)


@router.post("/identifiers/{identifier_id}/replace", status_code=201)
@command("patients.index.write")
def replace_identifier(tx: Tx, identifier_id: UUID, body: ReplaceIdentifier) -> IdentifierView:
    """Give a new card for an old or lost one (换卡)."""
    return service.replace_identifier(tx, identifier_id, body)


@router.post("/patients/{patient_id}/death")
@command("patients.index.merge")
def record_death(tx: Tx, patient_id: UUID, body: RecordDeath) -> PatientView:
    """Record a death with its certificate (死亡登记)."""
    return service.record_death(tx, patient_id, body)


@router.post("/patients/{patient_id}/death/reverse")
@command("patients.index.merge")
def reverse_death(tx: Tx, patient_id: UUID, body: ReverseDeath) -> PatientView:
    """Take a recorded death back on evidence (撤销死亡登记)."""
    return service.reverse_death(tx, patient_id, body)
