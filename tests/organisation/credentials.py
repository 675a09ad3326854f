"""People with licences and privileges in March 2026, and what they sign with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from functions import registry
from shared.schemas import SHANGHAI
from tests.organisation import signing
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital

SIGNING = "/api/probe/signing"


@contextmanager
def signing_hospital() -> Iterator[Hospital]:
    """It is March 2026 here, and a module signs."""
    with cloned_hospital([registry.app("organisation/structure"), signing.app]) as one:
        one.clock.set(datetime(2026, 3, 2, 1, tzinfo=UTC))
        yield one


def at(consortium: Consortium, moment: str) -> None:
    consortium.hospital.clock.set(datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI))


def physician(consortium: Consortium, title: str = "232", **fields: Any) -> dict[str, Any]:
    doctor = consortium.engage(category="doctor", title_code=title)
    return {**doctor, "licence": licence(consortium, doctor["staff_id"], **fields)}


def licence(consortium: Consortium, staff_id: str, caller: Caller | None = None, **fields: Any) -> dict[str, Any]:
    answer = (caller or consortium.personnel).post(f"{BASE}/staff/{staff_id}/licences", paper(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def paper(**fields: Any) -> dict[str, Any]:
    number = f"{uuid4().int % 10**15:015d}"
    body = {"kind": "physician", "number": number, "category": "clinical", "valid_from": "2020-01-01"}
    return {**body, **fields}


def nurse_paper(**fields: Any) -> dict[str, Any]:
    number = f"{uuid4().int % 10**12:012d}"
    return {"kind": "nurse", "number": number, "category": None, "valid_from": "2021-07-01", **fields}


def grant(affairs: Caller, staff_id: str, kind: str = "antibiotic", level: int = 3, **fields: Any) -> Any:
    body = {"kind": kind, "level": level, "evidence": "培训考核合格，医务〔2026〕3号", **fields}
    return affairs.post(f"{BASE}/staff/{staff_id}/privileges", body)


def sign(caller: Caller, path: str, kind: str, level: int | None = None, key: str | None = None) -> Any:
    document = "0190b0a0-0000-7000-8000-000000000001" if key else str(uuid4())
    return caller.post(f"{SIGNING}/{path}", {"document": document, "kind": kind, "level": level}, key=key)
