"""The AsyncAPI document says what the declarations say, and its schemas accept the events."""

from typing import Any
from uuid import UUID

import jsonschema
import pytest

from events import asyncapi, subscriptions
from events.outpatient import VisitCancelled
from functions import registry


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi.document()


def resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references(document)
    assert len(found) > 100
    for reference in found:
        resolve(document, reference)


def test_every_event_of_the_catalogue_has_its_channel_and_its_sender(document: dict[str, Any]) -> None:
    types = [kind.event_type for kind in asyncapi.catalogue()]
    assert len(types) > 40
    assert list(document["channels"]) == types == sorted(types)
    senders = [operation for operation in document["operations"].values() if operation["action"] == "send"]
    assert len(senders) == len(types)


def test_receivers_are_the_declared_ones(document: dict[str, Any]) -> None:
    declared = {(kind, app.name) for app in registry.all_apps() for kind in app.handlers}
    assert declared
    received = {
        (operation["channel"]["$ref"].removeprefix("#/channels/"), operation["tags"][0]["name"])
        for operation in document["operations"].values()
        if operation["action"] == "receive"
    }
    assert received == declared
    assert {(kind, name) for kind, names in subscriptions.subscriptions().items() for name in names} == declared


def test_the_worker_reads_the_same_without_the_modules() -> None:
    assert subscriptions.read_apart() == subscriptions.subscriptions()


def test_schemas_accept_events_and_refuse_others(document: dict[str, Any]) -> None:
    event = VisitCancelled(
        encounter_id=UUID(int=1),
        patient_id=UUID(int=2),
        session_id=None,
        slot_id=None,
        reason_code="patient",
        cancelled_at="2026-03-02T08:00:00+08:00",  # type: ignore[arg-type]
    )
    message = document["components"]["messages"][event.event_type]
    schema = resolve(document, message["payload"]["$ref"]) | {"components": document["components"]}
    jsonschema.validate(event.model_dump(mode="json"), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"encounter_id": str(event.encounter_id)}, schema)


def test_the_document_is_the_same_every_time(document: dict[str, Any]) -> None:
    assert asyncapi.document() == document
    assert list(asyncapi.document()["operations"]) == list(document["operations"])
