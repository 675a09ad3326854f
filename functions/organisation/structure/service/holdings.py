"""What a person holds, locked while it changes."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure import rules
from functions.organisation.structure.models import PostAssignment, Secondment, StaffMember
from functions.organisation.structure.problems import StaffNotFound
from functions.organisation.structure.problems.credentials import LicenceMissing
from functions.organisation.structure.queries import credentials, people
from functions.organisation.structure.queries import posts as queries
from functions.organisation.structure.rules.credentials import LICENCES, POST_LICENCES, Period, judge_licence
from functions.organisation.structure.service.judgement import facts_of
from shared.identity.posts import POSTS
from shared.tx import Tx


class Holdings(NamedTuple):
    """A person with everything held from a moment on, locked against other appointments."""

    person: StaffMember
    secondments: list[Secondment]
    holdings: list[rules.Holding]
    assignments: list[PostAssignment]


def lock_posts(tx: Tx, staff_id: UUID, since: datetime) -> Holdings:
    """Lock what two appointments of one person at the same time must share, then read what the person holds.

    At the home campus that is the person's row; elsewhere, where that row can't be taken, the secondments through
    which alone the person may hold posts. Raises StaffNotFound.
    """
    tx.session.send(people.LOCK_STAFF, staff_id=staff_id)
    locked = tx.session.send(queries.LOCK_SECONDMENTS_OF, staff_id=staff_id)
    person = tx.session.send(people.STAFF, staff_id=staff_id)
    assignments = tx.session.send(queries.ASSIGNMENTS_SINCE, staff_id=staff_id, at=since)
    delegations = tx.session.send(credentials.DELEGATIONS_SINCE, staff_id=staff_id, at=since)
    secondments = [row for row in locked.all() if row.status in queries.IN_FORCE]
    found = person.first()
    if found is None:
        raise StaffNotFound("没有这位职工，请核对后重新选择。")
    assigned = assignments.all()
    holdings = [rules.Holding(row.campus_id, row.post, row.valid_from, row.valid_to) for row in assigned]
    holdings += [
        rules.Holding(row.receiving_campus, post, row.valid_from, row.valid_to)
        for row in secondments
        if row.valid_to > since
        for post in row.posts
    ]
    holdings += [rules.Holding(row.campus_id, row.post, row.valid_from, row.valid_to) for row in delegations.all()]
    return Holdings(found, secondments, holdings, assigned)


def leaving_before(person: StaffMember, moment: datetime) -> bool:
    """Whether a person has left, or will have, by a moment."""
    return person.status == "left" or (person.leaves_at is not None and person.leaves_at <= moment)


def check_post_licence(
    tx: Tx, staff_id: UUID, post: str, at: datetime, *, secondment: Secondment | None = None
) -> None:
    """Refuse a post to somebody without the licence it needs here. Raises LicenceMissing.

    `secondment`: the one about to be agreed to; the post is at its receiving campus, a practice filed with it counts.
    """
    kinds = POST_LICENCES.get(post)
    if kinds is None:
        return
    facts, campus = facts_of(tx, staff_id), tx.campus
    if secondment is not None:
        campus = secondment.receiving_campus
        if secondment.practice_filed:
            term = Period(secondment.secondment_id, secondment.valid_from, secondment.valid_to)
            facts = replace(facts, filed=[*facts.filed, (campus, term)])
    verdict = judge_licence(facts, kinds, campus, at)
    if not verdict.allowed:
        wanted = "或".join(LICENCES[kind].title for kind in kinds)
        raise LicenceMissing(
            f"“{POSTS[post].title}”须持有效的{wanted}：{verdict.reason}",
            licences=list(kinds),
            reason_code=verdict.code,
        )
