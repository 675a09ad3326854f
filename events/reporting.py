"""Events of the reporting area."""

from uuid import UUID

from events.envelope import Event


class DeathCertificateRevoked(Event, type="reporting.ncd_death.death_certificate_revoked", subject="certificate_id"):
    """A death certificate (死亡医学证明) no longer holds. `alive`: the death was recorded by mistake, the patient index
    takes it back; otherwise only the paper was wrong, and the death stands until another number comes."""

    certificate_id: UUID
    certificate_no: str
    patient_id: UUID
    alive: bool
    reason: str
