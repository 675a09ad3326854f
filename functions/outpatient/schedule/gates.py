"""Gates of the clinic schedule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.organisation.structure.gates import UnitToClose
from functions.outpatient.schedule.queries import plans
from shared.gates import Gate, Objection
from shared.schemas import midnight
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class SessionToPublish:
    """A session about to be put on sale."""

    session_id: UUID
    doctor_id: UUID | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SessionToStop:
    """A session whose stop is considered (停诊预览), with the visits that took its numbers."""

    session_id: UUID
    visit_ids: tuple[UUID, ...]


before_publish: Gate[SessionToPublish] = Gate("outpatient/schedule: before_publish")
"""hrp/personnel blocks approved leave and warns of night duty; diagnostics/anaesthesia warns of the operation list."""


stop_considered: Gate[SessionToStop] = Gate("outpatient/schedule: stop_considered")
"""What a stop would touch elsewhere is named as `inform`: money paid, by payments/billing. It blocks no stop."""


def answer_before_close_unit(tx: Tx, question: UnitToClose) -> Iterable[Objection]:
    """A unit with sessions on sale on its first day away, or later, stays open; what is only planned is told."""
    first = midnight(question.closes_on)
    found = tx.session.all(
        plans.SESSIONS_OF_UNIT_FROM,
        campus=question.campus_id,
        unit_id=question.unit_id,
        since=max(first, tx.now),
        day_from=question.closes_on,
    )
    selling = [one for one in found if one.status in ("published", "open")]
    if selling:
        yield Objection(
            "block",
            "unit_has_sessions",
            f"该科室自 {question.closes_on:%Y-%m-%d} 起还有已发布的出诊班次（最早 {selling[0].day:%Y-%m-%d}）",
            "请先停诊或待班次结束，或推迟关闭日期",
        )
    elif found:
        yield Objection(
            "warn",
            "unit_has_drafts",
            f"该科室自 {question.closes_on:%Y-%m-%d} 起还有未发布的排班",
            "关闭后这些排班不能再发布，请作废草稿并停用排班模板",
        )
