"""Routes of coders' questions, rulings and proposals."""

from uuid import UUID

from functions.catalogue.codes import service
from functions.catalogue.codes.api.routing import LAST, Limit, System, router
from functions.catalogue.codes.schemas.asking import (
    AskQuestion,
    DecideProposal,
    ProposalView,
    ProposeCode,
    QuestionView,
    RuleQuestion,
    RulingView,
)
from functions.catalogue.codes.service import Proposal, Question
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/systems/{system}/questions", status_code=201)
@command("catalogue.codes.use")
def ask_question(tx: Tx, system: System, body: AskQuestion) -> QuestionView:
    """Ask how to code something (编码问题)."""
    return _question(service.ask_question(tx, system, body))


@router.get("/systems/{system}/questions")
@query("catalogue.codes.read")
def list_questions(
    tx: Tx, system: System, unanswered: bool = False, limit: Limit = 50, cursor: UUID | None = None
) -> Page[QuestionView]:
    """Questions on a system with their rulings, latest first."""
    found = service.questions(tx, system, cursor or LAST, limit, unanswered=unanswered)
    return Page[QuestionView](
        items=[_question(one) for one in found],
        next=str(found[-1].question.question_id) if len(found) == limit else None,
    )


@router.post("/questions/{question_id}/rulings", status_code=201)
@command("catalogue.codes.write")
def rule_question(tx: Tx, question_id: UUID, body: RuleQuestion) -> QuestionView:
    """Rule how a question is coded (编码裁定)."""
    return _question(service.rule_question(tx, question_id, body))


@router.post("/systems/{system}/proposals", status_code=201)
@command("catalogue.codes.use")
def propose_code(tx: Tx, system: System, body: ProposeCode) -> ProposalView:
    """Propose a code to the standard manager (编码建议)."""
    return _proposal(service.propose_code(tx, system, body))


@router.get("/proposals")
@query("catalogue.codes.read")
def list_proposals(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[ProposalView]:
    """Proposals of all campuses and what became of them, latest first."""
    found = service.proposals(tx, cursor or LAST, limit)
    return Page[ProposalView](
        items=[_proposal(one) for one in found],
        next=str(found[-1].proposal.proposal_id) if len(found) == limit else None,
    )


@router.post("/proposals/{proposal_id}/decision", status_code=201)
@command("catalogue.codes.write")
def decide_proposal(tx: Tx, proposal_id: UUID, body: DecideProposal) -> ProposalView:
    """Take a proposal up, or decline it (答复建议)."""
    return _proposal(service.decide_proposal(tx, proposal_id, body))


def _question(one: Question) -> QuestionView:
    row = one.question
    return QuestionView(
        question_id=row.question_id,
        campus_id=row.campus_id,
        system=row.system,
        code=row.code,
        question=row.question,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        rulings=[RulingView.model_validate(ruling) for ruling in one.rulings],
    )


def _proposal(one: Proposal) -> ProposalView:
    row = one.proposal
    return ProposalView(
        proposal_id=row.proposal_id,
        campus_id=row.campus_id,
        system=row.system,
        wish=row.wish,
        reason=row.reason,
        proposed_at=row.proposed_at,
        proposed_by=row.proposed_by,
        accepted=one.ruling.accepted if one.ruling else None,
        answer=one.ruling.ruling if one.ruling else None,
    )
