"""The two campuses of a consortium as tests of single modules open them."""

from typing import Any

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import Founder, OpenCampus
from tests.support.hospital import Hospital


def founder(staff_no: str, *posts: str, name: str = "韦建国") -> Founder:
    """Somebody a campus begins with."""
    return Founder(staff_no=staff_no, name=name, category=organisation.StaffCategory.MANAGEMENT, posts=list(posts))


def head(**fields: Any) -> OpenCampus:
    """hq, which charges at the third level."""
    given = {
        "code": "hq",
        "letter": "H",
        "name": "县人民医院",
        "short_name": "总院",
        "price_level": "tertiary",
        "address": "健康路1号",
        "founders": [founder("10001", "consortium_admin", "personnel")],
    }
    return OpenCampus(**{**given, **fields})


def branch(**fields: Any) -> OpenCampus:
    """mch, which charges at the second."""
    given = {
        "code": "mch",
        "letter": "M",
        "name": "县妇幼保健院",
        "short_name": "妇幼分院",
        "price_level": "secondary",
        "address": "幸福路18号",
    }
    return OpenCampus(**{**given, **fields})


def open_campuses(hospital: Hospital, first: OpenCampus, second: OpenCampus) -> None:
    """Open the head of the consortium, and with its right the other."""
    with hospital.tx("hq") as tx:
        organisation.bootstrap(tx, first)
    with hospital.tx("hq") as tx:
        organisation.open_campus(tx, second)
