"""Items that only some units may carry out, and items that are charged from a request only."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreateUnit, UnitKind
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder
from shared.problems import Problem
from tests.payments.conftest import BILLING, SOURCE, Hall
from tests.payments.measuring import measuring
from tests.payments.test_billing_quotes import SERIAL, items
from tests.support.clinic import ok

ITEMS = "/api/catalogue/prices/items"


def unit(hall: Hall, kind: UnitKind, name: str, campus: str = "hq") -> UUID:
    with hall.hospital.tx(campus) as tx:
        root = next(one for one in organisation.unit_tree(tx) if one.parent_id is None)
        code = f"u{next(SERIAL)}"
        made = organisation.create_unit(
            tx, CreateUnit(code=code, name=name, kind=kind, parent_id=root.unit_id, valid_from=tx.today)
        )
    return made.unit_id


def limit(hall: Hall, code: str, **limits: Any) -> None:
    officer = hall.hospital.caller("price_officer")
    version = ok(officer.get(f"{ITEMS}/{code}"))["item"]["version"]
    ok(officer.patch(f"{ITEMS}/{code}", {"version": version, "reason": "执行范围", "limits": limits}))


def wanted(hall: Hall, code: str, executing: UUID | None, campus: str = "hq", **more: Any) -> ChargeOrder:
    line = ChargeLine("1", code, Decimal(1), executing_unit_id=executing)
    return ChargeOrder(hall.patient(campus), None, SOURCE, str(uuid4()), [line], **more)


def charge(hall: Hall, order: ChargeOrder, campus: str = "hq") -> list[ChargeInfo]:
    with hall.hospital.tx(campus) as tx:
        return billing.post_charges(tx, order)


def refusal(hall: Hall, order: ChargeOrder, campus: str = "hq") -> Problem:
    census = hall.hospital.census()
    with pytest.raises(Problem) as refused, hall.hospital.tx(campus) as tx:
        billing.post_charges(tx, order)
    assert hall.hospital.census() == census
    return refused.value


def test_an_item_is_charged_where_it_may_be_carried_out(hall: Hall) -> None:
    (scan,) = items(hall, "180.00")
    radiology = unit(hall, UnitKind.MEDTECH, "放射科")
    ward, theatre = unit(hall, UnitKind.NURSING, "外科病区"), unit(hall, UnitKind.CLINICAL, "手术室")
    limit(hall, scan, executing_units=[str(radiology)], executing_kinds=["clinical"])
    assert [len(charge(hall, wanted(hall, scan, here))) for here in (radiology, theatre)] == [1, 1]
    for here, said in ((ward, "不能由外科病区执行"), (None, "须指明执行科室")):
        problem = refusal(hall, wanted(hall, scan, here))
        assert (problem.status, problem.code) == (422, "executing_unit_not_allowed")
        assert said in problem.detail
        assert "放射科" in problem.detail
        allowed = {one["unit_id"] for one in problem.extra["allowed"]}
        assert {str(radiology), str(theatre)} <= allowed
        assert str(ward) not in allowed
        assert problem.extra["lines"] == [
            {"line_no": "1", "item_code": scan, "code": problem.code, "message": problem.detail}
        ]
    with hall.hospital.tx("hq") as tx, pytest.raises(Problem, match="放射科"):
        billing.quote_charges(tx, wanted(hall, scan, ward))


def test_a_campus_without_such_a_unit_is_told_so(hall: Hall) -> None:
    (scan,) = items(hall, "180.00")
    radiology = unit(hall, UnitKind.MEDTECH, "核医学科")
    limit(hall, scan, executing_units=[str(radiology)], executing_kinds=["shared_centre"])
    problem = refusal(hall, wanted(hall, scan, radiology, "mch"), "mch")
    assert (problem.code, problem.extra["allowed"]) == ("executing_unit_not_allowed", [])
    assert "本院区没有可执行" in problem.detail
    assert "共享中心" in problem.detail


def test_an_item_of_a_request_is_not_entered_directly(hall: Hall) -> None:
    (scan,) = items(hall, "180.00")
    limit(hall, scan, request_kinds=["imaging", "ultrasound"])
    assert len(charge(hall, wanted(hall, scan, None, request_kind="imaging"))) == 1
    for kind in (None, "laboratory"):
        problem = refusal(hall, wanted(hall, scan, None, request_kind=kind))
        assert (problem.status, problem.code) == (422, "charge_request_required")
        assert "影像检查申请、超声检查申请" in problem.detail
        assert problem.extra["request_kinds"] == ["imaging", "ultrasound"]
    patient = hall.patient()
    hall.publish({"window": ("窗口项目", "05", "1.00")})
    officer = hall.hospital.caller("price_officer")
    version = ok(officer.get(f"{ITEMS}/window"))["item"]["version"]
    change = {"version": version, "reason": "收费处可录", "direct_entry": True, "limits": {"request_kinds": ["order"]}}
    ok(officer.patch(f"{ITEMS}/window", change))
    body = {"patient_id": str(patient), "lines": [{"item_code": "window", "quantity": "1"}]}
    census = hall.hospital.census()
    entered = hall.cashier().caller.post(f"{BILLING}/charges", body)
    assert (entered.status_code, entered.json()["code"]) == (422, "charge_request_required")
    assert hall.hospital.census()["payments.charges"] == census["payments.charges"]


def test_every_refused_line_is_named(hall: Hall) -> None:
    plain, scan, blood = items(hall, "1.00", "180.00", "20.00")
    limit(hall, scan, request_kinds=["imaging"])
    limit(hall, blood, executing_kinds=["medtech"])
    lines = [ChargeLine(str(place), code, 1) for place, code in enumerate((plain, scan, blood), 1)]
    problem = refusal(hall, ChargeOrder(hall.patient(), None, SOURCE, str(uuid4()), lines))
    assert [(one["line_no"], one["code"]) for one in problem.extra["lines"]] == [
        ("2", "charge_request_required"),
        ("3", "executing_unit_not_allowed"),
    ]


def test_limits_of_place_ask_nothing_about_the_patient(hall: Hall) -> None:
    (scan,) = items(hall, "180.00")
    radiology = unit(hall, UnitKind.MEDTECH, "介入室")
    limit(hall, scan, executing_units=[str(radiology)])
    order = wanted(hall, scan, radiology)
    with hall.hospital.tx("hq") as tx, measuring() as measure:
        billing.post_charges(tx, order)
        assert measure.statements == 3, "prices, rules, the units of the campus"
