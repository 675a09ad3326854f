"""Value sets every installation begins with, from data/*.tsv, as their standards publish them."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from functions.catalogue.codes import rules
from functions.catalogue.codes.models import CodeSystem, CodeVersion
from functions.catalogue.codes.queries import systems as queries
from functions.catalogue.codes.queries import words
from functions.catalogue.codes.rules import Entry
from functions.catalogue.codes.schemas import ReadingProfile
from functions.catalogue.codes.schemas.checks import RangeIn, SaveLabItem
from functions.catalogue.codes.service.files import require_head
from functions.catalogue.codes.service.lab import save_lab_item
from functions.catalogue.codes.service.registering import write_codes
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.tx import Tx

DATA = Path(__file__).parents[1] / "data"
SINCE = datetime(2020, 1, 1, tzinfo=SHANGHAI)
RELEASE = "release:standard"
"""Who made what came with the product; the one who loads it is its checker."""


def load_standard(tx: Tx) -> list[str]:
    """Register and publish every value set that is not there yet; returns their ids. A second run does nothing."""
    require_head(tx)
    there = {known.system for known in tx.session.all(queries.SYSTEMS)}
    listed = _codes()
    made = []
    for row in _table("systems"):
        if row["system"] in there:
            continue
        made.append(row["system"])
        entries = [Entry(0, code, display) for code, display in listed[row["system"]]]
        if row["kind"] == "diagnosis":
            for entry in entries:
                entry.attrs = rules.diagnosis_attributes(entry.code)
        rules.arrange(entries, row["hierarchy"])
        version = CodeVersion(
            version_id=new_id(),
            system=row["system"],
            label=row["label"],
            maker=RELEASE,
            made_at=tx.now,
            codes=len(entries),
            announced=None,
            status="published",
            checker=tx.actor.subject,
            published_at=tx.now,
            effective_from=SINCE,
        )
        system = CodeSystem(
            **{name: row[name] for name in ("system", "name", "issuer", "standard", "kind", "pattern", "hierarchy")},
            profile=ReadingProfile().model_dump(),
            registered_at=tx.now,
            registered_by=RELEASE,
        )
        tx.session.add(system, version)
        write_codes(tx, version.version_id, entries)
    for row in _table("lab_items"):
        if tx.session.first(words.LAB_ITEM, code=row["code"]) is None:
            save_lab_item(tx, row["code"], _lab_item(row))
    if made:
        tx.audit("code_systems.loaded", "code_system", "standard", systems=len(made))
    return made


def _lab_item(row: dict[str, str]) -> SaveLabItem:
    ranges = [one.split(":") for one in row["ranges"].split(";") if one]
    return SaveLabItem(
        **{name: row[name] for name in ("name", "short_name", "specimen", "method", "unit", "loinc")},
        ranges=[RangeIn(sex=sex or None, age_from_days=18 * 365, low=low, high=high) for sex, low, high in ranges],
    )


@cache
def _codes() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in _table("codes"):
        found[row["system"]].append((row["code"], row["display"]))
    return found


def _table(name: str) -> Iterator[dict[str, Any]]:
    with (DATA / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
