"""A branch opens the documents its prices rest on; those of others stay closed."""

from typing import Any
from uuid import uuid4

import pytest

from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_documents import DOCUMENTS, register, scanned
from tests.catalogue.test_prices_lists import row, take_in
from tests.support.clinic import ok

pytestmark = pytest.mark.usefixtures("store")


def attach(catalogue: Catalogue, target: str, key: str, content: bytes | None = None) -> str:
    """A document with one target; gives its path."""
    made = register(catalogue, content, number=f"文{uuid4().hex[:6]}")
    path = f"{DOCUMENTS}/{made['document_id']}"
    ok(catalogue.officer.post(f"{path}/links", {"target": target, "target_id": key}))
    return path


def opened(catalogue: Catalogue, path: str) -> bool:
    """Whether the branch gets the file; a refusal says where else it is had, and leaves no trace of a reading."""
    answer = catalogue.mch_reader.get(f"{path}/content")
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text
    assert "总院物价科" in answer.json()["detail"]
    assert reads(catalogue, path) == 0
    return False


def reads(catalogue: Catalogue, path: str) -> int:
    return int(
        catalogue.hospital.value(
            "SELECT count(*) FROM kernel.audit_entries WHERE action = 'price_document.read' AND subject_id = %s"
            " AND campus_id = 'mch'",
            [path.rpartition("/")[2]],
        )
    )


def price(catalogue: Catalogue, level: str, **fields: Any) -> tuple[str, str]:
    code = str(catalogue.item()["code"])
    return code, str(catalogue.price(code, "10.00", level=level, **fields)["version_id"])


def test_the_file_of_a_price_in_force_there_is_read_and_every_reading_logged(catalogue: Catalogue) -> None:
    content = scanned()
    _, version = price(catalogue, "secondary")
    path = attach(catalogue, "price", version, content)
    for count in (1, 2):
        answer = catalogue.mch_reader.get(f"{path}/content")
        assert (answer.content, answer.headers["content-type"]) == (content, "application/pdf")
        assert reads(catalogue, path) == count


def test_the_price_of_another_level_or_another_campus_is_not_theirs(catalogue: Catalogue) -> None:
    assert not opened(catalogue, attach(catalogue, "price", price(catalogue, "tertiary")[1]))
    market = str(catalogue.item(market_priced=True)["code"])
    own = catalogue.check(
        catalogue.draft(
            market,
            "99.00",
            catalogue.mch_officer,
            level="secondary",
            campus_id="mch",
            valid_from=catalogue.moment(days=8),
        ),
        catalogue.mch_checker,
    )
    assert opened(catalogue, attach(catalogue, "price", ok(own)["version_id"])), "announced, to hold there"
    other = catalogue.price(market, "88.00", level="secondary", campus_id="hq", valid_from=catalogue.moment(days=8))
    assert not opened(catalogue, attach(catalogue, "price", other["version_id"]))


def test_a_draft_opens_nothing_until_it_is_published(catalogue: Catalogue) -> None:
    code = str(catalogue.item()["code"])
    draft = catalogue.draft(code, "10.00", level="secondary")
    of_price = attach(catalogue, "price", draft.json()["version_id"])
    of_item = attach(catalogue, "item", code)
    batch = take_in(catalogue, [row(f"b{uuid4().hex[:8]}")])
    of_batch = attach(catalogue, "batch", batch["batch_id"])
    unattached = f"{DOCUMENTS}/{register(catalogue)['document_id']}"
    assert not any(opened(catalogue, path) for path in (of_price, of_item, of_batch, unattached))
    ok(catalogue.check(draft))
    ok(catalogue.checker.post(f"{BASE}/batches/{batch['batch_id']}/publish", {"version": batch["version"]}))
    assert opened(catalogue, of_price)
    assert opened(catalogue, of_item)
    assert opened(catalogue, of_batch)
    assert not opened(catalogue, unattached)


def test_what_ended_or_was_retired_closes(catalogue: Catalogue) -> None:
    code, version = price(catalogue, "secondary")
    ended = attach(catalogue, "price", version)
    assert opened(catalogue, ended)
    catalogue.price(code, "11.00", level="secondary")
    assert catalogue.mch_reader.get(f"{ended}/content").status_code == 404
    assert catalogue.reader.get(f"{ended}/content").status_code == 200, "the head hospital keeps reading it"
    _, current = price(catalogue, "secondary")
    path = attach(catalogue, "price", current)
    assert opened(catalogue, path)
    ok(catalogue.checker.post(f"{path}/retire", {"reason": "传错"}))
    assert catalogue.mch_reader.get(f"{path}/content").status_code == 404


def test_rules_and_packages_in_force_open_theirs(catalogue: Catalogue) -> None:
    hospital = catalogue.hospital
    item, package = (str(catalogue.item(**fields)["code"]) for fields in ({}, {"kind": "package", "unit": "套"}))
    rule, version = uuid4(), uuid4()
    hospital.execute(
        "INSERT INTO catalogue.price_rules (rule_id, kind, title, params, basis_document, valid_from, maker, made_at,"
        " status, version) VALUES (%s, 'first_n_free', 'x', '{}', 'x', now(), 'a', now(), 'draft', 1)",
        [rule],
    )
    hospital.execute(
        "INSERT INTO catalogue.package_versions (package_version_id, package_code, valid_from, maker, made_at, status)"
        " VALUES (%s, %s, now(), 'a', now(), 'draft')",
        [version, package],
    )
    assert item
    paths = attach(catalogue, "rule", str(rule)), attach(catalogue, "package", str(version))
    assert not any(opened(catalogue, path) for path in paths)
    for table, key, value in (("price_rules", "rule_id", rule), ("package_versions", "package_version_id", version)):
        hospital.execute(f"UPDATE catalogue.{table} SET status = 'checked', checker = 'b' WHERE {key} = %s", [value])
    assert all(opened(catalogue, path) for path in paths)


def test_the_wall_stands_in_the_database(catalogue: Catalogue) -> None:
    """Whatever a module forgot: the row of a file that does not apply there is no row."""
    _, version = price(catalogue, "secondary")
    theirs, others = attach(catalogue, "price", version), f"{DOCUMENTS}/{register(catalogue)['document_id']}"
    kept = "SELECT count(*) FROM kernel.stored_files f JOIN catalogue.price_documents d ON d.stored_file_id = f.file_id"
    kept += " WHERE d.document_id = %(id)s"
    with catalogue.hospital.tx("mch") as tx:
        for path, count in ((theirs, 1), (others, 0)):
            found = tx.session._connection.execute(kept, {"id": path.rpartition("/")[2]}).fetchall()
            assert found[0][0] == count
        lists = "SELECT count(*) FROM kernel.stored_files WHERE kind = 'official-list'"
        assert tx.session._connection.execute(lists).fetchall()[0][0] == 0, "the head hospital's own files"
        changed = tx.session._connection.execute(
            "UPDATE kernel.stored_files SET state = 'abandoned' WHERE file_id = (SELECT stored_file_id"
            " FROM catalogue.price_documents WHERE document_id = %(id)s) RETURNING file_id",
            {"id": theirs.rpartition("/")[2]},
        )
        assert changed.fetchall() == [], "read, not written"
