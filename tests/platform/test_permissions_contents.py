"""Packages carry templates, rules over data and of numbers beside parameters: refused, in force and back as a whole."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from functions.platform.permissions import parameters, service, signing
from integrity.runner import run
from shared.identity.posts import EVERY_POST, POSTS
from shared.settings import Settings
from tests.platform.conftest import BASE, Consortium, ok, refused
from tests.platform.test_permissions_packages import private_pem

PACKAGES = f"{BASE}/packages"
DAYS = "outpatient.registration.validity_days"
SERIES = "platform.permission_request"
CLERK = "schedule_clerk"
MASK = {"posts": {"registrar": "masked"}, "others": "reveal"}
HALF = frozenset({"permissions.package_half_applied", "permissions.change_numbers"})
TABLES = (
    "platform.config_packages",
    "platform.parameter_values",
    "platform.template_versions",
    "kernel.data_rules",
    "kernel.number_rules",
)


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / signing.SIGNING_KEY).write_bytes(private_pem(Ed25519PrivateKey.generate()))
    monkeypatch.setattr(signing, "settings", lambda: Settings(secrets_dir=tmp_path))


@pytest.fixture(autouse=True)
def another_installation(consortium: Consortium) -> Iterator[None]:
    emptied(consortium)
    yield
    consortium.hospital.clock.offset = timedelta()


def emptied(consortium: Consortium) -> None:
    """Nothing is set here but what the program says, as at an installation that is to take a package in."""
    for table in TABLES:
        consortium.hospital.execute(f"DELETE FROM {table}")
    consortium.hospital.execute("DELETE FROM kernel.number_series WHERE series = 'platform.parameter_change'")


def set_mask(consortium: Consortium, content: dict[str, Any], **fields: Any) -> None:
    body = {"kind": "mask", "key": "patient.phone", "content": content, "everywhere": True, "reason": "制度", **fields}
    asked = ok(consortium.security.post(f"{BASE}/data-rules", body))
    ok(consortium.office.post(f"{BASE}/data-rules/{asked['rule_id']}/approve", {"version": 1}))


def set_form(consortium: Consortium, mark: str, reset: str, width: int) -> None:
    start = (consortium.hospital.clock() + timedelta(days=1, hours=8)).date().isoformat()
    body = {"mark": mark, "reset": reset, "width": width, "valid_from": start, "reason": "制度"}
    ok(consortium.system.post(f"{BASE}/number-series/{SERIES}/rules", body))


def set_days(consortium: Consortium, value: int) -> None:
    body = {"level": "system", "value": value, "reason": "制度"}
    ok(consortium.system.post(f"{BASE}/parameters/{DAYS}/values", body))


def exported(consortium: Consortium) -> dict[str, Any]:
    """A package of an installation where one of each kind was set."""
    consortium.published(CLERK, add=("patients.index.read",))
    set_mask(consortium, MASK)
    set_mask(consortium, {"posts": {}, "others": "hidden"}, everywhere=False)
    set_form(consortium, "SQ", "month", 4)
    set_days(consortium, 7)
    file = dict(ok(consortium.system.post(f"{PACKAGES}/export", {"note": "十一月版"})))
    emptied(consortium)
    return file


def imported(consortium: Consortium, file: dict[str, Any]) -> str:
    row = ok(consortium.system.post(PACKAGES, {"file": file, "reason": "测试通过"}))
    assert row["state"] == "draft"
    return f"{PACKAGES}/{row['package_id']}"


def reviewed(consortium: Consortium, file: dict[str, Any]) -> str:
    path = imported(consortium, file)
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    return path


def signed(*lines: dict[str, Any]) -> dict[str, Any]:
    content = {
        "format": "his-configuration-2",
        "source": "测试院",
        "note": "x",
        "made_at": "2026-11-01T08:00:00+08:00",
        "made_by": "韦测试",
        "lines": list(lines),
    }
    return signing.signed(content)


def template_line(post: str, *add: str, remove: tuple[str, ...] = ()) -> dict[str, Any]:
    permissions = sorted((POSTS[post].permissions | set(add)) - set(remove))
    value = {"permissions": permissions, "dimension": POSTS[post].dimension}
    return {"kind": "template", "key": post, "level": "system", "level_id": "", "value": value}


def rule_line(key: str, value: dict[str, Any], campus: str = "") -> dict[str, Any]:
    level = "campus" if campus else "system"
    return {"kind": "data_rule", "key": key, "level": level, "level_id": campus, "value": value}


def form_line(series: str, mark: str, reset: str = "month", campus: str = "hq") -> dict[str, Any]:
    value = {"mark": mark, "reset": reset, "width": 6}
    return {"kind": "number_rule", "key": series, "level": "campus", "level_id": campus, "value": value}


def state(consortium: Consortium) -> dict[str, Any]:
    """What counts: the clerk's template, the phone's masks, tomorrow's form, the parameter."""
    masks = ok(consortium.security.get(f"{BASE}/data-rules", kind="mask"))
    [here] = [one for one in ok(consortium.system.get(f"{BASE}/number-series")) if one["series"] == SERIES]
    with consortium.hospital.tx("hq") as tx:
        clerk = service.template(tx, CLERK)
    return {
        "template": (clerk.permissions, clerk.dimension),
        "masks": {one["at_campus"]: one["content"] for one in masks},
        "form": here["planned"][-1]["form"]["mark"] if here["planned"] else here["form"]["mark"],
        "days": ok(consortium.system.get(f"{BASE}/parameters/{DAYS}"))["value"],
    }


def test_a_package_carries_every_kind_and_goes_back_as_a_whole(consortium: Consortium) -> None:
    file = exported(consortium)
    assert [(one["kind"], one["key"], one["level_id"]) for one in file["lines"]] == [
        ("data_rule", "mask.patient.phone", "hq"),
        ("data_rule", "mask.patient.phone", ""),
        ("number_rule", SERIES, "hq"),
        ("parameter", DAYS, ""),
        ("template", CLERK, ""),
    ]
    consortium.published(CLERK, remove=("outpatient.schedule.quota",))
    set_mask(consortium, {"posts": {}, "others": "masked"})
    set_form(consortium, "SB", "year", 5)
    holder = consortium.posted(CLERK)
    former = state(consortium)
    path = imported(consortium, file)
    shown = {(one["kind"], one["level_id"]): one for one in ok(consortium.office.get(f"{path}/difference"))["lines"]}
    template = shown["template", ""]
    assert (template["title"], template["kind_label"]) == ("排班员", "岗位模板")
    assert (template["added"], template["removed"]) == (["调配、冻结号源", "查询患者"], [])
    assert template["holders"] >= 1
    assert shown["data_rule", ""]["title"] == "字段遮盖：联系电话"
    assert shown["data_rule", "hq"]["before"] is None
    assert (shown["number_rule", "hq"]["before"]["mark"], shown["number_rule", "hq"]["after"]["mark"]) == ("SB", "SQ")
    assert state(consortium) == former, "looking changes nothing"
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    told = {kind: len(consortium.hospital.events(kind)) for kind in ("template_changed", "data_rule_changed")}
    done = ok(consortium.system.post(f"{path}/apply", {"version": 2}))
    assert state(consortium) == {
        "template": (POSTS[CLERK].permissions | {"patients.index.read"}, POSTS[CLERK].dimension),
        "masks": {"": MASK, "hq": {"posts": {}, "others": "hidden"}},
        "form": "SQ",
        "days": 7,
    }
    assert "patients.index.read" in ok(consortium.signed_on(holder).get(f"{BASE}/my/rights"))["permissions"]
    assert len(consortium.hospital.events("template_changed")) == told["template_changed"] + 1
    assert len(consortium.hospital.events("data_rule_changed")) == told["data_rule_changed"] + 2
    assert [one.holds for one in run(consortium.hospital.settings.auditor_database_url, HALF)] == [True, True]
    versions = ok(consortium.security.get(f"{BASE}/templates/{CLERK}/versions"))["items"]
    assert [(one["version_no"], one["state"]) for one in versions] == [(2, "in_force"), (1, "superseded")]
    again = imported(consortium, file)
    assert ok(consortium.office.get(f"{again}/difference"))["lines"] == [], "what was carried is the same here"
    ok(consortium.system.post(f"{path}/roll-back", {"version": done["version"], "reason": "门诊反映不合适"}))
    assert state(consortium) == former
    versions = ok(consortium.security.get(f"{BASE}/templates/{CLERK}/versions"))["items"]
    assert [one["state"] for one in versions] == ["in_force", "superseded", "superseded"], "nothing was rewritten"


def test_back_to_what_the_program_says_is_back(consortium: Consortium) -> None:
    former = state(consortium)
    path = reviewed(consortium, exported(consortium))
    done = ok(consortium.system.post(f"{path}/apply", {"version": 2}))
    consortium.hospital.clock.move(days=1)
    assert state(consortium)["form"] == "SQ"
    ok(consortium.system.post(f"{path}/roll-back", {"version": done["version"], "reason": "x"}))
    assert state(consortium) == former
    refused(consortium.system.post(f"{PACKAGES}/export", {"note": "x"}), 422, "package_empty")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("template", f"template:{CLERK}"),
        ("rule", "data_rule:mask.patient.phone"),
        ("form", f"number_rule:{SERIES}"),
    ],
)
def test_what_was_changed_since_is_not_taken_back_blindly(consortium: Consortium, change: str, key: str) -> None:
    path = reviewed(consortium, exported(consortium))
    done = ok(consortium.system.post(f"{path}/apply", {"version": 2}))
    match change:
        case "template":
            consortium.published(CLERK, add=("patients.index.merge",))
        case "rule":
            set_mask(consortium, {"posts": {}, "others": "masked"})
        case "form":
            set_form(consortium, "SC", "year", 5)
    since = state(consortium)
    answer = consortium.system.post(f"{path}/roll-back", {"version": done["version"], "reason": "x"})
    assert refused(answer, 409, "package_overtaken")["keys"] == [key]
    assert state(consortium) == since
    assert ok(consortium.security.get(PACKAGES))["items"][0]["state"] == "in_force"


def test_what_is_not_known_here_refuses_the_whole_package_with_every_key(consortium: Consortium) -> None:
    lines = {
        "": rule_line("export.*", {"most": 200}),
        "template:no_such_post": {**template_line(CLERK), "key": "no_such_post"},
        f"template:{CLERK}": template_line(CLERK, "no.such.permission"),
        "template:registrar": template_line("registrar", "payments.billing.approve"),
        "data_rule:mask.patient.shoe": rule_line("mask.patient.shoe", MASK),
        "data_rule:mask.patient.phone": rule_line("mask.patient.phone", {"posts": {"nobody": "masked"}}),
        "data_rule:export.registrar": rule_line("export.registrar", {"most": 0}),
        "data_rule:sensitive.hiv": rule_line("sensitive.hiv", {"level": 2}),
        "data_rule:break_glass.policy": rule_line("break_glass.policy", {"hours": 4}, campus="nowhere"),
        "number_rule:no.such.series": form_line("no.such.series", "SX"),
        "number_rule:payments.receipt": form_line("payments.receipt", "SY"),
        f"number_rule:{SERIES}": form_line(SERIES, "X"),
        "no.such.key": {"key": "no.such.key", "level": "system", "level_id": "", "value": 1},
    }
    former, counted = state(consortium), consortium.hospital.census()
    answer = consortium.system.post(PACKAGES, {"file": signed(*lines.values()), "reason": "x"})
    problem = refused(answer, 422, "package_unknown_keys")
    assert problem["keys"] == sorted(lines.keys() - {""})
    [kept] = ok(consortium.security.get(PACKAGES))["items"]
    assert (kept["state"], kept["refused_for"]) == ("refused", problem["keys"])
    written = {table for table, rows in consortium.hospital.census().items() if rows != counted[table]}
    assert written <= {"platform.config_packages", "kernel.idempotent_answers"}
    assert state(consortium) == former


def test_two_lines_of_one_package_may_not_share_a_mark(consortium: Consortium) -> None:
    lines = (form_line(SERIES, "SX"), {**form_line(SERIES, "SX", "year"), "level_id": "mch"})
    assert imported(consortium, signed(*lines)), "two campuses, each with a way of its own"
    twice = (form_line(SERIES, "SX"), form_line(SERIES, "SX", "year"))
    answer = consortium.system.post(PACKAGES, {"file": signed(*twice), "reason": "x"})
    assert refused(answer, 422, "package_unknown_keys")["keys"] == [f"number_rule:{SERIES}"]


def test_a_holder_on_two_sides_keeps_the_whole_package_out(consortium: Consortium) -> None:
    post = next(code for code, one in POSTS.items() if "catalogue.prices.write" in one.permissions)
    person = consortium.posted(CLERK, post)
    approves = template_line(CLERK, "catalogue.prices.approve")
    parameter = {"key": DAYS, "level": "system", "level_id": "", "value": 9}
    path = reviewed(consortium, signed(parameter, approves))
    before, counted = state(consortium), consortium.hospital.census()
    answer = refused(consortium.system.post(f"{path}/apply", {"version": 2}), 422, "template_breaks_separation")
    assert answer["rule"] == "price_approval"
    assert (state(consortium), consortium.hospital.census()) == (before, counted)
    together = reviewed(
        consortium, signed(parameter, approves, template_line(post, remove=("catalogue.prices.write",)))
    )
    ok(consortium.system.post(f"{together}/apply", {"version": 2}))
    held = ok(consortium.signed_on(person).get(f"{BASE}/my/rights"))["permissions"]
    assert "catalogue.prices.approve" in held
    assert "catalogue.prices.write" not in held


def test_what_the_release_running_now_no_longer_knows_is_not_put_in_force(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = reviewed(consortium, exported(consortium))
    former, counted = state(consortium), consortium.hospital.census()
    with monkeypatch.context() as patch:
        patch.setattr(parameters, "PARAMETERS", {})
        answer = consortium.system.post(f"{path}/apply", {"version": 2})
    assert refused(answer, 422, "package_unknown_keys")["keys"] == [DAYS]
    assert (state(consortium), consortium.hospital.census()) == (former, counted)
    assert ok(consortium.system.post(f"{path}/apply", {"version": 2}))["state"] == "in_force"


def test_a_package_of_the_first_format_is_still_taken(consortium: Consortium) -> None:
    line = {"key": DAYS, "level": "system", "level_id": "", "value": 6}
    content = {name: value for name, value in signed(line).items() if name not in {"key_id", "signature"}}
    path = reviewed(consortium, signing.signed({**content, "format": "his-configuration-1"}))
    ok(consortium.system.post(f"{path}/apply", {"version": 2}))
    assert state(consortium)["days"] == 6


def test_whoever_loses_by_a_version_is_told_whatever_draft_lay_between(consortium: Consortium) -> None:
    """A withdrawn draft without a permission must not hide that its holders had it until now."""
    person = consortium.posted(CLERK)
    kept = sorted(POSTS[CLERK].permissions - {"outpatient.schedule.quota"} | EVERY_POST)
    body = {"permissions": kept, "dimension": POSTS[CLERK].dimension, "reason": "x"}
    draft = ok(consortium.security.post(f"{BASE}/templates/{CLERK}/versions", body))
    ok(consortium.security.post(f"{BASE}/template-versions/{draft['template_id']}/withdraw", {"version": 1}))
    published = consortium.published(CLERK, remove=("outpatient.schedule.quota",))
    with consortium.hospital.tx("hq") as tx:
        assert person in service.holders_losing(tx, [published["template_id"]])
