"""Random sequences of merges and unmerges against the real database."""

from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.patients.index import service
from functions.patients.index.schemas.people import BindIdentifier
from functions.patients.index.schemas.stewardship import Assignment, MergePatients, UnmergePatients
from tests.support.hospital import Hospital

PEOPLE = 5
NUMBERS = count(1)
CHOICES = ("name", "phone", "birth_date", "current_address", "payer_kind")


class Merging(RuleBasedStateMachine):
    """Five people, merged and parted in every order; a model of the links beside."""

    def __init__(self, hospital: Hospital) -> None:
        super().__init__()
        self.hospital = hospital
        self.ids: list[UUID] = []
        self.before: list[dict[str, Any]] = []
        self.parent: dict[UUID, UUID] = {}
        self.merges: dict[UUID, UUID] = {}
        """Retired record -> merge that retired it, as long as it holds."""
        self.bound: set[UUID] = set()

    @initialize()
    def register(self) -> None:
        with self.hospital.tx("hq") as tx:
            for place in range(PEOPLE):
                view = service.register_patient(
                    tx,
                    service.RegisterPatient.model_validate(
                        {
                            "document": {
                                "type": "passport",
                                "number": f"S{next(NUMBERS):08d}",
                                "read_by": "seen" if place % 2 else "stated",
                            },
                            "name": "甲乙丙丁戊"[place] + "试名",
                            "sex": "1",
                            "birth_date": f"1950-01-0{place + 1}",
                            "phone": f"1370000000{place}",
                            "payer_kind": f"{310 + place}",
                            "current_address": {"text": f"广西鹿寨县{place}号"} if place % 2 else None,
                        }
                    ),
                )
                self.ids.append(view.patient_id)
        self.before = self.snapshot()

    def snapshot(self) -> list[dict[str, Any]]:
        rows = self.hospital.rows(
            "SELECT * FROM patients.patients WHERE patient_id = ANY (%s) ORDER BY patient_id", [self.ids]
        )
        for row in rows:
            del row["version"]
        return rows

    def numbers(self) -> list[tuple[str, UUID]]:
        rows = self.hospital.rows(
            "SELECT value, patient_id FROM patients.identifiers WHERE patient_id = ANY (%s) AND status = 'active'",
            [self.ids],
        )
        return sorted((row["value"], row["patient_id"]) for row in rows)

    def root(self, one: UUID) -> UUID:
        while one in self.parent:
            one = self.parent[one]
        return one

    def roots(self) -> list[UUID]:
        return [one for one in self.ids if one not in self.parent]

    def version(self, one: UUID) -> int:
        return int(self.hospital.value("SELECT version FROM patients.patients WHERE patient_id = %s", [one]))

    def join(self, survivor: UUID, retired: UUID, chosen: list[str]) -> UUID:
        with self.hospital.tx("hq") as tx:
            done = service.merge_patients(
                tx,
                MergePatients(
                    survivor_id=survivor,
                    retired_id=retired,
                    survivor_version=self.version(survivor),
                    retired_version=self.version(retired),
                    chosen=chosen,
                    reason="重复",
                ),
            )
        assert done.status == "done"
        return done.merge_id

    def part(self, merge_id: UUID, side: str = "survivor") -> None:
        with self.hospital.tx("mch") as tx:
            written = service.records_since(tx, merge_id)
            assert {one.record_id for one in written} <= self.bound
            service.unmerge_patients(
                tx,
                merge_id,
                UnmergePatients(
                    reason="两人",
                    assignments=[
                        Assignment(kind=one.kind, record_id=one.record_id, belongs_to=side) for one in written
                    ],
                ),
            )

    @precondition(lambda self: len(self.roots()) > 1)
    @rule(pick=st.data(), chosen=st.lists(st.sampled_from(CHOICES), unique=True))
    def merge(self, pick: st.DataObject, chosen: list[str]) -> None:
        survivor, retired = pick.draw(st.permutations(self.roots()))[:2]
        self.merges[retired] = self.join(survivor, retired, chosen)
        self.parent[retired] = survivor

    @precondition(lambda self: self.merges)
    @rule(pick=st.data(), side=st.sampled_from(("survivor", "retired")))
    def unmerge(self, pick: st.DataObject, side: str) -> None:
        retired = pick.draw(st.sampled_from(sorted(self.merges)))
        self.part(self.merges.pop(retired), side)
        del self.parent[retired]

    @precondition(lambda self: len(self.roots()) > 1)
    @rule(pick=st.data(), chosen=st.lists(st.sampled_from(CHOICES), unique=True))
    def merge_and_think_again(self, pick: st.DataObject, chosen: list[str]) -> None:
        """Merge then unmerge is as before, whatever was merged already."""
        survivor, retired = pick.draw(st.permutations(self.roots()))[:2]
        before = self.snapshot(), self.numbers()
        self.part(self.join(survivor, retired, chosen))
        assert (self.snapshot(), self.numbers()) == before

    @rule(pick=st.data())
    def write(self, pick: st.DataObject) -> None:
        """Somebody binds a card to whichever record is open on the screen; the survivor gets it."""
        one = pick.draw(st.sampled_from(self.ids))
        with self.hospital.tx("hq") as tx:
            card = service.bind_identifier(tx, one, BindIdentifier(type="visit_card", value=f"V{next(NUMBERS):08d}"))
        self.bound.add(card.identifier_id)
        owner = self.hospital.value(
            "SELECT patient_id FROM patients.identifiers WHERE identifier_id = %s", [card.identifier_id]
        )
        assert owner == self.root(one)

    @invariant()
    def survivors_are_those_of_the_links(self) -> None:
        with self.hospital.tx("mch") as tx:
            found = service.resolve(tx, self.ids)
            assert found == {one: self.root(one) for one in self.ids}
            assert service.resolve(tx, found.values()) == {one: one for one in set(found.values())}
            for one in self.ids:
                assert set(service.group_ids(tx, one)) == {other for other in self.ids if found[other] == found[one]}

    @invariant()
    def no_active_number_names_two_people(self) -> None:
        owners: dict[str, set[UUID]] = {}
        for value, patient_id in self.numbers():
            owners.setdefault(value, set()).add(self.root(patient_id))
        assert all(len(survivors) == 1 for survivors in owners.values())

    def teardown(self) -> None:
        """Everything taken back, in the order of the records' ids: all is as at the beginning."""
        if not self.before:
            return
        for retired in sorted(self.merges):
            self.part(self.merges[retired])
        assert self.snapshot() == self.before


@pytest.mark.case("P-patient-index", 13)
def test_case_13_merges_and_unmerges_in_every_order(hospital: Hospital) -> None:
    run_state_machine_as_test(
        lambda: Merging(hospital),
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
