"""Look-ups and lists keep their indexes with the rows of many years, behind row-level security."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.catalogue.prices import queries, service
from functions.catalogue.prices.queries import lists
from functions.catalogue.prices.service.lookups import EVERYBODY
from tests.catalogue.conftest import Catalogue, plan

FILL = """
INSERT INTO catalogue.charge_items (item_id, code, name, initials, content, excluded, unit, kind, fee_class,
    direct_entry, market_priced, basis_document, status, created_at, created_by, version)
SELECT gen_random_uuid(), 'c' || n, chr(19968 + n % 5000) || n, 'z' || n, '', '', '次', 'service', '05', false, false,
    '', 'published', now(), 'x', 1 FROM generate_series(1, 20000) n;

INSERT INTO catalogue.price_versions (version_id, item_id, level, payer_class, valid_from, valid_to, unit_price,
    basis_document, status, maker, checker, made_at)
SELECT gen_random_uuid(), item_id, level, 'all', make_timestamptz(2020 + y, 1, 1, 0, 0, 0, 'Asia/Shanghai'),
    CASE WHEN y < 6 THEN make_timestamptz(2021 + y, 1, 1, 0, 0, 0, 'Asia/Shanghai') END, y + 1, '', 'checked', 'x', 'y',
    now()
FROM catalogue.charge_items CROSS JOIN unnest(ARRAY['tertiary', 'secondary', 'primary']) AS level
CROSS JOIN generate_series(4, 6) y WHERE code LIKE 'c%';
"""


@pytest.fixture(scope="module")
def many(catalogue: Catalogue) -> Catalogue:
    for statement in FILL.split(";"):
        if statement.strip():
            catalogue.hospital.execute(statement)
    catalogue.hospital.execute("ANALYZE")
    return catalogue


def test_every_look_up_uses_its_index(many: Catalogue) -> None:
    now = many.hospital.clock()
    here: dict[str, Any] = {"campus": "hq", "at": now, "payer": EVERYBODY}
    some = [f"c{number}" for number in range(1, 40)]
    one = many.hospital.value("SELECT item_id FROM catalogue.charge_items LIMIT 1")
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (queries.PRICES_AT, {**here, "codes": some}, "uq_charge_items_code"),
        (queries.SEARCH["code"], {**here, "low": "c77", "high": "c77\U0010ffff", "limit": 50}, "uq_charge_items_code"),
        (
            queries.SEARCH["initials"],
            {**here, "low": "z77", "high": "z77\U0010ffff", "limit": 50},
            "ix_charge_items_initials",
        ),
        (queries.SEARCH["name"], {**here, "low": "一", "high": "一\U0010ffff", "limit": 50}, "ix_charge_items_name"),
        (queries.PUBLIC_LIST, {**here, "after": "c5", "limit": 100}, "uq_charge_items_code"),
        (queries.HISTORY, {"item_id": one}, "ix_price_versions_item_id"),
        (queries.DRAFTS, {"after": UUID(int=0), "limit": 50}, "ix_price_versions_drafts"),
        (
            queries.PUBLIC_SEARCH["name"],
            {**here, "low": "一", "high": "一\U0010ffff", "limit": 50},
            "ix_charge_items_name",
        ),
        (
            queries.COMING,
            {"campus": "hq", "at": now, "until": now + timedelta(days=31), "since": now, "after": "", "limit": 100},
            "ix_price_versions_from",
        ),
        (lists.LISTED_PRICES, {"batch_id": one, "all_codes": True, "codes": []}, "ix_price_versions_batch_id"),
        (lists.KNOWN, {"codes": some, "at": now}, "uq_charge_items_code"),
    ]
    with many.hospital.tx("hq") as tx:
        for query, params, index in cases:
            found = plan(tx, query, **params)
            assert index in found, found
            assert "Seq Scan on charge_items" not in found, found
            assert "Seq Scan on price_versions" not in found, found


def test_a_bill_of_two_hundred_lines_is_one_statement(many: Catalogue) -> None:
    codes = [f"c{number}" for number in range(200, 400)]
    with many.hospital.tx("mch") as tx:
        found = plan(tx, queries.PRICES_AT, codes=codes, campus="mch", at=many.hospital.clock(), payer=EVERYBODY)
        assert "Index Scan using uq_charge_items_code" in found, found
        assert "Seq Scan on price_versions" not in found, found
        before = tx.session.statements
        priced = service.prices_at(tx, codes)
        assert tx.session.statements - before == 1
    assert len(priced) == 200
