"""The day everybody changes departments: many appointments from one sheet, each as if entered by hand."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions import registry
from tests.organisation.conftest import BASE, Consortium
from tests.organisation.test_structure_sheets import load
from tests.support import tokens
from tests.support.hospital import Caller, Hospital, cloned_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        yield one


def line(person: dict[str, Any], post: str = "排班员", **fields: Any) -> dict[str, Any]:
    return {"工号": person["staff_no"], "岗位": post, **fields}


def told(answer: Any) -> dict[int, str]:
    assert answer.status_code == 201, answer.text
    return {row["row"]: row["message"] for row in answer.json()["rows"] if row["outcome"] == "refused"}


def test_each_row_is_checked_as_by_hand_before_anything_is_written(consortium: Consortium) -> None:
    ward = consortium.unit(code="rot1", name="内二科")
    closing = consortium.unit(name="老年病科")
    closed = consortium.admin.post(
        f"{BASE}/units/{closing['unit_id']}/close",
        {"closes_on": consortium.today(10), "version": closing["version"], "reason": "并入内科"},
    )
    assert closed.status_code == 200, closed.text
    people = [consortium.engage() for _ in range(9)]
    leaver, lead, twice, pharmacist, resident, visitor = people[3:]
    gone = {"reason": "辞职", "version": leaver["version"]}
    assert consortium.personnel.post(f"{BASE}/staff/{leaver['staff_id']}/end", gone).status_code == 200
    assert consortium.assign(lead["staff_id"], "registrar").status_code == 201
    mch = consortium.engage(consortium.mch_personnel)
    month = consortium.today(30)
    lines = [
        line(people[0]),
        line(people[1], 科室代码="rot1", 结束日期=month),
        line(people[2], 开始日期=consortium.today(1), 结束日期=month, 主岗="是"),
        line(leaver),
        line(lead, "收费组长"),
        line(twice),
        line(twice),
        line(pharmacist, "门诊药师"),
        line(resident, 科室代码="rot1"),
        line(visitor, 开始日期=consortium.today(-1)),
        line(visitor, 结束日期=consortium.today(-1)),
        line(visitor, "排号员"),
        line(visitor, 科室代码="nowhere"),
        line(visitor, 科室代码=closing["code"], 结束日期=month),
        line({"staff_no": "NOBODY1"}),
        line(mch),
    ]
    before = consortium.hospital.census()
    tried = load(consortium.personnel, "posts", *lines, dry_run=True)
    reasons = told(tried)
    answers = "kernel.idempotent_answers"
    assert consortium.hospital.census() == {**before, answers: before[answers] + 1}
    assert {row["row"] for row in tried.json()["rows"]} - reasons.keys() == {2, 3, 4, 7}
    wanted = {
        5: "离职",
        6: "收费与退费审批不相容",
        8: "已在该科室任此岗位",
        9: "药师资格",
        10: "结束日期",
        11: "不能早于" if "不能早于" in reasons[11] else "任职开始时间",
        12: "早于",
        13: "“岗位”须为",
        14: "科室代码",
        15: "将变更或关闭",
        16: "工号",
        17: "派驻",
    }
    assert {row: text for row, text in reasons.items() if wanted[row] not in text} == {}
    done = load(consortium.personnel, "posts", *lines)
    assert told(done) == reasons
    assert done.json()["loaded"] == 4
    held = consortium.accounts()
    assert held[UUID(people[1]["staff_id"])].posts == {"hq": frozenset({"schedule_clerk"})}
    assert held[UUID(people[2]["staff_id"])].posts == {}, "from tomorrow on"
    members = consortium.personnel.get(f"{BASE}/units/{ward['unit_id']}/staff").json()["items"]
    [joined] = [one for one in members if one["staff_id"] == people[1]["staff_id"]]
    assert (joined["is_primary"], joined["valid_to"]) == (False, str(date.fromisoformat(month) + timedelta(days=1)))
    kept = consortium.hospital.census()
    assert len(told(load(consortium.personnel, "posts", *lines))) == len(lines), "a second load finds all held"
    assert consortium.hospital.census()["organisation.post_assignments"] == kept["organisation.post_assignments"]


def test_only_who_may_appoint_may_load_appointments(consortium: Consortium) -> None:
    person = consortium.engage()
    before = consortium.hospital.census()
    refused = load(consortium.admin, "posts", line(person))
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    claims = {"posts": ["/hq/personnel"], "second_factor": "privileged", "amr": ["pwd"]}
    staff_id = uuid4()
    token = tokens.sign({"sub": str(staff_id), "name": "人事", "staff_id": str(staff_id), **claims})
    weak = Caller(consortium.hospital.client, token, "hq", str(staff_id), staff_id)
    refused = load(weak, "posts", line(person))
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    assert consortium.hospital.census()["organisation.post_assignments"] == before["organisation.post_assignments"]


def test_three_hundred_rotate_within_seconds(consortium: Consortium) -> None:
    """Spec 41: a rotation of 300 people takes 20 s at most, reading and writing."""
    consortium.unit(code="rot3", name="规培基地")
    people = [
        {"工号": f"R{number:04d}", "姓名": "覃小兰", "人员类别": "护士", "科室代码": "root"} for number in range(300)
    ]
    assert load(consortium.personnel, "staff", *people).json()["loaded"] == 300
    month = consortium.today(30)
    lines = [{"工号": one["工号"], "岗位": "排班员", "科室代码": "rot3", "结束日期": month} for one in people]
    started = time.perf_counter()
    done = load(consortium.personnel, "posts", *lines).json()
    assert done["loaded"] == 300
    assert time.perf_counter() - started < 20
