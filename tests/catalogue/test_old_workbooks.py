"""Code lists and price lists saved by Excel 97-2003 (.xls): same rules, refusals that say what to do."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shared.storage import ObjectStore
from tests.catalogue.codes_support import CODES, Standards, upload, workbook
from tests.catalogue.conftest import BASE, Catalogue
from tests.support.clinic import ok
from tests.support.old_excel import compound, old_workbook

HEADINGS = ["诊断编码", "诊断名称"]
XLS = "application/vnd.ms-excel"
pytestmark = pytest.mark.usefixtures("store")


def stored_type(standards: Standards) -> Any:
    return standards.hospital.value("SELECT content_type FROM kernel.stored_files ORDER BY file_id DESC LIMIT 1")


def test_a_code_list_keeps_leading_zeros_and_refuses_numbers_and_dates(standards: Standards) -> None:
    system = standards.system(kind="value_set", pattern=r"\S{1,20}", hierarchy="none")
    rows = [["编码", "名称"], ["001", "每日一次"], ["010", "每日两次"], [1.1, "一"], [date(2026, 1, 10), "二"]]
    for since_1904 in (False, True):
        content = old_workbook(rows, since_1904=since_1904, title=f"频次{since_1904:d}")
        made = ok(standards.take_in(system, content, f"1.{since_1904:d}", name="频次.xls"))
        assert (made["accepted"], made["rejected"], made["ignored"]) == (2, 2, 1)
        assert stored_type(standards) == XLS
        rejects = ok(standards.manager.get(f"{CODES}/versions/{made['version_id']}/rejects"))
        assert [one["cells"]["code"] for one in rejects] == ["1.1", "2026-01-10"]
        assert all("存成了数字或日期" in one["faults"][0] for one in rejects)
    for one in rejects:
        ok(
            standards.manager.post(
                f"{CODES}/versions/{made['version_id']}/rejects/{one['row_no']}", {"leave_out": True}
            )
        )
    ok(standards.publish(made["version_id"]))
    assert standards.found(system, "001") == ["001"]


def test_a_named_sheet_and_the_same_list_in_a_new_file(standards: Standards) -> None:
    system = standards.system(profile={"sheet": "编码"})
    rows = [HEADINGS, ["K35.800", "急性阑尾炎"], ["I10.x00", "高血压"]]
    made = ok(standards.take_in(system, old_workbook(rows, title="编码"), name="list.xls"))
    ok(standards.publish(made["version_id"]))
    again = ok(standards.take_in(system, workbook(rows[1:]), "1.1"))
    assert again["status"] == "unchanged"


@pytest.mark.parametrize("name", ["list.xlsx", "list.csv"])
def test_its_bytes_say_what_it_is(standards: Standards, name: str) -> None:
    system = standards.system()
    made = ok(standards.take_in(system, old_workbook([HEADINGS, ["K35.800", "急性阑尾炎"]]), name=name))
    assert (made["accepted"], stored_type(standards)) == (1, XLS)
    new = ok(standards.take_in(system, workbook([["I10.x00", "高血压"]]), "2", name="list.xls"))
    assert new["accepted"] == 1
    assert stored_type(standards) != XLS


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (old_workbook([HEADINGS], protected=True), "spreadsheet_unreadable", "密码"),
        (compound({"EncryptedPackage": b"x"}), "file_content_mismatch", "密码"),
        (compound({"Workbook": b"", "_VBA_PROJECT": b""}), "file_content_mismatch", "宏"),
        (compound({"Workbook": b"no records"}), "spreadsheet_unreadable", "已损坏"),
        (compound({"WordDocument": b"a letter"}), "file_content_mismatch", "不是 Excel"),
        (old_workbook([HEADINGS], far=(65535, 255)), "spreadsheet_unreadable", "范围过大"),
        (b"<table><tr><td>" + bytes(600), "file_content_mismatch", "不是 Excel"),
    ],
)
def test_what_cannot_be_read_is_refused_and_no_version_made(
    standards: Standards, content: bytes, code: str, words: str
) -> None:
    system = standards.system()
    refused = standards.take_in(system, content, name="list.xls")
    assert refused.status_code in (415, 422), refused.text
    assert refused.json()["code"] == code
    assert words in refused.json()["detail"]
    assert standards.hospital.value("SELECT count(*) FROM catalogue.code_versions WHERE system = %s", [system]) == 0


def test_a_price_list(catalogue: Catalogue, store: ObjectStore) -> None:
    code = f"0{uuid4().int % 10**11:011d}"
    rows = [
        ["项目代码", "项目名称", "计价单位", "类型", "收费类别", "三级价格"],
        [code, "静脉输液", "组", "service", "05", 8.5],
    ]
    file_id = upload(catalogue.officer, old_workbook(rows), "价格.xls", BASE)
    body = {"file_id": file_id, "title": "目录", "basis_document": "桂医保发〔2026〕2号"}
    batch = ok(catalogue.officer.post(f"{BASE}/batches/from-file", body))
    assert (batch["rows"], batch["new"], batch["wrong"]) == (1, 1, 0), batch
    ok(catalogue.checker.post(f"{BASE}/batches/{batch['batch_id']}/publish", {"version": batch["version"]}))
    assert str(catalogue.at("hq", code)) == "8.5000"
