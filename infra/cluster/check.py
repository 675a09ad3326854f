"""Shows that the hospital works on the cluster: refusals at the gateway, a morning, events through the Broker."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.cluster import data
from infra.cluster.broker import CHANNELS
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import ClusterError, get, node_address

Say = Callable[[str], None]

SESSIONS = 5
"""Clinic sessions that are stopped to follow their event."""
EVENT_WITHIN = 60.0

_BUSY_SESSIONS = """
SELECT session.session_id, session.campus_id, session.version, count(*) AS visits
FROM outpatient.sessions AS session JOIN outpatient.visits AS visit USING (session_id)
WHERE session.status = 'published' AND visit.status = 'registered'
GROUP BY 1, 2, 3 ORDER BY session.session_id LIMIT %s
"""
_HANDLED = """
SELECT extract(epoch FROM inbox.handled_at - outbox.created_at)::float8
FROM kernel.outbox AS outbox JOIN kernel.inbox AS inbox ON inbox.event_id = outbox.event_id::text
WHERE outbox.type LIKE %s AND outbox.subject = %s AND inbox.subscriber = 'outpatient/registration'
"""
_STILL_OPEN = "SELECT count(*) FROM outpatient.visits WHERE session_id = %s AND status = 'registered'"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A session that was stopped: what the registration function made of it."""

    visits: int
    seconds: float
    """From the commit of the stop to the commit of the cancellation."""


def check(patients: int, say: Say) -> int:
    """Run every check; 0 when all hold."""
    os.environ.update(data.settings(node_address(), gateway()))
    from shared.settings import settings

    configuration = settings()
    faults = [*refusals(configuration.host_url, say), *_through_broker(say)]

    from loadtests import demo

    # Others come than the last time: who is registered already would be refused.
    seed = int(time.time())
    say(f"seed of the morning: {seed}")
    if demo.play(configuration, patients=patients, seed=seed):
        faults.append("the morning does not add up (see above)")
    stopped = stop_sessions(configuration, say)
    if not stopped:
        faults.append("no session with a visit could be stopped")
    for fault in faults:
        say(f"wrong: {fault}")
    say("The hospital works on the cluster." if not faults else f"{len(faults)} checks fail.")
    return 1 if faults else 0


def refusals(address: str, say: Say) -> list[str]:
    """What the gateway and the functions behind it refuse, and that each refusal is a document a person can read."""
    import httpx

    faults = []
    with httpx.Client(base_url=address, timeout=60) as http:
        cases: dict[str, tuple[int, httpx.Response]] = {
            "without a token": (401, http.get("/api/outpatient/schedule/clinics")),
            "no such path": (404, http.get("/api/outpatient/nothing")),
            "a function's own pages": (404, http.get("/metrics")),
            "events from outside": (404, http.post("/events/outpatient/registration", json={})),
            "an escaped slash": (400, http.get("/api/outpatient%2Fschedule/clinics")),
            "a body too large": (413, http.post("/api/outpatient/registration/visits", content=b"x" * 1_100_000)),
        }
    for what, (status, answer) in cases.items():
        kind = answer.headers.get("content-type", "")
        if answer.status_code != status or not kind.startswith("application/problem+json"):
            faults.append(f"{what}: {answer.status_code} {kind} {answer.text[:200]}")
        elif (document := json.loads(answer.text))["status"] != status or not document["code"]:
            faults.append(f"{what}: {answer.text[:200]}")
    say(f"refusals: {len(cases) - len(faults)} of {len(cases)} as they should be")
    return faults


def _through_broker(say: Say) -> list[str]:
    """That the worker posts to the Broker and every Trigger is ready: no event has another way."""
    broker = get("broker", "default")
    address = broker["status"]["address"]["url"]
    worker = get("deployment", "worker")["spec"]["template"]["spec"]["containers"][0]
    settings_name = worker["envFrom"][0]["configMapRef"]["name"]
    told = get("configmap", settings_name)["data"]["HIS_BROKER_URL"]
    triggers = get("trigger")["items"]
    unready = [one["metadata"]["name"] for one in triggers if not _ready(one)]
    say(f"broker: {broker['metadata']['annotations']['eventing.knative.dev/broker.class']}, {len(triggers)} triggers")
    faults = [f"trigger {name} is not ready" for name in unready]
    channels = get(CHANNELS)["items"]
    streams = [one["spec"]["stream"]["config"] for one in channels]
    kept = [f"{one['replicas']} times in {one['storage']} storage" for one in streams]
    say(f"    its events lie {'; '.join(kept) or 'nowhere'}")
    heard = {one["uid"] for channel in channels for one in channel["spec"].get("subscribers", [])}
    living = {one["metadata"]["uid"] for one in get("subscriptions.messaging.knative.dev")["items"]}
    if dead := len(heard - living):
        faults.append(f"{dead} subscribers are dead: nobody takes their events out of the stream")
    if [one["storage"] for one in streams] != ["File"]:
        faults.append("the Broker keeps its events in memory")
    return faults if told == address else [*faults, f"the worker posts to {told}, the Broker listens at {address}"]


def _ready(one: dict[str, Any]) -> bool:
    return any(state["type"] == "Ready" and state["status"] == "True" for state in one["status"]["conditions"])


def stop_sessions(configuration: Any, say: Say) -> list[Stopped]:
    """Stop clinic sessions that have visits and follow the event: outbox, relay, Broker, Trigger, function."""
    import psycopg

    from loadtests.front_desk import FrontDesk
    from loadtests.preparing import holder

    found = []
    with (
        psycopg.connect(configuration.auditor_database_url, autocommit=True) as database,
        FrontDesk(configuration) as front,
    ):
        for session_id, campus, version, visits in database.execute(_BUSY_SESSIONS, [SESSIONS]).fetchall():
            office = front.desk(holder(campus, "schedule_approver").staff_no, campus)
            office.post(
                f"/api/outpatient/schedule/sessions/{session_id}/stop", {"version": version, "reason": "医生临时停诊"}
            )
            deadline = time.monotonic() + EVENT_WITHIN
            while not (row := database.execute(_HANDLED, ["%session_stopped%", str(session_id)]).fetchone()):
                if time.monotonic() > deadline:
                    raise ClusterError(f"session {session_id}: nobody heard within {EVENT_WITHIN:.0f} s")
                time.sleep(0.05)
            still = database.execute(_STILL_OPEN, [session_id]).fetchone()
            if still is None or still[0]:
                raise ClusterError(f"session {session_id}: its event was handled, its visits are still open")
            found.append(Stopped(int(visits), float(row[0])))
    if found:
        seconds = sorted(one.seconds for one in found)
        say(
            f"events: {len(found)} sessions stopped, their event cancelled {sum(one.visits for one in found)} visits;"
            f" commit to commit p50 {statistics.median(seconds) * 1000:.0f} ms, most {seconds[-1] * 1000:.0f} ms"
        )
    return found
