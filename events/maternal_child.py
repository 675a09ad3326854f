"""Events of the maternal and child area."""

from datetime import date, datetime
from uuid import UUID

from events.envelope import Event


class PregnancyRegistered(Event, type="maternal_child.pregnancy.pregnancy_registered", subject="pregnancy_id"):
    """A pregnancy is on file (建册). The patient index warns everybody who treats the woman."""

    pregnancy_id: UUID
    patient_id: UUID
    expected_date: date
    """Expected date of delivery (预产期)."""


class EddChanged(Event, type="maternal_child.pregnancy.edd_changed", subject="pregnancy_id"):
    """The expected date of delivery was corrected, by an early scan for instance."""

    pregnancy_id: UUID
    patient_id: UUID
    expected_date: date


class DeliveryRecorded(Event, type="maternal_child.pregnancy.delivery_recorded", subject="pregnancy_id"):
    """A child was born: one event for each. The first one ends the pregnancy."""

    pregnancy_id: UUID
    patient_id: UUID
    delivery_id: UUID
    delivered_at: datetime


class PregnancyClosed(Event, type="maternal_child.pregnancy.pregnancy_closed", subject="pregnancy_id"):
    """The file of a pregnancy is closed: after the birth, or because it ended or was entered by mistake."""

    pregnancy_id: UUID
    patient_id: UUID
    reason: str
    """Code of the closing reason."""


class CertificateIssued(Event, type="maternal_child.birth_certificate.certificate_issued", subject="certificate_id"):
    """A birth certificate was handed out (出生医学证明首次签发). The patient index binds its number to the
    child and gives the child the name the parents registered, which stands nowhere else the index could read it."""

    certificate_id: UUID
    certificate_no: str
    newborn_id: UUID
    """Patient id of the child."""
    mother_id: UUID
    """Patient id of the mother."""
    registered_name: str
    issued_at: datetime
