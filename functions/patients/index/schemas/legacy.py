"""Requests and answers of the migration of an old index."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.schemas import Input, Moment, Text, View

Cell = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")]
"""What a cell of the old system held, right or wrong: judged row by row, never refused as a whole."""


class OpenImport(Input):
    """Announce a file: where it comes from and how many rows it has."""

    source: Text
    rows: Annotated[int, Field(ge=1, le=2_000_000)]


class LegacyPerson(Input):
    """One person of the old system. `legacy_no` is that system's own number; the rest may be missing."""

    legacy_no: Cell = ""
    name: Cell = ""
    sex: Cell = ""
    birth_date: Cell = ""
    document_no: Cell = ""
    phone: Cell = ""
    insurance_person_no: Cell = ""
    visit_card_no: Cell = ""
    health_card_no: Cell = ""
    social_card_no: Cell = ""
    address: Cell = ""
    region: Cell = ""
    township: Cell = ""
    village: Cell = ""


class SendRows(Input):
    """A chunk of the file, from row number `first` on."""

    first: Annotated[int, Field(ge=1)]
    people: Annotated[list[LegacyPerson], Field(min_length=1, max_length=2000)]


class MoveImport(Input):
    """Go on with the version that was seen."""

    version: Annotated[int, Field(ge=1)]


class ImportView(View):
    """How far an import is; the four outcomes add up to `done`."""

    import_id: UUID
    source: str
    rows: int
    received: int
    status: str
    done: int
    new: int
    linked: int
    suspected: int
    rejected: int
    digest: str | None
    opened_at: Moment
    ended_at: Moment | None
    version: int


class LegacyRowView(View):
    """What became of a row, and why."""

    row_no: int
    legacy_no: str
    outcome: str
    reason: str | None
    patient_id: UUID | None
