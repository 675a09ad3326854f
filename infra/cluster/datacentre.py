"""Terraform against the lab cluster: apply, nothing to change, a third campus, protection of data, destroy.

Everything goes into namespaces of its own beside the running hospital, whose database, store and realm it prepares
again; that changes nothing, because every part of the preparation may run any number of times.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.cluster import data
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import KUBECONFIG, ClusterError, get, kubectl, node_address
from infra.local import credentials
from infra.local.postgres import Postgres
from shared.settings import REPOSITORY

Say = Callable[[str], None]

HOME = REPOSITORY / "infra" / "terraform"
NAMESPACES = {"apps": "his-tf", "data": "his-tf-data", "monitoring": "his-tf-monitoring"}
THIRD = "tcm"
THIRD_CAMPUS: dict[str, Any] = {
    "letter": "T",
    "name": "县中医院",
    "short_name": "中医院",
    "price_level": "secondary",
    "address": "鹿寨县鹿寨镇建中东路56号",
    "founders": [{"staff_no": "30001", "name": "覃志明", "posts": ["campus_admin", "personnel"]}],
}
_ACCEPTED = "/api/organisation/structure/places"
_CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: drive, namespace: %s}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


class Terraform:
    """One working folder with its state, outside the repository."""

    def __init__(self, folder: Path, variables: dict[str, Any]) -> None:
        self.folder = folder
        self.variables = variables
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Terraform writes beside the files it reads.
        self._code = folder / "code"
        shutil.rmtree(self._code, ignore_errors=True)
        shutil.copytree(HOME, self._code, ignore=shutil.ignore_patterns(".terraform*"))

    def run(self, command: str, *options: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run one command; what it printed. Raises ClusterError when its exit code is none of `codes`."""
        given = self.folder / "lab.tfvars.json"
        if command in {"plan", "apply", "destroy"}:
            credentials.write_private(given, json.dumps(self.variables, ensure_ascii=False))
            options = (*options, f"-var-file={given}", f"-state={self.folder / 'state.json'}", "-input=false")
        environment = os.environ | {"TF_DATA_DIR": str(self.folder / "data"), "TF_IN_AUTOMATION": "1"}
        try:
            done = subprocess.run(
                ["terraform", command, "-no-color", *options],
                cwd=self._code,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise ClusterError("terraform is missing") from None
        finally:
            given.unlink(missing_ok=True)
        if done.returncode not in codes:
            raise ClusterError(f"terraform {command}: {done.stderr[-3000:]}")
        return done.stdout

    def timed(self, say: Say, what: str, *command: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run one command and say what it was for, how long it took and what Terraform counted."""
        begun = time.monotonic()
        output = self.run(*command, codes=codes)
        say(f"{what}: {time.monotonic() - begun:.0f} s. {summary(output)}")
        return output


def stand_up_and_down(say: Say) -> int:
    """Everything, in order; 0 when each step did what it must."""
    os.environ.update(data.settings(node_address(), gateway()))
    image = get("deployment", "worker")["spec"]["template"]["spec"]["containers"][0]["image"]
    terraform = Terraform(data.STATE / "terraform", variables(image))
    faults: list[str] = []

    def timed(what: str, *command: str, codes: tuple[int, ...] = (0,)) -> str:
        return terraform.timed(say, what, *command, codes=codes)

    timed("init", "init", "-backend=false")
    timed("validate", "validate")
    try:
        timed("apply with two campuses", "apply", "-auto-approve")
        if "No changes" not in timed("plan again", "plan", "-detailed-exitcode", codes=(0, 2)):
            faults.append("a second plan finds something to change")
        terraform.variables["campuses"][THIRD] = THIRD_CAMPUS
        added = timed("a third campus", "apply", "-auto-approve")
        if "2 added, 0 changed, 0 destroyed" not in added:
            faults.append("a third campus is more than its two jobs")
        faults += third_campus_works(say)
        faults += data_are_protected(say)
        if (leak := secrets_in(terraform.folder / "state.json")) > 0:
            faults.append(f"{leak} secrets stand in the state")
    except ClusterError as error:
        faults.append(str(error))
    finally:
        timed("destroy", "destroy", "-auto-approve")
    left = [name for name in NAMESPACES.values() if name in kubectl("get", "namespaces", "-o", "name")]
    faults += [f"namespace {name} is still there" for name in left]
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


def summary(output: str) -> str:
    """What Terraform says it did, in one line."""
    found = re.findall(r"(?:Apply complete|Destroy complete|No changes|Plan:)[^\n]*", output)
    return str(found[-1]) if found else ""


def variables(image: str) -> dict[str, Any]:
    """The installation as variables: what runs on the node, one image, both campuses."""
    from loadtests.founding import opening
    from loadtests.population.hospital import campuses

    node = node_address()
    keys = data.settings(node, gateway())
    secrets = credentials.load(data.STATE)
    outside = {name: {"address": node, "port": port} for name, port in data.OUTSIDE.items()}
    certificate = data.STATE / "tls"
    return {
        "kubeconfig": os.environ.get("KUBECONFIG", KUBECONFIG),
        "namespaces": NAMESPACES,
        "image": image,
        "settings": {name: keys[name] for name in ("HIS_KEYCLOAK_URL", "HIS_HOST_URL")},
        "head": campuses()[0].code,
        "campuses": {one.code: _campus(opening(one).model_dump(mode="json", exclude_none=True)) for one in campuses()},
        "data_services": "outside",
        "outside": {**outside, "pooler": outside["postgres"]},
        "protection": "policy",
        "passwords": {
            "postgres": Postgres(data.STATE, 0).credentials.postgres,
            "his_owner": secrets.his_owner,
            "his_app": secrets.his_app,
            "his_worker": secrets.his_worker,
            "his_auditor": secrets.his_auditor,
            "keycloak_admin": secrets.keycloak_admin,
            "keycloak_directory": secrets.keycloak_directory,
            "column_keys": secrets.column_keys,
            "s3_access_key": secrets.s3_access_key,
            "s3_secret_key": secrets.s3_secret_key,
            "first_sign_on": secrets.demo_staff,
            "tls_certificate": (certificate / "tls.crt").read_text(encoding="utf-8"),
            "tls_key": (certificate / "tls.key").read_text(encoding="utf-8"),
        },
    }


def _campus(command: dict[str, Any]) -> dict[str, Any]:
    """The fields that Terraform asks for."""
    wanted = ("letter", "name", "short_name", "price_level", "address", "insurance_code")
    people = ("staff_no", "name", "category", "mobile", "posts")
    founders = [{name: one[name] for name in people if name in one} for one in command["founders"]]
    return {**{name: command[name] for name in wanted if name in command}, "founders": founders}


def third_campus_works(say: Say) -> list[str]:
    """Its administrator signs on with a real token, works there, and sees nothing of the head hospital."""
    import httpx

    from infra.local.login import TokenSource
    from shared.settings import settings

    configuration = settings()
    person = THIRD_CAMPUS["founders"][0]["staff_no"]
    source = TokenSource(configuration.keycloak_url, configuration.keycloak_realm, person, configuration.demo_password)
    seen = {}
    for campus in (THIRD, "hq"):
        headers = {"authorization": f"Bearer {source.access_token()}", "x-campus": campus}
        seen[campus] = httpx.get(configuration.host_url + _ACCEPTED, headers=headers, timeout=60).status_code
    say(f"its administrator signs on: {seen[THIRD]} at home, {seen['hq']} at the head hospital")
    return [] if seen == {THIRD: 200, "hq": 403} else [f"the third campus answers {seen}"]


def data_are_protected(say: Say) -> list[str]:
    """A volume of the data services cannot be deleted by the administrator before it says so twice."""
    namespace = NAMESPACES["data"]
    kubectl("apply", "-f", "-", given=_CLAIM % namespace)
    try:
        kubectl("-n", namespace, "delete", "pvc", "drive", "--wait=false")
    except ClusterError as refusal:
        if "holds the hospital's data" not in str(refusal):
            return [f"deleting a volume failed for another reason: {refusal}"]
        say("deleting a volume: refused by the cluster")
    else:
        return ["a volume of data could be deleted just so"]
    kubectl("-n", namespace, "annotate", "pvc", "drive", "his.consortium/may-be-deleted=drive")
    kubectl("-n", namespace, "delete", "pvc", "drive")
    return []


def secrets_in(state: Path) -> int:
    """How many of our secrets stand in Terraform's state."""
    text = state.read_text(encoding="utf-8")
    known = credentials.load(data.STATE)
    return sum(getattr(known, name) in text for name in ("his_owner", "his_app", "keycloak_admin", "s3_secret_key"))
