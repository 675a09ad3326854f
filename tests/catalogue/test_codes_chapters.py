"""Chapters and sections of wide lists (章、节) stand above their categories: imported, browsed, never chosen."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from functions.catalogue.codes import rules, service
from functions.catalogue.codes.rules import ICD9CM3, ICD10, Entry, Reading
from tests.catalogue.codes_support import CODES, Standards, workbook
from tests.support.clinic import ok

HEADINGS = (
    "章",
    "章代码范围",
    "章的名称",
    "节代码范围",
    "节名称",
    "类目代码",
    "类目名称",
    "亚目代码",
    "亚目名称",
    "诊断代码",
    "诊断名称",
)
ROWS = (
    (
        "1",
        "A00-B99",
        "某些传染病和寄生虫病",
        "A00-A09",
        "肠道传染病",
        "A00",
        "霍乱",
        "A00.0",
        "霍乱型",
        "A00.000",
        "古典霍乱",
    ),
    ("", "", "", "", "", "A01", "伤寒", "A01.0", "伤寒", "A01.000", "伤寒病"),
    ("", "", "", "A15—A19", "结核病", "A15", "呼吸道结核病", "A15.0", "肺结核", "A15.000", "肺结核病"),
    ("2", "C00-D48", "肿瘤", "C00-C97", "恶性肿瘤", "C16", "胃恶性肿瘤", "C16.0", "贲门", "C16.000", "贲门癌"),
    (
        "3",
        "D50-D89",
        "血液疾病",
        "D50-D89",
        "血液疾病",
        "D50",
        "缺铁性贫血",
        "D50.0",
        "失血性",
        "D50.000",
        "失血性贫血",
    ),
)
pytestmark = pytest.mark.usefixtures("store")


def read(rows: Sequence[Sequence[Any]], headings: Sequence[str] = HEADINGS, pattern: str = ICD10) -> Reading:
    reading = rules.read_sheet([headings, *rows], {}, pattern)
    assert rules.arrange(reading.codes, "prefix") == []
    return reading


def parents(reading: Reading) -> dict[str, str | None]:
    return {entry.code: entry.parent for entry in reading.codes}


def test_chapters_hold_sections_and_sections_hold_categories() -> None:
    reading = read(ROWS)
    above = parents(reading)
    assert {code: above[code] for code in ("A00-B99", "A00-A09", "A15-A19", "C00-D48", "C00-C97")} == {
        "A00-B99": None,
        "A00-A09": "A00-B99",
        "A15-A19": "A00-B99",
        "C00-D48": None,
        "C00-C97": "C00-D48",
    }
    assert (above["A00"], above["A01"], above["A15"], above["C16"]) == ("A00-A09", "A00-A09", "A15-A19", "C00-C97")
    assert (above["A00.0"], above["A00.000"]) == ("A00", "A00.0"), "what a code begins with goes before the section"
    assert (above["D50-D89"], above["D50"]) == (None, "D50-D89"), "a section as wide as its chapter is the chapter"
    assert (len(reading.entries), reading.rows_read, reading.ignored) == (5, 6, 1)
    levels = {entry.code: entry.attrs for entry in reading.above if entry.is_group}
    assert levels["A00-B99"] == {"heading": True, "level": "chapter"}
    assert levels["A15-A19"] == {"heading": True, "level": "section"}


def test_a_chapter_that_is_a_category_itself_is_that_category() -> None:
    headings = ("章代码范围", "章名称", "类目代码", "类目名称", "手术操作代码", "手术操作名称")
    reading = read(
        [
            ("00", "操作和介入", "00", "操作和介入，不可归类在他处者", "00.0100", "治疗性超声"),
            ("01-05", "神经系统手术", "01", "颅骨切开术", "01.0900", "颅骨穿刺"),
        ],
        headings,
        ICD9CM3,
    )
    assert parents(reading) == {
        "00.0100": "00",
        "01.0900": "01",
        "01-05": None,
        "00": None,
        "01": "01-05",
    }
    assert next(entry for entry in reading.above if entry.code == "00").display == "操作和介入，不可归类在他处者"


def test_a_code_without_a_category_stands_under_its_section() -> None:
    headings = ("章代码范围", "章的名称", "诊断代码", "诊断名称")
    reading = read([("A00-B99", "传染病", "A00.000", "霍乱"), ("", "", "A01.000", "伤寒")], headings)
    assert parents(reading) == {"A00.000": "A00-B99", "A01.000": "A00-B99", "A00-B99": None}


def test_a_new_chapter_does_not_keep_the_section_before() -> None:
    reading = read([ROWS[0], ("2", "C00-D48", "肿瘤", "", "", "C16", "胃癌", "C16.0", "贲门", "C16.000", "贲门癌")])
    assert parents(reading)["C16"] == "C00-D48"


def test_lists_that_name_no_range_are_read_as_before() -> None:
    entry = Entry(1, "A00.000", "霍乱")
    rules.arrange([entry, Entry(2, "A00", "霍乱")], "prefix")
    assert entry.parent == "A00"
    headings = ("章", "章的名称", "诊断代码", "诊断名称")
    assert read([("1", "传染病", "A00.000", "霍乱")], headings).above == []


# -- imported


def test_the_tree_begins_with_chapters_and_chapters_are_not_chosen(standards: Standards) -> None:
    system = standards.system(name="医保版 ICD-10")
    content = workbook(ROWS, HEADINGS, "医疗保障疾病诊断分类与代码")
    made = ok(standards.take_in(system, content, "2.0", announced=5))
    assert (made["accepted"], made["rejected"], made["ignored"], made["rows_read"]) == (5, 0, 2, 7)
    assert ok(standards.publish(made["version_id"]))["published"]["codes"] == 5, "the issuer counts neither"
    base = f"{CODES}/systems/{system}"
    roots = ok(standards.doctor.get(f"{base}/children"))["items"]
    assert [(one["code"], one["leaf"]) for one in roots] == [
        ("A00-B99", False),
        ("C00-D48", False),
        ("D50-D89", False),
    ]
    sections = ok(standards.doctor.get(f"{base}/children", parent="A00-B99"))["items"]
    assert [one["code"] for one in sections] == ["A00-A09", "A15-A19"]
    card = ok(standards.doctor.get(f"{base}/codes/A15.000"))
    assert [one["code"] for one in card["ancestors"]] == ["A00-B99", "A15-A19", "A15", "A15.0"]
    assert standards.found(system, "结核病") == ["A15.000"], "sections and categories are not offered"
    with standards.hospital.tx() as tx, pytest.raises(service.CodeStateWrong):
        service.validate(tx, system, "A00-B99")
    again = ok(standards.take_in(system, content, "2.1"))
    assert again["status"] == "unchanged"


def test_what_is_below_a_chapter_is_listed_in_pages(standards: Standards) -> None:
    system = standards.system(name="医保版 ICD-10")
    made = ok(standards.take_in(system, workbook(ROWS, HEADINGS), "2.0"))
    ok(standards.publish(made["version_id"]))
    below = f"{CODES}/systems/{system}/below"
    first = ok(standards.doctor.get(below, code="A00-B99", limit=2))
    assert ([one["code"] for one in first["items"]], first["next"]) == (["A00.000", "A01.000"], "A01.000")
    rest = ok(standards.doctor.get(below, code="A00-B99", limit=2, after=first["next"]))
    assert ([one["code"] for one in rest["items"]], rest["next"]) == (["A15.000"], None)
    assert [one["code"] for one in ok(standards.doctor.get(below, code="A01"))["items"]] == ["A01.000"]
    assert ok(standards.doctor.get(below, code="A01.000"))["items"] == [], "nothing is below a code itself"
    lost = standards.doctor.get(below, code="Z99-Z99")
    assert (lost.status_code, lost.json()["code"]) == (422, "code_unknown")


def test_chapters_that_come_with_a_new_version_are_differences_like_any_other(standards: Standards) -> None:
    system = standards.system(name="医保版 ICD-10")
    plain = [row[5:] for row in ROWS]
    made = ok(standards.take_in(system, workbook(plain, HEADINGS[5:]), "1.0"))
    ok(standards.publish(made["version_id"]))
    standards.hospital.clock.move(days=1)
    later = ok(standards.take_in(system, workbook(ROWS, HEADINGS), "2.0"))
    assert (later["status"], later["new"], later["withdrawn"]) == ("staged", 0, 0), "of its codes none changed"
    ok(standards.publish(later["version_id"]))
    standards.hospital.clock.move(seconds=1)
    told = ok(standards.doctor.get(f"{CODES}/systems/{system}/codes/A15.000"))
    assert [one["code"] for one in told["ancestors"]] == ["A00-B99", "A15-A19", "A15", "A15.0"]
    with standards.hospital.tx() as tx:
        old = service.ancestors(tx, system, "A15.000", standards.hospital.clock() - timedelta(hours=1))
    assert [one.code for one in old] == ["A15", "A15.0"], "the version before stays as it was"
