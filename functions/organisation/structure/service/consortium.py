"""Campuses and their settings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from events.organisation import CampusOpened, CampusSettingChanged
from functions.organisation.structure import rules
from functions.organisation.structure.models import Campus, CampusPriceLevel, CampusSetting
from functions.organisation.structure.problems import CampusInUse, CampusNotFound, SettingInvalid
from functions.organisation.structure.queries import people
from functions.organisation.structure.queries import structure as queries
from functions.organisation.structure.queries.structure import CampusInfo
from functions.organisation.structure.schemas.structure import (
    ChangeCampus,
    ChangeSetting,
    CloseCampus,
    OpenCampus,
    SetPriceLevel,
)
from functions.organisation.structure.service import founding
from functions.organisation.structure.service.log import record
from shared.ids import new_id
from shared.problems import Conflict, Invalid, Stale
from shared.schemas import midnight
from shared.tx import Tx


def campus(tx: Tx, code: str | None = None) -> CampusInfo:
    """A campus, by default the acting one. Raises CampusNotFound."""
    found = tx.session.first(queries.CAMPUS, code=code or tx.campus, at=tx.now)
    if found is None:
        raise CampusNotFound(f"没有院区“{code or tx.campus}”，请核对院区代码。")
    return found


def campuses(tx: Tx) -> list[CampusInfo]:
    """Every campus there ever was, by code."""
    return tx.session.all(queries.CAMPUSES, at=tx.now)


def open_campuses(tx: Tx) -> list[CampusInfo]:
    """The campuses that are open now, by code."""
    return [found for found in campuses(tx) if found.status == "open"]


def open_campus(tx: Tx, command: OpenCampus) -> CampusInfo:
    """Open a campus (开设院区): its row, price level, unit tree from the template, and its first people.

    A new campus is data alone. Number series begin with their first number, isolation reads the row. Raises
    CodeTaken, LetterTaken, HeadExists, IncompatiblePosts, UnknownPost.
    """
    opened_on = command.opened_on or tx.today
    if opened_on > tx.today:
        raise Invalid("开设日期不能晚于今天；请在开业当日开设院区。")
    row = Campus(
        code=command.code,
        letter=command.letter,
        name=command.name,
        short_name=command.short_name,
        is_head=command.is_head,
        grade=command.grade,
        licence_no=command.licence_no,
        licence_valid_to=command.licence_valid_to,
        uscc=command.uscc,
        institution_code=command.institution_code,
        insurance_code=command.insurance_code,
        address=command.address,
        phone=command.phone,
        licensed_beds=command.licensed_beds,
        edge_identity=command.edge_identity,
        status="open",
        opened_on=opened_on,
    )
    tx.session.add(row)
    tx.session.flush()  # the verdict on code, letter and head before anything is built on them
    tx.session.add(_level(tx, command.code, command.price_level, midnight(opened_on)))
    root = founding.plant_tree(tx, command.code, command.short_name, opened_on)
    for founder in command.founders:
        founding.engage_founder(tx, command.code, root, founder, opened_on)
    record(tx, "campus", command.code, "opened", after=command.model_dump(mode="json", exclude={"founders"}))
    tx.emit(
        CampusOpened(
            campus_code=command.code,
            letter=command.letter,
            price_level=command.price_level,
            opened_on=opened_on,
        )
    )
    return campus(tx, command.code)


def bootstrap(tx: Tx, command: OpenCampus) -> CampusInfo:
    """Open the first campus of an empty database: the head hospital with its first administrator.

    Called with the system as actor at that campus. One founder holds `consortium_admin`. Raises Conflict when there
    is a campus already.
    """
    if tx.session.all(queries.CAMPUSES, at=tx.now):
        raise Conflict("已有院区，不能再次初始化；新院区请由医共体管理员开设。")
    if not any("consortium_admin" in founder.posts for founder in command.founders):
        raise Invalid("首个院区须至少有一位医共体管理员。")
    return open_campus(tx, command.model_copy(update={"is_head": True}))


def change_campus(tx: Tx, code: str, command: ChangeCampus) -> CampusInfo:
    """Change names, licence numbers or address of a campus; what is not given stays."""
    before = campus(tx, code)
    given = command.model_dump(exclude={"version"}, exclude_unset=True)
    merged = {name: given.get(name, getattr(before, name)) for name in _CHANGEABLE}
    seen = tx.session.first(
        queries.CHANGE_CAMPUS,
        code_=code,
        seen=command.version,
        **{f"{name}_": value for name, value in merged.items()},
    )
    if seen is None:
        raise Stale("该院区资料已被他人修改，请刷新后再操作。", current_version=before.version)
    changed = {name: value for name, value in given.items() if value != getattr(before, name)}
    record(tx, "campus", code, "changed", before={name: getattr(before, name) for name in changed}, after=changed)
    return campus(tx, code)


_CHANGEABLE = (
    "name",
    "short_name",
    "grade",
    "licence_no",
    "licence_valid_to",
    "uscc",
    "institution_code",
    "insurance_code",
    "address",
    "phone",
    "licensed_beds",
    "edge_identity",
)


def close_campus(tx: Tx, code: str, command: CloseCampus) -> CampusInfo:
    """Close a campus whose units are closed (each of which asked who still needs it) and whose people have left."""
    tx.session.send(queries.LOCK_CAMPUS, code=code)
    before = campus(tx, code)
    units = [unit for unit in tx.session.all(queries.TREE_ON, campus=code, day=tx.today) if unit.parent_id is not None]
    if units:
        raise CampusInUse(
            f"该院区还有 {len(units)} 个科室在用，请先关闭科室：{'、'.join(unit.name for unit in units[:10])}。"
        )
    if tx.session.first(people.CAMPUS_STILL_STAFFED, campus=code) is not None:
        raise CampusInUse("该院区还有在职职工，请先办理调动或离职。")
    if tx.session.first(queries.CLOSE_CAMPUS, code_=code, seen=command.version, day=tx.today) is None:
        raise Stale("该院区资料已被他人修改，请刷新后再操作。", current_version=before.version)
    record(tx, "campus", code, "closed", reason=command.reason)
    return campus(tx, code)


# -- price level


def set_price_level(tx: Tx, code: str, command: SetPriceLevel) -> CampusInfo:
    """Another price level (价格等级) from a moment on, which must be to come. Raises PastChange, PriceLevelOverlaps."""
    rules.not_before(command.valid_from, tx.now, "价格等级的生效时间")
    campus(tx, code)
    current = tx.session.first(queries.LEVEL_AT, campus=code, at=command.valid_from)
    if current is not None:
        tx.session.execute(queries.SHORTEN_LEVEL, row=current.row_id, until=command.valid_from)
    end = current.valid_to if current is not None else None
    tx.session.add(_level(tx, code, command.price_level, command.valid_from, end, command.reason))
    record(
        tx,
        "campus",
        code,
        "price_level_set",
        before={"price_level": current.price_level if current is not None else None},
        after={"price_level": command.price_level, "valid_from": command.valid_from},
        reason=command.reason,
    )
    tx.emit(CampusSettingChanged(campus_code=code, key="price_level", valid_from=command.valid_from))
    return campus(tx, code)


def _level(
    tx: Tx, code: str, level: str, valid_from: datetime, valid_to: datetime | None = None, reason: str = ""
) -> CampusPriceLevel:
    return CampusPriceLevel(
        row_id=new_id(),
        campus_code=code,
        price_level=level,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        reason=reason,
    )


# -- settings


def setting(tx: Tx, key: str, campus: str | None = None, at: datetime | None = None) -> Any:
    """The value of a campus setting, or its default. Raises SettingInvalid for a key that does not exist."""
    if key not in rules.SETTINGS:
        raise SettingInvalid(f"没有参数“{key}”。")
    row = tx.session.first(queries.SETTING_AT, campus=campus or tx.campus, key=key, at=at or tx.now)
    return rules.SETTINGS[key].default if row is None else row.value


def settings_of(tx: Tx, code: str) -> Sequence[tuple[str, Any, datetime | None]]:
    """Key, value and since when (null for a default), of every setting of a campus."""
    rows = {row.key: row for row in tx.session.all(queries.SETTINGS_AT, campus=code, at=tx.now)}
    return [
        (key, rows[key].value, rows[key].valid_from) if key in rows else (key, known.default, None)
        for key, known in rules.SETTINGS.items()
    ]


def change_setting(tx: Tx, key: str, command: ChangeSetting) -> tuple[str, Any, datetime]:
    """Another value of a setting of the acting campus, from now or a later moment on."""
    value = rules.checked_setting(key, command.value)
    valid_from = command.valid_from or tx.now
    rules.not_before(valid_from, tx.now, "参数的生效时间")
    current = tx.session.first(queries.SETTING_AT, campus=tx.campus, key=key, at=valid_from)
    if current is not None and current.valid_from == valid_from:
        tx.session.execute(queries.SUPERSEDE_SETTING, row=current.row_id, now=tx.now)
    elif current is not None:
        tx.session.execute(queries.SHORTEN_SETTING, row=current.row_id, until=valid_from)
    tx.session.add(
        CampusSetting(
            row_id=new_id(),
            campus_id=tx.campus,
            key=key,
            value=value,
            valid_from=valid_from,
            valid_to=current.valid_to if current is not None else None,
            recorded_at=tx.now,
            recorded_by=tx.actor.subject,
            reason=command.reason or "",
        )
    )
    before = {key: current.value} if current is not None else {}
    record(tx, "campus", tx.campus, "setting_changed", before=before, after={key: value}, reason=command.reason)
    tx.emit(CampusSettingChanged(campus_code=tx.campus, key=key, valid_from=valid_from))
    return key, value, valid_from
