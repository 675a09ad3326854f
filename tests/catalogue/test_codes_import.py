"""Official lists: read row by row, kept as they came, published by a second person for a moment."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.catalogue.codes import service
from shared.schemas import SHANGHAI
from shared.storage import ObjectStore, confirmed_file
from tests.catalogue.codes_support import CODES, Standards, upload, workbook
from tests.support.clinic import ok

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
pytestmark = pytest.mark.usefixtures("store")


def long_list(count: int) -> list[list[str]]:
    """So many codes of the shape of 国临版, each with a name of its own."""
    rows = []
    for number in range(count):
        letter, rest = LETTERS[number // 2000], number % 2000
        rows.append([f"{letter}{rest // 100:02d}.{rest % 100 // 10}{rest % 10}0", f"疾病{letter}{rest:04d}"])
    return rows


@pytest.mark.case("P-codes", 1)
def test_a_list_of_33400_rows(standards: Standards) -> None:
    rows: list[list[Any]] = long_list(33_395)
    rows[10:10] = [["A00.O0Z", "坏编码"], ["a00.100", "小写"], [12.5, "数字编码"]]
    rows += [["A00.000", "霍乱，由于O1群霍乱弧菌"], ["A00.010", "疾病A0001"]]
    assert len(rows) == 33_400
    system = standards.system()
    answer = standards.take_in(system, workbook(rows), "2.0", announced=33_400)
    made = ok(answer)
    assert (made["status"], made["accepted"], made["rejected"], made["ignored"]) == ("staged", 33_395, 5, 2)
    assert made["rows_read"] == 33_402 == made["accepted"] + made["rejected"] + made["ignored"]
    assert made["new"] + made["changed"] + made["unchanged"] == made["accepted"]
    path = f"{CODES}/versions/{made['version_id']}"
    rejects = ok(standards.manager.get(f"{path}/rejects"))
    faults = {one["row_no"]: one["faults"] for one in rejects}
    assert sorted(faults) == [13, 14, 15, 33_401, 33_402]
    assert faults[15] == ["编码“12.5”被表格存成了数字或日期，请把该列设为文本后重新导出"]
    assert faults[33_401] == ["编码与第 3 行“疾病A0000”重复"]
    before = standards.hospital.census()
    refused = standards.publish(made["version_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "code_version_not_clean")
    assert refused.json()["undecided"] == 5
    assert standards.hospital.census() == before
    for row_no in (13, 14, 33_402):
        ok(standards.manager.post(f"{path}/rejects/{row_no}", {"leave_out": True, "note": "误录"}))
    ok(standards.manager.post(f"{path}/rejects/15", {"code": "Z12.500", "display": "数字编码"}))
    taken = standards.manager.post(f"{path}/rejects/33401", {"code": "A00.000", "display": "霍乱"})
    assert (taken.status_code, taken.json()["code"], taken.json()["display"]) == (409, "code_taken", "疾病A0000")
    ok(standards.manager.post(f"{path}/rejects/33401", {"code": "A00.000", "display": "霍乱", "replace": True}))
    published = ok(standards.publish(made["version_id"]))
    assert published["published"]["codes"] == 33_396
    told = standards.hospital.events("code_system_published")[-1]["data"]
    assert (told["system"], told["codes"]) == (system, 33_396)
    assert ok(standards.doctor.get(f"{CODES}/systems/{system}/codes/A00.000"))["term"]["display"] == "霍乱"


@pytest.mark.case("P-codes", 2)
def test_a_new_version_takes_effect_and_records_keep_the_old_display(standards: Standards) -> None:
    clock = standards.hospital.clock
    now = clock()
    clock.set(datetime(2026, 12, 31, 10, tzinfo=SHANGHAI))
    try:
        system = standards.in_force([["K35.900", "急性阑尾炎"], ["K36.x00", "其他阑尾炎"]])
        with standards.hospital.tx() as tx:
            kept = service.pin(tx, system, "K35.900")
        assert kept == (system, "1.0", "K35.900", "急性阑尾炎")
        clock.move(hours=1)
        rows = [["K35.900", "急性阑尾炎，未特指"], ["K35.800", "急性阑尾炎，其他"]]
        made = ok(standards.take_in(system, workbook(rows), "2.0"))
        assert (made["new"], made["changed"], made["withdrawn"], made["unchanged"]) == (1, 1, 1, 0)
        ok(standards.publish(made["version_id"], effective_from="2027-01-01T00:00:00+08:00"))
        assert standards.found(system, "急性阑尾炎") == ["K35.900"]
        assert standards.found(system, "其他阑尾炎") == ["K36.x00"]
        clock.set(datetime(2027, 1, 1, 0, 0, 1, tzinfo=SHANGHAI))
        assert standards.found(system, "其他阑尾炎") == []
        assert set(standards.found(system, "急性阑尾炎")) == {"K35.900", "K35.800"}
        with standards.hospital.tx() as tx:
            assert service.pin(tx, system, "K35.900")[1:] == ("2.0", "K35.900", "急性阑尾炎，未特指")
            eve = datetime(2026, 12, 31, 23, 59, 59, tzinfo=SHANGHAI)
            old = service.lookup(tx, system, kept[2], eve)
            assert (old.system, old.label, old.code, old.display) == kept, "what the record keeps is still readable"
        versions = ok(standards.doctor.get(f"{CODES}/systems/{system}/versions"))
        changes = ok(
            standards.doctor.get(
                f"{CODES}/versions/{versions[0]['version_id']}/differences", older=versions[1]["version_id"]
            )
        )
        assert [(one["code"], one["before"], one["after"]) for one in changes["items"]] == [
            ("K35.800", None, "急性阑尾炎，其他"),
            ("K35.900", "急性阑尾炎", "急性阑尾炎，未特指"),
            ("K36.x00", "其他阑尾炎", None),
        ]
    finally:
        clock.set(now)


@pytest.mark.case("P-codes", 9)
def test_two_publishers_at_once(standards: Standards) -> None:
    system = standards.system()
    made = ok(standards.take_in(system, workbook([["A09.000", "胃肠炎"]])))
    checkers = [standards.hospital.caller("standard_checker") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda caller: standards.publish(made["version_id"], caller), checkers))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert next(one for one in answers if one.status_code == 409).json()["code"] in {
        "code_version_state_wrong",
        "version_conflict",
    }
    count = "SELECT count(*) FROM catalogue.code_versions WHERE system = %s AND status = 'published'"
    assert standards.hospital.value(count, [system]) == 1
    told = [one for one in standards.hospital.events("code_system_published") if one["data"]["system"] == system]
    assert len(told) == 1


def test_two_versions_published_at_once_never_overlap(standards: Standards) -> None:
    system = standards.system()
    made = [
        ok(standards.take_in(system, workbook([["A09.000", f"胃肠炎{label}"]]), label))["version_id"]
        for label in ("1", "2")
    ]
    checkers = [standards.hospital.caller("standard_checker") for _ in made]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: standards.publish(*pair), zip(made, checkers, strict=True)))
    assert 200 in {answer.status_code for answer in answers}
    overlapping = standards.hospital.value(
        "SELECT count(*) FROM catalogue.code_versions a JOIN catalogue.code_versions b USING (system)"
        " WHERE a.version_id < b.version_id AND system = %s AND a.status = 'published' AND b.status = 'published'"
        " AND tstzrange(a.effective_from, a.effective_to) && tstzrange(b.effective_from, b.effective_to)",
        [system],
    )
    assert overlapping == 0


@pytest.mark.case("P-codes", 10)
def test_the_file_is_kept_and_read_once(standards: Standards, store: ObjectStore) -> None:
    system = standards.system()
    content = workbook([["A09.000", "胃肠炎"], ["B18.100", "慢性乙型肝炎"]])
    made = ok(standards.take_in(system, content))
    assert made["sha256"] == hashlib.sha256(content).hexdigest()
    file = ok(standards.manager.get(f"{CODES}/files/{made['file_id']}"))
    assert (file["status"], file["sha256"]) == ("kept", made["sha256"])
    stored_id = standards.hospital.value(
        "SELECT stored_file_id FROM catalogue.received_files WHERE file_id = %s", [made["file_id"]]
    )
    with standards.hospital.tx() as tx:
        stored = confirmed_file(tx, stored_id)
    with store.open(stored.key) as chunks:
        assert hashlib.sha256(b"".join(chunks)).hexdigest() == made["sha256"]
    left = "SELECT sum(length(content)) FROM catalogue.received_parts WHERE file_id = %s"
    assert standards.hospital.value(left, [made["file_id"]]) == 0, "the parts are emptied"
    versions = "SELECT count(*) FROM catalogue.code_versions WHERE system = %s"
    for _ in range(2):
        again = ok(standards.take_in(system, content, "1.1"))
        assert (again["status"], again["version_id"]) == ("unchanged", None)
        assert standards.hospital.value(versions, [system]) == 1
        ok(standards.publish(made["version_id"])) if _ == 0 else None
    other = ok(standards.take_in(system, workbook([["A09.000", "胃肠炎"], ["B18.100", "慢性乙型肝炎"]], title="另存")))
    assert (other["status"], other["unchanged"]) == ("unchanged", 2), "another file with the same list"
    assert standards.hospital.value(versions, [system]) == 1


@pytest.mark.case("P-codes", 12)
def test_a_value_set_keeps_its_leading_zeros(standards: Standards) -> None:
    system = standards.system(
        system="CV06.00.228", name="药物使用频次代码", kind="value_set", pattern=r"\d{2}", hierarchy="none"
    )
    rows = [["01", "bid"], ["02", "biw"], ["09", "qd"], ["14", "tid"], ["99", "其他"]]
    made = ok(standards.take_in(system, workbook(rows, ("值", "值含义"))))
    assert (made["accepted"], made["rejected"]) == (5, 0)
    ok(standards.publish(made["version_id"]))
    values = ok(standards.doctor.get(f"{CODES}/systems/{system}/values"))
    assert [(one["code"], one["display"]) for one in values] == [tuple(row) for row in rows]
    csv = standards.doctor.get(f"{CODES}/systems/{system}/codes.csv")
    assert '"01","bid"' in csv.content.decode("utf-8-sig")
    fhir = ok(standards.doctor.get(f"{CODES}/systems/{system}/codes.fhir.json"))
    assert [one["code"] for one in fhir["concept"]] == ["01", "02", "09", "14", "99"]
    text = "值,值含义\r\n01,bid\r\n02,一日两次\r\n".encode("gb18030")
    second = ok(standards.take_in(system, text, "2", "values.csv"))
    assert (second["changed"], second["unchanged"], second["withdrawn"]) == (1, 1, 3)


def test_a_letter_for_a_zero_is_read_only_when_the_code_exists(standards: Standards) -> None:
    system = standards.in_force([["K35.900", "急性阑尾炎"], ["K36.x00", "其他"]])
    made = ok(
        standards.take_in(
            system, workbook([["K35.9Ｏ0", "急性阑尾炎"], ["K35.90Ｏ", "急性阑尾炎一"], ["K37.9OO", "无"]]), "2"
        )
    )
    faults = {
        one["row_no"]: one["faults"]
        for one in ok(standards.manager.get(f"{CODES}/versions/{made['version_id']}/rejects"))
    }
    assert sorted(faults) == [3, 5]
    assert (made["accepted"], made["changed"]) == (1, 1)


def test_other_headings_are_shown_and_can_be_named(standards: Standards) -> None:
    system = standards.system()
    content = workbook([["A09.000", "胃肠炎"]], ("主码", "病名"))
    refused = standards.take_in(system, content)
    assert (refused.status_code, refused.json()["code"]) == (422, "spreadsheet_headings_differ")
    assert refused.json()["seen"][1][:2] == ["主码", "病名"]
    failed = ok(standards.manager.get(f"{CODES}/systems/{system}/imports"))["items"][0]
    assert (failed["status"], failed["version_id"]) == ("failed", None)
    profile = {"columns": {"code": "主码", "display": "病名"}}
    made = ok(standards.take_in(system, content, profile=profile, keep_profile=True))
    assert made["accepted"] == 1
    systems = {one["system"]: one for one in ok(standards.doctor.get(f"{CODES}/systems"))}
    assert systems[system]["profile"]["columns"] == profile["columns"]


def test_a_count_far_from_the_announced_needs_confirmation(standards: Standards) -> None:
    system = standards.system()
    made = ok(standards.take_in(system, workbook([["A09.000", "胃肠炎"]]), announced=100))
    refused = standards.publish(made["version_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "code_count_unconfirmed")
    assert ok(standards.publish(made["version_id"], confirm_count=True))["published"]["status"] == "published"


def test_lost_parents_stop_a_version(standards: Standards) -> None:
    system = standards.system(hierarchy="column")
    rows = [["A09", "肠道传染病", ""], ["A09.000", "胃肠炎", "A09"], ["B18.100", "乙肝", "B18"]]
    made = ok(standards.take_in(system, workbook(rows, ("编码", "名称", "上级编码"))))
    refused = standards.publish(made["version_id"])
    assert (refused.status_code, refused.json()["lost_parents"]) == (409, ["B18.100"])


def test_duties_are_apart_and_the_branch_keeps_out(standards: Standards) -> None:
    both = standards.hospital.caller(campus="hq", at={"hq": ["standard_manager", "standard_checker"]})
    system = standards.system()
    file_id = upload(both, workbook([["A09.000", "胃肠炎"]]))
    made = ok(both.post(f"{CODES}/systems/{system}/imports", {"file_id": file_id, "label": "1"}))
    refused = standards.publish(made["version_id"], both)
    assert (refused.status_code, refused.json()["code"]) == (422, "same_person")
    before = standards.hospital.census()
    branch = standards.hospital.caller("standard_manager", campus="mch")
    for path, body in (
        ("/systems", {"system": "local", "name": "n", "issuer": "i", "standard": "s", "kind": "value_set"}),
        ("/files", {"name": "a.xlsx", "size": 10}),
    ):
        answer = branch.post(f"{CODES}{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "standard_code_list")
    wish = {"code": "A09.001", "display": "本地胃肠炎", "reason": "常见"}
    assert standards.hospital.census() == before
    assert ok(branch.post(f"{CODES}/systems/{system}/proposals", wish))["wish"]["code"] == "A09.001"
    assert [one["campus_id"] for one in ok(standards.manager.get(f"{CODES}/proposals"))["items"]] == ["mch"]


def test_an_incomplete_file_is_not_read(standards: Standards) -> None:
    system = standards.system()
    file = ok(standards.manager.post(f"{CODES}/files", {"name": "a.csv", "size": 600_000}))
    short = standards.manager.put(f"{CODES}/files/{file['file_id']}/parts/1", {"content": "QUJD"})
    assert (short.status_code, short.json()["code"]) == (422, "received_file_part_wrong")
    body = {"file_id": file["file_id"], "label": "1"}
    refused = standards.manager.post(f"{CODES}/systems/{system}/imports", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "received_file_incomplete")
    bad = upload(standards.manager, b"PK\x03\x04 not a workbook at all", "bad.xlsx")
    refused = standards.manager.post(f"{CODES}/systems/{system}/imports", {"file_id": bad, "label": "1"})
    assert (refused.status_code, refused.json()["code"]) == (415, "file_content_mismatch")
    count = "SELECT count(*) FROM catalogue.code_versions WHERE system = %s"
    assert standards.hospital.value(count, [system]) == 0


def test_a_published_code_is_never_rewritten(standards: Standards) -> None:
    system = standards.in_force([["A09.000", "胃肠炎"]])
    with pytest.raises(Exception, match="a published code is not edited"):
        standards.hospital.execute(
            "UPDATE catalogue.codes SET display = 'x' FROM catalogue.code_versions v"
            " WHERE v.version_id = codes.version_id AND v.system = %s",
            [system],
        )


def test_local_codes_go_on_with_their_official_code(standards: Standards) -> None:
    system = standards.in_force([["A09.000", "胃肠炎"], ["B18.100", "乙肝"]])
    for code, official in (("A09.000x901", "A09.000"), ("B18.100x901", "B18.100")):
        body = {"code": code, "display": f"院内{code}", "parent": official, "official_code": official, "reason": "科研"}
        ok(standards.manager.post(f"{CODES}/systems/{system}/local-codes", body))
    with standards.hospital.tx() as tx:
        assert service.outgoing(tx, system, "A09.000x901") == "A09.000"
    standards.hospital.clock.move(seconds=2)
    made = ok(standards.take_in(system, workbook([["A09.000", "胃肠炎"], ["C00.000", "唇癌"]]), "2"))
    published = ok(standards.publish(made["version_id"]))
    assert published["local_lost"] == ["B18.100x901"]
    term = ok(standards.doctor.get(f"{CODES}/systems/{system}/codes/A09.000x901"))["term"]
    assert (term["local"], term["official_code"], term["label"]) == (True, "A09.000", "2")
    fhir = ok(standards.doctor.get(f"{CODES}/systems/{system}/codes.fhir.json"))
    assert {one["code"] for one in fhir["concept"]} == {"A09.000", "C00.000"}


def test_the_standard_value_sets_load_once(standards: Standards) -> None:
    made = ok(standards.manager.post(f"{CODES}/standard"))
    assert {"gbt2261.1", "gbt3304", "icd10-gbt14396", "icd9cm3"} <= set(made)
    before = standards.hospital.census()
    assert ok(standards.manager.post(f"{CODES}/standard")) == []
    after = standards.hospital.census()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]}.keys() <= {
        "kernel.idempotent_answers"
    }
    ethnic = ok(standards.doctor.get(f"{CODES}/systems/gbt3304/values"))
    assert (len(ethnic), ethnic[7]["code"], ethnic[7]["display"]) == (56, "08", "壮族")
    haemoglobin = ok(standards.doctor.get(f"{CODES}/lab-items/HGB"))
    assert (haemoglobin["loinc"], {(one["sex"], one["low"]) for one in haemoglobin["ranges"]}) == (
        "718-7",
        {("1", "130"), ("2", "115")},
    )
    for one in standards.hospital.rows(
        "SELECT system, pattern FROM catalogue.code_systems WHERE registered_by = 'release:standard'"
    ):
        wrong = standards.hospital.rows(
            "SELECT code FROM catalogue.codes c JOIN catalogue.code_versions v USING (version_id)"
            " WHERE v.system = %s AND code !~ ('^(' || %s || ')$')",
            [one["system"], one["pattern"]],
        )
        assert wrong == [], one["system"]


def test_a_repeated_import_answers_the_same(standards: Standards) -> None:
    system = standards.system()
    file_id = upload(standards.manager, workbook([["A09.000", "胃肠炎"]]))
    body = {"file_id": file_id, "label": "1"}
    first = standards.manager.post(f"{CODES}/systems/{system}/imports", body, key="import-once-please")
    again = standards.manager.post(f"{CODES}/systems/{system}/imports", body, key="import-once-please")
    assert first.json()["import_id"] == again.json()["import_id"]
    now = ok(standards.manager.get(f"{CODES}/imports/{first.json()['import_id']}"))
    assert (now["status"], now["accepted"]) == ("staged", 1)
    assert standards.hospital.value("SELECT count(*) FROM catalogue.code_imports WHERE system = %s", [system]) == 1
    assert now["imported_at"] <= (standards.hospital.clock() + timedelta(seconds=5)).astimezone(SHANGHAI).isoformat()
