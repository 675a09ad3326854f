"""What a campus begins with: its tree of units and its first people.

These rows belong to a campus where nobody acts yet; the database lets the transaction that opens the campus write
them, and no other.
"""

from datetime import date
from uuid import UUID

from events.organisation import PostAssigned
from functions.organisation.structure import rules
from functions.organisation.structure.models import (
    PostAssignment,
    Unit,
    UnitVersion,
)
from functions.organisation.structure.schemas.people import Founder
from functions.organisation.structure.schemas.structure import UnitKind
from functions.organisation.structure.service.joining import check_title, join
from shared.ids import new_id
from shared.tx import Tx


def plant_tree(tx: Tx, campus: str, name: str, since: date) -> UUID:
    """The root of a campus and the departments of the template below it. Returns the root."""
    root = _unit(tx, campus, rules.ROOT_CODE, name, UnitKind.CAMPUS, None, since)
    for code, title, kind in rules.TEMPLATE:
        _unit(tx, campus, code, title, UnitKind(kind), root, since)
    return root


def _unit(tx: Tx, campus: str, code: str, name: str, kind: UnitKind, parent: UUID | None, since: date) -> UUID:
    unit_id = new_id()
    tx.session.add(
        Unit(unit_id=unit_id, campus_id=campus, code=code),
        UnitVersion(
            row_id=new_id(),
            campus_id=campus,
            unit_id=unit_id,
            parent_id=parent,
            name=name,
            short_name=name,
            initials=rules.initials(name),
            kind=kind.value,
            subject_code=None,
            location=None,
            phone=None,
            valid_from=since,
            recorded_at=tx.now,
            recorded_by=tx.actor.subject,
        ),
    )
    return unit_id


def engage_founder(tx: Tx, campus: str, root: UUID, founder: Founder, since: date) -> UUID:
    """Engage one of the first people in the root unit and give the posts, the first of them as main post."""
    check_title(founder.title_code)
    person = join(tx, campus, founder, root, since)
    posts = list(dict.fromkeys(founder.posts))
    ends = [rules.check_post(post, tx.now, None) for post in posts]
    rules.check_posts([], [rules.Holding(campus, post, tx.now, end) for post, end in zip(posts, ends, strict=True)])
    for post, end in zip(posts, ends, strict=True):
        assignment = PostAssignment(
            assignment_id=new_id(),
            campus_id=campus,
            staff_id=person.staff_id,
            post=post,
            unit_id=root,
            is_main=post == posts[0],
            secondment_id=None,
            valid_from=tx.now,
            valid_to=end,
            basis="开设院区",
            assigned_at=tx.now,
            assigned_by=tx.actor.subject,
        )
        tx.session.add(assignment)
        tx.emit(posted(assignment))
    return person.staff_id


def posted(assignment: PostAssignment) -> PostAssigned:
    """The event of an assignment."""
    return PostAssigned(
        assignment_id=assignment.assignment_id,
        staff_id=assignment.staff_id,
        campus_code=assignment.campus_id,
        post=assignment.post,
        unit_id=assignment.unit_id,
        is_main=assignment.is_main,
        valid_from=assignment.valid_from,
        valid_to=assignment.valid_to,
    )
