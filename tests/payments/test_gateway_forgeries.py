"""The alarm after three notifications that were not to be believed: once, told to who looks, reset by the finding."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from functions.payments.gateway.service import forgeries
from tests.payments.gateway_town import GATEWAY, Town, open_town
from tests.support.clinic import ok

ALARMS = f"{GATEWAY}/forgery-alarms"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), "hq", "mch", channels=("wechat", "alipay")) as one:
        yield one


@pytest.fixture
def town(opened: Town) -> Town:
    """A quiet hour: what the tests before sent is long past."""
    for alarm in alarms(opened, unfinished=True) + alarms(opened, "mch", unfinished=True):
        acknowledge(opened, alarm, alarm["campus_id"])
    opened.clock.move(hours=2)
    return opened


def forge(town: Town, channel: str = "wechat", campus: str = "hq", body: bytes | None = None) -> None:
    address = f"{GATEWAY}/notifications/{channel}/{town.merchants[channel, campus]}"
    assert town.hospital.client.post(address, content=body or uuid4().bytes).status_code == 401
    town.clock.move(seconds=1)


def alarms(town: Town, campus: str = "hq", **wanted: Any) -> list[dict[str, Any]]:
    return list(ok(town.finance(campus).get(ALARMS, **wanted))["items"])


def acknowledge(town: Town, alarm: dict[str, Any], campus: str = "hq", **more: Any) -> Any:
    body = {"version": alarm["version"], "finding": "渠道换证书，已更新公钥", **more}
    return town.technician(campus).post(f"{ALARMS}/{alarm['alarm_id']}/acknowledge", body)


def audited(town: Town, action: str, alarm: dict[str, Any]) -> int:
    written = "SELECT count(*) FROM kernel.audit_entries WHERE action = %s AND subject_id = %s"
    return int(town.hospital.value(written, [action, alarm["alarm_id"]]))


def told(town: Town) -> int:
    return len(town.events("notifications_forged"))


def test_two_are_none_and_the_third_raises_one_alarm(town: Town) -> None:
    before = told(town)
    counted = forgeries.FORGED.labels("wechat")._value.get()
    for _ in range(2):
        forge(town)
    forge(town, "alipay")
    forge(town, campus="mch")
    town.minute()
    assert (alarms(town, unfinished=True), told(town)) == ([], before), "of another channel, of another campus"
    forge(town)
    [alarm] = alarms(town, unfinished=True)
    assert (alarm["channel_name"], alarm["forged"], alarm["campus_id"]) == ("微信支付", 3, "hq")
    assert alarm["merchant_id"] == town.merchants["wechat", "hq"]
    assert alarm["reason"]
    event = town.events("notifications_forged")[-1]
    assert (event["alarm_id"], event["forged"], told(town)) == (alarm["alarm_id"], 3, before + 1)
    assert forgeries.FORGED.labels("wechat")._value.get() == counted + 4
    assert audited(town, "forgery_alarm.raised", alarm) == 1
    assert alarms(town, "mch", unfinished=True) == []


def test_the_same_message_again_and_again_is_one_alarm(town: Town) -> None:
    before = told(town)
    for _ in range(7):
        forge(town, body=b"the same bytes")
    for _ in range(3):
        town.minute()
    [alarm] = alarms(town, unfinished=True)
    assert (alarm["forged"], told(town)) == (7, before + 1)


def test_three_at_once_raise_one(town: Town) -> None:
    before = told(town)
    address = f"{GATEWAY}/notifications/wechat/{town.merchants['wechat', 'hq']}"
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: town.hospital.client.post(address, content=b"x%d" % n), range(6)))
    town.minute()
    assert (len(alarms(town, unfinished=True)), told(town)) == (1, before + 1)


def test_the_minute_raises_what_three_at_once_missed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(forgeries, "raise_alarms", lambda tx: None)
        for _ in range(3):
            forge(town)
    assert alarms(town, unfinished=True) == []
    town.minute("mch")
    assert alarms(town, unfinished=True) == []
    town.minute()
    assert len(alarms(town, unfinished=True)) == 1


def test_three_in_more_than_an_hour_are_none(town: Town) -> None:
    for _ in range(3):
        forge(town)
        town.clock.move(minutes=31)
    town.minute()
    assert alarms(town, unfinished=True) == []


def test_true_notifications_and_a_missing_key_of_ours_raise_none(town: Town) -> None:
    payment = town.start("3.00")
    assert town.wechat.pay(payment.order_no)
    [letter] = town.channels.take_letters()
    merchant = town.merchants["wechat", "hq"]
    kept = {one.name: one.read_text() for one in town.folder.iterdir() if one.name.startswith(f"{merchant}-verify")}
    for name in kept:
        (town.folder / name).unlink()
    assert town.deliver([letter] * 4) == [401] * 4, "nothing can be verified without our key"
    for name, text in kept.items():
        town.write_secret(name, text)
    assert town.deliver([letter] * 4) == [200] * 4
    town.minute()
    assert alarms(town, unfinished=True) == []
    assert town.read(payment.payment_id).state == "succeeded"


def test_who_looked_says_what_it_was_and_counting_begins_anew(town: Town) -> None:
    for _ in range(4):
        forge(town)
    [alarm] = alarms(town, unfinished=True)
    assert acknowledge(town, alarm, finding=" ").status_code == 422
    assert town.registrar().post(f"{ALARMS}/{alarm['alarm_id']}/acknowledge", {}).status_code == 403
    assert acknowledge(town, alarm, "mch").status_code == 404
    before = town.hospital.census()
    stale = acknowledge(town, alarm, version=7)
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert town.hospital.census() == before
    assert len(alarms(town, unfinished=True)) == 1
    done = ok(acknowledge(town, alarm))
    assert (done["finding"], done["acknowledged_by_name"]) == ("渠道换证书，已更新公钥", "信息科")
    again = acknowledge(town, alarm, finding="另一个说法")
    assert (again.status_code, again.json()["code"]) == (409, "forgery_alarm_acknowledged")
    assert again.json()["finding"] == "渠道换证书，已更新公钥"
    audited = (
        "SELECT count(*) FROM kernel.audit_entries WHERE action = 'forgery_alarm.acknowledged' AND subject_id = %s"
    )
    assert town.hospital.value(audited, [alarm["alarm_id"]]) == 1
    town.clock.move(seconds=1)
    for _ in range(2):
        forge(town)
    town.minute()
    assert alarms(town, unfinished=True) == [], "those before the finding count no more"
    forge(town)
    [next_one] = alarms(town, unfinished=True)
    assert next_one["alarm_id"] != alarm["alarm_id"]
    assert next_one["forged"] == 3
    [kept] = [one for one in alarms(town) if one["alarm_id"] == alarm["alarm_id"]]
    assert kept["forged"] == 4


def test_the_list_is_paged_and_read_on_record(town: Town) -> None:
    for _ in range(2):
        for _ in range(3):
            forge(town)
        [alarm] = alarms(town, unfinished=True)
        ok(acknowledge(town, alarm))
        town.clock.move(seconds=1)
    first = ok(town.finance().get(ALARMS, limit=1))
    second = ok(town.finance().get(ALARMS, limit=1, cursor=first["next"]))
    assert first["items"][0]["raised_at"] > second["items"][0]["raised_at"]
    listed = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'forgery_alarms.listed'"
    assert town.hospital.value(listed) > 0


def test_after_a_flood_the_finding_opens_the_list_again(town: Town) -> None:
    for _ in range(forgeries.KEPT + 5):
        forge(town)
    [alarm] = alarms(town, unfinished=True)
    assert alarm["forged"] == forgeries.KEPT
    ok(acknowledge(town, alarm))
    town.clock.move(seconds=1)
    for _ in range(3):
        forge(town)
    assert len(alarms(town, unfinished=True)) == 1
