"""A whole data centre by Terraform on the lab cluster: operator, data services, secrets, schema, realm, campuses.

It takes the place of the lab's hospital, whose database on the node stays as it is: namespaces are removed and founded
anew, a release is put on what Terraform made, a morning is played there, a password is rotated by Terraform, data are
seen to be protected, and everything is taken away again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.cluster import broker, charts, data, databank, datacentre, deploy, volumes, where
from infra.cluster.check import check
from infra.cluster.datacentre import Terraform
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address
from infra.his.manifests.names import DATA, NAMESPACE
from infra.image.build import NAME
from infra.local import credentials

Say = Callable[[str], None]

_NAMESPACES = {"apps": NAMESPACE, "data": DATA, "monitoring": "monitoring"}


def found_and_remove(patients: int, say: Say, state: Path = data.STATE) -> int:
    """Everything, in order; 0 when each step did what it must."""
    if where.in_cluster(state):
        raise ClusterError("Production's data services are in the cluster; `make cluster-data-down` takes them out.")
    node = node_address()
    image = f"{deploy.PULLED_FROM}/{NAME}@{deploy.build(node, say)}"
    images = databank.build(say)
    given = variables(image, state) | {"charts": _charts(images, image, state)}
    say("the lab's hospital leaves")
    broker.leave()
    broker.uninstall(images)
    kubectl("delete", "namespace", *_NAMESPACES.values(), "--ignore-not-found", "--wait", "--timeout=300s")
    volumes.provide()
    terraform = Terraform(state / "terraform-whole", given)
    terraform.run("init", "-backend=false")
    faults: list[str] = []
    try:
        terraform.timed(say, "apply with data services and two campuses", "apply", "-auto-approve")
        where.record(state, where.SERVICES)
        if "No changes" not in terraform.timed(say, "plan again", "plan", "-detailed-exitcode", codes=(0, 2)):
            faults.append("a second plan finds something to change")
        if not (databank.cluster_ready(2) and databank.in_step(state)):
            faults.append("no primary with a standby in step")
        deploy.deploy("lab", say)
        if check(patients, say):
            faults.append("the morning on it does not add up")
        faults += _another_password(terraform, say, state)
        faults += _refuses_to_go(terraform, say)
    except ClusterError as error:
        faults.append(str(error))
    finally:
        terraform.variables["protection"] = "none"
        broker.leave()
        terraform.timed(say, "protection lifted", "apply", "-auto-approve", "-target=module.protection")
        terraform.timed(say, "destroy", "destroy", "-auto-approve")
        where.record(state, ())
        volumes.forget()
        # Passwords that were rotated meanwhile reach the database on the node at its start.
        data.down(lambda line: None)
    faults += [f"namespace {name} is still there" for name in (NAMESPACE, DATA) if name in _namespaces()]
    for fault in faults:
        say(f"wrong: {fault}")
    say("`make cluster-deploy` puts the lab's hospital back")
    return 1 if faults else 0


def variables(image: str, state: Path) -> dict[str, Any]:
    """The installation as variables: production's data services, every secret they need, both campuses."""
    made, own = where.passwords(state), credentials.load(state)
    address = f"http://{keycloak_address()}:8080"
    given = datacentre.variables(image)
    given["passwords"] |= {
        "postgres": own.postgres,
        "keycloak": own.keycloak_database,
        **broker.certificates(state),
        **{name: made[name] for name in ("his_backup", "s3_admin_user", "s3_admin", "backup_keys", "storage_kms")},
        "s3_backup_access": made["s3_backup_access"],
        "s3_backup_secret": made["s3_backup_secret"],
    }
    settings = {"HIS_KEYCLOAK_URL": address, "HIS_HOST_URL": deploy.gateway()}
    return given | {"namespaces": _NAMESPACES, "data_services": "cluster", "outside": {}, "settings": settings}


def keycloak_address() -> str:
    """Address of Keycloak's service: tokens name it as their issuer, so it is settled before the service is there."""
    first = get("service/kubernetes", namespace="default")["spec"]["clusterIP"]
    return f"{first.rpartition('.')[0]}.200"


# -- parts


def _charts(images: dict[str, str], image: str, state: Path) -> dict[str, Any]:
    """Charts of Knative's channel, of the operator and of infra/k8s/data, as they run on this machine."""
    out = state / "charts"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    operator, channel = out / "cnpg.yaml", out / "natss.yaml"
    operator.write_text(databank.operator_manifests(images["cloudnative-pg"]), encoding="utf-8")
    channel.write_text(broker.release(images), encoding="utf-8")
    change = [{"op": "add", "path": "/spec/clusterIP", "value": keycloak_address()}]
    patch = {"target": {"kind": "Service", "name": "keycloak"}, "patch": json.dumps(change)}
    folder = databank.write(images, image, state, patches=(patch,))
    return {
        "knative": {"natss": str(charts.make(out, "natss", channel))},
        "operators": {"cnpg": str(charts.make(out, "cnpg", operator))},
        "data": str(charts.make(out, "data", folder)),
    }


def _another_password(terraform: Terraform, say: Say, state: Path) -> list[str]:
    """The rotation of docs/operations.md: a new value, the revision raised, apply, a release."""
    import psycopg

    before = where.from_here(where.addresses(state)["HIS_DATABASE_URL"])
    new = credentials.another(state, "his_app")
    terraform.variables["passwords"]["his_app"] = new
    terraform.variables["passwords_revision"] = 2
    terraform.timed(say, "password of his_app rotated", "apply", "-auto-approve")
    deploy.deploy("lab", lambda line: None)
    answers = []
    for url in (before, where.from_here(where.addresses(state)["HIS_DATABASE_URL"])):
        try:
            psycopg.connect(url, connect_timeout=10).close()
            answers.append("accepted")
        except psycopg.OperationalError:
            answers.append("refused")
    say(f"    the former password is {answers[0]}, the new one {answers[1]}")
    return [] if answers == ["refused", "accepted"] else [f"after the rotation the passwords are {answers}"]


def _refuses_to_go(terraform: Terraform, say: Say) -> list[str]:
    """Neither kubectl nor `terraform destroy` takes the database away before the protection is lifted."""
    try:
        kubectl("-n", DATA, "delete", "cluster.postgresql.cnpg.io", "his", "--wait=false")
    except ClusterError as refusal:
        if "holds the hospital's data" not in str(refusal):
            return [f"deleting the database failed for another reason: {refusal}"]
    else:
        return ["the database could be deleted just so"]
    found: list[str] = []
    try:
        # Helm says only that it could not; what survived says whose refusal it was.
        terraform.run("destroy", "-auto-approve", "-target=module.data")
    except ClusterError:
        say("kubectl and terraform destroy: refused while the data are protected")
    else:
        found = ["terraform destroy took protected data away"]
    return found if databank.cluster_ready(2) else [*found, "the database did not survive being asked to go"]


def _namespaces() -> list[str]:
    return [str(one["metadata"]["name"]) for one in get("namespaces")["items"]]
