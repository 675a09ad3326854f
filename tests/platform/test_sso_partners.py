"""Programs that speak SAML 2.0 at the real realm: who they are told of; what is not signed is not believed."""

import re
from typing import Any
from uuid import uuid4

import pytest

from tests.platform.beyond import SSO
from tests.platform.conftest import ok, refused
from tests.platform.realm import Refused, World
from tests.platform.saml import Forged, Program

ACS = "https://pacs.example/saml/acs"


def body(world: World, **fields: Any) -> dict[str, Any]:
    return {
        "code": f"s{uuid4().hex[:10]}",
        "title": "影像归档系统",
        "owner": "信息科 黄志强",
        "shared_data": "工号、姓名",
        "protocol": "saml",
        "entity_id": f"https://pacs.example/{uuid4().hex[:8]}",
        "redirect_uris": [ACS],
        "valid_to": world.consortium.moment(days=200),
        **fields,
    }


def registered(world: World, **fields: Any) -> tuple[dict[str, Any], Program]:
    one = ok(world.hospital.caller("system_admin").post(f"{SSO}/partners", body(world, **fields)))
    return one, Program(world.issuer, one["entity_id"], ACS)


def test_a_program_learns_who_somebody_is_by_a_signed_assertion_and_nothing_else(world: World) -> None:
    partner, program = registered(world)
    assert (partner["protocol"], partner["secret"]) == ("saml", None)
    assert partner["client_id"] == partner["entity_id"]
    assert partner["metadata_url"] == f"{world.issuer}/protocol/saml/descriptor"
    person = world.person("registrar", name="覃影像")
    answer = program.sign_on(world.browser(), world.username(person))
    said = program.believe(answer)
    assert said["status"] == "urn:oasis:names:tc:SAML:2.0:status:Success"
    assert (said["issuer"], said["audience"]) == (world.issuer, partner["entity_id"])
    assert (said["destination"], said["recipient"]) == (ACS, ACS)
    assert said["in_response_to"] == program.asked
    assert said["name_id"] == world.username(person)
    assert said["attributes"] == {"username": [world.username(person)], "name": ["覃影像"]}
    assert said["once"]
    assert 0 < said["lives"] <= 61
    assert said["session"]
    assert b"registrar" not in answer
    assert str(person).encode() not in answer


def test_what_was_changed_or_not_signed_is_not_believed(world: World) -> None:
    _, program = registered(world)
    person, other = world.person("registrar"), world.person("registrar")
    answer = program.sign_on(world.browser(), world.username(person))
    program.believe(answer)
    as_other = answer.replace(world.username(person).encode(), world.username(other).encode())
    with pytest.raises(Forged, match="changed"):
        program.believe(as_other)
    bare = re.sub(rb"<(\w+:)?Signature\b.*?</(\w+:)?Signature>", b"", answer, flags=re.DOTALL)
    with pytest.raises(Forged, match="not signed"):
        program.believe(bare)


def test_one_sign_on_opens_it_and_the_answer_goes_to_registered_addresses_only(world: World) -> None:
    _, program = registered(world)
    person = world.person("registrar")
    browser = world.browser()
    browser.sign_on(world.username(person))
    assert program.believe(program.sign_on(browser, "nobody", "no password asked"))["name_id"] == world.username(person)
    with pytest.raises(Refused):
        program.sign_on(browser, world.username(person), acs="https://elsewhere.example/acs")
    stranger = Program(world.issuer, "https://unknown.example/sp", ACS)
    with pytest.raises(Refused):
        stranger.sign_on(browser, world.username(person))


def test_a_program_that_is_ended_or_due_gets_nobody_in(world: World) -> None:
    partner, program = registered(world)
    person = world.person("registrar")
    assert program.sign_on(world.browser(), world.username(person))
    ok(world.hospital.caller("system_admin").post(f"{SSO}/partners/{partner['partner_id']}/end"))
    world.minute()
    with pytest.raises(Refused):
        program.sign_on(world.browser(), world.username(person))
    again, program = registered(world, entity_id=partner["entity_id"])
    assert again["state"] == "active"
    assert program.sign_on(world.browser(), world.username(person)), "registered anew under the same name"


def test_what_a_saml_program_is_registered_with_is_checked(world: World) -> None:
    partner, _ = registered(world)
    admin = world.hospital.caller("system_admin")
    before = world.hospital.census()
    path = f"{SSO}/partners"
    for wrong in (
        {"entity_id": None},
        {"protocol": "oidc"},
        {"redirect_uris": ["https://pacs.example/*"]},
        {"entity_id": "his-web"},
        {"protocol": "cas"},
    ):
        refused(admin.post(path, body(world, **wrong)), 422, "invalid")
    refused(admin.post(path, body(world, entity_id=partner["entity_id"])), 409, "entity_taken")
    refused(world.consortium.security.post(path, body(world)), 403, "permission_denied")
    assert world.hospital.census() == before


def test_a_second_provisioning_finds_nothing_to_do_and_a_change_by_hand_is_taken_back(world: World) -> None:
    partner, program = registered(world)
    world.reconcile()
    assert world.reconcile()["changes"] == 0
    client_id = world.admin.get_client_id(partner["entity_id"])
    client = world.admin.get_client(client_id)
    attributes = {**client["attributes"], "saml.assertion.signature": "false", "saml.server.signature": "false"}
    world.admin.update_client(
        client_id, {**client, "attributes": attributes, "redirectUris": ["https://evil.example/*"]}
    )
    world.reconcile()
    lines = world.hospital.events("realm_drift_found")[-1]["data"]["lines"]
    assert f"client {partner['entity_id']}" in lines
    person = world.person("registrar")
    assert program.believe(program.sign_on(world.browser(), world.username(person)))["name_id"] == world.username(
        person
    )
