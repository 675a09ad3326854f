"""Terms and charge items are found by wubi (五笔 86), beside pinyin."""

import subprocess
import sys
import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from functions.catalogue.codes.searching import own_wubi, search_words, wubi
from functions.catalogue.prices import queries, service
from functions.catalogue.prices.queries import aliases
from functions.catalogue.prices.service.lookups import EVERYBODY
from shared.settings import REPOSITORY
from shared.storage import ObjectStore
from tests.catalogue.codes_support import CODES, Standards, put_in_force, thirty_five_thousand, upload, workbook
from tests.catalogue.conftest import BASE, Catalogue, plan
from tests.support.clinic import ok

ROWS = [("K35.800", "急性阑尾炎"), ("K35.900", "阑尾炎"), ("I10.x00", "高血压"), ("E11.900", "2型糖尿病")]


@pytest.fixture(scope="module")
def national(standards: Standards, store: ObjectStore) -> str:
    return standards.in_force(ROWS, hierarchy="none")


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("急性阑尾炎", "qnuno"),
        ("高血压病Ⅱ级", "ytdux"),
        ("发热", "nr"),
        ("有", "d"),
        ("2型糖尿病", "2gonu"),
        ("HIV 感染", "hivdi"),
        ("†", ""),
    ],
)
def test_first_letters_of_full_codes(text: str, letters: str) -> None:
    """发 and 有 have short codes that begin otherwise (v, e): the full code counts."""
    assert wubi(text) == letters


def test_a_list_may_give_its_own() -> None:
    assert own_wubi(" QN UNO ") == "qnuno"
    assert own_wubi("—") is None
    assert own_wubi(None) is None
    assert own_wubi("q" * 101) is None
    assert search_words("急性阑尾炎", "abc").wubi == "abc"
    assert "ab" in search_words("急性阑尾炎", "abc").grams


def test_the_table_is_not_loaded_at_start_nor_by_a_search() -> None:
    script = (
        "import sys; from functions import registry\n"
        "[registry.app(name) for name in ('catalogue/codes', 'catalogue/prices')]\n"
        "from functions.catalogue.codes.service import search, each_minute\n"
        "from functions.catalogue.prices.service import search as prices\n"
        "assert not {'pywubi', 'pypinyin'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)


def test_terms_are_found_by_wubi_from_the_start_inside_and_with_other_words(
    standards: Standards, national: str
) -> None:
    assert standards.found(national, "qnuno") == ["K35.800"]
    assert standards.found(national, "QNU")[0] == "K35.800"
    assert standards.found(national, "uno") == ["K35.900", "K35.800"], "its beginning before the inside of another"
    assert standards.found(national, "阑尾 qn") == ["K35.800"]
    assert standards.found(national, "jx qn") == ["K35.800"], "one word by pinyin, one by wubi"
    assert standards.found(national, "jxlwy") == ["K35.800"], "pinyin as before"
    assert standards.found(national, "qnunox") == []
    ok(standards.manager.post(f"{CODES}/systems/{national}/synonyms", {"code": "K35.800", "word": "盲肠炎"}))
    assert standards.found(national, "yeo") == ["K35.800"]
    assert standards.found(national, "eo") == ["K35.800"]


def test_the_wubi_of_the_official_list_wins(standards: Standards, store: ObjectStore) -> None:
    headings = ("诊断编码", "诊断名称", "五笔码")
    rows = [("K35.800", "急性阑尾炎", "QVNO"), ("K35.900", "阑尾炎", "—"), ("I10.x00", "高血压", "")]
    system = standards.in_force(rows, headings=headings, hierarchy="none")
    assert standards.found(system, "qvno") == ["K35.800"]
    assert standards.found(system, "qnuno") == []
    assert standards.found(system, "uno") == ["K35.900"], "a dash is no wubi"
    assert standards.found(system, "ytd") == ["I10.x00"]
    again = ok(standards.take_in(system, workbook([*rows[:2], ("I10.x00", "高血压", "YTDX")], headings), "1.1"))
    assert (again["status"], again["changed"], again["unchanged"]) == ("staged", 1, 2)
    same = ok(standards.take_in(system, workbook(rows, headings, "另存的同一份"), "1.2"))
    assert (same["status"], same["version_id"]) == ("unchanged", None)


def test_a_rejected_row_put_right_is_found_by_the_wubi_of_its_new_name(
    standards: Standards, store: ObjectStore
) -> None:
    system = standards.system(hierarchy="none")
    rows = [("K35.800", "急性阑尾炎", "zzz"), ("K35.800", "高血压", "")]
    made = ok(standards.take_in(system, workbook(rows, ("诊断编码", "诊断名称", "五笔码")), "1.0"))
    rejects = ok(standards.manager.get(f"{CODES}/versions/{made['version_id']}/rejects"))
    decision = {"code": "K35.800", "display": "高血压", "replace": True, "leave_out": False, "note": "以本行为准"}
    path = f"{CODES}/versions/{made['version_id']}/rejects/{rejects[0]['row_no']}"
    ok(standards.manager.post(path, decision))
    ok(standards.publish(made["version_id"]))
    assert standards.found(system, "ytd") == ["K35.800"]
    assert standards.found(system, "zzz") == []


def test_terms_written_before_get_their_wubi_by_and_by_and_once(standards: Standards, national: str) -> None:
    hospital = standards.hospital
    version = hospital.value("SELECT version_id FROM catalogue.code_versions WHERE system = %s", [national])
    kept = "SELECT code, wubi, grams FROM catalogue.codes WHERE version_id = %s ORDER BY code"
    before = hospital.rows(kept, [version])
    hospital.execute("UPDATE catalogue.codes SET wubi = NULL, grams = '{}' WHERE version_id = %s", [version])
    hospital.execute("UPDATE catalogue.code_synonyms SET wubi = NULL WHERE system = %s", [national])
    assert standards.found(national, "qnuno") == []
    hospital.minute("catalogue/codes", campus="mch")
    assert standards.found(national, "qnuno") == [], "kept at the head hospital"
    hospital.minute("catalogue/codes", campus="hq")
    assert hospital.rows(kept, [version]) == before
    assert standards.found(national, "yeo") == ["K35.800"]
    hospital.execute("UPDATE catalogue.codes SET wubi = 'own' WHERE version_id = %s AND code = 'I10.x00'", [version])
    hospital.minute("catalogue/codes", campus="hq")
    assert standards.found(national, "own") == ["I10.x00"], "what is there stays"
    with pytest.raises(Exception, match="a published code is not edited"):
        hospital.execute("UPDATE catalogue.codes SET display = '别的' WHERE version_id = %s", [version])


def test_thirty_five_thousand_terms_are_searched_by_wubi_in_time(standards: Standards) -> None:
    system = put_in_force(standards, thirty_five_thousand(), hierarchy="none")
    standards.hospital.execute("ANALYZE catalogue.codes")
    from functions.catalogue.codes.service import search

    took = []
    with standards.hospital.tx() as tx:
        for text in ("qnuno", "un", "uno", "nuno", "qn"):
            tries = []
            for _ in range(5):
                started = time.perf_counter()
                found = search(tx, system, text)
                tries.append(time.perf_counter() - started)
            assert found, text
            took.append((min(tries), text))
    assert max(took)[0] <= 0.08, sorted(took)


# -- charge items


def test_items_are_found_by_wubi_and_by_that_of_their_other_names(catalogue: Catalogue) -> None:
    code = catalogue.item(name="血细胞分析", unit="次", fee_class="04")["code"]
    catalogue.price(code, "20.00")
    ok(catalogue.officer.put(f"{BASE}/items/{code}/aliases", {"aliases": ["血常规"], "seen": []}))
    other = catalogue.item(name="臭氧治疗", unit="次")["code"]
    catalogue.price(other, "30.00")
    for text, expected in (("tx", code), ("TXEWS", code), ("tif", code), ("xxb", code), ("tri", other)):
        found = [item["code"] for item in ok(catalogue.reader.get(f"{BASE}/items", text=text))]
        assert expected in found, text
        assert len(found) == len(set(found))
        shown = [item["code"] for item in ok(catalogue.reader.get(f"{BASE}/public", text=text))["items"]]
        assert expected in shown, text


def test_a_draft_renamed_is_found_by_its_new_wubi(catalogue: Catalogue) -> None:
    item = catalogue.item(name="血细胞分析", unit="次")
    kept = "SELECT wubi FROM catalogue.charge_items WHERE code = %s"
    assert catalogue.hospital.value(kept, [item["code"]]) == "txews"
    catalogue.hospital.execute("UPDATE catalogue.charge_items SET wubi = 'own' WHERE code = %s", [item["code"]])
    changed = ok(catalogue.officer.patch(f"{BASE}/items/{item['code']}", {"version": 1, "reason": "补", "note": "x"}))
    assert catalogue.hospital.value(kept, [item["code"]]) == "own", "a list gave it; the name is the same"
    ok(
        catalogue.officer.patch(
            f"{BASE}/items/{item['code']}", {"version": changed["version"], "reason": "改", "name": "臭氧治疗"}
        )
    )
    assert catalogue.hospital.value(kept, [item["code"]]) == "triu"


def test_a_price_list_gives_wubi_to_new_items_and_to_those_there(catalogue: Catalogue, store: ObjectStore) -> None:
    there, new, plain = (f"w{uuid4().hex[:8]}" for _ in range(3))
    catalogue.item(code=there, name="血细胞分析", unit="次", fee_class="04")
    catalogue.price(there, "20.00")
    headings = ("项目代码", "项目名称", "计价单位", "类型", "收费类别", "三级价格", "五笔码")
    rows = [
        (there, "血细胞分析", "次", "service", "04", "20.00", "QQT"),
        (new, "尿液分析", "次", "service", "04", "8.00", "QQN"),
        (plain, "粪便常规", "次", "service", "04", "9.00", ""),
    ]
    file_id = upload(catalogue.officer, workbook(rows, headings), "list.xlsx", BASE)
    body = {"file_id": file_id, "title": "目录", "basis_document": "桂医保发〔2026〕2号"}
    batch = ok(catalogue.officer.post(f"{BASE}/batches/from-file", body))
    published = catalogue.checker.post(f"{BASE}/batches/{batch['batch_id']}/publish", {"version": batch["version"]})
    assert published.status_code == 200, published.text
    kept = "SELECT code, wubi FROM catalogue.charge_items WHERE code = ANY(%s)"
    assert {row["code"]: row["wubi"] for row in catalogue.hospital.rows(kept, [[there, new, plain]])} == {
        there: "qqt",
        new: "qqn",
        plain: "owif",
    }
    assert catalogue.at("hq", there) == Decimal("20.0000")


def test_items_written_before_get_their_wubi_by_and_by(catalogue: Catalogue) -> None:
    code = catalogue.item(name="血细胞分析", unit="次")["code"]
    catalogue.price(code, "20.00")
    ok(catalogue.officer.put(f"{BASE}/items/{code}/aliases", {"aliases": ["血常规"], "seen": []}))
    catalogue.hospital.execute("UPDATE catalogue.charge_items SET wubi = NULL WHERE code = %s", [code])
    catalogue.hospital.execute("UPDATE catalogue.item_aliases SET wubi = NULL WHERE item_code = %s", [code])
    kept = "SELECT i.wubi || ' ' || a.wubi FROM catalogue.charge_items i JOIN catalogue.item_aliases a"
    kept += " ON a.item_code = i.code WHERE i.code = %s"
    catalogue.hospital.minute("catalogue/prices", campus="mch")
    assert catalogue.hospital.value(kept, [code]) is None
    catalogue.hospital.minute("catalogue/prices", campus="hq")
    assert catalogue.hospital.value(kept, [code]) == "txews tif"


def test_searches_by_wubi_keep_their_index(catalogue: Catalogue) -> None:
    from tests.catalogue.test_prices_plans import FILL

    for statement in FILL.split(";"):
        if statement.strip():
            catalogue.hospital.execute(statement)
    catalogue.hospital.execute("UPDATE catalogue.charge_items SET wubi = 'y' || code WHERE code LIKE 'c%'")
    catalogue.hospital.execute(
        "INSERT INTO catalogue.item_aliases (item_code, alias, initials, wubi, added_at, added_by)"
        " SELECT code, 'alias ' || code, 'x' || code, 'y' || code, now(), 'x' FROM catalogue.charge_items"
        " WHERE code LIKE 'c%'"
    )
    catalogue.hospital.execute("ANALYZE")
    now = catalogue.hospital.clock()
    asked: dict[str, Any] = {"campus": "hq", "at": now, "payer": EVERYBODY, "limit": 50}
    with catalogue.hospital.tx("hq") as tx:
        for query, index in (
            (queries.SEARCH["wubi"], "ix_charge_items_wubi"),
            (queries.PUBLIC_SEARCH["wubi"], "ix_charge_items_wubi"),
            (aliases.CALLED["wubi"], "ix_item_aliases_wubi"),
            (aliases.PUBLIC_CALLED["wubi"], "ix_item_aliases_wubi"),
        ):
            found = plan(tx, query, low="yc77", high="yc77\U0010ffff", **asked)
            assert index in found, found
            assert "Seq Scan on charge_items" not in found, found
            assert "Seq Scan on item_aliases" not in found, found
        started = time.perf_counter()
        assert service.search(tx, "yc", 50)
        assert time.perf_counter() - started <= 0.2
