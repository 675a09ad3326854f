"""Forms of sign-on at the real realm: the sealed slip with a first password, and the registration of a program."""

from typing import Any
from uuid import uuid4

import pytest

from functions.platform.sso import directory
from tests.platform.beyond import SSO
from tests.platform.conftest import ORGANISATION, ok, refused
from tests.platform.realm import PASSWORD, Refused, World
from tests.platform.test_sso_recovery import first_day
from tests.shared.print_probe import text_of

WHY = {"reason": "核对身份证，本人领取"}


def words(answer: Any) -> list[str]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    return " ".join(text_of(answer.content)).split()


def password_on(answer: Any) -> str:
    """The one word on the sheet of the shape of a first password."""
    found = words(answer)
    [password] = {word for word in found if len(word) == 14 and word.count("-") == 2 and word[0].isupper()}
    return password


def test_the_slip_carries_a_password_for_one_sign_on_and_nothing_else_does(world: World) -> None:
    person = world.person("registrar", name="覃开通")
    path, key = f"{SSO}/staff/{person}/account-slip", str(uuid4())
    before = world.sign_on(person)
    slip = world.consortium.security.post(path, WHY, key=key)
    password = password_on(slip)
    sheet = "".join(words(slip))
    for word in (
        "账号开通通知单",
        "覃开通收",
        "密封件",
        "回执",
        "挂号收费员",
        world.username(person),
        "127.0.0.1:8000",
    ):
        assert word in sheet, word
    again = world.consortium.security.post(path, WHY, key=key)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (200, b"", "true")

    world.see_deny_list()
    refused(world.caller(before["access_token"]).get(f"{SSO}/my/session"), 401, "subject_denied")
    with pytest.raises(Refused):
        world.sign_on(person)  # the password of before opens nothing any more
    first_day(world, person, password)
    with pytest.raises(Refused):
        world.browser().sign_on(world.username(person), password)  # it was for one sign-on
    for table in ("kernel.audit_entries", "kernel.outbox", "kernel.idempotent_answers", "platform.identity_changes"):
        assert not [
            row for row in world.hospital.rows(f"SELECT t::text AS all FROM {table} t") if password in row["all"]
        ]
    [act] = world.hospital.rows(
        "SELECT * FROM kernel.audit_entries WHERE action = 'account_slip.printed' AND subject_id = %s", [str(person)]
    )
    assert act["detail"]["reason"] == WHY["reason"]
    second = world.consortium.security.post(path, WHY)
    assert password_on(second) != password


def test_nobody_prints_a_slip_for_himself_for_leavers_or_for_another_campus(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.person("registrar")
    path = f"{SSO}/staff/{person}/account-slip"
    before = world.hospital.census()
    refused(world.hospital.caller("registrar").post(path, WHY), 403, "permission_denied")
    refused(world.hospital.caller("security_admin", campus="mch").post(path, WHY), 404, "account_not_here")
    own = world.consortium.posted("security_admin")
    me = world.consortium.signed_on(own)
    counted = world.hospital.census()
    refused(me.post(f"{SSO}/staff/{own}/account-slip", WHY), 422, "same_person")
    assert world.hospital.census() == counted
    assert counted.get("kernel.denied_subjects") == before.get("kernel.denied_subjects")
    ok(world.consortium.personnel.get(f"{ORGANISATION}/staff/{person}"))
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    with monkeypatch.context() as outage:
        outage.setattr(directory, "settings", lambda: down)
        refused(world.consortium.security.post(path, WHY), 503, "realm_out_of_reach")  # no sheet without a password
    world.settle()
    world.see_deny_list()
    assert world.sign_on(person, password=PASSWORD)["access_token"]


def test_a_program_is_registered_on_paper(world: World) -> None:
    system = world.hospital.caller("system_admin")
    body = {
        "code": "oa",
        "title": "协同办公系统",
        "owner": "办公室黄志强",
        "shared_data": "工号、姓名",
        "redirect_uris": ["https://oa.example.org/callback"],
        "valid_to": world.consortium.moment(days=100),
    }
    partner = ok(system.post(f"{SSO}/partners", body))
    path = f"{SSO}/partners/{partner['partner_id']}"
    sheet = "".join(words(system.get(f"{path}/form.pdf")))
    for word in ("第三方系统接入登记表", "协同办公系统", "办公室黄志强", "oa.example.org/callback", "在用", "OIDC"):
        assert word in sheet, word
    assert partner["secret"] not in sheet
    ok(system.post(f"{path}/end"))
    assert "已停用" in "".join(words(system.get(f"{path}/form.pdf")))
    refused(system.get(f"{SSO}/partners/{uuid4()}/form.pdf"), 404, "partner_not_found")
    refused(world.hospital.caller("registrar").get(f"{path}/form.pdf"), 403, "permission_denied")
    read = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'partner.printed'"
    assert world.hospital.value(read) == 2
