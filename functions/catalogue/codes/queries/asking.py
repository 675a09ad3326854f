"""Selects of questions, proposals and rulings."""

from sqlalchemy import Boolean, bindparam, exists, not_, or_, select

from functions.catalogue.codes.models import CodeProposal, CodeQuestion, CodeRuling
from shared.database.query import Query, among

QUESTION = Query(CodeQuestion, select(CodeQuestion).where(CodeQuestion.question_id == bindparam("question_id")))
QUESTIONS = Query(
    CodeQuestion,
    select(CodeQuestion)
    .where(
        CodeQuestion.system == bindparam("system"),
        CodeQuestion.question_id < bindparam("before"),
        or_(
            not_(bindparam("unanswered", type_=Boolean)),
            ~exists().where(CodeRuling.question_id == CodeQuestion.question_id),
        ),
    )
    .order_by(CodeQuestion.question_id.desc())
    .limit(bindparam("limit")),
)
RULINGS = Query(
    CodeRuling,
    select(CodeRuling).where(among(CodeRuling.question_id, "questions")).order_by(CodeRuling.ruling_id),
)
PROPOSAL = Query(CodeProposal, select(CodeProposal).where(CodeProposal.proposal_id == bindparam("proposal_id")))
PROPOSALS = Query(
    CodeProposal,
    select(CodeProposal)
    .where(CodeProposal.proposal_id < bindparam("before"))
    .order_by(CodeProposal.proposal_id.desc())
    .limit(bindparam("limit")),
)
DECISIONS = Query(CodeRuling, select(CodeRuling).where(among(CodeRuling.proposal_id, "proposals")))
