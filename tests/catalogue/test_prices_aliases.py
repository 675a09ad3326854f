"""Other names of charge items: found by what people say, kept by the head hospital."""

from typing import Any
from uuid import uuid4

from functions.catalogue.prices.queries import aliases as queries
from tests.catalogue.conftest import BASE, Catalogue, plan


def named(catalogue: Catalogue, code: str, *names: str, seen: tuple[str, ...] = ()) -> Any:
    return catalogue.officer.put(f"{BASE}/items/{code}/aliases", {"aliases": list(names), "seen": list(seen)})


def codes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()]


def priced(catalogue: Catalogue, **fields: Any) -> str:
    code = str(catalogue.item(**fields)["code"])
    catalogue.price(code, "18.00")
    return code


def test_an_item_is_found_by_what_people_call_it(catalogue: Catalogue) -> None:
    code = priced(catalogue, name="血细胞分析", unit="项", fee_class="04")
    assert codes(catalogue.reader.get(f"{BASE}/items", text="血常规")) == []
    assert named(catalogue, code, "血常规", "CBC-5", "血细胞分析").json() == ["CBC-5", "血常规"], "its own name is none"
    assert catalogue.reader.get(f"{BASE}/items/{code}/aliases").json() == ["CBC-5", "血常规"]
    for text in ("血常", "xcg", "CBC-5", "血细胞"):
        assert codes(catalogue.reader.get(f"{BASE}/items", text=text)) == [code], text
    with catalogue.hospital.tx("hq") as tx:
        from functions.catalogue.prices import service

        assert [one.code for one in service.public_search(tx, "血常规", 10)] == [code]


def test_the_official_name_comes_first_and_nothing_twice(catalogue: Catalogue) -> None:
    official = priced(catalogue, name="胸片检查")
    other = priced(catalogue, name="数字化摄影")
    named(catalogue, other, "胸片")
    named(catalogue, official, "胸片摄影")
    assert codes(catalogue.reader.get(f"{BASE}/items", text="胸片")) == [official, other]
    assert codes(catalogue.reader.get(f"{BASE}/items", text="胸片", limit=1)) == [official]


def test_a_name_taken_back_finds_nothing_and_may_be_given_again(catalogue: Catalogue) -> None:
    code = priced(catalogue, name="肝功能组合")
    named(catalogue, code, "转氨酶")
    assert named(catalogue, code, seen=("转氨酶",)).json() == []
    assert codes(catalogue.reader.get(f"{BASE}/items", text="转氨酶")) == []
    assert named(catalogue, code, "转氨酶").json() == ["转氨酶"]
    assert codes(catalogue.reader.get(f"{BASE}/items", text="转氨酶")) == [code]
    assert catalogue.hospital.value("SELECT count(*) FROM catalogue.item_aliases WHERE item_code = %s", [code]) == 1


def test_refusals_change_no_name(catalogue: Catalogue) -> None:
    code = priced(catalogue, name="尿液分析")
    named(catalogue, code, "尿常规")
    before = catalogue.hospital.census()
    stale = named(catalogue, code, "尿检")
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert stale.json()["current"] == ["尿常规"]
    branch = catalogue.mch_officer.put(f"{BASE}/items/{code}/aliases", {"aliases": ["x"], "seen": ["尿常规"]})
    assert (branch.status_code, branch.json()["code"]) == (403, "consortium_price_list")
    unknown = named(catalogue, f"n{uuid4().hex[:8]}", "x")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "charge_item_unknown")
    assert catalogue.reader.put(f"{BASE}/items/{code}/aliases", {"aliases": [], "seen": []}).status_code == 403
    assert catalogue.hospital.census() == before
    assert catalogue.reader.get(f"{BASE}/items/{code}/aliases").json() == ["尿常规"]


def test_names_are_searched_by_index(catalogue: Catalogue) -> None:
    with catalogue.hospital.tx("hq") as tx:
        tx.session._connection.execute("SET LOCAL enable_seqscan = off")
        asked = {"low": "血", "high": "血\U0010ffff", "campus": "hq", "at": tx.now, "payer": "all", "limit": 10}
        assert "ix_item_aliases_alias" in plan(tx, queries.CALLED["name"], **asked)
        assert "ix_item_aliases_initials" in plan(tx, queries.CALLED["initials"], **asked)
