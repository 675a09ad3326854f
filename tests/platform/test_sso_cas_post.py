"""Old programs that take their ticket by a form (CAS 3.0, `method=POST`), at the real realm."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from infra.local.keycloak import Keycloak
from tests.platform.beyond import SSO
from tests.platform.cas import Program, fronted_world
from tests.platform.conftest import ok
from tests.platform.own_page import onward, typed
from tests.platform.realm import World


@pytest.fixture(scope="module")
def world(keycloak: Keycloak) -> Iterator[World]:
    with fronted_world(keycloak) as one:
        yield one


def test_a_ticket_comes_by_a_form_and_stands_in_no_address(world: World) -> None:
    service = f"http://lis.example:8080/{uuid4().hex[:8]}/login.jsp?from=cas&to=x"
    body = {
        "code": f"c{uuid4().hex[:10]}",
        "title": "老检验系统",
        "owner": "检验科 黄志强",
        "shared_data": "工号、姓名",
        "protocol": "cas",
        "redirect_uris": [service],
        "valid_to": world.consortium.moment(days=200),
    }
    partner = ok(world.hospital.caller("system_admin").post(f"{SSO}/partners", body))
    program, browser = Program(partner["cas_url"], service), world.browser()
    name = world.username(world.person("registrar"))
    asked = {"service": service, "method": "POST"}
    silent = browser.ask("GET", f"{program.cas_url}/login", params={**asked, "gateway": "true"})
    assert program.followed(browser, silent) == "", "without a sign-on there is nothing to post"
    login = onward(browser, browser.ask("GET", f"{program.cas_url}/login", params=asked))
    answer = typed(browser, login, name)
    assert answer.status_code == 200
    form = re.search(r'<form method="post" action="([^"]+)">', answer.text)
    ticket = re.search(r'name="ticket" value="(ST-[^"]+)"', answer.text)
    assert form is not None, answer.text
    assert ticket is not None, answer.text
    assert html.unescape(form[1]) == service
    assert ticket[1] not in str(answer.request.url)
    script = re.search(r"<script>(.*)</script>", answer.text)
    assert script is not None
    by = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"'sha256-{by}'" in policy
    assert "; form-action http://lis.example:8080;" in policy
    assert program.validate(ticket[1])["user"] == name
    assert program.validate(ticket[1]) == {"code": "INVALID_TICKET"}
    again = program.sign_on(browser)
    assert again.startswith("ST-"), "asked without a method, by the address as before"
