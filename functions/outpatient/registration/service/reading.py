"""Reading visits: one, by number, lists of a day or a patient, the load of the departments."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.problems import NotEmergencyClinic
from functions.outpatient.registration.queries import clinics
from functions.outpatient.registration.queries import visits as queries
from functions.outpatient.registration.queries.clinics import ClinicInfo
from functions.outpatient.schedule import service as schedule
from functions.patients.index import service as patients
from shared.problems import NotFound
from shared.schemas import midnight
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.outpatient.schedule.service import Available


@dataclass(frozen=True, slots=True)
class DayFilter:
    """Which visits of a day: all where nothing is given."""

    day: date
    status: str | None = None
    unit_id: UUID | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class ClinicRest:
    """Numbers left of one standard clinic today, by campus; `unit_id` is the department here, if it is held here."""

    standard_code: str
    clinic_name: str
    unit_id: UUID | None
    rest: dict[str, int]
    hint: str


@dataclass(frozen=True, slots=True)
class Load:
    """Visits of each department by state, and the numbers left everywhere."""

    units: dict[UUID, dict[str, int]]
    clinics: list[ClinicRest]


def own_visit(tx: Tx, encounter_id: UUID) -> Visit:
    """A visit of the acting campus, about to be changed. NotFound also for what another campus owns."""
    visit = tx.session.first(queries.VISIT, encounter_id=encounter_id)
    if visit is None or visit.campus_id != tx.campus:
        raise no_visit()
    return visit


def no_visit() -> NotFound:
    """The refusal for a visit that is not here."""
    return NotFound("本院区没有这条就诊记录，请核对就诊号。")


def read_visit(tx: Tx, encounter_id: UUID) -> Visit:
    """A visit of this campus, or of another one whose patient this campus treats."""
    visit = tx.session.first(queries.VISIT, encounter_id=encounter_id)
    if visit is None:
        raise no_visit()
    tx.audit("visit.read", "visit", encounter_id, patient_id=visit.patient_id)
    return visit


def find_visit(tx: Tx, visit_no: str) -> Visit:
    """A visit of this campus by the number on its slip or bracelet."""
    visit = tx.session.first(queries.VISIT_BY_NUMBER, campus=tx.campus, visit_no=visit_no.upper())
    if visit is None:
        raise no_visit()
    tx.audit("visit.read", "visit", visit.encounter_id, patient_id=visit.patient_id)
    return visit


def visits_of_patient(tx: Tx, patient_id: UUID, before: UUID, limit: int) -> list[Visit]:
    """A person's visits by all records of the person, newest first; those of other campuses where they may be read."""
    ids = patients.group_ids(tx, patient_id)
    found = tx.session.all(queries.VISITS_OF_PATIENT, patients=ids, before=before, limit=limit)
    tx.audit("visits.listed", "patient", patient_id, patient_id=patient_id)
    return found


def current_visits(tx: Tx, patient_id: UUID) -> list[Visit]:
    """A person's visits that still count at the acting campus, newest first; twenty at most."""
    ids = patients.group_ids(tx, patient_id)
    found = tx.session.all(queries.CURRENT, patients=ids, campus=tx.campus, now=tx.now)
    tx.audit("visits.listed", "patient", patient_id, patient_id=patient_id)
    return found


def visits_of_session(tx: Tx, session_id: UUID, status: str | None, after: UUID, limit: int) -> list[Visit]:
    """Visits of a session of the acting campus in the order of their registration, cancelled ones too: the list of the
    clinic, and of those a stop concerned."""
    found = tx.session.all(
        queries.OF_SESSION, session_id=session_id, campus=tx.campus, status=status, after=after, limit=limit
    )
    tx.audit("visits.listed", "session", session_id, count=len(found))
    return found


def visits_of_day(tx: Tx, wanted: DayFilter, before: UUID, limit: int) -> list[Visit]:
    """Visits registered on a day at the acting campus, newest first."""
    since = midnight(wanted.day)
    found = tx.session.all(
        queries.VISITS,
        campus=tx.campus,
        since=since,
        until=since + timedelta(days=1),
        status=wanted.status,
        unit_id=wanted.unit_id,
        kind=wanted.kind,
        before=before,
        limit=limit,
    )
    tx.audit("visits.listed", "campus", tx.campus, count=len(found))
    return found


def department_load(tx: Tx, day: date) -> Load:
    """The department strip of a window: visits by state here, numbers left at every campus ("总院无号、分院有余号")."""
    since = midnight(day)
    sent = tx.session.send(queries.LOAD, campus=tx.campus, since=since, until=since + timedelta(days=1))
    campuses = organisation.open_campuses(tx)
    units: dict[UUID, dict[str, int]] = defaultdict(lambda: dict.fromkeys(rules.STATUS_NAMES, 0))
    for row in sent.all():
        units[row.unit_id][row.status] = row.visits
    names = {campus.code: campus.short_name for campus in campuses}
    return Load(dict(units), _rest(tx, day, names))


def _rest(tx: Tx, day: date, names: dict[str, str]) -> list[ClinicRest]:
    found = sessions_of_day(tx, day, list(names))
    rest: dict[str, dict[str, int]] = defaultdict(dict)
    label: dict[str, tuple[str, UUID | None]] = {}
    for one in found:
        left = 0 if one.status == "stopped" else sum(one.remaining.values())
        rest[one.standard_code][one.campus_id] = rest[one.standard_code].get(one.campus_id, 0) + left
        if one.campus_id == tx.campus:
            label[one.standard_code] = (one.clinic_name, one.unit_id)
        else:
            label.setdefault(one.standard_code, (one.clinic_name, None))
    return [ClinicRest(code, *label[code], rest[code], _hint(tx.campus, rest[code], names)) for code in sorted(rest)]


def _hint(campus: str, rest: dict[str, int], names: dict[str, str]) -> str:
    elsewhere = [names[code] for code, left in rest.items() if code != campus and left > 0]
    if rest.get(campus, 0) > 0 or not elsewhere:
        return ""
    return f"{names[campus]}无号、{'、'.join(elsewhere)}有余号"


def emergency_clinic(tx: Tx, clinic_id: UUID) -> ClinicInfo:
    """An emergency clinic of the acting campus. Raises NotFound, NotEmergencyClinic."""
    clinic = tx.session.first(clinics.CLINIC, clinic_id=clinic_id)
    if clinic is None or clinic.campus_id != tx.campus:
        raise NotFound("本院区没有这个门诊，请核对后重新选择。")
    if clinic.grade != "emergency":
        raise NotEmergencyClinic("该门诊不是急诊，请选择急诊科室，或按普通门诊挂号。")
    return clinic


def sessions_of_day(tx: Tx, day: date, campuses: Sequence[str], unit_id: UUID | None = None) -> "list[Available]":
    """Every session of a day at some campuses, or of one unit, with the numbers left."""
    found: list[Available] = []
    after = UUID(int=0)
    while True:
        page = schedule.availability(tx, day, list(campuses), None, 200, after, unit_id=unit_id)
        found += page
        if len(page) < 200:
            return found
        after = page[-1].session_id
