"""Events of the diagnostics area."""

from typing import Literal
from uuid import UUID

from events.envelope import Event


class BloodGroupConfirmed(Event, type="diagnostics.transfusion.blood_group_confirmed", subject="patient_id"):
    """Two independent determinations agree (血型确认). The patient index shows it as confirmed at every campus."""

    patient_id: UUID
    abo: Literal["A", "B", "O", "AB"]
    rh: Literal["positive", "negative"]
    report_id: UUID
