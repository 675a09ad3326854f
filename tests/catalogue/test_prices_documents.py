"""Basis documents: received in parts, kept with their hash, attached to prices, items and lists, read back."""

import base64
import hashlib
from typing import Any
from uuid import uuid4

import pytest

from functions.catalogue.prices.queries import documents as queries
from shared.ids import new_id
from tests.catalogue.codes_support import upload
from tests.catalogue.conftest import BASE, Catalogue, plan
from tests.catalogue.test_prices_lists import row, take_in
from tests.support.clinic import ok

DOCUMENTS = f"{BASE}/documents"
pytestmark = pytest.mark.usefixtures("store")


def scanned(size: int = 700_000) -> bytes:
    """A document of several parts."""
    return b"%PDF-1.7\n" + uuid4().bytes * (size // 16) + b"\n%%EOF\n"


def announce(catalogue: Catalogue, content: bytes, name: str = "桂医保发〔2026〕9号.pdf") -> str:
    file = ok(catalogue.officer.post(f"{DOCUMENTS}/files", {"name": name, "size": len(content)}))
    size = file["part_bytes"]
    for part in range(file["parts"]):
        piece = base64.b64encode(content[part * size : (part + 1) * size]).decode()
        ok(catalogue.officer.put(f"{BASE}/files/{file['file_id']}/parts/{part + 1}", {"content": piece}))
    return str(file["file_id"])


def register(catalogue: Catalogue, content: bytes | None = None, **fields: Any) -> dict[str, Any]:
    body = {
        "file_id": announce(catalogue, content or scanned(2000)),
        "number": "桂医保发〔2026〕9号",
        "title": "关于调整部分医疗服务价格的通知",
        "issued_on": "2026-03-20",
        **fields,
    }
    return dict(ok(catalogue.officer.post(DOCUMENTS, body)))


def test_a_document_is_kept_with_its_hash_and_read_back(catalogue: Catalogue) -> None:
    content = scanned()
    made = register(catalogue, content)
    assert (made["sha256"], made["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
    path = f"{DOCUMENTS}/{made['document_id']}"
    assert ok(catalogue.reader.get(path)) == made
    answer = catalogue.reader.get(f"{path}/content")
    assert (answer.content, answer.headers["content-type"]) == (content, "application/pdf")
    parts = catalogue.hospital.value(
        "SELECT sum(length(content)) FROM catalogue.received_parts p JOIN catalogue.price_documents d"
        " ON d.received_id = p.file_id WHERE d.document_id = %s",
        [made["document_id"]],
    )
    assert not parts, "nothing waits in the database any more"
    read = catalogue.hospital.value(
        "SELECT count(*) FROM kernel.audit_entries WHERE action = 'price_document.read' AND subject_id = %s",
        [made["document_id"]],
    )
    assert read == 1
    branch = catalogue.mch_reader.get(f"{path}/content")
    assert (branch.status_code, branch.json()["code"]) == (404, "not_found")
    assert "总院" in branch.json()["detail"]
    assert ok(catalogue.mch_reader.get(path))["sha256"] == made["sha256"], "the branch proves what it was given"


def test_what_is_no_document_is_refused(catalogue: Catalogue) -> None:
    census = catalogue.hospital.census()
    sheet = catalogue.officer.post(f"{DOCUMENTS}/files", {"name": "价格表.xlsx", "size": 100})
    assert (sheet.status_code, sheet.json()["code"]) == (422, "received_file_part_wrong")
    branch = catalogue.mch_officer.post(f"{DOCUMENTS}/files", {"name": "a.pdf", "size": 100})
    assert branch.status_code == 403
    assert catalogue.hospital.census() == census
    body = {"number": "文", "title": "通知"}
    listed = upload(catalogue.officer, b"code,name\n", "list.csv", BASE)
    wrong = catalogue.officer.post(DOCUMENTS, {**body, "file_id": listed})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "price_document_wrong")
    disguised = announce(catalogue, b"MZ this is no PDF at all, whatever its name says" * 10)
    refused = catalogue.officer.post(DOCUMENTS, {**body, "file_id": disguised})
    assert (refused.status_code, refused.json()["code"]) == (415, "file_content_mismatch")
    half = ok(catalogue.officer.post(f"{DOCUMENTS}/files", {"name": "a.pdf", "size": 100}))
    unready = catalogue.officer.post(DOCUMENTS, {**body, "file_id": half["file_id"]})
    assert unready.json()["code"] == "received_file_incomplete"
    assert catalogue.hospital.census()["catalogue.price_documents"] == census["catalogue.price_documents"]
    made = register(catalogue)
    received = catalogue.hospital.value(
        "SELECT received_id FROM catalogue.price_documents WHERE document_id = %s", [made["document_id"]]
    )
    again = catalogue.officer.post(DOCUMENTS, {**body, "file_id": str(received)})
    assert (again.status_code, again.json()["code"]) == (409, "price_document_taken")


def test_an_item_shows_what_it_its_prices_and_their_lists_rest_on(catalogue: Catalogue) -> None:
    code = f"d{uuid4().hex[:8]}"
    batch = take_in(catalogue, [row(code)])
    ok(catalogue.checker.post(f"{BASE}/batches/{batch['batch_id']}/publish", {"version": batch["version"]}))
    later = catalogue.price(code, "11.00", valid_from=catalogue.moment(days=2))
    made = {target: register(catalogue, number=f"{target}-{code}") for target in ("item", "price", "batch")}
    ids = {"item": code, "price": later["version_id"], "batch": batch["batch_id"]}
    for target, one in made.items():
        links = f"{DOCUMENTS}/{one['document_id']}/links"
        for _ in range(2):
            linked = catalogue.officer.post(links, {"target": target, "target_id": ids[target]})
            assert [(link["target"], link["target_id"]) for link in ok(linked)] == [(target, ids[target])]
        assert ok(catalogue.reader.get(links)) == ok(linked)
        [only] = ok(catalogue.reader.get(f"{DOCUMENTS}/attached", target=target, target_id=ids[target]))[:1]
        assert only["document_id"] in {made["item"]["document_id"], one["document_id"]}
    shown = ok(catalogue.reader.get(f"{DOCUMENTS}/attached", target="item", target_id=code))
    assert {one["number"] for one in shown} == {f"{target}-{code}" for target in made}
    other = str(catalogue.item()["code"])
    assert ok(catalogue.reader.get(f"{DOCUMENTS}/attached", target="item", target_id=other)) == []


def test_a_document_is_not_attached_to_nothing_nor_by_a_branch(catalogue: Catalogue) -> None:
    made = register(catalogue)
    code = str(catalogue.item()["code"])
    links = f"{DOCUMENTS}/{made['document_id']}/links"
    census = catalogue.hospital.census()
    for target, key, status in (
        ("item", "nothing", 404),
        ("price", str(uuid4()), 404),
        ("rule", str(uuid4()), 404),
        ("package", str(uuid4()), 404),
        ("batch", "no-uuid", 422),
        ("shelf", code, 422),
    ):
        refused = catalogue.officer.post(links, {"target": target, "target_id": key})
        assert refused.status_code == status, (target, refused.text)
    lost = catalogue.officer.post(f"{DOCUMENTS}/{uuid4()}/links", {"target": "item", "target_id": code})
    assert lost.status_code == 404
    branch = catalogue.mch_officer.post(links, {"target": "item", "target_id": code})
    assert (branch.status_code, branch.json()["code"]) == (403, "consortium_price_list")
    assert catalogue.hospital.census() == census


def test_a_retired_document_is_read_but_not_attached(catalogue: Catalogue) -> None:
    number = f"文{uuid4().hex[:6]}"
    wrong, right = register(catalogue, number=number), register(catalogue, number=number)
    path = f"{DOCUMENTS}/{wrong['document_id']}"
    denied = catalogue.officer.post(f"{path}/retire", {"reason": "传错"})
    assert denied.status_code == 403
    retired = ok(catalogue.checker.post(f"{path}/retire", {"reason": "传错"}))
    assert retired["retire_reason"] == "传错"
    again = catalogue.checker.post(f"{path}/retire", {"reason": "传错"})
    assert (again.status_code, again.json()["code"]) == (422, "price_document_wrong")
    code = str(catalogue.item()["code"])
    census = catalogue.hospital.census()
    refused = catalogue.officer.post(f"{path}/links", {"target": "item", "target_id": code})
    assert (refused.status_code, refused.json()["code"]) == (422, "price_document_wrong")
    assert catalogue.hospital.census() == census
    assert catalogue.reader.get(f"{path}/content").status_code == 200
    found = ok(catalogue.reader.get(DOCUMENTS, number=number))["items"]
    assert [one["document_id"] for one in found] == [right["document_id"]]


def test_documents_are_listed_in_pages_by_index(catalogue: Catalogue) -> None:
    made = [register(catalogue)["document_id"] for _ in range(3)]
    first = ok(catalogue.reader.get(DOCUMENTS, limit=2))
    rest = ok(catalogue.reader.get(DOCUMENTS, limit=2, cursor=first["next"]))
    assert [one["document_id"] for one in (*first["items"], *rest["items"])][:3] == made[::-1]
    with catalogue.hospital.tx() as tx:
        tx.session._connection.execute("SET LOCAL enable_seqscan = off")
        listed = plan(tx, queries.DOCUMENTS, before=new_id(), limit=50)
        numbered = plan(tx, queries.DOCUMENTS_NUMBERED, number="x", before=new_id(), limit=50)
        attached = plan(tx, queries.ATTACHED, target="price", target_id="x")
    assert "pk_price_documents" in listed
    assert "ix_price_documents_number" in numbered or "pk_price_documents" in numbered
    assert "uq_document_links_target_target_id_document_id" in attached
