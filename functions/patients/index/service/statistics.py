"""Figures of the index: what the steward answers for (重复率, 核实率, 未结无名氏)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.patients.index.queries import statistics
from functions.patients.index.queries.statistics import Nameless, Registrations
from functions.patients.index.schemas.statistics import CampusFigures, RegistrarFigures, StatisticsView
from shared.problems import Invalid
from shared.schemas import midnight
from shared.tx import Tx

LONGEST = timedelta(days=366)
NAMELESS_COUNTED = 10_000


def figures(tx: Tx, since: date, until: date) -> StatisticsView:
    """The index now, and what was registered from one day to another (both counted). Raises Invalid for a period that
    ends before it begins or is longer than a year."""
    if until < since or until - since > LONGEST:
        raise Invalid("统计期间须先后有序，且不超过一年。", errors=[{"field": "until", "message": "期间不符"}])
    size = tx.session.send(statistics.SIZE)
    suspected = tx.session.send(statistics.SUSPECTED, now=tx.now)
    registrations = tx.session.send(
        statistics.REGISTRATIONS, since=midnight(since), until=midnight(until + timedelta(days=1))
    )
    nameless = tx.session.send(statistics.NAMELESS, before=tx.now, limit=NAMELESS_COUNTED)
    people, merged = size.one()
    pairs = {row.suspicion: row for row in suspected.all()}
    high, likely = (pairs[kind].pairs if kind in pairs else 0 for kind in ("high", "likely"))
    tx.audit("index.statistics_read", "patient_index", "all")
    return StatisticsView(
        since=since,
        until=until,
        people=people,
        merged_records=merged,
        suspected_high=high,
        suspected_likely=likely,
        overdue=sum(row.overdue for row in pairs.values()),
        duplicates_per_10000=_rounded(Decimal(10_000) * (high + likely) / people, "0.01") if people else Decimal(0),
        nameless=len(nameless.all()),
        campuses=_campuses(tx, registrations.all()),
    )


def nameless(tx: Tx, before: datetime, limit: int) -> list[Nameless]:
    """Who is still 无名氏, the youngest first."""
    found = tx.session.all(statistics.NAMELESS, before=before, limit=limit)
    for one in found:
        tx.audit("patient.listed_nameless", "patient", one.patient_id, patient_id=one.patient_id)
    return found


def _campuses(tx: Tx, rows: Sequence[Registrations]) -> list[CampusFigures]:
    campuses = []
    accounts = {row.registrar: account for row in rows if (account := _account(row.registrar)) is not None}
    staff = organisation.staff_members(tx, sorted(set(accounts.values()))) if accounts else {}
    names = {subject: staff[account].name for subject, account in accounts.items() if account in staff}
    for campus, group in groupby(rows, lambda row: row.campus_id):
        registrars = list(group)
        registered = sum(row.registered for row in registrars)
        verified = sum(row.verified for row in registrars)
        campuses.append(
            CampusFigures(
                campus_id=campus,
                registered=registered,
                verified=verified,
                verified_share=_share(verified, registered),
                registrars=[
                    RegistrarFigures(
                        registrar=row.registrar,
                        registrar_name=names.get(row.registrar),
                        registered=row.registered,
                        verified=row.verified,
                        verified_share=_share(row.verified, row.registered),
                    )
                    for row in registrars
                ],
            )
        )
    return campuses


def _account(subject: str) -> UUID | None:
    """The id of a member of staff, which is the id of the account too."""
    try:
        return UUID(subject)
    except ValueError:
        return None


def _share(part: int, whole: int) -> Decimal | None:
    return _rounded(Decimal(part) / whole, "0.0001") if whole else None


def _rounded(value: Decimal, to: str) -> Decimal:
    return value.quantize(Decimal(to), ROUND_HALF_UP)
