"""Terms of a merchant changed by two persons; money that came by bank transfer goes back by one."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.payments.gateway.problems import ChannelNotOpen, LimitExceeded, RefundTooMuch
from tests.payments.gateway_town import GATEWAY, Town, open_town
from tests.support.clinic import ok


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), channels=()) as one:
        one.open_merchant("alipay", products=["payment_code", "qr"], limit_per_payment="1000.00")
        one.open_merchant("transfer")
        yield one


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def merchant(town: Town) -> dict[str, Any]:
    listed = ok(town.finance().get(f"{GATEWAY}/merchants"))["items"]
    return dict(next(item for item in listed if item["merchant_id"] == town.merchants["alipay", "hq"]))


def path(town: Town) -> str:
    return f"{GATEWAY}/merchants/{town.merchants['alipay', 'hq']}/changes"


def propose(town: Town, **change: Any) -> Any:
    return town.technician().post(path(town), {"version": merchant(town)["version"], **change})


# -- terms of a merchant


def test_a_new_product_and_limit_are_put_in_force_by_another_person(town: Town) -> None:
    before = merchant(town)
    with pytest.raises(ChannelNotOpen):
        town.intend("5.00", "alipay", product="jsapi", payer="2088102146225135")
    proposed = ok(
        propose(town, products=["payment_code", "qr", "jsapi"], limit_per_payment="2000.00", fee_rate="0.006")
    )
    assert proposed["change"] == {"products": ["payment_code", "qr", "jsapi"], "limit_per_payment": "2000.00"}
    assert (proposed["products"], proposed["change_by_name"]) == (before["products"], "信息科")
    with pytest.raises(LimitExceeded):
        town.intend("1500.00", "alipay")
    under_way = town.start("9.00", "alipay")
    approved = ok(town.overseer().post(f"{path(town)}/approve", {"version": proposed["version"]}))
    assert approved["products"] == ["payment_code", "qr", "jsapi"]
    assert (approved["limit_per_payment"], approved["change"], approved["change_by_name"]) == ("2000.00", None, None)
    same = ("state", "fee_rate", "bank_name", "account_tail", "mini_app_id", "app_id", "name", "activated_by_name")
    assert {name: approved[name] for name in same} == {name: before[name] for name in same}
    assert town.start("1500.00", "alipay", product="jsapi", payer="2088102146225135").jsapi
    assert town.simulator("alipay").pay(under_way.order_no)
    assert town.deliver() == [200]
    kept = town.hospital.value(
        "SELECT detail ->> 'before' FROM kernel.audit_entries WHERE action = 'merchant.change_approved'"
    )
    assert "1000.00" in kept


def test_who_proposes_does_not_approve_and_nobody_else_may(town: Town) -> None:
    both = town.hospital.caller("system_admin", "consortium_finance", name="一人两岗")
    seen = merchant(town)["version"]
    proposed = ok(both.post(path(town), {"version": seen, "account_tail": "9999", "bank_name": "建设银行"}))
    body = {"version": proposed["version"]}
    census, row = town.hospital.census(), merchant(town)
    refused(both.post(f"{path(town)}/approve", body), 422, "same_person")
    refused(town.overseer().post(f"{path(town)}/approve", {"version": seen}), 409, "version_conflict")
    assert town.technician().post(f"{path(town)}/approve", body).status_code == 403
    assert town.registrar().post(path(town), {**body, "name": "某院"}).status_code == 403
    assert town.overseer("mch").post(f"{path(town)}/approve", body).status_code == 404
    assert (town.hospital.census(), merchant(town)) == (census, row)
    sent_back = ok(town.overseer().post(f"{path(town)}/refuse", body))
    assert (sent_back["change"], sent_back["account_tail"]) == (None, "1234")
    refused(town.overseer().post(f"{path(town)}/approve", {"version": sent_back["version"]}), 409, "merchant_no_change")
    refused(town.overseer().post(f"{path(town)}/refuse", {"version": sent_back["version"]}), 409, "merchant_no_change")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "payment_order_invalid"),
        ({"account_tail": "1234", "bank_name": "农业银行"}, "payment_order_invalid"),
        ({"products": ["pos"]}, "payment_order_invalid"),
        ({"limit_per_payment": "0.00"}, "validation_failed"),
        ({"account_tail": "12345"}, "validation_failed"),
        ({"products": []}, "validation_failed"),
        ({"merchant_no": "2088999"}, "validation_failed"),
    ],
)
def test_terms_that_cannot_be_are_refused(town: Town, change: dict[str, Any], code: str) -> None:
    before = merchant(town)
    answer = propose(town, **change)
    assert answer.status_code == 422
    if code != "validation_failed":
        refused(answer, 422, code)
    assert merchant(town) == before


def test_a_stale_proposal_and_a_stopped_merchant(town: Town) -> None:
    seen = merchant(town)["version"]
    ok(propose(town, name="安和县人民医院"))
    stale = town.technician().post(path(town), {"version": seen, "name": "别的名字"})
    refused(stale, 409, "version_conflict")
    newer = ok(propose(town, name="安和县人民医院总院"))
    assert newer["change"] == {"name": "安和县人民医院总院"}, "terms proposed later take the place of the earlier"
    stopped = ok(town.propose("ecny"))
    stop = f"{GATEWAY}/merchants/{stopped['merchant_id']}"
    gone = ok(town.overseer().post(f"{stop}/stop", {"version": stopped["version"]}))
    answer = town.technician().post(f"{stop}/changes", {"version": gone["version"], "name": "x"})
    refused(answer, 409, "merchant_state_wrong")


# -- transfers


def arrived(town: Town, amount: str = "12000.00") -> UUID:
    body = {
        "purpose": "checkup",
        "ref_module": "checkup/groups",
        "ref_id": f"group-{uuid4().hex[:8]}",
        "amount": amount,
        "bank_reference": f"N{uuid4().hex[:12]}",
        "arrived_on": (town.clock() + timedelta(hours=8)).date().isoformat(),
    }
    return UUID(ok(town.finance().post(f"{GATEWAY}/transfers", body))["payment_id"])


def test_what_came_by_transfer_goes_back_by_transfer_with_two_approvals(town: Town) -> None:
    payment_id = arrived(town)
    refund = town.give_back(payment_id, "2000.00")
    assert (refund.state, refund.reason_code) == ("abnormal", "by_transfer")
    assert town.events("refund_failed", payment_id) == [], "nothing went wrong"
    with pytest.raises(RefundTooMuch):
        town.ask_back(payment_id, "10000.01")
    town.minute(times=3)
    assert town.read_refund(refund.channel_refund_id) == refund
    finance = town.finance()
    shown = ok(finance.get(f"{GATEWAY}/refunds", unfinished="true"))["items"]
    [item] = [row for row in shown if row["channel_refund_id"] == str(refund.channel_refund_id)]
    assert (item["state_label"], item["failure"]) == (
        "待财务转账退还",
        "银行转账收款不能自动退回，请财务转账退还并登记凭证。",
    )
    own = f"{GATEWAY}/refunds/{refund.channel_refund_id}"
    evidence = {"bank_name": "农业银行", "account_tail": "8888", "slip_no": "S-9", "evidence": "付款单位退款函"}
    proposed = ok(finance.post(f"{own}/propose-transfer", {"version": refund.version, **evidence}))
    half = ok(town.finance().post(f"{own}/approve-transfer", {"version": proposed["version"]}))
    assert (half["state"], town.read(payment_id).refunded) == ("abnormal", Decimal("0.00"))
    done = ok(town.overseer().post(f"{own}/approve-transfer", {"version": half["version"]}))
    assert done["state"] == "resolved"
    paid = town.read(payment_id)
    assert (paid.state, paid.refunded, paid.refunding) == ("part_refunded", Decimal("2000.00"), Decimal("0.00"))
    [event] = town.events("refund_succeeded", payment_id)
    assert (event["route"], event["amount"]) == ("bank_transfer", "2000.00")


def test_a_transfer_goes_back_after_a_year_too(town: Town) -> None:
    """The year is the channels' limit, not the bank's."""
    payment_id = arrived(town, "100.00")
    town.clock.move(days=400)
    assert town.ask_back(payment_id, "100.00").state == "abnormal"
