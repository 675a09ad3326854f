"""What no pod of ours may do, whoever writes the next manifest."""

import re
from typing import Any

import pytest

from functions.registry import all_apps
from infra.his.manifests.names import REACHES_OUT
from infra.his.manifests.services import KEYS
from tests.infra.conftest import K8S, Manifest, documents, written
from tests.infra.objects import Pod, environment, knative, of_kind, pods

PODS = [(f"{file}:{pod.kind}/{pod.name}", pod) for file, one in written() for pod in pods([one])]
BASE = [
    one
    for folder in ("base", "broker", "data", "restore")
    for path in sorted((K8S / folder).glob("*.yaml"))
    for one in documents(path)
    if "metadata" in one
]
EACH_POD = pytest.mark.parametrize("pod", [pod for _, pod in PODS], ids=[name for name, _ in PODS])


def test_there_are_pods_to_look_at() -> None:
    kinds = {pod.kind for _, pod in PODS}
    assert {"Service", "Deployment", "Job", "CronJob"} <= kinds


@EACH_POD
def test_container_may_do_little(pod: Pod) -> None:
    for container in pod.containers:
        security = container["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 10_000
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "privileged" not in security


@EACH_POD
def test_pod_shares_nothing_with_its_node(pod: Pod) -> None:
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod.spec.keys()
    for volume in pod.spec.get("volumes", []):
        assert {"emptyDir", "configMap", "secret", "projected"} & volume.keys(), volume["name"]
        assert all(source.keys() == {"secret"} for source in volume.get("projected", {}).get("sources", []))
    for container in pod.containers:
        assert not any("hostPort" in port for port in container.get("ports", []))


@EACH_POD
def test_pod_has_no_key_to_the_api_server(pod: Pod) -> None:
    assert pod.spec["automountServiceAccountToken"] is (pod.name == "prewarm")
    account = next(
        one
        for one in BASE
        if one["kind"] == "ServiceAccount" and one["metadata"]["name"] == pod.spec["serviceAccountName"]
    )
    assert account["automountServiceAccountToken"] is False


def test_the_one_key_opens_little() -> None:
    """The pre-warmer may see services and set annotations of revisions; it can read no secret and start no pod."""
    roles = [one for _, one in written() if one["kind"] in {"Role", "ClusterRole"}]
    assert [role["metadata"]["name"] for role in roles] == ["prewarm"]
    assert roles[0]["rules"] == [
        {"apiGroups": ["serving.knative.dev"], "resources": ["services"], "verbs": ["list"]},
        {"apiGroups": ["serving.knative.dev"], "resources": ["revisions"], "verbs": ["get", "patch"]},
    ]


@EACH_POD
def test_pod_is_limited(pod: Pod) -> None:
    for container in pod.containers:
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][kind].keys()
    for volume in pod.spec.get("volumes", []):
        if "emptyDir" in volume:
            assert "sizeLimit" in volume["emptyDir"]


@EACH_POD
def test_what_serves_is_probed(pod: Pod) -> None:
    if pod.kind in {"Job", "CronJob"}:
        return
    for container in pod.spec["containers"]:
        assert "readinessProbe" in container
        assert "livenessProbe" in container


@EACH_POD
def test_secrets_come_by_reference(pod: Pod) -> None:
    for container in pod.containers:
        for name, value in environment(container).items():
            if name == "HIS_SECRETS_DIR":
                assert value == KEYS  # where key files lie is no secret
                continue
            assert not any(word in name for word in ("PASSWORD", "SECRET", "KEY", "_URL")), name
            assert not re.search(r"://[^/]*@", value), name


OPENS_NUMBERS = {"organisation/structure", "patients/index", "payments/gateway", "platform/sso"}
"""Who keeps ID numbers, the sign-on of patients, who say who they are by theirs, and who keeps messages of payment
channels."""


def secrets_of(pod: Pod) -> set[str]:
    """Every secret a pod reads, as settings or as files."""
    told = [one for container in pod.containers for one in container.get("envFrom", [])]
    files = [one for volume in pod.spec.get("volumes", []) for one in volume.get("projected", {}).get("sources", [])]
    return {one["secretRef"]["name"] for one in told if "secretRef" in one} | {one["secret"]["name"] for one in files}


def trusted(pod: Pod) -> set[str]:
    """What the functions of a pod declare to need beyond the others."""
    served = environment(pod.containers[0])["HIS_FUNCTIONS"].split(",")
    trusts = [app.trust for app in all_apps() if app.name in served]
    return {name for trust in trusts for name in (*trust.secrets, trust.keys) if name}


def test_what_keeps_the_realm_is_read_by_sign_on_and_its_job_only() -> None:
    """The realm's own account: neither other functions nor other jobs get its secret, and none the operator's."""
    assert {name for name, pod in PODS if "his-directory" in secrets_of(pod)} == {
        "base/functions/platform-sso.yaml:Service/platform-sso",
        "base/groups/platform.yaml:Service/platform",
        "base/jobs.yaml:CronJob/identity",
    }


def test_what_one_function_is_trusted_with_is_nobody_elses() -> None:
    """A stolen backup, another function's instance or an operator's job opens no ID number and signs no payment."""
    declared = [(name, app.name) for app in all_apps() for name in (*app.trust.secrets, app.trust.keys) if name]
    assert {"his-columns", "his-merchant-keys", "his-receipts"} <= {name for name, _ in declared}
    assert {function for name, function in declared if name == "his-columns"} == OPENS_NUMBERS
    others = [name for name, _ in declared if name != "his-columns"]
    assert len(others) == len(set(others))


def test_only_who_declares_it_reaches_outside() -> None:
    """Systems outside are reached by TLS from the functions that call them, and nothing inside by that way."""
    reaching = {name for name, pod in PODS if REACHES_OUT.items() <= pod.labels.items()}
    outside = {app.name for app in all_apps() if app.trust.outside}
    assert reaching == {
        name
        for name, pod in PODS
        if pod.kind == "Service" and outside & set(environment(pod.containers[0])["HIS_FUNCTIONS"].split(","))
    }
    (rule,) = next(one for one in BASE if one["metadata"]["name"] == "outside")["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [443]
    (block,) = [peer["ipBlock"] for peer in rule["to"]]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(block["except"])


def test_the_sign_on_tells_partners_that_somebody_signed_off() -> None:
    (sign_on,) = (one for one in BASE if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "keycloak")
    ways = [(rule["to"], [port["port"] for port in rule["ports"]]) for rule in sign_on["spec"]["egress"]]
    assert any("ipBlock" in peer and ports == [443] for peers, ports in ways for peer in peers)
    assert any(
        peer.get("namespaceSelector", {}).get("matchLabels") == {"kubernetes.io/metadata.name": "his"}
        and {8080, 8443} <= set(ports)
        for peers, ports in ways
        for peer in peers
    )


@EACH_POD
def test_a_role_reads_only_its_own_secret(pod: Pod) -> None:
    allowed = {
        "function": "his-functions",
        "worker": "his-worker",
        "prepare": "his-operator",
        "prewarm": "his-prewarm",
        "gateway": None,
        "storage": "storage-root",
        "keycloak": "keycloak",
        "nats": "nats",
        "backup": "his-backup",
        "restored": "his-backup",
    }
    kind = pod.labels["app.kubernetes.io/component"]
    own = {allowed[kind]} - {None}
    assert secrets_of(pod) - {"his-directory"} == (own | trusted(pod) if kind == "function" else own) - {
        "his-directory"
    }


def test_no_secret_lies_in_the_repository() -> None:
    assert [file for file, one in written() if one["kind"] == "Secret"] == []


def test_the_namespace_enforces_the_same() -> None:
    namespaces = [one for one in BASE if one["kind"] == "Namespace"]
    assert {one["metadata"]["name"] for one in namespaces} == {"his", "his-data"}
    for namespace in namespaces:
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


# -- who talks to whom


def selects(policy: Manifest, labels: dict[str, str]) -> bool:
    wanted = policy["spec"]["podSelector"].get("matchLabels", {})
    return wanted.items() <= labels.items()


POLICIES = of_kind(BASE, "NetworkPolicy")


@EACH_POD
def test_network_policy_covers_pod(pod: Pod) -> None:
    covering = [policy for policy in POLICIES if selects(policy, pod.labels)]
    closed = [one for one in covering if not one["spec"].get("ingress") and not one["spec"].get("egress")]
    assert any(set(one["spec"]["policyTypes"]) == {"Ingress", "Egress"} for one in closed), "no default deny"
    own = [one for one in covering if one["spec"]["podSelector"].get("matchLabels")]
    own = [one for one in own if one["metadata"]["name"] != "outside"]
    assert len(own) == 1, "each kind of pod has one policy that says with whom it talks"


def test_only_the_gateway_is_open_to_everybody() -> None:
    for policy in POLICIES:
        for rule in policy["spec"].get("ingress", []):
            if not rule.get("from"):
                assert policy["metadata"]["name"] == "gateway"
                assert {port["port"] for port in rule["ports"]} == {8080, 8443}
        for rule in policy["spec"].get("egress", []):
            assert rule.get("to"), f"{policy['metadata']['name']} may go anywhere"
            assert rule.get("ports"), f"{policy['metadata']['name']} may use any port"


def test_functions_are_reached_through_knative_only() -> None:
    policy = next(one for one in POLICIES if one["metadata"]["name"] == "function")
    callers = {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
    }
    assert callers == {"kourier-system", "knative-serving", "monitoring"}


@pytest.mark.parametrize("variant", ["functions", "groups"])
def test_services_answer_inside_the_cluster_only(variant: str) -> None:
    files = sorted((K8S / "base" / variant).glob("*.yaml"))
    found = knative(one for path in files for one in documents(path) if "kind" in one)
    assert found
    for service in found.values():
        assert service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"


# -- staying up


def test_what_runs_may_be_moved_one_at_a_time() -> None:
    budgets: list[dict[str, Any]] = [one for _, one in written() if one["kind"] == "PodDisruptionBudget"]
    for _, pod in PODS:
        if pod.kind in {"Job", "CronJob"}:
            continue
        labels = {**pod.labels, **({"serving.knative.dev/service": pod.name} if pod.kind == "Service" else {})}
        own = [one for one in budgets if one["spec"]["selector"]["matchLabels"].items() <= labels.items()]
        assert own, pod.name
        assert all(one["spec"]["maxUnavailable"] == 1 for one in own)
