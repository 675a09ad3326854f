"""`his prewarm`: as many instances as the next hour's patients need, before they come.

The day's bookings and schedules say how many come when; the autoscaler would find out only when they stand there. The
minimum is set on the revision that serves, which Knative takes over at once; nothing is rolled out and no instance is
replaced. Each run sets the minimum anew, so that it falls back to the declared one when the wave is over.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from urllib3 import PoolManager

TABLE = Path(__file__).with_name("prewarm.toml")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MINIMUM, MAXIMUM = "autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale"
_API = "/apis/serving.knative.dev/v1/namespaces"
_BANDS = """
SELECT slot.band_start, slot.band_end, count(*) FILTER (WHERE slot.status <> 'free'),
    count(*) FILTER (WHERE slot.status = 'free')
FROM outpatient.slots AS slot JOIN outpatient.sessions AS session USING (session_id)
WHERE session.status = 'published' AND slot.band_start < %s AND slot.band_end > %s
GROUP BY 1, 2 ORDER BY 1, 2
"""


class Band(NamedTuple):
    """Patients of one time band of all clinics (时段), at every campus."""

    start: datetime
    end: datetime
    booked: int
    free: int


class PrewarmError(Exception):
    """The cluster's API does not answer as it should; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Model:
    """What patients ask of the functions."""

    requests: Mapping[str, float]
    walk_ins: float
    rush: float
    seconds: float

    @classmethod
    def load(cls, path: Path = TABLE) -> Model:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(requests=table["requests_of_a_visit"], **table["arrivals"])

    def instances(self, bands: Iterable[Band], functions: Iterable[str], concurrency: int) -> int:
        """Instances of a service that answer the busiest moment of these bands without waiting for new ones.

        Bands that begin together come together. 70 % of an instance's places count, as for the autoscaler.
        """
        per_visit = sum(self.requests.get(function, 0.0) for function in functions)
        rates: dict[datetime, float] = {}
        for band in bands:
            minutes = max((band.end - band.start).total_seconds() / 60, 1.0)
            patients = band.booked + self.walk_ins * band.free
            rates[band.start] = rates.get(band.start, 0.0) + patients / minutes
        busiest = max(rates.values(), default=0.0) / 60 * per_visit * self.rush
        return math.ceil(busiest * self.seconds / (0.7 * concurrency))


class Service(NamedTuple):
    """A Knative Service as the cluster has it."""

    name: str
    functions: tuple[str, ...]
    revision: str
    concurrency: int
    declared: int
    """The minimum its manifest declares."""
    most: int


def prewarm(
    ahead: Annotated[int, typer.Option(min=5, help="Minutes to look ahead.")] = 45,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do.")] = False,
    factor: Annotated[float, typer.Option(min=0, help="Expect so many times the patients (an epidemic, a test).")] = 1,
) -> None:
    """Set each service's minimum to what the bookings of the next minutes need; never below the declared one."""
    from datetime import UTC

    from shared.settings import settings

    now = datetime.now(UTC)
    bands = read_bands(settings().auditor_database_url, now, now + timedelta(minutes=ahead))
    expected = [band._replace(booked=round(band.booked * factor), free=round(band.free * factor)) for band in bands]
    typer.echo(
        f"until {now + timedelta(minutes=ahead):%H:%M} UTC: {sum(band.booked for band in expected)} booked, "
        f"{sum(band.free for band in expected)} numbers free"
    )
    try:
        cluster = Cluster()
        for service in cluster.services():
            needed = Model.load().instances(expected, service.functions, service.concurrency)
            wanted = min(max(needed, service.declared), service.most)
            before = cluster.minimum(service)
            if wanted != before and not dry_run:
                cluster.set_minimum(service, wanted)
            typer.echo(f"{service.name}: {before} -> {wanted} of at most {service.most}")
    except PrewarmError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def read_bands(url: str, now: datetime, until: datetime) -> list[Band]:
    """Bands that are under way or begin before `until`, over all campuses, as the auditor sees them: counts only."""
    import psycopg

    with psycopg.connect(url, connect_timeout=10) as connection:
        return [Band(*row) for row in connection.execute(_BANDS, [until, now]).fetchall()]


class Cluster:
    """The API server, by the pod's own account: it may read services and set annotations of revisions, no more."""

    def __init__(self, address: str = "https://kubernetes.default.svc", account: Path = ACCOUNT) -> None:
        import urllib3

        try:
            self._namespace = (account / "namespace").read_text(encoding="utf-8").strip()
            self._token = (account / "token").read_text(encoding="utf-8").strip()
        except OSError:
            raise PrewarmError("Not in a cluster: `his prewarm` runs as the CronJob `prewarm`.") from None
        authority = account / "ca.crt"
        self._address = address
        self._http: PoolManager = urllib3.PoolManager(
            ca_certs=str(authority) if authority.exists() else None, timeout=10
        )

    def services(self) -> list[Service]:
        """Services that have a revision which serves."""
        found = []
        for one in self._ask("GET", "services")["items"]:
            revision = one.get("status", {}).get("latestReadyRevisionName")
            template = one["spec"]["template"]
            container = template["spec"]["containers"][0]
            functions = next((env["value"] for env in container.get("env", ()) if env["name"] == "HIS_FUNCTIONS"), "")
            if revision and functions:
                annotations = template["metadata"].get("annotations", {})
                found.append(
                    Service(
                        name=one["metadata"]["name"],
                        functions=tuple(functions.split(",")),
                        revision=revision,
                        concurrency=int(template["spec"].get("containerConcurrency") or 1),
                        declared=int(annotations.get(MINIMUM, 0)),
                        most=int(annotations.get(MAXIMUM, 0)) or 1_000,
                    )
                )
        return found

    def minimum(self, service: Service) -> int:
        """The minimum that holds now."""
        annotations = self._ask("GET", f"revisions/{service.revision}")["metadata"].get("annotations", {})
        return int(annotations.get(MINIMUM, 0))

    def set_minimum(self, service: Service, count: int) -> None:
        """Set it on the revision that serves."""
        self._ask("PATCH", f"revisions/{service.revision}", {"metadata": {"annotations": {MINIMUM: str(count)}}})

    def _ask(self, method: str, what: str, change: Any = None) -> Any:
        import json

        import urllib3

        headers = {"Authorization": f"Bearer {self._token}"}
        if change is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        url = f"{self._address}{_API}/{self._namespace}/{what}"
        try:
            answer = self._http.request(
                method, url, headers=headers, body=None if change is None else json.dumps(change), retries=2
            )
        except urllib3.exceptions.HTTPError as error:
            raise PrewarmError(f"{method} {what}: {type(error).__name__}") from None
        if answer.status >= 300:
            raise PrewarmError(f"{method} {what}: {answer.status} {answer.data.decode(errors='replace')[:300]}")
        return json.loads(answer.data)
