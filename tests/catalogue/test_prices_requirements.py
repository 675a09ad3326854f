"""No item is published without the mappings the price office requires (对照齐全方可发布)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from integrity.runner import run
from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_lists import row
from tests.catalogue.test_prices_more import map_items
from tests.support.clinic import ok

REQUIREMENTS = f"{BASE}/mapping-requirements"


def unmapped_in_use(catalogue: Catalogue) -> set[str]:
    names = frozenset({"catalogue.prices_mappings_missing"})
    [found] = run(catalogue.hospital.settings.auditor_database_url, names)
    return {one["code"] for one in found.rows}


@pytest.fixture(scope="module", autouse=True)
def in_use(catalogue: Catalogue) -> str:
    """An item in use from before; then two schemes are required."""
    code = str(catalogue.item(name="早已在用")["code"])
    catalogue.price(code, "5.00")
    for scheme in ("front_page", "account"):
        body = {"scheme": scheme, "basis_document": "国卫财务发〔2019〕64号"}
        drafted = ok(catalogue.officer.post(REQUIREMENTS, body))
        own = catalogue.hospital.caller("price_checker")
        ok(own.post(f"{REQUIREMENTS}/{drafted['requirement_id']}/check"))
    catalogue.hospital.clock.move(seconds=1)
    return code


def test_requirements_are_made_by_two_at_the_head_hospital(catalogue: Catalogue) -> None:
    listed = ok(catalogue.reader.get(REQUIREMENTS))
    assert [(one["scheme"], one["status"]) for one in listed] == [("front_page", "checked"), ("account", "checked")]
    body = {"scheme": "account", "basis_document": "文"}
    again = ok(catalogue.officer.post(REQUIREMENTS, body))
    census = catalogue.hospital.census()
    path = f"{REQUIREMENTS}/{again['requirement_id']}/check"
    taken = catalogue.checker.post(path)
    assert (taken.status_code, taken.json()["code"]) == (409, "mapping_required_already")
    branch = catalogue.mch_officer.post(REQUIREMENTS, body)
    assert (branch.status_code, branch.json()["code"]) == (403, "consortium_price_list")
    past = catalogue.officer.post(REQUIREMENTS, {**body, "required_from": catalogue.moment(days=-1)})
    assert (past.status_code, past.json()["code"]) == (422, "price_back_dated")
    strange = catalogue.officer.post(REQUIREMENTS, {**body, "scheme": "rbrvs"})
    assert (strange.status_code, strange.json()["code"]) == (422, "invalid")
    lost = catalogue.checker.post(f"{REQUIREMENTS}/{uuid4()}/check")
    assert (lost.status_code, lost.json()["code"]) == (404, "not_found")
    assert catalogue.hospital.census() == census
    both = catalogue.hospital.caller("price_officer", "price_checker")
    mine = ok(both.post(REQUIREMENTS, {**body, "scheme": "cost"}))
    alone = both.post(f"{REQUIREMENTS}/{mine['requirement_id']}/check")
    assert (alone.status_code, alone.json()["code"]) == (422, "same_person")


def test_a_first_price_is_not_checked_while_a_mapping_is_missing(catalogue: Catalogue) -> None:
    code = str(catalogue.item(name="新项目")["code"])
    drafted = catalogue.draft(code, "8.00")
    census = catalogue.hospital.census()
    refused = catalogue.check(drafted)
    assert (refused.status_code, refused.json()["code"]) == (422, "item_mappings_missing")
    assert (refused.json()["missing"], "会计科目、病案首页" in refused.json()["detail"]) == (
        ["account", "front_page"],
        True,
    )
    assert catalogue.hospital.census() == census
    ok(map_items(catalogue, "account", (code, "4001")))
    assert catalogue.check(drafted).json()["missing"] == ["front_page"]
    lists = [row["code"] for row in pages(catalogue, "front_page") if row["status"] == "draft"]
    assert code in lists, "the list of unmapped ones names what waits to be published"
    ok(map_items(catalogue, "front_page", (code, "1.1")))
    catalogue.hospital.clock.move(seconds=1)
    ok(catalogue.check(drafted))
    assert ok(catalogue.reader.get(f"{BASE}/items/{code}"))["item"]["status"] == "published"


def pages(catalogue: Catalogue, scheme: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ok(catalogue.reader.get(f"{BASE}/unmapped", scheme=scheme, cursor=cursor, limit=1))
        found += page["items"]
        cursor = page["next"]
    return found


def test_what_is_in_use_goes_on_but_is_not_resumed_unmapped(catalogue: Catalogue, in_use: str) -> None:
    catalogue.price(in_use, "6.00")
    assert in_use in unmapped_in_use(catalogue)
    ok(catalogue.checker.post(f"{BASE}/items/{in_use}/stop", {"version": 2, "reason": "停"}))
    catalogue.hospital.clock.move(seconds=1)
    resume = {"version": 3, "reason": "恢复"}
    refused = catalogue.checker.post(f"{BASE}/items/{in_use}/resume", resume)
    assert (refused.status_code, refused.json()["code"]) == (422, "item_mappings_missing")
    for scheme in ("front_page", "account"):
        ok(map_items(catalogue, scheme, (in_use, f"{scheme}1")))
    catalogue.hospital.clock.move(seconds=1)
    ok(catalogue.checker.post(f"{BASE}/items/{in_use}/resume", resume))
    assert in_use not in unmapped_in_use(catalogue)


def test_a_list_brings_the_mappings_of_its_new_items(catalogue: Catalogue, in_use: str) -> None:
    bare, whole = f"n{uuid4().hex[:8]}", f"w{uuid4().hex[:8]}"
    rows = [row(bare), row(whole, front_page="3.1 影像学诊断费", account="400103 检查收入")]
    batch = ok(catalogue.officer.post(f"{BASE}/batches", {"title": "目录", "basis_document": "文", "rows": rows}))
    assert [(one["row_no"], one["faults"]) for one in batch["faults"]] == [
        (1, ["缺少会计科目、病案首页对照，不能发布"])
    ]
    path = f"{BASE}/batches/{batch['batch_id']}"
    census = catalogue.hospital.census()
    refused = catalogue.checker.post(f"{path}/publish", {"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "price_batch_not_clean")
    assert catalogue.hospital.census() == census
    aside = ok(catalogue.officer.post(f"{path}/set-aside", {"version": 1, "row_numbers": [1]}))
    ok(catalogue.checker.post(f"{path}/publish", {"version": aside["version"]}))
    catalogue.hospital.clock.move(seconds=1)
    mapped = ok(catalogue.reader.get(f"{BASE}/items/{whole}/mappings"))
    assert {(one["scheme"], one["target"], one["target_name"]) for one in mapped} == {
        ("front_page", "3.1", "影像学诊断费"),
        ("account", "400103", "检查收入"),
    }
    assert all(one["maker"] != one["checker"] for one in mapped)
    told = [one["data"] for one in catalogue.hospital.events("mapping_changed") if one["data"]["item_code"] == whole]
    assert {one["target"] for one in told} == {"3.1", "400103"}
    other = [row(whole, front_page="9.9 其他"), row(in_use, name="早已在用", unit="组", price_tertiary="9.00")]
    again = ok(catalogue.officer.post(f"{BASE}/batches", {"title": "改", "basis_document": "文", "rows": other}))
    assert again["faults"][0]["faults"] == ["病案首页费用类别与现有对照“3.1”不一致"]


def test_nothing_is_required_before_its_day(catalogue: Catalogue) -> None:
    start = catalogue.hospital.clock() + timedelta(days=3)
    body = {"scheme": "cost", "basis_document": "文", "required_from": start.isoformat()}
    drafted = ok(catalogue.officer.post(REQUIREMENTS, body))
    ok(catalogue.checker.post(f"{REQUIREMENTS}/{drafted['requirement_id']}/check"))
    early, late = (str(catalogue.item(name="成本")["code"]) for _ in range(2))
    for code in (early, late):
        for scheme in ("front_page", "account"):
            ok(map_items(catalogue, scheme, (code, "1")))
    catalogue.hospital.clock.move(seconds=1)
    catalogue.price(early, "1.00")
    catalogue.hospital.clock.move(days=4)
    refused = catalogue.check(catalogue.draft(late, "1.00"))
    assert (refused.json()["code"], refused.json()["missing"]) == ("item_mappings_missing", ["cost"])
