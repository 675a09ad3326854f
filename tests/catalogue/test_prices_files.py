"""Price lists from spreadsheets and percentages, taken back whole, and what they mean."""

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import xlsxwriter

from functions.catalogue.prices.rules import COLUMNS
from tests.catalogue.codes_support import upload
from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_lists import row, take_in
from tests.support.clinic import ok

pytestmark = pytest.mark.usefixtures("store")


def price_sheet(rows: list[list[Any]], headings: list[str]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, "广西医疗服务价格目录")
        sheet.write_row(1, 0, headings)
        for number, cells in enumerate(rows, 2):
            sheet.write_row(number, 0, cells)
    return out.getvalue()


def from_file(catalogue: Catalogue, content: bytes, **fields: Any) -> Any:
    file_id = upload(catalogue.officer, content, "prices.xlsx", BASE)
    body = {"file_id": file_id, "title": "省级目录", "basis_document": "桂医保发〔2026〕20号", **fields}
    return catalogue.officer.post(f"{BASE}/batches/from-file", body)


def publish(catalogue: Catalogue, batch: dict[str, Any]) -> dict[str, Any]:
    path = f"{BASE}/batches/{batch['batch_id']}/publish"
    return dict(ok(catalogue.checker.post(path, {"version": batch["version"]})))


def test_a_spreadsheet_becomes_a_price_list(catalogue: Catalogue) -> None:
    headings = [
        COLUMNS[name] for name in ("code", "name", "unit", "kind", "fee_class", "price_tertiary", "price_secondary")
    ]
    rows: list[list[Any]] = [
        ["F001", "静脉采血", "次", "医疗服务", "05", 3.5, 3],
        ["F002", "普通床位", "床日", "床位", 1, "40.00", "30.00"],
        ["F003", "坏行", "次", "医疗服务", "05", "面议", ""],
        ["F004", "合并的行", "", "", "", 5, 4],
    ]
    batch = ok(from_file(catalogue, price_sheet(rows, headings)))
    assert (batch["rows"], batch["new"], batch["wrong"]) == (4, 2, 2)
    assert {fault["row_no"]: fault["faults"] for fault in batch["faults"]} == {
        5: ["三级价格“面议”须为数字"],
        6: ["计价单位为空", "类型为空", "收费类别为空"],
    }, "rows are named by the sheet's own numbers"
    path = f"{BASE}/batches/{batch['batch_id']}"
    aside = ok(catalogue.officer.post(f"{path}/set-aside", {"version": 1, "row_numbers": [5, 6]}))
    publish(catalogue, aside)
    assert (catalogue.at("hq", "F001"), catalogue.at("mch", "F001")) == (Decimal("3.5"), Decimal("3"))
    assert ok(catalogue.reader.get(f"{BASE}/items/F002"))["item"]["fee_class"] == "01"
    kept = catalogue.hospital.rows(
        "SELECT f.status, f.sha256 FROM catalogue.import_batches b JOIN catalogue.received_files f USING (file_id)"
        " WHERE b.batch_id = %s",
        [batch["batch_id"]],
    )
    assert (kept[0]["status"], len(kept[0]["sha256"])) == ("kept", 64)


def test_a_spreadsheet_without_headings_is_refused(catalogue: Catalogue) -> None:
    refused = from_file(catalogue, price_sheet([["F9", "x"]], ["甲", "乙"]))
    assert (refused.status_code, refused.json()["code"]) == (422, "price_list_unreadable")
    assert catalogue.hospital.value("SELECT count(*) FROM catalogue.charge_items WHERE code = 'F9'") == 0
    last = catalogue.hospital.rows("SELECT status FROM catalogue.import_batches ORDER BY batch_id DESC LIMIT 1")
    assert last[0]["status"] == "discarded", "nothing to wait for"


def test_many_prices_change_by_a_percentage(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    codes = [f"adj{mark}{number}" for number in range(3)]
    publish(catalogue, take_in(catalogue, [row(code, price_tertiary="33.33") for code in codes]))
    start = catalogue.hospital.clock() + timedelta(days=3)
    body = {
        "title": "上调一成",
        "basis_document": "文",
        "percent": "110",
        "levels": ["tertiary"],
        "item_codes": codes[:2],
        "effective_at": start.isoformat(),
    }
    dry = ok(catalogue.officer.post(f"{BASE}/batches/adjustments", body))
    assert (dry["changed"], dry["wrong"]) == (2, 0)
    effect = ok(catalogue.reader.get(f"{BASE}/batches/{dry['batch_id']}/effect"))
    assert [(one["old_price"], one["new_price"]) for one in effect["lines"]] == [("33.3300", "36.6600")] * 2
    publish(catalogue, dry)
    eve = start - timedelta(microseconds=1)
    assert [catalogue.at("hq", codes[0], at) for at in (eve, start)] == [Decimal("33.33"), Decimal("36.66")]
    assert catalogue.at("hq", codes[2], start) == Decimal("33.33")
    assert catalogue.at("mch", codes[0], start) == Decimal("8")
    nothing = catalogue.officer.post(f"{BASE}/batches/adjustments", {**body, "item_codes": ["nosuch"]})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "price_list_unreadable")


def test_a_list_is_taken_back_whole_before_it_takes_effect(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    code, other = f"rb{mark}", f"rbn{mark}"
    publish(catalogue, take_in(catalogue, [row(code)]))
    start = catalogue.hospital.clock() + timedelta(days=2)
    planned = take_in(catalogue, [row(code, price_tertiary="20"), row(other)], effective_at=start.isoformat())
    published = publish(catalogue, planned)
    assert catalogue.at("hq", code, start) == Decimal("20")
    path = f"{BASE}/batches/{planned['batch_id']}/roll-back"
    body = {"version": published["version"], "reason": "文件撤销"}
    before = catalogue.hospital.census()
    mine = catalogue.checker.post(path, body)
    assert (mine.status_code, mine.json()["code"]) == (422, "same_person")
    assert catalogue.officer.post(path, body).status_code == 403
    assert catalogue.hospital.census() == before
    back = ok(catalogue.hospital.caller("price_checker").post(path, body))
    assert back["status"] == "rolled_back"
    assert catalogue.at("hq", code, start + timedelta(days=30)) == Decimal("10")
    told = [one["data"] for one in catalogue.hospital.events("prices_batch_published")]
    mine = [one for one in told if one["batch_id"] == planned["batch_id"]]
    assert [(one["rolled_back"], sorted(one["item_codes"])) for one in mine] == [
        (False, sorted([code, other])),
        (True, sorted([code, other])),
    ]
    again = catalogue.hospital.caller("price_checker").post(path, {**body, "version": back["version"]})
    assert (again.status_code, again.json()["code"]) == (409, "price_batch_state_wrong")


def test_a_list_in_force_is_reversed_by_another(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    code, new = f"rv{mark}", f"rvn{mark}"
    publish(catalogue, take_in(catalogue, [row(code)]))
    catalogue.hospital.clock.move(seconds=2)
    wrong = publish(catalogue, take_in(catalogue, [row(code, price_tertiary="99"), row(new)]))
    body = {"version": wrong["version"], "reason": "政策撤销"}
    late = catalogue.hospital.caller("price_checker").post(f"{BASE}/batches/{wrong['batch_id']}/roll-back", body)
    assert (late.status_code, late.json()["code"]) == (409, "price_batch_state_wrong")
    catalogue.hospital.clock.move(seconds=2)
    reverse = ok(catalogue.officer.post(f"{BASE}/batches/{wrong['batch_id']}/reverse", body))
    assert (reverse["rows"], reverse["changed"], reverse["status"]) == (1, 1, "open")
    publish(catalogue, reverse)
    catalogue.hospital.clock.move(seconds=1)
    assert catalogue.at("hq", code) == Decimal("10")
    history = ok(catalogue.reader.get(f"{BASE}/items/{code}"))["prices"]
    assert [one["unit_price"] for one in history if one["level"] == "tertiary"] == ["10.0000", "99.0000", "10.0000"]


def test_campuses_are_compared_and_the_public_list_printed(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    publish(catalogue, take_in(catalogue, [row(f"df{mark}", price_secondary="10.00"), row(f"dg{mark}")]))
    found: dict[str, Any] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = ok(catalogue.reader.get(f"{BASE}/differences", other="mch", cursor=cursor))
        found |= {one["code"]: one for one in page["items"]}
        cursor = page["next"]
    assert f"df{mark}" not in found
    assert (found[f"dg{mark}"]["here"], found[f"dg{mark}"]["there"]) == ("10.0000", "8.0000")
    printed = catalogue.reader.get(f"{BASE}/public.xlsx")
    from python_calamine import CalamineWorkbook

    rows = CalamineWorkbook.from_filelike(io.BytesIO(printed.content)).get_sheet_by_index(0).to_python()[2:]
    listed: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        page = ok(catalogue.reader.get(f"{BASE}/public", cursor=after))
        listed |= {one["code"]: one["unit_price"] for one in page["items"]}
        after = page["next"]
    assert {line[0]: line[4] for line in rows} == listed
