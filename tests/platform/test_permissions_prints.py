"""The five forms of permissions: what they say, and who may have them."""

from typing import Any
from uuid import uuid4

import pytest

from tests.platform.conftest import BASE, Consortium, ok, refused
from tests.shared.print_probe import text_of


def text(answer: Any) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    return "".join("".join(text_of(answer.content)).split())


def test_an_application_names_everybody_who_decided(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.posted("registrar", name="覃申请")
    head, office, security = (
        hospital.caller(post, name=name)
        for post, name in (("department_head", "黄主任"), ("owner_office", "陆归口"), ("security_admin", "韦安全"))
    )
    body = {
        "staff_id": str(person),
        "kind": "permission",
        "code": "patients.index.merge",
        "valid_to": consortium.moment(days=9),
        "ground": "代班处理重复建档",
    }
    path = f"{BASE}/requests/{ok(head.post(f'{BASE}/requests', body))['request_id']}"
    early = text(security.get(f"{path}/form.pdf"))
    assert f"申请编号{ok(security.get(f'{BASE}/requests'))['items'][0]['request_no']}" in early
    assert "用户权限申请审批表" in early
    assert "黄主任" in early
    assert "待归口审批" in early
    assert "陆归口" not in early
    ok(office.post(f"{path}/agree", {"version": 1}))
    ok(security.post(f"{path}/carry-out", {"version": 2}))
    done = text(security.get(f"{path}/form.pdf"))
    for word in ("覃申请", "合并患者主索引", "代班处理重复建档", "陆归口", "韦安全", "已授权"):
        assert word in done, word
    refused(security.get(f"{BASE}/requests/{uuid4()}/form.pdf"), 404, "request_not_found")
    mch = hospital.caller("security_admin", campus="mch")
    refused(mch.get(f"{path}/form.pdf"), 404, "request_not_found")


def test_a_review_lists_people_and_verdicts(consortium: Consortium) -> None:
    hospital, unit = consortium.hospital, consortium.unit(name="复核印科")
    head = consortium.posted("department_head", unit_id=unit)
    consortium.posted("schedule_clerk", unit_id=unit, name="韦被核")
    hospital.execute("DELETE FROM platform.attestation_lines")
    hospital.execute("DELETE FROM platform.attestations")
    hospital.minute("platform/permissions")
    chief = consortium.signed_on(head)
    [mine] = ok(chief.get(f"{BASE}/attestations"))["items"]
    path = f"{BASE}/attestations/{mine['attestation_id']}"
    assert "□保留" in text(chief.get(f"{path}/form.pdf"))
    lines = ok(chief.get(path))["lines"]
    verdicts = [
        {"line_id": one["line_id"], "verdict": "strike" if one["code"] == "schedule_clerk" else "keep"} for one in lines
    ]
    ok(chief.post(f"{path}/answer", {"version": 1, "verdicts": verdicts}))
    done = text(chief.get(f"{path}/form.pdf"))
    for word in ("权限复核确认表", "复核印科", "韦被核", "排班员", "共2项，保留1项，取消1项", "覃小兰"):
        assert word in done, word
    other = consortium.signed_on(consortium.posted("department_head", unit_id=consortium.unit(name="另一科")))
    refused(other.get(f"{path}/form.pdf"), 404, "attestation_not_found")


def test_a_post_lists_what_its_template_in_force_says(consortium: Consortium) -> None:
    path = f"{BASE}/templates/schedule_clerk/form.pdf"
    before = text(consortium.security.get(path))
    assert "程序内置版" in before
    assert "patients.index.read" not in before
    consortium.published("schedule_clerk", add=("patients.index.read",))
    after = text(consortium.security.get(path))
    assert "第1版" in after
    assert "查询患者patients.index.read普通" in after
    refused(consortium.security.get(f"{BASE}/templates/no_such/form.pdf"), 404, "template_not_found")


@pytest.mark.parametrize(
    ("key", "first", "second", "words"),
    [
        ("platform.sso.pin_failures", 3, 4, ("本级未设置", "归口复核", "高风险，须两人办理")),
        ("outpatient.registration.validity_days", 5, 6, ("本级未设置", "一般")),
    ],
)
def test_a_change_of_a_parameter_says_before_and_after(
    consortium: Consortium, key: str, first: int, second: int, words: tuple[str, ...]
) -> None:
    values, path = [], f"{BASE}/parameters/{key}/values"
    for value in (first, second):
        row = ok(consortium.system.post(path, {"level": "campus", "value": value, "reason": f"试为{value}"}))
        if row["state"] == "asked":
            ok(consortium.office.post(f"{BASE}/parameter-values/{row['value_id']}/approve", {"version": 1}))
        values.append((row["value_id"], row["change_no"]))
    shown = [text(consortium.system.get(f"{BASE}/parameter-values/{one}/form.pdf")) for one, _ in values]
    assert int(values[1][1][4:]) == int(values[0][1][4:]) + 1
    assert [f"变更编号{number}" in form for form, (_, number) in zip(shown, values, strict=True)] == [True, True]
    assert all(word in shown[0] for word in words), shown[0]
    assert f"变更前{first}变更后{second}" in shown[1]
    assert ("归口复核" in shown[1]) == ("归口复核" in words)
    refused(consortium.system.get(f"{BASE}/parameter-values/{uuid4()}/form.pdf"), 404, "parameter_value_not_found")


def test_the_charter_names_the_three_and_what_each_may_not(consortium: Consortium) -> None:
    consortium.posted("system_admin", name="甲系统")
    consortium.posted("security_admin", campus="mch", name="乙安全")
    consortium.hospital.execute("UPDATE organisation.post_assignments SET valid_to = now() WHERE post = 'audit_admin'")
    shown = text(consortium.office.get(f"{BASE}/administrators/form.pdf"))
    for word in ("三员职责与授权书", "甲系统", "乙安全", "不得办理：", "暂无"):
        assert word in shown, word
    refused(consortium.auditor.get(f"{BASE}/administrators/form.pdf"), 403, "permission_denied")
