"""Gates of the clinic schedule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.organisation.structure.gates import UnitToClose
from functions.outpatient.schedule.queries import plans
from shared.gates import Gate, Objection
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class SessionToPublish:
    """A session about to be put on sale."""

    session_id: UUID
    doctor_id: UUID | None
    starts_at: datetime
    ends_at: datetime


before_publish: Gate[SessionToPublish] = Gate("outpatient/schedule: before_publish")
"""hrp/personnel blocks approved leave and warns of night duty; diagnostics/anaesthesia warns of the operation list."""


def answer_before_close_unit(tx: Tx, question: UnitToClose) -> Iterable[Objection]:
    """A unit with sessions on sale stays open."""
    if tx.session.first(plans.OPEN_SESSIONS_OF_UNIT, unit_id=question.unit_id, now=tx.now) is not None:
        yield Objection("block", "unit_has_sessions", "该科室还有已发布的出诊班次", "请先停诊或待班次结束")
