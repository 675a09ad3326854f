"""Gates of the patient index."""

from dataclasses import dataclass
from uuid import UUID

from shared.gates import Gate


@dataclass(frozen=True, slots=True)
class PatientsToMerge:
    """Two people about to become one: the survivors and every record of either."""

    survivor_id: UUID
    retired_id: UUID
    record_ids: frozenset[UUID]


before_merge: Gate[PatientsToMerge] = Gate("patients/index: before_merge")
"""payments/billing blocks while a settlement of either is open (正在结算); the way out is to finish it and retry."""
