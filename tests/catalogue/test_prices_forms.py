"""What the price office prints: every form says what the records say, and only to whom it may."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pypdfium2

from functions.catalogue.prices.service.monitoring import look_at_day
from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreateUnit, UnitKind
from shared.schemas import SHANGHAI
from tests.catalogue.conftest import BASE, Catalogue
from tests.catalogue.test_prices_lists import row, take_in
from tests.catalogue.test_prices_more import charge
from tests.catalogue.test_prices_quoting import priced
from tests.support.clinic import ok


def printed(answer: Any) -> str:
    """All text of a PDF, without blanks."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    pages = pypdfium2.PdfDocument(answer.content)
    return "".join("".join(page.get_textpage().get_text_range().split()) for page in pages)


def test_an_adjustment_notice_shows_old_and_new(catalogue: Catalogue) -> None:
    mark = uuid4().hex[:6]
    first = take_in(catalogue, [row(f"na{mark}", price_secondary=None)])
    path = f"{BASE}/batches/{first['batch_id']}"
    assert catalogue.reader.get(f"{path}/notice.pdf").status_code == 404, "not before it is published"
    ok(catalogue.checker.post(f"{path}/publish", {"version": 1}))
    catalogue.hospital.clock.move(seconds=2)
    rows = [row(f"na{mark}", price_tertiary="10.5", price_secondary=None), row(f"nb{mark}", price_secondary=None)]
    second = take_in(catalogue, rows)
    path = f"{BASE}/batches/{second['batch_id']}"
    ok(catalogue.checker.post(f"{path}/publish", {"version": 1}))
    text = printed(catalogue.reader.get(f"{path}/notice.pdf"))
    assert "调价通知单" in text
    assert "桂医保发〔2026〕9号" in text
    assert f"na{mark}项目na{mark}次三级10.0010.50" in text
    assert f"nb{mark}项目nb{mark}次三级新增10.00" in text
    assert "新增项目1项调整项目1项" in text


def test_an_application_is_printed_with_costs_and_decisions(catalogue: Catalogue) -> None:
    doctor = catalogue.hospital.caller("outpatient_doctor")
    body = {
        "name": "超声引导穿刺",
        "content": "含消毒、穿刺",
        "charge_unit": "次",
        "costs": {"人力": "60.00", "材料": "20.50"},
        "comparables": [{"place": "邻县医院", "price": "95.00"}],
        "proposed_price": "90.00",
        "basis_document": "立项指南",
    }
    made = ok(doctor.post(f"{BASE}/applications", body))
    director = catalogue.hospital.caller("vice_president")
    path = f"{BASE}/applications/{made['application_id']}"
    ok(director.post(f"{path}/decisions", {"step": "committee", "passed": True, "opinion": "同意申报"}))
    text = printed(catalogue.officer.get(f"{path}/form.pdf"))
    for part in ("超声引导穿刺", "90.00元", "材料20.50", "合计80.50", "邻县医院95.00", "价格管理委员会通过同意申报"):
        assert part in text, part


def test_a_complaint_form_stays_at_its_campus(catalogue: Catalogue) -> None:
    code = priced(catalogue, "3.50", name="静脉采血")
    body = {"channel": "window", "content": "采血收了两次", "item_codes": [code]}
    made = ok(catalogue.officer.post(f"{BASE}/complaints", body))
    path = f"{BASE}/complaints/{made['complaint_id']}"
    waiting = printed(catalogue.officer.get(f"{path}/form.pdf"))
    assert "待答复" in waiting
    assert f"{code}静脉采血组3.50" in waiting
    ok(catalogue.officer.post(f"{path}/answer", {"version": 1, "founded": True, "answer": "重复记账，已退费"}))
    text = printed(catalogue.officer.get(f"{path}/form.pdf"))
    assert "处理结果属实" in text
    assert "重复记账，已退费" in text
    assert catalogue.mch_officer.get(f"{path}/form.pdf").status_code == 404
    assert catalogue.reader.get(f"{path}/form.pdf").status_code == 403


def test_an_inspection_report_counts_what_became_of_findings(catalogue: Catalogue) -> None:
    code = priced(catalogue, "20.00", name="自查项目")
    rule = {"kind": "duplicate", "title": "自查一日一次", "item_codes": [code], "times": 1, "basis_document": "文"}
    made = ok(catalogue.officer.post(f"{BASE}/monitor-rules", rule))
    for _ in range(2):
        charge(catalogue, "hq", uuid4(), (code, "1", "20.00"), (code, "1", "20.00"))
    day = catalogue.hospital.clock().astimezone(SHANGHAI).date()
    catalogue.hospital.clock.move(days=1)
    with catalogue.hospital.tx("hq") as tx:
        found = look_at_day(tx, day)
    assert [one.amount for one in found if str(one.rule_id) == made["rule_id"]] == [20, 20]
    answered = {"version": 1, "answer": "已核实", "refund_proposed": "20.00"}
    doctor = catalogue.hospital.caller("outpatient_doctor")
    ok(doctor.post(f"{BASE}/findings/{found[0].finding_id}/answer", answered))
    catalogue.hospital.clock.move(days=8)
    period = {"first": day.isoformat(), "last": day.isoformat()}
    text = printed(catalogue.officer.get(f"{BASE}/inspection.pdf", **period))
    assert "自查一日一次240.0011" in text, "two findings of 40 yuan, one waits and is overdue"
    assert "检查天数1天" in text
    assert "拟退费20.00元" in text
    assert "期间未发现问题" in printed(catalogue.mch_officer.get(f"{BASE}/inspection.pdf", **period))
    upside_down = {"first": day.isoformat(), "last": (day - timedelta(days=1)).isoformat()}
    assert catalogue.officer.get(f"{BASE}/inspection.pdf", **upside_down).status_code == 422


def test_a_department_gets_the_book_of_what_it_charges(catalogue: Catalogue) -> None:
    with catalogue.hospital.tx("hq") as tx:
        unit = organisation.create_unit(tx, CreateUnit(code="books", name="康复科", kind=UnitKind.CLINICAL))
    path = f"{BASE}/units/{unit.unit_id}/book.pdf"
    assert catalogue.reader.get(path).status_code == 404, "nothing charged yet"
    mine = priced(catalogue, "12.3456", name="运动疗法", content="一对一训练", excluded="支具")
    other = priced(catalogue, "5.00", name="别科项目")
    charge(catalogue, "hq", uuid4(), (mine, "1", "12.3456"), unit=unit.unit_id)
    charge(catalogue, "hq", uuid4(), (other, "1", "5.00"), unit=uuid4())
    text = printed(catalogue.reader.get(path))
    assert "康复科" in text
    assert f"{mine}—运动疗法组12.3456一对一训练支具" in text
    assert other not in text
