"""Events of the patient index. Their subject is the survivor: the record that speaks for the person at that moment."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.envelope import Event


class PatientRegistered(Event, type="patients.index.patient_registered", subject="patient_id"):
    """A person is new in the index. `way`: document, unidentified (无名氏), undocumented, newborn."""

    patient_id: UUID
    way: str
    identity_level: str


class PatientUpdated(Event, type="patients.index.patient_updated", subject="patient_id"):
    """A person's data changed: names of the fields, never their values. Mother-and-child modules read them again."""

    patient_id: UUID
    fields: list[str]


class IdentifierBound(Event, type="patients.index.identifier_bound", subject="patient_id"):
    """A card or number now names the person."""

    patient_id: UUID
    identifier_id: UUID
    identifier_type: str


class IdentifierRevoked(Event, type="patients.index.identifier_revoked", subject="patient_id"):
    """A card or number is no longer used: lost, replaced or revoked."""

    patient_id: UUID
    identifier_id: UUID
    identifier_type: str
    status: str


class IdentityVerified(Event, type="patients.index.identity_verified", subject="patient_id"):
    """The identity is proven further: document_seen, chip_read, police_verified."""

    patient_id: UUID
    level: str


class DuplicateSuspected(Event, type="patients.index.duplicate_suspected", subject="patient_id"):
    """Two records may be of one person (疑似重复). `suspicion`: high or likely."""

    patient_id: UUID
    other_id: UUID
    candidate_id: UUID
    score: Decimal
    suspicion: str


class PatientsMerged(Event, type="patients.index.patients_merged", subject="survivor_id"):
    """Records were linked: `member_ids` speak through the survivor from now on. Whoever keeps a patient id of
    its own, in a queue or on a screen, points it to the survivor; rows keep the id they were written with."""

    survivor_id: UUID
    retired_id: UUID
    member_ids: list[UUID]
    merge_id: UUID


class PatientsUnmerged(Event, type="patients.index.patients_unmerged", subject="survivor_id"):
    """A merge was taken back: `member_ids` speak through `retired_id` again."""

    survivor_id: UUID
    retired_id: UUID
    member_ids: list[UUID]
    merge_id: UUID


class AllergyRecorded(Event, type="patients.index.allergy_recorded", subject="patient_id"):
    """An allergy is on record, or the statement that there is none. Prescribing and anaesthesia check against it."""

    patient_id: UUID
    allergy_id: UUID
    statement: str
    substance_code: str | None
    category: str | None
    severity: str | None


class AllergyRefuted(Event, type="patients.index.allergy_refuted", subject="patient_id"):
    """A clinician found that an allergy does not hold."""

    patient_id: UUID
    allergy_id: UUID


class AlertChanged(Event, type="patients.index.alert_changed", subject="patient_id"):
    """A warning began or ended: implant, pregnancy, isolation, fall..."""

    patient_id: UUID
    alert_id: UUID
    kind: str
    active: bool


class PatientDeceased(Event, type="patients.index.patient_deceased", subject="patient_id"):
    """A death is on record, or with `reversed` it was taken back. Booking and messages stop or go on."""

    patient_id: UUID
    died_at: datetime | None
    reversed: bool


class RecordAccessGranted(Event, type="patients.index.record_access_granted", subject="patient_id"):
    """A campus may read the person's records of other campuses until a moment."""

    patient_id: UUID
    grant_id: UUID
    reader_campus_id: str
    basis: str
    valid_to: datetime


class RecordAccessEnded(Event, type="patients.index.record_access_ended", subject="patient_id"):
    """A record access ends at a moment, which may lie ahead."""

    patient_id: UUID
    grant_id: UUID
    reader_campus_id: str
    valid_to: datetime


class BreakGlassOpened(Event, type="patients.index.break_glass_opened", subject="patient_id"):
    """A clinician opened the records in an emergency: the mini-program shows it, the privacy officer reviews it."""

    patient_id: UUID
    opening_id: UUID
    reader_campus_id: str
    reason_code: str
    valid_to: datetime


class BreakGlassReviewed(Event, type="patients.index.break_glass_reviewed", subject="patient_id"):
    """The privacy officer said whether an emergency opening was justified."""

    patient_id: UUID
    opening_id: UUID
    verdict: str


class ConsentChanged(Event, type="patients.index.consent_changed", subject="patient_id"):
    """A consent was given or withdrawn."""

    patient_id: UUID
    consent_id: UUID
    kind: str
    given: bool
