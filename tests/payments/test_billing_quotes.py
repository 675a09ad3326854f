"""Charges cost what the price list's rules between lines say: surcharges, reductions, caps, exclusions, limits."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.catalogue.prices import service as prices
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder
from shared.problems import Problem
from tests.payments.conftest import BILLING, SOURCE, Hall, cash
from tests.payments.measuring import measuring
from tests.payments.test_billing_races import at_once
from tests.support.clinic import ok, register_person, resident_id

RULES = "/api/catalogue/prices/rules"
SERIAL = count(1)


def items(hall: Hall, *listed: str, fee_class: str = "05") -> list[str]:
    """New items at these prices."""
    codes = [f"rule{next(SERIAL)}" for _ in listed]
    hall.publish({code: (f"项目{code}", fee_class, price) for code, price in zip(codes, listed, strict=True)})
    return codes


def reprice(hall: Hall, new: dict[str, str]) -> None:
    hall.publish({code: (f"项目{code}", "05", price) for code, price in new.items()})


def rule(hall: Hall, kind: str, subjects: Sequence[str], **params: Any) -> dict[str, Any]:
    """A rule in force."""
    others = params.pop("others", [])
    body = {
        "kind": kind,
        "title": params.pop("title", kind),
        "params": params,
        "subjects": list(subjects),
        "others": others,
        "basis_document": "桂价〔2026〕3号",
    }
    drafted = ok(hall.hospital.caller("price_officer").post(RULES, body))
    return dict(ok(hall.hospital.caller("price_checker").post(f"{RULES}/{drafted['rule_id']}/check")))


def child(hall: Hall, years: int = 15) -> UUID:
    """A new patient of so many years."""
    born = hall.hospital.clock().date() - timedelta(days=366 * years)
    return UUID(register_person(hall.desks["hq"].registrar, resident_id(next(SERIAL) % 50, f"{born:%Y%m%d}")))


def order(patient: UUID, *lines: tuple[str, str | int], encounter: UUID | None = None, **more: Any) -> ChargeOrder:
    return ChargeOrder(
        patient,
        encounter,
        SOURCE,
        more.pop("source", None) or str(uuid4()),
        [ChargeLine(str(place), code, Decimal(quantity)) for place, (code, quantity) in enumerate(lines, 1)],
        **more,
    )


def post(hall: Hall, wanted: ChargeOrder) -> list[ChargeInfo]:
    """Post, after proof that the preview shows exactly what is posted."""
    with hall.hospital.tx("hq") as tx:
        shown = billing.quote_charges(tx, wanted)
    with hall.hospital.tx("hq") as tx:
        posted = billing.post_charges(tx, wanted)
    assert [
        (one.quoted.line_no, one.item.code, one.quoted.quantity, one.quoted.unit_price, one.quoted.amount)
        for one in shown
    ] == [(one.source_line, one.item_code, one.quantity, one.unit_price, one.amount) for one in posted]
    return posted


def refusal(hall: Hall, wanted: ChargeOrder) -> Problem:
    census = hall.hospital.census()
    with pytest.raises(Problem) as refused, hall.hospital.tx("hq") as tx:
        billing.post_charges(tx, wanted)
    assert hall.hospital.census() == census
    return refused.value


def amounts(charges: Sequence[ChargeInfo]) -> list[str]:
    return [str(one.amount) for one in charges]


# -- what is charged


def test_a_child_is_charged_the_surcharge_as_a_line_of_its_own(hall: Hall) -> None:
    (infusion,) = items(hall, "8.00")
    made = rule(hall, "surcharge_pct", [infusion], title="儿童加收", percent="30", age_below=18)
    grown = post(hall, order(hall.patient(), (infusion, 2)))
    assert amounts(grown) == ["16.00"]
    base, extra = post(hall, order(child(hall), (infusion, 2)))
    assert (str(base.amount), str(extra.amount), extra.name) == ("16.00", "4.80", f"{base.name}（儿童加收）")
    assert (extra.base_charge_id, extra.source_line, base.base_charge_id) == (base.charge_id, "1+1", None)
    kept = hall.hospital.rows(
        "SELECT rule_id, list_price, by_rule FROM payments.charges WHERE charge_id = %s", [extra.charge_id]
    )
    assert kept == [{"rule_id": UUID(made["rule_id"]), "list_price": Decimal("2.4000"), "by_rule": True}]
    hall.assert_balanced()


def test_the_second_operation_costs_half_and_so_it_is_posted(hall: Hall) -> None:
    codes = items(hall, "900.00", "2000.00", "1500.00")
    rule(hall, "reduce_pct_after_first", codes, percent="50", scope="request")
    posted = post(hall, order(hall.patient(), *[(code, 1) for code in codes]))
    assert amounts(posted) == ["450.00", "2000.00", "750.00"]
    hall.assert_balanced()


def test_what_was_charged_before_counts_over_the_day_and_the_visit(hall: Hall) -> None:
    dressing, monitor = items(hall, "30.00", "4.00")
    rule(hall, "cap_per_day", [dressing], amount="50.00")
    rule(hall, "first_n_free", [monitor], quantity="2", scope="visit")
    patient, visit = hall.patient(), uuid4()
    assert amounts(post(hall, order(patient, (dressing, 1), (monitor, 1), encounter=visit))) == ["30.00", "0.00"]
    assert amounts(post(hall, order(patient, (dressing, 1), (monitor, 3), encounter=visit))) == ["20.00", "8.00"]
    assert amounts(post(hall, order(patient, (monitor, 1), encounter=uuid4()))) == ["0.00"], "another visit"
    withdrawn = order(patient, (dressing, 1))
    assert amounts(post(hall, withdrawn)) == ["0.00"], "the day is full"
    try:
        hall.hospital.clock.move(days=1)
        assert amounts(post(hall, order(patient, (dressing, 1), encounter=visit))) == ["30.00"], "a new day"
    finally:
        hall.hospital.clock.move(days=-1)
    hall.assert_balanced()


def test_a_cap_counts_what_was_really_charged(hall: Hall) -> None:
    """30.00 at half for the second: three of them are 30 + 15 + 5 up to the cap of 50, in one bill or in three."""
    (dressing,) = items(hall, "30.00")
    rule(hall, "reduce_pct_after_first", [dressing], percent="50", scope="day")
    rule(hall, "cap_per_day", [dressing], amount="50.00")
    together = post(hall, order(hall.patient(), (dressing, 3)))
    patient = hall.patient()
    apart = [post(hall, order(patient, (dressing, 1)))[0] for _ in range(3)]
    assert (amounts(together), amounts(apart)) == (["50.00"], ["30.00", "15.00", "5.00"])
    hall.assert_balanced()


def test_a_withdrawn_charge_counts_no_more(hall: Hall) -> None:
    (dressing,) = items(hall, "30.00")
    rule(hall, "cap_per_day", [dressing], amount="30.00")
    patient, first = hall.patient(), str(uuid4())
    post(hall, order(patient, (dressing, 1), source=first))
    with hall.hospital.tx("hq") as tx:
        billing.void_source(tx, SOURCE, first, "开错")
    assert amounts(post(hall, order(patient, (dressing, 1)))) == ["30.00"]


def test_the_hour_is_charged_full_and_then_by_halves(hall: Hall) -> None:
    (pump,) = items(hall, "6.00")
    rule(hall, "time_unit_rounding", [pump], first="1", step="0.5")
    posted = post(hall, order(hall.patient(), (pump, "1.2")))
    assert [(one.quantity, str(one.amount)) for one in posted] == [(Decimal("1.5"), "9.00")]


def test_an_emergency_visit_is_told_by_the_calling_module(hall: Hall) -> None:
    (exam,) = items(hall, "100.00")
    rule(hall, "extension_pct", [exam], percent="120", emergency=True)
    patient = hall.patient()
    assert amounts(post(hall, order(patient, (exam, 1)))) == ["100.00"]
    (urgent,) = post(hall, order(patient, (exam, 1), emergency=True))
    assert (urgent.unit_price, str(urgent.amount)) == (Decimal("120.0000"), "120.00")
    visit = uuid4()
    post(hall, order(patient, ("fee", 1), encounter=visit, emergency=True))
    assert amounts(post(hall, order(patient, (exam, 1), encounter=visit))) == ["120.00"], "told once for the visit"
    assert amounts(post(hall, order(patient, (exam, 1), encounter=uuid4()))) == ["100.00"]


# -- what is refused


def test_items_that_exclude_each_other_name_both_and_the_rule(hall: Hall) -> None:
    plain, whole = items(hall, "10.00", "40.00")
    rule(hall, "mutually_exclusive", [plain, whole], title="换药与清创互斥", scope="day")
    patient = hall.patient()
    post(hall, order(patient, (plain, 1)))
    problem = refusal(hall, order(patient, (whole, 1)))
    assert (problem.code, problem.extra["breaches"][0]["title"]) == ("price_limits_broken", "换药与清创互斥")
    assert f"项目{plain}" in problem.detail
    assert f"项目{whole}" in problem.detail
    assert amounts(post(hall, order(hall.patient(), (whole, 1)))) == ["40.00"], "another patient"


def test_a_part_is_not_charged_beside_its_whole_whichever_came_first(hall: Hall) -> None:
    part, whole = items(hall, "5.00", "60.00")
    rule(hall, "included_in", [part], others=[whole], scope="day")
    patient = hall.patient()
    post(hall, order(patient, (part, 1)))
    assert refusal(hall, order(patient, (whole, 1))).code == "price_limits_broken"
    assert refusal(hall, order(hall.patient(), (whole, 1), (part, 1))).code == "price_limits_broken"


def test_more_than_a_day_has_hours_is_refused(hall: Hall) -> None:
    (monitor,) = items(hall, "4.00")
    rule(hall, "max_quantity", [monitor], quantity="24", scope="day")
    patient = hall.patient()
    post(hall, order(patient, (monitor, 20)))
    assert refusal(hall, order(patient, (monitor, 5))).code == "price_limits_broken"
    assert amounts(post(hall, order(patient, (monitor, 4)))) == ["16.00"]


def test_two_windows_at_once_do_not_both_charge_what_excludes_each_other(hall: Hall) -> None:
    one, other, anything = items(hall, "10.00", "40.00", "1.00")
    rule(hall, "mutually_exclusive", [one, other], scope="day")
    for _ in range(4):
        patient = hall.patient()
        post(hall, order(patient, (anything, 1)))

        def charge(code: str, patient: UUID = patient) -> str:
            try:
                with hall.hospital.tx("hq") as tx:
                    billing.post_charges(tx, order(patient, (code, 1)))
            except Problem as problem:
                return problem.code
            return "charged"

        answers = at_once(lambda: charge(one), lambda: charge(other))
        assert sorted(answers) == ["charged", "price_limits_broken"]


# -- prices that move


def test_a_price_that_moves_before_the_settlement_is_quoted_again_by_its_rules(hall: Hall) -> None:
    first, second = items(hall, "1000.00", "900.00")
    rule(hall, "reduce_pct_after_first", [first, second], percent="50", scope="request")
    (infusion,) = items(hall, "8.00")
    rule(hall, "surcharge_pct", [infusion], percent="30", age_below=18)
    cashier, patient = hall.cashier(), child(hall)
    posted = post(hall, order(patient, (first, 1), (second, 1), (infusion, 1)))
    assert amounts(posted) == ["1000.00", "450.00", "8.00", "2.40"]
    reprice(hall, {second: "1200.00", infusion: "10.00"})
    hall.hospital.drain()
    pending = ok(cashier.caller.get(f"{BILLING}/charges/pending", patient_id=str(patient)))
    shown = {line["charge_id"]: (line["amount"], line["taken_off"]) for line in pending["groups"][0]["charges"]}
    now = [("500.00", "500.00"), ("1200.00", "0.00"), ("10.00", "0.00"), ("3.00", "0.00")]
    assert [shown[str(one.charge_id)] for one in posted] == now, "told prices reach what is unsettled"
    assert all(line["repriced_at"] for line in pending["groups"][0]["charges"])
    assert ok(hall.settle(cashier, posted, "1713.00"))["total"] == "1713.00"
    hall.assert_balanced()


def test_a_price_nobody_told_is_still_the_one_settled(hall: Hall) -> None:
    first, second = items(hall, "1000.00", "900.00")
    rule(hall, "reduce_pct_after_first", [first, second], percent="50", scope="request")
    cashier = hall.cashier()
    posted = post(hall, order(hall.patient(), (first, 1), (second, 1)))
    reprice(hall, {second: "1200.00"})
    changed = hall.settle(cashier, posted, "1450.00")
    assert (changed.status_code, changed.json()["total"]) == (409, "1700.00")
    sold = ok(hall.settle(cashier, posted, "1700.00"))
    assert [(line["amount"], line["taken_off"]) for line in sold["lines"]] == [
        ("500.00", "500.00"),
        ("1200.00", "0.00"),
    ]
    hall.assert_balanced()


def test_a_line_already_paid_keeps_its_place_when_the_other_is_quoted_again(hall: Hall) -> None:
    first, second = items(hall, "1000.00", "900.00")
    rule(hall, "reduce_pct_after_first", [first, second], percent="50", scope="request")
    cashier = hall.cashier()
    posted = post(hall, order(hall.patient(), (first, 1), (second, 1)))
    ok(hall.settle(cashier, posted[:1], "1000.00"))
    reprice(hall, {second: "950.00"})
    assert ok(hall.settle(cashier, posted[1:], "475.00"))["total"] == "475.00"
    hall.assert_balanced()


def test_a_correction_lists_reduced_lines_at_their_share(hall: Hall) -> None:
    first, second = items(hall, "1000.00", "900.00")
    rule(hall, "reduce_pct_after_first", [first, second], percent="50", scope="request")
    posted = post(hall, order(hall.patient(), (first, 1), (second, 1)))
    ok(hall.settle(hall.cashier(), posted, "1450.00"))
    version = hall.hospital.value(
        "SELECT price_version_id FROM payments.charges WHERE charge_id = %s", [posted[1].charge_id]
    )
    with hall.hospital.tx("hq") as tx:
        listed = billing.charges_at_version(tx, version, UUID(int=0), 10)
    assert [(one.charge_id, one.by_rule) for one in listed] == [(posted[1].charge_id, True)]


# -- the window


def test_an_entry_is_shown_before_it_is_made(hall: Hall) -> None:
    code = f"rule{next(SERIAL)}"
    officer, checker = hall.hospital.caller("price_officer"), hall.hospital.caller("price_checker")
    row = {
        "code": code,
        "name": "代煎费",
        "unit": "次",
        "kind": "service",
        "fee_class": "10",
        "price_tertiary": "3.00",
        "price_secondary": "3.00",
        "direct_entry": "1",
    }
    batch = ok(officer.post("/api/catalogue/prices/batches", {"title": "t", "basis_document": "b", "rows": [row]}))
    ok(checker.post(f"/api/catalogue/prices/batches/{batch['batch_id']}/publish", {"version": 1}))
    rule(hall, "cap_per_request", [code], amount="12.00")
    cashier = hall.cashier()
    body = {"patient_id": str(hall.patient()), "lines": [{"item_code": code, "quantity": "7"}]}
    census = hall.hospital.value("SELECT count(*) FROM payments.charges")
    shown = ok(cashier.caller.post(f"{BILLING}/charges/quote", body))
    assert (shown["total"], shown["lines"][0]["taken_off"]) == ("12.00", "9.00")
    assert hall.hospital.value("SELECT count(*) FROM payments.charges") == census
    entered = ok(cashier.caller.post(f"{BILLING}/charges", body))
    assert [(one["amount"], one["taken_off"]) for one in entered] == [("12.00", "9.00")]
    assert ok(hall.settle(cashier, [entered[0]["charge_id"]], "12.00", cash("12.00")))["total"] == "12.00"
    refused = cashier.caller.post(f"{BILLING}/charges/quote", body | {"lines": [{"item_code": "drug", "quantity": 1}]})
    assert (refused.status_code, refused.json()["code"]) == (422, "not_direct_entry")


# -- what it costs in statements


def test_a_charge_without_rules_is_one_round_trip(hall: Hall) -> None:
    plain, ruled = items(hall, "10.00", "20.00")
    rule(hall, "cap_per_day", [ruled], amount="100.00")
    patient = hall.patient()
    with hall.hospital.tx("hq") as tx, measuring() as measure:
        billing.post_charges(tx, order(patient, (plain, 1)))
        assert (measure.statements, measure.rounds) == (2, 2), "prices and rules, sent together"
    with hall.hospital.tx("hq") as tx, measuring() as measure:
        billing.post_charges(tx, order(patient, *[(plain, 1), (ruled, 1)]))
        few = measure.statements
    with hall.hospital.tx("hq") as tx, measuring() as measure:
        billing.post_charges(tx, order(patient, *[(plain, 1), (ruled, 1)] * 10))
        assert measure.statements == few <= 6, "no statement per line"


def test_a_book_names_what_counts_beside_a_bill(hall: Hall) -> None:
    one, other, alone = items(hall, "1.00", "2.00", "3.00")
    rule(hall, "included_in", [one], others=[other])
    with hall.hospital.tx("hq") as tx:
        book = prices.price_book(tx, [other, alone])
    assert (book.beside, book.ruled(other), book.ruled(one)) == (frozenset({one, other}), False, True)
