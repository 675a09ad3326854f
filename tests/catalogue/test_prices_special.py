"""Special-need services: marked at market prices only, counted month by month, warned of above a tenth."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.payments import ChargesRefunded, ChargesSettled, RefundedLine, SettledLine
from functions.catalogue.prices import marks
from functions.catalogue.prices.queries import special as queries
from functions.catalogue.prices.service import special
from integrity.runner import run
from shared.ids import new_id
from shared.schemas import SHANGHAI
from tests.catalogue.conftest import APRIL, BASE, Catalogue, plan
from tests.catalogue.test_prices_lists import row, take_in

MONTHS, WARNINGS = f"{BASE}/special-need/months", f"{BASE}/special-need/warnings"
SUMS = "catalogue.prices_billed_months"


@pytest.fixture
def month(catalogue: Catalogue) -> Iterator[date]:
    """A month nothing was billed in yet, its 10th at 10:00."""
    clock = catalogue.hospital.clock
    begun = clock().astimezone(SHANGHAI)
    clock.set((begun.replace(day=1) + timedelta(days=32)).replace(day=10, hour=10, minute=0))
    yield clock().astimezone(SHANGHAI).date().replace(day=1)
    sums = run(catalogue.hospital.settings.auditor_database_url, frozenset({SUMS}))
    assert [one.holds for one in sums] == [True], "whatever was counted, the months are the sums of their lines"


def item(catalogue: Catalogue, kind: str = "service", *, is_special: bool = False, **fields: Any) -> str:
    marked = {"market_priced": True, "special_need": True} if is_special else {}
    return str(catalogue.item(kind=kind, **marked, **fields)["code"])


def line(code: str, amount: str, charge: UUID | None = None, base: UUID | None = None) -> SettledLine:
    return SettledLine(
        charge_id=charge or new_id(),
        source_module="tests/source",
        source_id="1",
        source_line="1",
        item_code=code,
        quantity=Decimal(1),
        amount=Decimal(amount),
        base_charge_id=base,
    )


def settled(catalogue: Catalogue, *lines: SettledLine, campus: str = "hq", day: date | None = None) -> ChargesSettled:
    """Billing tells of a settlement; twice, as it may."""
    now = catalogue.hospital.clock()
    event = ChargesSettled(
        settlement_id=new_id(),
        settlement_no="H1",
        patient_id=new_id(),
        encounter_id=None,
        shift_id=new_id(),
        business_day=day or now.astimezone(SHANGHAI).date(),
        total=sum((one.amount for one in lines), Decimal(0)),
        owed=Decimal(0),
        payments=[],
        lines=list(lines),
        settled_at=now,
    )
    for _ in range(2):
        with catalogue.hospital.tx(campus) as tx:
            special.keep_settled(tx, event)
    return event


def refunded(catalogue: Catalogue, *lines: tuple[SettledLine, str, int], day: date | None = None) -> None:
    """Billing tells twice that so much of lines went back, and what quantity stays paid."""
    now = catalogue.hospital.clock()
    event = ChargesRefunded(
        refund_id=new_id(),
        refund_no="R1",
        settlement_id=new_id(),
        patient_id=new_id(),
        encounter_id=None,
        shift_id=new_id(),
        business_day=day or now.astimezone(SHANGHAI).date(),
        amount=sum((Decimal(amount) for _, amount, _ in lines), Decimal(0)),
        payments=[],
        lines=[
            RefundedLine(
                charge_id=one.charge_id,
                source_module="tests/source",
                source_id="1",
                source_line="1",
                quantity=Decimal(1),
                amount=Decimal(amount),
                remaining=Decimal(remaining),
                base_charge_id=one.base_charge_id,
            )
            for one, amount, remaining in lines
        ],
        reason_code="patient",
        refunded_at=now,
    )
    for _ in range(2):
        with catalogue.hospital.tx("hq") as tx:
            special.keep_refunded(tx, event)


def report(catalogue: Catalogue, month: date, **asked: Any) -> dict[str, Any]:
    answer = catalogue.officer.get(f"{MONTHS}/{month:%Y-%m}", **asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def minute(catalogue: Catalogue, campus: str = "hq") -> None:
    catalogue.hospital.minute("catalogue/prices", campus=campus)


def warned(catalogue: Catalogue, month: date, campus: str = "hq") -> list[str]:
    caller = catalogue.officer if campus == "hq" else catalogue.mch_officer
    found = caller.get(WARNINGS, limit=200).json()["items"]
    return sorted(one["measure"] for one in found if one["month"] == str(month))


# -- the mark


def test_a_special_need_service_has_a_market_price(catalogue: Catalogue) -> None:
    before = catalogue.hospital.census()
    body = {
        "code": "sp-x",
        "name": "特需门诊",
        "unit": "次",
        "kind": "service",
        "fee_class": "02",
        "basis_document": "x",
    }
    answer = catalogue.officer.post(f"{BASE}/items", body | {"special_need": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "special_need_not_market")
    assert "市场调节价" in answer.json()["detail"]
    assert catalogue.hospital.census() == before
    made = catalogue.item(market_priced=True, special_need=True, name="特需门诊诊查费")
    assert made["special_need"] is True
    path = f"{BASE}/items/{made['code']}"
    unmarked = catalogue.officer.patch(path, {"version": 1, "reason": "x", "market_priced": False})
    assert (unmarked.status_code, unmarked.json()["code"]) == (422, "special_need_not_market")
    assert catalogue.reader.get(path).json()["item"]["version"] == 1
    both = {"version": 1, "reason": "不再提供特需", "market_priced": False, "special_need": False}
    plain = catalogue.officer.patch(path, both)
    assert (plain.status_code, plain.json()["special_need"]) == (200, False)
    empty = catalogue.officer.patch(path, {"version": 2, "reason": "x", "special_need": None})
    assert empty.status_code == 422
    other = catalogue.mch_officer.patch(path, {"version": 2, "reason": "x", "special_need": True})
    assert (other.status_code, other.json()["code"]) == (403, "consortium_price_list")
    ordinary = catalogue.item(name="普通门诊诊查费")
    alone = catalogue.officer.patch(
        f"{BASE}/items/{ordinary['code']}", {"version": 1, "reason": "x", "special_need": True}
    )
    assert (alone.status_code, alone.json()["code"]) == (422, "special_need_not_market")


def test_a_list_brings_the_marks(catalogue: Catalogue) -> None:
    rows: list[dict[str, Any]] = [
        row("SPN1", special_need="是", market_priced="是"),
        row("SPN2", special_need="是"),
        row("SPN3", special_need="也许"),
        row("SPN4"),
    ]
    batch = take_in(catalogue, rows)
    assert {one["row_no"]: one["faults"] for one in batch["faults"]} == {
        2: ["特需服务实行市场调节价，须同时标明“市场调节价”"],
        3: ["特需服务“也许”须为“是”或“否”"],
    }
    path = f"{BASE}/batches/{batch['batch_id']}"
    aside = catalogue.officer.post(f"{path}/set-aside", {"version": 1, "row_numbers": [2, 3]})
    assert catalogue.checker.post(f"{path}/publish", {"version": aside.json()["version"]}).status_code == 200

    def marked(code: str) -> tuple[bool, bool]:
        found = catalogue.reader.get(f"{BASE}/items/{code}").json()["item"]
        return found["market_priced"], found["special_need"]

    assert (marked("SPN1"), marked("SPN4")) == ((True, True), (False, False))
    again = take_in(catalogue, [row("SPN1", market_priced="是"), row("SPN4", special_need="1", market_priced="1")])
    assert (again["same"], again["changed"]) == (1, 1), "a list that is silent about a mark changes none"
    path = f"{BASE}/batches/{again['batch_id']}"
    assert catalogue.checker.post(f"{path}/publish", {"version": again["version"]}).status_code == 200
    assert (marked("SPN1"), marked("SPN4")) == ((True, True), (True, True))
    wrong = take_in(catalogue, [row("SPN4", market_priced="否")])
    assert [one["faults"] for one in wrong["faults"]] == [["特需服务实行市场调节价，须同时标明“市场调节价”"]]
    off = take_in(catalogue, [row("SPN4", market_priced="否", special_need="否")])
    path = f"{BASE}/batches/{off['batch_id']}"
    assert catalogue.checker.post(f"{path}/publish", {"version": off["version"]}).status_code == 200
    assert marked("SPN4") == (False, False)


def test_the_list_of_marked_items_is_paged(catalogue: Catalogue) -> None:
    codes = sorted(item(catalogue, is_special=True, code=f"spl{number}") for number in range(3))
    ordinary = item(catalogue)
    found: list[str] = []
    cursor = None
    for _ in range(50):
        page = catalogue.reader.get(
            f"{BASE}/special-need/items", limit=1, **({"cursor": cursor} if cursor else {})
        ).json()
        found += [one["code"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert set(codes) <= set(found)
    assert ordinary not in found
    assert found == sorted(found)


# -- the share


def test_a_month_adds_up_and_refunds_are_taken_off(catalogue: Catalogue, month: date) -> None:
    vip, ward = item(catalogue, is_special=True, name="特需门诊"), item(catalogue, is_special=True, name="特需病房")
    exam, drug = item(catalogue), item(catalogue, kind="drug", fee_class="09")
    first, bed, plain, pills = line(vip, "300.00"), line(ward, "200.00"), line(exam, "400.00"), line(drug, "100.00")
    surcharge = line(exam, "60.00", base=first.charge_id)
    settled(catalogue, first, bed, plain, pills, surcharge)
    other = line(exam, "540.00")
    settled(catalogue, other)
    refunded(catalogue, (bed, "50.00", 1), (pills, "40.00", 0))
    found = report(catalogue, month)
    sums = found["month"]
    assert (sums["special_amount"], sums["service_amount"], sums["goods_amount"]) == ("510.00", "940.00", "60.00")
    assert sums["total_amount"] == "1510.00"
    assert (sums["special_times"], sums["service_times"]) == (2, 2), "a surcharge is no service of its own"
    assert [(one["item_code"], one["amount"], one["times"]) for one in found["items"]] == [
        (vip, "360.00", 1),
        (ward, "150.00", 1),
    ]
    assert sum(Decimal(one["amount"]) for one in found["items"]) == Decimal(sums["special_amount"])
    shares = {one["measure"]: (one["share"], one["over"]) for one in sums["shares"]}
    assert shares == {"amount": ("35.1724", True), "times": ("50.0000", True)}
    refunded(catalogue, (first, "300.00", 0), (surcharge, "60.00", 0), (bed, "150.00", 0))
    after = report(catalogue, month)["month"]
    assert (after["special_amount"], after["special_times"]) == ("0.00", 0)
    assert [Decimal(one["share"]) for one in after["shares"]] == [0, 0]


def test_a_refund_counts_in_its_own_month_as_what_it_was(catalogue: Catalogue, month: date) -> None:
    vip = item(catalogue, is_special=True)
    sold = line(vip, "80.00")
    settled(catalogue, sold)
    body = {"version": 1, "reason": "取消特需", "special_need": False}
    assert catalogue.officer.patch(f"{BASE}/items/{vip}", body).status_code == 200
    settled(catalogue, line(vip, "20.00"))
    following = (month + timedelta(days=40)).replace(day=2)
    refunded(catalogue, (sold, "80.00", 0), day=following)
    then = report(catalogue, month)["month"]
    assert (then["special_amount"], then["service_amount"]) == ("80.00", "20.00"), "the past is not marked anew"
    later = report(catalogue, following)["month"]
    assert (later["special_amount"], later["special_times"]) == ("-80.00", -1)
    assert {one["over"] for one in later["shares"]} == {False}


def test_what_was_settled_before_there_was_a_count_is_not_taken_from_it(catalogue: Catalogue, month: date) -> None:
    exam = item(catalogue)
    settled(catalogue, line(exam, "70.00"))
    refunded(catalogue, (line(exam, "30.00"), "30.00", 0))
    assert report(catalogue, month)["month"]["service_amount"] == "70.00"


def test_just_a_tenth_is_no_warning_and_more_is_one(catalogue: Catalogue, month: date) -> None:
    vip, exam = item(catalogue, is_special=True), item(catalogue)
    settled(catalogue, line(vip, "100.00"), *(line(exam, "100.00") for _ in range(9)))
    minute(catalogue)
    assert warned(catalogue, month) == []
    settled(catalogue, line(vip, "0.01"), line(exam, "0.00"), *(line(exam, "0.00") for _ in range(8)))
    for _ in range(3):
        minute(catalogue)
    assert warned(catalogue, month) == ["amount"]
    told = [one["data"] for one in catalogue.hospital.events("special_share_exceeded")]
    mine = [one for one in told if one["month"] == str(month)]
    assert [(one["measure"], one["special"], one["services"]) for one in mine] == [("amount", "100.01", "1000.01")]
    settled(catalogue, *(line(vip, "0.00") for _ in range(5)))
    for _ in range(2):
        minute(catalogue)
    assert warned(catalogue, month) == ["amount", "times"]
    assert warned(catalogue, month, "mch") == []
    audited = (
        "SELECT count(*) FROM kernel.audit_entries WHERE action = 'special_share.warned' AND detail ->> 'month' = %s"
    )
    assert catalogue.hospital.value(audited, [str(month)]) == 2


def test_the_last_day_is_judged_on_the_first_of_the_next_month(catalogue: Catalogue, month: date) -> None:
    clock = catalogue.hospital.clock
    clock.set(clock().astimezone(SHANGHAI).replace(hour=1))
    settled(catalogue, line(item(catalogue, is_special=True), "10.00"))
    minute(catalogue)
    assert warned(catalogue, month) == [], "at night nobody is told"
    first = (month + timedelta(days=40)).replace(day=1)
    clock.set(APRIL.replace(year=first.year, month=first.month, day=1, hour=3))
    minute(catalogue)
    assert warned(catalogue, month) == ["amount", "times"]


def test_campuses_are_counted_apart_and_read_by_their_own(catalogue: Catalogue, month: date) -> None:
    settled(catalogue, line(item(catalogue), "11.00"))
    settled(catalogue, line(item(catalogue, is_special=True), "22.00"), campus="mch")
    mine = report(catalogue, month)
    assert (mine["month"]["campus_id"], mine["month"]["total_amount"], mine["items"]) == ("hq", "11.00", [])
    theirs = catalogue.mch_officer.get(f"{MONTHS}/{month:%Y-%m}").json()["month"]
    assert (theirs["campus_id"], theirs["special_amount"]) == ("mch", "22.00")
    assert catalogue.mch_officer.get(f"{MONTHS}/{month:%Y-%m}", campus="hq").status_code == 404
    assert catalogue.mch_officer.get(MONTHS, campus="hq").json()["items"] == []
    overseer = catalogue.hospital.caller("consortium_finance", campus="hq")
    seen = overseer.get(f"{MONTHS}/{month:%Y-%m}", campus="mch")
    assert (seen.status_code, seen.json()["month"]["special_amount"]) == (200, "22.00"), seen.text
    minute(catalogue, "mch")
    assert warned(catalogue, month) == []
    assert warned(catalogue, month, "mch") == ["amount", "times"]


def test_months_and_warnings_are_paged(catalogue: Catalogue, month: date) -> None:
    vip = item(catalogue, is_special=True)
    months = [month, (month + timedelta(days=40)).replace(day=1)]
    for one in months:
        catalogue.hospital.clock.set(APRIL.replace(year=one.year, month=one.month, day=20))
        settled(catalogue, line(vip, "9.00"))
        minute(catalogue)
    first = catalogue.officer.get(MONTHS, limit=1).json()
    second = catalogue.officer.get(MONTHS, limit=1, cursor=first["next"]).json()
    assert [one["items"][0]["month"] for one in (first, second)] == [str(months[1]), str(months[0])]
    newest = catalogue.officer.get(WARNINGS, limit=1).json()
    older = catalogue.officer.get(WARNINGS, limit=1, cursor=newest["next"]).json()
    assert {newest["items"][0]["measure"], older["items"][0]["measure"]} == {"amount", "times"}
    assert catalogue.officer.get(f"{MONTHS}/2026-13").status_code == 422
    assert catalogue.officer.get(f"{MONTHS}/2026-01").status_code == 404
    nurse = catalogue.hospital.caller("warehouse_keeper", campus="hq")
    assert nurse.get(MONTHS).status_code == 403


def test_every_list_has_an_index(catalogue: Catalogue) -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (queries.ITEMS, {"after": "", "limit": 50}, "ix_charge_items_special_need"),
        (queries.MONTHS, {"campus": "hq", "before": date.max, "limit": 24}, "pk_billed_months"),
        (queries.OF_MONTH, {"campus": "hq", "month": APRIL.date().replace(day=1)}, "pk_billed_months"),
        (queries.BY_ITEM, {"campus": "hq", "month": APRIL.date().replace(day=1)}, "ix_billed_lines"),
        (queries.BILLED, {"campus": "hq", "charges": [new_id()]}, "Index Scan using"),
        (queries.WARNINGS, {"campus": "hq", "before": new_id(), "limit": 50}, "ix_special_share_warnings"),
    ]
    with catalogue.hospital.tx("hq") as tx:
        tx.session._connection.execute("SET LOCAL enable_seqscan = off")
        for query, params, index in cases:
            assert index in (found := plan(tx, query, **params)), found


# -- arithmetic

SUM = st.decimals(min_value=0, max_value=10**9, places=2)


@given(special_=SUM, others=SUM)
def test_the_share_and_the_limit_agree(special_: Decimal, others: Decimal) -> None:
    services = special_ + others
    percent = marks.share(special_, services)
    assert 0 <= percent <= 100
    assert marks.is_over(special_, services) == (services > 0 and special_ / services > Decimal("0.1"))
    if percent > marks.LIMIT:
        assert marks.is_over(special_, services)
