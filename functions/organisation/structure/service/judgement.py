"""May this person do this here and now? One exchange with the database, then a pure judgement.

Executing modules ask at the moment of signing, in the signing's own transaction:

    organisation.require_privilege(tx, doctor_id, "antibiotic", level=3)
    organisation.require_licence(tx, nurse_id, "nurse")
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure.models import Licence, LicencePlace, StaffMember
from functions.organisation.structure.problems import StaffNotFound
from functions.organisation.structure.problems.credentials import LicenceInvalid, NotPrivileged
from functions.organisation.structure.queries import credentials as queries
from functions.organisation.structure.queries import people, posts
from functions.organisation.structure.rules import credentials as rules
from functions.organisation.structure.rules.credentials import Facts, HeldLicence, HeldPrivilege, Period, Verdict
from shared.schemas import midnight
from shared.tx import Tx


def privilege_at(
    tx: Tx,
    staff_id: UUID,
    kind: str,
    at: datetime | None = None,
    *,
    level: int | None = None,
    campus: str | None = None,
    procedure: str | None = None,
) -> Verdict:
    """Whether a person may use a clinical privilege at a campus and moment, with the reason and its source row.

    By default here and now, at the lowest level of the kind. The order is fixed: in service, licence valid, practice
    place covers the campus, privilege valid for campus and level, not suspended; the first failure is the answer.
    Raises StaffNotFound, PrivilegeUnknown.
    """
    known = rules.PRIVILEGES.get(kind)
    wanted = level if level is not None else int(known is not None and bool(known.levels))
    rules.privilege_kind(kind, wanted)
    return rules.judge_privilege(facts_of(tx, staff_id), kind, wanted, campus or tx.campus, at or tx.now, procedure)


def licence_at(
    tx: Tx, staff_id: UUID, kind: str | tuple[str, ...], at: datetime | None = None, *, campus: str | None = None
) -> Verdict:
    """Whether a person holds a valid licence of a kind (or one of several) at a campus and moment, by default now.

    Raises StaffNotFound, LicenceInvalid for an unknown kind.
    """
    kinds = (kind,) if isinstance(kind, str) else kind
    unknown = [name for name in kinds if name not in rules.LICENCES]
    if unknown:
        raise LicenceInvalid(f"没有证书类别“{'、'.join(unknown)}”，请从证书类别表中选择。")
    return rules.judge_licence(facts_of(tx, staff_id), kinds, campus or tx.campus, at or tx.now)


def require_privilege(
    tx: Tx, staff_id: UUID, kind: str, *, level: int | None = None, procedure: str | None = None
) -> Verdict:
    """`privilege_at` here and now, as a condition. Raises NotPrivileged with reason, code and source row."""
    return _required(privilege_at(tx, staff_id, kind, level=level, procedure=procedure))


def require_licence(tx: Tx, staff_id: UUID, kind: str | tuple[str, ...]) -> Verdict:
    """`licence_at` here and now, as a condition. Raises NotPrivileged with reason, code and source row."""
    return _required(licence_at(tx, staff_id, kind))


class Credential(NamedTuple):
    """A licence or a clinical privilege of a person at a moment. `campuses`: practice places, or where it may be used.

    `state`: valid, or suspended (a privilege somebody paused). `valid_to` is the first moment without it.
    """

    kind: str
    """licence or privilege."""
    title: str
    row_id: UUID
    campuses: tuple[str, ...]
    valid_from: datetime
    valid_to: datetime | None
    state: str


def credentials_of(tx: Tx, staff_id: UUID, at: datetime | None = None) -> list[Credential]:
    """Licences and clinical privileges a person held at a moment, for the sheet of a person (人员权限单).

    Raises StaffNotFound.
    """
    facts, moment = facts_of(tx, staff_id), at or tx.now
    licences = [
        Credential(
            "licence",
            rules.LICENCES[held.kind].title,
            held.period.row_id,
            tuple(sorted(place for place, period in held.places if period.at(moment))),
            held.period.valid_from,
            held.period.valid_to,
            "valid",
        )
        for held in facts.licences
        if held.period.at(moment)
    ]
    privileges = [
        Credential(
            "privilege",
            rules.level_title(held.kind, held.level),
            held.period.row_id,
            tuple(sorted(held.campuses)),
            held.period.valid_from,
            held.period.valid_to,
            "suspended" if any(period.at(moment) for period, _ in held.suspensions) else "valid",
        )
        for held in facts.privileges
        if held.period.at(moment)
    ]
    return licences + privileges


def post_licence_at(
    tx: Tx, staff_id: UUID, post: str, at: datetime | None = None, *, campus: str | None = None
) -> Verdict | None:
    """Whether a person holds the licence a post rests on at a campus and moment; None for a post that needs none."""
    kinds = rules.POST_LICENCES.get(post)
    return None if kinds is None else licence_at(tx, staff_id, kinds, at, campus=campus)


def facts_of(tx: Tx, staff_id: UUID) -> Facts:
    """All a judgement needs, read in one exchange. Raises StaffNotFound."""
    person = tx.session.send(people.STAFF, staff_id=staff_id)
    suspended = tx.session.send(queries.STAFF_SUSPENSIONS_OF, staff_id=staff_id)
    licences = tx.session.send(queries.LICENCES_OF, staff_id=staff_id)
    places = tx.session.send(queries.PLACES_OF, staff_id=staff_id)
    privileges = tx.session.send(queries.PRIVILEGES_OF, staff_id=staff_id)
    suspensions = tx.session.send(queries.SUSPENSIONS_OF, staff_id=staff_id)
    secondments = tx.session.send(posts.SECONDMENTS_OF, staff_id=staff_id)
    found = person.first()
    if found is None:
        raise StaffNotFound("没有这位职工，请核对后重新选择。")
    pauses: dict[UUID, list[tuple[Period, str]]] = {}
    for pause in suspensions.all():
        period = Period(pause.suspension_id, pause.valid_from, pause.valid_to)
        pauses.setdefault(pause.privilege_id, []).append((period, pause.reason))
    return Facts(
        staff_id=staff_id,
        name=found.name,
        employed=_employed(found),
        suspensions=[Period(row.suspension_id, row.valid_from, row.valid_to) for row in suspended.all()],
        licences=held_licences(licences.all(), places.all()),
        privileges=[
            HeldPrivilege(
                row.kind,
                row.level,
                frozenset(row.campuses),
                frozenset(row.procedures),
                Period(row.privilege_id, row.valid_from, row.valid_to),
                tuple(pauses.get(row.privilege_id, ())),
            )
            for row in privileges.all()
        ],
        filed=[
            (row.receiving_campus, Period(row.secondment_id, row.valid_from, row.valid_to))
            for row in secondments.all()
            if row.practice_filed
        ],
    )


def held_licences(licences: Iterable[Licence], places: Iterable[LicencePlace]) -> list[HeldLicence]:
    """Licences with their practice places, their days as moments."""
    of_licence: dict[UUID, list[tuple[str, Period]]] = {}
    for place in places:
        until = None if place.valid_to is None else midnight(place.valid_to)
        period = Period(place.row_id, midnight(place.valid_from), until)
        of_licence.setdefault(place.licence_id, []).append((place.practice_campus, period))
    return [
        HeldLicence(
            row.kind,
            row.number,
            Period(
                row.licence_id,
                midnight(row.valid_from),
                None if row.valid_to is None else midnight(row.valid_to),
            ),
            tuple(of_licence.get(row.licence_id, ())),
        )
        for row in licences
    ]


def _employed(person: StaffMember) -> Period:
    return Period(person.staff_id, midnight(person.engaged_on), person.leaves_at)


def _required(verdict: Verdict) -> Verdict:
    if not verdict.allowed:
        raise NotPrivileged(
            verdict.reason,
            reason_code=verdict.code,
            source=verdict.source,
            source_id=str(verdict.source_id) if verdict.source_id is not None else None,
        )
    return verdict
