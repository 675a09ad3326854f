"""The software bill of materials (软件物料清单) of the image, as CycloneDX 1.6 in JSON.

Made from the two lock files alone: the same commit gives the same bytes, on any machine, without a network.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.security.parts import Part, project

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"


def document(parts: Sequence[Part], moment: datetime | None = None) -> dict[str, Any]:
    """The bill of these parts. `moment` is when it was made; left out where nobody says it."""
    name, version = project()
    root = f"{name}@{version}"
    needs: dict[str, set[str]] = defaultdict(set)
    reference = {part.name: part.purl for part in parts if part.ecosystem == "PyPI"}
    for part in parts:
        for asker in part.wanted_by:
            needs[reference[asker] if asker else root].add(part.purl)
    metadata: dict[str, Any] = {
        "component": {"type": "container", "bom-ref": root, "name": name, "version": version},
    }
    if moment is not None:
        metadata["timestamp"] = moment.isoformat(timespec="seconds")
    bill = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": [_component(part) for part in sorted(parts, key=lambda part: part.purl)],
        "dependencies": [
            {"ref": one, "dependsOn": sorted(needs[one])} for one in (root, *sorted(part.purl for part in parts))
        ],
    }
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).hexdigest()
    return {**bill, "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, digest).urn}


def _component(part: Part) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in part.hashes],
    }
