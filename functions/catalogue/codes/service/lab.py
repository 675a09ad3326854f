"""Laboratory items (检验项目字典) with their reference ranges."""

from collections.abc import Sequence
from decimal import Decimal

from events.catalogue import LabItemChanged
from functions.catalogue.codes.models import LabItem, ReferenceRange
from functions.catalogue.codes.problems import CodeUnknown
from functions.catalogue.codes.queries import words as queries
from functions.catalogue.codes.schemas.checks import RangeIn, SaveLabItem
from functions.catalogue.codes.searching import initials
from functions.catalogue.codes.service.files import require_head
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.tx import Tx

Item = tuple[LabItem, list[ReferenceRange]]


def save_lab_item(tx: Tx, code: str, command: SaveLabItem) -> Item:
    """A new item, or an item as it is from now on, with all its ranges. Ranges of before stay readable.

    Raises Stale for a version not seen, Invalid for a range without a value or upside down.
    """
    require_head(tx)
    before = tx.session.first(queries.LAB_ITEM, code=code)
    given = command.model_dump(exclude={"version", "ranges"})
    if before is None:
        item = LabItem(
            code=code,
            **given,
            initials=initials(command.name),
            changed_at=tx.now,
            changed_by=tx.actor.subject,
        )
        tx.session.add(item)
    else:
        if command.version is None:
            raise Stale("该检验项目已存在，请刷新后再修改。", current_version=before.version)
        tx.check_version(before.version, command.version)
        changed = tx.session.first(
            queries.CHANGE_LAB_ITEM,
            code_=code,
            seen=before.version,
            initials_=initials(command.name),
            now=tx.now,
            who=tx.actor.subject,
            **{f"{name}_": value for name, value in given.items()},
        )
        if changed is None:
            raise Stale("该检验项目刚被他人修改，请刷新后再操作。")
        item = changed
        tx.session.execute(queries.END_RANGES, of_code=code, until=tx.now)
    ranges = [_range(tx, code, one) for one in command.ranges]
    tx.session.add(*ranges)
    tx.emit(LabItemChanged(code=code, version=item.version))
    tx.audit("lab_item.saved", "lab_item", code, ranges=len(ranges))
    return item, ranges


def lab_item(tx: Tx, code: str) -> Item:
    """An item with its ranges in force. Raises CodeUnknown."""
    found = tx.session.send(queries.LAB_ITEM, code=code)
    ranges = tx.session.all(queries.RANGES, codes=[code], at=tx.now)
    item = found.first()
    if item is None:
        raise CodeUnknown(f"没有检验项目“{code}”，请核对。", unknown=code)
    return item, ranges


def lab_items(tx: Tx, after: str, limit: int) -> list[Item]:
    """Items in order of code, with their ranges in force."""
    items = tx.session.all(queries.LAB_ITEMS, after=after, limit=limit)
    ranges = tx.session.all(queries.RANGES, codes=[item.code for item in items], at=tx.now)
    return [(item, [one for one in ranges if one.item_code == item.code]) for item in items]


def range_for(
    ranges: Sequence[ReferenceRange], sex: str | None, age_days: int, week: int | None = None
) -> ReferenceRange | None:
    """The range of a patient: the one that names most of sex and week of pregnancy among those that fit."""
    fitting = [
        one
        for one in ranges
        if one.age_from_days <= age_days <= one.age_to_days
        and (one.sex is None or one.sex == sex)
        and (one.week_from is None or (week is not None and one.week_from <= week))
        and (one.week_to is None or (week is not None and week <= one.week_to))
    ]
    return max(fitting, key=lambda one: (one.week_from is not None, one.sex is not None), default=None)


def _range(tx: Tx, code: str, given: RangeIn) -> ReferenceRange:
    low = Decimal(given.low) if given.low is not None else None
    high = Decimal(given.high) if given.high is not None else None
    if low is None and high is None and given.text_value is None:
        raise Invalid("参考区间须有下限、上限或文字结果。")
    if (low is not None and high is not None and low > high) or given.age_from_days > given.age_to_days:
        raise Invalid("参考区间或年龄的下限不能高于上限。")
    return ReferenceRange(
        range_id=new_id(),
        item_code=code,
        sex=given.sex,
        age_from_days=given.age_from_days,
        age_to_days=given.age_to_days,
        week_from=given.week_from,
        week_to=given.week_to,
        low=low,
        high=high,
        text_value=given.text_value,
        valid_from=tx.now,
        set_by=tx.actor.subject,
    )
