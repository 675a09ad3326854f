"""Generated manifests say what the functions declare: nothing missing, nothing left over, the same text every time."""

from dataclasses import replace
from pathlib import Path

import pytest

from events.subscriptions import subscriptions
from functions.registry import all_apps
from infra.his import manifests
from infra.his.manifests.groups import TABLE, GroupError, groups, single
from shared.function import Scaling
from shared.settings import REPOSITORY
from tests.infra.conftest import documents
from tests.infra.objects import environment, knative

BASE = REPOSITORY / "infra" / "k8s" / "base"
VARIANTS = ("functions", "groups")


def objects(variant: str) -> list[dict]:
    return [one for path in sorted((BASE / variant).glob("*.yaml")) for one in documents(path) if "apiVersion" in one]


def test_files_are_what_the_code_declares_now() -> None:
    stale = [
        str(path)
        for path, content in manifests.files().items()
        if not (REPOSITORY / path).exists() or (REPOSITORY / path).read_text(encoding="utf-8") != content
    ]
    assert stale == [], "run `his generate`"


def test_nothing_is_left_of_functions_that_are_gone() -> None:
    assert manifests.leftover() == []


def test_a_left_over_file_is_found(tmp_path: Path) -> None:
    for path, content in manifests.files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
    gone = Path("infra/k8s/base/functions/pharmacy-dispensing.yaml")
    (tmp_path / gone).write_text("", encoding="utf-8")
    assert manifests.leftover(tmp_path) == [gone]


def test_the_same_declarations_give_the_same_text() -> None:
    assert manifests.files() == manifests.files()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_function_runs_in_exactly_one_service(variant: str) -> None:
    run = [
        name
        for service in knative(objects(variant)).values()
        for name in environment(service["spec"]["template"]["spec"]["containers"][0])["HIS_FUNCTIONS"].split(",")
    ]
    assert sorted(run) == sorted(app.name for app in all_apps())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_subscription_is_in_one_trigger_to_the_service_that_runs_it(variant: str) -> None:
    services = knative(objects(variant))
    seen = []
    for trigger in (one for one in objects(variant) if one["kind"] == "Trigger"):
        spec = trigger["spec"]
        subscriber = spec["subscriber"]["uri"].removeprefix("/events/")
        container = services[spec["subscriber"]["ref"]["name"]]["spec"]["template"]["spec"]["containers"][0]
        assert subscriber in environment(container)["HIS_FUNCTIONS"].split(",")
        assert spec["delivery"]["deadLetterSink"]["ref"]["name"] == "dead-letters"
        assert spec["delivery"]["retry"] >= 1
        (types,) = spec["filters"]
        seen += [(one["exact"]["type"], subscriber) for one in types["any"]]
    assert sorted(seen) == sorted((kind, name) for kind, names in subscriptions().items() for name in names)


def test_scaling_is_the_function_s_own() -> None:
    services = knative(objects("functions"))
    for app in all_apps():
        template = services[app.service_name]["spec"]["template"]
        annotations = template["metadata"]["annotations"]
        assert annotations["autoscaling.knative.dev/min-scale"] == str(app.scaling.warm)
        assert annotations["autoscaling.knative.dev/max-scale"] == str(app.scaling.peak)
        assert template["spec"]["containerConcurrency"] == app.scaling.concurrency
        pool = environment(template["spec"]["containers"][0])["HIS_POOL_SIZE"]
        assert int(pool) >= app.scaling.concurrency


def test_a_group_can_carry_the_peaks_of_all_its_functions() -> None:
    for group in groups(all_apps()):
        if group.name == "office":  # its table gives it less on purpose: nobody queues there
            continue
        assert group.connections >= sum(app.scaling.peak * app.scaling.concurrency for app in group.apps)


def test_an_area_nobody_grouped_is_a_group_of_its_own(tmp_path: Path) -> None:
    _table(tmp_path, '[counter]\ntitle = "窗口"\nmembers = ["payments", "outpatient/registration"]\n')
    found = {group.name: group.functions.split(",") for group in groups(all_apps(), tmp_path)}
    assert "outpatient/registration" in found["counter"]
    assert "payments/billing" in found["counter"]
    assert found["outpatient"] == ["outpatient/schedule"]
    assert found["catalogue"] == ["catalogue/codes", "catalogue/prices"]


@pytest.mark.parametrize(
    "table",
    [
        '[a]\ntitle = "a"\nmembers = ["payments"]\n[b]\ntitle = "b"\nmembers = ["payments"]\n',
        '[a]\ntitle = "a"\nmembers = ["paymnets"]\n',
    ],
    ids=["twice", "misspelt"],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str) -> None:
    _table(tmp_path, table)
    with pytest.raises(GroupError):
        groups(all_apps(), tmp_path)


def test_warm_of_a_group_is_the_most_a_member_asks_for() -> None:
    group = next(one for one in groups(all_apps()) if one.name == "counter")
    assert group.warm == max(app.scaling.warm for app in group.apps)


def test_each_function_alone_keeps_its_name() -> None:
    assert [group.name for group in single(all_apps())] == [app.service_name for app in all_apps()]


def test_more_concurrency_needs_a_larger_pool() -> None:
    app = all_apps()[0]
    before = app.scaling
    app.scaling = Scaling(warm=0, peak=2, concurrency=9)
    try:
        group = next(one for one in single(all_apps()) if one.name == app.service_name)
    finally:
        app.scaling = before
    from infra.his.manifests.services import service

    container = service(replace(group))[0]["spec"]["template"]["spec"]["containers"][0]
    assert environment(container)["HIS_POOL_SIZE"] == "9"


def _table(root: Path, text: str) -> None:
    path = root / TABLE
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
