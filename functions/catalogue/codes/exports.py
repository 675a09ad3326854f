"""A code system for others: CSV, and FHIR R4 CodeSystem and ValueSet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from functions.catalogue.codes.models import CodeSystem
from functions.catalogue.codes.queries.terms import Changed, Term
from functions.catalogue.codes.service.words import MappedPair
from shared.schemas import SHANGHAI

URN = "urn:consortium:codes:"


def as_csv(terms: Sequence[Term]) -> bytes:
    """Codes as a spreadsheet reads them: every value a text, so that leading zeros stay."""
    return _csv(
        ["编码", "名称", "上级编码", "版本", "院内扩展", "官方编码"],
        (
            (
                term.code,
                term.display,
                term.parent or "",
                term.label,
                "是" if term.local else "",
                term.official_code or "",
            )
            for term in terms
        ),
    )


RELATIONS = {"equal": "等同", "narrower": "下位", "broader": "上位", "none": "无对应"}


def mappings_csv(pairs: Iterable[MappedPair]) -> bytes:
    """编码对照表: codes of one system beside those of another."""
    return _csv(
        ["编码", "名称", "关系", "对照编码", "对照名称", "来源", "生效时间", "编制", "复核"],
        (
            (
                row.from_code,
                named or "",
                RELATIONS[row.relation],
                row.to_code,
                target or "",
                "官方" if row.source == "official" else "人工",
                f"{row.valid_from.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
                row.maker,
                row.checker or "",
            )
            for row, named, target in pairs
        ),
    )


def differences_csv(changes: Iterable[Changed]) -> bytes:
    """版本差异报告: what a version brings, changes and drops."""
    return _csv(
        ["编码", "变化", "原名称", "现名称"],
        (
            (
                one.code,
                "新增" if one.before is None else "取消" if one.after is None else "变更",
                one.before or "",
                one.after or "",
            )
            for one in changes
        ),
    )


def _csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(heading)
    writer.writerows(rows)
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
