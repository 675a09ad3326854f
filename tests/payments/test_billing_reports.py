"""Reports: what a shift and a day took, from the journal and from the lines, to the same cent."""

from decimal import Decimal

from tests.payments.conftest import BILLING, CASHIER, Hall, cash, pieces, refused
from tests.support.clinic import ok


def test_the_cashiers_report(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("exam250", 1), ("fee", 1))
    contract = {"method": "contract", "amount": "200.00", "reference": "县水务局"}
    ok(hall.settle(cashier, charges, "251.00", contract, cash("51.00")))
    small = hall.sold(cashier, ("fee", 1), ("lab50", 1), total="51.00")
    ok(hall.refund(cashier.caller, small, (0, 1)))
    ok(
        cashier.caller.post(
            f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins", {"amount": "50.00", "denominations": pieces("50.00")}
        )
    )
    hall.close(cashier)
    report = ok(cashier.caller.get(f"{BILLING}/reports/shifts/{cashier.shift_id}"))
    assert (report["settlements"], report["refunds"], report["visits"], report["visits_cancelled"]) == (2, 1, 2, 1)
    methods = {one["method"]: one for one in report["methods"]}
    assert (methods["cash"]["in_amount"], methods["cash"]["out_amount"], methods["cash"]["net"]) == (
        "102.00",
        "1.00",
        "101.00",
    )
    assert methods["contract"]["net"] == "200.00"
    classes = {one["code"]: one for one in report["fee_classes"]}
    assert len(classes) == 14
    assert (classes["13"]["charged"], classes["13"]["refunded"], classes["13"]["net"]) == ("2.00", "1.00", "1.00")
    assert report["net_by_method"] == report["net_by_class"] == "301.00"
    assert (report["cash"]["handed_in"], report["cash"]["due"], report["cash"]["difference"]) == (
        "50.00",
        "551.00",
        "0.00",
    )
    ranges = {one["kind"]: one for one in report["number_ranges"]}
    assert (ranges["结算单"]["count"], ranges["退费单"]["count"], ranges["票据"]["count"]) == (2, 1, 3)
    assert [one["number"] for one in report["voided_numbers"]] == [small["receipt_no"]]
    hall.assert_balanced()


def test_the_cashiers_report_on_paper(hall: Hall) -> None:
    cashier = hall.cashier()
    hall.sold(cashier, ("lab50", 1), total="50.00")
    path = f"{BILLING}/reports/shifts/{cashier.shift_id}"
    refused(cashier.caller.get(f"{path}/report.pdf"), 409, "count_first")
    hall.close(cashier)
    assert ok(cashier.caller.post(f"{path}/copies"))["copy_number"] == 1
    answer = cashier.caller.get(f"{path}/report.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    refused(hall.lead("mch").get(path), 404, "not_found")


def test_the_campus_day(hall: Hall) -> None:
    campus = "mch"
    cashier = hall.cashier(campus)
    day = cashier.shift["business_day"]
    reader = hall.finance(campus)
    before = ok(reader.get(f"{BILLING}/reports/days/{day}"))
    sold = hall.sold(cashier, ("lab50", 1), ("fee", 1), total="45.90")
    ok(hall.refund(cashier.caller, sold, (1, 1)))
    after = ok(reader.get(f"{BILLING}/reports/days/{day}"))
    assert after["settlements"] == before["settlements"] + 1
    assert Decimal(after["net_by_method"]) - Decimal(before["net_by_method"]) == Decimal("45.00")
    assert after["net_by_method"] == after["net_by_class"]
    assert after["visits_cancelled"] == before["visits_cancelled"] + 1
    yesterday = ok(reader.get(f"{BILLING}/reports/days/2020-01-01"))
    assert (yesterday["settlements"], yesterday["methods"], yesterday["net_by_class"]) == (0, [], "0.00")
    doctor = hall.hospital.caller("outpatient_doctor", campus=campus)
    refused(doctor.get(f"{BILLING}/reports/days/{day}"), 403, "permission_denied")


def test_a_late_refund_leaves_the_days_before_as_they_were(hall: Hall) -> None:
    cashier = hall.cashier()
    day = cashier.shift["business_day"]
    sold = hall.sold(cashier, ("exam250", 1), total="250.00")
    refund = hall.approved_refund(sold, (0, 1))
    hall.close(cashier)
    reader = hall.finance()
    before = ok(reader.get(f"{BILLING}/reports/days/{day}"))
    try:
        hall.hospital.clock.move(days=1)
        done = ok(hall.execute(hall.cashier(), refund))
        assert done["business_day"] > day
        assert ok(reader.get(f"{BILLING}/reports/days/{day}")) == before
        later = ok(reader.get(f"{BILLING}/reports/days/{done['business_day']}"))
        assert (later["refunds"], later["net_by_method"], later["net_by_class"]) == (1, "-250.00", "-250.00")
    finally:
        hall.hospital.clock.move(days=-1)
    hall.assert_balanced()
