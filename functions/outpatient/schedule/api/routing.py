"""The one router of the schedule, the parameters its lists share, and how a session is shown."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Session
from functions.outpatient.schedule.schemas.plans import FindingView, SessionView
from shared.http import Router

router = Router()
FIRST = UUID(int=0)
LAST = UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]
Cursor = Annotated[str | None, Parameter(max_length=64)]


def session_view(session: Session, slots: int) -> SessionView:
    own = {"slots", "partly_stopped"}
    fields = {name: getattr(session, name) for name in SessionView.model_fields if name not in own}
    return SessionView(**fields, slots=slots, partly_stopped=session.partly_stopped_at is not None)


def finding_views(found: list[rules.Finding]) -> list[FindingView]:
    return [FindingView.model_validate(one) for one in found]
