"""What everybody may know of prices: patients look them up, coming ones are announced, effects are counted."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_lists import row, take_in
from tests.catalogue.test_prices_more import charge
from tests.catalogue.test_prices_quoting import priced
from tests.support import tokens
from tests.support.clinic import ok
from tests.support.hospital import Caller


@pytest.fixture(scope="module")
def patient(catalogue: Catalogue) -> Caller:
    """Somebody signed on with the mini-program, looking at the branch."""
    subject = uuid4()
    token = tokens.sign({"sub": str(subject), "name": "患者", "patient_ids": [str(uuid4())]})
    return Caller(catalogue.hospital.client, token, "mch", str(subject), subject)


def test_a_patient_looks_prices_up_and_nothing_else(catalogue: Catalogue, patient: Caller) -> None:
    mark = f"7{uuid4().hex[:7]}"
    item = catalogue.item(code=mark, name=f"超声检查{mark}", content="彩色多普勒", excluded="造影剂")
    catalogue.price(mark, "25.00")
    catalogue.price(mark, "22.00", level="secondary")
    (shown,) = ok(patient.get(f"{BASE}/self/prices", text=item["name"][:12]))["items"]
    assert (shown["unit_price"], shown["unit"], shown["content"]) == ("22.0000", "组", "彩色多普勒")
    assert (shown["excluded"], shown["basis_document"]) == ("造影剂", "桂医保发〔2026〕1号"), "the document it rests on"
    by_code = ok(patient.get(f"{BASE}/self/prices", text=mark))["items"]
    assert [one["code"] for one in by_code] == [mark]
    listed: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ok(patient.get(f"{BASE}/self/prices", limit=50, cursor=cursor))
        listed += [one["code"] for one in page["items"]]
        cursor = page["next"]
    assert mark in listed
    assert listed == sorted(listed)
    for path in ("/items", "/public", "/prices/waiting", f"/items/{mark}"):
        assert patient.get(f"{BASE}{path}", text="a").status_code == 403, path
    assert catalogue.reader.get(f"{BASE}/self/prices").status_code == 403, "staff have their own search"


def test_a_market_price_is_announced_for_a_week(catalogue: Catalogue) -> None:
    item = catalogue.item(market_priced=True, name="特需病房")
    code = item["code"]
    catalogue.price(code, "100.00", level="secondary")
    before = catalogue.hospital.census()
    soon = catalogue.draft(
        code, "150.00", catalogue.mch_officer, level="secondary", campus_id="mch", valid_from=catalogue.moment(days=6)
    )
    assert (soon.status_code, soon.json()["code"]) == (422, "market_price_too_soon")
    assert catalogue.hospital.census() == before
    late = catalogue.draft(
        code, "150.00", catalogue.mch_officer, level="secondary", campus_id="mch", valid_from=catalogue.moment(days=8)
    )
    catalogue.hospital.clock.move(days=3)
    earliest = catalogue.hospital.clock() + timedelta(days=7)
    checked = catalogue.check(late, catalogue.mch_checker).json()
    week = catalogue.hospital.clock() + timedelta(days=7)
    start = datetime.fromisoformat(checked["valid_from"])
    assert earliest <= start <= week, "a late check begins the week anew"
    coming = [one for one in pages(catalogue.mch_reader) if one["code"] == code]
    assert [(one["old_price"], one["new_price"], one["own"]) for one in coming] == [(None, "150.0000", True)]
    assert code not in {one["code"] for one in pages(catalogue.reader)}, "it is the branch's own"
    assert (catalogue.at("mch", code), catalogue.at("mch", code, week)) == (Decimal("100"), Decimal("150"))


def pages(caller: Caller, limit: int = 2) -> list[dict[str, Any]]:
    """The whole calendar of coming prices, a few at a time."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = ok(caller.get(f"{BASE}/public/coming", limit=limit, **cursor))
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_coming_prices_stand_in_order_of_time(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    codes = [f"co{mark}{number}" for number in range(5)]
    first = take_in(catalogue, [row(code) for code in codes])
    ok(catalogue.checker.post(f"{BASE}/batches/{first['batch_id']}/publish", {"version": 1}))
    later = take_in(
        catalogue,
        [row(code, price_tertiary="11") for code in codes],
        effective_at=catalogue.moment(days=20),
    )
    ok(catalogue.checker.post(f"{BASE}/batches/{later['batch_id']}/publish", {"version": 1}))
    far = take_in(catalogue, [row(f"cf{mark}")], effective_at=catalogue.moment(days=60))
    ok(catalogue.checker.post(f"{BASE}/batches/{far['batch_id']}/publish", {"version": 1}))
    found = pages(catalogue.reader)
    mine = [one for one in found if one["code"].startswith(f"co{mark}")]
    assert [(one["code"], one["old_price"], one["new_price"]) for one in mine] == [
        (code, "10.0000", "11.0000") for code in codes
    ], "once each, whatever the page"
    assert [one["effective_at"] for one in found] == sorted(one["effective_at"] for one in found)
    assert f"cf{mark}" not in {one["code"] for one in found}
    assert f"cf{mark}" in {one["code"] for one in ok(catalogue.reader.get(f"{BASE}/public/coming", days=90))["items"]}
    bad = catalogue.reader.get(f"{BASE}/public/coming", cursor="gestern x")
    assert bad.status_code == 400


def test_the_effect_of_a_price_is_reckoned_before_and_counted_after(catalogue: Catalogue) -> None:
    code = priced(catalogue, "10.00", name="按摩")
    charge(catalogue, "hq", uuid4(), (code, "30", "10.00"))
    charge(catalogue, "mch", uuid4(), (code, "99", "10.00"))
    catalogue.hospital.clock.move(days=1)
    draft = catalogue.draft(code, "12.00")
    path = f"{BASE}/prices/{draft.json()['version_id']}/effect"
    expected = ok(catalogue.reader.get(path))
    assert (expected["old_price"], expected["new_price"]) == ("10.0000", "12.0000")
    assert (Decimal(expected["yearly_quantity"]), expected["yearly_difference"]) == (30, "60.00")
    assert (Decimal(expected["since_quantity"]), expected["since_difference"]) == (0, "0.00")
    assert catalogue.check(draft).status_code == 200
    charge(catalogue, "hq", uuid4(), (code, "5", "12.00"))
    catalogue.hospital.clock.move(days=2)
    counted = ok(catalogue.reader.get(path))
    assert (Decimal(counted["yearly_quantity"]), counted["yearly_difference"]) == (30, "60.00")
    assert (Decimal(counted["since_quantity"]), counted["since_difference"]) == (5, "10.00")
    first = ok(catalogue.reader.get(f"{BASE}/items/{code}"))["prices"][0]
    assert ok(catalogue.reader.get(f"{BASE}/prices/{first['version_id']}/effect"))["old_price"] is None
    assert catalogue.reader.get(f"{BASE}/prices/{uuid4()}/effect").status_code == 404
