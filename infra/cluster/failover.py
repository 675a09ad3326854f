"""The primary hands over, and dies, while the hospital writes: how long nobody could, and whether anything is lost.

Two kinds of writers at once. Probes commit one row after another through the pooler and note what was acknowledged; a
clinic morning runs through the gateway as always, sends again what got no answer, and is reckoned up at its end.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from infra.cluster import data, databank, where
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, until
from infra.his.manifests.names import DATA
from shared.database.engine import SILENT_PEER

Say = Callable[[str], None]

WRITERS = 8
QUIET_BEFORE, QUIET_AFTER = 5.0, 5.0
_TABLE = """
CREATE SCHEMA IF NOT EXISTS probe AUTHORIZATION his_owner;
DROP TABLE IF EXISTS probe.commits;
CREATE TABLE probe.commits (id uuid PRIMARY KEY, writer int NOT NULL);
GRANT USAGE ON SCHEMA probe TO his_app;
GRANT SELECT, INSERT ON probe.commits TO his_app;
"""


@dataclass(slots=True)
class Acknowledged:
    """What one writer was told: row and moment, in order; and what it heard instead."""

    rows: list[tuple[UUID, float]] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)


class Writers:
    """Rows through the pooler from as many threads, each committed before the next."""

    def __init__(self, url: str, count: int = WRITERS) -> None:
        self._url = url
        self.heard = [Acknowledged() for _ in range(count)]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(count)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _write(self, number: int) -> None:
        import psycopg

        own = self.heard[number]
        connection: psycopg.Connection[Any] | None = None
        while not self._stop.is_set():
            row = uuid4()
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(self._url, **SILENT_PEER)
                # As a function's transaction goes: settings for this transaction, rows, commit, in one pipeline.
                with connection.pipeline():
                    connection.execute("SELECT set_config('statement_timeout', '5000', true)")
                    connection.execute("INSERT INTO probe.commits (id, writer) VALUES (%s, %s)", [row, number])
                    connection.commit()
                own.rows.append((row, time.monotonic()))
            except psycopg.Error as error:
                cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:110]
                own.refusals[cause] = own.refusals.get(cause, 0) + 1
                if connection is not None:
                    connection.close()
                self._stop.wait(0.05)
        if connection is not None:
            connection.close()

    @property
    def last(self) -> float:
        """When a commit was last acknowledged to anybody."""
        return max((own.rows[-1][1] for own in self.heard if own.rows), default=0.0)

    def longest_silence(self) -> float:
        """Seconds between two acknowledgements to anybody, the longest of them."""
        moments = sorted(at for own in self.heard for _, at in own.rows)
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)

    def lost(self, admin: str) -> int:
        """Acknowledged rows that are not there."""
        there: set[UUID] = set()

        def asked() -> bool:
            import psycopg

            try:  # whoever has just been made the primary may not let anybody in yet
                with psycopg.connect(admin) as connection:
                    there.update(row[0] for row in connection.execute("SELECT id FROM probe.commits"))
            except psycopg.OperationalError:
                return False
            return True

        until(asked, "the primary to say what it holds", 120)
        return sum(row not in there for own in self.heard for row, _ in own.rows)


def failover(say: Say, patients: int = 150) -> int:
    """Switch over, kill and cut off primary and pooler; 0 when nothing is lost and every morning adds up."""
    state = data.STATE
    if "postgres" not in where.in_cluster(state):
        raise ClusterError("PostgreSQL is not in the cluster; `make cluster-data` puts it there.")
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # broken connections are what this is about
    os.environ.update(data.settings(node_address(), gateway()))
    if patients:
        _fill_in()
    faults: list[str] = []
    for what, action in ACTIONS.items():
        faults += [f"{what}: {fault}" for fault in _once(what, action, say, patients)]
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


def _fill_in() -> None:
    """Staff, prices and clinics of both campuses, entered before anything is struck."""
    from loadtests import demo
    from shared.settings import settings

    demo.prepare(settings())


def switch_over() -> None:
    """Ask the operator for the other instance, as `kubectl cnpg promote` does."""
    now = databank.primary()
    other = next(name for name in databank.instances() if name != now)
    change = {"status": {"targetPrimary": other, "phase": "Switchover in progress", "phaseReason": "asked for"}}
    order = (
        "patch",
        "cluster.postgresql.cnpg.io/his",
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps(change),
    )
    kubectl("-n", DATA, *order)


def kill_primary() -> None:
    """Remove the primary's pod without a word: PostgreSQL gets SIGKILL."""
    kubectl("-n", DATA, "delete", "pod", databank.primary(), "--force", "--grace-period=0", "--wait=false")


def kill_pooler() -> None:
    """Remove one of the poolers without a word."""
    kubectl("-n", DATA, "delete", "pod", _poolers()[0], "--force", "--grace-period=0", "--wait=false")


def cut_off_primary() -> None:
    """Silence the primary as a dead node is silent: no packet comes from it or reaches it, and nobody is told."""
    _silence(databank.primary())


def cut_off_pooler() -> None:
    """The same of a pooler."""
    _silence(_poolers()[0])


ACTIONS: dict[str, Callable[[], None]] = {
    "switchover": switch_over,
    "primary killed": kill_primary,
    "pooler killed": kill_pooler,
    "primary cut off": cut_off_primary,
    "pooler cut off": cut_off_pooler,
}
_LONG_ENOUGH = 45.0
"""Seconds after which a pod that was cut off may be heard again."""


def _poolers() -> list[str]:
    found = get("pods", "-l", "cnpg.io/poolerName=pooler", namespace=DATA)["items"]
    return [str(one["metadata"]["name"]) for one in found]


def _silence(pod: str) -> None:
    """Take the pod's end of the bridge down for a while; a thread brings it back."""
    address = get(f"pod/{pod}", namespace=DATA)["status"]["podIP"]
    neighbour = _ip("neigh", "show", "to", address)
    if not neighbour:
        raise ClusterError(f"{pod} at {address} is not on this node's bridge")
    mac = next(one["lladdr"] for one in neighbour)
    link = next(one["ifname"] for one in _bridge() if one["mac"] == mac)
    subprocess.run(["ip", "link", "set", link, "down"], check=True)
    heard = threading.Timer(_LONG_ENOUGH, subprocess.run, (["ip", "link", "set", link, "up"],), {"check": False})
    heard.start()


def _ip(*what: str) -> list[dict[str, Any]]:
    shown = subprocess.run(["ip", "-json", *what], capture_output=True, text=True, check=True).stdout
    return list(json.loads(shown or "[]"))


def _bridge() -> list[dict[str, Any]]:
    shown = subprocess.run(["bridge", "-json", "fdb", "show"], capture_output=True, text=True, check=True).stdout
    return list(json.loads(shown))


def _once(what: str, action: Callable[[], None], say: Say, patients: int) -> list[str]:
    import psycopg

    until(lambda: databank.cluster_ready(2) and databank.in_step(), "a primary and a standby in step", 420)
    urls = {name: where.from_here(url) for name, url in where.addresses(data.STATE).items()}
    admin = urls["HIS_ADMIN_DATABASE_URL"].rpartition("/")[0] + "/his"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(_TABLE)
    before = databank.primary()
    morning = Morning(patients)
    with Writers(urls["HIS_DATABASE_URL"]) as writers, morning:
        until(lambda: writers.last > 0 and morning.begun, "the first commits", 60)
        time.sleep(QUIET_BEFORE)
        struck = time.monotonic()
        action()
        if "pooler" not in what:
            until(lambda: databank.primary() != before, "another primary", 300, pause=0.2)
        changed = time.monotonic() - struck
        until(lambda: writers.last > struck + changed, "commits again", 180, pause=0.1)
        time.sleep(QUIET_AFTER)
    lost = writers.lost(admin)
    rows = sum(len(own.rows) for own in writers.heard)
    causes: dict[str, int] = {}
    for own in writers.heard:
        for cause, count in own.refusals.items():
            causes[cause] = causes.get(cause, 0) + count
    say(
        f"{what}: {before} -> {databank.primary()} after {changed:.1f} s; longest time without a commit"
        f" {writers.longest_silence():.1f} s; {rows} commits acknowledged, {lost} lost;"
        f" morning of {patients} patients {'adds up' if morning.faults == 0 else f'has {morning.faults} faults'}"
    )
    for cause, count in sorted(causes.items(), key=lambda pair: -pair[1])[:4]:
        say(f"    {count} x {cause}")
    found = [f"{lost} acknowledged commits are lost"] if lost else []
    return found + (["the morning does not add up"] if morning.faults else [])


class Morning:
    """A clinic morning in the background; `faults` as its reckoning counts them, -1 when it did not come to its end."""

    def __init__(self, patients: int) -> None:
        self._patients = patients
        self.faults = -1
        self.begun = patients == 0
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Morning:
        if self._patients:
            self._thread.start()
        else:
            self.faults = 0
        return self

    def __exit__(self, *_: object) -> None:
        if self._patients:
            self._thread.join(timeout=600)

    def _play(self) -> None:
        from loadtests import demo
        from shared.settings import settings

        self.begun = True
        self.faults = demo.play(settings(), patients=self._patients, seed=int(time.time()))
