"""Configuration packages (配置包): parameters carried from a test installation, compared, agreed by a second person,
put in force as a whole, and taken back as a whole.

A package holds what is set for the system and for campuses; departments and workstations differ between installations.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, signing
from functions.platform.permissions import queries_data as data
from functions.platform.permissions.models import ConfigPackage
from functions.platform.permissions.parameters import PARAMETERS, checked
from functions.platform.permissions.problems import (
    LevelNotAllowed,
    NothingExported,
    PackageNotFound,
    PackageOvertaken,
    ParameterInvalid,
    WrongState,
)
from functions.platform.permissions.schemas_data import ImportPackage, PackageLine
from functions.platform.permissions.service.setting import Carried, carry_value
from shared.ids import new_id
from shared.problems import Stale
from shared.schemas import SHANGHAI
from shared.tx import Tx

FORMAT = "his-configuration-1"
CARRIED = frozenset({"system", "campus"})


class Change(NamedTuple):
    """A parameter that a package changes; None: no value at that level."""

    key: str
    level: str
    level_id: str
    before: Any
    after: Any


class Difference(NamedTuple):
    """What a package would change, or changed, and how many of its lines say what counts already."""

    package: ConfigPackage
    changes: list[Change]
    same: int


def export_package(tx: Tx, note: str) -> dict[str, Any]:
    """What is set for the system and for campuses now, signed. Raises LevelNotAllowed, NothingExported,
    PackageKeyMissing."""
    head = _head(tx)
    lines = [
        {"key": key, "level": level, "level_id": level_id, "value": value}
        for (key, level, level_id), value in sorted(_now(tx).items())
        if key in PARAMETERS
    ]
    if not lines:
        raise NothingExported("系统和院区级参数都是默认值，没有可导出的内容。")
    file = signing.signed(
        {
            "format": FORMAT,
            "source": head,
            "note": note,
            "made_at": tx.now.astimezone(SHANGHAI).isoformat(),
            "made_by": tx.actor.name,
            "lines": lines,
        }
    )
    tx.audit("package.exported", "config_package", signing.digest_of(file), lines=len(lines))
    return file


def import_package(tx: Tx, command: ImportPackage) -> ConfigPackage:
    """Take a package in as a draft; one that names what this installation does not know is kept as refused.

    Raises LevelNotAllowed, PackageForged.
    """
    _head(tx)
    file = command.file.model_dump(mode="json")
    signing.check_signature(file)
    refused_for = sorted(_not_known(tx, command.file.lines))
    row = ConfigPackage(
        package_id=new_id(),
        source=command.file.source,
        made_at=command.file.made_at,
        made_by=command.file.made_by,
        note=command.file.note,
        key_id=command.file.key_id,
        digest=signing.digest_of(file),
        lines=file["lines"],
        state="refused" if refused_for else "draft",
        reason=command.reason,
        refused_for=refused_for,
        imported_at=tx.now,
        imported_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit(f"package.{row.state}", "config_package", row.package_id, digest=row.digest, lines=len(row.lines))
    return row


def package_difference(tx: Tx, package_id: UUID) -> Difference:
    """What a package would change now; of one in force or taken back, what it changed. Raises PackageNotFound."""
    row = _package(tx, package_id)
    if row.before is not None:
        return Difference(row, [Change(**one) for one in row.before], len(row.lines) - len(row.before))
    changes = _changes(tx, row)
    return Difference(row, changes, len(row.lines) - len(changes))


def review_package(tx: Tx, package_id: UUID, version: int) -> ConfigPackage:
    """The owner office agrees with a package. Raises SamePerson, WrongState, Stale."""
    row = _package(tx, package_id)
    tx.assert_distinct([row.imported_by], "配置包的导入与复核须由不同人员办理。")
    after = _step(tx, row, version, "draft", "reviewed", reviewed_at_=tx.now, reviewer=tx.actor.subject)
    tx.audit("package.reviewed", "config_package", package_id, digest=row.digest)
    return after


def withdraw_package(tx: Tx, package_id: UUID, version: int) -> ConfigPackage:
    """A package that is not in force is given up. Raises WrongState, Stale."""
    row = _package(tx, package_id)
    after = _step(tx, row, version, row.state if row.state in {"draft", "reviewed"} else "draft", "withdrawn")
    tx.audit("package.withdrawn", "config_package", package_id, digest=row.digest)
    return after


def apply_package(tx: Tx, package_id: UUID, version: int) -> ConfigPackage:
    """Put every parameter of an agreed package in force, all or none, and keep what counted before.

    Raises SamePerson, WrongState, Stale, LevelNotAllowed.
    """
    _head(tx)
    row = _package(tx, package_id)
    tx.assert_distinct([row.reviewed_by], "配置包的复核与生效须由不同人员办理。")
    changes = _changes(tx, row)
    if row.state == "reviewed":
        tx.session.execute(data.SUPERSEDE_PACKAGE)
    before = [one._asdict() for one in changes]
    after = _step(
        tx, row, version, "reviewed", "in_force", applied_at_=tx.now, applier=tx.actor.subject, before_=before
    )
    for one in changes:
        _carry(tx, after, one, one.after, f"配置包生效：{row.note}")
    tx.audit("package.applied", "config_package", package_id, digest=row.digest, changes=len(changes))
    return after


def roll_back_package(tx: Tx, package_id: UUID, version: int, reason: str) -> ConfigPackage:
    """Take the package in force back: what it changed is as it was before, unless somebody has changed it since.

    Raises WrongState, Stale, PackageOvertaken, LevelNotAllowed.
    """
    _head(tx)
    row = _package(tx, package_id)
    changes = [Change(**one) for one in row.before or ()]
    after = _step(tx, row, version, "in_force", "rolled_back", rolled_back_at_=tx.now, roller=tx.actor.subject)
    now = _now(tx)
    since = sorted({one.key for one in changes if now.get(one[:3]) != one.after})
    if since:
        titles = "、".join(f"“{PARAMETERS[key].title}”" if key in PARAMETERS else key for key in since)
        raise PackageOvertaken(f"配置包生效后又改过：{titles}。请逐项调整，不能整包回退。", keys=since)
    for one in changes:
        _carry(tx, after, one, one.before, f"配置包回退：{reason}")
    tx.audit("package.rolled_back", "config_package", package_id, digest=row.digest, changes=len(changes))
    return after


def packages(tx: Tx, before: UUID, limit: int) -> list[ConfigPackage]:
    """Packages that were taken in, latest first."""
    return tx.session.all(data.PACKAGES, before=before, limit=limit)


# -- inside


def _head(tx: Tx) -> str:
    here = organisation.campus(tx)
    if not here.is_head:
        raise LevelNotAllowed("配置包由总院办理，请切换到总院。")
    return here.name


def _now(tx: Tx) -> dict[tuple[str, str, str], Any]:
    rows = tx.session.all(queries.ALL_VALUES_AT, at=tx.now)
    return {(row.key, row.level, row.level_id): row.value for row in rows if row.level in CARRIED}


def _changes(tx: Tx, row: ConfigPackage) -> list[Change]:
    now = _now(tx)
    changes = []
    for line in row.lines:
        where = (line["key"], line["level"], line["level_id"])
        if where not in now or now[where] != line["value"] or type(now[where]) is not type(line["value"]):
            changes.append(Change(*where, now.get(where), line["value"]))
    return changes


def _not_known(tx: Tx, lines: Iterable[PackageLine]) -> set[str]:
    """Keys of lines this installation cannot take: unknown or doubled, a campus it has not, a value out of bounds."""
    campuses = {one.code for one in organisation.campuses(tx)}
    seen: set[tuple[str, str, str]] = set()
    bad: set[str] = set()
    for line in lines:
        where = (line.key, line.level, line.level_id)
        fits = line.level_id == "" if line.level == "system" else line.level_id in campuses
        if where in seen or not fits or line.key not in PARAMETERS:
            bad.add(line.key)
        else:
            try:
                checked(PARAMETERS[line.key], line.level, line.value)
            except (ParameterInvalid, LevelNotAllowed):
                bad.add(line.key)
        seen.add(where)
    return bad


def _carry(tx: Tx, row: ConfigPackage, change: Change, value: Any, reason: str) -> None:
    carry_value(
        tx,
        Carried(
            key=change.key,
            level=change.level,
            level_id=change.level_id,
            value=value,
            reason=reason[:200],
            asked_at=row.imported_at,
            asked_by=row.imported_by,
            approved_by=row.reviewed_by or "",
        ),
    )


def _package(tx: Tx, package_id: UUID) -> ConfigPackage:
    row = tx.session.first(data.PACKAGE, package_id=package_id)
    if row is None:
        raise PackageNotFound("没有这个配置包，请刷新后核对。")
    return row


def _step(tx: Tx, row: ConfigPackage, version: int, before: str, to: str, **values: Any) -> ConfigPackage:
    if row.state != before:
        raise WrongState("该配置包当前状态不能办理此操作，请刷新后核对。", state_now=row.state)
    nothing = dict.fromkeys(
        ("reviewed_at_", "reviewer", "applied_at_", "applier", "before_", "rolled_back_at_", "roller")
    )
    after = tx.session.first(
        data.STEP_PACKAGE, id_=row.package_id, seen=version, from_=before, to=to, **{**nothing, **values}
    )
    if after is None:
        raise Stale("该配置包已被他人办理，请刷新后再操作。", current_version=row.version)
    return after
