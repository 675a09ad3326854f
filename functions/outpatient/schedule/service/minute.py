"""What ends or begins by itself, looked after every minute for each campus: bounded, and the same when run twice.

No sale waits for it: releases, holds and the end of bands are judged when a number is asked for. Here they are told,
written down and counted.
"""

from collections import Counter, defaultdict
from datetime import date, timedelta
from uuid import UUID

from events.outpatient import AvailabilityChanged, QuotaMoved, SlotsReleased
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.queries import changes, plans, upkeep
from functions.outpatient.schedule.queries.upkeep import Unsold
from functions.outpatient.schedule.service.attendance import close_ended
from functions.outpatient.schedule.service.bars import list_closed_days, stop_barred
from functions.outpatient.schedule.service.numbers import return_rules
from functions.outpatient.schedule.service.people import leave_reason
from functions.outpatient.schedule.service.pool import told_released
from functions.outpatient.schedule.service.stops import open_task
from shared.schemas import SHANGHAI
from shared.tx import Tx

MANY = 1000
LONGEST_BAND = timedelta(hours=4)
FEW = 200


def each_minute(tx: Tx) -> None:
    """One minute at one campus."""
    _tell_waves(tx)
    told_released(tx, tx.session.all(upkeep.CLEAR_HOLDS, campus=tx.campus, now=tx.now, limit=MANY), "returned")
    tx.session.all(upkeep.END_PROMISES, campus=tx.campus, now=tx.now, limit=FEW)
    _give_away(tx)
    tx.session.all(upkeep.LAPSE, campus=tx.campus, now=tx.now, limit=MANY)
    stop_barred(tx)
    list_closed_days(tx)
    for met in tx.session.all(changes.LEAVE_CONFLICTS, campus=tx.campus, now=tx.now, limit=FEW):
        open_task(tx, met.session_id, "leave", leave_reason(met.kind))
    close_ended(tx, FEW)
    _tell_availability(tx)


def _tell_waves(tx: Tx) -> None:
    """Every wave that has come due is told once, also those of the time nobody ran this."""
    due = tx.session.all(plans.TELL_WAVES, campus=tx.campus, now=tx.now, who=tx.actor.subject, limit=MANY)
    for wave in sorted(due, key=lambda one: (str(one.session_id), one.ordinal)):
        if wave.slots and wave.status in ("published", "open"):
            tx.emit(SlotsReleased(session_id=wave.session_id, clinic_id=wave.clinic_id, slots=wave.slots, cause="wave"))


def _give_away(tx: Tx) -> None:
    """Unsold numbers go where the return rules say."""
    all_rules = [rule for rule, _ in return_rules(tx)]
    local = tx.now.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    daily = {rule.channel: rule for rule in all_rules if rule.moment == "day_before"}
    tomorrow = {channel: rule for channel, rule in daily.items() if minute >= rule.minute}
    for day, by_channel in ((tx.today, daily), (tx.today + timedelta(days=1), tomorrow)):
        if by_channel:
            _move(tx, _of_day(tx, day, list(by_channel)), by_channel, "day_before")
    soon: dict[int, dict[str, rules.Return]] = defaultdict(dict)
    for rule in all_rules:
        if rule.moment == "before_band":
            soon[rule.minute][rule.channel] = rule
    for minutes, by_channel in sorted(soon.items()):
        unsold = tx.session.all(
            upkeep.UNSOLD_BEFORE,
            campus=tx.campus,
            channels=sorted(by_channel),
            now=tx.now,
            until=tx.now + timedelta(minutes=minutes),
            ends_by=tx.now + timedelta(minutes=minutes) + LONGEST_BAND,
            limit=MANY,
        )
        _move(tx, unsold, by_channel, "before_band")


def _of_day(tx: Tx, day: date, channels: list[str]) -> list[Unsold]:
    return tx.session.all(upkeep.UNSOLD_OF_DAY, campus=tx.campus, days=[day], channels=channels, now=tx.now, limit=MANY)


def _move(tx: Tx, unsold: list[Unsold], by_channel: dict[str, rules.Return], cause: str) -> None:
    groups: dict[tuple[UUID, str], list[Unsold]] = defaultdict(list)
    for one in unsold:
        groups[one.session_id, one.channel].append(one)
    ids: list[UUID] = []
    channels: list[str] = []
    for (session_id, channel), ours in sorted(groups.items()):
        to = rules.turns(by_channel[channel].to_channels, len(ours))
        ids += [one.slot_id for one in ours]
        channels += to
        for target, slots in sorted(Counter(to).items()):
            tx.emit(
                QuotaMoved(session_id=session_id, from_channel=channel, to_channel=target, slots=slots, cause=cause)
            )
    if ids:
        tx.session.execute(upkeep.GIVE_AWAY, ids=ids, channels=channels)


def _tell_availability(tx: Tx) -> None:
    found = tx.session.all(upkeep.AVAILABILITY_CHANGED, campus=tx.campus, now=tx.now, limit=FEW)
    for one in found:
        tx.emit(AvailabilityChanged(session_id=one.session_id, day=one.day, remaining=one.remaining))
    if found:
        tx.session.execute(
            upkeep.MARK_TOLD, ids=[one.session_id for one in found], counts=[one.remaining for one in found]
        )
