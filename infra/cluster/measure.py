"""Figures of the cluster: memory, connections, cold starts one by one and together, out and back to zero."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from infra.cluster import data
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, pods, ready, services, until
from infra.cluster.prewarmer import held_back
from infra.his.manifests.names import NAMESPACE

Say = Callable[[str], None]

QUESTIONS = {
    "outpatient/schedule": "/api/outpatient/schedule/clinics",
    "catalogue/prices": "/api/catalogue/prices/items",
}
"""A read with a person's token, by the function asked: code loaded, token checked, database answered."""
LOAD_SECONDS, LOAD_CLIENTS = 40, 30


@dataclass(frozen=True, slots=True)
class Start:
    """One answer from zero."""

    seconds: float
    status: int
    work: float = 0.0
    """Seconds of processor time the function had used by then; the rest is waiting, for others too."""


def measure(starts: int, say: Say) -> str:
    """The figures as a Markdown table. `starts` cold starts are measured."""
    os.environ.update(data.settings(node_address(), gateway()))
    staffed()
    with held_back():
        return _measure(starts, say)


def staffed() -> None:
    """Give the demonstration's staff their posts and accounts: who is founded anew has founders only."""
    from loadtests import demo
    from shared.settings import settings

    demo.prepare(settings())


def _measure(starts: int, say: Say) -> str:
    found: list[tuple[str, str]] = []

    def note(what: str, value: str) -> None:
        say(f"{what}: {value}")
        found.append((what, value))

    bearer = token()
    service = service_of("outpatient/schedule")
    note("services", ", ".join(f"{name} ({functions})" for name, functions in services().items()))
    together = _all_at_once()
    note("all services from zero at once", _together(together))
    time.sleep(3)
    note("memory of one instance of each", _memory())
    note("connections to PostgreSQL, one instance of each", str(_connections()))
    note(f"cold start of {service}", _cold(service, starts, bearer, say))
    note(f"{LOAD_CLIENTS} clients for {LOAD_SECONDS} s", _load(service, bearer))
    note("back to zero after the last request", f"{_to_zero(service):.0f} s")
    return "\n".join(["| What | Seen |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in found)])


def token() -> str:
    """A fresh access token of a schedule clerk, by the real sign-on."""
    from infra.local.login import TokenSource
    from loadtests.preparing import holder
    from shared.settings import settings

    configuration = settings()
    clerk = holder("hq", "schedule_clerk").staff_no
    source = TokenSource(configuration.keycloak_url, configuration.keycloak_realm, clerk, configuration.demo_password)
    return source.access_token()


def _ask(path: str, bearer: str = "") -> Start:
    import httpx

    headers = {"x-campus": "hq", **({"authorization": f"Bearer {bearer}"} if bearer else {})}
    begun = time.perf_counter()
    answer = httpx.get(gateway() + path, headers=headers, timeout=60)
    return Start(time.perf_counter() - begun, answer.status_code)


def service_of(function: str) -> str:
    """The Knative Service that runs a function."""
    return next(name for name, functions in services().items() if function in functions.split(","))


def _instances(service: str) -> list[dict[str, Any]]:
    return pods(f"serving.knative.dev/service={service}")


def _all_instances(service: str) -> list[dict[str, Any]]:
    """With those on their way out: while one of them still runs, a start is not cold."""
    return list(get("pods", "-l", f"serving.knative.dev/service={service}")["items"])


def _to_zero(service: str) -> float:
    return until(lambda: not _all_instances(service), f"{service} to go to zero", 300)


def _cold(service: str, starts: int, bearer: str, say: Say) -> str:
    seen: list[Start] = []
    for _ in range(starts):
        _to_zero(service)
        time.sleep(2)
        bearer = bearer if _lasts(bearer) else token()
        start = _ask(QUESTIONS["outpatient/schedule"], bearer)
        if start.status != 200:
            raise ClusterError(f"{service}: {start.status} from zero")
        start = replace(start, work=_work(service))
        seen.append(start)
        say(f"  from zero: {start.seconds:.2f} s, {start.work:.2f} s of a processor, load {os.getloadavg()[0]:.1f}")
    warm = sorted(_ask(QUESTIONS["outpatient/schedule"], bearer).seconds for _ in range(20))
    took = [start.seconds for start in seen]
    return (
        f"{len(took)} starts, p50 {statistics.median(took):.2f} s, p95 {_share(took, 0.95):.2f} s,"
        f" most {max(took):.2f} s;"
        f" {statistics.median(start.work for start in seen):.2f} s of a processor each;"
        f" warm p50 {statistics.median(warm) * 1000:.0f} ms"
    )


def _work(service: str) -> float:
    """Processor time of the function's process so far."""
    name = _instances(service)[0]["metadata"]["name"]
    ask = "import os; f = open('/proc/1/stat').read().rpartition(')')[2].split();"
    ask += "print((int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK'))"
    return float(kubectl("-n", NAMESPACE, "exec", name, "-c", "function", "--", "/usr/bin/python3", "-c", ask))


def _lasts(bearer: str) -> bool:
    import base64

    body = bearer.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return float(claims["exp"]) - time.time() > 90


def _share(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def _all_at_once() -> list[Start]:
    """08:00 without anything warm: each service is asked at the same moment, all of them at zero."""
    paths = [f"/api/{functions.split(',')[0]}/none" for functions in services().values()]
    for service in services():
        _to_zero(service)
    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(_ask, paths))


def _together(starts: list[Start]) -> str:
    seconds = sorted(start.seconds for start in starts)
    return f"{len(seconds)} services, first after {seconds[0]:.1f} s, last after {seconds[-1]:.1f} s"


def _memory() -> str:
    """Working set of the function containers, from the kubelet's own statistics."""
    node = get("nodes")["items"][0]["metadata"]["name"]
    report = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
    found: dict[str, float] = {}
    proxies = 0.0
    for pod in report["pods"]:
        if pod["podRef"]["namespace"] != NAMESPACE:
            continue
        for container in pod["containers"]:
            size = container.get("memory", {}).get("workingSetBytes", 0) / 2**20
            if container["name"] == "function":
                found[pod["podRef"]["name"].rsplit("-deployment-", 1)[0]] = size
            elif container["name"] == "queue-proxy":
                proxies += size
    each = ", ".join(f"{name} {size:.0f}" for name, size in sorted(found.items()))
    return f"{sum(found.values()):.0f} MiB in functions ({each}) and {proxies:.0f} MiB in their proxies"


def _connections() -> int:
    import psycopg

    from infra.local.postgres import Postgres

    server = Postgres(data.STATE, data.PORTS["postgres"])
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'his_app'").fetchone()
    return int(row[0]) if row else 0


def _load(service: str, bearer: str) -> str:
    """Steady callers with a person's token; how many instances, how fast, whether anybody was refused."""
    bearer = bearer if _lasts(bearer) else token()
    most = 0
    first: dict[int, float] = {}
    over = threading.Event()
    begun = time.monotonic()

    def watch() -> None:
        nonlocal most
        while not over.is_set():
            now = sum(ready(pod) for pod in _instances(service))
            first.setdefault(now, time.monotonic() - begun)
            most = max(most, now)
            over.wait(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        order = ["hey", "-z", f"{LOAD_SECONDS}s", "-c", str(LOAD_CLIENTS), "-t", "60"]
        order += ["-H", f"Authorization: Bearer {bearer}", "-H", "X-Campus: hq"]
        done = subprocess.run(
            [*order, gateway() + QUESTIONS["outpatient/schedule"]], capture_output=True, text=True, check=True
        )
    finally:
        over.set()
        watcher.join()
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    shares = dict(re.findall(r"(\d+)%+ in ([\d.]+) secs", done.stdout))
    answers = re.findall(r"\[(\d+)\]\s+(\d+) responses", done.stdout)
    failed = re.search(r"Error distribution:\n(.*)", done.stdout, re.DOTALL)
    return (
        f"{float(rate.group(1)) if rate else 0:.0f} requests/s, answers {dict(answers)},"
        f" p50 {float(shares.get('50', 0)) * 1000:.0f} ms, p95 {float(shares.get('95', 0)) * 1000:.0f} ms,"
        f" {most} instances ({', '.join(f'{count} after {at:.0f} s' for count, at in sorted(first.items()) if count)})"
        f"{'; failed: ' + failed.group(1).strip()[:200] if failed else ''}"
    )
