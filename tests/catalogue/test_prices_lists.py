"""Price lists: read row by row, published whole or not at all."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from functions.catalogue.prices import service
from tests.catalogue.conftest import BASE, Catalogue


def row(code: str, /, **cells: str | None) -> dict[str, str | None]:
    return {
        "code": code,
        "name": f"项目{code}",
        "unit": "次",
        "kind": "service",
        "fee_class": "05",
        "price_tertiary": "10.00",
        "price_secondary": "8.00",
        **cells,
    }


def take_in(catalogue: Catalogue, rows: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    body = {"title": "2026年价格目录", "basis_document": "桂医保发〔2026〕9号", "rows": rows, **fields}
    answer = catalogue.officer.post(f"{BASE}/batches", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def told_of(catalogue: Catalogue, batch_id: str) -> list[dict[str, Any]]:
    """What was told of a list, in order."""
    told = [one["data"] for one in catalogue.hospital.events("prices_batch_published")]
    return [one for one in told if one["batch_id"] == batch_id]


@pytest.mark.case("40", 8)
def test_a_list_with_bad_rows_waits_until_they_are_settled(catalogue: Catalogue) -> None:
    rows: list[dict[str, Any]] = [row(f"L{number:04d}", price_primary=f"{number}.5") for number in range(2000)]
    rows[17]["price_tertiary"] = "十元"
    rows[500]["unit"] = "斗"
    rows[1999]["code"] = "L0003"
    batch = take_in(catalogue, rows)
    assert (batch["rows"], batch["new"], batch["wrong"]) == (2000, 1997, 3)
    faults = {fault["row_no"]: fault["faults"] for fault in batch["faults"]}
    assert faults == {
        18: ["三级价格“十元”须为数字"],
        501: ["计价单位“斗”不在单位表中"],
        2000: ["项目代码与第 4 行重复"],
    }
    path = f"{BASE}/batches/{batch['batch_id']}"
    before = catalogue.hospital.census()
    refused = catalogue.checker.post(f"{path}/publish", {"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "price_batch_not_clean")
    assert [wrong["row_no"] for wrong in refused.json()["rows"]] == [18, 501, 2000]
    assert catalogue.hospital.census() == before
    assert catalogue.reader.get(f"{BASE}/items", text="L0001").json() == []

    fixed = catalogue.officer.put(
        f"{path}/rows/18", {"version": 1, "row": row("L0017", price_tertiary="12", price_primary="1")}
    )
    assert (fixed.status_code, fixed.json()["wrong"]) == (200, 2), fixed.text
    aside = catalogue.officer.post(f"{path}/set-aside", {"version": 2, "row_numbers": [501, 2000]})
    assert (aside.json()["wrong"], aside.json()["set_aside"], aside.json()["new"]) == (0, 2, 1998)
    stale = catalogue.checker.post(f"{path}/publish", {"version": 2})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    published = catalogue.checker.post(f"{path}/publish", {"version": 3})
    assert (published.status_code, published.json()["status"]) == (200, "published"), published.text

    assert (catalogue.at("hq", "L0017"), catalogue.at("mch", "L0017")) == (Decimal("12"), Decimal("8"))
    hospital = catalogue.hospital
    versions = "SELECT count(*) FROM catalogue.price_versions WHERE batch_id = %s"
    assert hospital.value(versions, [batch["batch_id"]]) == 1998 * 3
    transactions = hospital.value(
        "SELECT count(DISTINCT xmin::text) FROM catalogue.price_versions WHERE batch_id = %s", [batch["batch_id"]]
    )
    assert transactions == 1
    mine = told_of(catalogue, batch["batch_id"])
    assert {(one["items"], one["prices"], one["parts"]) for one in mine} == {(1998, 1998 * 3, 4)}
    assert [one["part"] for one in mine] == [1, 2, 3, 4], "an event for some hundred items, not one for each"
    told = [code for one in mine for code in one["item_codes"]]
    assert told == [f"L{number:04d}" for number in range(1999) if number != 500]
    assert [code for one in mine for code in one["new_codes"]] == told
    single = [one["data"]["code"] for kind in ("item_published", "price_published") for one in hospital.events(kind)]
    assert not set(single) & set(told)
    with hospital.tx("hq") as tx:
        listed = service.listed_prices(tx, UUID(batch["batch_id"]), ["L0017"])
        assert len(service.listed_prices(tx, UUID(batch["batch_id"]))) == 1998 * 3
    assert {(one.level, one.old_price, one.new_price) for one in listed} == {
        ("tertiary", None, Decimal("12")),
        ("secondary", None, Decimal("8")),
        ("primary", None, Decimal("1")),
    }
    assert hospital.value("SELECT count(*) FROM catalogue.charge_items WHERE code = 'L0500'") == 0
    again = catalogue.checker.post(f"{path}/publish", {"version": 4})
    assert (again.status_code, again.json()["code"]) == (409, "price_batch_state_wrong")


def test_a_second_list_changes_only_what_differs(catalogue: Catalogue) -> None:
    first = take_in(catalogue, [row("R1"), row("R2"), row("R3")])
    path = f"{BASE}/batches/{first['batch_id']}/publish"
    assert catalogue.checker.post(path, {"version": 1}).status_code == 200
    start = catalogue.hospital.clock() + timedelta(days=10)
    rows = [row("R1"), row("R2", price_tertiary="11.00"), row("R4")]
    second = take_in(catalogue, rows, effective_at=start.isoformat())
    assert (second["same"], second["changed"], second["new"]) == (1, 1, 1)
    path = f"{BASE}/batches/{second['batch_id']}/publish"
    assert catalogue.checker.post(path, {"version": 1}).status_code == 200
    made = catalogue.hospital.rows(
        "SELECT i.code, v.level FROM catalogue.price_versions v JOIN catalogue.charge_items i USING (item_id)"
        " WHERE batch_id = %s ORDER BY 1, 2",
        [second["batch_id"]],
    )
    assert [(one["code"], one["level"]) for one in made] == [
        ("R2", "tertiary"),
        ("R4", "secondary"),
        ("R4", "tertiary"),
    ]
    eve = start - timedelta(microseconds=1)
    assert [catalogue.at("hq", "R2", at) for at in (eve, start)] == [Decimal("10"), Decimal("11")]
    assert catalogue.at("mch", "R2", start) == Decimal("8")
    (told,) = told_of(catalogue, second["batch_id"])
    assert (told["item_codes"], told["new_codes"], told["rolled_back"]) == (["R2", "R4"], ["R4"], False)
    with catalogue.hospital.tx("hq") as tx:
        (changed,) = service.listed_prices(tx, UUID(second["batch_id"]), ["R2"])
    assert (changed.old_price, changed.new_price, changed.effective_at) == (Decimal("10"), Decimal("11"), start)


def test_a_list_publishes_drafts_it_prices(catalogue: Catalogue) -> None:
    draft = catalogue.item(code="DRAFTED", name="待定价项目", unit="次")
    assert draft["status"] == "draft"
    batch = take_in(catalogue, [row("DRAFTED", name="待定价项目")])
    assert (batch["changed"], batch["wrong"]) == (1, 0)
    assert catalogue.checker.post(f"{BASE}/batches/{batch['batch_id']}/publish", {"version": 1}).status_code == 200
    (told,) = told_of(catalogue, batch["batch_id"])
    assert (told["item_codes"], told["new_codes"]) == (["DRAFTED"], ["DRAFTED"])
    card = catalogue.reader.get(f"{BASE}/items/DRAFTED").json()
    assert (card["item"]["status"], card["item"]["version"], len(card["prices"])) == ("published", 2, 2)
    assert {(one["maker"], one["checker"]) for one in card["prices"]} == {
        (catalogue.officer.subject, catalogue.checker.subject)
    }
    assert catalogue.at("hq", "DRAFTED") == Decimal("10")


def test_a_list_does_not_change_what_an_item_is(catalogue: Catalogue) -> None:
    item = catalogue.item(code="KNOWN", name="已有项目")
    catalogue.price("KNOWN", "9.00", ceiling="9.50")
    stopped = catalogue.item(code="STOPPED")
    catalogue.price("STOPPED", "9.00")
    body = {"version": 2, "reason": "停"}
    assert catalogue.checker.post(f"{BASE}/items/STOPPED/stop", body).status_code == 200
    rows = [
        row("KNOWN", name="别的项目", unit="组"),
        row("STOPPED", name=stopped["name"], unit="组"),
        row("NEW", code="bad code!"),
        row("EMPTY", name=None, unit="  "),
        {**row("EXTRA"), "colour": "red"},
        row("NUL", content="坏\x00字"),
        row("NONE", price_tertiary="", price_secondary=None),
        row("MANY", price_tertiary="1.00001"),
        row("CEILING", code="KNOWN", name=item["name"], unit="组"),
    ]
    faults = {fault["row_no"]: fault["faults"] for fault in take_in(catalogue, rows)["faults"]}
    assert faults[1] == ["项目名称与现有项目“已有项目”不一致", "三级价格 10.0000 超过最高限价 9.5000"]
    assert faults[2] == ["该项目已停用，请先恢复"]
    assert faults[3] == ["项目代码只能有字母、数字和 . _ -，最多 40 位"]
    assert faults[4] == ["项目名称为空", "计价单位为空"]
    assert faults[5] == ["没有“colour”这一列"]
    assert faults[6] == ["含有不可用的字符"]
    assert faults[7] == ["没有任何价格"]
    assert faults[8] == ["三级价格“1.00001”最多四位小数"]
    assert faults[9] == ["项目代码与第 1 行重复"]


def test_a_list_comes_in_several_calls(catalogue: Catalogue) -> None:
    batch = take_in(catalogue, [row("S1"), row("S2")])
    path = f"{BASE}/batches/{batch['batch_id']}"
    more = catalogue.officer.post(f"{path}/rows", {"version": 1, "rows": [row("S3"), row("S1")]})
    assert (more.status_code, more.json()["rows"], more.json()["version"]) == (200, 4, 2)
    assert [fault["row_no"] for fault in more.json()["faults"]] == [4]
    assert catalogue.reader.get(path).json() == more.json()
    listed = catalogue.reader.get(f"{BASE}/batches", limit=1).json()
    assert (listed["items"][0]["batch_id"], listed["next"]) == (batch["batch_id"], batch["batch_id"])
    before = catalogue.hospital.census()
    missing = catalogue.officer.post(f"{path}/set-aside", {"version": 2, "row_numbers": [4, 9]})
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert catalogue.officer.put(f"{path}/rows/9", {"version": 2, "row": row("S9")}).status_code == 404
    assert catalogue.hospital.census() == before
    assert catalogue.reader.get(path).json()["set_aside"] == 0
    aside = catalogue.officer.post(f"{path}/set-aside", {"version": 2, "row_numbers": [1]})
    assert (aside.json()["wrong"], aside.json()["set_aside"]) == (0, 1), "without its double the later row is good"


def test_a_list_is_published_by_another_person(catalogue: Catalogue) -> None:
    both = catalogue.hospital.caller(campus="hq", at={"hq": ["price_officer", "price_checker"]})
    body = {"title": "表", "basis_document": "文", "rows": [row("P1")]}
    batch = both.post(f"{BASE}/batches", body).json()
    path = f"{BASE}/batches/{batch['batch_id']}/publish"
    before = catalogue.hospital.census()
    refused = both.post(path, {"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "same_person")
    assert catalogue.officer.post(path, {"version": 1}).json()["code"] == "permission_denied"
    assert catalogue.mch_checker.post(path, {"version": 1}).json()["code"] == "consortium_price_list"
    assert catalogue.hospital.census() == before


def test_what_changed_meanwhile_is_seen_at_publication(catalogue: Catalogue) -> None:
    batch = take_in(catalogue, [row("M1"), row("M2")])
    catalogue.item(code="M1", name="抢先的项目", unit="次")
    path = f"{BASE}/batches/{batch['batch_id']}/publish"
    before = catalogue.hospital.census()
    refused = catalogue.checker.post(path, {"version": 1})
    assert refused.json()["code"] == "price_batch_not_clean"
    assert refused.json()["rows"] == [{"row_no": 1, "faults": ["项目名称与现有项目“抢先的项目”不一致"]}]
    assert catalogue.hospital.census() == before


def test_a_planned_price_in_the_way_stops_the_whole_list(catalogue: Catalogue) -> None:
    first = take_in(catalogue, [row("W1"), row("W2")])
    assert catalogue.checker.post(f"{BASE}/batches/{first['batch_id']}/publish", {"version": 1}).status_code == 200
    catalogue.price("W2", "20.00", valid_from=catalogue.moment(days=9))
    second = take_in(catalogue, [row("W1", price_tertiary="11"), row("W2", price_tertiary="12")])
    before = catalogue.hospital.census()
    refused = catalogue.checker.post(f"{BASE}/batches/{second['batch_id']}/publish", {"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "price_period_overlaps")
    assert catalogue.hospital.census() == before
    assert catalogue.at("hq", "W1") == Decimal("10")


def test_a_batch_given_up_stays_readable(catalogue: Catalogue) -> None:
    batch = take_in(catalogue, [row("D1")])
    path = f"{BASE}/batches/{batch['batch_id']}"
    assert catalogue.officer.post(f"{path}/discard", {"version": 1, "reason": "发错了"}).json()["status"] == "discarded"
    refused = catalogue.checker.post(f"{path}/publish", {"version": 2})
    assert (refused.status_code, refused.json()["code"]) == (409, "price_batch_state_wrong")
    assert catalogue.reader.get(path).json()["rows"] == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"rows": []}, 422, "invalid"),
        ({"rows": [{"code": 7}]}, 422, "invalid"),
        ({"effective_at": "2026-01-01T00:00:00+08:00"}, 422, "price_back_dated"),
        ({"rows": [{"code": "x"}] * 2001}, 422, "invalid"),
    ],
)
def test_refusals_take_nothing_in(catalogue: Catalogue, change: dict[str, Any], status: int, code: str) -> None:
    before = catalogue.hospital.census()
    body = {"title": "表", "basis_document": "文", "rows": [row("X1")], **change}
    refused = catalogue.officer.post(f"{BASE}/batches", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert catalogue.hospital.census() == before
