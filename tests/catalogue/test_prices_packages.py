"""Packages with an approved price of their own, and how a price is shared out over what it pays for."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalogue.prices import service
from functions.catalogue.prices.bill import Person
from functions.catalogue.prices.service import NoPrice, PackageUnusable
from functions.catalogue.prices.sharing import share_out, unit_price_of
from shared.money import CENT, line_amount
from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_more import priced
from tests.support.clinic import ok

MONEY = st.decimals("0", "99999.99", places=2)
OWN = {"own_price": "checkup", "approval_no": "鹿卫价审〔2026〕7号"}


# -- shares


def test_five_groups_share_a_package_to_the_cent() -> None:
    weights = [Decimal(one) for one in ("100.00", "200.00", "150.00", "250.00", "333.33")]
    shares = share_out(Decimal("688.00"), weights)
    assert shares == [Decimal(one) for one in ("66.58", "133.16", "99.87", "166.45", "221.94")]
    assert sum(shares) == Decimal("688.00")
    assert share_out(Decimal("0.05"), [Decimal(1)] * 3) == [Decimal("0.02"), Decimal("0.02"), Decimal("0.01")]
    assert share_out(Decimal("10.00"), [Decimal(0), Decimal(0)]) == [Decimal("5.00")] * 2, "free members share equally"
    with pytest.raises(ValueError, match="nothing"):
        share_out(Decimal("1.00"), [])


@given(MONEY, st.lists(MONEY, min_size=1, max_size=40))
def test_shares_add_up_and_each_is_within_a_cent_of_its_part(total: Decimal, weights: list[Decimal]) -> None:
    shares = share_out(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        exact = total * weight / whole if whole else total / len(weights)
        assert abs(share - exact) < CENT
        assert share >= 0
    heavier = sorted(zip(weights, shares, strict=True))
    assert [share for _, share in heavier] == sorted(share for _, share in heavier), "who weighs more pays no less"


@given(MONEY, st.decimals("0.0001", "9999.9999", places=4))
def test_a_share_is_its_unit_price_less_what_comes_off(share: Decimal, quantity: Decimal) -> None:
    price, off = unit_price_of(share, quantity)
    assert line_amount(price, quantity) - off == share
    assert off >= 0
    assert not off or quantity >= 100
    assert price == price.quantize(Decimal("0.0001"))


# -- the package


def drafted(catalogue: Catalogue, package: str, *members: tuple[str, str], **fields: Any) -> Any:
    body = {"members": [{"member_code": code, "quantity": quantity} for code, quantity in members], **fields}
    return catalogue.officer.post(f"{BASE}/packages/{package}/versions", body)


def approved(catalogue: Catalogue, price: str, *members: tuple[str, str], **fields: Any) -> str:
    """A package of an approved price."""
    package = str(catalogue.item(kind="package", unit="套", name="入职体检", fee_class="03")["code"])
    version = ok(drafted(catalogue, package, *members, **{**OWN, **fields}))
    ok(catalogue.checker.post(f"{BASE}/package-versions/{version['package_version_id']}/check"))
    catalogue.price(package, price)
    catalogue.hospital.clock.move(seconds=1)
    return package


def test_an_approved_package_costs_its_own_price_shared_out(catalogue: Catalogue) -> None:
    members = [(priced(catalogue, price), "1") for price in ("100.00", "200.00", "150.00", "250.00", "333.33")]
    package = approved(catalogue, "688.00", *members)
    shown = ok(catalogue.reader.get(f"{BASE}/packages/{package}/expanded"))
    assert (shown["total"], shown["list_total"]) == ("688.00", "1033.33")
    assert [line["amount"] for line in shown["lines"]] == ["66.58", "133.16", "99.87", "166.45", "221.94"]
    assert [line["unit_price"] for line in shown["lines"]][:2] == ["100.0000", "200.0000"], "the list price beside"
    [version] = ok(catalogue.reader.get(f"{BASE}/packages/{package}/versions"))
    assert (version["own_price"], version["approval_no"]) == ("checkup", OWN["approval_no"])
    with catalogue.hospital.tx() as tx:
        twice = service.expand(tx, package, Person(), quantity=Decimal(2))
        assert service.package_total(twice) == Decimal("1376.00")
        assert {line.quantity for line in twice} == {Decimal(2)}
    listed = ok(catalogue.reader.get(f"{BASE}/items", text=package))
    assert [one["unit_price"] for one in listed] == ["688.0000"]


def test_a_package_without_approval_has_no_price_of_its_own(catalogue: Catalogue) -> None:
    member = priced(catalogue, "20.00")
    package = str(catalogue.item(kind="package", unit="套", name="婚前检查")["code"])
    census = catalogue.hospital.census()
    refused = catalogue.draft(package, "15.00")
    assert (refused.status_code, refused.json()["code"]) == (422, "package_price_not_allowed")
    assert "批准文号" in refused.json()["detail"]
    for half in ({"own_price": "checkup"}, {"approval_no": "x"}, {"own_price": "bargain", "approval_no": "x"}):
        wrong = drafted(catalogue, package, (member, "1"), **half)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    assert catalogue.hospital.census() == census
    ok(drafted(catalogue, package, (member, "1")))
    assert catalogue.draft(package, "15.00").json()["code"] == "package_price_not_allowed"
    row = {
        "code": package,
        "name": "婚前检查",
        "unit": "套",
        "kind": "package",
        "fee_class": "05",
        "price_tertiary": "15.00",
    }
    new = {**row, "code": f"{package}n"}
    body = {"title": "目录", "basis_document": "文", "rows": [row, new]}
    batch = ok(catalogue.officer.post(f"{BASE}/batches", body))
    assert [fault["faults"] for fault in batch["faults"]] == [
        ["套餐按所含项目收费，未经批准不能有自己的价格"],
        ["套餐须先登记组成与批准文号，再定价"],
    ]


def test_a_package_holds_no_package_and_keeps_its_approval_while_it_has_a_price(catalogue: Catalogue) -> None:
    member = priced(catalogue, "20.00")
    package = approved(catalogue, "15.00", (member, "1"))
    outer = str(catalogue.item(kind="package", unit="套", name="外层")["code"])
    census = catalogue.hospital.census()
    nested = drafted(catalogue, outer, (package, "1"))
    assert (nested.status_code, nested.json()["code"]) == (422, "package_unusable")
    assert package in nested.json()["detail"]
    assert catalogue.hospital.census() == census
    plain = ok(drafted(catalogue, package, (member, "2")))
    path = f"{BASE}/package-versions/{plain['package_version_id']}/check"
    census = catalogue.hospital.census()
    refused = catalogue.checker.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "price_rule_state_wrong")
    assert catalogue.hospital.census() == census
    assert ok(catalogue.reader.get(f"{BASE}/packages/{package}/expanded"))["total"] == "15.00"
    renewed = ok(drafted(catalogue, package, (member, "2"), **OWN))
    ok(catalogue.checker.post(f"{BASE}/package-versions/{renewed['package_version_id']}/check"))


def test_an_approved_package_without_a_price_here_is_not_given_away(catalogue: Catalogue) -> None:
    member = priced(catalogue, "20.00")
    catalogue.price(member, "18.00", level="secondary")
    package = approved(catalogue, "15.00", (member, "1"))
    with catalogue.hospital.tx("mch") as tx, pytest.raises(NoPrice, match="没有执行价格"):
        service.expand(tx, package, Person())


def test_a_stopped_package_and_one_that_fits_nobody_are_refused(catalogue: Catalogue) -> None:
    member = priced(catalogue, "20.00")
    package = approved(catalogue, "15.00", (member, "1"))
    version = ok(catalogue.reader.get(f"{BASE}/items/{package}"))["item"]["version"]
    ok(catalogue.checker.post(f"{BASE}/items/{package}/stop", {"version": version, "reason": "停"}))
    catalogue.hospital.clock.move(seconds=1)
    with catalogue.hospital.tx() as tx, pytest.raises(PackageUnusable, match="已停用"):
        service.expand(tx, package, Person())
    women = str(catalogue.item(kind="package", unit="套", name="两癌筛查")["code"])
    body = {"members": [{"member_code": member, "quantity": "1", "sex": "2"}], **OWN}
    made = ok(catalogue.officer.post(f"{BASE}/packages/{women}/versions", body))
    ok(catalogue.checker.post(f"{BASE}/package-versions/{made['package_version_id']}/check"))
    catalogue.price(women, "15.00")
    catalogue.hospital.clock.move(seconds=1)
    with catalogue.hospital.tx() as tx, pytest.raises(PackageUnusable, match="没有适合"):
        service.expand(tx, women, Person(None, "1"))
