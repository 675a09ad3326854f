"""What is left, and what it costs where: read without locks."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.queries import availability as queries
from functions.outpatient.schedule.queries.availability import Available, BandLeft, ClinicLeft
from functions.outpatient.schedule.service.pool import LAST_CALL
from shared.money import round_money
from shared.problems import NotFound
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class CampusLeft:
    """A clinic's numbers of a day with where it is and what it costs there (null without a price in force)."""

    clinic: ClinicLeft
    campus_name: str
    address: str
    price: Decimal | None


def availability(
    tx: Tx,
    day: date,
    campuses: list[str],
    standard_code: str | None,
    limit: int,
    after: UUID,
    *,
    unit_id: UUID | None = None,
    doctor_id: UUID | None = None,
) -> list[Available]:
    """Sessions of a day with the numbers left, at any campuses: the pool is one for the consortium."""
    return tx.session.all(
        queries.AVAILABILITY,
        day=day,
        campuses=campuses,
        standard_code=standard_code,
        unit=unit_id,
        doctor=doctor_id,
        limit=limit,
        after=after,
        now=tx.now,
        last_call=tx.now + LAST_CALL,
    )


def sellable(one: Available, channel: str) -> int:
    """How many of a session's numbers a channel may sell: a window also those for elderly people and follow-ups."""
    return sum(one.remaining.get(name, 0) for name in rules.CHANNELS_OF.get(channel, (channel,)))


def bands_left(tx: Tx, session_id: UUID) -> list[BandLeft]:
    """What is left of a session, band by band and channel by channel; of any campus."""
    found = tx.session.all(queries.BANDS_LEFT, session_id=session_id, now=tx.now, last_call=tx.now + LAST_CALL)
    if not found:
        raise NotFound("没有这个班次，或尚未发布。")
    return found


def compare_campuses(tx: Tx, standard_code: str, day: date) -> list[CampusLeft]:
    """The same clinic at every campus with what is left, address, price ("总院无号、分院有余号")."""
    found = tx.session.all(
        queries.COMPARE, standard_code=standard_code, day=day, now=tx.now, last_call=tx.now + LAST_CALL
    )
    campuses = {campus.code: campus for campus in organisation.open_campuses(tx)}
    answer = []
    for code in dict.fromkeys(one.campus_id for one in found):
        if code not in campuses:
            continue
        ours = [one for one in found if one.campus_id == code]
        there = Tx(tx.session, tx.actor, code, tx.now, tx.traceparent)
        priced = prices.current_prices(there, sorted({one.fee_item_code for one in ours}))
        for one in ours:
            item = priced.get(one.fee_item_code)
            answer.append(
                CampusLeft(
                    one, campuses[code].name, campuses[code].address, round_money(item.unit_price) if item else None
                )
            )
    return answer
