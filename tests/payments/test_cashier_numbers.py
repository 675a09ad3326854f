"""Numbers of the counter's papers follow the campus's rule from its day on, and the books find no gap."""

from datetime import timedelta

from integrity.runner import run
from shared.schemas import SHANGHAI
from tests.payments.conftest import CASHIER, Hall
from tests.support.clinic import ok

RULES = "/api/platform/permissions/number-series"
CHECKED = frozenset({"numbers.shifts", "numbers.hand_ins", "permissions.number_rule_not_followed"})


def choose(hall: Hall, series: str, mark: str, reset: str, width: int) -> None:
    """A rule for tomorrow: the system administrator asks, the owner office agrees."""
    start = (hall.hospital.clock().astimezone(SHANGHAI) + timedelta(days=1)).date().isoformat()
    body = {"mark": mark, "reset": reset, "width": width, "valid_from": start, "reason": "与原系统一致"}
    asked = ok(hall.hospital.caller("system_admin").post(f"{RULES}/{series}/rules", body))
    path = f"/api/platform/permissions/number-rules/{asked['rule_id']}/approve"
    assert ok(hall.hospital.caller("owner_office").post(path, {"version": 1}))["state"] == "effective"


def hand_in(hall: Hall) -> tuple[str, str]:
    """Numbers of a new shift and of a slip of it, whose money the float gives."""
    one = hall.cashier()
    body = {"amount": "100.00", "denominations": [{"face": "100", "count": 1}]}
    slip = ok(one.caller.post(f"{CASHIER}/shifts/{one.shift['shift_id']}/hand-ins", body))
    return one.shift["shift_no"], slip["hand_in_no"]


def test_the_papers_of_the_counter_follow_the_rule_of_the_day(hall: Hall) -> None:
    today = hall.hospital.clock().astimezone(SHANGHAI)
    before = hand_in(hall)
    choose(hall, "payments.shift", "BC", "month", 4)
    choose(hall, "payments.hand_in", "JK", "never", 6)
    same_day = hand_in(hall)
    assert [no[:8] for no in (*before, *same_day)] == [f"H{mark}{today:%y%m%d}" for mark in "BJBJ"]
    hall.hospital.clock.move(days=1)
    day = hall.hospital.clock().astimezone(SHANGHAI)
    numbers = [hand_in(hall) for _ in range(2)]
    assert numbers == [(f"HBC{day:%y%m}{n:04}", f"HJK{n:06}") for n in (1, 2)]
    found = run(hall.hospital.settings.auditor_database_url, CHECKED)
    assert {one.name: one.holds for one in found} == dict.fromkeys(CHECKED, True)
    hall.hospital.execute(
        "UPDATE payments.shifts SET shift_no = 'HBC' || right(shift_no, 8) || '9' WHERE shift_no LIKE 'HBC%%1'"
    )
    broken = {one.name for one in run(hall.hospital.settings.auditor_database_url, CHECKED) if not one.holds}
    assert broken == {"numbers.shifts"}
