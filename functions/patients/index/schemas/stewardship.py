"""Duplicates, merges and disputes: the steward's desk."""

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.patients.index.schemas.values import PersonName, Version
from shared.schemas import Input, Moment, Text, View

MERGEABLE = (
    "name",
    "sex",
    "birth_date",
    "ethnic_group",
    "nationality",
    "marital_status",
    "occupation",
    "education",
    "native_place",
    "registered_address",
    "current_address",
    "phone",
    "employer",
    "payer_kind",
    "photo_file_id",
    "blood_group",
)
"""Fields a survivor may take over from the retired record, one by one."""


class ProposePair(Input):
    """Two records a registrar takes for one person."""

    first_id: UUID
    second_id: UUID


class PairView(View):
    """A pair to decide about. `points` says which fields counted how much."""

    candidate_id: UUID
    first_id: UUID
    second_id: UUID
    score: Decimal
    suspicion: str
    points: dict[str, Decimal]
    status: str
    proposed_at: Moment
    due_at: Moment


class SideView(View):
    """One record of a pair, unmasked for the steward."""

    patient_id: UUID
    survivor_id: UUID
    empi_no: str
    name: str
    sex: str
    birth_date: date
    phone: str | None
    address: str | None
    identity_level: str
    identifiers: list[str]
    created_campus_id: str
    created_at: Moment
    version: int


class PairDetails(View):
    """Both records side by side and the fields in which they differ."""

    pair: PairView
    first: SideView
    second: SideView
    differing: list[str]


class DecideNotSame(Input):
    """Two people: not proposed again unless an identifying field changes."""

    reason: Text


class MergePatients(Input):
    """Join two records. `chosen` names the fields the survivor takes over from the retired one."""

    survivor_id: UUID
    retired_id: UUID
    survivor_version: Version
    retired_version: Version
    chosen: list[Annotated[str, Field(pattern="^[a-z_]{2,40}$")]] = Field(default_factory=list, max_length=20)
    reason: Text
    evidence_file_id: UUID | None = None
    confirmed: list[str] = Field(default_factory=list, max_length=10)
    """Codes of warnings the steward has read."""


class RejectMerge(Input):
    reason: Text


class MergeView(View):
    """A merge: pending until a second steward confirms, done, undone or rejected."""

    merge_id: UUID
    survivor_id: UUID
    retired_id: UUID
    status: str
    chosen_fields: list[str]
    reason: str
    requested_at: Moment
    requested_by: str
    merged_at: Moment | None
    confirmed_by: str | None
    ended_at: Moment | None


class Assignment(Input):
    """Whose a record written after the merge is."""

    kind: Annotated[str, Field(pattern="^(identifier|allergy|alert|relation|consent)$")]
    record_id: UUID
    belongs_to: Annotated[str, Field(pattern="^(survivor|retired)$")]


class UnmergePatients(Input):
    """Take a merge back, with a decision for each record written since."""

    reason: Text
    assignments: list[Assignment] = Field(default_factory=list, max_length=1000)


class RecordSince(View):
    """A record written after the merge."""

    kind: str
    record_id: UUID
    patient_id: UUID
    summary: str
    written_at: Moment


class OpenDispute(Input):
    """A number is claimed by somebody of another name."""

    claimed_name: PersonName
    identifier_id: UUID | None = None
    reason: Text


class SettleDispute(Input):
    """holder_right: the number is the holder's; identifier_revoked: it is not and is revoked; misused: 冒用."""

    outcome: Annotated[str, Field(pattern="^(holder_right|identifier_revoked|misused)$")]
    settlement: Text


class DisputeView(View):
    dispute_id: UUID
    patient_id: UUID
    identifier_id: UUID | None
    claimed_name: str
    reason: str
    status: str
    opened_at: Moment
    outcome: str | None
    settled_at: Moment | None
