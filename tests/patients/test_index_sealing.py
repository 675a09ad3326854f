"""Numbers of certificates: nowhere in clear after a morning, found all the same, sealed afterwards where they stood."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.patients.index.queries import sealing as queries
from functions.patients.index.schemas.values import IdentifierType
from functions.patients.index.service import numbers, sealing
from functions.patients.index.service.facts import checked_number
from functions.patients.index.service.identifiers import claim
from functions.patients.index.service.numbers import SEALED
from integrity.runner import run
from shared.column_cipher import cipher
from shared.tx import Tx
from tests.patients.conftest import BASE, Desks, numbers_of, refused, resident_id
from tests.patients.test_index_exchange import bridge
from tests.patients.test_index_legacy import migrated, row
from tests.support.hospital import Hospital
from tests.support.plans import plan

RESIDENT = "urn:oid:2.16.156.10011.1.3"
CLEAR = "patients.numbers_clear"

COLUMNS = """
SELECT format('%%I.%%I', table_schema, table_name) AS "table", quote_ident(column_name) AS "column",
       data_type = 'bytea' AS bytes
FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND is_generated = 'NEVER'
  AND data_type IN ('text', 'jsonb', 'json', 'bytea', 'ARRAY', 'character varying')
  AND table_schema || '.' || table_name IN (SELECT schemaname || '.' || tablename FROM pg_tables)
"""


def standing(hospital: Hospital, wanted: list[str]) -> set[tuple[str, str, str]]:
    """Where in the database any of these texts stands: table, column, text. Kept answers are read as text too."""
    found = set()
    for place in hospital.rows(COLUMNS, []):
        text = f"encode({place['column']}, 'escape')" if place["bytes"] else f"{place['column']}::text"
        for one in hospital.rows(
            f"SELECT wanted FROM unnest(%s::text[]) AS wanted WHERE EXISTS (SELECT FROM {place['table']}"
            f" WHERE position(wanted IN {text}) > 0 OR position(reverse(wanted) IN {text}) > 0)",
            [wanted],
        ):
            found.add((place["table"], place["column"], one["wanted"]))
    return found


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["patient_id"] for one in found]


def test_after_a_morning_no_number_stands_anywhere(desks: Desks, hospital: Hospital) -> None:
    """Every door a number comes in by: card, guardian, binding, corrections, merge, dispute, another system, an old
    system's file, a search; with the answers kept for whoever asks again."""
    own, mother, contact = resident_id("19850505"), resident_id("19600606", "2"), resident_id("19610101")
    asked, wrong, sought = resident_id("19850505"), resident_id("19850505"), resident_id("19700101")
    fed, old, twice = resident_id("19720202"), resident_id("19730303"), resident_id("19740404")
    passports = ["PX8800001", "PX8800002"]
    person = desks.register("满天星", own, phone="13877205555")
    path = f"{BASE}/patients/{person['patient_id']}"
    said = {"name": "满月儿", "relation": "mother", "document_type": "resident_id", "document_no": mother}
    desks.register("满小星", resident_id("20200101"), guardian=said | {"phone": "13877205556"})
    related = {"kind": "spouse", "name": "某某某", "document_type": "resident_id", "document_no": contact}
    assert desks.registrar.post(f"{path}/relations", related | {"phone": "13877205557"}).status_code == 201
    bound = {"type": "passport", "value": passports[0].lower(), "issued_by": "NIA"}
    assert desks.registrar.post(f"{path}/identifiers", bound).json()["value"] == "PX*****01"
    desks.treat(person["patient_id"])
    for number, verdict in ((wrong, "reject"), (asked, "confirm")):
        change = {
            "version": desks.version(person["patient_id"]),
            "changes": {"document": {"type": "resident_id", "number": number}},
            "evidence": "card_read",
            "reason": "证件换发",
        }
        answer = desks.registrar.post(f"{path}/corrections", change)
        correction = f"{BASE}/corrections/{answer.json()['correction_id']}"
        (waiting,) = desks.colleague.get(f"{BASE}/corrections").json()["items"]
        assert waiting["changes"]["document"] == {"type": "resident_id", "number": number}, "the second person compares"
        assert desks.registrar.get(f"{correction}/application.pdf").status_code == 200
        assert desks.colleague.post(f"{correction}/{verdict}", {"reason": "不符"}).status_code in (200, 204)
    other = desks.register("满天腥", type="passport", number=passports[1], sex="1", birth_date="1985-05-05")
    pair = {"first_id": person["patient_id"], "second_id": other["patient_id"]}
    candidate = desks.registrar.post(f"{BASE}/duplicates", pair).json()
    sides = desks.steward.get(f"{BASE}/duplicates/{candidate['candidate_id']}").json()
    assert f"resident_id:{asked}" in sides["first"]["identifiers"] + sides["second"]["identifiers"]
    merged = desks.merge(person, other)
    assert desks.second_steward.post(f"{BASE}/merges/{merged.json()['merge_id']}/confirm").status_code in (200, 409)
    refused(desks.registrar.post(f"{BASE}/patients", desks.card("冒名者", asked)), 409, "identity_disputed")
    resource = {
        "resourceType": "Patient",
        "identifier": [{"system": RESIDENT, "value": fed}],
        "name": [{"use": "official", "text": "外来人"}],
    }
    address = f"{BASE}/fhir/Patient?identifier={RESIDENT}%7C{fed}"
    answer = bridge(hospital).put(address, resource, key="sealed-feed")
    (told,) = [one for one in answer.json()["identifier"] if one["system"] == RESIDENT]
    assert "value" not in told
    assert told["_value"]["extension"][0]["valueString"] == f"{fed[:6]}********{fed[-4:]}"
    rows = [row("S1", "蒙古人", document_no=old), row("S2", "蒙二人", document_no=f" {twice.lower()} ")]
    rows += [row("S3", "蒙二人", document_no=twice), row("S4", "另一人", document_no=old)]
    checked, loaded = migrated(hospital, desks.steward, rows)
    assert [checked[one] for one in ("new", "linked", "rejected")] == [2, 1, 1]
    assert [loaded[one] for one in ("new", "linked", "rejected")] == [2, 1, 1]
    assert desks.find(text=sought) == []
    assert len(desks.find(text=old)) == len(desks.find(text=mother)) + 1

    secret = [own, mother, contact, asked, wrong, sought, fed, old, twice, twice.lower(), *passports]
    assert standing(hospital, secret) == set()
    assert standing(hospital, ["13877205555"]), "what is not sealed is found, so the search would have found the rest"
    assert {result.name for result in run(hospital.settings.auditor_database_url, frozenset({CLEAR}))} == {CLEAR}


@pytest.fixture
def several(desks: Desks) -> list[tuple[dict[str, Any], str]]:
    found = []
    for place in range(7):
        number = resident_id(f"1966081{place}", "2")
        found.append((desks.register(f"零{'甲乙丙丁戊己庚'[place]}封", number), number))
    return found


def unsealed(hospital: Hospital, person: dict[str, Any]) -> None:
    """A person's numbers as the release before wrote them."""
    for one in numbers_of(hospital, person["patient_id"]):
        hospital.execute(
            "UPDATE patients.identifiers SET value = %s, sealed = NULL, key_id = NULL, tail = NULL,"
            " bound_at = now() - interval '2 days' WHERE identifier_id = %s",
            [one["number"], one["identifier_id"]],
        )


def left(hospital: Hospital) -> int:
    return int(
        hospital.value(
            "SELECT count(*) FROM patients.identifiers WHERE key_id IS DISTINCT FROM %s AND type = ANY (%s)",
            [cipher().newest, sorted(SEALED)],
        )
    )


def states(hospital: Hospital) -> list[dict[str, Any]]:
    return hospital.rows("SELECT identifier_id, xmin::text AS written FROM patients.identifiers ORDER BY identifier_id")


def test_what_stood_in_clear_is_found_before_and_after(
    desks: Desks, hospital: Hospital, several: list[tuple[dict[str, Any], str]]
) -> None:
    for person, _ in several:
        unsealed(hospital, person)
    assert left(hospital) >= len(several)
    assert not next(one for one in run(hospital.settings.auditor_database_url, frozenset({CLEAR}))).holds
    for _ in ("clear", "sealed"):
        for person, number in several:
            for text in (number, number[-4:], number[-6:], number[-8:]):
                assert person["patient_id"] in ids(desks.find(text=text)), text
            assert number[-4:] == numbers_of(hospital, person["patient_id"])[0]["number"][-4:]
        person, number = several[0]
        assert desks.find(text=f"{int(number[-8:-4]) % 1231 + 1:04d}{number[-4:]}") == []
        assert desks.register(person["name"], number)["patient_id"] == person["patient_id"]
        refused(desks.registrar.post(f"{BASE}/patients", desks.card("别的人", number)), 409, "identity_disputed")
        path = f"{BASE}/patients/{several[1][0]['patient_id']}"
        taken = desks.registrar.post(f"{path}/identifiers", {"type": "resident_id", "value": number})
        refused(taken, 409, "identifier_kind_taken")
        details = desks.registrar.get(f"{BASE}/patients/{person['patient_id']}/details").json()
        assert [one["value"] for one in details["identifiers"]] == [number]
        hospital.minute("patients/index")
        assert left(hospital) == 0
    before = states(hospital)
    hospital.minute("patients/index", campus="mch")
    assert states(hospital) == before, "what is done is left alone"
    assert all(one.holds for one in run(hospital.settings.auditor_database_url, frozenset({CLEAR})))
    assert standing(hospital, [number for _, number in several]) == set()


def test_a_person_in_clear_is_not_registered_twice_by_two_windows(desks: Desks, hospital: Hospital) -> None:
    """A claim sees a number that stands in clear, though the unique index doesn't."""
    number = resident_id("19670101")
    person = desks.register("一人封", number)
    unsealed(hospital, person)
    checked = checked_number(IdentifierType.RESIDENT_ID, number)
    with hospital.tx() as tx:
        assert claim(tx, UUID(desks.register("另人封")["patient_id"]), [checked]).all() == []
    assert desks.register("一人封", number)["patient_id"] == person["patient_id"]


def test_a_kill_in_the_middle_costs_nothing_and_two_at_once_share(
    desks: Desks,
    hospital: Hospital,
    several: list[tuple[dict[str, Any], str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hospital.minute("patients/index")
    for person, _ in several:
        unsealed(hospital, person)
    monkeypatch.setattr(sealing, "BATCH", 2)
    trace, batches = sealing._trace, iter(range(9))

    def killed_in_the_second(tx: Tx, *done: Any) -> None:
        trace(tx, *done)
        tx.session.flush()
        if next(batches) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(sealing, "_trace", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        hospital.minute("patients/index")
    assert left(hospital) == len(several) - 2, "the first batch stands, the second never was"
    monkeypatch.setattr(sealing, "_trace", trace)
    failures: list[BaseException] = []

    def minute(campus: str) -> None:
        try:
            hospital.minute("patients/index", campus)
        except BaseException as failure:
            failures.append(failure)

    both = [threading.Thread(target=minute, args=(campus,)) for campus in ("hq", "mch")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert (failures, left(hospital)) == ([], 0)
    for person, number in several:
        assert [one["number"] for one in numbers_of(hospital, person["patient_id"])] == [number]


def test_a_number_that_stands_twice_is_left_to_people(desks: Desks, hospital: Hospital) -> None:
    number = resident_id("19680101")
    kept, other = desks.register("双份甲", number), desks.register("双份乙")
    (row_of,) = numbers_of(hospital, other["patient_id"])
    hospital.execute(
        "UPDATE patients.identifiers SET value = %s, sealed = NULL, key_id = NULL, tail = NULL,"
        " bound_at = now() - interval '2 days' WHERE identifier_id = %s",
        [number, row_of["identifier_id"]],
    )
    hospital.minute("patients/index")
    assert left(hospital) == 1
    assert not next(one for one in run(hospital.settings.auditor_database_url, frozenset({CLEAR}))).holds
    assert kept["patient_id"] in ids(desks.find(text=number))
    hospital.execute(
        "UPDATE patients.identifiers SET status = 'revoked', ended_at = now() WHERE identifier_id = %s",
        [row_of["identifier_id"]],
    )
    hospital.minute("patients/index")
    assert left(hospital) == 0


def test_the_minute_looks_for_its_work_by_indexes(hospital: Hospital) -> None:
    older: dict[str, Any] = {"older": ["a"]}
    work: list[tuple[Any, dict[str, Any], list[str]]] = [
        (
            queries.LEFT,
            older | {"campus": "hq"},
            ["ix_identifiers_key", "ix_relations_key", "ix_corrections_key", "ix_legacy_rows_key"],
        ),
        (queries.RELATIONS, older | {"after": UUID(int=0), "limit": 10}, ["ix_relations_key"]),
    ]
    with hospital.tx() as tx:
        tx.session._connection.execute("SET LOCAL enable_seqscan = off")
        for query, params, indexes in work:
            text = plan(tx, query, **params)
            assert all(index in text for index in indexes), text


@given(
    st.sampled_from(sorted(SEALED)),
    st.text(alphabet="0123456789ABCDEFGHJKXYZ（）()-军证", min_size=5, max_size=30),
    st.text(alphabet="0123456789ABCDEFGHJKXYZ", min_size=5, max_size=30),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_number_opens_as_it_was_and_is_found_by_itself_only(kind: str, number: str, other: str) -> None:
    seals, row_id = cipher(), uuid4()
    kept = numbers.written(seals, kind, number, row_id)
    assert number not in str(kept)
    assert kept.value in numbers.forms(seals, number)
    assert (kept.value in numbers.forms(seals, other)) is (number == other)

    class Row:
        identifier_id, value, sealed = row_id, kept.value, kept.sealed

    assert numbers.number_of(Row()) == number


@pytest.mark.parametrize(
    "typed", ["45022319690101049x", " 450223 19690101 049Ｘ ", "４５０２２３１９６９０１０１０４９Ｘ"]
)
def test_a_number_is_found_however_it_is_typed(desks: Desks, typed: str) -> None:
    person = desks.register("全角符", "45022319690101049X", birth_date="1969-01-01")
    assert ids(desks.find(text=typed)) == [person["patient_id"]]
    assert desks.find(text=numbers.mark(cipher(), "45022319690101049X")) == [], "a mark is nobody's number"
