"""Pairs, merges and disputes."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from functions.patients.index.models import (
    Alert,
    Allergy,
    Consent,
    Dispute,
    Identifier,
    MatchCandidate,
    Merge,
    Relation,
)
from functions.patients.index.queries.people import DISPUTE_OPEN, group_of
from shared.database.query import Query, among

_MOMENT = DateTime(timezone=True)
_group = group_of(bindparam("patient_id", type_=Uuid))


class Written(NamedTuple):
    """A record of this module and when it was written."""

    kind: str
    record_id: UUID
    patient_id: UUID
    summary: str
    written_at: datetime


# ---------------------------------------------------------------- pairs

_PROPOSAL = (
    "candidate_id",
    "first_id",
    "second_id",
    "score",
    "suspicion",
    "points",
    "weights_version",
    "fingerprint",
    "status",
    "proposed_at",
    "proposed_by",
    "due_at",
)
_proposal = insert(MatchCandidate).values(
    {name: bindparam(name, type_=getattr(MatchCandidate, name).type) for name in _PROPOSAL}
)
PROPOSE = Query(
    MatchCandidate,
    _proposal.on_conflict_do_update(
        index_elements=["first_id", "second_id"],
        set_={name: getattr(_proposal.excluded, name) for name in _PROPOSAL[3:]}
        | {"decided_at": None, "decided_by": None, "decision_reason": None},
        where=and_(
            MatchCandidate.status != "merged",
            or_(MatchCandidate.fingerprint != _proposal.excluded.fingerprint, MatchCandidate.status == "dissolved"),
        ),
    ).returning(MatchCandidate),
)
"""Put a pair before the steward; None when it stands, or was decided and nothing that identifies changed."""

PAIR = Query(MatchCandidate, select(MatchCandidate).where(MatchCandidate.candidate_id == bindparam("candidate_id")))
PAIR_OF = Query(
    MatchCandidate,
    select(MatchCandidate).where(
        MatchCandidate.first_id == bindparam("first_id"), MatchCandidate.second_id == bindparam("second_id")
    ),
)
PAIRS = Query(
    MatchCandidate,
    select(MatchCandidate)
    .where(
        MatchCandidate.status == bindparam("status"),
        tuple_(MatchCandidate.due_at, MatchCandidate.candidate_id)
        > tuple_(bindparam("after_due", type_=_MOMENT), bindparam("after_id", type_=Uuid)),
    )
    .order_by(MatchCandidate.due_at, MatchCandidate.candidate_id)
    .limit(bindparam("limit")),
)
OPEN_PAIRS_OF = Query(
    MatchCandidate,
    select(MatchCandidate).where(
        or_(
            MatchCandidate.first_id == bindparam("patient_id", type_=Uuid),
            MatchCandidate.second_id == bindparam("patient_id", type_=Uuid),
        ),
        MatchCandidate.status == "open",
    ),
)
DECIDE_PAIR = Query(
    MatchCandidate,
    update(MatchCandidate)
    .where(MatchCandidate.candidate_id == bindparam("id_"), MatchCandidate.status == "open")
    .values(
        status=bindparam("to"), decided_at=bindparam("at"), decided_by=bindparam("by"), decision_reason=bindparam("why")
    )
    .returning(MatchCandidate),
)
_across = or_(
    and_(among(MatchCandidate.first_id, "left"), among(MatchCandidate.second_id, "right")),
    and_(among(MatchCandidate.first_id, "right"), among(MatchCandidate.second_id, "left")),
)
DECIDE_PAIRS_ACROSS = Query(
    object,
    update(MatchCandidate)
    .where(_across, MatchCandidate.status == bindparam("from_status"))
    .values(
        status=bindparam("to"), decided_at=bindparam("at"), decided_by=bindparam("by"), decision_reason=bindparam("why")
    ),
)
"""Decide every pair between the records of two people."""

# ---------------------------------------------------------------- merges

IN_FORCE = Merge.status == literal_column("'done'")

MERGE = Query(Merge, select(Merge).where(Merge.merge_id == bindparam("merge_id")))
LOCK_MERGE = Query(Merge, select(Merge).where(Merge.merge_id == bindparam("merge_id")).with_for_update())
MERGES_OF = Query(
    Merge,
    select(Merge)
    .where(or_(Merge.survivor_id.in_(_group), Merge.retired_id.in_(_group)))
    .order_by(Merge.merge_id.desc())
    .limit(200),
)
MERGES_WAITING = Query(
    Merge,
    select(Merge)
    .where(Merge.status == "pending", Merge.merge_id > bindparam("after", type_=Uuid))
    .order_by(Merge.merge_id)
    .limit(bindparam("limit")),
)
PENDING_MERGE = Query(
    UUID,
    select(Merge.merge_id).where(
        Merge.survivor_id == bindparam("survivor_id", type_=Uuid),
        Merge.retired_id == bindparam("retired_id", type_=Uuid),
        Merge.status == literal_column("'pending'"),
    ),
)
COMPLETE_MERGE = Query(
    Merge,
    update(Merge)
    .where(Merge.merge_id == bindparam("id_"), Merge.status == "pending")
    .values(
        status="done",
        members=bindparam("records", type_=Merge.members.type),
        taken=bindparam("fields", type_=JSONB),
        retired_status=bindparam("was"),
        merged_at=bindparam("at"),
        confirmed_by=bindparam("by"),
    )
    .returning(Merge),
)
END_MERGE = Query(
    Merge,
    update(Merge)
    .where(Merge.merge_id == bindparam("id_"), Merge.status == bindparam("from_status"))
    .values(
        status=bindparam("to"),
        ended_at=bindparam("at"),
        ended_by=bindparam("by"),
        end_reason=bindparam("why"),
        assignments=bindparam("decided", type_=Merge.assignments.type),
    )
    .returning(Merge),
)
SET_TAKEN = Query(
    object, update(Merge).where(Merge.merge_id == bindparam("id_")).values(taken=bindparam("fields", type_=JSONB))
)
LATER_MERGES_INTO = Query(
    Merge,
    select(Merge)
    .where(
        Merge.survivor_id == bindparam("survivor_id", type_=Uuid),
        IN_FORCE,
        tuple_(Merge.merged_at, Merge.merge_id)
        > tuple_(bindparam("merged_at", type_=_MOMENT), bindparam("merge_id", type_=Uuid)),
    )
    .order_by(Merge.merged_at, Merge.merge_id),
)


def _subtree() -> Select[Any]:
    tree = select(bindparam("record_id", type_=Uuid).label("record_id")).cte("tree", recursive=True)
    tree = tree.union(select(Merge.retired_id).join(tree, tree.c.record_id == Merge.survivor_id).where(IN_FORCE))
    return select(tree.c.record_id)


SUBTREE = Query(UUID, _subtree())
"""A record and all that were merged into it, directly or through others."""

_KINDS: tuple[tuple[str, Any, Any, Any, Any], ...] = (
    ("identifier", Identifier, Identifier.identifier_id, Identifier.type, Identifier.bound_at),
    ("allergy", Allergy, Allergy.allergy_id, func.coalesce(Allergy.substance, Allergy.statement), Allergy.recorded_at),
    ("alert", Alert, Alert.alert_id, Alert.kind, Alert.recorded_at),
    ("relation", Relation, Relation.relation_id, Relation.kind, Relation.recorded_at),
    ("consent", Consent, Consent.consent_id, Consent.kind, Consent.given_at),
)
WRITTEN_SINCE = Query(
    Written,
    union_all(
        *(
            select(literal(kind, Text), key, model.patient_id, summary, written).where(
                model.patient_id.in_(_group), written > bindparam("since", type_=_MOMENT)
            )
            for kind, model, key, summary, written in _KINDS
        )
    ),
)
"""Records of this module written for a person since a moment."""

REASSIGN: dict[str, Query[object]] = {
    kind: Query(object, update(model).where(key == bindparam("id_")).values(patient_id=bindparam("owner", type_=Uuid)))
    for kind, model, key, _, _ in _KINDS
}
"""Give a record to the person it belongs to, by kind of record."""

# ---------------------------------------------------------------- disputes

DISPUTE = Query(Dispute, select(Dispute).where(Dispute.dispute_id == bindparam("dispute_id")))
OPEN_DISPUTES_OF = Query(
    Dispute,
    select(Dispute).where(Dispute.patient_id.in_(_group), DISPUTE_OPEN).order_by(Dispute.dispute_id),
)
DISPUTES = Query(
    Dispute,
    select(Dispute)
    .where(Dispute.status == bindparam("status"), Dispute.dispute_id > bindparam("after", type_=Uuid))
    .order_by(Dispute.dispute_id)
    .limit(bindparam("limit")),
)
SETTLE_DISPUTE = Query(
    Dispute,
    update(Dispute)
    .where(Dispute.dispute_id == bindparam("id_"), DISPUTE_OPEN)
    .values(
        status="settled",
        outcome=bindparam("says"),
        settlement=bindparam("why"),
        settled_at=bindparam("at"),
        settled_by=bindparam("by"),
    )
    .returning(Dispute),
)
