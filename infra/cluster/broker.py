"""JetStream under the lab's Broker: images from Go modules, Knative's channel for it, certificates, one kustomization.

    python -m infra.cluster broker up                  # part of `make cluster-deploy`
    python -m infra.cluster broker release             # Knative's channel as one file, for production's chart
    python -m infra.cluster broker certificates OUT    # an authority of its own, a server's and a client's certificate

What runs is what production declares in infra/k8s/broker, with the component lab-broker.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.cluster import operands, volumes
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, until
from infra.his.manifests import data_parts, nats
from infra.his.manifests.document import parsed
from infra.his.manifests.eventing import BROKER, CHANNEL
from infra.his.manifests.names import DATA, EVENTING, NAMESPACE
from infra.local import credentials
from shared.settings import REPOSITORY

Say = Callable[[str], None]

NATS, NATS_VERSION = "github.com/nats-io/nats-server/v2", nats.VERSION
CHANNEL_MODULE, CHANNEL_VERSION = "knative.dev/eventing-natss", "v0.48.1"
"""Fits Knative Eventing 0.48; the version of the CRD in infra/k8s/schemas."""
CONTROLLER = "jetstream-ch-controller"
CHANNELS = "natsjetstreamchannels.messaging.knative.dev"
_PROGRAMS = {
    "nats": (NATS, NATS_VERSION, ""),
    "jetstream-controller": (CHANNEL_MODULE, CHANNEL_VERSION, "/cmd/jetstream/controller"),
    "jetstream-dispatcher": (CHANNEL_MODULE, CHANNEL_VERSION, "/cmd/jetstream/dispatcher"),
}
_REGISTRY, _PULLED_FROM = "{node}:5000", "registry.local:5000"
_VENDORS = f"{data_parts.REGISTRY}/{nats.NATS}"
_DAYS = 730


def up(say: Say, state: Path) -> None:
    """Bring JetStream and its channel to what the checkout declares; quick when nothing has changed."""
    known = images(say)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=release(known))
    new = not kubectl("-n", DATA, "get", "statefulset", nats.NATS, "--ignore-not-found", "-o", "name").strip()
    if new:
        volumes.provide()
    give_secrets(state)
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(write(known, state)))
    kubectl("-n", DATA, "rollout", "status", f"statefulset/{nats.NATS}", "--timeout=300s")
    if new:
        _forget_streams()
    kubectl("-n", EVENTING, "rollout", "status", f"deployment/{CONTROLLER}", "--timeout=180s")
    replace_other_broker(say)
    follow_template(say)
    say(f"JetStream {NATS_VERSION} and its channel {CHANNEL_VERSION} run")


def images(say: Say) -> dict[str, str]:
    """Images in the lab's registry, by name with digest; built and pushed only when they are missing there."""
    registry = _REGISTRY.format(node=node_address())
    kept = operands.CACHE / "broker.json"
    known: dict[str, str] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    found = {}
    for name, (module, version, package) in _PROGRAMS.items():
        called = f"{name}:{version.removeprefix('v')}"
        found[name] = known.get(called, "")
        if not _there(registry, found[name]):
            program = operands.go_program(module, version, package, name, say)
            place = "nats-server" if name == "nats" else f"ko-app/{name}"
            config = {"User": "65532:65532", "WorkingDir": "/", "Entrypoint": [f"/{place}"], "Env": ["PATH=/"]}
            found[name] = operands.put(operands.single_program(program, place), called, registry, _PULLED_FROM, config)
            say(f"pushed {found[name]}")
        known[called] = found[name]
    kept.write_text(json.dumps(known), encoding="utf-8")
    return found


def placed(known: dict[str, str]) -> dict[str, str]:
    """What kustomize is told to put in the place of the server's image."""
    return operands.placed(_VENDORS, known["nats"])


def release(known: dict[str, str] | None = None) -> str:
    """Knative's channel for JetStream, as its module's own manifests install it, with one right taken away.

    The vendor lets the dispatcher read every secret of the cluster. It needs one: its certificate.
    """
    import yaml  # type: ignore[import-untyped]

    named = known or {
        name: f"{data_parts.REGISTRY}/knative/{name}:{CHANNEL_VERSION}"
        for name in ("jetstream-controller", "jetstream-dispatcher")
    }
    source = operands.go_source(CHANNEL_MODULE, CHANNEL_VERSION) / "config" / "jetstream"
    found = [one for path in sorted(source.glob("*.yaml")) for one in parsed(path.read_text(encoding="utf-8"))]
    return str(yaml.safe_dump_all(narrowed(found, named), sort_keys=False))


def narrowed(objects: list[dict[str, Any]], named: dict[str, str]) -> list[dict[str, Any]]:
    """The vendor's objects with our images, limits, and the dispatcher's right to secrets cut down to its own."""
    for one in objects:
        if one["kind"].startswith("ClusterRole"):
            one["metadata"].pop("namespace", None)  # which the vendor gives one that has none
        if one["kind"] == "ClusterRole" and one["metadata"]["name"] == nats.DISPATCHER:
            one["rules"] = [rule for rule in one["rules"] if "secrets" not in rule["resources"]]
        if one["kind"] == "Role" and one["metadata"]["name"] == f"{nats.DISPATCHER}-eventing":
            own = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [nats.CLIENT_SECRET], "verbs": ["get"]}
            one["rules"].append(own)
        if one["kind"] == "Deployment":
            _complete(one["spec"]["template"]["spec"]["containers"][0], named)
    return objects


def write(known: dict[str, str], state: Path) -> Path:
    """The kustomization of this machine: infra/k8s/broker with the lab's component and the image by digest."""
    folder = state / "kustomize-broker"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = os.path.relpath(REPOSITORY / "infra" / "k8s", folder.resolve())
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{home}/broker"],
        "components": [f"{home}/components/lab-broker"],
        "images": [placed(known)],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=1), encoding="utf-8")
    return folder


def give_secrets(state: Path) -> None:
    """The certificates that Terraform writes: the servers' and the one of Knative's dispatchers."""
    made = certificates(state)
    server = {"tls.crt": made["nats_certificate"], "tls.key": made["nats_key"], "ca.crt": made["nats_ca"]}
    client = {"tls.crt": made["nats_client_certificate"], "tls.key": made["nats_client_key"], "ca.crt": made["nats_ca"]}
    objects = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": content,
        }
        for name, namespace, content in ((nats.NATS, DATA, server), (nats.CLIENT_SECRET, EVENTING, client))
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=listed)


def certificates(state: Path, *, anew: bool = False) -> dict[str, str]:
    """The lab's certificates under the names of Terraform's `passwords`; made once, or `anew`."""
    path = credentials.prepare(state) / "broker-certificates.json"
    if anew or not path.exists():
        credentials.write_private(path, json.dumps(new_certificates()))
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return known


def new_certificates() -> dict[str, str]:
    """An authority that signs two certificates and is forgotten: the servers', which name every address of theirs, and
    the dispatchers', by whose name they are let in."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nats")])

    def signed(name: str, key: ec.EllipticCurvePrivateKey, *extensions: tuple[x509.ExtensionType, bool]) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins)
        builder = builder.not_valid_after(begins + datetime.timedelta(days=_DAYS))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(authority, SHA256()).public_bytes(Encoding.PEM).decode()

    def usage(*, signs: bool) -> x509.KeyUsage:
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
        never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
        return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, **never)

    def pair(*names: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        # A server is a client too, of the other servers.
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        own = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return signed(names[0], key, (own, False), (both, False), (by, False), (usage(signs=False), True)), pem

    certificate, key = pair(nats.ADDRESS, f"*.nats-nodes.{DATA}.svc.cluster.local")
    client_certificate, client_key = pair(nats.CLIENT)
    root = x509.BasicConstraints(ca=True, path_length=0)
    own = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    return {
        "nats_ca": signed("nats", authority, (root, True), (own, False), (usage(signs=True), True)),
        "nats_certificate": certificate,
        "nats_key": key,
        "nats_client_certificate": client_certificate,
        "nats_client_key": client_key,
    }


def replace_other_broker(say: Say) -> None:
    """A Broker keeps the channel and the stream it was made with: one of others goes, the next apply makes it anew.

    The outbox keeps what was under way; Triggers find the new one by its name.
    """
    found = kubectl("-n", NAMESPACE, "get", "broker", BROKER, "--ignore-not-found", "-o", "json")
    other = found.strip() and json.loads(found)["spec"].get("config", {}).get("name") != CHANNEL
    stream = nats.channel_spec()["stream"]
    if other or any(one["spec"]["stream"] != stream for one in get(CHANNELS)["items"]):
        kubectl("-n", NAMESPACE, "delete", "broker", BROKER, "--ignore-not-found", "--wait", "--timeout=120s")
        until(lambda: not get(CHANNELS)["items"], "the former stream to be forgotten", 120)
        say("the Broker of another channel or stream was removed")


def follow_template(say: Say) -> None:
    """Knative makes a Broker's channel once. What may change of it later, how it is read, follows what is declared."""
    wanted = {name: one for name, one in nats.channel_spec().items() if name != "stream"}
    for one in get(CHANNELS)["items"]:
        if any(one["spec"].get(name) != value for name, value in wanted.items()):
            name = one["metadata"]["name"]
            kubectl("-n", NAMESPACE, "patch", CHANNELS, name, "--type=merge", "-p", json.dumps({"spec": wanted}))
            say(f"{name} is read as the template says now")


def leave() -> None:
    """Take the Broker and what hangs on it out before JetStream goes: its channel waits for JetStream to forget it."""
    kubectl("-n", NAMESPACE, "delete", "broker", BROKER, "--ignore-not-found", "--wait", "--timeout=120s")
    if not kubectl("-n", DATA, "get", "statefulset", nats.NATS, "--ignore-not-found", "-o", "name").strip():
        for one in get(CHANNELS)["items"]:
            name, nothing = one["metadata"]["name"], json.dumps({"metadata": {"finalizers": None}})
            kubectl("-n", NAMESPACE, "patch", CHANNELS, name, "--type=merge", "-p", nothing)
    until(lambda: not get(CHANNELS)["items"], "the Broker's stream to be forgotten", 120)
    kinds = ("configmap/config-nats", f"configmap/{CHANNEL}", f"secret/{nats.CLIENT_SECRET}")
    kubectl("-n", EVENTING, "delete", *kinds, "--ignore-not-found")


def uninstall(known: dict[str, str]) -> None:
    """Take Knative's channel out after `leave`; its definition stays, as Helm would let it."""
    others = [one for one in parsed(release(known)) if one["kind"] != "CustomResourceDefinition"]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": others})
    kubectl("delete", "--ignore-not-found", "--wait", "--timeout=120s", "-f", "-", given=listed)


# -- parts


def _complete(container: dict[str, Any], named: dict[str, str]) -> None:
    """Images, and what the vendor leaves open: limits and what a container may not do."""
    container["image"] = named["jetstream-controller"]
    for one in container["env"]:
        if one["name"] == "DISPATCHER_IMAGE":
            one["value"] = named["jetstream-dispatcher"]
    container["resources"] = data_parts.resources("20m", "64Mi", "1", "256Mi")
    container["securityContext"] = {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _forget_streams() -> None:
    """Servers made anew hold no streams. A dispatcher makes what is missing when it starts, not while it runs."""
    kubectl("-n", EVENTING, "delete", "pod", "-l", nats.DISPATCHERS, "--ignore-not-found", "--wait=false")


def _there(registry: str, reference: str) -> bool:
    """Whether the registry has an image."""
    if not reference:
        return False
    tagged, _, digest = reference.partition("@")
    name = tagged.rpartition("/")[2].partition(":")[0]
    accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    url = f"http://{registry}/v2/{name}/manifests/{digest}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD", headers={"Accept": accept})):
            return True
    except urllib.error.HTTPError as refusal:
        if refusal.code == 404:
            return False
        raise ClusterError(f"the lab's registry answers {refusal.code} for {name}") from None
