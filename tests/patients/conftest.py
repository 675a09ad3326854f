"""The desks of the patient index's tests: two campuses, who works there, and people who come."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from functions import registry
from functions.patients.index.service import numbers
from shared.resident_id import check_digit
from tests.support import tokens
from tests.support.campuses import branch, founder, head, open_campuses
from tests.support.hospital import Caller, Hospital, cloned_hospital

BASE = "/api/patients/index"

_numbers = count(1)


def resident_id(birth: str = "19900307", sex: str = "1", region: str = "450223") -> str:
    """A well-formed number nobody of this run has yet; odd serials are men's."""
    serial = next(_numbers) * 2 + (1 if sex == "1" else 0)
    if serial > 999:
        region, serial = f"{450300 + serial // 1000}", serial % 1000
    body = f"{region}{birth}{serial:03d}"
    return body + check_digit(body)


class Desks:
    """Who works with the index, at both campuses."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.registrar = hospital.caller("registrar", campus="hq")
        self.colleague = hospital.caller("registrar", campus="hq")
        self.mch_registrar = hospital.caller("registrar", campus="mch")
        self.steward = hospital.caller("index_steward", campus="hq")
        self.second_steward = hospital.caller("index_steward", campus="mch")
        self.doctor = hospital.caller("outpatient_doctor", campus="hq", name="黄医生")
        self.mch_doctor = hospital.caller("outpatient_doctor", campus="mch", name="陆医生")
        self.privacy = hospital.caller("privacy_officer", campus="hq")
        self.mch_privacy = hospital.caller("privacy_officer", campus="mch")

    def card(self, name: str, number: str | None = None, **fields: Any) -> dict[str, Any]:
        """What a counter sends after reading an ID card."""
        kind = fields.pop("type", "resident_id")
        read_by = fields.pop("read_by", "seen")
        number = number or resident_id()
        return {
            "document": {"type": kind, "number": number, "read_by": read_by},
            "name": name,
            "phone": "13877201234",
            **fields,
        }

    def register(self, name: str, number: str | None = None, by: Caller | None = None, **fields: Any) -> dict[str, Any]:
        answer = (by or self.registrar).post(f"{BASE}/patients", self.card(name, number, **fields))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def find(self, by: Caller | None = None, **wanted: Any) -> list[dict[str, Any]]:
        answer = (by or self.registrar).post(f"{BASE}/patients/find", wanted)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def treat(self, patient_id: str, campus: str = "hq") -> None:
        """A visit at a campus gives it access to the person's records."""
        from functions.patients.index import service

        with self.hospital.tx(campus) as tx:
            until = tx.now.replace(year=tx.now.year + 1)
            service.grant_record_access(tx, UUID(patient_id), "registration", uuid4(), until)

    def merge(self, survivor: dict[str, Any], retired: dict[str, Any], **fields: Any) -> httpx.Response:
        return self.steward.post(
            f"{BASE}/merges",
            {
                "survivor_id": survivor["patient_id"],
                "retired_id": retired["patient_id"],
                "survivor_version": self.version(survivor["patient_id"]),
                "retired_version": self.version(retired["patient_id"]),
                "reason": "同一人重复建档",
                **fields,
            },
        )

    def version(self, patient_id: str) -> int:
        return int(self.hospital.value("SELECT version FROM patients.patients WHERE patient_id = %s", [patient_id]))

    def patient_account(self, *patient_ids: str) -> Caller:
        """The mini-program account of a person (and family)."""
        subject = str(uuid4())
        token = tokens.sign({"sub": subject, "name": "患者", "patient_ids": list(patient_ids)})
        return Caller(self.hospital.client, token, "hq", subject, uuid4())

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What is refused writes nothing, not even an event."""
        before = self.hospital.census()
        yield
        assert self.hospital.census() == before


def numbers_of(hospital: Hospital, patient_id: object) -> list[dict[str, Any]]:
    """The numbers of a record, opened, in the order they were bound."""
    rows = hospital.rows(
        "SELECT identifier_id, type, value, sealed, status FROM patients.identifiers WHERE patient_id = %s"
        " ORDER BY identifier_id",
        [patient_id],
    )
    return [row | {"number": numbers.number_of(SimpleNamespace(**row))} for row in rows]


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """A refusal with its status and stable code; returns the problem document."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """The index with the organisation it leans on."""
    apps = [registry.app("organisation/structure"), registry.app("patients/index")]
    with cloned_hospital(apps) as one:
        open_campuses(one, head(), branch(founders=[founder("20001", "personnel")]))
        yield one


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> Desks:
    return Desks(hospital)
