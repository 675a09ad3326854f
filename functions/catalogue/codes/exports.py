"""A code system for others: CSV, and FHIR R4 CodeSystem and ValueSet."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from functions.catalogue.codes.models import CodeSystem
from functions.catalogue.codes.queries.terms import Term

URN = "urn:consortium:codes:"


def as_csv(terms: Sequence[Term]) -> bytes:
    """Codes as a spreadsheet reads them: every value a text, so that leading zeros stay."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["编码", "名称", "上级编码", "版本", "院内扩展", "官方编码"])
    writer.writerows(
        [term.code, term.display, term.parent or "", term.label, "是" if term.local else "", term.official_code or ""]
        for term in terms
    )
    return out.getvalue().encode("utf-8-sig")


def as_fhir(system: CodeSystem, label: str, terms: Sequence[Term]) -> bytes:
    """FHIR R4 CodeSystem of the official codes of a version; local ones never leave the house."""
    import orjson

    concepts = [
        {"code": term.code, "display": term.display}
        | ({"property": [{"code": "parent", "valueCode": term.parent}]} if term.parent else {})
        for term in terms
        if not term.local
    ]
    resource: dict[str, Any] = {
        "resourceType": "CodeSystem",
        "url": URN + system.system,
        "version": label,
        "name": system.system,
        "title": system.name,
        "status": "active",
        "publisher": system.issuer,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }
    return orjson.dumps(resource)


def as_fhir_value_set(system: CodeSystem, label: str) -> bytes:
    """FHIR R4 ValueSet of all codes of a system."""
    import orjson

    resource = {
        "resourceType": "ValueSet",
        "url": f"{URN}{system.system}:all",
        "version": label,
        "name": system.system,
        "title": system.name,
        "status": "active",
        "compose": {"include": [{"system": URN + system.system, "version": label}]},
    }
    return orjson.dumps(resource)
