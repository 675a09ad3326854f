"""Fuzzing of every route by its own OpenAPI document: no answer is a 5xx, every refusal is a problem document."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core import NotSet

from shared.application import openapi_document
from shared.identity.posts import POSTS
from tests.support.clinic import open_hospital
from tests.support.hospital import Caller, Hospital, cloned_hospital

ENDS_THE_SESSION = {"/api/platform/sso/my/sign-out"}
"""Answered rightly, it would leave the rest of the fuzzing outside the door."""
ASKS_THE_REALM = {"/api/platform/sso/my/session"}
"""Says that the realm is out of reach (503), for this house has none; test_sso_limits asks it with one."""


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital() as one:
        open_hospital(one)
        yield one


@pytest.fixture(scope="module")
def everybody(hospital: Hospital) -> Caller:
    """Somebody with every post there is, so that the fuzzing reaches the code behind the door."""
    return hospital.caller(*POSTS)


def test_no_request_breaks_a_function(hospital: Hospital, everybody: Caller) -> None:
    schema = schemathesis.openapi.from_dict(_without_headers(openapi_document(hospital.api)))
    broken: list[str] = []
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith(".pdf") or operation.path in ENDS_THE_SESSION | ASKS_THE_REALM:
            continue
        tried += 1
        try:
            _fuzz(operation, hospital, everybody)
        except Exception as error:
            broken.append(f"{operation.method.upper()} {operation.path}: {str(error)[:600]}")
    assert tried > 150
    assert broken == []


def _without_headers(document: dict[str, Any]) -> dict[str, Any]:
    """The headers of every call are given by `_send`, so none need be made up."""
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        paths[path] = {}
        for method, one in operations.items():
            made_up = [known for known in one["parameters"] if known["name"].lower() not in HANDLED]
            paths[path][method] = {**one, "parameters": made_up}
    return {**document, "paths": paths}


def _fuzz(operation: Any, hospital: Hospital, everybody: Caller) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Case) -> None:
        answer = _send(case, hospital, everybody)
        assert answer.status_code < 500, f"{case.query} {case.body!r}: {answer.text}"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["code"]
            assert problem["detail"]

    run()


def _send(case: Case, hospital: Hospital, everybody: Caller) -> Any:
    headers = {
        **{name: value for name, value in (case.headers or {}).items() if name.lower() not in HANDLED},
        "authorization": f"Bearer {everybody.token}",
        "x-campus": "hq",
        "idempotency-key": str(uuid.uuid4()),
    }
    has_body = case.method != "GET" and not isinstance(case.body, NotSet)
    return hospital.client.request(
        case.method,
        case.formatted_path,
        params=case.query or {},
        headers={name: value for name, value in headers.items() if _sendable(value)},
        json=case.body if has_body else None,
    )


EXAMPLES = int(os.environ.get("HIS_FUZZ_EXAMPLES", "6"))
HANDLED = {"authorization", "x-campus", "idempotency-key", "content-type", "cookie"}


def _sendable(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()
