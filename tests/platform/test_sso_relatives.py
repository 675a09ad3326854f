"""Adult relatives: asked for in the mini-program, agreed to by the adult's phone or in person, taken back at once."""

from typing import Any
from uuid import UUID

from infra.simulators.sms import SmsSimulator
from infra.simulators.wechat_login import WeChatLoginSimulator
from integrity.runner import run
from tests.platform.beyond import SSO
from tests.platform.conftest import ok, refused
from tests.platform.phones import Somebody
from tests.platform.realm import World
from tests.support.clinic import resident_id
from tests.support.hospital import Caller

PATIENTS = "/api/patients/index"
ADULTS = f"{SSO}/my/persons/adults"


def ask(asker: Somebody, adult: Somebody, **fields: Any) -> Any:
    body = {"document_no": adult.number, "name": adult.name, "relation": "parent", **fields}
    return asker.account.post(ADULTS, body)


def code_for(phones: SmsSimulator, adult: Somebody) -> str:
    return [one for one in phones.to(adult.phone) if one.template == "SMS_2"][-1].parameters["code"]


def bound(world: World, phones: SmsSimulator, asker: Somebody, adult: Somebody) -> dict[str, Any]:
    request = ok(ask(asker, adult))
    world.settle()
    done = ok(asker.account.post(f"{ADULTS}/{request['request_id']}/confirm", {"code": code_for(phones, adult)}))
    assert done["state"] == "agreed"
    world.settle()
    return done


def test_an_adult_agrees_by_phone_sees_what_is_read_and_takes_it_back(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    son, mother = (Somebody(world, gateway, wechat) for _ in range(2))
    request = ok(ask(son, mother))
    world.settle()
    [message] = phones.to(mother.phone)
    assert message.template == "SMS_2"
    assert message.parameters["name"] == f"{son.name[0]}*{son.name[-1]}"
    path = f"{ADULTS}/{request['request_id']}/confirm"
    wrong = f"{(int(message.parameters['code']) + 1) % 10**6:06d}"
    before = world.hospital.census()["platform.account_links"]
    refused(son.account.post(path, {"code": wrong}), 401, "phone_code_refused")
    refused(mother.account.post(path, {"code": wrong}), 404, "family_request_not_found")
    assert world.hospital.census()["platform.account_links"] == before
    done = ok(son.account.post(path, {"code": message.parameters["code"]}))
    refused(son.account.post(path, {"code": message.parameters["code"]}), 409, "family_request_over")
    world.settle()
    assert phones.to(mother.phone)[-1].template == "SMS_3"
    row = world.hospital.rows("SELECT * FROM platform.account_links WHERE link_id = %s", [done["link_id"]])[0]
    assert (row["relation"], row["proof"]) == ("parent", "consent")
    assert 364 <= (row["until"] - row["bound_at"]).days <= 366
    relation = world.hospital.rows("SELECT * FROM patients.relations WHERE relation_id = %s", [row["relation_id"]])[0]
    assert (relation["kind"], relation["shares_account"], relation["ended_at"]) == ("child", True, None)
    assert str(relation["related_patient_id"]) == son.patient_id

    son.again()
    assert world.verify(son.account.token).patient_ids == {UUID(son.patient_id), UUID(mother.patient_id)}
    ok(son.account.get(f"{PATIENTS}/self/{mother.patient_id}"))
    mother.again()
    log = ok(mother.account.get(f"{PATIENTS}/self/{mother.patient_id}/access-log"))["items"]
    assert any(one["actor_name"] == son.name and not one["own"] for one in log)
    consents = ok(mother.account.get(f"{PATIENTS}/self/{mother.patient_id}/consents"))
    assert [one["kind"] for one in consents] == ["sharing"]

    [relative] = ok(mother.account.get(f"{SSO}/my/relatives"))
    assert (relative["link_id"], relative["name"]) == (done["link_id"], f"{son.name[0]}*{son.name[-1]}")
    refused(son.account.post(f"{SSO}/my/relatives/{relative['link_id']}/end", {"reason": "x"}), 404, "link_not_found")
    ended = ok(mother.account.post(f"{SSO}/my/relatives/{relative['link_id']}/end", {"reason": "不再需要"}))
    assert ended["told"]
    world.see_deny_list()
    refused(son.account.get(f"{PATIENTS}/self/{mother.patient_id}"), 401, "subject_denied")
    assert world.verify(son.again().token).patient_ids == {UUID(son.patient_id)}
    assert son.account.get(f"{PATIENTS}/self/{mother.patient_id}").status_code == 404
    assert world.hospital.value("SELECT ended_at FROM patients.relations WHERE relation_id = %s", [row["relation_id"]])
    world.settle()
    assert phones.to(mother.phone)[-1].template == "SMS_4"


def test_nothing_tells_whether_the_hospital_knows_the_person(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me, adult = Somebody(world, gateway, wechat), Somebody(world, gateway, wechat, bound=False)
    shared = Somebody(world, gateway, wechat, bound=False, phone=me.phone)
    known = ok(ask(me, adult))
    unknown = ok(ask(me, adult, document_no=resident_id(1, born="19510101")))
    misnamed = ok(ask(me, shared, name="韦不对"))
    same_phone = me.account.post(ADULTS, {"document_no": shared.number, "name": shared.name, "relation": "spouse"})
    refused(same_phone, 429, "phone_code_too_soon")  # one a minute for a person, whatever the name
    texts = {one["message"] for one in (known, unknown, misnamed)}
    assert len(texts) == 1
    world.settle()
    assert len(phones.to(adult.phone)) == 1
    assert phones.to(me.phone) == []
    with world.later(minutes=2):
        request = ok(ask(me, shared))
        world.settle()
        assert phones.to(me.phone) == []  # a code on the asker's own phone is nobody's consent
        path = f"{ADULTS}/{request['request_id']}/confirm"
        for digits in ("000000", "999999"):
            refused(me.account.post(path, {"code": digits}), 401, "phone_code_refused")


def test_who_may_not_be_bound_this_way(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me, adult = (Somebody(world, gateway, wechat) for _ in range(2))
    before = world.hospital.census()
    minor = ask(me, adult, document_no=resident_id(3, born="20200601"))
    assert "绑定子女" in refused(minor, 422, "family_not_possible")["detail"]
    refused(ask(me, me), 422, "family_not_possible")
    refused(ask(me, adult, relation="child"), 422, "invalid")
    refused(world.hospital.caller("registrar").post(ADULTS, {}), 422, "invalid")
    assert world.hospital.census() == before
    bound(world, phones, me, adult)
    with world.later(minutes=2):
        refused(ask(me, adult), 409, "person_bound")
    world.hospital.execute(
        "INSERT INTO platform.account_links (link_id, account_id, patient_id, relation, proof, bound_at)"
        " SELECT gen_random_uuid(), %s, gen_random_uuid(), 'child', 'guardian', now() FROM generate_series(1, 3)",
        [me.account.subject],
    )
    refused(ask(me, Somebody(world, gateway, wechat, bound=False)), 422, "too_many_persons")
    world.hospital.execute(
        "UPDATE platform.account_links SET ended_at = now() WHERE account_id = %s AND proof = 'guardian'",
        [me.account.subject],
    )


def test_at_the_window_a_registrar_who_saw_both(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me, father = Somebody(world, gateway, wechat), Somebody(world, gateway, wechat, bound=False)
    desk, path = world.hospital.caller("registrar"), f"{SSO}/family-agreements"
    body = {
        "owner_document_no": me.number,
        "document_no": father.number,
        "name": father.name,
        "evidence": "双方身份证原件",
    }
    refused(desk.post(path, body), 404, "family_request_not_found")
    request = ok(ask(me, father))
    before = world.hospital.census()
    refused(desk.post(path, {**body, "name": "韦不对"}), 422, "real_name_mismatch")
    refused(world.hospital.caller("schedule_clerk").post(path, body), 403, "permission_denied")
    refused(me.account.post(path, body), 403, "permission_denied")
    assert world.hospital.census() == before
    done = ok(desk.post(path, body))
    assert (done["request_id"], done["state"]) == (request["request_id"], "agreed")
    row = world.hospital.rows("SELECT * FROM platform.family_requests WHERE link_id = %s", [done["link_id"]])[0]
    assert (row["way"], row["registrar"], row["evidence"]) == ("window", desk.subject, "双方身份证原件")
    shown = {"document_no": father.number, "name": father.name}
    [relative] = ok(desk.post(f"{SSO}/relatives/find", shown))
    ok(desk.post(f"{SSO}/relatives/{relative['link_id']}/end", {**shown, "reason": "本人要求"}))
    assert ok(desk.post(f"{SSO}/relatives/find", shown)) == []
    other = Somebody(world, gateway, wechat, bound=False)
    refused(
        desk.post(
            f"{SSO}/relatives/{relative['link_id']}/end",
            {"document_no": other.number, "name": other.name, "reason": "x"},
        ),
        404,
        "link_not_found",
    )


def test_it_ends_by_itself_by_a_withdrawn_consent_and_with_its_owner(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    open_links = (
        "SELECT count(*) FROM platform.account_links WHERE patient_id = %s AND ended_at IS NULL AND proof = 'consent'"
    )
    one, two = (Somebody(world, gateway, wechat) for _ in range(2))
    bound(world, phones, one, two)
    two.again()
    [consent] = ok(two.account.get(f"{PATIENTS}/self/{two.patient_id}/consents"))
    ok(two.account.post(f"{PATIENTS}/self/{two.patient_id}/consents/{consent['consent_id']}/withdraw"))
    world.settle()
    assert world.hospital.value(open_links, [two.patient_id]) == 0

    three, four = (Somebody(world, gateway, wechat) for _ in range(2))
    bound(world, phones, three, four)
    with world.later(days=367):
        world.minute()
    reason = "SELECT end_reason FROM platform.account_links WHERE patient_id = %s AND proof = 'consent'"
    assert world.hospital.value(reason, [four.patient_id]) == "绑定到期"

    five, six = (Somebody(world, gateway, wechat) for _ in range(2))
    bound(world, phones, five, six)
    account = five.again()
    ok(account.post(f"{SSO}/my/persons/{five.link['link_id']}/end", {"reason": "换手机"}))
    assert world.hospital.value(open_links, [six.patient_id]) == 0
    relations = "SELECT count(*) FROM patients.relations WHERE patient_id = ANY(%s) AND ended_at IS NULL"
    assert world.hospital.value(relations, [[UUID(x.patient_id) for x in (two, four, six)]]) == 0


def test_a_binding_nobody_agreed_to_is_found(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    def broken() -> list[str]:
        names = frozenset({"sso.family_without_consent", "sso.phone_without_owner"})
        return [one.name for one in run(world.hospital.settings.auditor_database_url, names) if not one.holds]

    one, two = (Somebody(world, gateway, wechat) for _ in range(2))
    done = bound(world, phones, one, two)
    assert broken() == []
    undo = "UPDATE platform.family_requests SET link_id = NULL WHERE link_id = %s"
    world.hospital.execute(undo, [done["link_id"]])
    assert broken() == ["sso.family_without_consent"]
    world.hospital.execute(
        "UPDATE platform.account_links SET ended_at = now() WHERE link_id = %s", [one.link["link_id"]]
    )
    assert broken() == ["sso.family_without_consent", "sso.phone_without_owner"]
