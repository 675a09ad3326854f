"""Sheets in and out: good rows load, bad ones are told, nothing else is written."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from functions import registry
from functions.organisation.structure.rules import sheets as rules
from functions.organisation.structure.service.sheets import workbook
from shared.schemas import SHANGHAI
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital

PATH = f"{BASE}/imports"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        yield one


def sheet(kind: str, *lines: dict[str, Any]) -> bytes:
    """A filled-in sheet of a kind."""
    title, columns = rules.SHEETS[kind]
    heads = [column.title for column in columns]
    return workbook(title, heads, [[line.get(head, "") for head in heads] for line in lines])


def load(caller: Caller, kind: str, *lines: dict[str, Any], dry_run: bool = False, **fields: Any) -> Any:
    content = fields.pop("content", None) or sheet(kind, *lines)
    body = {"kind": kind, "content": base64.b64encode(content).decode(), "dry_run": dry_run}
    return caller.post(PATH, body, **fields)


def person(number: str, **fields: Any) -> dict[str, Any]:
    return {"工号": number, "姓名": "覃小兰", "人员类别": "护士", "科室代码": "root", **fields}


def cells(content: bytes) -> list[list[Any]]:
    return list(CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python())


def test_good_rows_load_and_bad_ones_are_told(consortium: Consortium) -> None:
    known = consortium.engage()["staff_no"]
    good = f"I{uuid4().hex[:8]}"
    lines = [
        person(good, 职称="主管护师", 手机号="13900001111", 用工性质="编外"),
        person(known),
        person(good.lower()),
        person(f"I{uuid4().hex[:8]}", 科室代码="nowhere"),
        person(f"I{uuid4().hex[:8]}", 人员类别="护工"),
        person("", 姓名=""),
        person(f"I{uuid4().hex[:8]}", 手机号="12"),
        person(f"I{uuid4().hex[:8]}", 职称="大师"),
        person(f"I{uuid4().hex[:8]}", 入职日期="昨天"),
        person(f"I{uuid4().hex[:8]}", 入职日期="2026-01-05"),
    ]
    before = consortium.hospital.census()
    tried = load(consortium.personnel, "staff", *lines, dry_run=True)
    assert tried.status_code == 201, tried.text
    answers = "kernel.idempotent_answers"
    assert consortium.hospital.census() == {**before, answers: before[answers] + 1}, "only its own answer is kept"
    done = load(consortium.personnel, "staff", *lines).json()
    assert (done["total"], done["loaded"]) == (10, 1)
    assert [row["row"] for row in done["rows"]] == list(range(2, 12))
    told = {row["row"]: row["message"] for row in done["rows"] if row["outcome"] == "refused"}
    assert "工号已使用" in told[3]
    assert "重复" in told[4]
    assert "科室代码" in told[5]
    assert "人员类别" in told[6]
    assert told[7] == "未填：工号、姓名"
    assert "手机号" in told[8]
    assert "职称" in told[9]
    assert "入职日期" in told[10]
    assert "尚未启用" in told[11]
    card = consortium.hospital.rows("SELECT * FROM organisation.staff WHERE staff_no = %s", [good])[0]
    assert (card["category"], card["title_code"], card["employment"]) == ("nurse", "253", "contract")
    joined = [
        event for event in consortium.hospital.events("staff_joined") if event["subject"] == str(card["staff_id"])
    ]
    assert len(joined) == 1
    listed = consortium.personnel.get(PATH).json()["items"]
    assert (listed[0]["import_id"], listed[0]["loaded"]) == (done["import_id"], 1)
    assert consortium.mch_personnel.get(PATH).json()["items"] == []
    assert "13900001111" not in str(listed)


def test_units_may_stand_on_earlier_rows(consortium: Consortium) -> None:
    done = load(
        consortium.admin,
        "units",
        {"科室代码": "im", "科室名称": "大内科", "类别": "临床", "诊疗科目": "03"},
        {"科室代码": "im-heart", "科室名称": "心内科", "类别": "临床", "上级科室代码": "im"},
        {"科室代码": "im-ward", "科室名称": "心内病区", "类别": "病区", "上级科室代码": "im-heart"},
        {"科室代码": "im", "科室名称": "又一个", "类别": "临床"},
        {"科室代码": "x1", "科室名称": "无根", "类别": "临床", "上级科室代码": "later"},
        {"科室代码": "x2", "科室名称": "错科目", "类别": "临床", "诊疗科目": "内科"},
    ).json()
    assert done["loaded"] == 3
    told = {row["row"]: row["message"] for row in done["rows"] if row["message"]}
    assert set(told) == {5, 6, 7}
    assert "诊疗科目" in told[7]
    tree = consortium.tree()
    assert tree["im-ward"]["parent_id"] == tree["im-heart"]["unit_id"]
    assert tree["im-heart"]["parent_id"] == tree["im"]["unit_id"]


def test_beds_stay_within_the_licence_row_by_row(consortium: Consortium) -> None:
    ward = consortium.unit(consortium.mch_admin, code="obs-ward", kind="nursing")["unit_id"]
    version = consortium.opener.get(f"{BASE}/campuses/mch").json()["version"]
    assert consortium.opener.patch(f"{BASE}/campuses/mch", {"version": version, "licensed_beds": 2}).is_success
    nursing = consortium.hospital.caller("nursing_office", campus="mch")
    bed = {"病区代码": "obs-ward", "类别": "母婴同室", "编制": "是", "开放": "是", "性别限制": "女"}
    done = load(
        nursing,
        "beds",
        {**bed, "床号": "1"},
        {**bed, "床号": "2"},
        {**bed, "床号": "3"},
        {**bed, "床号": "4", "编制": "否"},
        {**bed, "床号": "1"},
        {**bed, "床号": "5", "类别": "加床"},
        {**bed, "床号": "6", "病区代码": "root"},
        {**bed, "床号": "7", "病室代码": "none"},
    ).json()
    assert [row["outcome"] for row in done["rows"]] == ["loaded", "loaded", "refused", "loaded", *["refused"] * 4]
    assert "核定编制" in done["rows"][2]["message"]
    numbers = [row["number"] for row in nursing.get(f"{BASE}/wards/{ward}/beds").json()]
    assert numbers == ["1", "2", "4"]


def test_licences_come_by_staff_number(consortium: Consortium) -> None:
    nurse = consortium.engage(category="nurse")
    other = consortium.engage(consortium.mch_personnel, category="nurse")
    number = f"{uuid4().int % 10**12:012d}"
    paper = {
        "工号": nurse["staff_no"].upper(),
        "证书类别": "护士执业证书",
        "证书编号": number,
        "有效期起": "2026/1/1",
        "有效期止": "20301231",
    }
    lines = [
        paper,
        paper,
        {**paper, "工号": other["staff_no"]},
        {**paper, "工号": "nobody"},
        {**paper, "证书编号": "12"},
        {**paper, "证书编号": f"{int(number[::-1]) % 10**12:012d}", "有效期止": "2031-01-02"},
    ]
    done = load(consortium.personnel, "licences", *lines).json()
    assert [row["outcome"] for row in done["rows"]] == ["loaded", *["refused"] * 5], done
    verdict = consortium.admin.get(f"{BASE}/staff/{nurse['staff_id']}/licences/nurse/valid").json()
    assert verdict["allowed"] is True
    again = load(consortium.personnel, "licences", paper).json()
    assert "已登记" in again["rows"][0]["message"]
    renewed = {**paper, "有效期起": "2031-01-01", "有效期止": "2035-12-31"}
    assert load(consortium.personnel, "licences", renewed).json()["loaded"] == 1


def test_who_may_enter_by_hand_may_load(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    for caller, kind in [
        (consortium.admin, "staff"),
        (consortium.personnel, "units"),
        (consortium.admin, "beds"),
        (consortium.admin, "licences"),
    ]:
        refused = load(caller, kind, dry_run=True)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied"), kind
    assert consortium.hospital.census() == before


def test_a_repeated_upload_loads_once(consortium: Consortium) -> None:
    number = f"I{uuid4().hex[:8]}"
    content = sheet("staff", person(number))
    first = load(consortium.personnel, "staff", content=content, key="sheet-once-1")
    again = load(consortium.personnel, "staff", content=content, key="sheet-once-1")
    assert (first.json()["loaded"], again.json()) == (1, first.json())
    kept = consortium.hospital.rows(
        "SELECT sha256 FROM organisation.sheet_imports WHERE import_id = %s", [UUID(first.json()["import_id"])]
    )
    assert kept[0]["sha256"] == hashlib.sha256(content).digest()


def bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (31 * 1024 * 1024))
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"not a workbook", bomb(), workbook("空", [], []), workbook("别的", ["甲", "乙"], [["1", "2"]])],
    ids=["text", "bomb", "empty", "other heads"],
)
def test_what_is_no_sheet_is_refused(consortium: Consortium, content: bytes) -> None:
    before = consortium.hospital.census()
    refused = load(consortium.personnel, "staff", content=content)
    assert (refused.status_code, refused.json()["code"]) == (422, "sheet_unreadable"), refused.text
    assert consortium.hospital.census() == before


@pytest.mark.parametrize("kind", sorted(rules.SHEETS))
def test_the_empty_sheet_is_the_one_that_is_read(consortium: Consortium, kind: str) -> None:
    empty = consortium.admin.get(f"{PATH}/{kind}/template.xlsx")
    assert empty.status_code == 200
    rules.heads(kind, cells(empty.content)[0])


def test_the_code_table_goes_out_as_text(consortium: Consortium) -> None:
    unit = consortium.unit(name="=1+1", code="formula")["unit_id"]
    assert consortium.admin.put(f"{BASE}/units/{unit}/codes/statistics", {"code": "03.01"}).status_code == 200
    exported = cells(consortium.admin.get(f"{BASE}/unit-codes.xlsx").content)
    line = next(row for row in exported if row[0] == "formula")
    assert line[1] == "=1+1", "nothing a person typed becomes a formula"
    assert "03.01" in line
    form = consortium.admin.get(f"{BASE}/unit-codes.pdf")
    assert form.content.startswith(b"%PDF")


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d"]))
def test_days_are_read_in_the_ways_people_write_them(day: date, shape: str) -> None:
    assert rules.read_day("日期", day.strftime(shape)) == day


def test_numbers_lose_the_decimals_of_a_spreadsheet() -> None:
    assert [rules.plain(cell) for cell in (10001.0, 3, "  甲 ", None, True, 1.5)] == [
        "10001",
        "3",
        "甲",
        "",
        "是",
        "1.5",
    ]
    for bad in ("2026-13-01", "明天", "2026-02-30", 12.5):
        with pytest.raises(rules.BadRow):
            rules.read_day("日期", bad)


def test_id_numbers_come_as_text_and_belong_to_one_person(consortium: Consortium) -> None:
    taken, free = "11010519491231002X", "440524188001010014"  # the examples of GB 11643
    consortium.engage(id_number=taken)
    numbers = [f"I{uuid4().hex[:8]}" for _ in range(5)]
    papers = [free, free, taken.lower(), "440524188001010015", 440524188001010014]
    title, columns = rules.SHEETS["staff"]
    heads = [column.title for column in columns]
    lines = [person(number, 身份证号=paper) for number, paper in zip(numbers, papers, strict=True)]
    content = workbook(title, heads, [[line.get(head, "") for head in heads] for line in lines])
    answer = load(consortium.personnel, "staff", content=content)
    assert answer.status_code == 201, answer.text
    reports = {report["row"]: report["message"] for report in answer.json()["rows"]}
    assert reports[2] == ""
    assert "在表中重复" in reports[3]
    assert "已登记在他人名下" in reports[4]
    assert "身份证号 不符合要求" in reports[5]
    assert "被表格存成数字" in reports[6]
    assert free not in answer.text
    kept = "SELECT count(*) FROM organisation.staff_identities i JOIN organisation.staff s USING (staff_id)"
    assert consortium.hospital.value(f"{kept} WHERE s.staff_no = ANY (%s)", [numbers]) == 1


def test_a_sheet_saved_by_an_old_excel_loads_as_it_is(consortium: Consortium) -> None:
    from tests.support.old_excel import old_workbook

    _, columns = rules.SHEETS["staff"]
    heads = [column.title for column in columns]
    number = f"00{uuid4().hex[:6]}"
    line = person(number, 入职日期=consortium.hospital.clock().astimezone(SHANGHAI).date())
    rows = [heads, [line.get(head, "") for head in heads]]
    for since_1904 in (False, True):
        tried = load(consortium.personnel, "staff", content=old_workbook(rows, since_1904=since_1904), dry_run=True)
        assert [row["outcome"] for row in tried.json()["rows"]] == ["valid"], tried.text
    assert load(consortium.personnel, "staff", content=old_workbook(rows)).json()["loaded"] == 1
    before = consortium.hospital.census()
    for content, words in ((old_workbook(rows, protected=True), "密码"), (old_workbook(rows)[:1500], "已损坏")):
        refused = load(consortium.personnel, "staff", content=content)
        assert (refused.status_code, refused.json()["code"]) == (422, "sheet_unreadable"), refused.text
        assert words in refused.json()["detail"]
    assert consortium.hospital.census() == before
