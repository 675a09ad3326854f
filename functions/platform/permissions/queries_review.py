"""What is read, locked and changed of quarterly reviews and of comparisons with the realm."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, bindparam, insert, or_, select, update

from functions.platform.permissions.models import Attestation, AttestationLine, Reconciliation
from shared.database.query import Query, among, constant, one_of

# -- attestations

ATTESTATIONS = Query(
    Attestation,
    select(Attestation)
    .where(
        Attestation.campus_id == bindparam("campus"),
        Attestation.attestation_id < bindparam("before"),
        or_(bindparam("whole", type_=Boolean), among(Attestation.unit_id, "units")),
    )
    .order_by(Attestation.attestation_id.desc())
    .limit(bindparam("limit")),
)
ATTESTATION = Query(Attestation, select(Attestation).where(Attestation.attestation_id == bindparam("id_")))
ATTESTED_UNITS = Query(
    UUID,
    select(Attestation.unit_id)
    .where(Attestation.campus_id == bindparam("campus"), Attestation.quarter == bindparam("quarter"))
    .limit(1),
)
LINES = Query(
    AttestationLine,
    select(AttestationLine).where(AttestationLine.attestation_id == bindparam("id_")).order_by(AttestationLine.line_id),
)
ANSWER = Query(
    Attestation,
    update(Attestation)
    .where(
        Attestation.attestation_id == bindparam("id_"),
        Attestation.version == bindparam("seen"),
        one_of(Attestation.state, "open", "overdue"),
    )
    .values(
        state="answered",
        answered_at=bindparam("now"),
        answered_by=bindparam("by"),
        answered_name=bindparam("name"),
        version=Attestation.version + 1,
    )
    .returning(Attestation),
)
JUDGE = Query(
    object,
    update(AttestationLine).where(AttestationLine.line_id == bindparam("id_")).values(verdict=bindparam("verdict_")),
)
SUSPEND = Query(
    object,
    update(AttestationLine)
    .where(AttestationLine.line_id == bindparam("id_"))
    .values(suspended=bindparam("was", type_=AttestationLine.suspended.type)),
)
OVERDUE = Query(
    Attestation,
    update(Attestation)
    .where(
        Attestation.attestation_id.in_(
            select(Attestation.attestation_id)
            .where(
                Attestation.campus_id == bindparam("campus"),
                Attestation.state == constant("open"),
                Attestation.due_at <= bindparam("now"),
            )
            .order_by(Attestation.due_at, Attestation.attestation_id)
            .limit(bindparam("most"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(state="overdue", version=Attestation.version + 1)
    .returning(Attestation),
)

# -- reconciliations


class LastRun(NamedTuple):
    """When the realm was last compared, and what came of it."""

    started_at: datetime
    outcome: str


LAST_RUN = Query(
    LastRun,
    select(Reconciliation.started_at, Reconciliation.outcome).order_by(Reconciliation.started_at.desc()).limit(1),
)
RUNS = Query(
    Reconciliation,
    select(Reconciliation)
    .where(Reconciliation.started_at < bindparam("before"))
    .order_by(Reconciliation.started_at.desc())
    .limit(bindparam("limit")),
)
START_RUN = Query(
    UUID,
    insert(Reconciliation)
    .values(
        run_id=bindparam("run_id"),
        started_at=bindparam("now"),
        outcome="running",
        people=0,
        changes=0,
        differences=0,
        lines=[],
    )
    .returning(Reconciliation.run_id),
)
FINISH_RUN = Query(
    Reconciliation,
    update(Reconciliation)
    .where(Reconciliation.run_id == bindparam("id_"))
    .values(
        outcome=bindparam("outcome_"),
        finished_at=bindparam("now"),
        people=bindparam("people_"),
        changes=bindparam("changes_"),
        differences=bindparam("differences_"),
        lines=bindparam("lines_", type_=Reconciliation.lines.type),
    )
    .returning(Reconciliation),
)
