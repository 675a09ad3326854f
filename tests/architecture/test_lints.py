"""The own lints find what they should and nothing else; the project has no finding."""

from pathlib import PurePosixPath

import pytest

from infra.lints.imports import cycle, module_graph, python_files
from infra.lints.rules import RULES, lint
from shared.settings import REPOSITORY

RULE = "functions/outpatient/doctor/rules.py"
EXAMPLES = [
    (
        "private-import",
        RULE,
        "from functions.payments.billing.models import Charge",
        "from functions.payments.billing import service",
    ),
    (
        "private-import",
        RULE,
        "from functions.payments.billing import queries",
        "from functions.outpatient.doctor import queries",
    ),
    (
        "private-import",
        RULE,
        "from functions.registry import MODULES",
        "from functions.payments.billing.gates import x",
    ),
    (
        "kernel-imports-function",
        "shared/tx.py",
        "from functions.patients.index import service",
        "from shared.ids import new_id",
    ),
    ("commit-elsewhere", RULE, "tx.session.commit()", "tx.session.flush()"),
    ("delete-statement", RULE, "from sqlalchemy import delete", "from sqlalchemy import update"),
    ("raw-database", RULE, "import psycopg", "from shared.database.query import Query"),
    ("pattern-match", RULE, "Patient.name.like('a%')", "Patient.name >= 'a'"),
    ("clock", RULE, "datetime.now()", "tx.now"),
    ("clock", RULE, "date.today()", "tx.today"),
    ("float-money", RULE, "amount = 1.5", "amount = Decimal('1.5')"),
    ("float-money", RULE, "float(x)", "int(x)"),
    ("network", RULE, "import requests", "import re"),
    ("naive-time", "shared/tx.py", "datetime.utcnow()", "datetime.now(UTC)"),
    ("vague-name", "shared/utils.py", "x = 1", None),
    ("too-long", RULE, "x = 1\n" * 900, "x = 1\n" * 700),
    ("registry-address", RULE, "x = 'https://files." + "pypi" + ".org/a'", "x = 'the package a'"),
]


@pytest.mark.parametrize(("rule", "path", "wrong", "right"), EXAMPLES)
def test_rule_finds_the_wrong_and_passes_the_right(rule: str, path: str, wrong: str, right: str | None) -> None:
    assert rule in {finding.rule for finding in lint(PurePosixPath(path), wrong)}
    if right is not None:
        assert rule not in {finding.rule for finding in lint(PurePosixPath(path), right)}


def test_every_rule_has_an_example() -> None:
    assert {rule.name for rule in RULES} == {example[0] for example in EXAMPLES}


def test_network_is_allowed_in_client_files() -> None:
    assert not lint(PurePosixPath("functions/payments/gateway/client.py"), "import httpx")


def test_project_has_no_finding() -> None:
    findings = [
        finding
        for path in python_files(REPOSITORY)
        for finding in lint(PurePosixPath(path.relative_to(REPOSITORY).as_posix()), path.read_text(encoding="utf-8"))
    ]
    assert findings == []


def test_modules_call_each_other_in_no_circle() -> None:
    assert cycle(module_graph(REPOSITORY)) is None


def test_a_circle_is_found() -> None:
    assert cycle({"a/x": {"b/y"}, "b/y": {"c/z"}, "c/z": {"a/x"}}) == ["a/x", "b/y", "c/z", "a/x"]
