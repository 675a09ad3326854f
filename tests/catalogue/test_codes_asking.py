"""Coders' questions are ruled for all campuses; proposals are decided once; wide lists bring their categories."""

from typing import Any
from uuid import uuid4

import pytest

from functions.catalogue.codes.rules import ICD9CM3
from tests.catalogue.codes_support import CODES, Standards, workbook
from tests.support.clinic import ok

pytestmark = pytest.mark.usefixtures("store")


def test_a_question_is_ruled_and_read_everywhere(standards: Standards) -> None:
    system = standards.system()
    path = f"{CODES}/systems/{system}/questions"
    asked = ok(standards.branch.post(path, {"code": "O80.0", "question": "顺产合并会阴裂伤如何选主要诊断？"}))
    other = ok(standards.doctor.post(path, {"question": "另一个问题"}))
    assert (asked["campus_id"], asked["rulings"]) == ("mch", [])
    ruling = f"{CODES}/questions/{asked['question_id']}/rulings"
    before = standards.hospital.census()
    assert standards.doctor.post(ruling, {"ruling": "随意"}).status_code == 403
    away = standards.hospital.caller("standard_manager", campus="mch").post(ruling, {"ruling": "分院裁定"})
    assert (away.status_code, away.json()["code"]) == (403, "standard_code_list")
    unknown = standards.manager.post(f"{CODES}/questions/{uuid4()}/rulings", {"ruling": "无"})
    assert unknown.status_code == 404
    assert standards.hospital.census() == before
    ok(standards.manager.post(ruling, {"ruling": "以会阴裂伤为主要诊断。"}))
    standards.hospital.clock.move(seconds=1)
    ok(standards.manager.post(ruling, {"ruling": "按2026年质控要求，以O70为主要诊断。"}))
    read = ok(standards.branch.get(path))["items"]
    assert [one["question_id"] for one in read] == [other["question_id"], asked["question_id"]]
    assert [one["ruling"] for one in read[1]["rulings"]][-1] == "按2026年质控要求，以O70为主要诊断。"
    assert len(read[1]["rulings"]) == 2, "the earlier ruling stays readable"
    waiting = ok(standards.manager.get(path, unanswered=True))["items"]
    assert [one["question_id"] for one in waiting] == [other["question_id"]]


def test_a_proposal_is_decided_once_by_somebody_else(standards: Standards) -> None:
    system = standards.system()
    wish = {"code": "A00.0x1", "display": "院内霍乱分型", "parent": "A00.0", "reason": "临床需要"}
    made = ok(standards.branch.post(f"{CODES}/systems/{system}/proposals", wish))
    assert (made["accepted"], made["answer"]) == (None, None)
    path = f"{CODES}/proposals/{made['proposal_id']}/decision"
    body = {"accepted": False, "answer": "国临版已有对应编码 A00.001。"}
    before = standards.hospital.census()
    assert standards.branch.post(path, body).status_code == 403
    assert standards.hospital.census() == before
    decided = ok(standards.manager.post(path, body))
    assert (decided["accepted"], decided["answer"]) == (False, body["answer"])
    again = standards.manager.post(path, {**body, "accepted": True})
    assert (again.status_code, again.json()["code"]) == (409, "code_proposal_decided")
    found = [one for one in ok(standards.branch.get(f"{CODES}/proposals"))["items"] if one["system"] == system]
    assert [(one["accepted"], one["answer"]) for one in found] == [(False, body["answer"])]
    both = standards.hospital.caller(campus="hq", at={"hq": ["standard_manager", "outpatient_doctor"]})
    own = ok(both.post(f"{CODES}/systems/{system}/proposals", wish))
    refused = both.post(f"{CODES}/proposals/{own['proposal_id']}/decision", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "same_person")


WIDE = ("章", "章代码范围", "章的名称", "类目代码", "类目名称", "亚目代码", "亚目名称", "诊断代码", "诊断名称")


def wide(*rows: tuple[str, str, str, str, str, str]) -> bytes:
    """医保版 ICD-10: categories stand in columns beside each code, blank under a merged cell."""
    cells: list[list[Any]] = [["1", "A00-B99", "某些传染病和寄生虫病", *row] for row in rows]
    return workbook(cells, WIDE, "医疗保障疾病诊断分类与代码")


def test_a_wide_list_brings_its_categories(standards: Standards) -> None:
    system = standards.system(name="医保版 ICD-10")
    content = wide(
        ("A00", "霍乱", "A00.0", "霍乱，由于O1群霍乱弧菌，霍乱生物型所致", "A00.000", "古典生物型霍乱"),
        ("", "", "A00.1", "霍乱，由于O1群霍乱弧菌，埃尔托生物型所致", "A00.100", "埃尔托生物型霍乱"),
        ("A01", "伤寒和副伤寒", "A01.0", "伤寒", "A01.000", "伤寒"),
        ("A01", "伤寒和副伤寒", "A01.0", "伤寒", "A01.001", "伤寒性脑膜炎"),
    )
    made = ok(standards.take_in(system, content, "2.0", announced=4))
    assert (made["accepted"], made["rejected"], made["ignored"], made["rows_read"]) == (4, 0, 2, 6)
    published = ok(standards.publish(made["version_id"]))
    assert published["published"]["codes"] == 4, "the issuer counts codes, not categories; no confirmation is asked"
    base = f"{CODES}/systems/{system}"
    [chapter] = ok(standards.doctor.get(f"{base}/children"))["items"]
    roots = ok(standards.doctor.get(f"{base}/children", parent=chapter["code"]))["items"]
    assert [(one["code"], one["display"], one["leaf"]) for one in roots] == [
        ("A00", "霍乱", False),
        ("A01", "伤寒和副伤寒", False),
    ]
    below = ok(standards.doctor.get(f"{base}/children", parent="A01.0"))["items"]
    assert [one["code"] for one in below] == ["A01.000", "A01.001"]
    assert standards.found(system, "伤寒") == ["A01.000", "A01.001"], "a category is not chosen"
    assert ok(standards.take_in(system, content + b"", "2.0"))["status"] == "unchanged"


def test_procedure_categories_need_no_pattern_of_their_own(standards: Standards) -> None:
    system = standards.system(kind="procedure", pattern=ICD9CM3)
    headings = ("类目代码", "类目名称", "亚目代码", "亚目名称", "手术操作代码", "手术操作名称")
    content = workbook([["47", "阑尾手术", "47.0", "阑尾切除术", "47.0100", "腹腔镜阑尾切除术"]], headings)
    made = ok(standards.take_in(system, content, "2.0"))
    assert (made["accepted"], made["rejected"]) == (1, 0)
    ok(standards.publish(made["version_id"]))
    card = ok(standards.doctor.get(f"{CODES}/systems/{system}/codes/47.0100"))
    assert [one["code"] for one in card["ancestors"]] == ["47", "47.0"]


def test_mappings_and_differences_are_read_and_taken_along(standards: Standards) -> None:
    clinical = standards.in_force([["A00.000", "霍乱甲"], ["A00.100", "霍乱乙"], ["A01.000", "伤寒"]])
    insured = standards.in_force([["A00.000", "霍乱甲"], ["A00.101", "霍乱乙型"]], name="医保版")
    rows = [
        {"from_code": "A00.000", "to_code": "A00.000", "relation": "equal"},
        {"from_code": "A00.100", "to_code": "A00.101", "relation": "equal"},
        {"from_code": "A01.000", "to_code": None, "relation": "none"},
    ]
    drafted = ok(
        standards.manager.post(
            f"{CODES}/systems/{clinical}/mappings", {"to_system": insured, "official": True, "rows": rows}
        )
    )
    ok(standards.checker.post(f"{CODES}/mappings/check", {"mapping_ids": [one["mapping_id"] for one in drafted]}))
    standards.hospital.clock.move(seconds=1)
    first = ok(standards.doctor.get(f"{CODES}/systems/{clinical}/mappings", to=insured, limit=2))
    assert [(one["from_code"], one["to_display"], one["relation"]) for one in first["items"]] == [
        ("A00.000", "霍乱甲", "equal"),
        ("A00.100", "霍乱乙型", "equal"),
    ]
    rest = ok(standards.doctor.get(f"{CODES}/systems/{clinical}/mappings", to=insured, limit=2, cursor=first["next"]))
    assert [(one["from_code"], one["to_code"], one["to_display"]) for one in rest["items"]] == [("A01.000", "", None)]
    table = standards.doctor.get(f"{CODES}/systems/{clinical}/mappings.csv", to=insured).content.decode("utf-8-sig")
    lines = [line.split(",") for line in table.replace('"', "").splitlines()]
    assert [line[:6] for line in lines] == [
        ["编码", "名称", "关系", "对照编码", "对照名称", "来源"],
        ["A00.000", "霍乱甲", "等同", "A00.000", "霍乱甲", "官方"],
        ["A00.100", "霍乱乙", "等同", "A00.101", "霍乱乙型", "官方"],
        ["A01.000", "伤寒", "无对应", "", "", "官方"],
    ]

    versions = ok(standards.manager.get(f"{CODES}/systems/{clinical}/versions"))
    made = ok(
        standards.take_in(
            clinical, workbook([["A00.000", "霍乱（改名）"], ["A00.100", "霍乱乙"], ["B00.000", "新码"]]), "3.0"
        )
    )
    report = standards.manager.get(
        f"{CODES}/versions/{made['version_id']}/differences.csv", older=versions[0]["version_id"]
    )
    assert report.content.decode("utf-8-sig").replace('"', "").splitlines() == [
        "编码,变化,原名称,现名称",
        "A00.000,变更,霍乱甲,霍乱（改名）",
        "A01.000,取消,伤寒,",
        "B00.000,新增,,新码",
    ]
