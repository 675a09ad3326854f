"""Payments by what a person at the help desk knows: the patient, the visit, how much and when (spec 56, 18).

Only those of the acting campus. Who is found is on record: a payment tells that somebody was here.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from functions.patients.index.service.read import group_ids
from functions.payments.gateway.models import Payment
from functions.payments.gateway.queries import payments as queries
from shared.schemas import midnight
from shared.tx import Tx


def of_patient(tx: Tx, patient_id: UUID, before: UUID, limit: int) -> list[Payment]:
    """Payments of a person under all their records, so that those of a merged one are found by the survivor, and by
    any number an old slip bears."""
    records = group_ids(tx, patient_id)
    rows = tx.session.all(queries.OF_PATIENT, campus=tx.campus, patients=records, before=before, limit=limit)
    tx.audit("payments.searched", "patient", patient_id, patient_id=patient_id, by="patient", count=len(rows))
    return rows


def of_encounter(tx: Tx, encounter_id: UUID, before: UUID, limit: int) -> list[Payment]:
    """Payments for one visit."""
    rows = tx.session.all(queries.OF_ENCOUNTER, campus=tx.campus, encounter=encounter_id, before=before, limit=limit)
    note(tx, "encounter", rows)
    return rows


def of_amount(tx: Tx, amount: Decimal, day: date, before: UUID, limit: int) -> list[Payment]:
    """Payments of just this amount ordered or paid on a day of Asia/Shanghai."""
    since = midnight(day)
    rows = tx.session.all(
        queries.OF_AMOUNT,
        campus=tx.campus,
        yuan=amount,
        since=since,
        until=since + timedelta(days=1),
        before=before,
        limit=limit,
    )
    note(tx, "amount", rows)
    return rows


def note(tx: Tx, by: str, rows: Sequence[Payment]) -> None:
    """Put a search on record: itself, and with each patient it found."""
    tx.audit("payments.searched", "campus", tx.campus, by=by, count=len(rows))
    for patient_id in dict.fromkeys(row.patient_id for row in rows if row.patient_id is not None):
        tx.audit("payments.found", "patient", patient_id, patient_id=patient_id, by=by)
