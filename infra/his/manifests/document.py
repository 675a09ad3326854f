"""How manifests are written: the same dictionary gives the same text on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Manifest = dict[str, Any]

HEADER = "# Written by `his generate`; do not edit.\n"


def text(documents: Iterable[Manifest]) -> str:
    """One YAML file of these documents."""
    import yaml  # type: ignore[import-untyped]

    class Plain(yaml.SafeDumper):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    # A file within a file is read as one.
    Plain.add_representer(
        str,
        lambda dumper, value: dumper.represent_scalar(
            "tag:yaml.org,2002:str", value, style="|" if "\n" in value else None
        ),
    )
    bodies = (
        yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=120) for document in documents
    )
    return HEADER + "---\n".join(bodies)


def parsed(text: str) -> list[Manifest]:
    """The documents of a YAML text, without empty ones; libyaml reads it, ten times as fast as Python does."""
    import yaml

    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def kustomization(resources: Sequence[str], **more: Any) -> str:
    """A kustomization of these resources."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return text([{**head, "resources": list(resources), **more}])
