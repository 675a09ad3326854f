"""The comparison of people and templates with the realm (一致性核对): who has to be told, what was found."""

from datetime import datetime, timedelta
from uuid import UUID

from events.platform import DriftRepaired
from functions.platform.permissions import queries, queries_review
from functions.platform.permissions.models import Reconciliation
from shared.ids import new_id
from shared.tx import Tx

EVERY = timedelta(minutes=4)
"""The realm is compared this often at least: a hand-made role is gone within 5 minutes (spec 41)."""
KEPT_LINES = 100


def run_due(tx: Tx) -> bool:
    """Whether the realm should be compared now."""
    last = tx.session.first(queries_review.LAST_RUN)
    return last is None or tx.now - last.started_at >= EVERY


def start_run(tx: Tx) -> UUID:
    """Note that a comparison begins."""
    return tx.session.one(queries_review.START_RUN, run_id=new_id(), now=tx.now)


def finish_run(
    tx: Tx, run_id: UUID, *, people: int, changes: list[str], drift: list[str], failed: str = ""
) -> Reconciliation:
    """Note what a comparison found. Differences made by hand are an alarm (`drift_repaired`)."""
    outcome = "failed" if failed else "repaired" if drift else "clean"
    row = tx.session.one(
        queries_review.FINISH_RUN,
        id_=run_id,
        outcome_=outcome,
        now=tx.now,
        people_=people,
        changes_=len(changes),
        differences_=len(drift),
        lines_=([failed] if failed else [*drift, *changes])[:KEPT_LINES],
    )
    if drift:
        tx.audit("identity.drift_repaired", "reconciliation", run_id, differences=len(drift))
        tx.emit(DriftRepaired(run_id=run_id, differences=len(drift), lines=drift[:KEPT_LINES]))
    return row


def runs(tx: Tx, before: datetime, limit: int) -> list[Reconciliation]:
    """Comparisons, latest first."""
    return tx.session.all(queries_review.RUNS, before=before, limit=limit)


def grants_turning(tx: Tx, since: datetime) -> list[UUID]:
    """Whose single grants began or ended since a moment."""
    return tx.session.all(queries.GRANTS_TURNING, since=since, at=tx.now)
