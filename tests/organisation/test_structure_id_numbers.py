"""ID numbers of staff: nobody reads them in the database, personnel read them on record, keys are turned over."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.organisation.structure.rules.personal import mask_id_number, read_id_number
from functions.organisation.structure.service import identities
from shared.column_cipher import key_of
from tests.organisation.conftest import BASE, Consortium

FIRST, SECOND = (f"{name}:{base64.b64encode(bytes([place] * 32)).decode()}" for place, name in enumerate(("a", "b"), 1))
_serial = iter(range(1, 999))


def id_number(born: str = "19860315") -> str:
    """A number nobody has yet, by the standard's own arithmetic: the weights are powers of two modulo eleven."""
    digits = f"450223{born}{next(_serial):03d}"
    weighted = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return digits + "10X98765432"[weighted % 11]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("HIS_COLUMN_KEYS", FIRST)
    return monkeypatch


def record(consortium: Consortium, staff: str, number: str, **fields: Any) -> Any:
    return consortium.personnel.post(f"{BASE}/staff/{staff}/id-number", {"number": number, **fields})


def stored(consortium: Consortium, staff: str) -> dict[str, Any]:
    (row,) = consortium.hospital.rows("SELECT * FROM organisation.staff_identities WHERE staff_id = %s", [staff])
    return row


@given(st.integers(10**16, 10**17 - 1))
def test_of_all_check_digits_exactly_one_is_read(digits: int) -> None:
    read: list[str] = []
    told: list[str] = []
    for check in "0123456789X":
        try:
            read.append(read_id_number(f"{digits}{check}"))
        except ValueError as refused:
            told.append(str(refused))
    assert len(read) == 1
    assert set(told) == {"身份证号校验位不正确，请核对证件"}, "what was typed is not repeated"
    swapped = read[0][:9] + read[0][10] + read[0][9] + read[0][11:]
    if swapped != read[0]:
        with pytest.raises(ValueError, match="校验位"):
            read_id_number(swapped)


def test_the_number_is_taken_as_people_type_it() -> None:
    assert read_id_number(" 11010519491231002x ") == "11010519491231002X"  # the example of GB 11643
    assert read_id_number("１１０１０５１９４９１２３１００２Ｘ") == "11010519491231002X"
    assert mask_id_number("11010519491231002X") == "110***********002X"


def test_engaged_with_a_number_it_is_sealed_and_appears_nowhere(consortium: Consortium) -> None:
    number = id_number()
    staff = consortium.engage(name="黄秀英", id_number=number)
    assert "id_number" not in staff
    row = stored(consortium, staff["staff_id"])
    assert (row["campus_id"], row["key_id"], key_of(row["number_sealed"])) == ("hq", "test", "test")
    for table in ("organisation.staff_identities", "organisation.change_log", "kernel.audit_entries", "kernel.outbox"):
        dump = json.dumps(consortium.hospital.rows(f"SELECT * FROM {table}"), default=str)
        assert number not in dump, table
    card = consortium.personnel.get(f"{BASE}/staff/{staff['staff_id']}").json()
    assert card["id_number"] == mask_id_number(number)
    whole = consortium.personnel.get(f"{BASE}/staff/{staff['staff_id']}/id-number")
    assert whole.json() == {"staff_id": staff["staff_id"], "number": number}
    reads = consortium.hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE action = 'staff.id_number_read' AND subject_id = %s",
        [staff["staff_id"]],
    )
    assert reads == [{"detail": {}}]


def test_others_see_no_part_of_it(consortium: Consortium) -> None:
    staff = consortium.engage(id_number=id_number())["staff_id"]
    path = f"{BASE}/staff/{staff}"
    for reader in (consortium.admin, consortium.mch_personnel, consortium.mch_admin):
        assert reader.get(path).json()["id_number"] is None
    assert consortium.admin.get(f"{path}/id-number").status_code == 403
    elsewhere = consortium.mch_personnel.get(f"{path}/id-number")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "staff_not_found")


def test_a_number_belongs_to_one_person_of_the_consortium(consortium: Consortium) -> None:
    number = id_number()
    consortium.engage(name="韦建国", id_number=number)
    other = consortium.engage(consortium.mch_personnel)["staff_id"]
    before = consortium.hospital.census()
    refused = consortium.mch_personnel.post(f"{BASE}/staff/{other}/id-number", {"number": number.lower()})
    assert (refused.status_code, refused.json()["code"]) == (422, "staff_id_number_taken")
    assert "韦*国" in refused.json()["detail"]
    assert number not in refused.text
    again = {"staff_no": f"T{uuid4().hex[:8]}", "name": "韦建国", "category": "nurse", "id_number": number}
    root = consortium.tree()["root"]["unit_id"]
    twice = consortium.personnel.post(f"{BASE}/staff", {**again, "unit_id": root})
    assert twice.json()["code"] == "staff_id_number_taken"
    assert consortium.hospital.census() == before
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'refused' AND detail->>'code' = %s"
    assert consortium.hospital.value(tried, ["staff_id_number_taken"]) >= 2, "attempts stay on record"
    found = consortium.mch_personnel.post(f"{BASE}/staff/find-by-id-number", {"number": number})
    assert (found.json()["name"], found.json()["campus_id"]) == ("韦建国", "hq")
    nobody = consortium.personnel.post(f"{BASE}/staff/find-by-id-number", {"number": id_number()})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "staff_not_found")


def test_a_refused_number_is_not_repeated(consortium: Consortium) -> None:
    staff = consortium.engage()["staff_id"]
    wrong = "450205199001011234"
    refused = record(consortium, staff, wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert wrong not in refused.text
    none = consortium.personnel.get(f"{BASE}/staff/{staff}/id-number")
    assert (none.status_code, none.json()["code"]) == (404, "staff_id_number_not_found")


def test_a_wrong_number_is_corrected_with_a_reason(consortium: Consortium) -> None:
    wrong, right = id_number(), id_number()
    staff = consortium.engage(id_number=wrong)["staff_id"]
    silent = record(consortium, staff, right)
    assert (silent.status_code, silent.json()["code"]) == (422, "invalid")
    told = record(consortium, staff, right, reason="录入错误")
    assert told.json() == {"staff_id": staff, "masked": mask_id_number(right)}
    assert consortium.personnel.get(f"{BASE}/staff/{staff}/id-number").json()["number"] == right
    assert consortium.engage(id_number=wrong)["staff_id"] != staff, "the wrong one is free"
    changes = consortium.admin.get(f"{BASE}/changes", kind="staff", subject_id=staff).json()["items"]
    assert [one["change"] for one in changes][:1] == ["id_number_corrected"]


def test_who_left_may_come_back_with_the_same_number(consortium: Consortium) -> None:
    number = id_number()
    staff = consortium.engage(id_number=number)
    left = consortium.personnel.post(f"{BASE}/staff/{staff['staff_id']}/end", {"reason": "退休", "version": 1})
    assert left.json()["status"] == "left", left.text
    again = consortium.engage(id_number=number, employment="reemployed")
    assert again["staff_id"] != staff["staff_id"]
    closed = record(consortium, staff["staff_id"], id_number())
    assert (closed.status_code, closed.json()["code"]) == (409, "staff_not_active")


def test_a_new_key_takes_over_minute_by_minute(consortium: Consortium, keys: pytest.MonkeyPatch) -> None:
    number, later = id_number(), id_number()
    old = consortium.engage(id_number=number)["staff_id"]
    keys.setenv("HIS_COLUMN_KEYS", f"{SECOND},{FIRST}")
    other = consortium.engage(id_number=later)["staff_id"]
    assert [stored(consortium, one)["key_id"] for one in (old, other)] == ["a", "b"]
    taken = record(consortium, other, number, reason="x")
    assert taken.json()["code"] == "staff_id_number_taken", "whatever key the other one was sealed with"
    consortium.hospital.minute("organisation/structure", campus="mch")
    assert stored(consortium, old)["key_id"] == "a", "each campus turns its own rows"
    consortium.hospital.minute("organisation/structure", campus="hq")
    row = stored(consortium, old)
    assert (row["key_id"], key_of(row["number_sealed"])) == ("b", "b")
    consortium.hospital.minute("organisation/structure", campus="hq")
    assert stored(consortium, old) == row, "what is done is left alone"
    keys.setenv("HIS_COLUMN_KEYS", SECOND)
    assert consortium.personnel.get(f"{BASE}/staff/{old}/id-number").json()["number"] == number
    found = consortium.personnel.post(f"{BASE}/staff/find-by-id-number", {"number": number})
    assert found.json()["staff_id"] == old


def test_a_number_moved_to_another_row_does_not_open(consortium: Consortium) -> None:
    mine, yours = (consortium.engage(id_number=id_number())["staff_id"] for _ in range(2))
    was = stored(consortium, mine)["number_sealed"]
    take = "UPDATE organisation.staff_identities SET number_sealed = %s WHERE staff_id = %s"
    consortium.hospital.execute(take, [stored(consortium, yours)["number_sealed"], mine])
    broken = consortium.personnel.get(f"{BASE}/staff/{mine}/id-number")
    assert (broken.status_code, broken.json()["code"]) == (500, "sealed_value_broken")
    assert consortium.personnel.get(f"{BASE}/staff/{mine}").json()["id_number"] == identities.UNREADABLE
    consortium.hospital.execute(take, [was, mine])
    assert consortium.personnel.get(f"{BASE}/staff/{mine}/id-number").status_code == 200


def test_without_the_key_numbers_rest_and_people_do_not(consortium: Consortium, keys: pytest.MonkeyPatch) -> None:
    staff = consortium.engage(id_number=id_number())["staff_id"]
    keys.delenv("HIS_COLUMN_KEYS")
    refused = consortium.personnel.get(f"{BASE}/staff/{staff}/id-number")
    assert (refused.status_code, refused.json()["code"]) == (503, "column_keys_missing")
    assert "HIS_COLUMN_KEYS" in refused.json()["detail"]
    assert consortium.personnel.get(f"{BASE}/staff/{staff}").json()["id_number"] == identities.UNREADABLE
    before = consortium.hospital.census()
    root = consortium.tree()["root"]["unit_id"]
    body = {"staff_no": f"T{uuid4().hex[:8]}", "name": "新人", "category": "nurse", "unit_id": root}
    sealed = consortium.personnel.post(f"{BASE}/staff", {**body, "id_number": id_number()})
    assert sealed.json()["code"] == "column_keys_missing"
    assert consortium.hospital.census() == before
    assert consortium.personnel.post(f"{BASE}/staff", body).status_code == 201, (
        "who brings none is engaged all the same"
    )
    consortium.hospital.minute("organisation/structure", campus="hq")
