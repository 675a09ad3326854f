"""Price lists in the shapes the authorities publish: read, judged, published whole, what they drop stopped."""

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import xlsxwriter

from functions.catalogue.codes.sheets import plain
from functions.catalogue.prices import sheets
from functions.catalogue.prices.problems import BatchTooLong, ListUnreadable
from functions.catalogue.prices.service import ItemStopped
from tests.catalogue.codes_support import upload
from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_lists import row, take_in, told_of
from tests.support.clinic import ok

pytestmark = pytest.mark.usefixtures("store")


def provincial_list(prefix: str) -> bytes:
    """A provincial list as it is published: a title, a heading of two rows with merged cells, classification rows,
    items under a parent without a price, a footnote."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("目录")
        sheet.merge_range(0, 0, 0, 9, "广西壮族自治区医疗服务价格项目目录")
        for place, heading in enumerate(("序号", "项目编码", "项目名称", "项目内涵", "除外内容", "计价单位", "说明")):
            sheet.merge_range(1, place, 2, place, heading)
        sheet.merge_range(1, 7, 1, 9, "价格（元）")
        for place, heading in enumerate(("三级\n医疗机构", "二级 医疗机构", "一级（含以下）"), 7):
            sheet.write_string(2, place, heading)
        rows: list[list[Any]] = [
            ["", "12", "（二）一般检查治疗"],
            ["", "1204", "4.注射"],
            [1, f"120400{prefix}6", "静脉输液", "含药物配制", "输液器", "组", "", 8, 7, 6],
            ["", f"250101{prefix}5", "血细胞分析", "", "", "", "", "", "", ""],
            [2, f"250101{prefix}5-1", "血细胞分析（五分类）", "", "", "次", "限住院", 22.5, 20, ""],
            [3, f"331400{prefix}2", "剖宫产术", "", "", "次", "", 1200, 1000, 800],
            [4, f"110900{prefix}1", "普通病房床位费", "", "", "床日", "", 40, 30, 20],
            ["注：本目录自公布之日起施行。"],
        ]
        for number, cells in enumerate(rows, 3):
            sheet.write_row(number, 0, cells)
    return out.getvalue()


def from_file(catalogue: Catalogue, content: bytes, **fields: Any) -> dict[str, Any]:
    file_id = upload(catalogue.officer, content, "prices.xlsx", BASE)
    body = {"file_id": file_id, "title": "省级目录", "basis_document": "桂医保发〔2026〕20号", **fields}
    return dict(ok(catalogue.officer.post(f"{BASE}/batches/from-file", body)))


def publish(catalogue: Catalogue, batch: dict[str, Any], **fields: Any) -> Any:
    path = f"{BASE}/batches/{batch['batch_id']}/publish"
    return catalogue.checker.post(path, {"version": batch["version"], **fields})


def test_a_provincial_list_is_taken_in_as_it_is_published(catalogue: Catalogue) -> None:
    digits = f"{uuid4().int % 90 + 10}"
    batch = from_file(catalogue, provincial_list(digits))
    assert (batch["rows"], batch["new"], batch["wrong"], batch["ignored"]) == (4, 4, 0, 7), batch["faults"]
    ok(publish(catalogue, batch))
    infusion = ok(catalogue.reader.get(f"{BASE}/items/120400{digits}6"))
    item = infusion["item"]
    assert (item["content"], item["excluded"], item["unit"]) == ("含药物配制", "输液器", "组")
    assert {one["level"]: one["unit_price"] for one in infusion["prices"]} == {
        "tertiary": "8.0000",
        "secondary": "7.0000",
        "primary": "6.0000",
    }
    booked = {
        code: (one["kind"], one["fee_class"], one["note"])
        for code in (f"250101{digits}5-1", f"331400{digits}2", f"110900{digits}1", f"120400{digits}6")
        for one in [ok(catalogue.reader.get(f"{BASE}/items/{code}"))["item"]]
    }
    assert list(booked.values()) == [
        ("service", "04", "限住院"),
        ("service", "06", None),
        ("bed", "01", None),
        ("service", "05", None),
    ]
    assert catalogue.reader.get(f"{BASE}/items/250101{digits}5").status_code == 404, "a heading is no item"


def test_a_later_list_leaves_what_it_does_not_say(catalogue: Catalogue) -> None:
    code = f"k{uuid4().hex[:8]}"
    ok(publish(catalogue, take_in(catalogue, [row(code, name="康复训练", unit="日", fee_class="07")])))
    catalogue.hospital.clock.move(seconds=2)
    cells = {"code": code, "name": "康复训练", "price_tertiary": "11"}
    second = take_in(catalogue, [cells])
    assert (second["changed"], second["wrong"]) == (1, 0), second["faults"]
    ok(publish(catalogue, second))
    item = ok(catalogue.reader.get(f"{BASE}/items/{code}"))["item"]
    assert (item["unit"], item["fee_class"], item["kind"]) == ("日", "07", "service")
    catalogue.hospital.clock.move(seconds=1)
    assert (catalogue.at("hq", code), catalogue.at("mch", code)) == (Decimal("11"), Decimal("8"))
    unknown = take_in(catalogue, [{**cells, "code": f"u{code}"}])
    assert unknown["faults"][0]["faults"] == ["计价单位为空", "类型为空", "收费类别为空"]


def test_a_whole_list_stops_what_it_drops_when_the_officer_has_seen_it(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    kept, dropped, aside = f"wk{mark}", f"wd{mark}", f"wa{mark}"
    rows = [row(code, kind="registration", fee_class="13") for code in (kept, dropped, aside)]
    ok(publish(catalogue, take_in(catalogue, rows)))
    start = catalogue.hospital.clock() + timedelta(days=2)
    whole = take_in(
        catalogue,
        [rows[0], {**rows[2], "unit": "斗"}],
        covers=["registration"],
        effective_at=start.isoformat(),
    )
    path = f"{BASE}/batches/{whole['batch_id']}"
    missing = ok(catalogue.officer.get(f"{path}/missing"))["items"]
    assert [one["code"] for one in missing] == [dropped], "other kinds and a row that is wrong are no reason to stop"
    whole = ok(catalogue.officer.post(f"{path}/set-aside", {"version": 1, "row_numbers": [2]}))
    before = catalogue.hospital.census()
    for seen in ({}, {"stops": 0}, {"stops": 2}):
        refused = publish(catalogue, whole, **seen)
        assert (refused.status_code, refused.json()["code"]) == (409, "price_list_stops_unconfirmed")
        assert (refused.json()["stops"], refused.json()["first"]) == (1, [dropped])
    assert catalogue.hospital.census() == before
    published = ok(publish(catalogue, whole, stops=1))
    (told,) = told_of(catalogue, whole["batch_id"])
    assert (told["item_codes"], told["stopped_codes"], told["items"]) == ([dropped], [dropped], 1)
    assert catalogue.at("hq", dropped) == Decimal("10"), "until then it is charged"
    with pytest.raises(ItemStopped):
        catalogue.at("hq", dropped, start)
    assert [catalogue.at("hq", code, start) for code in (kept, aside)] == [Decimal("10")] * 2

    other = catalogue.hospital.caller("price_checker")
    back = other.post(f"{path}/roll-back", {"version": published["version"], "reason": "文件撤销"})
    assert ok(back)["status"] == "rolled_back"
    assert catalogue.at("hq", dropped, start) == Decimal("10")
    last = told_of(catalogue, whole["batch_id"])[-1]
    assert (last["rolled_back"], last["new_codes"]) == (True, [dropped])
    item = ok(catalogue.reader.get(f"{BASE}/items/{dropped}"))["item"]
    assert (item["status"], item["stopped_from"]) == ("published", None)


def test_a_list_that_stops_a_member_tells_of_the_package(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    member, package = f"bm{mark}", f"bp{mark}"
    ok(publish(catalogue, take_in(catalogue, [row(member, kind="bed", fee_class="01")])))
    catalogue.item(code=package, kind="package", name="床位套餐")
    drafted = ok(
        catalogue.officer.post(
            f"{BASE}/packages/{package}/versions", {"members": [{"member_code": member, "quantity": "1"}]}
        )
    )
    ok(catalogue.checker.post(f"{BASE}/package-versions/{drafted['package_version_id']}/check"))
    whole = take_in(catalogue, [row(f"bx{mark}", kind="bed", fee_class="01")], covers=["bed"])
    stops = len(ok(catalogue.officer.get(f"{BASE}/batches/{whole['batch_id']}/missing"))["items"])
    ok(publish(catalogue, whole, stops=stops))
    told = catalogue.hospital.events("package_changed")[-1]["data"]
    assert (told["package_code"], told["usable"]) == (package, False)
    with catalogue.hospital.tx("hq") as tx:
        from functions.catalogue.prices.service import listed_prices

        assert {one.code for one in listed_prices(tx, UUID(whole["batch_id"]))} == {f"bx{mark}"}


# -- shapes, without a database


def read(*rows: list[Any]) -> sheets.Sheet:
    return sheets.read_list(rows, plain)


def test_a_guideline_table_says_output_and_composition() -> None:
    heading = ["序号", "项目代码", "项目名称", "服务产出", "价格构成", "计价单位", "计价说明", "三类价格"]
    sheet = read(
        heading,
        [1, "011101000010000", "普通门诊诊查费", "为患者提供诊查", "涵盖所需人力资源", "次", "", 10],
        [2, "011101000010001", "儿童加收", "", "涵盖加收", "次", "限六周岁", 3],
        [3, "011101000010002", "专家诊查", "为患者提供诊查", "", "次", "", 20],
    )
    assert [number for number, _ in sheet.rows] == [2, 3, 4]
    contents = [cells["content"] for _, cells in sheet.rows]
    assert contents == ["服务产出：为患者提供诊查；价格构成：涵盖所需人力资源", "价格构成：涵盖加收", "为患者提供诊查"]
    assert [cells["price_tertiary"] for _, cells in sheet.rows] == ["10", "3", "20"]
    assert sheet.rows[1][1]["note"] == "限六周岁"


def test_an_item_without_unit_and_price_is_no_heading_unless_others_stand_below_it() -> None:
    sheet = read(
        ["项目代码", "项目名称", "计价单位", "三级价格"],
        ["110100001", "挂号费", "", ""],
        ["1102", "诊查费", "", ""],
        ["110200001", "诊查", "次", 5],
    )
    assert [cells["code"] for _, cells in sheet.rows] == ["110100001", "110200001"], "the first has lost its cells"
    assert sheet.ignored == 2


@pytest.mark.parametrize(
    ("code", "usual"),
    [
        ("110200001", ("02", "service")),
        ("110100001", ("13", "registration")),
        ("110900001", ("01", "bed")),
        ("120100003", ("07", "service")),
        ("120400006", ("05", "service")),
        ("210102015", ("03", "service")),
        ("250101015", ("04", "service")),
        ("270300001", ("03", "service")),
        ("331400012a", ("06", "service")),
        ("430000001", ("05", "service")),
        ("AAAA0001", None),
        ("999900001", None),
        ("12040", None),
    ],
)
def test_receipt_classes_follow_the_national_chapters(code: str, usual: tuple[str, str] | None) -> None:
    assert sheets.usual_booking(code) == usual


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(ListUnreadable):
        read(["甲", "乙"], ["1", "2"])
    heading = ["项目代码", "项目名称"]
    with pytest.raises(BatchTooLong):
        read(heading, *([f"{number:05d}", "项目"] for number in range(20_001)))
    with pytest.raises(BatchTooLong):
        read(heading, *([""] for _ in range(sheets.LAST_ROW)), ["1", "项目"])
