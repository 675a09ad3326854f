"""Charge items: kept by the head hospital, published by two people, stopped from a moment on."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from functions.catalogue.prices import service
from functions.catalogue.prices.problems import ItemStopped, ItemUnknown, QuantityNotAllowed
from shared.ids import new_id
from tests.catalogue.conftest import BASE, Catalogue


def test_a_draft_is_published_with_its_first_price(catalogue: Catalogue) -> None:
    item = catalogue.item(name="静脉输液", code="120400006", national_code="120400006")
    assert (item["status"], item["version"]) == ("draft", 1)
    with catalogue.hospital.tx("hq") as tx, pytest.raises(ItemStopped):
        service.price_at(tx, "120400006")
    catalogue.price("120400006", "10.00")
    card = catalogue.reader.get(f"{BASE}/items/120400006").json()
    assert card["item"]["status"] == "published"
    assert [price["unit_price"] for price in card["prices"]] == ["10.0000"]
    published = catalogue.hospital.events("item_published")[-1]["data"]
    assert (published["code"], published["fee_class"]) == ("120400006", "05")
    with catalogue.hospital.tx("hq") as tx:
        priced = service.price_at(tx, "120400006")
        assert (priced.unit_price, priced.unit, priced.kind, priced.direct_entry) == (
            Decimal("10"),
            "组",
            "service",
            False,
        )
        with pytest.raises(ItemUnknown):
            service.prices_at(tx, ["120400006", "no-such"])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"code": "taken"}, 409, "charge_item_code_taken"),
        ({"unit": "斗"}, 422, "charge_unit_unknown"),
        ({"fee_class": "15"}, 422, "invalid"),
        ({"basis_document": ""}, 422, "invalid"),
        ({"max_quantity": "0"}, 422, "invalid"),
        ({"code": "a b"}, 422, "invalid"),
    ],
)
def test_refusals_draft_nothing(catalogue: Catalogue, change: dict[str, Any], status: int, code: str) -> None:
    if change.get("code") == "taken":
        catalogue.item(code="taken")
    body = {
        "code": "fresh",
        "name": "某项目",
        "unit": "次",
        "kind": "service",
        "fee_class": "05",
        "basis_document": "文",
    }
    before = catalogue.hospital.census()
    refused = catalogue.officer.post(f"{BASE}/items", {**body, **change})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert catalogue.hospital.census() == before


@pytest.mark.case("40", 7)
def test_a_branch_does_not_touch_the_consortiums_list(catalogue: Catalogue) -> None:
    item = catalogue.item()
    catalogue.price(item["code"], "8.00")
    draft = catalogue.draft(item["code"], "9.00").json()
    path = f"{BASE}/items/{item['code']}"
    body = {"code": "mine", "name": "我的", "unit": "次", "kind": "service", "fee_class": "05", "basis_document": "文"}
    rows = [{"code": "z1", "name": "某", "unit": "次", "kind": "service", "fee_class": "05", "price_tertiary": "1"}]
    before = catalogue.hospital.census()
    officer, checker = catalogue.mch_officer, catalogue.mch_checker
    attempts = [
        officer.post(f"{BASE}/items", body),
        officer.post(f"{BASE}/units", {"unit": "桶"}),
        officer.patch(path, {"version": 2, "reason": "改", "content": "改了"}),
        checker.post(f"{path}/stop", {"version": 2, "reason": "停"}),
        catalogue.draft(item["code"], "1.00", officer),
        checker.post(f"{BASE}/prices/{draft['version_id']}/check"),
        officer.post(f"{BASE}/prices/{draft['version_id']}/cancel"),
        officer.post(f"{BASE}/batches", {"title": "表", "basis_document": "文", "rows": rows}),
    ]
    statuses = [(attempt.status_code, attempt.json()["code"]) for attempt in attempts]
    consortium = (403, "consortium_price_list")
    assert statuses[:5] == [consortium] * 5
    assert statuses[5:7] == [(404, "not_found")] * 2
    assert statuses[7] == consortium
    assert catalogue.draft(item["code"], "1.00", officer, campus_id="mch").json()["code"] == "campus_price_not_allowed"
    assert catalogue.hospital.census() == before


def test_the_database_keeps_the_list_at_the_head_hospital(catalogue: Catalogue) -> None:
    """The wall stands below the service: a branch's transaction can't write the list whatever the code does."""
    from functions.catalogue.prices.models import PriceVersion

    item = catalogue.item()
    for campus_id in (None, "hq"):
        price = PriceVersion(
            version_id=new_id(),
            item_id=item["item_id"],
            level="secondary",
            campus_id=campus_id,
            valid_from=catalogue.hospital.clock(),
            unit_price=Decimal(1),
            basis_document="文",
            maker="x",
            made_at=catalogue.hospital.clock(),
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege), catalogue.hospital.tx("mch") as tx:
            tx.session.add(price)
    assert catalogue.hospital.value("SELECT count(*) FROM catalogue.price_versions WHERE maker = 'x'") == 0


def test_particulars_change_but_not_what_a_receipt_says(catalogue: Catalogue) -> None:
    item = catalogue.item(name="静脉注射")
    path = f"{BASE}/items/{item['code']}"
    renamed = catalogue.officer.patch(path, {"version": 1, "reason": "规范名称", "name": "静脉注射（成人）"})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["version"]) == (200, "静脉注射（成人）", 2)
    catalogue.price(item["code"], "6.00")
    before = catalogue.hospital.census()
    for field, value in [("name", "别名"), ("unit", "次"), ("kind", "bed"), ("fee_class", "06")]:
        refused = catalogue.officer.patch(path, {"version": 3, "reason": "改", field: value})
        assert (refused.status_code, refused.json()["code"]) == (409, "charge_item_fixed"), field
    assert catalogue.hospital.census() == before
    changed = catalogue.officer.patch(
        path, {"version": 3, "reason": "完善", "content": "含药物配置", "direct_entry": True}
    )
    assert (changed.status_code, changed.json()["content"]) == (200, "含药物配置")
    stale = catalogue.officer.patch(path, {"version": 3, "reason": "改", "content": "别的"})
    assert (stale.status_code, stale.json()["current"]) == (409, {"content": "含药物配置"})
    assert catalogue.officer.patch(path, {"version": 4, "reason": "改", "name": None}).status_code == 422


def test_a_stopped_item_is_refused_from_its_moment_on(catalogue: Catalogue) -> None:
    item, other = catalogue.item(name="旧项目"), catalogue.item(name="新项目")
    catalogue.price(item["code"], "5.00")
    path = f"{BASE}/items/{item['code']}"
    body = {
        "version": 2,
        "reason": "被替代",
        "stopped_from": catalogue.moment(days=2),
        "replacement_code": other["code"],
    }
    assert catalogue.officer.post(f"{path}/stop", body).json()["code"] == "permission_denied"
    before = catalogue.hospital.census()
    past = catalogue.checker.post(f"{path}/stop", {**body, "stopped_from": catalogue.moment(days=-1)})
    assert past.json()["code"] == "price_back_dated"
    assert catalogue.checker.post(f"{path}/stop", {**body, "replacement_code": "nothing"}).status_code == 404
    assert catalogue.checker.post(f"{path}/stop", {**body, "version": 1}).json()["code"] == "version_conflict"
    assert catalogue.hospital.census() == before
    assert catalogue.checker.post(f"{path}/stop", body).json()["status"] == "suspended"
    assert catalogue.at("hq", item["code"]) == Decimal("5")
    told = catalogue.hospital.events("item_suspended")[-1]["data"]
    assert (told["code"], told["replacement_code"], told["withdrawn"]) == (item["code"], other["code"], False)
    catalogue.hospital.clock.move(days=3)
    try:
        with catalogue.hospital.tx("hq") as tx:
            with pytest.raises(ItemStopped):
                service.price_at(tx, item["code"])
            assert service.current_prices(tx, [item["code"]]) == {}
        assert catalogue.reader.get(f"{BASE}/items", text=item["code"]).json() == []
    finally:
        catalogue.hospital.clock.move(days=-3)
    resumed = catalogue.checker.post(f"{path}/resume", {"version": 3, "reason": "继续使用"})
    assert (resumed.status_code, resumed.json()["status"], resumed.json()["stopped_from"]) == (200, "published", None)
    withdrawn = catalogue.checker.post(f"{path}/stop", {"version": 4, "reason": "废止", "withdrawn": True})
    assert withdrawn.json()["status"] == "withdrawn"
    again = catalogue.checker.post(f"{path}/resume", {"version": 5, "reason": "恢复"})
    assert (again.status_code, again.json()["code"]) == (409, "price_state_wrong")
    assert catalogue.check(catalogue.draft(item["code"], "6.00")).json()["code"] == "price_state_wrong"


@pytest.mark.case("40", 4)
def test_no_more_than_a_day_holds(catalogue: Catalogue) -> None:
    item = catalogue.item(name="心电监护", unit="小时", max_per_day="24", max_quantity="24", quantity_step="0.5")
    catalogue.price(item["code"], "4.00")
    with catalogue.hospital.tx("hq") as tx:
        priced = service.price_at(tx, item["code"])
        service.check_quantity(priced, Decimal("24"))
        service.check_quantity(priced, Decimal("3.5"), already_today=Decimal("20.5"))
        for quantity, already in [("25", "0"), ("4", "20.5"), ("0.3", "0")]:
            with pytest.raises(QuantityNotAllowed):
                service.check_quantity(priced, Decimal(quantity), Decimal(already))


def test_units_can_be_added_once(catalogue: Catalogue) -> None:
    first = catalogue.officer.post(f"{BASE}/units", {"unit": "每牙"})
    again = catalogue.officer.post(f"{BASE}/units", {"unit": "每牙"})
    assert (first.status_code, again.json().count("每牙")) == (201, 1)
    assert "每牙" in catalogue.mch_reader.get(f"{BASE}/units").json()


def test_items_are_found_by_code_initials_and_name(catalogue: Catalogue) -> None:
    item = catalogue.item(code="250101015", name="血细胞分析（五分类）")
    waiting = catalogue.item(name="血细胞未定价")
    catalogue.price(item["code"], "20.00")
    for text in ("2501", "XXBFX", "血细胞"):
        found = catalogue.reader.get(f"{BASE}/items", text=text).json()
        assert [(one["code"], one["unit_price"]) for one in found] == [("250101015", "20.0000")], text
    assert waiting["code"] not in {one["code"] for one in catalogue.reader.get(f"{BASE}/items", text="血").json()}
    assert catalogue.mch_reader.get(f"{BASE}/items", text="血细胞").json() == [], "no price at its level"
    assert catalogue.hospital.client.get(f"{BASE}/items?text=x").status_code == 401


def test_a_repeated_command_drafts_once(catalogue: Catalogue) -> None:
    body = {"code": "once", "name": "一次", "unit": "次", "kind": "service", "fee_class": "05", "basis_document": "文"}
    first = catalogue.officer.post(f"{BASE}/items", body, key="draft-item-once")
    again = catalogue.officer.post(f"{BASE}/items", body, key="draft-item-once")
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
