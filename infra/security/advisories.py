"""Known flaws (漏洞) in the parts of the image, from a folder of advisories in OSV format.

The hospital's network has no way out, so nobody is asked: the folder (`HIS_ADVISORIES`) is mirrored by the site and
holds the archives OSV publishes per ecosystem (`PyPI`, `Debian:12`), packed or unpacked. A mirror that stands still
would turn everything green, so one without news for a week is a failure.
"""

from __future__ import annotations

import json
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from infra.security.debian_version import DebianVersion
from infra.security.parts import HERE, Part, canonical
from infra.security.rating import LEVELS, level

ACCEPTED = HERE / "accepted.toml"
LONGEST_ACCEPTANCE = timedelta(days=30)
"""How far ahead a critical flaw may be accepted."""


class AuditError(Exception):
    """The audit cannot say anything; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One advisory that touches one part. `fixed` are the versions that mend it, as far as the advisory says."""

    id: str
    level: str
    part: Part
    fixed: tuple[str, ...]
    aliases: tuple[str, ...]

    def __str__(self) -> str:
        mended = f", mended in {' or '.join(self.fixed)}" if self.fixed else ", no mended version known"
        also = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.level:8} {self.part.name} {self.part.version}: {self.id}{also}{mended}"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A flaw the hospital lives with until a day."""

    id: str
    until: date
    reason: str


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Every advisory below a folder: *.json, and *.json inside *.zip. A file that is none is an error, not nothing."""
    if not folder.is_dir():
        raise AuditError(
            f"{folder} is no folder. HIS_ADVISORIES names the folder where the site mirrors OSV's archives."
        )
    for path in sorted(folder.rglob("*.json")):
        yield _parse(path.read_bytes(), path.name)
    for path in sorted(folder.rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield _parse(archive.read(name), f"{path.name}/{name}")


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        advisory = json.loads(content)
    except ValueError as error:
        raise AuditError(f"{name} is no JSON ({error}). Fetch the mirror again.") from error
    if not isinstance(advisory, dict) or "id" not in advisory or "modified" not in advisory:
        raise AuditError(f"{name} is no advisory in OSV format. Keep other files out of the folder.")
    return advisory


def audit(folder: Path, parts: Sequence[Part], today: date, stale_after: timedelta) -> list[Flaw]:
    """Every flaw that touches a part, worst first; one line a flaw, whatever its aliases are filed under."""
    seen: dict[str, date] = {}
    flaws: list[Flaw] = []
    by_source: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        by_source.setdefault((part.ecosystem, part.source), []).append(part)
    for advisory in read(folder):
        modified = date.fromisoformat(advisory["modified"][:10])
        for entry in advisory.get("affected", []):
            package = entry.get("package", {})
            ecosystem = str(package.get("ecosystem", ""))
            seen[ecosystem] = max(seen.get(ecosystem, modified), modified)
            name = canonical(package.get("name", "")) if ecosystem == "PyPI" else package.get("name", "")
            if "withdrawn" in advisory:
                continue
            flaws += (
                Flaw(advisory["id"], level(advisory), part, _fixed(entry), tuple(sorted(advisory.get("aliases", []))))
                for part in by_source.get((ecosystem, name), [])
                if touches(entry, part)
            )
    for ecosystem in sorted({part.ecosystem for part in parts}):
        if ecosystem not in seen:
            raise AuditError(
                f"The mirror has no advisory for {ecosystem}: it is incomplete, and silence proves nothing."
            )
        if today - seen[ecosystem] > stale_after:
            raise AuditError(f"The newest advisory for {ecosystem} is of {seen[ecosystem]}: renew the mirror.")
    return _merged(flaws)


def _merged(flaws: Sequence[Flaw]) -> list[Flaw]:
    """The same flaw under several numbers is one, with its worst rating."""
    kept: list[Flaw] = []
    for flaw in sorted(flaws, key=lambda flaw: (-LEVELS.index(flaw.level), flaw.part.name, flaw.id)):
        names = {flaw.id, *flaw.aliases}
        if not any(one.part == flaw.part and names & {one.id, *one.aliases} for one in kept):
            kept.append(flaw)
    return kept


def touches(entry: Mapping[str, Any], part: Part) -> bool:
    """Whether an `affected` entry names the version of a part, by list or by range."""
    if part.version in entry.get("versions", []):
        return True
    order: Callable[[str], Any] = Version if part.ecosystem == "PyPI" else DebianVersion
    mine = order(part.version)
    return any(
        _inside(found["events"], mine, order) for found in entry.get("ranges", []) if found.get("type") == "ECOSYSTEM"
    )


def _inside(events: Sequence[Mapping[str, str]], mine: Any, order: Callable[[str], Any]) -> bool:
    """OSV's own algorithm: pass the events in the order of their versions; each one passed opens or closes."""
    inside = any(event.get("introduced") == "0" for event in events)
    try:
        later = sorted(
            (
                (order(version), kind)
                for event in events
                for kind, version in event.items()
                if kind in {"introduced", "fixed", "last_affected"} and version != "0"
            ),
            key=lambda one: one[0],
        )
    except InvalidVersion:
        return True  # a range nobody can read is looked at by a person
    for version, kind in later:
        if kind == "introduced" and mine >= version:
            inside = True
        elif (kind == "fixed" and mine >= version) or (kind == "last_affected" and mine > version):
            inside = False
    return inside


def _fixed(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        event["fixed"]
        for found in entry.get("ranges", [])
        if found.get("type") == "ECOSYSTEM"
        for event in found["events"]
        if "fixed" in event
    )


def acceptances(text: str) -> list[Acceptance]:
    """What accepted.toml says."""
    return [Acceptance(**one) for one in tomllib.loads(text).get("accepted", [])]


def open_flaws(flaws: Sequence[Flaw], accepted: Sequence[Acceptance], today: date, least: str) -> list[Flaw]:
    """The flaws at or above a level that nobody has accepted, or whose acceptance has ended or reaches too far."""
    bounds = {one.id: one.until for one in accepted if one.reason.strip()}

    def is_accepted(flaw: Flaw) -> bool:
        until = max((bounds[name] for name in (flaw.id, *flaw.aliases) if name in bounds), default=None)
        if until is None or until < today:
            return False
        return flaw.level != "critical" or until - today <= LONGEST_ACCEPTANCE

    return [flaw for flaw in flaws if LEVELS.index(flaw.level) >= LEVELS.index(least) and not is_accepted(flaw)]
