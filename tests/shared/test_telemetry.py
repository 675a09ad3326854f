"""One trace over HTTP and events; logs that carry its id and nothing of the patient."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from events.envelope import Event
from shared import telemetry
from shared.command import command
from shared.function import FunctionApp
from shared.http import Router
from shared.schemas import Input, Text, View
from shared.tx import Tx
from tests.support.hospital import Hospital, cloned_hospital

router = Router()
NAME = "韦春兰"
DOCUMENT = "450223199003074516"


class Admitted(Event, type="testing.traces.admitted", subject="person_no"):
    """Somebody was admitted."""

    person_no: int


class Bedded(Event, type="testing.traces.bedded", subject="person_no"):
    """Somebody has a bed."""

    person_no: int


class Admit(Input):
    name: Text
    document: Text


class Answer(View):
    done: bool


@router.post("/admissions")
@command("outpatient.registration.write")
def admit(tx: Tx, body: Admit) -> Answer:
    """Admit."""
    tx.emit(Admitted(person_no=1))
    return Answer(done=True)


@router.post("/breakdowns")
@command("outpatient.registration.write")
def break_down(tx: Tx, body: Admit) -> Answer:
    """A programming error in the middle of personal data."""
    raise ValueError(f"{body.name} {body.document}")


WARD = FunctionApp(
    "testing/traces",
    module=0,
    title="病区",
    router=router,
    on={
        Admitted: lambda tx, event: tx.emit(Bedded(person_no=event.person_no)),
        Bedded: lambda tx, event: None,
    },
)
PATH = "/api/testing/traces"
BODY = {"name": NAME, "document": DOCUMENT}


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([WARD]) as one:
        yield one


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    telemetry.export_to(SimpleSpanProcessor(exporter), "tests")
    return exporter


@pytest.fixture(autouse=True)
def exporting(exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "in memory")
    exporter.clear()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def test_a_request_and_what_followed_stand_in_one_trace_below_their_cause(
    hospital: Hospital, exporter: InMemorySpanExporter
) -> None:
    trace, asking = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    caller = hospital.caller("registrar")
    answer = caller.post(f"{PATH}/admissions", BODY, traceparent=f"00-{trace}-{asking}-01")
    hospital.drain(times=1)
    (request,) = named(exporter, "POST /admissions")
    admitted, bedded = sorted(named(exporter, "event testing/traces"), key=lambda span: span.start_time or 0)
    assert {f"{span.context.trace_id:032x}" for span in (request, admitted, bedded)} == {trace}
    assert [f"{span.parent.span_id:016x}" for span in (request, admitted, bedded) if span.parent] == [
        asking,
        f"{request.context.span_id:016x}",
        f"{admitted.context.span_id:016x}",
    ]
    assert answer.headers["traceparent"] == f"00-{trace}-{request.context.span_id:016x}-01"
    assert dict(request.attributes or {}) == {"function": "testing/traces", "campus": "hq", "status": 200}
    assert (admitted.attributes or {})["campus"] == "hq"


def test_a_trace_begins_here_when_nobody_sent_one(hospital: Hospital, exporter: InMemorySpanExporter) -> None:
    hospital.caller("registrar").post(f"{PATH}/admissions", BODY)
    (request,) = named(exporter, "POST /admissions")
    assert request.parent is None
    row = hospital.rows("SELECT trace_id FROM kernel.audit_entries ORDER BY at DESC LIMIT 1")[0]
    assert row["trace_id"] == f"{request.context.trace_id:032x}"


def test_nothing_personal_in_logs_spans_or_answers(hospital: Hospital, exporter: InMemorySpanExporter) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(telemetry.JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        caller = hospital.caller("registrar", name=NAME)
        answer = caller.post(f"{PATH}/breakdowns", BODY)
        caller.post(f"{PATH}/admissions", {**BODY, "dcoument": DOCUMENT})
    finally:
        root.removeHandler(handler)
    assert answer.status_code == 500
    entry = json.loads(next(line for line in lines.getvalue().splitlines() if "request failed" in line))
    assert entry["trace_id"] == answer.json()["trace_id"]
    assert (entry["exception"], entry["cause"]) == ("ValueError", "ValueError")
    spans = "".join(span.to_json() for span in exporter.get_finished_spans())
    for told in (lines.getvalue(), spans, answer.text):
        assert NAME not in told
        assert DOCUMENT not in told
