"""Charts of release files, for Terraform's helm provider: what defines kinds goes in first, the rest as it was written.

    python -m infra.cluster charts OUT serving=serving.yaml kourier=kourier.yaml eventing=eventing.yaml
    python -m infra.cluster charts OUT data=infra/k8s/data            # a folder is rendered by kustomize

The consortium's mirror keeps the vendors' release files; a chart of them is one release with a history and a way back.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from infra.cluster.kubernetes import ClusterError, kubectl
from infra.his.manifests.document import parsed
from infra.his.manifests.names import PART_OF

_DEFINITION = "CustomResourceDefinition"


def make(out: Path, name: str, source: Path) -> Path:
    """Write the chart `name` of a file or a kustomization under `out`; returns its folder.

    Raises ClusterError for a file without objects.
    """
    text = kubectl("kustomize", str(source)) if source.is_dir() else source.read_text(encoding="utf-8")
    # Our own namespaces are Terraform's, with their protection; a chart that held one too would be refused.
    objects = [item for one in parsed(text) for item in _items(one) if not _ours(item)]
    if not objects:
        raise ClusterError(f"{source} holds no objects")
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "crds").mkdir(parents=True)
    (folder / "templates").mkdir()
    definitions = [one for one in objects if one["kind"] == _DEFINITION]
    others = [one for one in objects if one["kind"] not in {_DEFINITION, "Namespace"}]
    spaces = [one for one in objects if one["kind"] == "Namespace"]
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()
    about = {"apiVersion": "v2", "name": name, "version": f"0.0.0+{digest[:12]}"}
    _write(folder / "Chart.yaml", about)
    # Helm never removes what lies in crds/: a definition's removal would take every object of its kind along.
    for number, one in enumerate(definitions):
        _write(folder / "crds" / f"{number:03d}.yaml", one)
    for number, one in enumerate([*spaces, *others]):
        _write(folder / "templates" / f"{number:03d}-{one['kind'].lower()}.yaml", one, template=True)
    return folder


def _items(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["items"]) if document["kind"] == "List" else [document]


def _ours(document: dict[str, Any]) -> bool:
    labels = document["metadata"].get("labels", {})
    return bool(document["kind"] == "Namespace" and labels.get("app.kubernetes.io/part-of") == PART_OF)


def _write(path: Path, document: dict[str, Any], *, template: bool = False) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1)
    # Whatever looks like a template is the vendor's own text.
    path.write_text(text.replace("{{", '{{ "{{" }}') if template else text, encoding="utf-8")
