"""What is read and changed of rules of numbers."""

from typing import NamedTuple

from sqlalchemy import Date, bindparam, null, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from functions.platform.permissions.rules_numbers import UsedMark
from shared.database.query import Query, among, constant
from shared.numbers import NumberRule
from shared.tables import NumberSeries

_EFFECTIVE = (NumberRule.state == constant("effective"), NumberRule.superseded_at.is_(null()))
_HERE = (NumberRule.at_campus == bindparam("campus"), NumberRule.series == bindparam("series"))
_DAY = bindparam("day", type_=Date)


class Counter(NamedTuple):
    """The last number given in a period."""

    series: str
    period: str
    last_value: int


RULE = Query(NumberRule, select(NumberRule).where(NumberRule.rule_id == bindparam("rule_id")))
RULES_HERE = Query(
    NumberRule,
    select(NumberRule)
    .where(NumberRule.at_campus == bindparam("campus"), *_EFFECTIVE)
    .order_by(NumberRule.series, NumberRule.valid_from.desc())
    .limit(1000),
)
"""What a campus has chosen of every series, the latest to begin first."""
RULES_EVERYWHERE = Query(
    NumberRule,
    select(NumberRule)
    .where(*_EFFECTIVE, NumberRule.valid_from <= _DAY)
    .ext(distinct_on(NumberRule.at_campus, NumberRule.series))
    .order_by(NumberRule.at_campus, NumberRule.series, NumberRule.valid_from.desc()),
)
"""The rule of each campus and series that counts on a day."""
RULE_ON = Query(
    NumberRule,
    select(NumberRule)
    .where(*_HERE, *_EFFECTIVE, NumberRule.valid_from <= _DAY)
    .order_by(NumberRule.valid_from.desc())
    .limit(1),
)
USES_OF_MARK = Query(
    UsedMark,
    select(NumberRule.at_campus, NumberRule.series, NumberRule.mark, NumberRule.reset)
    .where(NumberRule.mark == bindparam("mark"), NumberRule.state != constant("refused"))
    .distinct(),
)
"""Who uses a mark, or ever used it."""
HISTORY = Query(
    NumberRule,
    select(NumberRule)
    .where(*_HERE, NumberRule.rule_id < bindparam("before"))
    .order_by(NumberRule.rule_id.desc())
    .limit(bindparam("limit")),
)
ASKED = Query(
    NumberRule,
    select(NumberRule)
    .where(NumberRule.at_campus == bindparam("campus"), NumberRule.state == constant("asked"))
    .order_by(NumberRule.series)
    .limit(200),
)
SUPERSEDE = Query(
    object,
    update(NumberRule)
    .where(*_HERE, *_EFFECTIVE, NumberRule.valid_from == _DAY)
    .values(superseded_at=bindparam("now"), version=NumberRule.version + 1),
)
"""Nothing else begins on that day."""
DECIDE = Query(
    NumberRule,
    update(NumberRule)
    .where(
        NumberRule.rule_id == bindparam("id_"),
        NumberRule.version == bindparam("seen"),
        NumberRule.state == constant("asked"),
    )
    .values(
        state=bindparam("to"),
        decided_at=bindparam("now"),
        decided_by=bindparam("by"),
        decided_name=bindparam("name"),
        version=NumberRule.version + 1,
    )
    .returning(NumberRule),
)
COUNTERS = Query(
    Counter,
    select(NumberSeries.series, NumberSeries.period, NumberSeries.last_value).where(
        NumberSeries.campus_id == bindparam("campus"),
        among(NumberSeries.series, "series"),
        among(NumberSeries.period, "periods"),
    ),
)
