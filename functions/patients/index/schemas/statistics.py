"""Answers: figures of the index."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from shared.schemas import Moment, View


class RegistrarFigures(View):
    """What one registrar registered in the period; `verified_share` of 1, null without registrations."""

    registrar: str
    """Login subject; what a function did by itself stands under the function's name."""
    registrar_name: str | None
    """Name of the member of staff; null for patients and functions."""
    registered: int
    verified: int
    verified_share: Decimal | None


class CampusFigures(View):
    """The same of a campus, with its registrars."""

    campus_id: str
    registered: int
    verified: int
    verified_share: Decimal | None
    registrars: list[RegistrarFigures]


class StatisticsView(View):
    """Figures of the index. Pairs and people are those of this moment, registrations those of the period."""

    since: date
    until: date
    """Last day of the period."""
    people: int
    merged_records: int
    suspected_high: int
    suspected_likely: int
    overdue: int
    """Open pairs past their day."""
    duplicates_per_10000: Decimal
    """Open pairs for each ten thousand people."""
    nameless: int
    """无名氏 who have no name yet."""
    campuses: list[CampusFigures]


class NamelessView(View):
    """A person who is still 无名氏, and for how many days."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    campus_id: str
    registered_at: Moment
    days: int
