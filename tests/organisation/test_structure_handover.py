"""What a leaver hands over: asked of every module, listed when leaving is decided, taken over by a colleague."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from functions import wiring
from functions.organisation.structure.gates import Leaver
from shared import gates
from shared.gates import Objection
from shared.tx import Tx
from tests.organisation.conftest import BASE, Consortium
from tests.organisation.test_structure_signatures import text_of

ASKED: list[Leaver] = []


def answer_open_work(tx: Tx, leaver: Leaver) -> list[Objection]:
    """A module above, as the wiring names one."""
    ASKED.append(leaver)
    return [Objection("inform", "probe_papers", "有 2 份待签文书。", "请交科室负责人指定的医生签署。")]


@pytest.fixture(autouse=True)
def _wired(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answers = {**wiring.ANSWERS, "organisation/structure: open_work": (f"{__name__}:answer_open_work",)}
    monkeypatch.setattr(wiring, "ANSWERS", answers)
    gates._answers.cache_clear()
    ASKED.clear()
    yield
    gates._answers.cache_clear()


def leaver_of(consortium: Consortium) -> tuple[dict[str, Any], str]:
    """A unit head alone in that post, and the unit's name."""
    unit = consortium.unit(name="神经内科")
    person = consortium.engage(unit_id=unit["unit_id"], name="刘晓燕")
    assert consortium.assign(person["staff_id"], "unit_head", unit_id=unit["unit_id"]).status_code == 201
    return person, unit["unit_id"]


def leave(consortium: Consortium, person: dict[str, Any], **fields: Any) -> Any:
    path = f"{BASE}/staff/{person['staff_id']}/end"
    return consortium.personnel.post(path, {"reason": "辞职", "version": person["version"], **fields})


def lines(consortium: Consortium, person: dict[str, Any]) -> list[dict[str, Any]]:
    answer = consortium.personnel.get(f"{BASE}/staff/{person['staff_id']}/handover")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_open_work_is_shown_before_anything_is_decided(consortium: Consortium) -> None:
    person, _ = leaver_of(consortium)
    path = f"{BASE}/staff/{person['staff_id']}/open-work"
    shown = consortium.personnel.get(path).json()
    assert [one["source"] for one in shown] == ["own_post", "probe_papers"]
    assert "神经内科" in shown[0]["message"]
    assert "科室负责人" in shown[0]["message"]
    assert [(one.staff_id, one.campus_id) for one in ASKED] == [(UUID(person["staff_id"]), "hq")]
    assert lines(consortium, person) == [], "looking writes nothing down"
    elsewhere = consortium.mch_personnel.get(path)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "staff_not_found")
    assert consortium.admin.get(path).status_code == 403


def test_a_post_that_a_colleague_holds_too_is_nothing_to_hand_over(consortium: Consortium) -> None:
    person, unit = leaver_of(consortium)
    second = consortium.engage(unit_id=unit)
    assert consortium.assign(second["staff_id"], "unit_head", unit_id=unit).status_code == 201
    shown = consortium.personnel.get(f"{BASE}/staff/{person['staff_id']}/open-work").json()
    assert [one["source"] for one in shown] == ["probe_papers"]


def test_leaving_lists_it_once_and_keeps_nobody(consortium: Consortium) -> None:
    person, _ = leaver_of(consortium)
    first = leave(consortium, person, at=consortium.moment(days=3))
    assert (first.status_code, first.json()["status"]) == (200, "active"), first.text
    assert ASKED[-1].leaves_at > consortium.hospital.clock()
    listed = lines(consortium, person)
    assert sorted(one["source"] for one in listed) == ["own_post", "probe_papers"]
    again = leave(consortium, first.json(), at=consortium.moment(days=1))
    assert again.status_code == 200, again.text
    assert [one["item_id"] for one in lines(consortium, person)] == [one["item_id"] for one in listed]
    assert leave(consortium, again.json()).json()["status"] == "left"
    waiting = consortium.personnel.get(f"{BASE}/handover-items", limit=200).json()["items"]
    assert {one["item_id"] for one in listed} <= {one["item_id"] for one in waiting}, "left, and still to be settled"


def test_the_list_is_paged_in_order(consortium: Consortium) -> None:
    for _ in range(2):
        leave(consortium, leaver_of(consortium)[0])
    whole = consortium.personnel.get(f"{BASE}/handover-items", limit=200).json()["items"]
    read: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = consortium.personnel.get(f"{BASE}/handover-items", limit=3, **cursor).json()
        read += [one["item_id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert read == [one["item_id"] for one in whole]
    assert consortium.mch_personnel.get(f"{BASE}/handover-items").json()["items"] == []


def test_a_colleague_takes_over(consortium: Consortium) -> None:
    person, unit = leaver_of(consortium)
    successor = consortium.engage(unit_id=unit, name="覃小兰")["staff_id"]
    leave(consortium, person)
    item = lines(consortium, person)[0]
    path = f"{BASE}/handover-items/{item['item_id']}/settle"
    body = {"version": 1, "taken_by": successor, "note": "已任命，4 月 1 日起"}
    to_self = consortium.personnel.post(path, {**body, "taken_by": person["staff_id"]})
    assert (to_self.status_code, to_self.json()["code"]) == (422, "handover_successor_wrong")
    gone = leaver_of(consortium)[0]
    leave(consortium, gone)
    absent = consortium.personnel.post(path, {**body, "taken_by": gone["staff_id"]})
    assert (absent.status_code, absent.json()["code"]) == (409, "staff_not_active")
    elsewhere = consortium.mch_personnel.post(path, body)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "handover_item_not_found")
    settled = consortium.personnel.post(path, body)
    assert (settled.status_code, settled.json()["taken_by"], settled.json()["version"]) == (200, successor, 2)
    twice = consortium.personnel.post(path, body)
    assert (twice.status_code, twice.json()["code"]) == (409, "handover_item_settled")
    waiting = consortium.personnel.get(f"{BASE}/handover-items", limit=200).json()["items"]
    assert item["item_id"] not in {one["item_id"] for one in waiting}


def test_the_form_says_who_took_over(consortium: Consortium) -> None:
    person, unit = leaver_of(consortium)
    successor = consortium.engage(unit_id=unit, name="覃小兰")["staff_id"]
    form = f"{BASE}/staff/{person['staff_id']}/handover.pdf"
    assert consortium.personnel.get(form).status_code == 404
    leave(consortium, person)
    item = lines(consortium, person)[0]
    body = {"version": 1, "taken_by": successor, "note": "钥匙与印章已交"}
    assert consortium.personnel.post(f"{BASE}/handover-items/{item['item_id']}/settle", body).status_code == 200
    text = text_of(consortium.personnel.get(form).content)
    for said in ("离职交接单", "刘晓燕", "覃小兰", "钥匙与印章已交", "有2份待签文书", "共2项，未交接1项"):
        assert said in text, said
