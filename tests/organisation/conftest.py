"""A consortium of two campuses for the organisation's tests, made through the module itself."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions import registry
from functions.organisation.structure import service
from functions.organisation.structure.queries import structure as queries
from shared.schemas import SHANGHAI
from tests.support.campuses import branch, founder, head, open_campuses
from tests.support.hospital import Caller, Hospital, cloned_hospital

BASE = "/api/organisation/structure"


class Consortium:
    """Two campuses, hq and mch, with the officers who change them."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.opener = hospital.caller("consortium_admin", campus="hq")
        self.admin = hospital.caller("campus_admin", campus="hq")
        self.mch_admin = hospital.caller("campus_admin", campus="mch")
        self.personnel = hospital.caller("personnel", campus="hq")
        self.mch_personnel = hospital.caller("personnel", campus="mch")

    def today(self, days: int = 0) -> str:
        day = self.hospital.clock().astimezone(SHANGHAI).date() + timedelta(days=days)
        return day.isoformat()

    def moment(self, **later: float) -> str:
        return (self.hospital.clock() + timedelta(**later)).astimezone(SHANGHAI).isoformat()

    def tree(self, campus: str = "hq", **params: Any) -> dict[str, dict[str, Any]]:
        """Units of a campus by code."""
        answer = self.admin.get(f"{BASE}/units", campus=campus, **params)
        assert answer.status_code == 200, answer.text
        return {unit["code"]: unit for unit in answer.json()}

    def unit(self, caller: Caller | None = None, **fields: Any) -> dict[str, Any]:
        body = {"code": f"u{uuid4().hex[:10]}", "name": "心血管内科", "kind": "clinical", **fields}
        answer = (caller or self.admin).post(f"{BASE}/units", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def engage(self, caller: Caller | None = None, *, unit_id: str | None = None, **fields: Any) -> dict[str, Any]:
        acting = caller or self.personnel
        body = {
            "staff_no": f"T{uuid4().hex[:10]}",
            "name": "覃小兰",
            "category": "management",
            "unit_id": unit_id or self.tree(acting.campus)["root"]["unit_id"],
            **fields,
        }
        answer = acting.post(f"{BASE}/staff", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def assign(self, staff_id: str, post: str, caller: Caller | None = None, **fields: Any) -> Any:
        return (caller or self.personnel).post(
            f"{BASE}/post-assignments", {"staff_id": staff_id, "post": post, **fields}
        )

    def licensed(self, staff_id: str, kind: str = "physician", campus: str = "hq") -> str:
        """A licence of the person's, valid since 2015; the number is of the right shape and nobody else's."""
        officer = self.personnel if campus == "hq" else self.mch_personnel
        number = {"physician": f"{uuid4().int % 10**15:015d}", "nurse": f"{uuid4().int % 10**12:012d}"}
        body = {"kind": kind, "number": number.get(kind, f"N{uuid4().hex[:12]}"), "valid_from": "2015-07-01"}
        if kind == "physician":
            body["category"] = "clinical"
        answer = officer.post(f"{BASE}/staff/{staff_id}/licences", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["licence_id"])

    def told(self, kind: str, staff_id: str) -> list[dict[str, Any]]:
        """What events of a kind said of a person."""
        return [event["data"] for event in self.hospital.events(kind) if event["subject"] == staff_id]

    def accounts(self) -> dict[UUID, service.Account]:
        with self.hospital.tx("hq") as tx:
            return {account.staff_id: account for account in service.staff_accounts(tx)}


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """The organisation stands below every other module and is tested without them."""
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        yield one


@pytest.fixture(scope="module")
def consortium(hospital: Hospital) -> Consortium:
    first = founder("20001", "personnel", "campus_admin", name="黄秀英")
    open_campuses(hospital, head(insurance_code="H45022300001"), branch(founders=[first]))
    assert [campus.code for campus in _campuses(hospital)] == ["hq", "mch"]
    return Consortium(hospital)


@pytest.fixture(scope="module")
def affairs(consortium: Consortium) -> Caller:
    """The office that grants privileges."""
    return consortium.hospital.caller("medical_affairs", campus="hq")


def _campuses(hospital: Hospital) -> list[queries.CampusInfo]:
    with hospital.tx("hq") as tx:
        return service.open_campuses(tx)
