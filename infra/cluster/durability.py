"""Whether the Broker keeps what it has accepted: its parts are killed, its subscriber is away, every event is counted.

Two Brokers stand for some minutes in a namespace of their own, one on the hospital's channel and one on Knative's
in-memory channel; a subscriber on the node counts by id. Nobody sends a second time: what was accepted and never came
is lost, what came twice is doubled. Then a morning is played through the hospital's own Broker while the same happens.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from infra.cluster import data
from infra.cluster.broker import CHANNELS
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, pods, ready, until
from infra.his.manifests import nats
from infra.his.manifests.eventing import CHANNEL, PATIENCE
from infra.his.manifests.names import DATA, EVENTING, NAMESPACE

Say = Callable[[str], None]

PLACE = "broker-check"
KIND = "his.check.counted.v1"
DURABLE, MEMORY = "durable", "memory"
_SETTINGS = {DURABLE: CHANNEL, MEMORY: "config-br-default-channel"}
_EACH_SECOND = 20
_PATIENCE = 150.0
_LATE = 3.0
"""How long to wait for what comes a second time."""
_LABEL = "messaging.knative.dev/channel={},messaging.knative.dev/role=dispatcher"
_DISPATCHERS = {DURABLE: _LABEL.format("nats-jetstream-channel"), MEMORY: _LABEL.format("in-memory-channel")}
_SERVERS = f"app.kubernetes.io/component={nats.NATS}"


@dataclass(slots=True)
class Counter:
    """A subscriber on the node. Away, it accepts no connection."""

    address: str
    port: int = 0
    arrivals: dict[str, list[float]] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    def come(self) -> None:
        arrivals = self.arrivals

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                arrivals.setdefault(self.headers["ce-id"], []).append(time.monotonic())
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((self.address, self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def go(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@dataclass(slots=True)
class Sent:
    """Events of one trial: when each was given to the Broker and what it answered."""

    at: dict[str, float] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of them."""

    sent: int
    accepted: int
    lost: int
    doubled: int
    after: float
    """Seconds from the end of the disturbance to the last arrival."""
    p50: float
    p95: float

    def __str__(self) -> str:
        return (
            f"{self.accepted} of {self.sent} accepted, {self.lost} lost, {self.doubled} came twice; the last"
            f" {self.after:.1f} s after; p50 {self.p50 * 1000:.0f} ms, p95 {self.p95 * 1000:.0f} ms"
        )


class Trials:
    """The two Brokers and their counting subscriber."""

    def __init__(self, counter: Counter, ingress: str) -> None:
        self.counter = counter
        self._ingress = ingress

    def steady(self, kind: str) -> Seen:
        """Nothing happens."""
        sent = self._publish(kind, 200)
        return self.settled(sent, sent.ended)

    def subscriber_away(self, kind: str, then: Callable[[], None] = lambda: None) -> Seen:
        """Events come in while the subscriber is away for some 20 s; `then` happens before it is back."""
        self.counter.go()
        away = time.monotonic()
        sent = self._publish(kind, 100)
        then()
        time.sleep(max(20 - (time.monotonic() - away), 0))
        self.counter.come()
        return self.settled(sent, time.monotonic())

    def struck(self, kind: str, blow: Callable[[], None]) -> Seen:
        """The blow falls in the middle of a stream of events."""
        sent = self._publish(kind, 300, {100: blow})
        return self.settled(sent, sent.ended)

    def _publish(self, kind: str, count: int, meanwhile: dict[int, Callable[[], None]] | None = None) -> Sent:
        import urllib3

        sent, run = Sent(), f"{kind}-{time.time_ns()}"
        http = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(connect=2, read=10))

        def post(name: str) -> None:
            headers = {"ce-specversion": "1.0", "ce-id": name, "ce-type": KIND, "ce-source": "his/check"}
            headers["content-type"] = "application/json"
            sent.at[name] = time.monotonic()
            with suppress(urllib3.exceptions.HTTPError):
                if http.request("POST", f"{self._ingress}/{kind}", body=b"{}", headers=headers).status < 300:
                    sent.accepted.add(name)

        begun = time.monotonic()
        with ThreadPoolExecutor(64) as senders:
            for number in range(count):
                time.sleep(max(begun + number / _EACH_SECOND - time.monotonic(), 0))
                senders.submit(post, f"{run}-{number}")
                if meanwhile and number in meanwhile:
                    senders.submit(meanwhile[number])
        sent.ended = time.monotonic()
        return sent

    def settled(self, sent: Sent, since: float) -> Seen:
        """What became of events sent, once all that were accepted have come or patience is at its end."""

        def missing() -> set[str]:
            return sent.accepted - self.counter.arrivals.keys()

        with suppress(ClusterError):
            until(lambda: not missing(), "the last event", _PATIENCE, 0.1)
        time.sleep(_LATE)
        came = {name: self.counter.arrivals[name] for name in sent.at if name in self.counter.arrivals}
        took = sorted(times[0] - sent.at[name] for name, times in came.items() if name in sent.accepted) or [0.0]
        first = [times[0] for times in came.values()] or [since]
        return Seen(
            sent=len(sent.at),
            accepted=len(sent.accepted),
            lost=len(missing()),
            doubled=sum(len(times) > 1 for times in came.values()),
            after=max(max(first) - since, 0.0),
            p50=statistics.median(took),
            p95=took[int(len(took) * 0.95) - 1] if len(took) > 1 else took[0],
        )


def durability(patients: int, say: Say) -> int:
    """Every trial on both Brokers, then a morning; 0 when the durable one lost nothing and no inbox lacks an event."""
    os.environ.update(data.settings(node_address(), gateway()))
    faults: list[str] = []
    with _brokers(say) as trials:
        say(f"    {_memory()}")
        for what, kinds, trial in _trials(trials):
            for kind in kinds:
                _whole()
                seen = trial(kind)
                say(f"{what}, {kind}: {seen}")
                if kind == DURABLE and (seen.lost or not seen.accepted):
                    faults.append(f"{what}: {seen}")
        _whole()
        say(f"    {_memory()}")
    blows = {6.0: lambda: _kill(_DISPATCHERS[DURABLE], EVENTING), 12.0: lambda: _kill(_SERVERS, DATA, _leader())}
    faults += morning(patients, "dispatcher and JetStream's leader killed", blows, say)
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


def _trials(trials: Trials) -> list[tuple[str, tuple[str, ...], Callable[[str], Seen]]]:
    """What happens, to which Brokers, and how it is tried."""

    def everything(kind: str) -> Callable[[], None]:
        def blow() -> None:
            _kill(_DISPATCHERS[kind], EVENTING)
            if kind == DURABLE:
                _kill(_SERVERS, DATA)
            _whole()

        return blow

    both, ours = (DURABLE, MEMORY), (DURABLE,)
    return [
        ("nothing happens", both, trials.steady),
        ("subscriber away", both, trials.subscriber_away),
        ("dispatcher killed", both, lambda kind: trials.struck(kind, lambda: _kill(_DISPATCHERS[kind], EVENTING))),
        ("subscriber away, the rest killed", both, lambda kind: trials.subscriber_away(kind, everything(kind))),
        ("JetStream's leader killed", ours, lambda kind: trials.struck(kind, lambda: _kill(_SERVERS, DATA, _leader()))),
        ("its three servers killed at once", ours, lambda kind: trials.struck(kind, lambda: _kill(_SERVERS, DATA))),
    ]


_OPEN = "SELECT count(*) FROM kernel.outbox WHERE closed_at IS NULL"
_SINCE = """
SELECT count(*), coalesce(sum(attempts - 1), 0)::int, (SELECT count(*) FROM kernel.dead_letters WHERE died_at >= %s)
FROM kernel.outbox WHERE created_at >= %s
"""
_INBOXES = """
SELECT event.type, inbox.subscriber, count(DISTINCT event.event_id), count(inbox.event_id)
FROM kernel.outbox AS event LEFT JOIN kernel.inbox AS inbox ON inbox.event_id = event.event_id::text
WHERE event.created_at >= %s GROUP BY 1, 2
"""
_OF_TYPE = "SELECT type, count(*) FROM kernel.outbox WHERE created_at >= %s GROUP BY 1"


def morning(patients: int, what: str, blows: Mapping[float, Callable[[], None]], say: Say) -> list[str]:
    """A morning while something happens, each so many seconds after it began: every inbox has each event, once."""
    import psycopg

    from functions.registry import all_apps
    from loadtests import demo
    from loadtests.front_desk import FrontDesk
    from loadtests.morning import Morning
    from loadtests.reckoning import reckon
    from shared.settings import settings

    configuration = settings()

    def strike(after: float, blow: Callable[[], None]) -> None:
        time.sleep(after)
        blow()

    with psycopg.connect(configuration.auditor_database_url, autocommit=True) as database:

        def one(query: str, *arguments: Any) -> Any:
            return database.execute(query, arguments).fetchone()

        until(lambda: one(_OPEN)[0] == 0, "the outbox before the morning", _PATIENCE)
        (begun,) = one("SELECT clock_timestamp()")
        demo.prepare(configuration)
        with FrontDesk(configuration) as front, ThreadPoolExecutor(len(blows)) as strikers:
            played = Morning(front, patients=patients, seed=int(time.time()), now=datetime.now(UTC))
            struck = [strikers.submit(strike, *one) for one in blows.items()]
            day = played.play()
            for one_blow in struck:
                one_blow.result()
            took = until(lambda: one(_OPEN)[0] == 0, "every event in its inbox", 300)
            wrong = reckon(configuration, day)
        events, again, dead = one(_SINCE, begun, begun)
        counted = {(kind, who): (ids, rows) for kind, who, ids, rows in database.execute(_INBOXES, [begun]) if who}
        of_type: dict[str, int] = dict(database.execute(_OF_TYPE, [begun]).fetchall())
    wanted = {(kind, app.name): of_type.get(kind, 0) for app in all_apps() for kind in app.handlers}
    lacking = {pair: count for pair, count in wanted.items() if counted.get(pair, (0, 0)) != (count, count)}
    say(
        f"a morning of {patients} patients, {what}: {events} events,"
        f" {sum(wanted.values())} deliveries, {sum(lacking.values())} not once in their inbox, {dead} dead letters;"
        f" the relay sent {again} a second time; the last was there {took:.1f} s after the last patient"
    )
    faults = [
        f"inbox of {who} for {kind}: {counted.get((kind, who))} of {count}" for (kind, who), count in lacking.items()
    ]
    return [*faults, *(["the morning does not add up"] if wrong else []), *([f"{dead} dead letters"] if dead else [])]


# -- parts


@contextmanager
def _brokers(say: Say) -> Iterator[Trials]:
    """The namespace with both Brokers, and the subscriber; gone afterwards."""
    counter = Counter(node_address())
    counter.come()
    objects: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}}]
    for kind, setting in _SETTINGS.items():
        config = {"apiVersion": "v1", "kind": "ConfigMap", "name": setting, "namespace": EVENTING}
        objects.append(_eventing("Broker", kind, {"config": config, "delivery": PATIENCE}))
        subscriber = {"uri": f"http://{counter.address}:{counter.port}/"}
        wanted = {"broker": kind, "filter": {"attributes": {"type": KIND}}, "subscriber": subscriber}
        objects.append(_eventing("Trigger", kind, {**wanted, "delivery": PATIENCE}))
    try:
        for one in objects:
            kubectl("apply", "-f", "-", given=json.dumps(one))
        kubectl("-n", PLACE, "wait", "broker,trigger", "--all", "--for=condition=Ready", "--timeout=180s")
        say("two Brokers stand: one on JetStream, one in memory")
        ingress = get("service/broker-ingress", namespace=EVENTING)["spec"]["clusterIP"]
        yield Trials(counter, f"http://{ingress}/{PLACE}")
    finally:
        counter.go()
        kubectl("delete", "namespace", PLACE, "--wait", "--timeout=180s")


def _eventing(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    annotations = {"eventing.knative.dev/broker.class": "MTChannelBasedBroker"} if kind == "Broker" else {}
    metadata = {"name": name, "namespace": PLACE, "annotations": annotations}
    return {"apiVersion": "eventing.knative.dev/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _whole() -> None:
    """Wait until everything that carries events runs, and the channel says so."""

    def runs() -> bool:
        found = [*pods(_SERVERS, DATA), *(pod for one in _DISPATCHERS.values() for pod in pods(one, EVENTING))]
        return len(found) >= nats.NODES + 2 and all(ready(pod) for pod in found)

    until(runs, "JetStream and the dispatchers", 240)


def _processes(selector: str, namespace: str, pod: str = "") -> Iterator[int]:
    """Processes on the node of the pods of a selector, their sandboxes left out."""
    wanted = {one["metadata"]["uid"] for one in pods(selector, namespace) if pod in ("", one["metadata"]["name"])}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                group, program = (folder / "cgroup").read_text(), (folder / "comm").read_text().strip()
                if program != "pause" and any(uid in group for uid in wanted):
                    yield int(folder.name)


def _kill(selector: str, namespace: str, pod: str = "") -> None:
    """SIGKILL, without a word: what a crash or the kernel does."""
    found = list(_processes(selector, namespace, pod))
    if not found:
        raise ClusterError(f"nothing of {selector} runs")
    for process in found:
        os.kill(process, signal.SIGKILL)


def _leader() -> str:
    """The server that leads the stream of the hospital's Broker."""
    import httpx

    stream = str(get(CHANNELS, namespace=NAMESPACE)["items"][0]["metadata"]["name"]).upper().replace("-", "_")
    address = pods(_SERVERS, DATA)[0]["status"]["podIP"]
    known = httpx.get(f"http://{address}:8222/jsz", params={"accounts": "true", "streams": "true"}, timeout=10).json()
    for account in known["account_details"]:
        for one in account["stream_detail"]:
            if one["name"].endswith(stream):
                return str(one["cluster"]["leader"])
    raise ClusterError("JetStream knows no stream of the Broker")


def _memory() -> str:
    """Resident memory of what carries events."""

    def mebibytes(selector: str, namespace: str) -> str:
        found = []
        for process in _processes(selector, namespace):
            text = Path(f"/proc/{process}/status").read_text()
            found.append(round(int(text.partition("VmRSS:")[2].split()[0]) / 1024))
        return " + ".join(map(str, sorted(found)))

    ours, theirs = (mebibytes(_DISPATCHERS[kind], EVENTING) for kind in (DURABLE, MEMORY))
    return (
        f"memory in MiB: JetStream {mebibytes(_SERVERS, DATA)}, its dispatcher {ours}, the in-memory channel's {theirs}"
    )
