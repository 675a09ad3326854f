"""Every manifest of the repository, and every overlay as kustomize renders it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.his.manifests.document import parsed
from infra.his.manifests.overlays import overlays
from shared.settings import REPOSITORY

K8S = REPOSITORY / "infra" / "k8s"
Manifest = dict[str, Any]


def documents(path: Path) -> list[Manifest]:
    return parsed(path.read_text(encoding="utf-8"))


def written() -> Iterator[tuple[str, Manifest]]:
    """Every object in a file of infra/k8s, with the file's name."""
    for path in sorted(K8S.rglob("*.yaml")):
        for one in documents(path):
            if "kind" in one and one["kind"] not in {"Kustomization", "Component"}:
                yield path.relative_to(K8S).as_posix(), one


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Manifest]]:
    """Overlay -> its objects. kubectl carries kustomize; a machine without it cannot deploy either."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    found = {}
    for overlay in overlays():
        done = subprocess.run(
            [program, "kustomize", str(K8S / "overlays" / overlay.name)], capture_output=True, text=True, check=True
        )
        found[overlay.name] = parsed(done.stdout)
    return found
