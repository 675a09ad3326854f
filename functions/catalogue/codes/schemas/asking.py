"""Requests and answers about coders' questions and proposals."""

from typing import Any
from uuid import UUID

from functions.catalogue.codes.schemas import CodeText
from shared.schemas import Input, LongText, Moment, Text, View


class AskQuestion(Input):
    code: CodeText | None = None
    question: LongText


class RuleQuestion(Input):
    """How it is to be coded, with the source."""

    ruling: LongText


class RulingView(View):
    ruling: str
    ruled_at: Moment
    ruled_by: str


class QuestionView(View):
    """A question and its rulings; the last one holds."""

    question_id: UUID
    campus_id: str
    system: str
    code: str | None
    question: str
    asked_at: Moment
    asked_by: str
    rulings: list[RulingView]


class ProposeCode(Input):
    code: CodeText
    display: Text
    parent: CodeText | None = None
    reason: LongText


class DecideProposal(Input):
    accepted: bool
    answer: LongText


class ProposalView(View):
    """A proposal; `accepted` and `answer` are null until it is decided."""

    proposal_id: UUID
    campus_id: str
    system: str
    wish: dict[str, Any]
    reason: str
    proposed_at: Moment
    proposed_by: str
    accepted: bool | None
    answer: str | None
