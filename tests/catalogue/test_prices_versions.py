"""Price versions: two people, one price at a moment, a past that stays."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from functions.catalogue.prices import service
from functions.catalogue.prices.problems import NoPrice
from functions.organisation.structure import service as organisation
from shared.schemas import SHANGHAI
from tests.catalogue.conftest import BASE, Catalogue

MAY = datetime(2026, 5, 1, tzinfo=SHANGHAI)


@pytest.fixture
def code(catalogue: Catalogue) -> str:
    return str(catalogue.item()["code"])


@pytest.mark.case("40", 1)
def test_a_price_ends_where_the_next_begins(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "12.00", level="secondary")
    catalogue.price(code, "15.00", level="secondary", valid_from=MAY.isoformat())
    last = MAY - timedelta(milliseconds=1)
    assert [catalogue.at("mch", code, at) for at in (last, MAY)] == [Decimal("12"), Decimal("15")]
    assert catalogue.at("mch", code, MAY - timedelta(microseconds=1)) == Decimal("12")
    told = [event["data"] for event in catalogue.hospital.events("price_published") if event["data"]["code"] == code]
    assert [(event["old_price"], event["new_price"]) for event in told] == [(None, "12.0000"), ("12.0000", "15.0000")]
    assert datetime.fromisoformat(told[1]["effective_at"]) == MAY


@pytest.mark.case("40", 6)
def test_each_campus_has_the_price_of_its_level(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "25.00", level="tertiary")
    catalogue.price(code, "22.00", level="secondary")
    assert (catalogue.at("hq", code), catalogue.at("mch", code)) == (Decimal("25"), Decimal("22"))
    found = [
        reader.get(f"{BASE}/items", text=code).json()[0]["unit_price"]
        for reader in (catalogue.reader, catalogue.mch_reader)
    ]
    assert found == ["25.0000", "22.0000"]


def test_a_new_level_of_a_campus_brings_its_prices(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "25.00", level="tertiary")
    catalogue.price(code, "22.00", level="secondary")
    change = catalogue.hospital.clock() + timedelta(days=400)
    command = organisation_level(change)
    with catalogue.hospital.tx("hq") as tx:
        organisation.set_price_level(tx, "mch", command)
    before = catalogue.at("mch", code, change - timedelta(seconds=1))
    assert (before, catalogue.at("mch", code, change)) == (Decimal("22"), Decimal("25"))


def organisation_level(at: datetime) -> Any:
    from functions.organisation.structure.schemas.structure import SetPriceLevel

    return SetPriceLevel(price_level="tertiary", valid_from=at, reason="升级")


@pytest.mark.case("40", 7)
def test_a_campus_sets_its_own_price_for_listed_items_only(catalogue: Catalogue) -> None:
    item = catalogue.item(market_priced=True, name="特需门诊")
    catalogue.price(item["code"], "100.00", level="secondary")
    own = catalogue.draft(item["code"], "120.00", catalogue.mch_officer, level="secondary", campus_id="mch")
    assert catalogue.check(own, catalogue.checker).status_code == 404, "hq checks no price of mch"
    assert catalogue.check(own, catalogue.mch_checker).status_code == 200
    week = catalogue.hospital.clock() + timedelta(days=7)
    prices = [catalogue.at("mch", item["code"], at) for at in (week - timedelta(minutes=1), week)]
    assert prices == [Decimal("100"), Decimal("120")], "announced for a week before it holds"
    foreign = catalogue.draft(item["code"], "1.00", catalogue.officer, level="secondary", campus_id="mch")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "campus_price_not_allowed")


def test_a_payer_class_has_its_own_price_or_everybodys(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "30.00")
    catalogue.price(code, "28.00", payer_class="contract")
    assert catalogue.at("hq", code) == Decimal("30")
    assert catalogue.at("hq", code, payer_class="contract") == Decimal("28")
    assert catalogue.at("hq", code, payer_class="resident") == Decimal("30")


def test_two_people_make_a_price(catalogue: Catalogue, code: str) -> None:
    both = catalogue.hospital.caller(campus="hq", at={"hq": ["price_officer", "price_checker"]})
    draft = catalogue.draft(code, "9.00", both)
    before = catalogue.hospital.census()
    refused = catalogue.check(draft, both)
    assert (refused.status_code, refused.json()["code"]) == (422, "same_person")
    assert catalogue.check(draft, catalogue.officer).json()["code"] == "permission_denied"
    assert catalogue.hospital.census() == before
    with catalogue.hospital.tx("hq") as tx, pytest.raises(service.ItemStopped):
        service.price_at(tx, code)
    waiting = catalogue.checker.get(f"{BASE}/prices/waiting", limit=200).json()["items"]
    assert code in {entry["item_code"] for entry in waiting}
    assert catalogue.check(draft).status_code == 200
    assert catalogue.check(draft).json()["code"] == "price_state_wrong"
    with pytest.raises(Exception, match="ck_price_versions_two_people"):
        catalogue.hospital.execute(
            "UPDATE catalogue.price_versions SET checker = maker WHERE version_id = %s",
            [catalogue.draft(code, "9.50").json()["version_id"]],
        )


@pytest.mark.parametrize(
    ("fields", "status", "code_of_refusal"),
    [
        ({"valid_from": "2026-03-31T00:00:00+08:00"}, 422, "price_back_dated"),
        ({"ceiling": "8.99"}, 422, "price_above_ceiling"),
        ({"price": "-1"}, 422, "invalid"),
        ({"price": "1.00001"}, 422, "invalid"),
        ({"valid_from": "2026-05-02T00:00:00+08:00", "valid_to": "2026-05-01T00:00:00+08:00"}, 422, "invalid"),
        ({"level": "quaternary"}, 422, "invalid"),
        ({"item_code": "unknown"}, 404, "charge_item_unknown"),
    ],
)
def test_refusals_draft_nothing(
    catalogue: Catalogue, code: str, fields: dict[str, str], status: int, code_of_refusal: str
) -> None:
    given = dict(fields)
    price = given.pop("price", "9.00")
    before = catalogue.hospital.census()
    refused = catalogue.draft(given.pop("item_code", code), price, **given)
    assert (refused.status_code, refused.json()["code"]) == (status, code_of_refusal)
    assert catalogue.hospital.census() == before


def test_a_ceiling_holds_until_another_is_given(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "9.00", ceiling="10.00")
    refused = catalogue.draft(code, "10.01")
    assert (refused.status_code, refused.json()["code"]) == (422, "price_above_ceiling")
    attempts = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'refused' AND actor = %s"
    assert catalogue.hospital.value(attempts, [catalogue.officer.subject]) >= 1, "the attempt stays on record"
    assert catalogue.price(code, "10.00", valid_from=MAY.isoformat())["ceiling"] == "10.0000"
    assert catalogue.draft(code, "12.00", ceiling="12.00").status_code == 201


def test_an_overlap_is_refused_with_the_price_it_meets(catalogue: Catalogue, code: str) -> None:
    planned = catalogue.price(code, "11.00", valid_from=MAY.isoformat())
    sooner = catalogue.draft(code, "10.00", valid_from=(MAY - timedelta(days=5)).isoformat())
    same_day = catalogue.draft(code, "10.00", valid_from=MAY.isoformat())
    before = catalogue.hospital.census()
    for draft in (sooner, same_day):
        refused = catalogue.check(draft)
        assert (refused.status_code, refused.json()["code"]) == (409, "price_period_overlaps")
        assert refused.json()["existing"]["version_id"] == planned["version_id"]
    assert catalogue.hospital.census() == before
    until = catalogue.draft(code, "10.00", valid_from=catalogue.moment(days=1), valid_to=MAY.isoformat())
    assert catalogue.check(until).status_code == 200
    assert [catalogue.at("hq", code, MAY + timedelta(days=n)) for n in (-1, 0)] == [Decimal("10"), Decimal("11")]


def test_a_price_with_an_end_leaves_no_price_after_it(catalogue: Catalogue, code: str) -> None:
    end = MAY + timedelta(days=31)
    catalogue.price(code, "9.00", valid_from=MAY.isoformat(), valid_to=end.isoformat())
    assert catalogue.at("hq", code, end - timedelta(microseconds=1)) == Decimal("9")
    for at in (end, MAY - timedelta(microseconds=1)):
        with catalogue.hospital.tx("hq") as tx, pytest.raises(NoPrice):
            service.price_at(tx, code, at)


def test_a_planned_price_can_be_called_off(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "9.00")
    planned = catalogue.price(code, "11.00", valid_from=MAY.isoformat())
    path = f"{BASE}/prices/{planned['version_id']}/cancel"
    hospital = catalogue.hospital
    now = hospital.clock()
    hospital.clock.set(MAY - timedelta(minutes=59))
    try:
        before = hospital.census()
        refused = catalogue.officer.post(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "price_state_wrong")
        assert hospital.census() == before
        hospital.clock.set(MAY - timedelta(minutes=61))
        assert catalogue.officer.post(path).json()["status"] == "cancelled"
    finally:
        hospital.clock.set(now)
    assert catalogue.at("hq", code, MAY + timedelta(days=9)) == Decimal("9")
    assert catalogue.officer.post(path).json()["code"] == "price_state_wrong"
    told = [event["data"] for event in hospital.events("price_published") if event["data"]["code"] == code][-1]
    assert (told["old_price"], told["new_price"]) == ("11.0000", "9.0000")
    assert catalogue.price(code, "12.00", valid_from=MAY.isoformat())["unit_price"] == "12.0000"


def test_a_draft_whose_moment_has_passed_takes_effect_when_checked(catalogue: Catalogue, code: str) -> None:
    draft = catalogue.draft(code, "9.00", valid_from=catalogue.moment(hours=1))
    catalogue.hospital.clock.move(hours=2)
    try:
        now = catalogue.hospital.clock()
        checked = catalogue.check(draft).json()
        assert datetime.fromisoformat(checked["valid_from"]) >= now
    finally:
        catalogue.hospital.clock.move(hours=-2)


def test_a_checked_price_is_never_edited(catalogue: Catalogue, code: str) -> None:
    version = catalogue.price(code, "9.00")["version_id"]
    for change in ("unit_price = 1", "valid_from = valid_from - interval '1 day'", "status = 'draft'", "maker = 'x'"):
        with pytest.raises(Exception, match="is not edited"):
            catalogue.hospital.execute(f"UPDATE catalogue.price_versions SET {change} WHERE version_id = %s", [version])
    catalogue.price(code, "10.00", valid_from=MAY.isoformat())
    with pytest.raises(Exception, match="is not edited"):
        catalogue.hospital.execute(
            "UPDATE catalogue.price_versions SET valid_to = valid_to + interval '1 day' WHERE version_id = %s",
            [version],
        )


def test_two_checks_at_once_leave_one_price(catalogue: Catalogue, code: str) -> None:
    drafts = [catalogue.draft(code, price).json()["version_id"] for price in ("7.00", "8.00")]
    hospital = catalogue.hospital

    def check(version_id: str) -> None:
        from uuid import UUID

        with hospital.tx("hq") as tx:
            service.check_price(tx, UUID(version_id))

    with ThreadPoolExecutor(2) as threads:
        outcomes = [future.exception(10) for future in [threads.submit(check, version) for version in drafts]]
    refused = [type(outcome).__name__ for outcome in outcomes if outcome is not None]
    assert refused in ([], ["PricePeriodOverlaps"]), "one after the other, or one refused"
    at = hospital.clock() + timedelta(days=1)
    in_force = hospital.value(
        "SELECT count(*) FROM catalogue.price_versions v JOIN catalogue.charge_items i USING (item_id)"
        " WHERE i.code = %s AND v.status = 'checked' AND tstzrange(v.valid_from, v.valid_to) @> %s::timestamptz",
        [code, at],
    )
    assert in_force == 1


@pytest.mark.case("40", 9)
def test_at_any_instant_an_item_has_one_price_or_none(catalogue: Catalogue) -> None:
    """Random adjustments, accepted or refused; then every item at random instants, against a count of its own."""
    random = Random(40_9)
    now = catalogue.hospital.clock()
    codes = [catalogue.item(market_priced=True)["code"] for _ in range(4)]
    for _ in range(60):
        start = now + timedelta(days=random.randrange(1, 60), hours=random.randrange(24))
        end = start + timedelta(days=random.randrange(1, 20)) if random.random() < 0.3 else None
        draft = catalogue.draft(
            random.choice(codes),
            f"{random.randrange(1, 100)}.00",
            level=random.choice(["tertiary", "secondary"]),
            valid_from=start.isoformat(),
            valid_to=end.isoformat() if end else None,
        )
        checked = catalogue.check(draft)
        assert checked.status_code in {200, 409}, checked.text
        if checked.status_code == 200 and random.random() < 0.2:
            assert catalogue.officer.post(f"{BASE}/prices/{checked.json()['version_id']}/cancel").status_code == 200
    seen = 0
    for _ in range(80):
        at = now + timedelta(seconds=random.uniform(0, 90 * 86_400))
        campus, level = random.choice([("hq", "tertiary"), ("mch", "secondary")])
        rows = catalogue.hospital.rows(
            "SELECT i.code, v.unit_price FROM catalogue.price_versions v JOIN catalogue.charge_items i USING (item_id)"
            " WHERE i.code = ANY (%s) AND v.level = %s AND v.status = 'checked'"
            " AND tstzrange(v.valid_from, v.valid_to) @> %s::timestamptz",
            [codes, level, at],
        )
        expected = {row["code"]: row["unit_price"] for row in rows}
        assert len(expected) == len(rows), "two prices of one item at one instant"
        with catalogue.hospital.tx(campus) as tx:
            found = {code: item.unit_price for code, item in service.current_prices(tx, codes, at).items()}
        assert found == expected
        seen += len(found)
    assert seen > 50


def test_a_whole_bill_is_priced_in_one_round_trip(catalogue: Catalogue, code: str) -> None:
    catalogue.price(code, "9.00")
    with catalogue.hospital.tx("hq") as tx:
        before = tx.session.statements
        service.prices_at(tx, [code])
        assert tx.session.statements - before == 1


@pytest.mark.case("40", 12)
def test_the_public_list_is_what_is_charged(catalogue: Catalogue) -> None:
    for number in range(7):
        item = catalogue.item(code=f"pub{number}")
        catalogue.price(item["code"], f"{number + 1}.50", level="tertiary")
    catalogue.price("pub3", "99.00", valid_from=MAY.isoformat())
    catalogue.checker.post(f"{BASE}/items/pub4/stop", {"version": 2, "reason": "停", "stopped_from": MAY.isoformat()})
    hospital = catalogue.hospital
    now = hospital.clock()
    for at in (now, MAY + timedelta(hours=3)):
        hospital.clock.set(at)
        listed: dict[str, str] = {}
        cursor = None
        while True:
            page = catalogue.reader.get(f"{BASE}/public", limit=3, **({"cursor": cursor} if cursor else {})).json()
            listed |= {item["code"]: item["unit_price"] for item in page["items"]}
            cursor = page["next"]
            if cursor is None:
                break
        charged = hospital.rows(
            "SELECT i.code, v.unit_price::text AS price FROM catalogue.charge_items i JOIN catalogue.price_versions v"
            " USING (item_id) WHERE v.status = 'checked' AND v.level = 'tertiary' AND v.campus_id IS NULL"
            " AND v.payer_class = 'all' AND tstzrange(v.valid_from, v.valid_to) @> %s::timestamptz"
            " AND i.status <> 'draft' AND (i.stopped_from IS NULL OR i.stopped_from > %s)",
            [at, at],
        )
        assert listed == {row["code"]: row["price"] for row in charged}
        assert ("pub4" in listed, listed["pub3"]) == ((True, "4.5000") if at == now else (False, "99.0000"))
    hospital.clock.set(now)
