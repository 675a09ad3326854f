"""The first rows of an empty hospital, written by the system itself because nobody can sign on yet."""

from datetime import datetime

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import Founder, OpenCampus
from loadtests.population.hospital import Campus, StaffMember, campuses, staff
from shared.database.engine import Database
from shared.identity.actor import system_actor
from shared.runtime import Runtime
from shared.settings import Settings
from shared.telemetry import accept_trace
from shared.tx import Tx

SEED = 20260701
FOUNDING_POSTS = ("consortium_admin", "campus_admin", "personnel")


def founders_of(campus: str) -> list[StaffMember]:
    """The people of a campus who set up the rest."""
    return [member for member in staff(SEED) if member.campus == campus and member.post in FOUNDING_POSTS]


def opening(campus: Campus) -> OpenCampus:
    """The command that opens a campus with its founders."""
    return OpenCampus(
        code=campus.code,
        letter=campus.letter,
        name=campus.name,
        short_name=campus.short_name,
        price_level=campus.price_level,
        insurance_code=campus.insurance_code,
        address=campus.address,
        founders=[
            Founder(
                staff_no=member.staff_no,
                name=member.name,
                category="management",
                mobile=member.phone,
                posts=[member.post],
            )
            for member in founders_of(campus.code)
        ],
    )


def open_head_hospital(settings: Settings, now: datetime) -> None:
    """Open the first campus of the demonstration unless there is one."""
    head = campuses()[0]
    actor = system_actor("organisation/structure", head.code)
    database = Database(settings.database_url, 1, name="his-founding")
    runtime = Runtime(settings, database=database, clock=lambda: now)
    try:
        with database.transaction(runtime.scope(actor, head.code)) as session:
            tx = Tx(session, actor, head.code, now, accept_trace(None))
            if not organisation.campuses(tx):
                organisation.bootstrap(tx, opening(head))
    finally:
        runtime.close()
