"""Answers: identity checks with the police."""

from uuid import UUID

from shared.schemas import Moment, View


class CheckView(View):
    """A question to the police. Status: waiting (待核验), matched, mismatched, unknown, outdated."""

    check_id: UUID
    patient_id: UUID
    status: str
    asked_at: Moment
    attempts: int
    next_at: Moment
    """When it is asked again while it waits."""
    answered_at: Moment | None
    serial: str | None
    """Reference of the police."""
