"""Gates of the organisation."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from shared.gates import Gate


@dataclass(frozen=True, slots=True)
class UnitToClose:
    """A unit (科室) about to be closed; `closes_on` is the first day without it."""

    unit_id: UUID
    campus_id: str
    closes_on: date


@dataclass(frozen=True, slots=True)
class BedToEmpty:
    """A bed (病床) about to be retired, put out of service or moved to another ward. Its row is locked."""

    bed_id: UUID
    ward_id: UUID
    campus_id: str
    at: datetime
    change: Literal["retire", "out_of_service", "move"]


@dataclass(frozen=True, slots=True)
class Leaver:
    """A person (职工) whose leaving is decided or considered; `leaves_at` is the minute it takes effect."""

    staff_id: UUID
    campus_id: str
    leaves_at: datetime


before_close_unit: Gate[UnitToClose] = Gate("organisation/structure: before_close_unit")
"""Blocked by open visits (outpatient/registration), published sessions (outpatient/schedule), inpatients
(inpatient/adt), unsettled money (payments/billing) and stock (pharmacy/warehouse, materials/consumables)."""

before_empty_bed: Gate[BedToEmpty] = Gate("organisation/structure: before_empty_bed")
"""Blocked by a patient in the bed or one it is kept for (inpatient/adt)."""

open_work: Gate[Leaver] = Gate("organisation/structure: open_work")
"""What a person leaves open (离职交接): each module names it as `inform`, with a code of its own, and in `way_out` who
may take it over. Nobody is kept from leaving by it."""
