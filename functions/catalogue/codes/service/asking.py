"""Coders' questions and their rulings (编码问题、裁定); what campuses would like in the lists."""

from typing import NamedTuple
from uuid import UUID

from functions.catalogue.codes.models import CodeProposal, CodeQuestion, CodeRuling
from functions.catalogue.codes.problems import ProposalDecided
from functions.catalogue.codes.queries import asking as queries
from functions.catalogue.codes.schemas.asking import AskQuestion, DecideProposal, ProposeCode, RuleQuestion
from functions.catalogue.codes.service.files import require_head
from functions.catalogue.codes.service.registering import system_of
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx


class Question(NamedTuple):
    """A question with its rulings, the one that holds last."""

    question: CodeQuestion
    rulings: list[CodeRuling]


class Proposal(NamedTuple):
    """A proposal and what became of it."""

    proposal: CodeProposal
    ruling: CodeRuling | None


def ask_question(tx: Tx, system: str, command: AskQuestion) -> Question:
    """A coder's question (编码问题), read by the coders of all campuses. Say nothing of a patient in it."""
    system_of(tx, system)
    row = CodeQuestion(
        question_id=new_id(),
        campus_id=tx.campus,
        system=system,
        code=command.code,
        question=command.question,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("code_question.asked", "code_system", system)
    return Question(row, [])


def rule_question(tx: Tx, question_id: UUID, command: RuleQuestion) -> Question:
    """How a question is to be coded from now on (裁定), by the standard manager, for the coders of all campuses.

    A later ruling follows the earlier ones, which stay readable. Raises StandardList, NotFound.
    """
    require_head(tx)
    question = tx.session.first(queries.QUESTION, question_id=question_id)
    if question is None:
        raise NotFound("没有这个编码问题，请刷新后重试。")
    tx.session.add(_ruling(tx, command.ruling, question_id=question_id))
    tx.audit("code_question.ruled", "code_question", question_id)
    return Question(question, tx.session.all(queries.RULINGS, questions=[question_id]))


def questions(tx: Tx, system: str, before: UUID, limit: int, *, unanswered: bool = False) -> list[Question]:
    """Questions on a system with their rulings, latest first; all of them, or those without a ruling."""
    rows = tx.session.all(queries.QUESTIONS, system=system, before=before, limit=limit, unanswered=unanswered)
    rulings = tx.session.all(queries.RULINGS, questions=[row.question_id for row in rows])
    return [Question(row, [one for one in rulings if one.question_id == row.question_id]) for row in rows]


def propose_code(tx: Tx, system: str, command: ProposeCode) -> Proposal:
    """What a campus would like in a consortium list; the standard manager decides."""
    system_of(tx, system)
    row = CodeProposal(
        proposal_id=new_id(),
        campus_id=tx.campus,
        system=system,
        wish=command.model_dump(exclude={"reason"}),
        reason=command.reason,
        proposed_at=tx.now,
        proposed_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("code.proposed", "code_system", system, code=command.code)
    return Proposal(row, None)


def decide_proposal(tx: Tx, proposal_id: UUID, command: DecideProposal) -> Proposal:
    """Take a proposal up or decline it, once, by somebody else than who proposed it; what was taken up is then entered
    as a local code or with the next version. Raises StandardList, SamePerson, ProposalDecided, NotFound."""
    require_head(tx)
    proposal = tx.session.first(queries.PROPOSAL, proposal_id=proposal_id)
    if proposal is None:
        raise NotFound("没有这份编码建议，请刷新后重试。")
    tx.assert_distinct([proposal.proposed_by], "编码建议的提出与答复须由不同人员办理。")
    if tx.session.all(queries.DECISIONS, proposals=[proposal_id]):
        raise ProposalDecided()
    decision = _ruling(tx, command.answer, proposal_id=proposal_id, accepted=command.accepted)
    tx.session.add(decision)
    tx.audit("code_proposal.decided", "code_proposal", proposal_id, accepted=command.accepted)
    return Proposal(proposal, decision)


def proposals(tx: Tx, before: UUID, limit: int) -> list[Proposal]:
    """Proposals of all campuses and what became of them, latest first."""
    rows = tx.session.all(queries.PROPOSALS, before=before, limit=limit)
    decisions = {
        one.proposal_id: one for one in tx.session.all(queries.DECISIONS, proposals=[row.proposal_id for row in rows])
    }
    return [Proposal(row, decisions.get(row.proposal_id)) for row in rows]


def _ruling(
    tx: Tx,
    text: str,
    *,
    question_id: UUID | None = None,
    proposal_id: UUID | None = None,
    accepted: bool | None = None,
) -> CodeRuling:
    return CodeRuling(
        ruling_id=new_id(),
        campus_id=tx.campus,
        ruling=text,
        ruled_at=tx.now,
        ruled_by=tx.actor.subject,
        question_id=question_id,
        proposal_id=proposal_id,
        accepted=accepted,
    )
