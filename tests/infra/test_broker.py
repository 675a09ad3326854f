"""What carries the Broker's events: who may speak to it, what it keeps, and how it is counted."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from events.relay import Policy
from functions.registry import all_apps
from infra.cluster import broker
from infra.cluster.broker import narrowed, new_certificates
from infra.cluster.durability import Counter, Sent, Trials
from infra.his.manifests import nats
from infra.his.manifests.eventing import CHANNEL, PATIENCE
from shared.settings import REPOSITORY
from tests.infra.conftest import K8S, Manifest, documents, written
from tests.infra.objects import environment, of_kind, pods

OBJECTS = [*documents(K8S / "broker" / "nats.yaml"), *documents(K8S / "broker" / "channel.yaml")]
SETTINGS = {one["metadata"]["name"]: one["data"] for one in of_kind(OBJECTS, "ConfigMap")}
TEMPLATE: dict[str, Any] = yaml.safe_load(SETTINGS[CHANNEL]["channel-template-spec"])
STREAM = TEMPLATE["spec"]["stream"]["config"]
CONNECTION = yaml.safe_load(SETTINGS["config-nats"]["eventing-nats"])
SERVER = SETTINGS["nats"]["nats.conf"]


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_every_broker_keeps_its_events_in_jetstream(rendered: dict[str, list[Manifest]]) -> None:
    for overlay, objects in rendered.items():
        (one,) = of_kind(objects, "Broker")
        assert one["spec"]["config"]["name"] == CHANNEL, overlay
        (settings,) = [one["data"] for one in of_kind(objects, "ConfigMap") if "HIS_BROKER_URL" in one.get("data", {})]
        assert settings["HIS_BROKER_URL"].partition("://")[2].startswith("broker-ingress.knative-eventing."), overlay


def test_the_channel_fits_its_api() -> None:
    schemas = json.loads((K8S / "schemas" / "eventing-natss.json").read_text(encoding="utf-8"))
    assert f"{broker.CHANNEL_MODULE}@{broker.CHANNEL_VERSION} " in schemas["$comment"]
    schema = schemas[f"{TEMPLATE['apiVersion']}/{TEMPLATE['kind']}"]
    assert list(jsonschema.Draft7Validator(schema).iter_errors(TEMPLATE)) == []


def test_an_event_lies_on_every_node_for_three_days() -> None:
    (servers,) = of_kind(OBJECTS, "StatefulSet")
    assert STREAM["replicas"] == servers["spec"]["replicas"] == 3
    assert STREAM["storage"] == "File"
    assert (STREAM["retention"], STREAM["maxAge"]) == ("Limits", "72h0m0s")
    (claim,) = servers["spec"]["volumeClaimTemplates"]
    assert STREAM["maxBytes"] < 40e9 < int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    assert "max_file_store: 40GB" in SERVER


def test_the_relay_s_second_sending_is_not_taken_for_the_first() -> None:
    """JetStream drops an event id it has seen within the window; the relay sends again what somebody lacks."""
    assert seconds(STREAM["duplicateWindow"]) < Policy().lease


def test_a_dispatcher_does_not_take_more_into_its_hands_than_its_memory_holds() -> None:
    """Every Trigger is asked about every event: with 58 of them at 256 each, 512 MiB were too few for a morning."""
    triggers = [one for file, one in written() if file.startswith("base/groups/") and one["kind"] == "Trigger"]
    assert 5 < len(triggers) <= len(all_apps())
    assert len(triggers) * TEMPLATE["spec"]["consumerConfigTemplate"]["maxAckPending"] <= 500
    assert TEMPLATE["spec"]["deploymentSpecTemplate"]["resources"]["limits"]["memory"] == "1Gi"


def test_what_a_trigger_tries_ends_before_the_relay_gives_up() -> None:
    pauses = [0.5 * 2**attempt for attempt in range(1, PATIENCE["retry"] + 1)]
    assert 60 <= sum(pauses) < 10 * Policy().longest
    assert max(pauses) <= 32, "whoever was away would wait longer than that for what was meant for it"


def test_more_than_one_dispatcher_runs() -> None:
    (scaler,) = of_kind(OBJECTS, "HorizontalPodAutoscaler")
    assert scaler["spec"]["minReplicas"] >= 2
    assert scaler["spec"]["scaleTargetRef"]["name"] == nats.DISPATCHER


def test_the_page_starts_dispatchers_anew_by_their_pods() -> None:
    """Knative's controller undoes a `rollout restart` of them, so they would go on with certificates that are gone."""
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"delete pod -l {nats.DISPATCHERS}`" in page
    assert f"rollout restart deployment/{nats.DISPATCHER}" not in page


# -- who may speak to it


def verified(certificate: str, authority: str, name: str) -> None:
    store = Store([x509.load_pem_x509_certificate(authority.encode())])
    verifier = PolicyBuilder().store(store).time(datetime.now(UTC)).build_server_verifier(x509.DNSName(name))
    verifier.verify(x509.load_pem_x509_certificate(certificate.encode()), [])


def test_certificates_name_every_address_under_which_a_server_is_asked() -> None:
    made = new_certificates()
    asked = [CONNECTION["url"], *(line.strip() for line in SERVER.splitlines() if "nats-route://" in line)]
    assert len(asked) == 1 + nats.NODES
    for url in asked:
        verified(made["nats_certificate"], made["nats_ca"], url.partition("://")[2].partition(":")[0])
    with pytest.raises(VerificationError):
        verified(made["nats_certificate"], made["nats_ca"], "nats.example.org")
    with pytest.raises(VerificationError):
        verified(made["nats_certificate"], new_certificates()["nats_ca"], nats.ADDRESS)


def test_one_name_is_let_in() -> None:
    made = new_certificates()
    certificate = x509.load_pem_x509_certificate(made["nats_client_certificate"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [nats.CLIENT]
    assert f'users: [{{ user: "{nats.CLIENT}" }}]' in SERVER
    assert "verify_and_map: true" in SERVER
    assert CONNECTION["url"].startswith("tls://")
    assert CONNECTION["auth"]["tls"]["secret"]["name"] == nats.CLIENT_SECRET


def test_the_servers_read_their_certificate_and_no_other_secret() -> None:
    (pod,) = pods(of_kind(OBJECTS, "StatefulSet"))
    (files,) = [one["projected"] for one in pod.spec["volumes"] if "projected" in one]
    assert [one["secret"]["name"] for one in files["sources"]] == ["nats"]
    assert environment(pod.containers[0]) == {}


def vendors() -> list[Manifest]:
    """The parts of the vendor's release that we change, as its module has them."""
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    channels = {"apiGroups": ["messaging.knative.dev"], "resources": ["natsjetstreamchannels"], "verbs": ["get"]}
    image = {"name": "DISPATCHER_IMAGE", "value": "ko://dispatcher"}
    container = {"name": "controller", "image": "ko://controller", "env": [image]}
    return [
        {"kind": "ClusterRole", "metadata": {"name": nats.DISPATCHER}, "rules": [channels, secrets]},
        {"kind": "Role", "metadata": {"name": f"{nats.DISPATCHER}-eventing"}, "rules": []},
        {
            "kind": "Deployment",
            "metadata": {"name": broker.CONTROLLER},
            "spec": {"template": {"spec": {"containers": [container]}}},
        },
    ]


def test_the_dispatcher_may_read_one_secret() -> None:
    named = {"jetstream-controller": "here/controller@sha256:0", "jetstream-dispatcher": "here/dispatcher@sha256:0"}
    whole, own, deployment = narrowed(vendors(), named)
    assert [rule["resources"] for rule in whole["rules"]] == [["natsjetstreamchannels"]]
    assert own["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [nats.CLIENT_SECRET], "verbs": ["get"]}
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == named["jetstream-controller"]
    assert environment(container) == {"DISPATCHER_IMAGE": named["jetstream-dispatcher"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


# -- how it is counted


def test_the_counting_subscriber_comes_and_goes() -> None:
    counter = Counter("127.0.0.1")
    counter.come()
    url = f"http://127.0.0.1:{counter.port}/"
    try:
        for name in ("one", "one", "two"):
            answer = httpx.post(url, headers={"ce-id": name}, content=b"{}")
            assert (answer.status_code, answer.content) == (204, b"")
        counter.go()
        with pytest.raises(httpx.ConnectError):
            httpx.post(url, headers={"ce-id": "three"})
        counter.come()
        assert httpx.post(url, headers={"ce-id": "three"}).status_code == 204
    finally:
        counter.go()
    assert {name: len(times) for name, times in counter.arrivals.items()} == {"one": 2, "two": 1, "three": 1}


def test_what_was_accepted_and_never_came_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused events are neither lost nor waited for; one that came twice is counted, also when it was not accepted."""
    monkeypatch.setattr("infra.cluster.durability._PATIENCE", 0.0)
    monkeypatch.setattr("infra.cluster.durability._LATE", 0.0)
    now = time.monotonic()
    counter = Counter("127.0.0.1", arrivals={"a": [now + 1.0], "b": [now + 2.0, now + 3.0], "unanswered": [now] * 2})
    sent = Sent(at=dict.fromkeys(("a", "b", "gone", "refused", "unanswered"), now), accepted={"a", "b", "gone"})
    seen = Trials(counter, "http://broker.test").settled(sent, now)
    assert (seen.sent, seen.accepted, seen.lost, seen.doubled) == (5, 3, 1, 2)
    assert (seen.after, seen.p50) == (2.0, 1.5)
