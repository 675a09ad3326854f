"""The bench itself: both sides do the same work, the page says what was measured and nothing about where."""

import getpass
import re
import socket
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from loadtests.bench.empi import Index, Search
from loadtests.bench.functions import FunctionCost
from loadtests.bench.recording import Sent, recorded
from loadtests.bench.registration import CLIENTS, MODES, PROCESSES, Registration, Sums
from loadtests.bench.report import Findings, Machine, page
from loadtests.bench.scripting import Composer, NoSource, Recording
from loadtests.bench.workload import Workload
from shared.settings import REPOSITORY
from tests.support.clinic import ok, open_hospital, put_on_sale, register_person, resident_id
from tests.support.hospital import Hospital

VISITS = "/api/outpatient/registration/visits"
WORKLOAD = Workload(50, 7)


@pytest.fixture(scope="module")
def recordings(hospital: Hospital) -> list[Recording]:
    """Two visits of two people in two sessions, after one that warms up."""
    desk = open_hospital(hospital)["hq"]
    made = []
    for serial in range(3):
        patient = register_person(desk.registrar, resident_id(serial), name=f"韦春{'兰花桂'[serial]}")
        session = put_on_sale(hospital, desk, desk_no=serial + 1)["session_id"]
        now = datetime.now(UTC)
        hospital.runtime.clock = lambda moment=now: moment
        with recorded() as sent:
            body = {"patient_id": patient, "session_id": session}
            ok(desk.registrar.post(VISITS, body, key=str(uuid4())))
        hospital.runtime.clock = hospital.clock
        made.append(Recording(patient, session, now, sent))
    return made[1:]


@pytest.mark.parametrize("quoted", [True, False])
def test_a_registration_becomes_a_script_with_its_own_ids_numbers_and_slots(
    recordings: list[Recording], quoted: bool
) -> None:
    first, second = recordings
    script = Composer(first, second, quoted=quoted).script(WORKLOAD)
    assert script.count("\\gset") == 2, "the slot taken and the visit number are used further on"
    assert len(re.findall(r"^(?:SELECT|INSERT|UPDATE|WITH) ", script, re.MULTILINE)) >= len(first.sent)
    for recording in recordings:
        assert recording.patient not in script
        assert recording.session not in script
    assert ("':p'" in script) is quoted


def test_a_value_nobody_can_explain_stops_the_bench() -> None:
    now = datetime.now(UTC)
    sides = [
        Recording(str(uuid4()), str(uuid4()), now, [Sent("SELECT %(x)s", {"x": number}, (), None)]) for number in (1, 2)
    ]
    with pytest.raises(NoSource, match="x"):
        Composer(*sides, quoted=False).script(WORKLOAD)


def test_no_patient_comes_to_a_session_twice() -> None:
    pairs = [WORKLOAD.pair(x) for x in range(WORKLOAD.patients * WORKLOAD.sessions)]
    assert len(set(pairs)) == len(pairs)
    assert len({patient for patient, _ in pairs}) == WORKLOAD.patients


def test_the_page_judges_by_the_targets_and_names_no_place() -> None:
    def sums(rate: float) -> Sums:
        return Sums(done=int(rate), seconds=1.0, latencies=[0.010] * 98 + [0.060] * 2)

    registration = Registration(3.0, 2, 18)
    for clients in CLIENTS:
        registration.hospital |= {(processes, clients): sums(300) for processes in PROCESSES}
        registration.pgbench |= {(mode, clients): sums(1000) for mode in MODES}
    registration.crowd = sums(100)
    costs = [
        FunctionCost("outpatient/registration", 1, 2.0, 0.8, 2.1, 0.9, 120 * 10**6, 90 * 10**6),
        FunctionCost("outpatient/schedule", 1, 2.0, 0.9, 2.1, 1.1, 90 * 10**6, 80 * 10**6),
        FunctionCost("group counter", 5, 2.0, 1.9, 2.1, 2.0, 160 * 10**6, 140 * 10**6),
    ]
    search = Search("ID number", 0.005, [0.001] * 100, [0.002] * 100, [0.0005] * 100, 1.0)
    findings = Findings(registration, costs, Index(1000, 1.0, [search]))
    text = page(Machine.here("18.0"), findings, date(2026, 7, 1))
    assert "| 0.30 | met, aim not met |" in text
    assert "| 6.0 | not met |" in text, "p99 is six times p50"
    assert "| 0.90 | met | 120 | 90 | 120 | not met |" in text
    assert "| 1.10 | not met | 90 | 80 | 90 | met |" in text
    assert "|  | 160 | 140 | 32 | met |" in text, "as production runs it"
    assert "| 5 | met |" in text
    for place in (socket.gethostname(), str(REPOSITORY), f"/{getpass.getuser()}/", "127.0.0.1"):
        assert place not in text
