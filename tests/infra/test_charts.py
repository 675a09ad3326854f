"""Charts of release files: nothing is lost, definitions come first, nothing is taken for a template."""

import json
import re
from pathlib import Path

import pytest

from infra.cluster.charts import make
from infra.cluster.kubernetes import ClusterError

RELEASE = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: one, namespace: space}
data: {example: "{{ .Values.not_ours }} and ${{ '{{' }}"}
---
apiVersion: v1
kind: Namespace
metadata: {name: space}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Secret, metadata: {name: two}}
"""


def chart(tmp_path: Path, text: str = RELEASE) -> Path:
    (tmp_path / "release.yaml").write_text(text, encoding="utf-8")
    return make(tmp_path / "out", "thing", tmp_path / "release.yaml")


def test_definitions_lie_where_helm_puts_them_first(tmp_path: Path) -> None:
    folder = chart(tmp_path)
    assert [json.loads(path.read_text())["kind"] for path in (folder / "crds").iterdir()] == [
        "CustomResourceDefinition"
    ]


def test_nothing_is_lost_and_namespaces_come_first(tmp_path: Path) -> None:
    names = sorted(path.name for path in (chart(tmp_path) / "templates").iterdir())
    assert names == ["000-namespace.yaml", "001-configmap.yaml", "002-secret.yaml"]


def test_our_own_namespaces_are_left_to_terraform(tmp_path: Path) -> None:
    ours = "{name: his-data, labels: {app.kubernetes.io/part-of: consortium-his}}"
    folder = chart(tmp_path, f"{RELEASE}---\napiVersion: v1\nkind: Namespace\nmetadata: {ours}\n")
    names = [json.loads(path.read_text())["metadata"]["name"] for path in (folder / "templates").glob("*namespace*")]
    assert names == ["space"]


def test_the_vendor_s_braces_are_no_template(tmp_path: Path) -> None:
    text = (chart(tmp_path) / "templates" / "001-configmap.yaml").read_text()
    printed = text.replace('{{ "{{" }}', "\0")
    assert "{{" not in printed
    assert json.loads(printed.replace("\0", "{{"))["data"]["example"] == "{{ .Values.not_ours }} and ${{ '{{' }}"


def test_the_version_says_whether_anything_changed(tmp_path: Path) -> None:
    first = (chart(tmp_path) / "Chart.yaml").read_text()
    assert (chart(tmp_path) / "Chart.yaml").read_text() == first
    assert (chart(tmp_path, RELEASE.replace("two", "three")) / "Chart.yaml").read_text() != first
    assert re.search(r'"version": "0\.0\.0\+[0-9a-f]{12}"', first)


def test_an_empty_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no objects"):
        chart(tmp_path, "---\n")
