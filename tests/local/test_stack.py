"""The hospital's own stack and command line, as far as they can be tried without starting all of it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.his.cli import app
from infra.local import environment, process, stack
from infra.local.record import Record
from infra.local.supervisor import Job, Line, Service, StackError

COMMANDS = (
    "up",
    "down",
    "status",
    "env",
    "migrate",
    "demo",
    "modules",
    "generate",
    "audit",
    "dead-letters",
    "identity",
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of which the ports are chosen and nothing runs."""
    monkeypatch.setenv("HIS_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("HIS_DATABASE_URL", raising=False)
    Record(tmp_path).keep_ports({name: 20000 + offset for offset, name in enumerate(environment.PORTS)})
    return tmp_path


def test_the_hospital_stands_in_the_order_its_parts_need(state):
    steps = {step.name: step for step in stack.supervisor(state).steps.values()}

    before: set[str] = set()
    for name, step in steps.items():
        assert before.issuperset(step.needs), name
        before.add(name)
    jobs = [name for name, step in steps.items() if isinstance(step, Job)]
    assert jobs == ["migrations", "founding", "realm", "demo-data"]
    assert list(steps) == ["postgres", "storage", "keycloak", "simulators", *jobs[:-1], "host", "worker", "demo-data"]
    assert all(step.recipe() for name, step in steps.items() if name in ("storage", "simulators", "host", "worker"))


def test_a_service_is_told_what_it_needs_and_none_of_the_operators_secrets(state):
    operator = environment.operator_environment(state)
    service = environment.service_environment(state)

    assert operator["HIS_OWNER_DATABASE_URL"].startswith("postgresql://his_owner:")
    assert operator["HIS_KEYCLOAK_ADMIN_PASSWORD"]
    secrets = (operator["HIS_OWNER_DATABASE_URL"], operator["HIS_KEYCLOAK_ADMIN_PASSWORD"])
    assert not any(secret in value for secret in secrets for value in service.values())
    assert service["HIS_DATABASE_URL"] == operator["HIS_DATABASE_URL"]


def test_nothing_of_another_installation_leaks_into_a_service(state, monkeypatch):
    monkeypatch.setenv("HIS_DATABASE_URL", "postgresql://production/his")
    monkeypatch.setenv("HIS_LOG_LEVEL", "DEBUG")

    assert "production" not in environment.service_environment(state)["HIS_DATABASE_URL"]
    assert "HIS_LOG_LEVEL" not in environment.service_environment(state)


def test_a_command_takes_the_local_stack_only_when_it_was_told_nothing(state, monkeypatch):
    monkeypatch.setenv("HIS_DATABASE_URL", "postgresql://elsewhere/his")
    assert environment.adopt(state)
    assert "HIS_OWNER_DATABASE_URL" not in environment.os.environ

    monkeypatch.delenv("HIS_DATABASE_URL")
    monkeypatch.setattr(environment.os, "environ", {})
    assert environment.adopt(state)
    assert environment.os.environ["HIS_OWNER_DATABASE_URL"].endswith("/his")


def test_without_a_stack_commands_say_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HIS_STATE_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("HIS_DATABASE_URL", raising=False)

    for command in (
        ["status"],
        ["env"],
        ["migrate"],
        ["audit", "verify"],
        ["dead-letters", "list"],
        ["identity", "sync"],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1, command
        assert "up" in result.output, command
    assert not (tmp_path / "none").exists()
    assert CliRunner().invoke(app, ["down"]).output == "Nothing runs.\n"


def test_a_variable_of_the_caller_that_would_steer_a_server_is_left_out(monkeypatch):
    monkeypatch.setenv("KC_DB", "oracle")
    monkeypatch.setenv("HIS_X", "1")
    monkeypatch.setenv("KEPT", "yes")

    left = process.environment("HIS_", "KC_")

    assert {"KC_DB", "HIS_X"}.isdisjoint(left)
    assert left["KEPT"] == "yes"


def test_a_port_taken_by_a_stranger_moves_and_is_remembered(state):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        Record(state).keep_ports({"host": taken})
        lines: list[Line] = []

        stack._choose_ports(state, lines.append)

    ports = Record(state).ports()
    assert ports["host"] > taken
    assert len(set(ports.values())) == len(environment.PORTS)
    assert [(line.name, line.state) for line in lines if line.name == "host"] == [("host", "moving")]
    lines.clear()
    stack._choose_ports(state, lines.append)
    assert Record(state).ports() == ports
    assert lines == []


def test_changed_code_is_another_recipe(state, monkeypatch, tmp_path):
    monkeypatch.setattr(stack, "REPOSITORY", tmp_path)
    (tmp_path / "shared").mkdir()
    source = tmp_path / "shared" / "code.py"
    source.write_text("a = 1")
    host = stack.supervisor(state).steps["host"]
    assert isinstance(host, Service)
    before = host.recipe()

    assert host.recipe() == before
    (tmp_path / "shared" / "__pycache__").mkdir()
    (tmp_path / "shared" / "__pycache__" / "code.pyc").write_text("x")
    assert host.recipe() == before
    source.write_text("a = 12")
    assert host.recipe() != before


def test_a_stack_that_was_never_started_is_said(tmp_path):
    with pytest.raises(StackError, match="make up"):
        stack.supervisor(tmp_path)


def test_help_names_every_command():
    shown = subprocess.run([sys.executable, "-m", "infra.his", "--help"], capture_output=True, text=True, check=True)
    assert all(f"\n  {command} " in shown.stdout for command in COMMANDS)


def test_help_imports_no_engine():
    heavy = ("sqlalchemy", "fastapi", "psycopg", "pydantic", "minio", "keycloak", "alembic", "shared", "functions")
    ask = f"import sys, infra.his.cli; print([name for name in {heavy!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"


def test_replaying_dead_letters_asks_which():
    result = CliRunner().invoke(app, ["dead-letters", "replay"])

    assert result.exit_code == 2
    assert "--all" in result.output


@pytest.mark.parametrize("command", [["modules"], ["modules", "--json"]])
def test_modules_are_listed_as_declared(command):
    from functions.registry import all_apps

    result = CliRunner().invoke(app, command)

    assert result.exit_code == 0
    assert all(one.name in result.output and one.title in result.output for one in all_apps())
