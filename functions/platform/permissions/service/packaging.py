"""Configuration packages (配置包): parameters, templates of posts, rules over data and of numbers carried from a test
installation, compared, agreed by a second person, put in force as a whole, and taken back as a whole.

A package holds what is set for the system and for campuses; departments and workstations differ between installations.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries_data as data
from functions.platform.permissions import signing
from functions.platform.permissions.models import ConfigPackage
from functions.platform.permissions.problems import (
    LevelNotAllowed,
    NothingExported,
    PackageNotFound,
    PackageOvertaken,
    PackageUnknownKeys,
    WrongState,
)
from functions.platform.permissions.schemas_packages import ImportPackage
from functions.platform.permissions.service.carrying import Agreed, holders_of
from functions.platform.permissions.service.contents import (
    ContentKind,
    Where,
    carry,
    no_longer_known,
    not_known,
    plain,
    standing,
    title_of,
    where_of,
)
from shared.ids import new_id
from shared.problems import Stale
from shared.schemas import SHANGHAI
from shared.tx import Tx

FORMAT = "his-configuration-2"


class Change(NamedTuple):
    """What a package changes; None: nothing set at that level."""

    kind: ContentKind
    key: str
    level: str
    level_id: str
    before: Any
    after: Any

    @property
    def where(self) -> Where:
        return Where(self.kind, self.key, self.level, self.level_id)


class Difference(NamedTuple):
    """What a package would change, or changed, and how many of its lines say what counts already."""

    package: ConfigPackage
    changes: list[Change]
    same: int
    holders: Mapping[str, int]
    """Of the posts whose templates would change: how many people hold each."""


def export_package(tx: Tx, note: str) -> dict[str, Any]:
    """What is set for the system and for campuses now, signed. Raises LevelNotAllowed, NothingExported,
    PackageKeyMissing."""
    head = _head(tx)
    found = standing(tx).values
    lines = [{**where._asdict(), "value": found[where]} for where in sorted(found)]
    if not lines:
        raise NothingExported("参数、岗位模板、数据规则和编号规则都是程序内置的，没有可导出的内容。")
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
    file = command.file.model_dump(mode="json", exclude_unset=True)
    signing.check_signature(file)
    refused_for = sorted(not_known(tx, command.file.lines))
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
        return Difference(row, _kept(row), len(row.lines) - len(row.before), {})
    changes = _changes(tx, row)
    posts = {one.key for one in changes if one.kind == "template"}
    return Difference(row, changes, len(row.lines) - len(changes), holders_of(tx, posts))


def review_package(tx: Tx, package_id: UUID, version: int) -> ConfigPackage:
    """The owner office of the head hospital agrees with a package. Raises LevelNotAllowed, SamePerson, WrongState,
    Stale."""
    _head(tx)
    row = _package(tx, package_id)
    tx.assert_distinct([row.imported_by], "配置包的导入与复核须由不同人员办理。")
    after = _step(tx, row, version, "draft", "reviewed", reviewed_at_=tx.now, reviewer=tx.actor.subject)
    tx.audit("package.reviewed", "config_package", package_id, digest=row.digest)
    return after


def withdraw_package(tx: Tx, package_id: UUID, version: int) -> ConfigPackage:
    """A package that is not in force is given up. Raises LevelNotAllowed, WrongState, Stale."""
    _head(tx)
    row = _package(tx, package_id)
    after = _step(tx, row, version, row.state if row.state in {"draft", "reviewed"} else "draft", "withdrawn")
    tx.audit("package.withdrawn", "config_package", package_id, digest=row.digest)
    return after


def apply_package(tx: Tx, package_id: UUID, version: int) -> ConfigPackage:
    """Put everything in an agreed package in force, all or none, and keep what counted before.

    Forms of numbers count from tomorrow on. Raises SamePerson, WrongState, Stale, LevelNotAllowed,
    PackageUnknownKeys, TemplateBreaksSeparation, TemplateTooFar, NumberMarkTaken, NumberMarkReset.
    """
    _head(tx)
    row = _package(tx, package_id)
    tx.assert_distinct([row.reviewed_by], "配置包的复核与生效须由不同人员办理。")
    changes = _changes(tx, row)
    if row.state == "reviewed":
        _check_known(tx, row.lines)
        tx.session.execute(data.SUPERSEDE_PACKAGE)
    before = [one._asdict() for one in changes]
    after = _step(
        tx, row, version, "reviewed", "in_force", applied_at_=tx.now, applier=tx.actor.subject, before_=before
    )
    carry(tx, {one.where: one.after for one in changes}, _agreed(after, f"配置包生效：{row.note}"))
    tx.audit("package.applied", "config_package", package_id, digest=row.digest, changes=len(changes))
    return after


def roll_back_package(tx: Tx, package_id: UUID, version: int, reason: str) -> ConfigPackage:
    """Take the package in force back: what it changed is as it was before, unless somebody has changed it since.

    Raises WrongState, Stale, PackageOvertaken, PackageUnknownKeys, LevelNotAllowed, and what putting the former in
    force refuses.
    """
    _head(tx)
    row = _package(tx, package_id)
    changes = _kept(row)
    after = _step(tx, row, version, "in_force", "rolled_back", rolled_back_at_=tx.now, roller=tx.actor.subject)
    now = standing(tx)
    since = {one.where.name: one for one in changes if not _same(now.value(one.where), one.after)}
    if since:
        titles = "、".join(f"“{title_of(one.kind, one.key)}”" for one in since.values())
        raise PackageOvertaken(f"配置包生效后又改过：{titles}。请逐项调整，不能整包回退。", keys=sorted(since))
    _check_known(tx, [{**one.where._asdict(), "value": one.before} for one in changes if one.before is not None])
    carry(tx, {one.where: one.before for one in changes}, _agreed(after, f"配置包回退：{reason}"))
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


def _changes(tx: Tx, row: ConfigPackage) -> list[Change]:
    now = standing(tx)
    changes = []
    for line in row.lines:
        where = where_of(line)
        before, after = now.value(where), plain(where, line["value"])
        if not _same(before, after):
            changes.append(Change(*where, before, after))
    return changes


def _check_known(tx: Tx, lines: Iterable[Mapping[str, Any]]) -> None:
    """Refuse to put in force what the release running now does not take. Raises PackageUnknownKeys."""
    if lost := sorted(no_longer_known(tx, lines)):
        raise PackageUnknownKeys(
            f"整包未办理：{'、'.join(lost)} 在现行程序和规则下已不适用。请在来源系统重新导出，或逐项调整。", keys=lost
        )


def _kept(row: ConfigPackage) -> list[Change]:
    return [Change(**{"kind": "parameter", **one}) for one in row.before or ()]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one in JSON, where true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _agreed(row: ConfigPackage, reason: str) -> Agreed:
    return Agreed(
        asked_at=row.imported_at,
        asked_by=row.imported_by,
        approved_at=row.reviewed_at or row.imported_at,
        approved_by=row.reviewed_by or "",
        reason=reason[:200],
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
