"""HTTP routes of configuration packages (配置包): export, import, difference, review, in force, back."""

from collections.abc import Callable, Mapping
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.permissions import service
from functions.platform.permissions.models import ConfigPackage
from functions.platform.permissions.parameters import LEVEL_TITLES
from functions.platform.permissions.problems import PackageUnknownKeys
from functions.platform.permissions.schemas import Step
from functions.platform.permissions.schemas_packages import (
    DifferenceLineView,
    DifferenceView,
    ExportPackage,
    ImportPackage,
    PackageFileView,
    PackageView,
    RollBack,
)
from shared.command import Onward, command, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.identity.posts import PERMISSIONS
from shared.schemas import Page
from shared.steps import Steps
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)


@router.post("/packages/export")
@command("platform.permissions.configure")
def export_package(tx: Tx, body: ExportPackage) -> PackageFileView:
    """What is set for the system and for campuses, signed, to be carried to another installation (导出配置包)."""
    return PackageFileView(**service.export_package(tx, body.note))


@router.post("/packages", status_code=201)
@command("platform.permissions.configure")
def import_package(tx: Tx, body: ImportPackage) -> PackageView:
    """Take a signed package in as a draft; one with unknown keys is refused whole and kept (导入配置包)."""
    row = service.import_package(tx, body)
    if row.state == "refused":
        return Onward(_package(row), _refuse(row.package_id, row.refused_for))  # type: ignore[return-value]
    return _package(row)


@router.get("/packages")
@query("platform.permissions.packages")
def list_packages(
    tx: Tx, limit: Annotated[int, Parameter(ge=1, le=200)] = 50, cursor: UUID | None = None
) -> Page[PackageView]:
    """Packages that were taken in, latest first (配置包)."""
    found = service.packages(tx, cursor or LAST, limit)
    return Page[PackageView](
        items=[_package(row) for row in found], next=str(found[-1].package_id) if len(found) == limit else None
    )


@router.get("/packages/{package_id}/difference")
@query("platform.permissions.packages", REPORT)
def package_difference(tx: Tx, package_id: UUID) -> DifferenceView:
    """What a package changes, line by line beside what counts now (配置包差异)."""
    found = service.package_difference(tx, package_id)
    return DifferenceView(
        package_id=package_id,
        state=found.package.state,
        same=found.same,
        lines=[_line(one, found.holders) for one in found.changes],
    )


@router.post("/packages/{package_id}/review")
@command("platform.permissions.approve")
def review_package(tx: Tx, package_id: UUID, body: Step) -> PackageView:
    """The owner office agrees with a package (复核配置包)."""
    return _package(service.review_package(tx, package_id, body.version))


@router.post("/packages/{package_id}/apply")
@command("platform.permissions.configure", REPORT)
def apply_package(tx: Tx, package_id: UUID, body: Step) -> PackageView:
    """Put an agreed package in force, all or none (配置包生效)."""
    return _package(service.apply_package(tx, package_id, body.version))


@router.post("/packages/{package_id}/withdraw")
@command("platform.permissions.configure")
def withdraw_package(tx: Tx, package_id: UUID, body: Step) -> PackageView:
    """Give up a package that is not in force (撤回配置包)."""
    return _package(service.withdraw_package(tx, package_id, body.version))


@router.post("/packages/{package_id}/roll-back")
@command("platform.permissions.configure", REPORT)
def roll_back_package(tx: Tx, package_id: UUID, body: RollBack) -> PackageView:
    """Make what the package in force changed as it was before (回退配置包)."""
    return _package(service.roll_back_package(tx, package_id, body.version, body.reason))


def _line(one: service.Change, holders: Mapping[str, int]) -> DifferenceLineView:
    had, has = (
        set(value["permissions"]) if one.kind == "template" and value else set() for value in (one.before, one.after)
    )
    return DifferenceLineView(
        kind=one.kind,
        kind_label=service.CONTENT_TITLES[one.kind],
        key=one.key,
        title=service.title_of(one.kind, one.key),
        level=one.level,
        level_label=LEVEL_TITLES[one.level],
        level_id=one.level_id,
        before=one.before,
        after=one.after,
        added=[PERMISSIONS.get(code, code) for code in sorted(has - had)],
        removed=[PERMISSIONS.get(code, code) for code in sorted(had - has)],
        holders=holders.get(one.key) if one.kind == "template" else None,
        risky=service.risky(one.kind, one.key),
    )


def _package(row: ConfigPackage) -> PackageView:
    return PackageView.model_validate(row)


def _refuse(package_id: UUID, keys: list[str]) -> Callable[[Steps], PackageView]:
    def answer(_: Steps) -> PackageView:
        raise PackageUnknownKeys(
            f"配置包整包未导入：{'、'.join(keys)} 不能识别、重复或取值不符。请核对两边程序版本后重新导出。",
            keys=keys,
            package_id=str(package_id),
        )

    return answer
