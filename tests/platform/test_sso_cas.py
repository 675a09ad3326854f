"""Old programs that sign their users on by tickets (CAS 3.0), at the real realm: what a ticket proves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.local.keycloak import Keycloak
from integrity.runner import run
from shared.schemas import SHANGHAI
from tests.platform.beyond import SSO
from tests.platform.cas import CAS, Heard, Program, fronted_world, listening
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import Refused, World
from tests.shared.print_probe import text_of


@pytest.fixture(scope="module")
def world(keycloak: Keycloak) -> Iterator[World]:
    with fronted_world(keycloak) as one:
        yield one


def body(world: World, **fields: Any) -> dict[str, Any]:
    return {
        "code": f"c{uuid4().hex[:10]}",
        "title": "老检验系统",
        "owner": "检验科 黄志强",
        "shared_data": "工号、姓名、岗位",
        "protocol": "cas",
        "redirect_uris": [f"http://lis.example/{uuid4().hex[:8]}/login.jsp?from=cas"],
        "valid_to": world.consortium.moment(days=200),
        **fields,
    }


def registered(world: World, **fields: Any) -> tuple[dict[str, Any], Program]:
    one = ok(world.hospital.caller("system_admin").post(f"{SSO}/partners", body(world, **fields)))
    return one, Program(one["cas_url"], one["redirect_uris"][0])


def tickets(world: World, partner: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"{SSO}/partners/{partner['partner_id']}/tickets"
    return list(ok(world.consortium.security.get(path))["items"])


def test_a_ticket_proves_once_to_one_address_who_signed_on(world: World) -> None:
    partner, program = registered(world)
    assert (partner["protocol"], partner["secret"], partner["entity_id"]) == ("cas", None, None)
    assert partner["cas_url"].endswith(CAS)
    person = world.person("registrar", name="覃<检验>")
    ticket = program.sign_on(world.browser(), world.username(person))
    assert ticket.startswith("ST-")
    assert len(ticket) >= 35
    assert ticket.replace("-", "").isalnum()
    kept = world.hospital.rows("SELECT * FROM platform.cas_tickets WHERE staff_id = %s", [person])[0]
    assert kept["ticket"] is None
    assert ticket.encode() not in bytes(kept["ticket_hash"])
    said = program.validate(ticket)
    assert said["user"] == world.username(person)
    told = said["attributes"]
    assert told["name"] == ["覃<检验>"]
    assert told["staffNo"][0].lower() == world.username(person)
    assert told["post"] == ["挂号收费员"]
    assert told["isFromNewLogin"] == ["true"]
    assert set(told) == {
        *("staffNo", "name", "post"),
        *("authenticationDate", "isFromNewLogin", "longTermAuthenticationRequestTokenUsed"),
    }
    assert program.validate(ticket) == {"code": "INVALID_TICKET"}
    [shown] = tickets(world, partner)
    assert (shown["state"], shown["staff_id"], shown["sign_out"]) == ("used", str(person), "open")
    assert "ticket" not in shown
    used = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'cas.ticket_used' AND subject_id = %s"
    assert world.hospital.value(used, [shown["ticket_id"]]) == 1


def test_of_two_programs_that_show_one_ticket_at_once_one_is_believed(world: World) -> None:
    _, program = registered(world)
    ticket = program.sign_on(world.browser(), world.username(world.person("registrar")))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: program.validate(ticket), range(4)))
    assert sorted("user" in one for one in answers) == [False, False, False, True]


def test_one_sign_on_opens_it_and_it_says_so(world: World) -> None:
    _, program = registered(world, shared_data="工号")
    person = world.person("registrar")
    browser = world.browser()
    browser.sign_on(world.username(person))
    ticket = program.sign_on(browser)  # no password asked
    assert program.ask("validate", service=program.service, ticket=ticket).text == f"yes\n{world.username(person)}\n"
    again = program.sign_on(browser)
    answer = program.ask("serviceValidate", service=program.service, ticket=again, format="JSON")
    assert answer.json() == {"serviceResponse": {"authenticationSuccess": {"user": world.username(person)}}}
    with world.later(seconds=20):  # the password was given twenty seconds ago, for another program
        third = program.sign_on(browser)
        told = program.ask("p3/serviceValidate", service=program.service, ticket=third, format="json").json()
    attributes = told["serviceResponse"]["authenticationSuccess"]["attributes"]
    assert (attributes["isFromNewLogin"], attributes["name"]) == ("false", "覃小兰")
    assert program.ask("validate", service=program.service, ticket=third).text == "no\n\n"
    ok_page = browser.ask("GET", f"{program.cas_url}/login")
    assert ok_page.status_code == 200
    assert "业务系统" in ok_page.text
    assert "default-src 'none'" in ok_page.headers["content-security-policy"]
    world.minute()
    logins = ok(world.consortium.security.get(f"{SSO}/staff/{person}/logins"))["items"]
    assert any(one["client"].startswith("partner-c") and one["error"] is None for one in logins)


def test_renew_asks_for_the_password_and_gateway_never_does(world: World) -> None:
    _, program = registered(world)
    person = world.person("registrar")
    browser = world.browser()
    assert program.sign_on(browser, gateway="true") == ""  # nobody is signed on: back without a ticket
    browser.sign_on(world.username(person))
    assert program.sign_on(browser, gateway="true").startswith("ST-")
    with pytest.raises(Refused):
        program.sign_on(browser, renew="true")  # the page stands there and waits for the password
    fresh = program.sign_on(browser, world.username(person), renew="true", gateway="true")
    assert program.validate(fresh, renew="true")["user"] == world.username(person)
    with world.later(seconds=20):
        easy = program.sign_on(browser)
        assert program.validate(easy, renew="true") == {"code": "INVALID_TICKET"}
        assert program.validate(easy) == {"code": "INVALID_TICKET"}  # tried once


def test_who_strips_the_demand_for_a_password_gets_no_ticket(world: World) -> None:
    _, program = registered(world)
    person = world.person("registrar")
    browser = world.browser()
    browser.sign_on(world.username(person))
    with world.later(minutes=1):  # the sign-on above is a minute old
        page = browser.ask("GET", f"{program.cas_url}/login", params={"service": program.service, "renew": "true"})
        bare = page.headers["location"].replace("&prompt=login", "").replace("&max_age=0", "")
        answer = browser.ask("GET", browser.ask("GET", bare).headers["location"])
    assert answer.status_code == 403
    assert "cas_not_fresh" in answer.text


def test_what_a_program_may_not_do_is_said_in_the_protocols_words(world: World) -> None:
    partner, program = registered(world)
    other, elsewhere = registered(world)
    person = world.person("registrar")
    browser = world.browser()
    browser.sign_on(world.username(person))
    assert elsewhere.validate(program.sign_on(browser)) == {"code": "INVALID_SERVICE"}
    assert program.validate(program.sign_on(browser), pgtUrl="https://lis.example/pgt") == {
        "code": "UNAUTHORIZED_SERVICE_PROXY"
    }
    ticket = program.sign_on(browser)
    assert "INVALID_REQUEST" in program.ask("serviceValidate", ticket=ticket).text
    assert program.validate(ticket) == {"code": "INVALID_TICKET"}  # tried, though wrongly
    assert "INVALID_REQUEST" in program.ask("serviceValidate", service=program.service).text
    assert "INVALID_REQUEST" in program.ask("p3/serviceValidate", service="x", ticket="ST-1", format="YAML").text
    twice = f"{program.cas_url}/serviceValidate?service=a&service=b&ticket=ST-1"
    assert "INVALID_REQUEST" in browser.ask("GET", twice).text
    assert program.validate("PT-1-abc", path="proxyValidate") == {"code": "INVALID_TICKET"}
    assert program.validate(program.sign_on(browser), path="proxyValidate")["attributes"] == {}
    assert program.validate(program.sign_on(browser), path="p3/proxyValidate")["attributes"]["name"] == ["覃小兰"]
    proxy = program.ask("proxy", pgt="PGT-1", targetService="http://x.example").text
    assert "UNAUTHORIZED_SERVICE" in proxy
    assert "proxyFailure" in proxy
    assert "INVALID_REQUEST" in program.ask("proxy").text
    states = [(one["state"], one["outcome"]) for one in tickets(world, partner)]
    assert ("refused", "INVALID_SERVICE") in states
    assert ("refused", "UNAUTHORIZED_SERVICE_PROXY") in states
    assert tickets(world, other) == []


def test_an_internal_error_is_the_protocols_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.platform.sso import queries_cas

    _, program = registered(world)
    monkeypatch.delattr(queries_cas, "TICKET")
    assert program.validate("ST-whatever") == {"code": "INTERNAL_ERROR"}


def test_a_ticket_lasts_seconds(world: World) -> None:
    partner, program = registered(world)
    person = world.person("registrar")
    browser = world.browser()
    browser.sign_on(world.username(person))
    late, never = program.sign_on(browser), program.sign_on(browser)
    assert never
    with world.later(seconds=11):
        assert program.validate(late) == {"code": "INVALID_TICKET"}
        world.minute()
    assert sorted(one["state"] for one in tickets(world, partner)) == ["lapsed", "refused"]


def test_nobody_comes_in_who_is_shut_out_nor_anywhere_that_is_not_registered(world: World) -> None:
    partner, program = registered(world)
    person = world.person("registrar")
    browser = world.browser()
    browser.sign_on(world.username(person))
    held = program.sign_on(browser)
    state = browser.ask("GET", f"{program.cas_url}/login", params={"service": program.service}).headers["location"]
    freeze = {"reason_code": "incident", "reason": "账号疑似被盗"}
    back = browser.ask("GET", state).headers["location"]  # the realm still knew the session
    ok(world.consortium.security.post(f"{BASE}/staff/{person}/freeze", freeze))
    before = world.hospital.value("SELECT count(*) FROM platform.cas_tickets")
    answer = browser.ask("GET", back)
    assert answer.status_code == 403
    assert "account_shut" in answer.text
    assert world.hospital.value("SELECT count(*) FROM platform.cas_tickets") == before
    assert program.validate(held) == {"code": "INVALID_TICKET"}
    world.settle()
    with pytest.raises(Refused):
        program.sign_on(world.browser(), world.username(person))

    stranger = Program(program.cas_url, "http://lis.example/elsewhere")
    page = browser.ask("GET", f"{stranger.cas_url}/login", params={"service": stranger.service})
    assert (page.status_code, "location" in page.headers) == (403, False)
    assert "没有登记接入" in page.text
    with world.later(days=201):
        assert browser.ask("GET", f"{program.cas_url}/login", params={"service": program.service}).status_code == 403
    lost = browser.ask("GET", f"{program.cas_url}/back?state=made-up&code=x")
    assert "cas_sign_on_lost" in lost.text

    colleague = world.person("registrar")
    desk = world.browser()
    desk.sign_on(world.username(colleague))
    last = program.sign_on(desk)
    ok(world.hospital.caller("system_admin").post(f"{SSO}/partners/{partner['partner_id']}/end"))
    assert program.validate(last) == {"code": "INVALID_SERVICE"}
    assert desk.ask("GET", f"{program.cas_url}/login", params={"service": program.service}).status_code == 403


def test_a_post_that_may_not_sign_on_now_gets_no_ticket(world: World) -> None:
    _, program = registered(world)
    person = world.person("schedule_clerk")
    hour = world.hospital.clock().astimezone(SHANGHAI)
    span = [(hour + timedelta(hours=more)).strftime("%H:00:00") for more in (2, 3)]
    rule = {
        "post": "schedule_clerk",
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "from_time": span[0],
        "to_time": span[1],
        "networks": [],
        "outside": "refuse",
        "message": "本岗位另有规定时段",
    }
    made = ok(world.consortium.security.post(f"{SSO}/sign-on-rules", rule))
    before = world.hospital.value("SELECT count(*) FROM platform.cas_tickets")
    with pytest.raises(Refused, match="现在或此处不能登录"):
        program.sign_on(world.browser(), world.username(person))
    assert world.hospital.value("SELECT count(*) FROM platform.cas_tickets") == before
    assert world.hospital.events("login_failed")[-1]["data"]["way"] == "cas"
    ok(world.consortium.security.post(f"{SSO}/sign-on-rules/{made['rule_id']}/end"))
    assert program.sign_on(world.browser(), world.username(person)).startswith("ST-")


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as one:
        yield one


def test_a_sign_out_reaches_every_program_by_its_ticket(world: World, heard: Heard) -> None:
    partner, program = registered(world, redirect_uris=[heard.url])
    person = world.person("registrar")
    browser = world.browser()
    first = program.sign_on(browser, world.username(person))
    second, unused = program.sign_on(browser), program.sign_on(browser)
    assert unused
    for ticket in (first, second):
        assert program.validate(ticket)["user"]
    page = browser.ask("GET", f"{program.cas_url}/logout")
    assert "已退出" in page.text
    assert heard.arrived.acquire(timeout=5)
    assert heard.arrived.acquire(timeout=5)
    assert sorted(heard.tickets()) == sorted([first, second])
    assert str(person) not in "".join(heard.told)
    assert program.sign_on(browser, gateway="true") == ""  # the realm's session is over too
    assert [one["sign_out"] for one in tickets(world, partner)].count("told") == 2
    assert world.hospital.events("sessions_ended")[-1]["data"]["cause"] == "signed_out"


def test_a_sign_out_elsewhere_is_told_by_the_realm_and_asked_for_again_when_not_heard(
    world: World, heard: Heard
) -> None:
    partner, program = registered(world, redirect_uris=[heard.url])
    person = world.person("registrar")
    browser = world.browser()
    tokens = browser.sign_on(world.username(person))
    ticket = program.sign_on(browser)
    assert program.validate(ticket)["user"]
    heard.status = 500
    ok(world.caller(tokens["access_token"]).post(f"{SSO}/my/sign-out"))
    assert heard.arrived.acquire(timeout=5)
    [row] = tickets(world, partner)
    assert row["sign_out"] == "due"
    heard.status = 200
    with world.later(minutes=2):
        world.minute()
    assert heard.tickets() == [ticket, ticket]
    [row] = tickets(world, partner)
    assert row["sign_out"] == "told"


def test_a_made_up_sign_out_ends_nothing(world: World, heard: Heard) -> None:
    partner, program = registered(world, redirect_uris=[heard.url])
    person = world.person("registrar")
    browser = world.browser()
    tokens = browser.sign_on(world.username(person))
    assert program.validate(program.sign_on(browser))["user"]
    for forged in ("", "x.y.z", tokens["access_token"], tokens["id_token"]):
        answer = browser.ask("POST", f"{program.cas_url}/signed-out", data={"logout_token": forged})
        assert answer.status_code == 400
    assert tickets(world, partner)[0]["sign_out"] == "open"
    assert heard.told == []


def test_what_a_cas_program_is_registered_with_is_checked(world: World) -> None:
    partner, _ = registered(world)
    admin = world.hospital.caller("system_admin")
    before = world.hospital.census()
    path = f"{SSO}/partners"
    for wrong in (
        {"entity_id": "https://lis.example/sp"},
        {"redirect_uris": ["http://lis.example/*"]},
        {"redirect_uris": ["http://lis.example/#a"]},
        {"shared_data": "工号、手机号"},
        {"valid_to": world.consortium.moment(days=400)},
    ):
        refused(admin.post(path, body(world, **wrong)), 422, "invalid")
    refused(admin.post(path, body(world, redirect_uris=partner["redirect_uris"])), 409, "cas_service_taken")
    refused(world.consortium.security.post(path, body(world)), 403, "permission_denied")
    refused(world.consortium.security.get(f"{path}/{uuid4()}/tickets"), 404, "partner_not_found")
    assert world.hospital.census() == before


def test_the_registration_on_paper_says_what_is_shared_and_how(world: World) -> None:
    partner, _ = registered(world)
    path = f"{SSO}/partners/{partner['partner_id']}/form.pdf"
    answer = world.hospital.caller("system_admin").get(path)
    assert answer.headers["content-type"] == "application/pdf"
    sheet = "".join(" ".join(text_of(answer.content)).split())
    for word in ("CAS票据", "工号、姓名、岗位", "lis.example", "按票据的服务地址通知", "platform/sso/cas"):
        assert word in sheet, word


def test_a_ticket_used_behind_everybodys_back_is_found(world: World) -> None:
    def found() -> int:
        [check] = run(world.hospital.settings.auditor_database_url, frozenset({"sso.cas_ticket_once"}))
        return check.count

    _, program = registered(world)
    browser = world.browser()
    browser.sign_on(world.username(world.person("registrar")))
    assert program.validate(program.sign_on(browser))["user"]
    assert program.sign_on(browser)
    assert found() == 0
    forge = (
        "UPDATE platform.cas_tickets SET state = 'used', tried_at = issued_at, ticket = 'ST-forged', sign_out = 'open'"
        " WHERE state = 'issued'"
    )
    forged = world.hospital.execute(forge)
    assert found() == forged > 0


def test_the_list_goes_page_by_page(world: World) -> None:
    partner, program = registered(world)
    browser = world.browser()
    browser.sign_on(world.username(world.person("registrar")))
    for _ in range(3):
        assert program.sign_on(browser)
    path = f"{SSO}/partners/{partner['partner_id']}/tickets"
    first = ok(world.consortium.security.get(path, limit=2))
    rest = ok(world.consortium.security.get(path, limit=2, cursor=first["next"]))
    ids = [UUID(one["ticket_id"]) for page in (first, rest) for one in page["items"]]
    assert (len(set(ids)), rest["next"]) == (3, None)
    assert ids == sorted(ids, reverse=True)
