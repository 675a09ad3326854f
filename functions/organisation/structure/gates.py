"""Gates of the organisation."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.gates import Gate


@dataclass(frozen=True, slots=True)
class UnitToClose:
    """A unit (科室) about to be closed; `closes_on` is the first day without it."""

    unit_id: UUID
    campus_id: str
    closes_on: date


before_close_unit: Gate[UnitToClose] = Gate("organisation/structure: before_close_unit")
"""Blocked by open visits (outpatient/registration), published sessions (outpatient/schedule), inpatients
(inpatient/adt), unsettled money (payments/billing) and stock (pharmacy/warehouse, materials/consumables)."""
