"""The hospital on one machine: which services and jobs there are, what each needs, and on which ports."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from infra.local import probe, process
from infra.local.environment import PORTS, REPOSITORY, environment, operator_environment, service_environment
from infra.local.keycloak import Keycloak
from infra.local.postgres import Postgres
from infra.local.process import Process
from infra.local.record import Record, choose, free
from infra.local.storage import Storage
from infra.local.supervisor import Job, Line, Service, StackError, Supervisor

Report = Callable[[Line], None]

_SECOND_PORTS: Mapping[str, str] = {"receipts": "simulators", "sms": "simulators"}
"""Port -> the service that listens on it beside the port of its own name."""
_CODE = ("shared", "events", "functions", "integrity")


def up(state: Path, names: Iterable[str], report: Report) -> bool:
    """Bring up the stack, or the named services and what they need. True when all of it is up."""
    _choose_ports(state, report)
    return supervisor(state, report).up(names)


def down(state: Path, report: Report) -> bool:
    """End every service of a state folder; True when anything ran."""
    ports = {**PORTS, **Record(state).ports()}
    return Supervisor(state, _steps(state, ports), report).down()


def erase(state: Path, report: Report) -> bool:
    """End every service and remove all of their data, and the tests'. True when anything ran."""
    ended = down(state, report)
    for folder in (state / "test", state):
        if folder.exists():
            Postgres(folder, 0).destroy()
    shutil.rmtree(state)
    return ended


def supervisor(state: Path, report: Report = lambda line: None) -> Supervisor:
    """The services of a state folder. Raises StackError before its first start."""
    ports = Record(state).ports()
    if not PORTS.keys() <= ports.keys():
        raise StackError(f"No local stack was started in {state}; `make up` starts it.")
    return Supervisor(state, _steps(state, ports), report)


def address(state: Path) -> str:
    """Address of the start page."""
    return environment(state)["HIS_HOST_URL"] + "/"


# -- what there is


def _steps(state: Path, ports: Mapping[str, int]) -> Iterator[Service | Job]:
    database = Postgres(state, ports["postgres"])
    yield Service(
        name="postgres",
        launch=database.start,
        ready=database.ready,
        find=database.running,
        stop=database.stop,
        recipe=lambda: json.dumps(database.arguments),
        address=f"127.0.0.1:{database.port}",
    )
    yield Storage(state, ports["storage"]).service()
    yield Keycloak(state, ports["keycloak"], ports["postgres"]).service("postgres")
    yield simulators(state, ports)
    yield _job(state, "migrations", "migrate", needs=("postgres",))
    # A realm has campuses and people, so the first of them must be in the database before it.
    yield _job(state, "founding", "demo", "--only", "found", needs=("migrations",))
    yield _job(state, "realm", "identity", "sync", needs=("keycloak", "founding"))
    url = f"http://127.0.0.1:{ports['host']}"
    yield _python_service(
        state,
        "host",
        "shared.serve",
        {
            "HOST": "127.0.0.1",
            "PORT": str(ports["host"]),
            "HIS_FUNCTIONS": "all",
            "HIS_POOL_SIZE": "16",
            "HIS_DRAIN_SECONDS": "0",
        },
        needs=("migrations", "storage"),
        # platform/sso administers the realm; in the data centre it has a group and a secret of its own.
        trusted_with=("HIS_KEYCLOAK_ADMIN", "HIS_KEYCLOAK_ADMIN_PASSWORD"),
        ready=lambda: probe.body(f"{url}/readyz") is not None,
        address=url,
    )
    yield _python_service(
        state,
        "worker",
        "events.worker",
        {"HIS_WORKER_HOST": "127.0.0.1", "HIS_WORKER_PORT": str(ports["worker"])},
        needs=("migrations", "storage"),
        ready=lambda: probe.body(f"http://127.0.0.1:{ports['worker']}/healthz") is not None,
        address=f"http://127.0.0.1:{ports['worker']}",
    )
    yield _job(state, "demo-data", "demo", "--only", "prepare", needs=("realm", "host", "worker", "simulators"))


def simulators(state: Path, ports: Mapping[str, int]) -> Service:
    """The payment channels, WeChat's sign-on, the receipt platform and the SMS gateway, simulated."""
    outside = f"http://127.0.0.1:{ports['simulators']}"
    return _python_service(
        state,
        "simulators",
        "infra.simulators",
        {},
        "--port",
        str(ports["simulators"]),
        "--receipts-port",
        str(ports["receipts"]),
        "--sms-port",
        str(ports["sms"]),
        needs=(),
        ready=lambda: probe.body(f"{outside}/control/wechat") is not None,
        address=outside,
    )


def _job(state: Path, name: str, *command: str, needs: tuple[str, ...]) -> Job:
    arguments = [sys.executable, "-m", "infra.his", *command]

    def settings() -> Mapping[str, str]:
        return operator_environment(state)

    return Job(name=name, arguments=arguments, environment=settings, cwd=REPOSITORY, needs=needs)


def _python_service(
    state: Path,
    name: str,
    module: str,
    extra: Mapping[str, str],
    *options: str,
    needs: tuple[str, ...],
    ready: Callable[[], bool],
    address: str = "",
    trusted_with: tuple[str, ...] = (),
) -> Service:
    arguments = [sys.executable, "-m", module, *options]

    def settings() -> dict[str, str]:
        trusted = {name: environment(state)[name] for name in trusted_with}
        return service_environment(state) | trusted | {"PYTHONUNBUFFERED": "1", **extra}

    def launch() -> Process:
        return process.spawn(
            arguments,
            log=state / "logs" / f"{name}.log",
            tag=f"{state}#{name}",
            environment=settings(),
            cwd=REPOSITORY,
        )

    def recipe() -> str:
        ours = {key: value for key, value in settings().items() if key.startswith("HIS_") or key in extra}
        return json.dumps([arguments, ours, *_code()], sort_keys=True)

    return Service(name=name, launch=launch, ready=ready, needs=needs, recipe=recipe, address=address)


# -- how


def _choose_ports(state: Path, report: Report) -> None:
    """Fix the ports at the first start; later, move only what finds its port taken by a stranger."""
    record = Record(state)
    ports = record.ports()
    if not PORTS.keys() <= ports.keys():
        # A lost record: what still runs of it holds ports that nobody knows any more.
        down(state, report)
    current = Supervisor(state, _steps(state, {**PORTS, **ports}), report)
    for name in PORTS:
        service = _SECOND_PORTS.get(name, name)
        if name in ports and current.find(service) is not None:
            continue
        wish = ports.get(name, PORTS[name])
        if record.entry(service) is not None:
            # One that was forced to end a moment ago may still be letting go of its port.
            process.until(functools.partial(free, wish), 5.0)
        ports[name] = choose(wish, (port for other, port in ports.items() if other != name))
        if ports[name] != wish:
            report(Line(name, "moving", 0.0, f"port {wish} is taken; using {ports[name]}"))
    record.keep_ports(ports)


def _code() -> Iterator[str]:
    """What the running code was: path, size and time of every file, so that changed code is started anew."""
    for folder in _CODE:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                status = path.stat()
                yield f"{path}:{status.st_size}:{status.st_mtime_ns}"
