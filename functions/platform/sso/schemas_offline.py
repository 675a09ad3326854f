"""Inputs and outputs of signing on at a campus's bridge while the line is down."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.schemas import Code, Input, Moment, View


class VerifierView(View):
    """What a bridge recognises one person by; how is told in rules_offline."""

    staff_id: UUID
    staff_no: str
    name: str
    posts: list[str]
    """Posts held at this campus."""
    card_hint: str
    pin_salt: str
    """Hexadecimal."""
    verifier: str
    """Argon2id, PHC notation."""


class VerifierIssueView(View):
    """Verifiers for a bridge, complete: who is not in it signs on no more. A repeated command gets `pending` and none;
    ask anew."""

    state: Literal["done", "pending"]
    issue_id: UUID | None
    issued_at: Moment | None
    valid_to: Moment | None
    waiting: int
    """People whose verifier is not made yet; they are in the next issue."""
    people: list[VerifierView]


class IssueView(View):
    """That verifiers were handed out: to which bridge, how many people's, until when."""

    issue_id: UUID
    bridge: str
    issued_at: Moment
    valid_to: Moment
    people: int


class OfflineSignOn(Input):
    """One sign-on at the bridge: opened (then it has ended, too), refused for a wrong PIN, or locked by it."""

    entry_id: UUID
    staff_id: UUID
    workstation: Code
    outcome: Literal["opened", "refused", "locked"]
    opened_at: Moment
    ended_at: Moment | None = None


class TellOfflineSignOns(Input):
    sessions: list[OfflineSignOn] = Field(min_length=1, max_length=200)


class ToldView(View):
    received: int
    repeated: int
    not_issued: int
    """Of those received: opened although no issue allowed it; security looks at them."""


class OfflineSessionView(View):
    session_id: UUID
    entry_id: UUID
    staff_id: UUID
    workstation: str
    outcome: str
    opened_at: Moment
    ended_at: Moment | None
    issue_id: UUID | None
    bridge: str
    received_at: Moment
