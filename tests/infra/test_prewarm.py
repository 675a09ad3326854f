"""The pre-warmer: how many instances the next hour's patients need, and that it touches nothing else."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.registry import MODULES
from infra.his.prewarm import MINIMUM, Band, Cluster, Model, PrewarmError, read_bands
from tests.support.hospital import Hospital

EIGHT = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
MODEL = Model.load()
COUNTER = ("patients/index", "outpatient/schedule", "outpatient/registration", "payments/billing", "payments/cashier")


def band(booked: int, free: int = 0, after: int = 0, minutes: int = 30) -> Band:
    start = EIGHT + timedelta(minutes=after)
    return Band(start, start + timedelta(minutes=minutes), booked, free)


def test_every_function_of_the_table_exists() -> None:
    assert MODEL.requests.keys() <= set(MODULES)


def test_nobody_comes_nothing_is_needed() -> None:
    assert MODEL.instances([], COUNTER, 10) == 0
    assert MODEL.instances([band(0)], COUNTER, 10) == 0


def test_functions_that_patients_do_not_use_stay_as_they_are() -> None:
    assert MODEL.instances([band(5000)], ["catalogue/prices"], 5) == 0


def test_a_morning() -> None:
    """1,200 patients in half an hour, 12 requests each, six times as fast at first, a quarter second each."""
    places = 1200 / 1800 * 12 * 6 * 0.25
    assert MODEL.instances([band(1200)], COUNTER, 10) == -(-places // 7)


def test_free_numbers_count_by_half() -> None:
    assert MODEL.instances([band(0, 2400)], COUNTER, 10) == MODEL.instances([band(1200)], COUNTER, 10)


def test_clinics_that_open_together_count_together() -> None:
    together = MODEL.instances([band(1200), band(1200, minutes=60)], COUNTER, 10)
    apart = MODEL.instances([band(1200), band(1200, after=30)], COUNTER, 10)
    assert together > apart == MODEL.instances([band(1200)], COUNTER, 10)


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 50))
def test_more_patients_never_need_less(few: int, more: int, concurrency: int) -> None:
    least, most = sorted((few, more))
    assert MODEL.instances([band(least)], COUNTER, concurrency) <= MODEL.instances([band(most)], COUNTER, concurrency)


def test_an_empty_hospital_has_no_bands(hospital: Hospital) -> None:
    """The question fits the tables of the schedule, asked by the auditor."""
    dsn = hospital.server.dsn("his_auditor", hospital.database)
    assert read_bands(dsn, EIGHT, EIGHT + timedelta(hours=1)) == []


# -- the API server


class Api(BaseHTTPRequestHandler):
    """A Knative Service and its revision, as the API server tells them."""

    changes: ClassVar[list[tuple[str, str, Any]]] = []
    refuse = 0

    def do_GET(self) -> None:
        if self.path.endswith("/services"):
            template = {
                "metadata": {"annotations": {MINIMUM: "1", "autoscaling.knative.dev/max-scale": "4"}},
                "spec": {
                    "containerConcurrency": 10,
                    "containers": [{"env": [{"name": "HIS_FUNCTIONS", "value": ",".join(COUNTER)}]}],
                },
            }
            ready = {
                "metadata": {"name": "counter"},
                "spec": {"template": template},
                "status": {"latestReadyRevisionName": "counter-00002"},
            }
            starting = {"metadata": {"name": "office"}, "spec": {"template": template}, "status": {}}
            self._answer({"items": [ready, starting]})
        else:
            self._answer({"metadata": {"annotations": {MINIMUM: "2"}}})

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.changes.append((self.path, self.headers["authorization"], body))
        self._answer({})

    def _answer(self, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(self.refuse or 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "namespace").write_text("his\n", encoding="utf-8")
    (tmp_path / "token").write_text("pass\n", encoding="utf-8")
    Api.changes.clear()
    Api.refuse = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Cluster(f"http://127.0.0.1:{server.server_port}", tmp_path)
        server.shutdown()


def test_services_without_a_serving_revision_are_left_alone(cluster: Cluster) -> None:
    (service,) = cluster.services()
    assert (service.name, service.revision, service.functions) == ("counter", "counter-00002", COUNTER)
    assert (service.concurrency, service.declared, service.most) == (10, 1, 4)
    assert cluster.minimum(service) == 2


def test_only_an_annotation_of_the_revision_changes(cluster: Cluster) -> None:
    cluster.set_minimum(cluster.services()[0], 3)
    assert Api.changes == [
        (
            "/apis/serving.knative.dev/v1/namespaces/his/revisions/counter-00002",
            "Bearer pass",
            {"metadata": {"annotations": {MINIMUM: "3"}}},
        )
    ]


def test_a_refusal_is_told(cluster: Cluster) -> None:
    Api.refuse = 403
    with pytest.raises(PrewarmError, match="403"):
        cluster.services()


def test_outside_a_cluster_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(PrewarmError, match="CronJob"):
        Cluster("http://127.0.0.1:1", tmp_path)
