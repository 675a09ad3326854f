"""Who may carry an item out and what it may be charged from, as the price office says it."""

from uuid import uuid4

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreateUnit, UnitKind
from tests.catalogue.conftest import BASE, Catalogue
from tests.support.clinic import ok


def ultrasound(catalogue: Catalogue, campus: str) -> str:
    with catalogue.hospital.tx(campus) as tx:
        root = next(one for one in organisation.unit_tree(tx) if one.parent_id is None)
        made = organisation.create_unit(
            tx,
            CreateUnit(
                code=f"u{uuid4().hex[:6]}",
                name="超声科",
                kind=UnitKind.MEDTECH,
                parent_id=root.unit_id,
                valid_from=tx.today,
            ),
        )
    return str(made.unit_id)


def test_an_item_says_who_may_carry_it_out_at_any_campus(catalogue: Catalogue) -> None:
    units = [ultrasound(catalogue, campus) for campus in ("hq", "mch")]
    limits = {"executing_units": units, "executing_kinds": ["shared_centre"], "request_kinds": ["ultrasound"]}
    item = catalogue.item(name="腹部超声", limits=limits)
    assert item["limits"] == limits
    path = f"{BASE}/items/{item['code']}"
    changed = ok(catalogue.officer.patch(path, {"version": 1, "reason": "调整", "limits": {"sex": "2"}}))
    assert changed["limits"] == {"sex": "2"}, "limits are given whole"
    again = {"version": 2, "reason": "调整", "limits": {"executing_units": units[:1]}}
    assert ok(catalogue.officer.patch(path, again))["limits"] == {"executing_units": units[:1]}
    stale = catalogue.officer.patch(path, again)
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")


def test_a_unit_or_kind_nobody_has_is_refused(catalogue: Catalogue) -> None:
    item = catalogue.item(name="腹部超声")
    body = {
        "code": f"i{uuid4().hex[:12]}",
        "name": "腹部超声",
        "unit": "次",
        "kind": "service",
        "fee_class": "03",
        "basis_document": "桂医保发〔2026〕1号",
    }
    census = catalogue.hospital.census()
    for limits, status, code in (
        ({"executing_units": [str(uuid4())]}, 404, "unit_not_found"),
        ({"executing_kinds": ["garage"]}, 422, "invalid"),
        ({"request_kinds": ["wish"]}, 422, "invalid"),
        ({"executing_units": []}, 422, "invalid"),
    ):
        drafted = catalogue.officer.post(f"{BASE}/items", {**body, "limits": limits})
        assert (drafted.status_code, drafted.json()["code"]) == (status, code)
        change = {"version": 1, "reason": "改", "limits": limits}
        changed = catalogue.officer.patch(f"{BASE}/items/{item['code']}", change)
        assert (changed.status_code, changed.json()["code"]) == (status, code)
    assert catalogue.hospital.census() == census
    denied = catalogue.mch_officer.patch(
        f"{BASE}/items/{item['code']}", {"version": 1, "reason": "改", "limits": {"request_kinds": ["order"]}}
    )
    assert (denied.status_code, denied.json()["code"]) == (403, "consortium_price_list")
