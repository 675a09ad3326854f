"""Split and merged units in statistics: figures of one time told in the structure of another. No I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure.problems.wards import SuccessionInvalid

ONE = Decimal(1)


class Succession(NamedTuple):
    """From a day on, `share` of an old unit continues in a new one, of which `back_share` was the old one."""

    effective_on: date
    old: UUID
    new: UUID
    share: Decimal
    back_share: Decimal


def check_shares(shares: Sequence[Decimal]) -> None:
    """Shares of one whole: together exactly 1. Raises SuccessionInvalid."""
    if sum(shares) != ONE:
        raise SuccessionInvalid(f"各份额之和须为 1，现为 {sum(shares)}。")


def equal_shares(count: int) -> list[Decimal]:
    """`count` shares of six decimals that sum to exactly 1; the first takes the rounding."""
    part = (ONE / count).quantize(Decimal("0.000001"), rounding="ROUND_DOWN")
    return [ONE - part * (count - 1), *([part] * (count - 1))]


def told_on(successions: Sequence[Succession], unit: UUID, day: date, seen_on: date) -> dict[UUID, Decimal]:
    """What counted for `unit` on `seen_on`, in the structure of `day`: unit -> share, together 1.

    Forward through every succession after `seen_on` up to `day`, or back through those after `day` up to `seen_on`.
    """
    forward = seen_on <= day
    between = [one for one in successions if min(day, seen_on) < one.effective_on <= max(day, seen_on)]
    between.sort(key=lambda one: one.effective_on, reverse=not forward)
    shares = {unit: ONE}
    for turn in dict.fromkeys(one.effective_on for one in between):
        steps: dict[UUID, list[tuple[UUID, Decimal]]] = {}
        for one in between:
            if one.effective_on == turn:
                source, target = (one.old, one.new) if forward else (one.new, one.old)
                steps.setdefault(source, []).append((target, one.share if forward else one.back_share))
        shares = _stepped(shares, steps)
    return shares


def _stepped(shares: Mapping[UUID, Decimal], steps: Mapping[UUID, list[tuple[UUID, Decimal]]]) -> dict[UUID, Decimal]:
    after: dict[UUID, Decimal] = {}
    for unit, share in shares.items():
        for target, part in steps.get(unit, [(unit, ONE)]):
            after[target] = after.get(target, Decimal(0)) + share * part
    return after


def apportion(total: int, shares: Mapping[UUID, Decimal]) -> dict[UUID, int]:
    """A count given out by shares without losing one (largest remainder, ties by id)."""
    whole = sum(shares.values())
    exact = {unit: Decimal(total) * share / whole for unit, share in shares.items()}
    given = {unit: int(amount) for unit, amount in exact.items()}
    order = sorted(exact, key=lambda unit: (given[unit] - exact[unit], unit))
    for unit in order[: total - sum(given.values())]:
        given[unit] += 1
    return given


def retell(counts: Iterable[tuple[UUID, date, int]], successions: Sequence[Succession], day: date) -> dict[UUID, int]:
    """Counts (unit, the day they were counted on, how many) in the structure of one day, none lost, none doubled."""
    together: dict[tuple[UUID, date], int] = {}
    turns = sorted({one.effective_on for one in successions})
    for unit, seen_on, count in counts:
        era = max((turn for turn in turns if turn <= seen_on), default=date.min)
        together[unit, era] = together.get((unit, era), 0) + count
    told: dict[UUID, int] = {}
    for (unit, era), count in together.items():
        for target, part in apportion(count, told_on(successions, unit, day, era)).items():
            told[target] = told.get(target, 0) + part
    return told
