"""A price list in April 2026: hq charges at the third level (三级), mch at the second (二级)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from functions import registry
from functions.catalogue.codes.service import files
from functions.catalogue.codes.service.standard import load_standard
from shared.schemas import SHANGHAI
from shared.storage import ObjectStore
from tests.catalogue.codes_support import Standards
from tests.shared.storage_probe import Bucket
from tests.support.campuses import branch, head, open_campuses
from tests.support.hospital import Caller, Hospital, cloned_hospital
from tests.support.plans import plan as plan

BASE = "/api/catalogue/prices"
APRIL = datetime(2026, 4, 1, 10, tzinfo=SHANGHAI)


class Catalogue:
    """The officers of the price list and short ways to fill it."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.officer = hospital.caller("price_officer", campus="hq")
        self.checker = hospital.caller("price_checker", campus="hq")
        self.mch_officer = hospital.caller("price_officer", campus="mch")
        self.mch_checker = hospital.caller("price_checker", campus="mch")
        self.reader = hospital.caller("registrar", campus="hq")
        self.mch_reader = hospital.caller("registrar", campus="mch")

    def item(self, **fields: Any) -> dict[str, Any]:
        """A draft item."""
        body = {
            "code": f"i{uuid4().hex[:12]}",
            "name": "静脉输液",
            "unit": "组",
            "kind": "service",
            "fee_class": "05",
            "basis_document": "桂医保发〔2026〕1号",
            **fields,
        }
        answer = self.officer.post(f"{BASE}/items", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def draft(self, code: str, price: str, caller: Caller | None = None, **fields: Any) -> httpx.Response:
        body = {
            "item_code": code,
            "level": "tertiary",
            "unit_price": price,
            "basis_document": "桂医保发〔2026〕1号",
            **fields,
        }
        return (caller or self.officer).post(f"{BASE}/prices", body)

    def check(self, draft: httpx.Response, caller: Caller | None = None) -> httpx.Response:
        assert draft.status_code == 201, draft.text
        return (caller or self.checker).post(f"{BASE}/prices/{draft.json()['version_id']}/check")

    def price(self, code: str, price: str, **fields: Any) -> dict[str, Any]:
        """A checked price."""
        checked = self.check(self.draft(code, price, **fields))
        assert checked.status_code == 200, checked.text
        return dict(checked.json())

    def moment(self, **later: float) -> str:
        return (self.hospital.clock() + timedelta(**later)).astimezone(SHANGHAI).isoformat()

    def at(self, campus: str, code: str, at: datetime | None = None, **more: Any) -> Decimal:
        """What an item costs at a campus."""
        from functions.catalogue.prices import service

        with self.hospital.tx(campus) as tx:
            return service.price_at(tx, code, at, **more).unit_price


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital(
        [registry.app(name) for name in ("organisation/structure", "catalogue/codes", "catalogue/prices")]
    ) as one:
        one.clock.set(APRIL)
        yield one


@pytest.fixture(scope="module")
def catalogue(hospital: Hospital) -> Catalogue:
    since = APRIL.date() - timedelta(days=90)
    open_campuses(hospital, head(opened_on=since), branch(opened_on=since))
    return Catalogue(hospital)


@pytest.fixture(scope="module")
def store(bucket: Bucket) -> Iterator[ObjectStore]:
    """The files of lists and standards lie in the bucket of this file."""
    own = bucket.store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "object_store", lambda: own)
        yield own


@pytest.fixture(scope="module")
def standards(catalogue: Catalogue) -> Standards:
    return Standards(catalogue.hospital)


@pytest.fixture(scope="module")
def icd(standards: Standards) -> str:
    """The diagnoses that come with the product."""
    with standards.hospital.tx() as tx:
        load_standard(tx)
    return "icd10-gbt14396"
