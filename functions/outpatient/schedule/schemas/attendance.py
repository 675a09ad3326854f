"""Attendance set right: requests and answers."""

from uuid import UUID

from pydantic import model_validator

from functions.outpatient.schedule.schemas.plans import Instant, Version
from shared.schemas import Input, LongText, Moment, View


class CorrectAttendance(Input):
    """When the doctor really came and went, and what proves it. Without times: the doctor was not there."""

    opened_at: Instant | None = None
    closed_at: Instant | None = None
    ground: LongText

    @model_validator(mode="after")
    def _both_or_none(self) -> "CorrectAttendance":
        if (self.opened_at is None) != (self.closed_at is None):
            raise ValueError("签到和签退时间须同时填写；确未出诊的都不填")
        return self


class DecideCorrection(Input):
    version: Version
    approve: bool
    note: LongText | None = None


class CorrectionView(View):
    """A correction. Status: requested, approved, refused. Outcomes: on_time, late, early_leave, absent."""

    correction_id: UUID
    session_id: UUID
    doctor_id: UUID
    before_opened_at: Moment | None
    before_closed_at: Moment | None
    before_outcome: str
    opened_at: Moment | None
    closed_at: Moment | None
    outcome: str
    ground: str
    requested_by_name: str
    requested_at: Moment
    status: str
    decided_by_name: str | None
    decided_at: Moment | None
    decide_note: str | None
    version: int
