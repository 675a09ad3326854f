"""Mappings, search words, favourites, use, bindings, questions and proposals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, PrimaryKeyConstraint, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.codes.models.systems import BY_CODE_POINT, CATALOGUE
from shared.database.model import CampusOwned, Model

_PERIOD = (func.tstzrange(text("valid_from"), text("valid_to")), "&&")
_EQUAL = text("status = 'checked' AND relation = 'equal'")


class CodeMapping(Model):
    """A code of one system as a code of another during a period (对照). An `equal` one holds both ways, so it is one to
    one. `none` says that somebody looked and found nothing. Status: draft, checked, dropped."""

    __tablename__ = "code_mappings"
    __table_args__ = (
        ExcludeConstraint(
            ("from_system", "="),
            ("from_code", "="),
            ("to_system", "="),
            ("to_code", "="),
            _PERIOD,
            name="ex_code_mappings_pair",
            where=text("status = 'checked'"),
        ),
        ExcludeConstraint(
            ("from_system", "="),
            ("from_code", "="),
            ("to_system", "="),
            _PERIOD,
            name="ex_code_mappings_equal_from",
            where=_EQUAL,
        ),
        ExcludeConstraint(
            ("to_system", "="),
            ("to_code", "="),
            ("from_system", "="),
            _PERIOD,
            name="ex_code_mappings_equal_to",
            where=_EQUAL,
        ),
        Index("ix_code_mappings_from", "from_system", "to_system", "from_code"),
        Index("ix_code_mappings_back", "to_system", "from_system", "to_code"),
        Index("ix_code_mappings_drafts", "mapping_id", postgresql_where=text("status = 'draft'")),
        CheckConstraint("relation IN ('equal', 'narrower', 'broader', 'none')", name="relation"),
        CheckConstraint("(relation = 'none') = (to_code = '')", name="target"),
        CheckConstraint("source IN ('official', 'manual')", name="source"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        {"schema": CATALOGUE},
    )

    mapping_id: Mapped[UUID] = mapped_column(primary_key=True)
    from_system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    from_code: Mapped[str] = mapped_column(Text)
    to_system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    to_code: Mapped[str] = mapped_column(Text)
    relation: Mapped[str] = mapped_column(Text)
    """What the target is to the code: equal, narrower, broader, none."""
    source: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="draft")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)


class CodeSynonym(Model):
    """Another word for a code (别名), in every version of its system."""

    __tablename__ = "code_synonyms"
    __table_args__ = (
        Index("uq_code_synonyms_word", "system", "code", "word", unique=True, postgresql_where=text("active")),
        Index(None, "system", "initials"),
        Index(None, "system", "wubi"),
        Index("ix_code_synonyms_without_wubi", "synonym_id", postgresql_where=text("wubi IS NULL")),
        Index(None, "grams", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        {"schema": CATALOGUE},
    )

    synonym_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    code: Mapped[str] = mapped_column(Text)
    word: Mapped[str] = mapped_column(BY_CODE_POINT)
    initials: Mapped[str] = mapped_column(BY_CODE_POINT)
    grams: Mapped[list[str]]
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    wubi: Mapped[str | None] = mapped_column(BY_CODE_POINT, default=None)
    """As of a code."""


class CodeFavourite(CampusOwned, Model):
    """A code a member of staff keeps at hand at a campus (常用)."""

    __tablename__ = "code_favourites"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "subject", "system", "code"), {"schema": CATALOGUE})

    subject: Mapped[str] = mapped_column(Text)
    system: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    kept: Mapped[bool]


class CodeUse(CampusOwned, Model):
    """How often a code was used at a campus, by department (nil UUID: department unknown) and month (yyyymm)."""

    __tablename__ = "code_uses"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "system", "code", "unit_id", "month"), {"schema": CATALOGUE})

    system: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID]
    month: Mapped[int] = mapped_column(Integer)
    uses: Mapped[int] = mapped_column(Integer)


class ValueSetBinding(Model):
    """A field of the data model and the code system its values come from (值域绑定)."""

    __tablename__ = "value_set_bindings"
    __table_args__ = (
        CheckConstraint("strength IN ('required', 'extensible')", name="strength"),
        {"schema": CATALOGUE},
    )

    field: Mapped[str] = mapped_column(Text, primary_key=True)
    """`<schema>.<table>.<column>`."""
    system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    strength: Mapped[str] = mapped_column(Text)
    bound_at: Mapped[datetime]
    bound_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class CodeQuestion(CampusOwned, Model):
    """A coder's question and where it came up (编码问题)."""

    __tablename__ = "code_questions"
    __table_args__ = (Index(None, "system", "question_id"), {"schema": CATALOGUE})

    question_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    code: Mapped[str | None] = mapped_column(Text)
    question: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)


class CodeProposal(CampusOwned, Model):
    """What a campus would like changed in a consortium list: it proposes, the standard manager decides."""

    __tablename__ = "code_proposals"
    __table_args__ = (Index(None, "campus_id", "proposal_id"), {"schema": CATALOGUE})

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    wish: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Code, display and parent as wished for."""
    reason: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(Text)


class CodeRuling(CampusOwned, Model):
    """How a question was ruled (编码裁定), or what became of a proposal. Later rulings on a question follow earlier
    ones; the latest holds. A proposal is decided once."""

    __tablename__ = "code_rulings"
    __table_args__ = (
        CheckConstraint(
            "(question_id IS NULL) <> (proposal_id IS NULL) AND (proposal_id IS NULL) = (accepted IS NULL)",
            name="subject",
        ),
        Index(None, "question_id"),
        Index("uq_code_rulings_proposal_id", "proposal_id", unique=True),
        {"schema": CATALOGUE},
    )

    ruling_id: Mapped[UUID] = mapped_column(primary_key=True)
    ruling: Mapped[str] = mapped_column(Text)
    ruled_at: Mapped[datetime]
    ruled_by: Mapped[str] = mapped_column(Text)
    question_id: Mapped[UUID | None] = mapped_column(ForeignKey("catalogue.code_questions.question_id"), default=None)
    proposal_id: Mapped[UUID | None] = mapped_column(ForeignKey("catalogue.code_proposals.proposal_id"), default=None)
    accepted: Mapped[bool | None] = mapped_column(default=None)
    """Whether a proposal was taken up; null for a question."""
